"""Results into files: TIFF, OME-TIFF, PNG, JPEG and JSON, with pixel sizes, whole or not at all.

What a file cannot hold is refused by `check_outputs`, before the work begins.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack import __version__
from napari_focus_stack.calibration import micrometres
from napari_focus_stack.errors import OutputError
from napari_focus_stack.sources import Spacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from napari_focus_stack.result import StackResult
    from napari_focus_stack.sources import PlaneSource

Kind = tuple[tuple[int, ...], np.dtype[Any]]
"""Shape (Y, X[, C]) and dtype of an image."""

TIFF, PNG, JPEG = (".tif", ".tiff"), (".png",), (".jpg", ".jpeg")
IMAGE_SUFFIXES = (*TIFF, *PNG, *JPEG)

MEASURES = {"depth": "depth map", "height": "height map", "confidence": "confidence map"}
"""Fields of `StackResult` that are float32 and go to TIFF."""

_JPEG_QUALITY = 95
_JPEG_LONGEST = 65500
_PNG_LEVEL = 1
"""On 2048 x 1536 RGB, level 1 takes 0.15 s and 3.0 MB, libpng's own 6 takes 0.65 s and 2.5 MB."""
_CENTIMETRE = 1e4
_NOT_IN_OME = ("float16", "int64", "uint64")


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
        into, two outputs share a path, or an output would replace a plane.
    """
    taken: dict[str, str] = {}
    planes = {_canonical(file) for file in source.files}
    for role, path in outputs.items():
        _check_suffix(role, Path(path), source)
        place = _canonical(path)
        if place in planes:
            raise OutputError(f"'{path}' is one of the planes; choose another name.")
        if place in taken:
            raise OutputError(
                f"'{path}' is given for the {_words(taken[place])} and for the {_words(role)}; "
                "choose two names."
            )
        taken[place] = role
    for path in outputs.values():
        _check_place(Path(path))


def _canonical(path: str | os.PathLike[str]) -> str:
    """Path to compare: links followed, and case folded on Windows."""
    return os.path.normcase(os.path.realpath(path))


def _words(role: str) -> str:
    return MEASURES.get(role, role.replace("_", " "))


def _check_suffix(role: str, path: Path, source: PlaneSource) -> None:
    if role == "report":
        if path.suffix.lower() != ".json":
            raise OutputError(f"'{path}' is no name for the report; end it in .json.")
    elif role in MEASURES:
        if path.suffix.lower() not in TIFF:
            raise OutputError(f"'{path}' cannot hold the {MEASURES[role]}; end it in .tif.")
    else:
        shape = source.plane_shape if role == "image" else source.plane_shape[:2]
        dtype = source.dtype if role == "image" else np.dtype(np.uint16)
        check_image(path, (tuple(shape), dtype), _words(role))


def check_image(path: Path, kind: Kind, what: str = "image") -> None:
    """Refuse a file name whose format cannot hold the image.

    Parameters
    ----------
    path : path
        Its suffix chooses the format.
    kind : (tuple of int, numpy.dtype)
        Shape (Y, X[, C]) and dtype of the image.
    what : str
        What the image is, for the message.

    Raises
    ------
    OutputError
        The suffix is unknown, or the format cannot hold the dtype, the channels or the size.
    """
    (shape, dtype), suffix = kind, path.suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise OutputError(
            f"'{path}' has no known suffix for the {what}; end it in .tif, .png or .jpg."
        )
    if not _holds(path, dtype):
        better = ".tif or .png" if dtype == np.uint16 else ".tif"
        raise OutputError(f"'{path}' cannot hold the {what}, which is {dtype}; end it in {better}.")
    if suffix in JPEG and len(shape) == 3 and shape[2] == 4:
        raise OutputError(
            f"'{path}' cannot hold the {what}'s alpha channel; end it in .png or .tif."
        )
    if suffix in JPEG and max(shape[:2]) > _JPEG_LONGEST:
        raise OutputError(
            f"'{path}' cannot hold the {what} of {shape[1]} x {shape[0]} pixels; "
            f"JPEG ends at {_JPEG_LONGEST}, end it in .png or .tif."
        )


def _holds(path: Path, dtype: np.dtype[Any]) -> bool:
    if path.suffix.lower() in JPEG:
        return dtype == np.uint8
    if path.suffix.lower() in PNG:
        return dtype in (np.uint8, np.uint16)
    return dtype.kind in "buif" and not (_is_ome(path) and dtype.name in _NOT_IN_OME)


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
                files.image(path, getattr(result, role), spacing, _words(role))


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
    ) -> None:
        """Write an image as `write_image` does."""
        path = Path(path)
        check_image(path, (image.shape, image.dtype), what)
        encode = _encoder(path)
        self._write(path, lambda temporary: encode(temporary, image, spacing or Spacing()))

    def stack(
        self, path: str | os.PathLike[str], planes: NDArray[Any], spacing: Spacing | None = None
    ) -> None:
        """Write planes (Z, Y, X[, 3]), uint8 or grey uint16 or float32, as one TIFF of ImageJ's."""
        known = spacing or Spacing()
        self._write(Path(path), lambda temporary: _encode_stack(temporary, planes, known))

    def report(self, path: str | os.PathLike[str], report: Mapping[str, Any]) -> None:
        """Write a dictionary as JSON."""
        text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        self._write(Path(path), lambda temporary: _write_text(temporary, text))

    def _write(self, path: Path, write: Callable[[Path], None]) -> None:
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


# --- formats


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _encode_png(path: Path, image: NDArray[Any], _spacing: Spacing) -> None:
    import imagecodecs

    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(image), level=_PNG_LEVEL))


def _encode_jpeg(path: Path, image: NDArray[Any], _spacing: Spacing) -> None:
    import imagecodecs

    pixels = np.ascontiguousarray(image)
    # full chroma: what is sharp in colour stays so
    path.write_bytes(imagecodecs.jpeg8_encode(pixels, level=_JPEG_QUALITY, subsampling="444"))


def _encode_tiff(path: Path, image: NDArray[Any], spacing: Spacing, *, ome: bool) -> None:
    """Write TIFF uncompressed: sensor noise hardly shrinks, and every program reads it."""
    import tifffile

    colour = image.ndim == 3
    y, x = (micrometres(size, spacing.unit) for size in (spacing.y, spacing.x))
    options: dict[str, Any] = {"metadata": _ome_metadata(colour, y, x) if ome else None}
    if y is not None and x is not None:
        options |= {"resolution": (_CENTIMETRE / x, _CENTIMETRE / y)}
        options |= {"resolutionunit": "CENTIMETER"}
    if colour and image.shape[2] == 4:
        options |= {"extrasamples": ["unassalpha"]}
    tifffile.imwrite(
        path,
        image,
        ome=ome,
        photometric="rgb" if colour else "minisblack",
        software=f"napari-focus-stack {__version__}",
        **options,
    )


def _encode_stack(path: Path, planes: NDArray[Any], spacing: Spacing) -> None:
    """Write ImageJ's TIFF: the one multi-page format that all programs take a z step from."""
    import tifffile

    y, x, z = (micrometres(size, spacing.unit) for size in (spacing.y, spacing.x, spacing.z))
    metadata: dict[str, Any] = {"axes": "ZYXS" if planes.ndim == 4 else "ZYX"}
    if y is not None and x is not None:
        metadata |= {"unit": "um"} | ({} if z is None else {"spacing": z})
    resolution = None if x is None or y is None else (1 / x, 1 / y)
    tifffile.imwrite(path, planes, imagej=True, resolution=resolution, metadata=metadata)


def _ome_metadata(colour: bool, y: float | None, x: float | None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": "YXS" if colour else "YX"}
    for axis, size in (("Y", y), ("X", x)):
        if size is not None:
            metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    return metadata


def _encoder(path: Path) -> Callable[[Path, NDArray[Any], Spacing], None]:
    suffix = path.suffix.lower()
    if suffix in PNG:
        return _encode_png
    if suffix in JPEG:
        return _encode_jpeg
    return partial(_encode_tiff, ome=_is_ome(path))


def _is_ome(path: Path) -> bool:
    return path.stem.lower().endswith(".ome") and path.suffix.lower() in TIFF
