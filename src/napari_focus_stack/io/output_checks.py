"""Checks before the work: an output that could not be written is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.output_formats import SAVED, TIFF, check_image
from napari_focus_stack.io.places import is_remote
from napari_focus_stack.io.replacing import check_creatable, os_errors
from napari_focus_stack.io.results_file import check_saved
from napari_focus_stack.io.writing import MEASURES, role_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_focus_stack.io.sources import PlaneSource


def check_outputs(outputs: Mapping[str, Path], source: PlaneSource) -> None:
    """Refuse outputs that could not be written after the work.

    Parameters
    ----------
    outputs : mapping of str to path
        Path of each result: "image", "depth_index", "depth", "height", "confidence" and "report".
    source : PlaneSource
        Stack that will be fused.

    Raises
    ------
    OutputError
        A suffix is unknown or cannot hold the data, a folder is missing or cannot be written to,
        two outputs share a path, or an output would replace a file of the input, even one left out.
    """
    taken: dict[str, str] = {}
    files = (*source.files, *source.inputs)
    planes = {_canonical(file) for file in files if not is_remote(file)}
    for role, path in outputs.items():
        _check_suffix(role, Path(path), source)
        place = _canonical(path)
        if place in planes:
            raise OutputError(f"'{path}' is one of the files to stack; choose another name.")
        if place in taken:
            raise OutputError(
                f"'{path}' is given for the {role_words(taken[place])} and for the "
                f"{role_words(role)}; choose two names."
            )
        taken[place] = role
    for path in outputs.values():
        _check_place(Path(path))


def check_not_overwritten(outputs: Mapping[str, Path], file: Path) -> None:
    """Refuse to overwrite a file that the run reads in addition to its planes.

    Parameters
    ----------
    outputs : mapping of str to path
        As for `check_outputs`.
    file : path
        File that the run reads.

    Raises
    ------
    OutputError
        One of the outputs is that file.
    """
    for path in outputs.values():
        if _canonical(path) == _canonical(file):
            raise OutputError(f"'{path}' is read by this run; choose another name to write.")


def check_files(paths: Sequence[Path]) -> None:
    """Refuse files that could not be written, or of which two are the same.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Files to write.

    Raises
    ------
    OutputError
        A folder is missing or cannot be written to, or two files share a path.
    """
    if len({_canonical(path) for path in paths}) < len(paths):
        names = ", ".join(f"'{path}'" for path in paths)
        raise OutputError(f"Two of the files {names} are the same; choose different names.")
    for path in paths:
        _check_place(path)


def check_report(path: Path) -> None:
    """Refuse a JSON file that could not be written after the work.

    Parameters
    ----------
    path : pathlib.Path
        File to write.

    Raises
    ------
    OutputError
        The name does not end in .json, or the place cannot be written to.
    """
    _check_json(path)
    _check_place(path)


def _canonical(path: str | os.PathLike[str]) -> str:
    """Return a path for comparison: links followed, and case folded on Windows."""
    return os.path.normcase(os.path.realpath(path))


def _check_suffix(role: str, path: Path, source: PlaneSource) -> None:
    """Refuse a suffix that cannot hold the result."""
    if path.name.lower().endswith(SAVED):
        if role != "image":
            raise OutputError(
                f"'{path}' is a name for a whole result and not for its {role_words(role)}; give "
                "it with --output, or choose another ending."
            )
        check_saved(path, (tuple(source.plane_shape), source.dtype), "the image")
    elif role == "report":
        _check_json(path)
    elif role in MEASURES:
        if path.suffix.lower() not in TIFF:
            raise OutputError(f"'{path}' cannot hold the {MEASURES[role]}; end it in .tif.")
    else:
        shape = source.plane_shape if role == "image" else source.plane_shape[:2]
        dtype = source.dtype if role == "image" else np.dtype(np.uint16)
        check_image(path, (tuple(shape), dtype), role_words(role))


def _check_json(path: Path) -> None:
    """Refuse a report whose suffix is not .json."""
    if path.suffix.lower() != ".json":
        raise OutputError(f"'{path}' is no name for the report; end it in .json.")


def _check_place(path: Path) -> None:
    """Check that a file can be created at `path`."""
    with os_errors(path):
        if path.is_dir():
            raise OutputError(f"'{path}' is a folder; give a file's name.")
        if not path.parent.is_dir():
            raise OutputError(
                f"There is no folder '{path.parent}' to write '{path.name}' into; make it."
            )
        check_creatable(path)
