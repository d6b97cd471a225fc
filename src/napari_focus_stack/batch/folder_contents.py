"""The series that one folder holds: its planes together, or each file of several planes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal

from napari_focus_stack._utils.wording import format_names
from napari_focus_stack.errors import FocusStackError, InputError
from napari_focus_stack.io.companions import companions
from napari_focus_stack.io.listing import TIFF_SUFFIXES
from napari_focus_stack.io.name_axes import NamedAxesError
from napari_focus_stack.io.ome_zarr_store import own_attributes
from napari_focus_stack.io.plane_files import DAMAGE, REMEDY, reason_among_many
from napari_focus_stack.io.reading import scan
from napari_focus_stack.io.special_files import special_kind
from napari_focus_stack.io.tiff import is_preview
from napari_focus_stack.io.tiff_planes import plane_count
from napari_focus_stack.series.opening import STACK, find_series, open_series
from napari_focus_stack.series.own_files import is_written_here
from napari_focus_stack.series.patterns import SUB_FOLDERS
from napari_focus_stack.series.readers.ome_zarr import open_ome_zarr
from napari_focus_stack.series.readers.zarr_nodes import read_node

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from napari_focus_stack.batch.folder_entries import FolderEntries
    from napari_focus_stack.series.model import Series

_Kind = Literal["result", "stack", "ome", "plane"]
"""What a file is by its headers; "ome" is one plane, and maybe a file of a set."""


@dataclass(frozen=True)
class Content:
    """A file or folder that is a series, or that cannot be one.

    Attributes
    ----------
    path : pathlib.Path
        The file or folder.
    series : Series or None
        None if it is left out.
    why : str
        Why it is left out, in one sentence.
    is_failure : bool
        Whether it should be a stack: a file that cannot be read, or a folder with one.
    files : frozenset of pathlib.Path
        Files of the stacks.
    """

    path: Path
    series: Series | None = None
    why: str = ""
    is_failure: bool = False
    files: frozenset[Path] = frozenset()


def contents(
    folder: Path, entries: FolderEntries, pattern: str | None, axes: str | None
) -> Iterator[Content]:
    """Yield the series that lie in a folder itself; no pixel is read.

    Parameters
    ----------
    folder : pathlib.Path
        No group or array of zarr.
    entries : FolderEntries
        Its entries.
    pattern : str or None
        Pattern of the names of files, as for `open_series`.
    axes : str or None
        Axes of TIFF files of several planes, as for `open_series`.

    Yields
    ------
    Content
        First those of images. Results that were written here and files that are no images are
        passed over; images that make no stack are left out with the reason.
    """
    if entries.images:
        yield from _of_images(folder, entries.images, pattern, axes)
    elif _may_reach_down(entries.folders, pattern):
        whole = attempt(folder, lambda: _whole(folder, pattern, is_stack=True))
        if whole is not None and whole.series is not None:
            yield whole
    for file in entries.containers:
        yield opened_file(file, None, None)


def opened_file(file: Path, pattern: str | None, axes: str | None) -> Content:
    """Open a file as a series.

    Parameters
    ----------
    file : pathlib.Path
        The file.
    pattern, axes : str or None
        As for `open_series`.

    Returns
    -------
    Content
        The series, or why there is none.
    """
    found = attempt(file, lambda: open_series(file, pattern=pattern, axes=axes))
    assert found is not None, "open_series returns a series"
    return found


def opened_store(store: Path) -> Content | None:
    """Open an OME-Zarr store as a series.

    Parameters
    ----------
    store : pathlib.Path
        A group or array of zarr.

    Returns
    -------
    Content or None
        The series, or why there is none; None for a store that was written here.
    """
    return None if own_attributes(store) else attempt(store, lambda: open_ome_zarr(store))


def groups_within(store: Path, folders: Sequence[Path]) -> list[Path]:
    """Return the groups of zarr in a group that is a mere folder of them.

    Parameters
    ----------
    store : pathlib.Path
        A group or array of zarr.
    folders : sequence of pathlib.Path
        Its sub-folders.

    Returns
    -------
    list of pathlib.Path
        Empty for a group with OME metadata, which is opened as a whole.
    """
    try:
        node = read_node(store)
    except InputError:
        return []
    if node is None or node.array is not None or node.layout is not None:
        return []
    return [folder for folder in folders if _is_group(folder)]


def _is_group(folder: Path) -> bool:
    """Check whether a folder is a group of zarr, even a damaged one, which has to be named."""
    try:
        node = read_node(folder)
    except InputError:
        return True
    return node is not None and node.array is None


def attempt(path: Path, open_it: Callable[[], Series | None]) -> Content | None:
    """Open a series, or say why there is none.

    Parameters
    ----------
    path : pathlib.Path
        The file or folder.
    open_it : callable
        Returns its series, or None.

    Returns
    -------
    Content or None
        None if `open_it` returned None.
    """
    try:
        series = open_it()
    except (FocusStackError, *DAMAGE) as problem:
        sound = isinstance(problem, FocusStackError) and problem.remedy != REMEDY
        failed = not sound or path.is_file()
        return Content(path, why=_sentence(path, problem), is_failure=failed)
    if series is None:
        return None
    if all(position.planes < 2 for position in series.positions):
        return Content(
            path,
            why=f"'{path.name}' has no z axis, so there is nothing to stack; if another of its "
            "axes is the focus, name them with --axes.",
        )
    files = frozenset(file for index in series for file in series.stack_files(index))
    return Content(path, series, files=files)


def _sentence(path: Path, problem: BaseException) -> str:
    """Return the reason why there is no series, in the words of a batch."""
    if isinstance(problem, NamedAxesError) and problem.pattern:
        remedy = f'if {{z}} is their axis of focus, give --pattern "{problem.pattern}"'
        return str(InputError(problem.message, remedy))
    if isinstance(problem, FocusStackError):
        return reason_among_many(problem)
    return f"'{path.name}' cannot be read ({problem}); copy it again, or take it out."


def _whole(folder: Path, pattern: str | None, *, is_stack: bool) -> Series | None:
    """Open the images of a folder as one series.

    Where its first image is a stack itself, only names of microscopes or metadata join them.
    """
    if is_stack and pattern is None:
        return find_series(folder)
    return open_series(folder, pattern=pattern)


def _may_reach_down(folders: Sequence[Path], pattern: str | None) -> bool:
    """Check whether files of sub-folders may belong to a folder that holds no image itself."""
    if pattern is not None:
        return bool(folders) and "/" in pattern.replace("\\", "/").removeprefix("./")
    return any(SUB_FOLDERS.fullmatch(folder.name) for folder in folders)


def _of_images(
    folder: Path, images: Sequence[Path], pattern: str | None, axes: str | None
) -> Iterator[Content]:
    """Yield the series of the images in a folder."""
    kinds = ((k, _kind(image)) for k, image in enumerate(images))
    start, kind = next((found for found in kinds if found[1] != "result"), (0, "result"))
    if kind == "result":
        return
    whole = attempt(folder, lambda: _whole(folder, pattern, is_stack=kind == "stack"))
    if whole is not None and whole.series is not None:
        yield whole
        if whole.series.kind != STACK:
            rest = [image for image in images if image not in whole.files]
            yield from _files(rest, axes)
    elif pattern is not None and whole is not None:
        yield whole
    else:
        yield from _apart(folder, images[start:], axes, whole or Content(folder))


def _apart(
    folder: Path, images: Sequence[Path], axes: str | None, refused: Content
) -> Iterator[Content]:
    """Yield each file of several planes; why a folder is left out if there is none."""
    joined: set[Path] = set()
    for content in _files(images, axes):
        joined |= {content.path, *content.files}
        yield content
    rest = [image for image in images if image not in joined and _kind(image) != "result"]
    if rest and not joined:
        yield refused
    elif rest:
        yield from _beside_files(folder, rest, companions(images))


def _beside_files(
    folder: Path, images: Sequence[Path], made: Collection[Path]
) -> Iterator[Content]:
    """Yield why images beside files of several planes are left out: damaged ones by name."""
    sound = {image for image in images if _is_one_plane(image)}
    for image in images:
        if image not in sound:
            yield opened_file(image, None, None)
    planes = [image.name for image in images if image in sound and image not in made]
    if planes:
        are = "a single image" if len(planes) == 1 else f"{len(planes)} single images"
        why = (
            f"'{folder}' holds {are} beside files of several planes ({format_names(planes)}); put "
            "the planes of a stack into a folder of their own."
        )
        yield Content(folder, why=why)


def _is_one_plane(image: Path) -> bool:
    """Check whether an image is a single one and sound, as far as its headers say."""
    try:
        return not scan(image).skipped
    except InputError:
        return False


def _files(images: Sequence[Path], axes: str | None) -> Iterator[Content]:
    """Yield the files that are series of their own; a set of files once."""
    joined: set[Path] = set()
    for image in images:
        kind = _kind(image) if image not in joined else "plane"
        if kind not in ("stack", "ome"):
            continue
        content = opened_file(image, None, axes)
        joined |= content.files
        if kind == "stack" or content.series is not None:
            yield content


def _kind(file: Path) -> _Kind:
    """Return what a file is by its headers; one that is damaged counts as a plane."""
    from napari_focus_stack.io.tiff_file import open_tiff_file

    if file.suffix.lower() not in TIFF_SUFFIXES or special_kind(file):
        return "plane"
    try:
        with open_tiff_file(file) as tif:
            if is_written_here(tif.pages.first):
                return "result"
            if any(not is_preview(page) for page in islice(tif.pages, 1, None)):
                return "stack"
            if tif.is_ome:
                return "ome"
            return "stack" if plane_count(tif.series[0]) > 1 else "plane"
    except DAMAGE:
        return "plane"
