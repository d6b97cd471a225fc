"""Correction of depth by hand, by a map of labels that selects the plane of a pixel.

Label 0 leaves a pixel as in the run, label k + 1 selects plane k, and `BACKGROUND` marks a pixel
without a depth. The corrected pixels depend on the labels alone, not on the strokes in which they
were painted; without labels they equal those of the run, to the bit.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._utils.windows import counted_from
from napari_focus_stack.alignment.registered_stack import RegisteredStack
from napari_focus_stack.correction.compositing import (
    FEATHER_REACH,
    MOST_DECODED,
    Labels,
    PlaneCompositor,
    labels_in,
)
from napari_focus_stack.correction.label_map import Correction
from napari_focus_stack.depth_labels import BACKGROUND, NOT_CORRECTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.result import Report, StackResult

PIECE = 128
"""Number of rows that are blended at a time."""


CORRECTED = ("depth_index", "depth", "confidence")
"""Maps that labels change; heights are depths times the z step."""


class DepthRetoucher:
    """Result whose image and depth follow the labels that the user paints.

    A labelled pixel has the depth of its plane and full confidence; the depth of background is NaN.
    Its image is that of the registered plane, blended over 6 pixels on either side of the edge with
    the image of the run (or of the adjacent label); where the run guarantees values that some plane
    recorded (`Settings.values` 'recorded', methods 'depth' and 'laplacian') it is not blended.
    Pixels that the plane did not record, and background, keep the image of the run.

    Parameters
    ----------
    source : PlaneSource
        Planes of the stack.
    result : StackResult
        Result of the stack, which is not changed.
    labels : array-like, optional
        (Y, X) integers to begin with.

    Attributes
    ----------
    image, depth, depth_index, height, confidence
        As in `StackResult`; always the same arrays, changed in place.

    Raises
    ------
    InputError
        The result is not of this stack, or a plane cannot be read.
    SettingsError
        The labels have another shape, or stand for no plane that took part.
    """

    def __init__(self, source: PlaneSource, result: StackResult, labels: Any = None) -> None:
        stack = RegisteredStack.of_result(source, result)
        self._found = result
        self.image = np.array(result.image)
        self.depth = np.array(result.depth)
        self.depth_index = np.array(result.depth_index)
        self.confidence = np.array(result.confidence)
        self.height = None if result.height is None else np.array(result.height)
        self._correction = Correction(result.depth.shape, source.names, stack.planes)
        reach = FEATHER_REACH if _blends(result.report) else 0
        self._compositor = PlaneCompositor(stack, result.image, result.origin, reach)
        if labels is not None:
            self.change(labels)

    @property
    def labels(self) -> Labels:
        """Copy of the labels, (Y, X) uint16."""
        return self._correction.labels.copy()

    def change(self, labels: Any, window: Window | None = None) -> Window | None:
        """Update the result to labels that were changed.

        Parameters
        ----------
        labels : array-like
            Integers: all labels, (Y, X), or those of the window alone.
        window : tuple of slice, optional
            Rows and columns outside of which no label was changed, with explicit ends.

        Returns
        -------
        tuple of slice or None
            Part of the result that may have changed; None if no label differs.

        Raises
        ------
        SettingsError
            The labels have another shape, or stand for no plane that took part.
        InputError
            A plane cannot be read; the message names it, and nothing was changed.
        """
        difference = self._correction.difference(labels, window)
        if difference is None:
            return None
        where, part = difference
        touched = self._compositor.widened(where)
        around = self._compositor.widened(touched)
        around_labels = self._correction.labels[around].copy()
        around_labels[counted_from(around, where)] = part
        pieces = self._pieces(where, part, around_labels)
        images = []
        for piece in pieces:
            inner = self._compositor.widened(piece)
            labels_there = around_labels[counted_from(around, self._compositor.widened(inner))]
            images.append((inner, self._compositor.image(labels_there, inner)))
        for inner, image in images:
            self.image[inner] = image
        self._correction.put(where, part)
        for piece in pieces:
            self._set_depth(piece, part[counted_from(where, piece)])
        return touched

    def plane(self, k: int, window: Window, step: int = 1) -> NDArray[Any]:
        """Return a plane as painting it would show it, before its edges are blended.

        Parameters
        ----------
        k : int
            Number of the plane, from 0.
        window : tuple of slice
            Rows and columns of the result, with explicit ends.
        step : int, optional
            Distance between the pixels that are returned, along rows and columns.

        Returns
        -------
        numpy.ndarray
            (y, x[, C]) in the dtype of the image, which is shown where the plane has no record.

        Raises
        ------
        SettingsError
            There is no such plane, or it was left out of the run.
        InputError
            The plane cannot be read; the message names it.
        """
        self._correction.check(np.array([[k + 1]]))
        return self._compositor.plane(k, window, step)

    def _pieces(self, window: Window, labels: Labels, around_labels: Labels) -> list[Window]:
        """Return windows of a few rows that contain all pixels whose labels change.

        A stroke across the image changes few of the pixels in its bounding box. Where it depends on
        more planes than are kept in memory, each plane is composited over the whole box at once.
        """
        if len(labels_in(around_labels)) > MOST_DECODED:
            return [window]
        differs = (labels != self._correction.labels[window]).view(np.uint8)
        first, left = window[0].start, window[1].start
        pieces = []
        for top in range(0, len(differs), PIECE):
            x, y, width, height = cv2.boundingRect(differs[top : top + PIECE])
            rows = slice(first + top + y, first + top + y + height)
            if width:
                pieces.append((rows, slice(left + x, left + x + width)))
        return pieces

    def result(self) -> StackResult:
        """Return the present result.

        Returns
        -------
        StackResult
            Its arrays are those that `change` changes in place; its report has a note on them.
        """
        report, pixels = self._found.report, self._correction.pixels
        if pixels:
            note = f"Depth was corrected by hand in {pixels} pixels."
            report = dataclasses.replace(report, notes=[*report.notes, note])
        return dataclasses.replace(
            self._found,
            image=self.image,
            depth_index=self.depth_index,
            depth=self.depth,
            height=self.height,
            confidence=self.confidence,
            report=report,
        )

    def _set_depth(self, window: Window, labels: Labels) -> None:
        """Set depth, height and confidence in a window by its labels."""
        for name in CORRECTED:
            found = getattr(self._found, name)[window]
            getattr(self, name)[window] = corrected_map(name, found, labels)
        if self.height is not None and self._found.height is not None:
            step = np.float32(self._found.report.spacing["z"])
            height = self._found.height[window]
            self.height[window] = np.where(
                labels != NOT_CORRECTED, self.depth[window] * step, height
            )


def corrected_map(name: str, found: NDArray[Any], labels: Labels) -> NDArray[Any]:
    """Return a map of a run with the depth that labels give to some pixels.

    Parameters
    ----------
    name : str
        One of `CORRECTED`.
    found : numpy.ndarray
        (Y, X) as the run found it, which is not changed.
    labels : numpy.ndarray
        (Y, X) uint16.

    Returns
    -------
    numpy.ndarray
        (Y, X) of the same type.
    """
    changed, corrected, nothing = found.copy(), labels != NOT_CORRECTED, labels == BACKGROUND
    if name == "confidence":
        changed[corrected] = 1
        return changed
    painted = corrected & ~nothing
    changed[painted] = labels[painted] - np.uint16(1)
    if name == "depth":
        changed[nothing] = np.nan
    return changed


def apply_correction(source: PlaneSource, result: StackResult, labels: Any) -> StackResult:
    """Correct a whole result at once, for example after another run.

    Parameters
    ----------
    source : PlaneSource
        Planes of the stack.
    result : StackResult
        Result of the stack, which is not changed.
    labels : array-like
        (Y, X) integers: 0 for pixels that are not corrected, k + 1 for plane k, or `BACKGROUND`.

    Returns
    -------
    StackResult
        Corrected result, whose report notes the number of corrected pixels.

    Raises
    ------
    InputError
        The result is not of this stack, or a plane cannot be read.
    SettingsError
        The labels have another shape, or stand for no plane that took part.
    """
    return DepthRetoucher(source, result, labels).result()


def _blends(report: Report) -> bool:
    """Return whether the image may have values between those that planes recorded."""
    method, values = (report.settings.get(name) for name in ("method", "values"))
    return method in (None, "pyramid") and values in (None, "fused")
