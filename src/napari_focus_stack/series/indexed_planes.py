"""Planes of a stack in a series, each read by a function of the reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.plane_files import DAMAGE, reason
from napari_focus_stack.io.sources import PlaneSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_focus_stack.series.model import Position


class IndexedPlanes(PlaneSource):
    """Planes that a function of the reader returns.

    Parameters
    ----------
    position : Position
        Shape, type and spacing.
    names : sequence of str
        Name of each plane for messages.
    read : callable
        Called with the number of a plane; returns it, or raises one of `DAMAGE`.
    files : sequence of pathlib.Path
        Files that hold the planes.
    concurrent : bool
        Whether several threads may call `read` at the same time.
    """

    def __init__(
        self,
        position: Position,
        names: Sequence[str],
        read: Callable[[int], NDArray[Any]],
        *,
        files: Sequence[Path] = (),
        concurrent: bool = False,
    ) -> None:
        self.plane_shape, self.dtype = position.plane_shape, position.dtype
        self.spacing, self.names = position.spacing, tuple(names)
        self.files = self.inputs = tuple(files)
        self.concurrent = concurrent
        self._read = read

    def __getitem__(self, k: int) -> NDArray[Any]:
        """Read plane `k`.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """
        if not 0 <= k < len(self):
            raise IndexError(k)
        try:
            plane = np.ascontiguousarray(self._read(k), self.dtype)
        except DAMAGE as problem:
            raise InputError(f"'{self.names[k]}' cannot be read: {reason(problem)}.") from problem
        if plane.shape != self.plane_shape:
            raise InputError(
                f"'{self.names[k]}' has the shape {plane.shape}, not {self.plane_shape}; the file "
                "is damaged."
            )
        return plane
