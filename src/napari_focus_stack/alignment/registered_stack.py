"""Registered stack: planes in the frame of the reference plane, whole or in windows."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._utils.windows import corner_of, counted_from
from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.alignment.registered_plane import RegisteredPlane
from napari_focus_stack.errors import InputError
from napari_focus_stack.imgproc.alpha import continued
from napari_focus_stack.imgproc.dtypes import computable
from napari_focus_stack.imgproc.resampling import SourceWindow
from napari_focus_stack.sensor.marks import Marks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.imgproc.transforms import Matrix
    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.result import StackResult


class RegisteredStack:
    """Planes of a stack in the frame of its reference plane.

    Parameters
    ----------
    source : PlaneSource
        The planes as recorded.
    transforms : numpy.ndarray
        (n, 3, 3) float64, reference pixel (x, y, 1) to pixel of plane k; NaN for a plane that was
        left out.
    brightness : sequence of Brightness, optional
        Gain and offset from each plane to the reference plane's brightness; by default, values
        stay as recorded.
    marks : Marks, optional
        Marks of the sensor, which are filled in.
    read : callable, optional
        Returns plane k as recorded; by default, `source` is indexed.

    Attributes
    ----------
    source, transforms, brightness, marks
        The parameters, or their defaults.
    field : tuple of int
        Rows and columns of a plane.
    """

    def __init__(
        self,
        source: PlaneSource,
        transforms: NDArray[np.float64],
        brightness: Sequence[Brightness] | None = None,
        marks: Marks | None = None,
        *,
        read: Callable[[int], NDArray[Any]] | None = None,
    ) -> None:
        self.source, self.transforms = source, transforms
        self.brightness = brightness or [Brightness()] * len(source)
        self.marks = marks or Marks()
        self.field: tuple[int, int] = (source.plane_shape[0], source.plane_shape[1])
        self._read = read or self._read_source

    @classmethod
    def of_result(cls, source: PlaneSource, result: StackResult) -> RegisteredStack:
        """Return the stack of a finished run, with its planes as that run fused them.

        Parameters
        ----------
        source : PlaneSource
            The planes that were stacked.
        result : StackResult
            Result of the run.

        Returns
        -------
        RegisteredStack
            Stack with the transforms, brightness corrections and marks of the result.

        Raises
        ------
        InputError
            The result belongs to another stack.
        """
        report = result.report
        if [len(source), *source.plane_shape] != list(report.shape):
            raise InputError(
                f"The result is of a stack of shape {tuple(report.shape)}, not "
                f"{(len(source), *source.plane_shape)}; give the planes that it was made of."
            )
        brightness = [
            Brightness(gain, offset or 0.0)
            if report.gains_applied and gain is not None
            else Brightness()
            for gain, offset in zip(report.gains, report.offsets, strict=True)
        ]
        marks = Marks.listed(report.marks, report.dust, report.specks)
        return cls(source, result.transforms, brightness, marks)

    def _read_source(self, k: int) -> NDArray[Any]:
        return continued(computable(self.source[k]))

    @cached_property
    def planes(self) -> list[int]:
        """Numbers of the planes that took part."""
        return [int(k) for k in finite_planes(self.transforms)]

    def plane(self, k: int) -> RegisteredPlane:
        """Read a whole plane.

        Parameters
        ----------
        k : int
            Number of a plane that took part.

        Returns
        -------
        RegisteredPlane
            The plane, resampled in windows on request.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """
        return self._registered(computable(self._read(k)), k, self.transforms[k], self.marks)

    def part(
        self,
        k: int,
        window: Window,
        plane: NDArray[Any] | None = None,
        held: Window | None = None,
    ) -> RegisteredPlane:
        """Return a plane in a window, of which no more is kept than the window needs.

        Parameters
        ----------
        k : int
            Number of a plane that took part.
        window : tuple of slice
            Rows and columns of the reference plane.
        plane : numpy.ndarray, optional
            The plane as recorded; by default, it is read.
        held : tuple of slice, optional
            Rows and columns of the plane that `plane` holds, which include those of
            `source_window`; by default, all of them.

        Returns
        -------
        RegisteredPlane
            The plane, with the corner of the window as pixel (0, 0).

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """
        crop = self.source_window(k, window)
        matrix = _translation(crop, -1) @ self.transforms[k] @ _translation(window, 1)
        if plane is not None:
            part = plane[crop if held is None else counted_from(held, crop)]
        else:
            part = self._read(k)[crop]
            if not self.at_hand:
                part = part.copy()  # otherwise the whole plane would be kept
        return self._registered(computable(part), k, matrix, self.marks.within(crop))

    def source_window(self, k: int, window: Window) -> Window:
        """Return the part of a plane that a window needs.

        Parameters
        ----------
        k : int
            Number of a plane that took part.
        window : tuple of slice
            Rows and columns of the reference plane.

        Returns
        -------
        tuple of slice
            Rows and columns of the plane.
        """
        if np.array_equal(self.transforms[k], np.eye(3)):
            return window
        return SourceWindow.of(self.transforms[k], window, self.field, even=True).crop

    def _registered(
        self, part: NDArray[Any], k: int, matrix: Matrix, marks: Marks
    ) -> RegisteredPlane:
        filled, recorded = marks.filled(part, k), marks.recorded(part.shape)
        return RegisteredPlane.of(filled, matrix, self.brightness[k], recorded)

    def shows_record(self, k: int) -> bool:
        """Return whether a plane keeps its pixels and values as recorded, but for marks.

        Parameters
        ----------
        k : int
            Number of a plane that took part.

        Returns
        -------
        bool
            False for a plane that is moved or evened out.
        """
        return self.brightness[k] == Brightness() and np.array_equal(self.transforms[k], np.eye(3))

    @cached_property
    def at_hand(self) -> bool:
        """Whether the source returns the same memory each time, because nothing is decoded."""
        if self.source.files:
            return False
        return np.may_share_memory(self.source[0], self.source[0])


def _translation(window: Window, sign: int) -> Matrix:
    y, x = corner_of(window)
    return np.array([[1, 0, sign * x], [0, 1, sign * y], [0, 0, 1]], np.float64)


def finite_planes(transforms: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the numbers of the planes that have a transform.

    Parameters
    ----------
    transforms : numpy.ndarray
        (n, 3, 3) float64; NaN for a plane that was left out.

    Returns
    -------
    numpy.ndarray
        (m,) of increasing numbers.
    """
    return np.flatnonzero(np.isfinite(transforms).all((1, 2)))
