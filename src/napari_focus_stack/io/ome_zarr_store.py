"""Stores of OME-Zarr: their places, those that were written here, and their pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.json_documents import parse_json
from napari_focus_stack.io.places import (
    file_system,
    is_remote,
    key_of,
    read_bytes_of,
    write_errors,
)
from napari_focus_stack.io.replacing import remove, temporary_name
from napari_focus_stack.io.zarr_documents import DOCUMENT, read_zarr_document, side_by_side

if TYPE_CHECKING:
    from pathlib import Path

    import zarr
    from numpy.typing import NDArray

OURS = "napari_focus_stack"
"""Attribute of the group by which a store of ours is recognised."""


class ColourImages:
    """Images in colour, stored as channels, in the axes that every other result has.

    Parameters
    ----------
    level : zarr.Array
        (T, S, Y, X) with S 3 (RGB) or 4 (RGBA).
    """

    ndim = 5

    def __init__(self, level: zarr.Array[Any]) -> None:
        self._level, self.dtype = level, level.dtype
        times, samples, *plane = level.shape
        self.shape = (times, 1, *plane, samples)

    def __len__(self) -> int:
        """Return the number of time points."""
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read as NumPy indexes (T, 1, Y, X, S); only the time points in `key` are read."""
        first, *others = key if isinstance(key, tuple) and key else (key,)
        if isinstance(first, (int, np.integer)):
            times = range(len(self))[first : first + 1 or None]
            if not times:
                raise IndexError(f"there is no time point {first} of {len(self)}")
            images: NDArray[Any] = self._read(times)[(0, *others)]
        elif isinstance(first, slice) and (first.step or 1) > 0:
            images = self._read(range(len(self))[first])[(slice(None), *others)]
        else:
            images = self._read(range(len(self)))[key]
        return images

    def _read(self, times: range) -> NDArray[Any]:
        """Return images (T, 1, Y, X, S)."""
        stored = np.asarray(self._level[times.start : times.stop : times.step])
        return np.moveaxis(stored, 1, -1)[:, np.newaxis]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all images."""
        return np.asarray(self[:], dtype)


def open_level(path: Path) -> zarr.Array[Any] | ColourImages:
    """Open the finest level of an image that was written here.

    Parameters
    ----------
    path : pathlib.Path
        Folder of the store.

    Returns
    -------
    zarr.Array or ColourImages
        (T, C, Y, X), or (T, 1, Y, X, 3 or 4) of images in colour; read-only.
    """
    from napari_focus_stack.io.zarr_chunks import open_bounded

    read_zarr_document(
        path / "0" / DOCUMENT
    )  # which refuses devices, that zarr would read for ever
    level = open_bounded(path, "0")
    return ColourImages(level) if (own_attributes(path) or {}).get("colour") else level


def own_attributes(path: Path) -> dict[str, Any] | None:
    """Return what this package wrote about a store of its own.

    Parameters
    ----------
    path : pathlib.Path
        Folder of the store.

    Returns
    -------
    dict or None
        The description of its values as "about"; None if the store was not written here.
    """
    try:
        own = parse_json(read_bytes_of(path / DOCUMENT))["attributes"][OURS]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return own if isinstance(own, dict) else None


def check_place(path: Path) -> dict[str, Any] | None:
    """Refuse a place for a store that is taken by anything but a store of ours.

    Parameters
    ----------
    path : pathlib.Path
        Folder of the store, or its URL, which needs no folder.

    Returns
    -------
    dict or None
        `own_attributes` of the store that is there.

    Raises
    ------
    OutputError
        It is taken, there is no folder for it, or the server denies access.
    """
    if not is_remote(path) and not path.parent.is_dir():
        raise OutputError(f"'{path}' cannot be written: there is no folder '{path.parent}'.")
    with write_errors(path):
        own = own_attributes(path)
        if own is not None:
            return own
        is_taken = path.exists() or (not is_remote(path) and path.is_symlink())
        is_folder = is_taken and path.is_dir()
    if is_taken:
        what = "folder that was not written here" if is_folder else "file"
        raise OutputError(f"'{path}' is a {what} and is not replaced; choose another name.")
    return None


def clear_place(path: Path) -> None:
    """Remove a store that was written here.

    Of a URL the document of the group stays, by which the rest is recognised until it is gone.

    Parameters
    ----------
    path : pathlib.Path
        Folder of the store, or its URL; it need not exist.

    Raises
    ------
    OutputError
        It cannot be removed.
    """
    with write_errors(path):
        if is_remote(path):
            system, document = file_system(path), key_of(path / DOCUMENT)
            side_by_side(system.rm_file, [k for k in system.find(key_of(path)) if k != document])
        elif path.is_dir():
            aside = temporary_name(path)
            path.replace(aside)
            remove([aside])
