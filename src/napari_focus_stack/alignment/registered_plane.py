"""A plane on its way into the fusion: computable, without gaps, as the reference would see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._utils.threads import block_grid
from napari_focus_stack._utils.windows import corner_of, moved_by
from napari_focus_stack.imgproc.colour import GREY, lightness, separated
from napari_focus_stack.imgproc.dtypes import Mask, whole
from napari_focus_stack.imgproc.pyramids import reduce
from napari_focus_stack.imgproc.resampling import SourceWindow, resample, resample_linearly
from napari_focus_stack.imgproc.smoothing import without_gaps
from napari_focus_stack.imgproc.transforms import both_recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.alignment.brightness import Brightness
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix


_SECOND = np.diag([2.0, 2.0, 1.0])
"""Pixel of a level above to that of the level below."""
_HALF = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]], np.float64)
"""Pixel of a plane to that of its means of two by two pixels."""


@dataclass(frozen=True)
class RegisteredPlane:
    """A plane as the reference plane's camera would have recorded it, part by part.

    Attributes
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) uint8, uint16 or float32, all of it finite.
    matrix : numpy.ndarray
        (3, 3), reference pixel (x, y, 1) to pixel of the plane.
    light : Brightness
        Gain and offset to the reference's brightness.
    known : numpy.ndarray or None
        (Y, X) uint8, 255 where the plane's own values are; None for everywhere.
    """

    plane: NDArray[Any]
    matrix: Matrix
    light: Brightness
    known: Mask | None = None

    @classmethod
    def of(
        cls, plane: NDArray[Any], matrix: Matrix, light: Brightness, recorded: Mask | None = None
    ) -> RegisteredPlane:
        """Any computable plane where it was recorded; NaN and infinities take no part."""
        if plane.dtype.kind != "f" or np.isfinite(plane).all():
            return cls(plane, matrix, light, recorded)
        filled, finite = without_gaps(plane)
        known = finite.astype(np.uint8) * 255
        return cls(filled, matrix, light, both_recorded(known, recorded))

    @cached_property
    def still(self) -> bool:
        """Whether the plane's own pixels are those of the reference."""
        return np.array_equal(self.matrix, np.eye(3))

    def channels(self, window: Window, out: Sequence[Plane]) -> None:
        """Put a part of the reference plane into as many arrays as it has channels.

        Grey; or brightness, two colour differences and alpha. Brightness is read off sharply,
        the others linearly: eyes and weights go by the one, and most sensors blur the others.

        Parameters
        ----------
        window : tuple of slice
            The part.
        out : sequence of numpy.ndarray
            (y, x) float32 each.
        """
        if self.still:
            for channel, found in zip(out, separated(self.plane[window]), strict=True):
                channel[:] = found
        else:
            cut = self._cut(window)
            sharp, *others = separated(self.plane[cut.crop])
            resample(sharp, cut.matrix, cut.size, out[0])
            for channel, found in zip(out[1:], others, strict=True):
                resample_linearly(found, cut.matrix, cut.size, channel)
        self._light(out[0], out[1:3])

    def brightness(self, window: Window, out: Plane) -> None:
        """Put the first of a part's channels alone into an array."""
        if self.still:
            out[:] = lightness(self.plane[window])
        else:
            cut = self._cut(window)
            resample(lightness(self.plane[cut.crop]), cut.matrix, cut.size, out)
        self._light(out, [])

    def differences(self, window: Window, out: Sequence[Plane]) -> None:
        """Put the colour differences at every second pixel of a part into two arrays.

        For planes whose file holds no more of them.
        """
        cut = self._cut(window, even=True)
        size = out[0].shape[1], out[0].shape[0]
        _, *found = separated(reduce(self.plane[cut.crop]))
        for channel, difference in zip(out, found, strict=True):
            resample(difference, _HALF @ cut.matrix @ _SECOND, size, channel)
        self._light(None, out)

    def _light(self, bright: Plane | None, differences: Sequence[Plane]) -> None:
        shown = [*differences] if bright is None else [bright, *differences]
        for channel in shown if self.light.gain != 1 else ():
            channel *= np.float32(self.light.gain)
        if self.light.offset != 0 and bright is not None:
            bright += np.float32(self.light.offset * (1 if self.plane.ndim == 2 else GREY))

    def valid(self, window: Window) -> Mask | None:
        """Where the plane recorded a part of the reference plane: uint8, 255 there, or None."""
        if self.still:
            return None if self.known is None else self.known[window]
        cut = self._cut(window)
        if self.known is None and cut.inside:
            return None
        here = self.plane[cut.crop].shape[:2]
        known = np.full(here, 255, np.uint8) if self.known is None else self.known[cut.crop]
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        seen: Mask = cv2.warpPerspective(known, cut.matrix, cut.size, flags=flags)
        return seen

    def colour(self, window: Window | None = None) -> tuple[Plane, Mask | None]:
        """Return a part of the reference plane as a picture, and where the plane recorded it.

        Returns
        -------
        seen : numpy.ndarray
            (Y, X[, C]) float32, never beyond the range of the recorded values.
        valid : numpy.ndarray or None
            (Y, X) uint8, 255 where the plane recorded something; None where it did everywhere.
        """
        window = window or whole(self.plane.shape)
        seen = self.plane[window].astype(np.float32) if self.still else self._resampled(window)
        shown = seen if seen.ndim == 2 else seen[..., :3]  # alpha is no light
        if self.light.gain != 1:
            shown *= np.float32(self.light.gain)
        if self.light.offset != 0:
            shown += np.float32(self.light.offset)
        return seen, self.valid(window)

    def _resampled(self, window: Window) -> Plane:
        """All channels of a part alike, each tile from what a core has at hand."""
        size = tuple(side.stop - side.start for side in window)
        seen = np.empty((*size, *self.plane.shape[2:]), np.float32)
        for rows, cols in block_grid(size):
            cut = self._cut(moved_by((rows, cols), *corner_of(window)))
            layers = cv2.split(self.plane[cut.crop].astype(np.float32))
            found = [resample(layer, cut.matrix, cut.size) for layer in layers]
            seen[rows, cols] = cv2.merge(found)
        np.clip(seen, *self._range, out=seen)
        return seen

    @cached_property
    def _range(self) -> tuple[float, float]:
        # once a plane, for it may be seen in many parts
        return self.plane.min(), self.plane.max()

    def _cut(self, window: Window, even: bool = False) -> SourceWindow:
        return SourceWindow.of(self.matrix, window, self.plane.shape, even)
