"""Edge-aware smoothing along rows and columns by a compiled kernel (`lines.c`)."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from napari_focus_stack._compiled.library import address, kernels
from napari_focus_stack.imgproc.resampling import scratch

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from napari_focus_stack._utils.threads import ThreadTeam

    Map = NDArray[np.float32]

SIDE_BY_SIDE = 16
"""Lines that the kernel solves at a time (LINES in `lines.c`): their values stay in a core's
caches."""
BUFFERS = 4


class CompiledLines:
    """Rows and columns of a map, coupled to their neighbours.

    Parameters
    ----------
    along_y : numpy.ndarray
        (Y - 1, X) float32 couplings of neighbouring rows.
    along_x : numpy.ndarray
        (Y, X - 1) float32 couplings of neighbouring columns.
    check : callable
        Called between lines; any exception that it raises ends the work.
    team : ThreadTeam or None
        Threads that share the lines.
    """

    def __init__(
        self, along_y: Map, along_x: Map, check: Callable[[], None], team: ThreadTeam | None
    ) -> None:
        self._couplings = along_y, along_x
        self._check, self._team = check, team

    def solve(self, maps: list[Map], strength: float) -> list[Map]:
        """Solve the rows of all maps, then their columns, in place.

        Parameters
        ----------
        maps : list of numpy.ndarray
            (Y, X) float32 each, contiguous.
        strength : float
            Factor of the couplings.

        Returns
        -------
        list of numpy.ndarray
            The same maps.
        """
        for axis in (1, 0):
            lines = range(0, maps[0].shape[1 - axis], SIDE_BY_SIDE)

            def solve(first: int, axis: int = axis) -> None:
                self._check()
                self._solve(maps, strength, axis, first)

            if self._team is None:
                for first in lines:
                    solve(first)
            else:
                self._team.map(solve, lines)
        return maps

    def _solve(self, maps: list[Map], strength: float, axis: int, first: int) -> None:
        """Solve the lines along an axis from the first to the next `SIDE_BY_SIDE`."""
        coupling = self._couplings[axis]
        shape = maps[0].shape
        here = [plane[first:] if axis else plane[:, first:] for plane in maps]
        beside = coupling[first:] if axis else coupling[:, first:]
        places = (ctypes.c_void_p * len(maps))(*(address(plane) for plane in here))
        count = min(SIDE_BY_SIDE, shape[1 - axis] - first)
        steps = [a.strides[i] // a.itemsize for a in (here[0], beside) for i in (axis, 1 - axis)]
        kernels().smooth_lines(
            places,
            ctypes.c_int32(len(maps)),
            ctypes.c_void_p(address(beside)),
            ctypes.c_float(strength),
            *(ctypes.c_int64(n) for n in (shape[axis], count, *steps)),
            ctypes.c_void_p(address(scratch("lines", (BUFFERS, shape[axis], SIDE_BY_SIDE)))),
        )
