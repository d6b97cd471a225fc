"""OME-TIFF: one file, or a set of files that one XML describes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.plane_files import DAMAGE, FilePlane, Skipped, reason
from napari_focus_stack.io.spacing_metadata import completed
from napari_focus_stack.io.tiff_file import open_first_page
from napari_focus_stack.io.tiff_planes import TRUNCATED
from napari_focus_stack.series.readers.ome_metadata import (
    OmeImage,
    metadata_file,
    ome_images,
    parse_ome,
)
from napari_focus_stack.series.readers.paged_file import PagedFile
from napari_focus_stack.series.readers.stacked_images import StackedImage, series_of_images

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from xml.etree import ElementTree

    from napari_focus_stack.series.model import Series

COMPANION = ".companion.ome"
_OPEN_AT_ONCE = 64
"""Files whose headers are kept for the next stack."""
_OF_SETS = (".tif", ".tiff", ".btf", ".ome")
"""Suffixes of the files of a set."""
_DRIVE = re.compile("[A-Za-z]:")


def open_ome(path: Path, xml: str, axes: str | None) -> Series | None:
    """Open an OME-TIFF, or the set that it belongs to.

    Parameters
    ----------
    path : pathlib.Path
        A TIFF, or the companion file of a set.
    xml : str
        Its OME-XML.
    axes : str or None
        Names of axes that the caller gave.

    Returns
    -------
    Series or None
        None if the XML describes no planes.

    Raises
    ------
    InputError
        The file with the metadata, or every file with planes, is missing; or an axis is none of
        position, time, channel and z.
    """
    root, holder = _described(path, xml)
    if root is None:
        return None
    images = ome_images(root, holder.name)
    if not images:
        return None
    names = dict.fromkeys(a[0] for image in images for a in image.addresses if a is not None)
    own = None if holder.name.endswith(COMPANION) else holder
    places: dict[str | None, Path | None] = {None: own}
    places.update(_files(holder, [name for name in names if name is not None]))
    pages = lru_cache(_OPEN_AT_ONCE)(PagedFile)
    stacked, left_out = _stacked_images(images, _OmeFiles(places, pages), path)
    paths = dict.fromkeys([path, holder, *(file for file in places.values() if file is not None)])
    present = [file for file in paths if file.is_file()]
    kind = "OME-TIFF" if len(present) == 1 else "set of OME-TIFF"
    lost = sorted(file.name for file in paths if not file.is_file())
    more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
    notes = [f"'{lost[0]}'{more} of the set is missing; its stacks cannot be read."] if lost else []
    notes += left_out
    return series_of_images(path, kind, stacked, axes=axes, files=present, notes=notes)


def _described(path: Path, xml: str) -> tuple[ElementTree.Element | None, Path]:
    """Return the XML that describes the images, and its file: another one for most of a set."""
    root = parse_ome(xml)
    name = None if root is None else metadata_file(root)
    if name is None:
        return root, path
    holder = _beside(path.parent, name)
    if not name or not holder.is_file():
        raise InputError(
            f"'{path.name}' is one file of a set whose axes are described in '{name}', which is "
            "missing; put that file beside it."
        )
    root = parse_ome(companion_xml(holder) or _xml_of(holder))
    if root is None or metadata_file(root) is not None:
        raise InputError(f"'{name}', which should describe '{path.name}', has no valid OME-XML.")
    return root, holder


def companion_xml(path: Path) -> str | None:
    """Return the content of a companion file.

    Parameters
    ----------
    path : pathlib.Path
        Any file.

    Returns
    -------
    str or None
        None if its name is not that of a companion.

    Raises
    ------
    InputError
        It cannot be read.
    """
    if not path.name.lower().endswith(COMPANION):
        return None
    try:
        # the declaration of an encoding would not agree with a string
        return path.read_bytes().decode("utf-8-sig").partition("?>")[2]
    except (OSError, ValueError) as problem:
        raise InputError(f"'{path.name}' cannot be read: {reason(problem)}") from problem


def _xml_of(path: Path) -> str:
    """Return the OME-XML of a TIFF; empty if it has none."""
    try:
        with open_first_page(path) as page:
            return page.description if page.is_ome else ""
    except DAMAGE as problem:
        raise InputError(f"'{path.name}' cannot be read: {reason(problem)}") from problem


def _files(holder: Path, names: Sequence[str]) -> dict[str, Path]:
    """Return the file of each name; a single file may have been renamed."""
    found = {name: _beside(holder.parent, name) for name in names}
    if len(found) == 1 and not holder.name.endswith(COMPANION):
        name, file = next(iter(found.items()))
        return {name: file if file.is_file() else holder}
    return found


def _beside(folder: Path, name: str) -> Path:
    """Return a file of a set by its name, which is relative to the folder (OME, "FileName").

    Of an absolute name, which a disk or server of another machine may have, the last part counts;
    so it does of a name that leads to folders which the copied set has not.
    """
    relative = PurePosixPath(name.replace("\\", "/"))
    parts = relative.parts
    beside = folder.joinpath(*parts[-1:])
    if not parts or relative.is_absolute() or _DRIVE.match(parts[0]):
        return beside
    there = folder / relative
    if ".." not in parts:
        # "12:30" is a folder, "file:" the beginning of a place on another machine
        return there if ":" not in parts[0] or there.is_file() else beside
    # no other files of this computer are opened because a file names them
    return there if there.suffix.lower() in _OF_SETS and there.is_file() else beside


@dataclass(frozen=True)
class _OmeFiles:
    """Files of a set by their names in the XML, whose headers are read on demand."""

    paths: dict[str | None, Path | None]
    opened: Callable[[Path], PagedFile]

    def planes(
        self, image: OmeImage, numbers: Sequence[int], sample: int | None
    ) -> list[FilePlane | Skipped]:
        """Return planes of an image, each file opened once."""
        by_file: dict[str | None, list[tuple[int, int]]] = {}
        found: list[FilePlane | Skipped] = []
        for k, number in enumerate(numbers):
            address = image.addresses[number]
            found.append(Skipped(f"plane {number}", "the file's XML gives no place for it"))
            if address is not None:
                by_file.setdefault(address[0], []).append((k, address[1]))
        for name, wanted in by_file.items():
            entries = self._of_file(name, [page for _, page in wanted], sample)
            for (k, _), entry in zip(wanted, entries, strict=True):
                found[k] = entry
        return found

    def plane_files(self, image: OmeImage, numbers: Sequence[int]) -> list[Path]:
        """Return the files of planes of an image, whether they are there or not."""
        names = dict.fromkeys(a[0] for a in map(image.addresses.__getitem__, numbers) if a)
        return [path for name in names if (path := self.paths.get(name)) is not None]

    def file(self, name: str | None) -> PagedFile | Skipped:
        """Return a file of the set, or why it cannot be read."""
        path = self.paths.get(name)
        label = name or "plane"
        if path is None or not path.is_file():
            return Skipped(label, f"the file '{label}' is missing")
        try:
            return self.opened(path)
        except DAMAGE as problem:
            return Skipped(label, f"it is a damaged TIFF ({reason(problem)})")

    def _of_file(
        self, name: str | None, pages: Sequence[int], sample: int | None
    ) -> list[FilePlane | Skipped]:
        """Return planes of one file."""
        file = self.file(name)
        if isinstance(file, Skipped):
            return [file] * len(pages)
        return file.planes(pages, sample)


def _stacked_images(
    images: Sequence[OmeImage], files: _OmeFiles, path: Path
) -> tuple[list[StackedImage], list[str]]:
    """Return images, and notes on those left out; headers of equal images are read once."""
    models: dict[tuple[object, ...], StackedImage] = {}
    stacked, reasons = [], []
    for image in images:
        key = (*image.pixel_type, image.samples)
        if key not in models:
            model = _model(image, files, path.name)
            if isinstance(model, Skipped):
                reasons.append(f"Image '{image.name}' was left out: {model.reason}.")
                continue
            models[key] = model
        stacked.append(_stacked(image, models[key], files))
    if not stacked:
        raise InputError(f"No plane of '{path.name}' can be read. {reasons[0]}")
    return stacked, reasons


def _model(image: OmeImage, files: _OmeFiles, where: str) -> StackedImage | Skipped:
    """Return an image with the kind of its first plane that can be read."""
    reason = Skipped(where, "it has no planes")
    for address in image.addresses:
        file = reason if address is None else files.file(address[0])
        if isinstance(file, Skipped) or address is None:
            reason = file if isinstance(file, Skipped) else reason
            continue
        whole = file.planes([address[1]], None)[0]
        if isinstance(whole, Skipped) and whole.reason == TRUNCATED:
            reason = whole
            continue
        samples, channels = file.samples(address[1])
        plane = whole if channels == 1 else file.planes([address[1]], 0)[0]
        if isinstance(plane, Skipped):
            return plane
        if samples != image.samples and image.grid.length("C") > 1:
            raise InputError(
                f"'{where}' has {samples} samples a pixel, but {image.samples} by its OME-XML."
            )
        spacing = file.spacing()
        return StackedImage(
            image.grid,
            plane,
            partial(files.planes, image),
            partial(files.plane_files, image),
            channels,
            spacing,
        )
    return reason


def _stacked(image: OmeImage, model: StackedImage, files: _OmeFiles) -> StackedImage:
    """Return an image whose planes are of the kind of another image."""
    spacing = completed(image.spacing[0], model.spacing)
    return replace(
        model,
        found=image.grid,
        entries=partial(files.planes, image),
        plane_files=partial(files.plane_files, image),
        spacing=spacing,
        channels=image.channels,
        seconds=image.seconds,
        names=(image.name,),
        stages=(image.stage,),
    )
