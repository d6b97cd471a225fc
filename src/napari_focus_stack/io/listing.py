"""Files of a stack: those of a folder that are planes, or several files as given."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_focus_stack.errors import InputError, NoImagesError
from napari_focus_stack.io.camera_formats import HEIC_SUFFIXES, RAW_SUFFIXES
from napari_focus_stack.io.companions import companions
from napari_focus_stack.io.file_order import natural_order
from napari_focus_stack.io.foreign_formats import foreign_format, foreign_suffix
from napari_focus_stack.io.output_formats import SAVED
from napari_focus_stack.io.special_files import refuse_special

StackPath = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

TIFF_SUFFIXES = frozenset((".tif", ".tiff", ".tf2", ".tf8", ".btf", ".lsm", ".stk"))
SUFFIXES = TIFF_SUFFIXES | {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".jp2"}
"""Suffixes of the files that are taken from a folder, in lower case."""
KINDS = {
    "common pictures": SUFFIXES,
    "camera RAW": RAW_SUFFIXES,
    "HEIC": HEIC_SUFFIXES,
}
"""Suffixes by kind; of a folder the commonest kind is taken, of equally common ones the first."""


DEEPEST = 6
"""Levels of sub-folders that are searched for images, for a message."""


@dataclass(frozen=True)
class Listing:
    """Files of a stack.

    Attributes
    ----------
    where : str
        Folder or file, for messages.
    files : list of pathlib.Path
        In order.
    left_out : dict of pathlib.Path to str
        Files of the folder that are no planes, and what they are.
    is_sorted : bool
        Whether the files were sorted here, and not by the caller.
    """

    where: str
    files: list[Path]
    left_out: dict[Path, str] = field(default_factory=dict)
    is_sorted: bool = True


def list_files(path: StackPath) -> Listing:
    """List the files of a stack.

    Parameters
    ----------
    path : path or sequence of paths
        A folder, several files, or one file.

    Returns
    -------
    Listing
        One file or more.

    Raises
    ------
    NoImagesError
        The folder holds no file with the suffix of an image.
    InputError
        A path does not exist, or the folder holds only files of formats that are not read.
    """
    if not isinstance(path, str | os.PathLike):
        files = [Path(file) for file in path]
        if len(files) != 1:
            return _listed(files)
        path = files[0]
    path = Path(path)
    if is_folder(path):
        files, left_out = _images_of(path)
        left_out |= companions(files)
        planes = [file for file in files if file not in left_out] if left_out else files
        return Listing(str(path), natural_order(planes), left_out)
    return Listing(str(path), [path])


def is_folder(path: Path) -> bool:
    """Return whether an existing path is a folder.

    Parameters
    ----------
    path : pathlib.Path
        File or folder.

    Returns
    -------
    bool
        False for a file.

    Raises
    ------
    InputError
        The path does not exist, or is a pipe, a device or a socket.
    """
    try:
        if path.is_dir():
            return True
        exists = path.exists()
    except OSError as problem:  # the name is too long, or a parent folder cannot be entered
        raise InputError(f"'{path}' cannot be read ({problem.strerror}); check the path.") from None
    if not exists:
        raise InputError(f"There is no file or folder '{path}'; check the path.")
    refuse_special(path)
    return False


def _listed(files: list[Path]) -> Listing:
    """Return several files in their order; each must exist."""
    for file in files:
        if file.is_dir():
            raise InputError(f"'{file}' is a folder; give one folder or several files.")
        refuse_special(file)
        if not file.is_file():
            raise InputError(f"There is no file '{file}'; check the path.")
    if not files:
        raise InputError("A stack needs at least two planes; the list of files is empty.")
    return Listing("the list of files", files, is_sorted=False)


def _images_of(folder: Path) -> tuple[list[Path], dict[Path, str]]:
    """Return the image files of a folder, and those of another kind: a camera may write both."""
    try:
        files = [file for file in folder.iterdir() if _is_candidate(file)]
    except OSError as problem:
        raise InputError(
            f"'{folder}' cannot be read ({problem.strerror}); check its permissions."
        ) from problem
    by_suffix: dict[str, list[Path]] = {}
    for file in files:
        by_suffix.setdefault(file.suffix.lower(), []).append(file)
    kinds = {
        name: [file for suffix, found in by_suffix.items() if suffix in ends for file in found]
        for name, ends in KINDS.items()
    }
    kind = max(kinds, key=lambda name: len(kinds[name]))
    if kinds[kind]:
        others = {file: name for name, found in kinds.items() if name != kind for file in found}
        return kinds[kind], others
    foreign = natural_order(file for file in files if foreign_suffix(file))
    if foreign:
        raise _only_foreign(folder, foreign)
    inner = _inner_folder(folder)
    if inner is not None:
        raise InputError(
            f"'{folder}' holds no image itself; its sub-folders do, the first of them "
            f"'{inner.relative_to(folder)}': give the folder of one stack or series, or one file."
        )
    raise NoImagesError(
        f"'{folder}' holds no image ({', '.join(sorted(SUFFIXES))}): nothing to do."
    )


def _inner_folder(folder: Path) -> Path | None:
    """Return the first sub-folder that holds images, None if there is none."""
    for place, folders, names in os.walk(folder):
        depth = len(Path(place).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        stores = [name for name in folders if name.lower().endswith(".zarr")]
        if stores:
            return Path(place, stores[0])
        folders[:] = folders if depth < DEEPEST else []
        if depth and any(_is_candidate(Path(place, name)) for name in names if _is_image(name)):
            return Path(place)
    return None


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES or foreign_suffix(Path(name))


def _is_candidate(file: Path) -> bool:
    """Check whether a file of a folder may be one of the planes; saved results never are."""
    name = file.name.lower()
    return not name.startswith(".") and not name.endswith(SAVED) and not file.is_dir()


def _only_foreign(folder: Path, files: list[Path]) -> InputError:
    """Return the error of a folder whose images other programs read."""
    found = foreign_format(files[0])
    assert found is not None, "its suffix is that of a foreign format"
    more = f" and {len(files) - 1} more of such" if len(files) > 1 else ""
    return InputError(
        f"'{folder}' holds no image that is read here: '{files[0].name}'{more} is {found.name}",
        found.remedy,
    )
