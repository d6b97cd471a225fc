"""Registered plane: a plane without gaps that is resampled in the frame of the reference plane."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._utils.threads import block_grid
from napari_focus_stack._utils.windows import corner_of, moved_by, size_of, whole
from napari_focus_stack.imgproc import compiled_resampling
from napari_focus_stack.imgproc.alpha import fill_transparent, recorded_by_alpha
from napari_focus_stack.imgproc.colour import GREY, lightness, mixtures, separated
from napari_focus_stack.imgproc.compiled_resampling import resample_window
from napari_focus_stack.imgproc.dtypes import all_finite
from napari_focus_stack.imgproc.pyramids import reduce
from napari_focus_stack.imgproc.resampling import SourceWindow, resample, resample_linearly
from napari_focus_stack.imgproc.smoothing import without_gaps
from napari_focus_stack.imgproc.transforms import both_recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.alignment.brightness import Brightness
    from napari_focus_stack.imgproc.dtypes import Mask
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix


_SECOND = np.diag([2.0, 2.0, 1.0])
"""From a pixel of the next coarser level to that of a level."""
_HALF = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]], np.float64)
"""From a pixel of a plane to that of its means over two by two pixels."""


@dataclass(frozen=True)
class RegisteredPlane:
    """Plane that is resampled in the frame of the reference plane, in windows on request.

    Attributes
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) uint8, uint16 or float32, all of it finite.
    matrix : numpy.ndarray
        (3, 3), reference pixel (x, y, 1) to pixel of the plane.
    brightness : Brightness
        Gain and offset to the reference plane's brightness.
    recorded : numpy.ndarray or None
        (Y, X) uint8, 255 where the plane recorded a value, 0 where one was filled in; None if it
        recorded everything.
    """

    plane: NDArray[Any]
    matrix: Matrix
    brightness: Brightness
    recorded: Mask | None = None

    @classmethod
    def of(
        cls,
        plane: NDArray[Any],
        matrix: Matrix,
        brightness: Brightness,
        recorded: Mask | None = None,
    ) -> RegisteredPlane:
        """Return a registered plane; NaN, infinities and an alpha of 0 count as not recorded.

        Parameters
        ----------
        plane : numpy.ndarray
            (Y, X[, C]) uint8, uint16 or float32.
        matrix : numpy.ndarray
            (3, 3), reference pixel (x, y, 1) to pixel of the plane.
        brightness : Brightness
            Gain and offset to the reference plane's brightness.
        recorded : numpy.ndarray, optional
            (Y, X) uint8, 255 where the plane recorded a value; by default, it recorded everything.

        Returns
        -------
        RegisteredPlane
            The plane, with its gaps filled.
        """
        opaque = recorded_by_alpha(plane)
        if opaque is not None:
            plane, recorded = fill_transparent(plane, opaque), both_recorded(opaque, recorded)
        if all_finite(plane):
            return cls(plane, matrix, brightness, recorded)
        filled, finite = without_gaps(plane)
        own = finite.astype(np.uint8) * 255
        return cls(filled, matrix, brightness, both_recorded(own, recorded))

    @cached_property
    def still(self) -> bool:
        """Whether the plane's own pixels are those of the reference plane."""
        return np.array_equal(self.matrix, np.eye(3))

    @cached_property
    def _compiled(self) -> bool:
        return compiled_resampling.fits(self.plane, self.matrix)

    def channels(self, window: Window, out: Sequence[Plane]) -> None:
        """Resample all channels in a window: grey; or brightness, two colour differences, alpha.

        The first is resampled sharply, the others linearly: sharpness and weights depend on
        brightness, and most sensors blur colour differences.

        Parameters
        ----------
        window : tuple of slice
            Rows and columns of the reference plane.
        out : sequence of numpy.ndarray
            (y, x) float32 for each channel; overwritten.
        """
        if self.still:
            for channel, found in zip(out, separated(self.plane[window]), strict=True):
                channel[:] = found
        elif self._compiled:
            for c, (channel, weights) in enumerate(zip(out, mixtures(self.plane), strict=True)):
                resample_window(self.plane, weights, self.matrix, window, channel, linear=c > 0)
        else:
            cut = self._cut(window)
            sharp, *others = separated(self.plane[cut.crop])
            resample(sharp, cut.matrix, cut.size, out[0])
            for channel, found in zip(out[1:], others, strict=True):
                resample_linearly(found, cut.matrix, cut.size, channel)
        self._correct(out[0], out[1:3])

    def resample_brightness(self, window: Window, out: Plane) -> None:
        """Resample the first channel alone in a window.

        Parameters
        ----------
        window : tuple of slice
            Rows and columns of the reference plane.
        out : numpy.ndarray
            (y, x) float32; overwritten.
        """
        if self.still:
            out[:] = lightness(self.plane[window])
        elif self._compiled:
            resample_window(self.plane, mixtures(self.plane)[0], self.matrix, window, out)
        else:
            cut = self._cut(window)
            resample(lightness(self.plane[cut.crop]), cut.matrix, cut.size, out)
        self._correct(out, [])

    def grey(self, window: Window) -> Plane:
        """Resample the mean of the colours in a window.

        Parameters
        ----------
        window : tuple of slice
            Rows and columns of the reference plane.

        Returns
        -------
        numpy.ndarray
            (y, x) float32, in the unit of a colour.
        """
        out = np.empty([side.stop - side.start for side in window], np.float32)
        self.resample_brightness(window, out)
        if self.plane.ndim > 2:
            out /= np.float32(GREY)
        return out

    def differences(self, window: Window, out: Sequence[Plane]) -> None:
        """Resample the colour differences at every second pixel of a window.

        This suffices for planes whose file holds colour at half the size.

        Parameters
        ----------
        window : tuple of slice
            Rows and columns of the reference plane.
        out : sequence of numpy.ndarray
            (y, x) float32 of half the window's size, rounded up, for each difference; overwritten.
        """
        cut = self._cut(window, even=True)
        size = out[0].shape[1], out[0].shape[0]
        half, matrix = reduce(self.plane[cut.crop]), _HALF @ cut.matrix @ _SECOND
        if self._compiled:
            everything = slice(0, size[1]), slice(0, size[0])
            for channel, weights in zip(out, mixtures(half)[1:], strict=True):
                resample_window(half, weights, matrix, everything, channel)
        else:
            for channel, difference in zip(out, separated(half)[1:], strict=True):
                resample(difference, matrix, size, channel)
        self._correct(None, out)

    def _correct(self, bright: Plane | None, differences: Sequence[Plane]) -> None:
        """Apply gain and offset to brightness and colour differences, in place."""
        shown = [*differences] if bright is None else [bright, *differences]
        for channel in shown if self.brightness.gain != 1 else ():
            channel *= np.float32(self.brightness.gain)
        if self.brightness.offset != 0 and bright is not None:
            bright += np.float32(self.brightness.offset * (1 if self.plane.ndim == 2 else GREY))

    def recorded_in(self, window: Window) -> Mask | None:
        """Return where the plane recorded values in a window of the reference plane.

        Parameters
        ----------
        window : tuple of slice
            Rows and columns of the reference plane.

        Returns
        -------
        numpy.ndarray or None
            (y, x) uint8, 255 where it recorded a value; None if it recorded everything.
        """
        if self.still:
            return None if self.recorded is None else self.recorded[window]
        cut = self._cut(window)
        if self.recorded is None and cut.inside:
            return None
        here = self.plane[cut.crop].shape[:2]
        own = np.full(here, 255, np.uint8) if self.recorded is None else self.recorded[cut.crop]
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        recorded: Mask = cv2.warpPerspective(own, cut.matrix, cut.size, flags=flags)
        return recorded

    def colour(self, window: Window | None = None) -> tuple[Plane, Mask | None]:
        """Resample a window in its own colours.

        Parameters
        ----------
        window : tuple of slice, optional
            Rows and columns of the reference plane; by default, all of them.

        Returns
        -------
        resampled : numpy.ndarray
            (y, x[, C]) float32, within the range of the recorded values but for gain and offset.
        recorded : numpy.ndarray or None
            (y, x) uint8, 255 where the plane recorded a value; None if it recorded everything.
        """
        window = window or whole(self.plane.shape)
        pixels = self.plane[window].astype(np.float32) if self.still else self._resampled(window)
        colours = pixels if pixels.ndim == 2 else pixels[..., :3]  # without alpha
        if self.brightness.gain != 1:
            colours *= np.float32(self.brightness.gain)
        if self.brightness.offset != 0:
            colours += np.float32(self.brightness.offset)
        return pixels, self.recorded_in(window)

    def _resampled(self, window: Window) -> Plane:
        """Resample all channels of a window alike, in blocks that fit into a core's cache."""
        size = tuple(side.stop - side.start for side in window)
        pixels = np.empty((*size, *self.plane.shape[2:]), np.float32)
        for block in block_grid(size):
            there = moved_by(block, *corner_of(window))
            found = self._compiled_layers(there) if self._compiled else self._layers(there)
            pixels[block] = cv2.merge(found)
        np.clip(pixels, *self._range, out=pixels)
        return pixels

    def _layers(self, window: Window) -> list[Plane]:
        """Resample each channel of a window."""
        cut = self._cut(window)
        layers = cv2.split(self.plane[cut.crop].astype(np.float32))
        return [resample(layer, cut.matrix, cut.size) for layer in layers]

    def _compiled_layers(self, window: Window) -> list[Plane]:
        """Resample each channel of a window by the compiled kernel."""
        channels = 1 if self.plane.ndim == 2 else self.plane.shape[2]
        found = [np.empty(size_of(window), np.float32) for _ in range(channels)]
        for layer, weights in zip(found, np.eye(channels).tolist(), strict=True):
            resample_window(self.plane, weights, self.matrix, window, layer)
        return found

    @cached_property
    def _range(self) -> tuple[float, float]:
        # once for all windows of a plane
        return self.plane.min(), self.plane.max()

    def _cut(self, window: Window, even: bool = False) -> SourceWindow:
        return SourceWindow.of(self.matrix, window, self.plane.shape, even)
