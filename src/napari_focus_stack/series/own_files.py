"""Files of earlier runs: those that were written here may be replaced, and no others."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.json_documents import read_json
from napari_focus_stack.io.ome_zarr_store import own_attributes
from napari_focus_stack.io.output_formats import SOFTWARE
from napari_focus_stack.io.plane_files import DAMAGE
from napari_focus_stack.io.replacing import os_errors, remove, temporary_name
from napari_focus_stack.io.writing import describe_values
from napari_focus_stack.io.xml_documents import parse_xml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tifffile import TiffPage

_KEYS = {"version", "settings", "planes", "transforms", "series"}
"""Entries by which the report of a stack is recognised."""


def is_own_map(path: Path, role: str) -> bool:
    """Return whether a file or folder is a map that was written here.

    Parameters
    ----------
    path : pathlib.Path
        OME-TIFF or OME-Zarr.
    role : str
        One of `ROLES`: an image is no map of depth.

    Returns
    -------
    bool
        True if its own metadata say so; what cannot be read is not ours.
    """
    about = own_attributes(path) if path.is_dir() else _tiff_about(path)
    words = about.get("about") if isinstance(about, dict) else about
    if not isinstance(words, str):
        return False
    expected = describe_values(role, None).removesuffix("in the unit of the z step")
    return words.startswith(expected) if expected else not words


def is_written_here(page: TiffPage) -> bool:
    """Return whether a TIFF is a result that was written here, by its own metadata.

    Parameters
    ----------
    page : tifffile.TiffPage
        First page of the open file.

    Returns
    -------
    bool
        True for an image as for a map.

    Raises
    ------
    ValueError and others of `DAMAGE`
        The file is damaged.
    """
    return str(page.tags.valueof("Software")).startswith(SOFTWARE)


def _tiff_about(path: Path) -> str | None:
    """Return the description of an OME-TIFF that was written here, None for other files."""
    from napari_focus_stack.io.tiff_file import open_first_page

    try:
        with open_first_page(path) as page:
            if not is_written_here(page) or not page.is_ome:
                return None
            root = parse_xml(page.description)
    except (OSError, ElementTree.ParseError, *DAMAGE):
        return None
    return root.findtext("{*}Image/{*}Description", "")


def check_own_reports(folder: Path) -> None:
    """Refuse to replace a folder that holds anything but reports.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of reports, if it exists.

    Raises
    ------
    OutputError
        It holds something else, or is a file.
    """
    if folder.is_dir():
        for file in folder.iterdir():
            if not _is_report(file):
                raise OutputError(
                    f"'{folder}' is where the reports go, but it holds other files: "
                    f"'{file.name}' is not one of our reports; move it or choose another name to "
                    "write."
                )
    elif folder.exists() or folder.is_symlink():
        raise OutputError(f"'{folder}' is where the reports go, but it is a file; move it.")


def _is_report(file: Path) -> bool:
    """Return whether a file is the report of a stack."""
    if file.suffix != ".json" or not file.is_file():
        return False
    try:
        content = read_json(file)
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.keys() >= _KEYS


@contextlib.contextmanager
def removed(paths: Sequence[Path]) -> Iterator[None]:
    """Remove files and folders with a block: they come back if it fails.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        What is to go.

    Yields
    ------
    None
        Nothing; the function is a context manager.

    Raises
    ------
    OutputError
        One of them cannot be renamed.
    """
    aside: list[tuple[Path, Path]] = []
    try:
        for path in paths:
            aside.append((temporary_name(path), path))  # first: an interrupt may come in between
            with os_errors(path):
                path.replace(aside[-1][0])
        yield
    except BaseException:
        for temporary, path in aside:
            with contextlib.suppress(OSError):
                temporary.replace(path)
        raise
    remove(temporary for temporary, _ in aside)
