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

    from napari_focus_stack.series.model import Series

BYTES = {"depth_index": 2}
"""Bytes of a pixel of a map; 4 of all others, and of the image those of the planes."""


def size_of_maps(series: Series, roles: Sequence[str]) -> int:
    """Return the size of the results of a series.

    Parameters
    ----------
    series : Series
        The stacks.
    roles : sequence of str
        Fields of `StackResult`, of every channel.

    Returns
    -------
    int
        Bytes on disk.
    """
    size = 0
    for position in series.positions:
        each = sum(
            position.dtype.itemsize if role == "image" else BYTES.get(role, 4) for role in roles
        )
        pixels = int(np.prod(position.plane_shape))
        size += position.times * len(position.channels) * pixels * each
    return size


def folder_for_maps(series: Series, roles: Sequence[str]) -> Path:
    """Create a folder for the results of a series.

    Parameters
    ----------
    series, roles : Series, sequence of str
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
    needed, place = size_of_maps(series, roles), tempfile.gettempdir()
    free = shutil.disk_usage(place).free
    if needed > free:
        raise OutputError(
            f"The results need {format_bytes(needed)}, and '{place}' has {format_bytes(free)} "
            "free; make space there, set TMPDIR to a larger disk, or stack fewer times at once."
        )
    return Path(tempfile.mkdtemp(prefix="focusstack-"))


def remove_with(array: Any, folder: Path) -> None:
    """Remove a folder once an array is used no more, at the latest when Python ends.

    Parameters
    ----------
    array : zarr.Array
        Array whose files lie in the folder.
    folder : pathlib.Path
        The folder; the one around it is removed with the last of its folders.
    """
    weakref.finalize(array, _remove, folder)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # others are left in it
        folder.parent.rmdir()
