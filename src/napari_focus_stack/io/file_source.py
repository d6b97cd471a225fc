"""Planes of files as a stack: headers are read first, each plane is decoded on demand."""

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
    """Contents of the headers of a stack's files; no pixel was decoded.

    Attributes
    ----------
    where : str
        Folder or file, for messages.
    files : tuple of pathlib.Path
        Every file that was opened.
    entries : tuple of FilePlane or Skipped
        In the order of z: planes that agree in size and type, and entries that cannot be part of
        the stack.
    plane_shape : tuple of int
        (Y, X) or (Y, X, C) of every plane, upright.
    dtype : numpy.dtype
        Type of every plane.
    orientation : int
        EXIF orientation that is undone on every plane.
    spacing : Spacing
        Distances in micrometres, None where the files have none.
    notes : tuple of str
        Assumptions, one sentence each.
    listing_notes : tuple of str
        Those of them on the choice and the order of the files.
    """

    where: str
    files: tuple[Path, ...]
    entries: tuple[FilePlane | Skipped, ...]
    plane_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    orientation: int
    spacing: Spacing
    notes: tuple[str, ...]
    listing_notes: tuple[str, ...] = ()

    @property
    def planes(self) -> tuple[FilePlane, ...]:
        """Planes that agree in size and type, in the order of z."""
        return tuple(entry for entry in self.entries if isinstance(entry, FilePlane))

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Files and planes that cannot be part of the stack, and the reasons."""
        return tuple(entry for entry in self.entries if isinstance(entry, Skipped))


class FileSource(PlaneSource):
    """Planes of files, each decoded on demand.

    Parameters
    ----------
    scanned : ScannedFiles
        Result of `scan`.
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
        """Decode plane `k`.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """
        if not 0 <= k < len(self):
            raise IndexError(k)
        return _upright(self._planes[k].read(), self._orientation)

    def reduction(self, pixels: int) -> int:
        """Return the factor by which planes of JPEG files can be decoded smaller at less cost.

        Parameters
        ----------
        pixels : int
            Least number of pixels of the reduced plane.

        Returns
        -------
        int
            1, 2, 4 or 8.
        """
        y, x = self.plane_shape[:2]
        reducible = all(plane.load_reduced is not None for plane in self._planes)
        for factor in (8, 4, 2) if reducible else ():
            whole = y % factor == x % factor == 0  # or a flip would move the rest to the start
            if (y // factor) * (x // factor) >= pixels and (whole or self._orientation == 1):
                return factor
        return 1

    def reduced(self, k: int, factor: int) -> NDArray[Any]:
        """Decode plane `k` in grey at a reduced size.

        Parameters
        ----------
        k : int
            Number of the plane.
        factor : int
            Result of `reduction`.

        Returns
        -------
        numpy.ndarray
            (Y // factor, X // factor), upright; with colour if the file can only be decoded whole.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """
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
