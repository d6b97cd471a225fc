"""OME-Zarr: images, plates and collections of bioformats2raw, of version 0.4 and 0.5."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from xml.etree import ElementTree

from napari_focus_stack._utils.wording import format_names
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.places import absolute, file_system, is_remote, key_of, read_errors
from napari_focus_stack.io.well_names import well_name
from napari_focus_stack.io.xml_documents import parse_xml
from napari_focus_stack.io.zarr_documents import documents_of
from napari_focus_stack.series.model import Series, channel_name
from napari_focus_stack.series.readers.zarr_images import ZarrImage, full_size, read_image
from napari_focus_stack.series.readers.zarr_nodes import (
    DOCUMENTS,
    Node,
    nearest_layout,
    read_node,
    store_root,
)
from napari_focus_stack.series.readers.zarr_planes import zarr_planes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.series.model import StackIndex

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class _Place:
    """A group that the metadata of a plate, well or collection name.

    Attributes
    ----------
    folder : pathlib.Path
        Its folder, which may be missing.
    name : str
        Name of the position.
    well : str or None
        Well of a plate.
    """

    folder: Path
    name: str
    well: str | None = None


def open_ome_zarr(path: Path) -> Series | None:
    """Open an OME-Zarr image, plate, well or collection.

    Parameters
    ----------
    path : pathlib.Path
        The store, on disk or a URL, or a folder in it: a row, well or field of a plate, one image
        of a collection, or the array of the full size of an image.

    Returns
    -------
    Series or None
        Each image is a position. None if the path is on disk and no part of a zarr hierarchy.

    Raises
    ------
    InputError
        The hierarchy has no OME metadata, or these are damaged; no image is there; axes have no
        names or are none of time, channel, z, y and x; or a URL has no hierarchy.
    """
    folder = absolute(path.parent if path.name in DOCUMENTS else path)
    if not is_remote(folder) and not folder.is_dir():
        return None
    node = nearest_layout(folder)
    if node is None:
        _refuse_plain_zarr(folder)
        if is_remote(folder):
            raise _no_store(folder)
        return None
    images, notes = _images(node, folder)
    found = dict.fromkeys(note for image in images for note in image.notes)
    notes += [f"'{path.name}': {note}." for note in found]
    root = store_root(node.folder)

    def read(index: StackIndex) -> PlaneSource:
        image = images[index.position]
        return zarr_planes(image, index, _plane_names(path, image, index, len(images)), (root,))

    def stack_files(index: StackIndex) -> list[Path]:
        image = images[index.position]
        return [*(image.group / name for name in DOCUMENTS), image.array]

    positions = [image.position for image in images]
    return Series(
        path, "OME-Zarr", positions, read, notes=notes, files=(root,), stack_files=stack_files
    )


def _refuse_plain_zarr(folder: Path) -> None:
    """Raise an InputError if a folder is a zarr group or array, whose axes have no names."""
    node = read_node(folder, documents_of([folder]))
    if node is None:
        return
    what = "group" if node.array is None else "array"
    raise InputError(
        f"'{folder.name}' is a zarr {what} without OME metadata, so its axes have no names; open "
        "the array with zarr and name them, as in focus_series(array, axes='TCZYX')."
    )


def _no_store(folder: Path) -> InputError:
    """Return the error of a URL without zarr; that of the server if it denies access."""
    with read_errors(folder), contextlib.suppress(FileNotFoundError):
        file_system(folder).info(key_of(folder))
    return InputError(
        f"There is no OME-Zarr at '{folder}'; check the address, and copy files of other formats "
        "to a disk."
    )


def _images(node: Node, folder: Path) -> tuple[list[ZarrImage], list[str]]:
    """Return the images of a group, or of the part of it that a folder is, and notes."""
    if node.layout == "multiscales":
        _check_part(node, folder)
        return [read_image(node, read=documents_of([_array_folder(node)], node.documents))], []
    if node.layout == "plate":
        return _of_plate(node, folder)
    if folder != node.folder:
        raise _no_image(folder, node)
    if node.layout == "well":
        well = well_name(f"{folder.parent.name}/{folder.name}")
        return _opened(node, list(_fields(node, well)), "fields")
    return _opened(node, _collection(node), "images")


def _check_part(image: Node, folder: Path) -> None:
    """Raise an InputError if a folder is another part of an image than its full size."""
    if not folder.is_relative_to(_array_folder(image)) and folder != image.folder:
        raise _no_image(folder, image)


def _no_image(folder: Path, owner: Node) -> InputError:
    """Return the error of a folder that is a part of a hierarchy, but no image."""
    return InputError(
        f"'{folder.name}' in '{owner.folder.name}' is no image of the full size; give "
        f"'{owner.folder}'."
    )


def _of_plate(plate: Node, folder: Path) -> tuple[list[ZarrImage], list[str]]:
    """Return the images of the wells that are in a folder, by well and field."""
    named = plate.ome["plate"]
    wells = [
        _Place(plate.folder / path, well_name(path))
        for path in _paths(named.get("wells") if isinstance(named, Mapping) else None)
    ]
    within = [well for well in wells if well.folder.is_relative_to(folder)]
    if not within:
        raise _no_image(folder, plate)
    places: list[_Place] = []
    missing = []
    read = documents_of((well.folder for well in within), plate.documents)
    for well in within:
        node = read_node(well.folder, read)
        if node is None or node.layout != "well":
            missing.append(well.name)
        else:
            places += _fields(node, well.name)
    if not places:
        raise InputError(f"'{plate.folder.name}' is a plate of which no well is there.")
    images, notes = _opened(plate, places, "fields")
    return images, [*_left_out(missing, len(within), "wells", plate.folder.name), *notes]


def _fields(well: Node, name: str) -> Iterator[_Place]:
    """Return the fields that the metadata of a well name."""
    named = well.ome["well"]
    for path in _paths(named.get("images") if isinstance(named, Mapping) else None):
        yield _Place(well.folder / path, f"{name} field {path}", name)


def _collection(group: Node) -> list[_Place]:
    """Return the images of bioformats2raw: those that are listed, or else all numbers."""
    extra = group.folder / "OME"
    listing = read_node(extra, documents_of([extra], group.documents))
    listed = listing.ome.get("series") if listing is not None else None
    if isinstance(listed, list):
        paths = [str(path) for path in listed]
    else:
        with read_errors(group.folder):
            numbers = [int(f.name) for f in group.folder.iterdir() if f.name.isdecimal()]
        # a number that is missing is named as such
        paths = [str(number) for number in range(max(numbers, default=-1) + 1)]
    names = _names_in_xml(extra / "METADATA.ome.xml")
    if len(set(names) - {""}) != len(paths) or len(names) != len(paths):
        names = paths
    return [_Place(group.folder / path, name) for path, name in zip(paths, names, strict=True)]


def _names_in_xml(path: Path) -> list[str]:
    """Return the names of the images in OME-XML; nothing if there is none."""
    try:
        root = parse_xml(path.read_bytes())
    except (OSError, ElementTree.ParseError):
        return []
    return [image.get("Name", "") for image in root.findall("{*}Image")]


def _opened(owner: Node, places: list[_Place], plural: str) -> tuple[list[ZarrImage], list[str]]:
    """Read the metadata of images; those that are missing or cannot be read are left out."""
    found = _read_images(places, _read_nodes(owner, places))
    missing = [place.name for place, image in found if image is None]
    problems = {place.name: image for place, image in found if isinstance(image, InputError)}
    images = [image for _, image in found if isinstance(image, ZarrImage)]
    if not images and problems:
        raise next(iter(problems.values()))
    if not images:
        raise InputError(f"'{owner.folder.name}' names {len(places)} {plural}, of which none is "
                         "there; copy the store again.")  # fmt: skip
    if len(places) == 1 and images[0].position.well is None:
        images = [replace(images[0], position=replace(images[0].position, name=""))]
    notes = [f"Position '{name}' is left out: {problem}" for name, problem in problems.items()]
    return images, [*_left_out(missing, len(places), plural, owner.folder.name), *notes]


def _read_nodes(owner: Node, places: list[_Place]) -> list[Node | InputError | None]:
    """Return the group of each place, why it cannot be read, or None where there is no image."""
    read = documents_of((place.folder for place in places), owner.documents)
    nodes = [_attempt(partial(read_node, place.folder, read)) for place in places]
    return [
        None if isinstance(node, Node) and node.layout != "multiscales" else node for node in nodes
    ]


def _read_images(
    places: list[_Place], nodes: list[Node | InputError | None]
) -> list[tuple[_Place, ZarrImage | InputError | None]]:
    """Return each place with its image, why it cannot be read, or None where there is none."""
    there = [node for node in nodes if isinstance(node, Node)]
    read = documents_of(_arrays(there), there[0].documents if there else ())
    return [
        (place, _attempt(partial(read_image, node, place.name, place.well, read)))
        if isinstance(node, Node)
        else (place, node)
        for place, node in zip(places, nodes, strict=True)
    ]


def _array_folder(image: Node) -> Path:
    """Return the folder of the array of the full size, which may be missing."""
    return image.folder / str(full_size(image.ome, image.folder.name)[1]["path"])


def _arrays(nodes: list[Node]) -> Iterator[Path]:
    """Yield the folder of the array of each image whose metadata name one."""
    for node in nodes:
        folder = _attempt(partial(_array_folder, node))
        if not isinstance(folder, InputError):
            yield folder


def _attempt(work: Callable[[], _Found]) -> _Found | InputError:
    """Return the result of a function, or why there is none."""
    try:
        return work()
    except InputError as problem:
        return problem


def _left_out(missing: list[str], total: int, plural: str, where: str) -> list[str]:
    """Return the note on parts that the metadata name and that are not there."""
    if not missing:
        return []
    return [
        f"{len(missing)} of the {total} {plural} of '{where}' are missing and left out: "
        f"{format_names(missing)}."
    ]


def _paths(entries: Any) -> list[str]:
    """Return the paths in a list of the metadata."""
    found = entries if isinstance(entries, list) else []
    paths = [entry.get("path") for entry in found if isinstance(entry, Mapping)]
    return [path for path in paths if isinstance(path, str)]


def _plane_names(path: Path, image: ZarrImage, index: StackIndex, positions: int) -> list[str]:
    """Return the name of each plane of a stack for messages."""
    position = image.position
    words = [path.name]
    if positions > 1:
        words.append(position.name)
    if position.times > 1:
        words.append(f"time {index.time}")
    if len(position.channels) > 1:
        words.append(f"channel {channel_name(position, index.channel)}")
    return [", ".join([*words, f"plane {k}"]) for k in range(position.planes)]
