"""Folder for the maps of a series, which goes with the last layer that shows one."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.wording import format_bytes
from napari_focus_stack.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

    from napari_focus_stack.series.model import Series

BYTES = {"depth_index": 2}
"""Bytes of a pixel of a map; 4 of all others, and of the image those of the planes."""


def size_of_maps(series: Series, roles: Sequence[str], *, each: bool) -> int:
    """Return the size of the results of a series.

    Parameters
    ----------
    series : Series
        The stacks.
    roles : sequence of str
        Fields of `StackResult`.
    each : bool
        Whether every channel has maps of its own, and not the lead channel alone.

    Returns
    -------
    int
        Bytes on disk.
    """
    size = 0
    for position in series.positions:
        pixels, channels = int(np.prod(position.plane_shape[:2])), len(position.channels)
        image = int(np.prod(position.plane_shape)) * position.dtype.itemsize
        maps = sum(BYTES.get(role, 4) for role in roles if role != "image") * pixels
        size += position.times * (channels * image + (channels if each else 1) * maps)
    return size


def folder_for_maps(series: Series, roles: Sequence[str], *, each: bool) -> Path:
    """Create a folder for the results of a series.

    Parameters
    ----------
    series, roles, each : Series, sequence of str, bool
        As `size_of_maps` takes them.

    Returns
    -------
    pathlib.Path
        An empty folder.

    Raises
    ------
    OutputError
        There is not enough space for them.
    """
    needed, place = size_of_maps(series, roles, each=each), tempfile.gettempdir()
    free = shutil.disk_usage(place).free
    if needed > free:
        raise OutputError(
            f"The results need {format_bytes(needed)}, and '{place}' has {format_bytes(free)} "
            "free; make space there, set TMPDIR to a larger disk, or stack fewer times at once."
        )
    return Path(tempfile.mkdtemp(prefix="focusstack-"))


class StoredMap:
    """Array in a folder that is removed once no layer uses it, at the latest when Python ends.

    Parameters
    ----------
    array : zarr.Array
        Array whose files lie in the folder.
    folder : pathlib.Path
        The folder; the one around it is removed with the last of its folders.
    """

    def __init__(self, array: Any, folder: Path) -> None:
        self._array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        weakref.finalize(self, _remove, folder)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Read pixels."""
        pixels: NDArray[Any] = self._array[index]
        return pixels

    def __setitem__(self, index: Any, pixels: NDArray[Any]) -> None:
        """Write pixels."""
        self._array[index] = pixels

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all pixels."""
        return np.asarray(self._array[...], dtype)

    def __deepcopy__(self, memo: dict[int, Any]) -> StoredMap:
        """Return itself: a duplicated layer shows the same files."""
        return self


def remove_if_empty(folder: Path) -> None:
    """Remove a folder unless something is in it.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    """
    with contextlib.suppress(OSError):
        folder.rmdir()


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    remove_if_empty(folder.parent)
