"""Groups and arrays of a zarr hierarchy, by their JSON alone.

A plate has thousands of them: zarr takes a millisecond for each, the JSON a twentieth of that, and
zarr itself is not imported before a stack is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.json_documents import TooLargeError, parse_json
from napari_focus_stack.io.plane_files import reason
from napari_focus_stack.io.zarr_documents import (
    DOCUMENT,
    OLDER,
    documents_of,
    read_zarr_document,
)

if TYPE_CHECKING:
    from pathlib import Path

    from napari_focus_stack.io.zarr_documents import ReadBytes

_DEPTH = 4
"""Folders between a plate and the array of one level: row, column, field, level."""
_LAYOUTS = ("plate", "multiscales", "well", "bioformats2raw.layout")
"""Keys of OME metadata, the one that counts first; a plate may have the last one too."""
DOCUMENTS = (DOCUMENT, *OLDER)


@dataclass(frozen=True)
class Node:
    """A group or an array.

    Attributes
    ----------
    folder : pathlib.Path
        Its folder.
    ome : mapping of str to object
        Its OME metadata; all attributes before OME-Zarr 0.5, which has a key of its own for them.
    array : mapping of str to object or None
        Metadata of an array; None for a group.
    documents : tuple of str
        Names of the documents of its format, which is that of the whole hierarchy.
    """

    folder: Path
    ome: Mapping[str, Any]
    array: Mapping[str, Any] | None
    documents: tuple[str, ...]

    @property
    def layout(self) -> str | None:
        """Key of the OME metadata that says what the group holds."""
        return next((key for key in _LAYOUTS if key in self.ome), None)


def read_node(folder: Path, read: ReadBytes = read_zarr_document) -> Node | None:
    """Read the metadata of a folder, which may be a zarr group or array of format 2 or 3.

    Parameters
    ----------
    folder : pathlib.Path
        Any folder.
    read : callable
        Result of `documents_of` for this folder; needed for a URL.

    Returns
    -------
    Node or None
        None if it is neither.

    Raises
    ------
    InputError
        Its metadata are damaged, or larger than any are.
    """
    found = _json(folder / DOCUMENT, read)
    if found is not None:
        if "zarr_format" not in found:
            return None
        array = found if found.get("node_type") == "array" else None
        return Node(folder, _ome(found.get("attributes")), array, (DOCUMENT,))
    attributes, array = _json(folder / ".zattrs", read), _json(folder / ".zarray", read)
    if attributes is None and array is None and not _is_there(folder / ".zgroup", read):
        return None
    return Node(folder, _ome(attributes), array, OLDER)


def nearest_layout(folder: Path) -> Node | None:
    """Return the OME-Zarr group that a folder is, or that it is a part of.

    Parameters
    ----------
    folder : pathlib.Path
        Any folder, such as the array of a level or the row of a plate.

    Returns
    -------
    Node or None
        None if neither the folder nor one of the folders above it has OME metadata.

    Raises
    ------
    InputError
        Metadata are damaged.
    """
    places = (folder, *list(folder.parents)[:_DEPTH])
    read = documents_of(places)
    for place in places:
        node = read_node(place, read)
        if node is not None and node.layout is not None:
            return node
    return None


def store_root(folder: Path) -> Path:
    """Return the outermost folder of the hierarchy of a group.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of a group.

    Returns
    -------
    pathlib.Path
        The folder itself if it is not within another group.
    """
    root = folder
    places = list(folder.parents)[:_DEPTH]
    read = documents_of(places)
    for place in places:
        if any(_is_there(place / name, read) for name in DOCUMENTS):
            root = place
    return root


def _is_there(path: Path, read: ReadBytes) -> bool:
    """Return whether there is a document."""
    try:
        read(path)
    except OSError:
        return False
    except ValueError:  # it is too large to be read
        return True
    return True


def _ome(attributes: Any) -> Mapping[str, Any]:
    """Return the OME metadata among the attributes."""
    found = attributes if isinstance(attributes, Mapping) else {}
    ome = found.get("ome")
    return ome if isinstance(ome, Mapping) else found


def _json(path: Path, read: ReadBytes) -> dict[str, Any] | None:
    """Read a JSON object; None if there is no such file."""
    try:
        found = parse_json(read(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        raise InputError(f"'{path}' cannot be opened: {problem.strerror}.") from problem
    except TooLargeError as problem:
        raise InputError(
            f"'{path}' cannot be read: {problem}; write the store again without consolidated "
            "metadata."
        ) from problem
    except ValueError as problem:
        raise InputError(
            f"'{path}' is damaged ({reason(problem)}); copy the store again."
        ) from problem
    if not isinstance(found, dict):
        raise InputError(f"'{path}' is no metadata of zarr; copy the store again.")
    return found
