"""The planes of files as a stack: what their headers say, each decoded when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_focus_stack.io.plane_files import FilePlane, Skipped
from napari_focus_stack.io.sources import PlaneSource, Spacing

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ScannedFiles:
    """What the headers of a stack's files say; no pixel was decoded.

    Attributes
    ----------
    where : str
        Folder or file, for messages.
    files : tuple of pathlib.Path
        Every file that was looked at.
    entries : tuple of FilePlane or Skipped
        In the order of z: planes that agree in size and type, and what cannot be part of the stack.
    plane_shape : tuple of int
        (Y, X) or (Y, X, C) of every plane, upright.
    dtype : numpy.dtype
        Of every plane.
    orientation : int
        EXIF orientation that is undone on every plane.
    spacing : Spacing
        In micrometres, as far as the files tell.
    notes : tuple of str
        What was assumed, one sentence each.
    """

    where: str
    files: tuple[Path, ...]
    entries: tuple[FilePlane | Skipped, ...]
    plane_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    orientation: int
    spacing: Spacing
    notes: tuple[str, ...]

    @property
    def planes(self) -> tuple[FilePlane, ...]:
        """Planes that agree in size and type, in the order of z."""
        return tuple(entry for entry in self.entries if isinstance(entry, FilePlane))

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Files and planes that cannot be part of the stack, and why."""
        return tuple(entry for entry in self.entries if isinstance(entry, Skipped))


class FileSource(PlaneSource):
    """Planes of files, each decoded when it is asked for.

    Parameters
    ----------
    scanned : ScannedFiles
        As `scan` returns it.
    """

    concurrent = True

    def __init__(self, scanned: ScannedFiles) -> None:
        self._planes = scanned.planes
        self._orientation = scanned.orientation
        self.plane_shape = scanned.plane_shape
        self.dtype = scanned.dtype
        self.names = tuple(plane.name for plane in scanned.planes)
        self.spacing = scanned.spacing
        self.notes = (*(f"{skipped}." for skipped in scanned.skipped), *scanned.notes)
        self.files = tuple(dict.fromkeys(plane.path for plane in scanned.planes))
        self.inputs = scanned.files
        self.colour_halved = all(plane.colour_halved for plane in scanned.planes)

    def __getitem__(self, k: int) -> NDArray[Any]:
        """Plane `k`, decoded now.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """
        if not 0 <= k < len(self):
            raise IndexError(k)
        return _upright(self._planes[k].read(), self._orientation)

    def reduction(self, pixels: int) -> int:
        """How much smaller planes can be had at less cost: 1, 2, 4 or 8, for JPEG."""
        y, x = self.plane_shape[:2]
        reducible = all(plane.load_reduced is not None for plane in self._planes)
        for factor in (8, 4, 2) if reducible else ():
            whole = y % factor == x % factor == 0  # or a flip would move the rest to the start
            if (y // factor) * (x // factor) >= pixels and (whole or self._orientation == 1):
                return factor
        return 1

    def reduced(self, k: int, factor: int) -> NDArray[Any]:
        """Plane `k` at a `factor` that `reduction` gave, grey."""
        small = self._planes[k].read_reduced(factor) if factor > 1 else None
        if small is None:
            return self[k][::factor, ::factor]
        return _upright(small, self._orientation)


def _upright(plane: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo an EXIF orientation, 1 to 8."""
    import numpy as np

    if orientation == 1:
        return plane
    if orientation >= 5:
        plane = plane.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        plane = plane[::-1]
    if orientation in (2, 3, 6, 7):
        plane = plane[:, ::-1]
    return np.ascontiguousarray(plane)
