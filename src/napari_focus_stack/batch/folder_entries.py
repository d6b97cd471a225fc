"""Entries of a folder that may be or hold stacks, by their names alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from natsort import natsorted

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.foreign_formats import microscope_suffix
from napari_focus_stack.io.listing import KINDS
from napari_focus_stack.io.output_formats import SAVED
from napari_focus_stack.series.readers.zarr_nodes import DOCUMENTS

if TYPE_CHECKING:
    from pathlib import Path

_IMAGES = frozenset[str]().union(*KINDS.values())
_THUMBNAILS = ("thumb", "thumbs", "thumbnail", "thumbnails")


@dataclass(frozen=True)
class FolderEntries:
    """Entries of a folder, each kind in natural order.

    Attributes
    ----------
    folders : list of pathlib.Path
        Sub-folders, but for those that `is_passed_over`.
    images : list of pathlib.Path
        Files with the suffix of an image, without saved results.
    containers : list of pathlib.Path
        Files with the suffix of a microscope's format.
    is_zarr : bool
        Whether the folder is a group or array of zarr.
    """

    folders: list[Path]
    images: list[Path]
    containers: list[Path]
    is_zarr: bool


def list_entries(folder: Path) -> FolderEntries:
    """List what a folder on disk holds.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.

    Returns
    -------
    FolderEntries
        Hidden files and folders are left out.

    Raises
    ------
    InputError
        The folder cannot be read.
    """
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                (folders if _is_folder(entry) else files).append(entry.name)
    except OSError as problem:
        raise InputError(
            f"'{folder}' cannot be read ({problem.strerror}); check its permissions."
        ) from problem
    shown = [folder / name for name in natsorted(files) if not name.startswith(".")]
    return FolderEntries(
        [folder / name for name in natsorted(folders) if not is_passed_over(name)],
        [file for file in shown if _is_image(file)],
        [file for file in shown if microscope_suffix(file)],
        not set(DOCUMENTS).isdisjoint(files),
    )


def is_passed_over(name: str) -> bool:
    """Return whether a folder holds no stacks by its name: it is hidden, or of thumbnails.

    Parameters
    ----------
    name : str
        Name of the folder. Thumbnails are those of cameras, viewers, and earlier batches.

    Returns
    -------
    bool
        Contents are not looked at.
    """
    return name.startswith(".") or name.lower() in _THUMBNAILS


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Check whether an entry is a folder or links to one; a link to itself is none."""
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in _IMAGES and not file.name.lower().endswith(SAVED)
