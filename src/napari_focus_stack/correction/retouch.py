"""Depth corrected by hand: a map of labels says which plane a pixel is to come from.

Label 0 leaves a pixel as the run found it, label k + 1 takes plane k, and `BACKGROUND` says that
there is nothing whose depth counts. What a pixel becomes depends on the labels alone, not on the
strokes by which they came about; without labels it is the run's, to the bit.
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
from napari_focus_stack.depth_labels import BACKGROUND, NOT_CORRECTED
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.imgproc.dtypes import whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.result import Report, StackResult

PIECE = 128
"""Rows that are blended at a time."""


class Correction:
    """The map of labels, and which labels it may have.

    Parameters
    ----------
    shape : tuple of int
        (Y, X) of the result.
    names : sequence of str
        One a plane.
    planes : sequence of int
        Numbers of the planes that took part.

    Attributes
    ----------
    labels : numpy.ndarray
        (Y, X) uint16, to be changed by `put` only.
    """

    def __init__(self, shape: tuple[int, ...], names: tuple[str, ...], planes: list[int]) -> None:
        self.labels: Labels = np.full(shape[:2], NOT_CORRECTED, np.uint16)
        self._names = names
        self._taken_part = frozenset(planes)

    @property
    def pixels(self) -> int:
        """Count what is corrected."""
        return int(np.count_nonzero(self.labels))

    def difference(self, labels: Any, window: Window | None = None) -> tuple[Window, Labels] | None:
        """Where other labels differ from these, and what they are there.

        Parameters
        ----------
        labels : array-like
            Whole numbers: (Y, X), or those of the window alone.
        window : tuple of slice, optional
            Of the result.

        Returns
        -------
        tuple or None
            The smallest window that holds all differences, and its labels; None if there are none.

        Raises
        ------
        SettingsError
            Labels of another shape, or that stand for no plane that took part.
        """
        window = window or whole(self.labels.shape)
        former, given = self.labels[window], np.asarray(labels)
        if given.dtype.kind not in "iu" or given.shape != former.shape:
            raise SettingsError(
                f"The labels of a correction, {given.shape} {given.dtype}, do not fit the result: "
                f"give whole numbers of shape {former.shape}."
            )
        x, y, width, height = cv2.boundingRect((given != former).view(np.uint8))
        if width == 0:
            return None
        part = given[y : y + height, x : x + width]
        self._check(part)
        top, left = window[0].start + y, window[1].start + x
        return (slice(top, top + height), slice(left, left + width)), part.astype(np.uint16)

    def put(self, window: Window, labels: Labels) -> None:
        """Set the labels of a window."""
        self.labels[window] = labels

    def _check(self, labels: NDArray[Any]) -> None:
        n, low, high = len(self._names), int(labels.min()), int(labels.max())
        outside = [label for label in (low, high) if not 0 <= label <= BACKGROUND]
        found = [] if outside else labels_in(labels.astype(np.uint16))
        for label in outside or [label for label in found if n < label < BACKGROUND]:
            raise SettingsError(
                f"Label {label} of a correction stands for no plane; give 0 (not corrected), "
                f"1 to {n} (plane 0 to {n - 1}) or {BACKGROUND} (background)."
            )
        for label in found:
            if NOT_CORRECTED < label < BACKGROUND and label - 1 not in self._taken_part:
                raise SettingsError(
                    f"Plane {label - 1} ('{self._names[label - 1]}') was left out of the run; "
                    f"correct with another one than label {label}."
                )


class DepthRetoucher:
    """A result on which its user works: its image and depth follow the labels.

    A labelled pixel has the depth of its plane and is sure; of background, depth is NaN. The image
    is that plane's as the run saw it, blended over 6 pixels to either side of the edge with the
    run's image (or the next label's); where the run promises values that some plane recorded
    (`Settings.values` 'recorded', methods 'depth' and 'laplacian') it is not blended. Pixels that
    the plane did not record, and background, keep the run's image.

    Parameters
    ----------
    source : PlaneSource
        The planes that were stacked.
    result : StackResult
        What became of them; it is not changed.
    labels : array-like, optional
        (Y, X) whole numbers to begin with.

    Attributes
    ----------
    image, depth, depth_index, height, confidence
        As in `StackResult`; the same arrays all the time, worked on in place.

    Raises
    ------
    InputError
        The result is not of this stack, or a plane cannot be read.
    SettingsError
        Labels of another shape, or that stand for no plane that took part.
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
        self._overlay = PlaneCompositor(stack, result.image, result.origin, reach)
        if labels is not None:
            self.change(labels)

    @property
    def labels(self) -> Labels:
        """What is corrected, (Y, X) uint16; a copy."""
        return self._correction.labels.copy()

    def change(self, labels: Any, window: Window | None = None) -> Window | None:
        """Follow labels that were changed.

        Parameters
        ----------
        labels : array-like
            All of them, (Y, X) whole numbers; or those of the window alone.
        window : tuple of slice, optional
            Part of the result outside of which nothing was changed; both ends given.

        Returns
        -------
        tuple of slice or None
            Part of the result that may be another now; None if no label differs.

        Raises
        ------
        SettingsError
            Labels of another shape, or that stand for no plane that took part.
        InputError
            A plane cannot be read; the message names it. Nothing was changed then.
        """
        difference = self._correction.difference(labels, window)
        if difference is None:
            return None
        where, part = difference
        touched = self._overlay.widened(where)
        around = self._overlay.widened(touched)
        near = self._correction.labels[around].copy()
        near[counted_from(around, where)] = part
        pieces = self._pieces(where, part, near)
        images = []
        for piece in pieces:
            inner = self._overlay.widened(piece)
            labels_there = near[counted_from(around, self._overlay.widened(inner))]
            images.append((inner, self._overlay.image(labels_there, inner)))
        for inner, image in images:
            self.image[inner] = image
        self._correction.put(where, part)
        for piece in pieces:
            self._set_depth(piece, part[counted_from(where, piece)])
        return touched

    def _pieces(self, window: Window, labels: Labels, near: Labels) -> list[Window]:
        """Windows that hold all pixels whose labels are to be others, a few rows each.

        A stroke across the image changes little of what is between its ends. Where more planes
        have to do with it than are kept, each is laid over the whole at once.
        """
        if len(labels_in(near)) > MOST_DECODED:
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
        """Return the present result; its arrays are those that are worked on."""
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
        corrected, nothing = labels != NOT_CORRECTED, labels == BACKGROUND
        painted = corrected & ~nothing
        plane = labels[painted] - np.uint16(1)
        self._set(self.depth_index, self._found.depth_index, window, painted, plane)
        depth = self.depth[window]
        self._set(self.depth, self._found.depth, window, painted, plane.astype(np.float32))
        depth[nothing] = np.nan
        self._set(self.confidence, self._found.confidence, window, corrected, np.float32(1))
        if self.height is not None and self._found.height is not None:
            step = np.float32(self._found.report.spacing["z"])
            self._set(self.height, self._found.height, window, corrected, depth[corrected] * step)

    @staticmethod
    def _set(
        shown: NDArray[Any], found: NDArray[Any], window: Window, where: NDArray[np.bool_], by: Any
    ) -> None:
        """Put a map's part back as it was found, but for some pixels."""
        part = shown[window]
        part[:] = found[window]
        part[where] = by


def apply_correction(source: PlaneSource, result: StackResult, labels: Any) -> StackResult:
    """Correct a whole result at once, as after it was run again.

    Parameters
    ----------
    source : PlaneSource
        The planes that were stacked.
    result : StackResult
        What became of them; it is not changed.
    labels : array-like
        (Y, X) whole numbers, as `DepthRetoucher` takes them.

    Returns
    -------
    StackResult
        Its report says how many pixels were corrected.

    Raises
    ------
    InputError
        The result is not of this stack, or a plane cannot be read.
    SettingsError
        Labels of another shape, or that stand for no plane that took part.
    """
    return DepthRetoucher(source, result, labels).result()


def _blends(report: Report) -> bool:
    """Whether the image may hold values between those that planes recorded."""
    method, values = (report.settings.get(name) for name in ("method", "values"))
    return method in (None, "pyramid") and values in (None, "fused")
