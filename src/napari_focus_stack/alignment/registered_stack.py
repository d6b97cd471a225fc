"""Planes of a finished run once more, part by part: to look at its depth and to correct it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._utils.windows import moved_by
from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.alignment.registered_plane import RegisteredPlane
from napari_focus_stack.errors import InputError
from napari_focus_stack.imgproc.dtypes import computable
from napari_focus_stack.imgproc.resampling import SourceWindow
from napari_focus_stack.sensor.marks import Marks

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.imgproc.transforms import Matrix
    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.result import StackResult


class RegisteredStack:
    """A stack and what a run found of it, so that its planes can be seen as the run saw them.

    Parameters
    ----------
    source : PlaneSource
        The planes that were stacked.
    result : StackResult
        What became of them.

    Raises
    ------
    InputError
        The result is not of this stack.
    """

    def __init__(self, source: PlaneSource, result: StackResult) -> None:
        report = result.report
        if [len(source), *source.plane_shape] != list(report.shape):
            raise InputError(
                f"The result is of a stack of shape {tuple(report.shape)}, not "
                f"{(len(source), *source.plane_shape)}; give the planes that it was made of."
            )
        self.source = source
        self.field: tuple[int, int] = (source.plane_shape[0], source.plane_shape[1])
        self.corner: tuple[int, int] = (report.crop[0], report.crop[2]) if report.crop else (0, 0)
        self.colour = len(source.plane_shape) == 3
        self.in_order = report.in_order
        self._transforms = result.transforms
        self._marks = Marks.listed(report.marks, report.dust, report.specks)
        self._lights = [
            Brightness(gain, offset or 0.0)
            if report.gains_applied and gain is not None
            else Brightness()
            for gain, offset in zip(report.gains, report.offsets, strict=True)
        ]

    @cached_property
    def planes(self) -> list[int]:
        """Numbers of the planes that took part."""
        return [int(k) for k in np.flatnonzero(np.isfinite(self._transforms).all((1, 2)))]

    def within_field(self, window: Window) -> Window:
        """A window of the results, in pixels of the reference plane."""
        return moved_by(window, *self.corner)

    def seen_in(self, k: int, window: Window, plane: NDArray[Any] | None = None) -> RegisteredPlane:
        """Plane `k` as the reference sees it in a window, whose corner is then pixel (0, 0).

        No more of the plane is kept than the window needs.

        Parameters
        ----------
        k : int
            Number of the plane.
        window : tuple of slice
            Of the reference plane.
        plane : numpy.ndarray, optional
            The plane as its source has it; else it is read now.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """
        crop, matrix = window, np.eye(3)
        if not np.array_equal(self._transforms[k], matrix):
            crop = SourceWindow.of(self._transforms[k], window, self.field, even=True).crop
            matrix = _shift(crop, -1) @ self._transforms[k] @ _shift(window, 1)
        if plane is not None:
            part = plane[crop]
        else:
            part = self.source[k][crop]
            if not self.at_hand:
                part = part.copy()  # or the whole plane would be kept
        marks = self._marks.within(crop)
        whole = marks.filled(computable(part), k)
        return RegisteredPlane.of(whole, matrix, self._lights[k], marks.recorded(whole.shape))

    @cached_property
    def at_hand(self) -> bool:
        """Whether the source hands out the same memory each time: nothing is decoded."""
        if self.source.files:
            return False
        return np.may_share_memory(self.source[0], self.source[0])


def _shift(window: Window, sign: int) -> Matrix:
    y, x = sign * window[0].start, sign * window[1].start
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)
