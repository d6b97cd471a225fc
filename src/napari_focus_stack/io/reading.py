"""A folder, files or one multi-page file as a stack: natural order, headers first, pixels later."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from natsort import natsort_keygen, ns

from napari_focus_stack.errors import InputError, NoImagesError
from napari_focus_stack.io.file_source import FileSource, ScannedFiles
from napari_focus_stack.io.formats import SAVED
from napari_focus_stack.io.plane_files import REMEDY, FilePlane, ImageFile, Skipped, Unreadable
from napari_focus_stack.io.raster import open_raster
from napari_focus_stack.io.sources import ArraySource, PlaneSource, Spacing, check_kind, describe
from napari_focus_stack.io.spacing_metadata import even_step, spacing_in_micrometres
from napari_focus_stack.io.tiff import MAGIC, open_tiff

if TYPE_CHECKING:
    import numpy as np

StackPath = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

SUFFIXES = frozenset(
    (".tif", ".tiff", ".tf2", ".tf8", ".btf", ".png", ".jpg", ".jpeg", ".bmp", ".webp", ".jp2")
)
"""Of files that a folder is searched for, in lower case."""

_HEAD = 16


def read_stack(path: StackPath, *, skip_unreadable: bool = False) -> FileSource:
    """Stack of a folder, of files, or of one multi-page file, read one plane at a time.

    Parameters
    ----------
    path : path or sequence of paths
        A folder: its image files in natural order (img2 before img10), without hidden files,
        sub-folders and saved results (`.focusstack.ome.tif`). Several files: in the order given.
        One file: a TIFF of several planes (OME, ImageJ, BigTIFF or plain).
    skip_unreadable : bool
        Leave out files that are damaged or differ in size or type from the most, and name them
        in the source's `notes`. Every plane is decoded once to find out.

    Returns
    -------
    FileSource
        Its headers are checked, its pixels still on disk.

    Raises
    ------
    NoImagesError
        The folder holds no file with an image's suffix.
    InputError
        Nothing is there; there are fewer than two planes; a file is damaged or differs from the
        rest in size or type; or there are axes beyond z, y, x and colour.
    """
    scanned = scan(path)
    if skip_unreadable:
        scanned = _decodable(scanned)
    elif scanned.skipped:
        raise InputError(_refusal(scanned.skipped))
    if len(scanned.planes) < 2:
        raise InputError(too_few(scanned))
    return FileSource(scanned)


def scan(path: StackPath) -> ScannedFiles:
    """Read the headers of a stack's files, sort out what does not fit, decode no pixels.

    Parameters
    ----------
    path : path or sequence of paths
        As `read_stack` takes it.

    Returns
    -------
    ScannedFiles
        One plane or more, and what was left out.

    Raises
    ------
    NoImagesError
        The folder holds no file with an image's suffix.
    InputError
        Nothing is there, no file can be read, or a file that stands alone has axes beyond z, y,
        x and colour.
    """
    where, files = _files(path)
    if len(files) == 1:
        try:
            found = _open(files[0])
        except Unreadable as problem:
            raise InputError(
                f"'{files[0].name}' cannot be read: {problem}; choose another."
            ) from None
        _refuse_surplus_axes(files[0].name, found)
        return _agree(where, files, found.planes)
    return _agree(where, files, [_one_plane(file) for file in files])


def too_few(scanned: ScannedFiles) -> str:
    """Sentence that refuses one plane alone."""
    left_out = "".join(f"; {skipped}" for skipped in scanned.skipped[:1])
    return (
        f"'{scanned.where}' gives one plane alone, '{scanned.planes[0].name}'{left_out}; "
        "a stack needs at least two: give the folder they lie in, or a file that holds them all."
    )


def natural_order(files: Iterable[Path]) -> list[Path]:
    """Files by name, numbers by value: img2 before img10."""
    key = natsort_keygen(alg=ns.PATH | ns.IGNORECASE)
    return sorted(files, key=lambda file: (key(file.name), file.name))


def _files(path: StackPath) -> tuple[str, list[Path]]:
    """Name for messages, and files in order."""
    if not isinstance(path, str | os.PathLike):
        files = [Path(file) for file in path]
        if len(files) != 1:
            return _listed(files)
        path = files[0]
    path = Path(path)
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as problem:  # a name too long, a folder above that is closed
        raise InputError(f"'{path}' cannot be read ({problem.strerror}); check the path.") from None
    if is_folder:
        return str(path), _images_of(path)
    if not exists:
        raise InputError(f"There is no file or folder '{path}'; check the path.")
    return str(path), [path]


def _listed(files: list[Path]) -> tuple[str, list[Path]]:
    for file in files:
        if file.is_dir():
            raise InputError(f"'{file}' is a folder; give one folder or several files.")
        if not file.is_file():
            raise InputError(f"There is no file '{file}'; check the path.")
    if not files:
        raise InputError("A stack needs at least two planes; the list of files is empty.")
    return "the list of files", files


def _images_of(folder: Path) -> list[Path]:
    try:
        files = [file for file in folder.iterdir() if _is_image(file)]
    except OSError as problem:
        raise InputError(
            f"'{folder}' cannot be read ({problem.strerror}); check its permissions."
        ) from problem
    if not files:
        raise NoImagesError(
            f"'{folder}' holds no image ({', '.join(sorted(SUFFIXES))}): nothing to do."
        )
    return natural_order(files)


def _is_image(file: Path) -> bool:
    name = file.name.lower()
    if name.startswith(".") or name.endswith(SAVED):  # results saved beside their planes
        return False
    return file.suffix.lower() in SUFFIXES and not file.is_dir()


def _open(path: Path) -> ImageFile:
    """Headers of one file; each plane knows the distances that the file tells."""
    found = _open_any(path)
    planes = tuple(
        replace(plane, spacing=found.spacing, position=found.position)
        if isinstance(plane, FilePlane)
        else plane
        for plane in found.planes
    )
    return replace(found, planes=planes)


def _open_any(path: Path) -> ImageFile:
    """Headers of one file, whatever its suffix says it is."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as problem:
        raise Unreadable(f"it cannot be opened ({problem.strerror})") from problem
    if not head:
        raise Unreadable("it is empty")
    if head.startswith(MAGIC):
        return open_tiff(path)
    found = open_raster(path, head)
    if found is None:
        raise Unreadable("it is no image that can be read, whatever its suffix says")
    return found


def _one_plane(file: Path) -> FilePlane | Skipped:
    """Return the plane of a file that should hold one."""
    try:
        return _only_plane(_open(file))
    except Unreadable as problem:
        return Skipped(file.name, str(problem))


def _only_plane(found: ImageFile) -> FilePlane:
    broken = [plane for plane in found.planes if isinstance(plane, Skipped)]
    if broken and len(found.planes) <= 1 + len(broken):
        raise Unreadable(broken[0].reason)
    if len(found.planes) != 1:
        raise Unreadable("it holds a stack itself; give it alone, or save its planes as files")
    plane = found.planes[0]
    assert isinstance(plane, FilePlane)
    return plane


def _refuse_surplus_axes(name: str, found: ImageFile) -> None:
    if not found.surplus:
        return
    if name.lower().endswith(SAVED):
        raise InputError(
            f"'{name}' holds results, not planes; give the planes, or its recipe (--recipe)."
        )
    sizes = " and ".join(f"{length} {plural}" for length, plural, _ in found.surplus)
    ones = " and ".join(f"one {singular}" for _, _, singular in found.surplus)
    if found.has_z:
        raise InputError(
            f"'{name}' has {sizes}; save {ones} as its own stack (in Fiji: Image > Duplicate...)."
        )
    raise InputError(
        f"'{name}' has {sizes} but no z axis; save {ones} as its own stack, "
        "or name the axis z if it is the focus (in Fiji: Image > Properties...)."
    )


def _agree(
    where: str, files: Sequence[Path], entries: Sequence[FilePlane | Skipped]
) -> ScannedFiles:
    """Planes of the commonest size and type, the others skipped."""
    planes = [entry for entry in entries if isinstance(entry, FilePlane)]
    if not planes:
        raise InputError(f"No plane of '{where}' can be read: {entries[0]}.")
    shape, dtype = Counter((p.shape, p.dtype) for p in planes).most_common(1)[0][0]
    check_kind(shape, dtype, where)
    entries = [_fitting(entry, shape, dtype) for entry in entries]
    kept = [entry for entry in entries if isinstance(entry, FilePlane)]
    orientation = Counter(plane.orientation for plane in kept).most_common(1)[0][0]
    upright = (shape[1], shape[0], *shape[2:]) if orientation >= 5 else shape
    measured = even_step([plane.position for plane in kept])
    notes = _notes(kept, orientation)
    if measured is None:
        notes += _gaps(entries)
    spacing = _spacing(kept[0].spacing, measured)
    return ScannedFiles(
        where, tuple(files), tuple(entries), upright, dtype, orientation, spacing, tuple(notes)
    )


def _fitting(
    entry: FilePlane | Skipped, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> FilePlane | Skipped:
    if isinstance(entry, Skipped) or (entry.shape, entry.dtype) == (shape, dtype):
        return entry
    odd, usual = describe(entry.shape, entry.dtype), describe(shape, dtype)
    return Skipped(entry.name, f"it is {odd}, the other planes are {usual}")


def _spacing(told: Spacing, measured: float | None) -> Spacing:
    """Distances that a plane's file tells; z from where the planes lie, if all say so."""
    return spacing_in_micrometres(told.y, told.x, told.z if measured is None else measured)


def _notes(planes: list[FilePlane], orientation: int) -> list[str]:
    notes = [f"'{plane.name}': {plane.note}." for plane in planes if plane.note]
    turned = [plane.name for plane in planes if plane.orientation != orientation]
    if turned:
        # a camera that looks straight down guesses anew which way is up, amid a stack
        notes.append(
            f"EXIF turns '{turned[0]}' another way than most planes; all are turned alike."
        )
    return notes


def _gaps(entries: Sequence[FilePlane | Skipped]) -> list[str]:
    """Sentences about what was left out between planes, which are numbered on without it."""
    runs = [list(run) for _, run in groupby(entries, lambda entry: isinstance(entry, Skipped))]
    notes = []
    for k in range(1, len(runs) - 1):
        gap = runs[k]
        if isinstance(gap[0], Skipped):
            more = f" and {len(gap) - 1} more" if len(gap) > 1 else ""
            steps = f"{len(gap)} z steps" if len(gap) > 1 else "one z step"
            notes.append(
                f"There is a gap between '{runs[k - 1][-1].name}' and '{runs[k + 1][0].name}', for "
                f"'{gap[0].name}'{more} cannot be used: if that belongs to the stack, depth and "
                f"height beyond the gap are {steps} too small."
            )
    return notes


def _decodable(scanned: ScannedFiles) -> ScannedFiles:
    """Leave out planes whose pixels cannot be decoded."""
    return _agree(scanned.where, scanned.files, [_tried(entry) for entry in scanned.entries])


def _tried(entry: FilePlane | Skipped) -> FilePlane | Skipped:
    if isinstance(entry, FilePlane):
        try:
            entry.decode()
        except Unreadable as problem:
            return Skipped(entry.name, str(problem))
    return entry


def _refusal(skipped: tuple[Skipped, ...]) -> str:
    others = f" (and {len(skipped) - 1} more)" if len(skipped) > 1 else ""
    return f"{skipped[0]}{others}; {REMEDY}."


def as_source(source: Any) -> PlaneSource:
    """Return a `PlaneSource` of anything that `focus_stack` takes."""
    if isinstance(source, PlaneSource):
        return source
    paths = source[0] if isinstance(source, list | tuple) and source else source
    if isinstance(paths, str | os.PathLike):
        return read_stack(source)
    return ArraySource(source)
