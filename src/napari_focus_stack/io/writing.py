"""Results into files: TIFF, OME-TIFF, PNG, JPEG and JSON, with pixel sizes, whole or not at all.

What a file cannot hold is refused by `check_outputs`, before the work begins.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.memory import drop_pages
from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.formats import SAVED, TIFF, check_image, encode_stack, encoder
from napari_focus_stack.io.sources import Spacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.result import StackResult

MEASURES = {"depth": "depth map", "height": "height map", "confidence": "confidence map"}
"""Fields of `StackResult` that are float32 and go to TIFF."""


# --- before the work


def check_outputs(outputs: Mapping[str, Path], source: PlaneSource) -> None:
    """Refuse what could not be written, before the work that it would cost.

    Parameters
    ----------
    outputs : mapping of str to path
        Where each result goes: "image", "depth_index", "depth", "height", "confidence" and
        "report".
    source : PlaneSource
        The stack that will be fused.

    Raises
    ------
    OutputError
        A suffix is unknown or cannot hold the data, a folder is missing or not to be written
        into, two outputs share a path, or an output would replace a file
        of the input, be it left out.
    """
    taken: dict[str, str] = {}
    planes = {_canonical(file) for file in (*source.files, *source.inputs)}
    for role, path in outputs.items():
        _check_suffix(role, Path(path), source)
        place = _canonical(path)
        if place in planes:
            raise OutputError(f"'{path}' is one of the files to stack; choose another name.")
        if place in taken:
            raise OutputError(
                f"'{path}' is given for the {_words(taken[place])} and for the {_words(role)}; "
                "choose two names."
            )
        taken[place] = role
    for path in outputs.values():
        _check_place(Path(path))


def check_not_overwritten(outputs: Mapping[str, Path], file: Path) -> None:
    """Refuse to write over a file that the run reads beside its planes.

    Raises
    ------
    OutputError
        One of the outputs is that file.
    """
    for path in outputs.values():
        if _canonical(path) == _canonical(file):
            raise OutputError(f"'{path}' is read by this run; choose another name to write.")


def _canonical(path: str | os.PathLike[str]) -> str:
    """Path to compare: links followed, and case folded on Windows."""
    return os.path.normcase(os.path.realpath(path))


def _words(role: str) -> str:
    return MEASURES.get(role, role.replace("_", " "))


def describe_values(role: str, unit: str | None) -> str:
    """Describe the values of a map for a reader of the file alone; "" for a picture."""
    return {
        "depth_index": "number of the plane in focus, from 0",
        "depth": "depth in planes, from 0",
        "height": f"height above plane 0 in {unit or 'the unit of the z step'}",
        "confidence": "confidence of the depth, 0 to 1",
    }.get(role, "")


def _check_suffix(role: str, path: Path, source: PlaneSource) -> None:
    if path.name.lower().endswith(SAVED):
        raise OutputError(f"'{path}' is a name for results saved in napari; end it in plain .tif.")
    if role == "report":
        _check_json(path)
    elif role in MEASURES:
        if path.suffix.lower() not in TIFF:
            raise OutputError(f"'{path}' cannot hold the {MEASURES[role]}; end it in .tif.")
    else:
        shape = source.plane_shape if role == "image" else source.plane_shape[:2]
        dtype = source.dtype if role == "image" else np.dtype(np.uint16)
        check_image(path, (tuple(shape), dtype), _words(role))


def check_report(path: Path) -> None:
    """Refuse before the work a JSON file that could not be written after it.

    Raises
    ------
    OutputError
        The name does not end in .json, or nothing can be written there.
    """
    _check_json(path)
    _check_place(path)


def _check_json(path: Path) -> None:
    if path.suffix.lower() != ".json":
        raise OutputError(f"'{path}' is no name for the report; end it in .json.")


def _check_place(path: Path) -> None:
    """Try whether a file can appear at `path`."""
    trial = _temporary(path)
    with _os_errors(path):
        if path.is_dir():
            raise OutputError(f"'{path}' is a folder; give a file's name.")
        if not path.parent.is_dir():
            raise OutputError(
                f"There is no folder '{path.parent}' to write '{path.name}' into; make it."
            )
        trial.touch(exist_ok=False)
        trial.unlink()


# --- after the work


def write_outputs(outputs: Mapping[str, Path], result: StackResult) -> None:
    """Write results, all of them or none.

    Parameters
    ----------
    outputs : mapping of str to path
        As `check_outputs` accepted it.
    result : StackResult
        What to write; pixel sizes are those of its report.

    Raises
    ------
    OutputError
        A file cannot be written; what stood there before is still there.
    """
    known = result.report.spacing
    spacing = Spacing(y=known.get("y"), x=known.get("x"), unit=known.get("unit"))
    with Outputs() as files:
        for role, path in outputs.items():
            if role == "report":
                files.report(path, result.report.as_dict())
            else:
                said = describe_values(role, spacing.unit)
                files.image(path, getattr(result, role), spacing, _words(role), said)
                drop_pages(getattr(result, role))


def write_image(path: Path, image: NDArray[Any], *, spacing: Spacing | None = None) -> None:
    """Write one image in the format that its suffix names.

    Parameters
    ----------
    path : path
        `.png`, `.jpg`, `.tif` or `.ome.tif`.
    image : numpy.ndarray
        (Y, X), RGB (Y, X, 3) or RGBA (Y, X, 4); PNG takes uint8 and uint16, JPEG uint8 without
        alpha, TIFF every type of real number.
    spacing : Spacing, optional
        Pixel size, which TIFF keeps.

    Raises
    ------
    OutputError
        The format cannot hold the image, or the file cannot be written.
    """
    with Outputs() as files:
        files.image(path, image, spacing)


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write a report as JSON.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    with Outputs() as files:
        files.report(path, report)


class Outputs:
    """Files that appear together at the end of a `with` block, or not at all.

    Each is written beside its place under a temporary name. When the block ends they are renamed;
    when it fails, or a renaming does, all are removed and what stood there before is put back.
    """

    def __init__(self) -> None:
        self._files: list[tuple[Path, Path]] = []

    def image(
        self,
        path: str | os.PathLike[str],
        image: NDArray[Any],
        spacing: Spacing | None = None,
        what: str = "image",
        about: str = "",
    ) -> None:
        """Write an image as `write_image` does, with words on its values where it is a TIFF."""
        path = Path(path)
        check_image(path, (image.shape, image.dtype), what)
        encode = encoder(path)
        known = spacing or Spacing()
        self.file(path, lambda temporary: encode(temporary, image, known, about))

    def stack(
        self, path: str | os.PathLike[str], planes: NDArray[Any], spacing: Spacing | None = None
    ) -> None:
        """Write planes (Z, Y, X[, 3]), uint8 or grey uint16 or float32, as one TIFF of ImageJ's."""
        known = spacing or Spacing()
        self.file(Path(path), lambda temporary: encode_stack(temporary, planes, known))

    def report(self, path: str | os.PathLike[str], report: Mapping[str, Any]) -> None:
        """Write a dictionary as JSON."""
        text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        self.file(Path(path), lambda temporary: _write_text(temporary, text))

    def file(self, path: Path, write: Callable[[Path], None]) -> None:
        """Let `write` make a file, under the temporary name that it is called with."""
        temporary = _temporary(path)
        self._files.append((temporary, path))
        with _os_errors(path):
            write(temporary)

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                _put_in_place(self._files)
        finally:
            _remove(temporary for temporary, _path in self._files)


def _put_in_place(files: list[tuple[Path, Path]]) -> None:
    """Rename every temporary file to its place; undo all if one fails."""
    if len(files) == 1:  # one step, with no moment at which the place is empty
        temporary, path = files[0]
        with _os_errors(path):
            temporary.replace(path)
        return
    undo: list[tuple[Path, Path | None]] = []
    try:
        for temporary, path in files:
            with _os_errors(path):
                undo.append((path, _set_aside(path)))
                temporary.replace(path)
    except BaseException:
        for path, before in reversed(undo):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                if before is not None:
                    before.replace(path)
        raise
    _remove(before for _path, before in undo if before is not None)


def _set_aside(path: Path) -> Path | None:
    if not path.is_file():
        return None
    aside = _temporary(path)
    path.replace(aside)
    return aside


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    """Return a hidden name in the same folder, so that renaming is one step."""
    return path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex[:8]}.part")


@contextlib.contextmanager
def _os_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        # NumPy gives no strerror when a full disk cuts an array short
        why = problem.strerror or "the disk took only a part of it"
        raise OutputError(
            f"'{path}' cannot be written: {why}; free the disk or choose another folder."
        ) from problem


def _write_text(path: Path, text: str) -> None:
    # a file's name may be any bytes; what is no character becomes JSON's own escape
    path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
