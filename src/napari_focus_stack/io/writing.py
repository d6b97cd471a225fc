"""Writing of results: TIFF, OME-TIFF, PNG, JPEG and JSON, with pixel sizes, whole or not at all.

`output_checks` refuses results that a file cannot hold before the work begins.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_focus_stack.io.output_formats import Legend, check_image, encode_stack, encoder
from napari_focus_stack.io.replacing import os_errors, put_in_place, remove, temporary_name
from napari_focus_stack.io.sources import Spacing

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray


MEASURES = {"depth": "depth map", "height": "height map", "confidence": "confidence map"}
"""Fields of `StackResult` that are float32 and are written as TIFF, and their names."""


def role_words(role: str) -> str:
    """Return the name of a result in messages.

    Parameters
    ----------
    role : str
        Field of `StackResult`.

    Returns
    -------
    str
        Such as "depth map".
    """
    return MEASURES.get(role, role.replace("_", " "))


def describe_values(role: str, unit: str | None) -> str:
    """Describe the values of a map for a reader of the file.

    Parameters
    ----------
    role : str
        Field of `StackResult`.
    unit : str or None
        Unit of heights, if known.

    Returns
    -------
    str
        Empty for an image.
    """
    return {
        "depth_index": "number of the plane in focus, from 0",
        "depth": "depth in planes, from 0",
        "height": f"height above plane 0 in {unit or 'the unit of the z step'}",
        "confidence": "confidence of the depth, 0 to 1",
    }.get(role, "")


def write_image(path: Path, image: NDArray[Any], legend: Legend | None = None) -> None:
    """Write one image in the format of its suffix.

    Parameters
    ----------
    path : path
        `.png`, `.jpg`, `.tif` or `.ome.tif`.
    image : numpy.ndarray
        (Y, X), RGB (Y, X, 3) or RGBA (Y, X, 4); PNG accepts uint8 and uint16, JPEG uint8 without
        alpha, TIFF every type of real number.
    legend : Legend, optional
        Pixel size, which TIFF stores; colour profile and EXIF.

    Raises
    ------
    OutputError
        The format cannot hold the image, or the file cannot be written.
    """
    with Outputs() as files:
        files.image(path, image, legend)


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write a report as JSON.

    Parameters
    ----------
    path : path
        File to write.
    report : mapping of str to object
        Plain JSON.

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
    if it or a renaming fails, all are removed and files that existed before are restored.
    """

    def __init__(self) -> None:
        self._files: list[tuple[Path, Path]] = []

    def image(
        self,
        path: str | os.PathLike[str],
        image: NDArray[Any],
        legend: Legend | None = None,
        what: str = "image",
    ) -> None:
        """Write an image in the format of its suffix.

        Parameters
        ----------
        path : path
            `.png`, `.jpg`, `.tif` or `.ome.tif`.
        image : numpy.ndarray
            As for `write_image`.
        legend : Legend, optional
            Pixel size and description, which TIFF stores; colour profile and EXIF.
        what : str
            Name of the image in messages.

        Raises
        ------
        OutputError
            The format cannot hold the image, or the file cannot be written.
        """
        path = Path(path)
        check_image(path, (image.shape, image.dtype), what)
        encode = encoder(path)
        known = legend or Legend()
        self.file(path, lambda temporary: encode(temporary, image, known))

    def stack(
        self, path: str | os.PathLike[str], planes: NDArray[Any], spacing: Spacing | None = None
    ) -> None:
        """Write planes as one TIFF for ImageJ.

        Parameters
        ----------
        path : path
            `.tif`.
        planes : numpy.ndarray
            (Z, Y, X[, 3]) uint8, or (Z, Y, X) uint16 or float32.
        spacing : Spacing, optional
            Pixel size and z step.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        known = spacing or Spacing()
        self.file(Path(path), lambda temporary: encode_stack(temporary, planes, known))

    def report(self, path: str | os.PathLike[str], report: Mapping[str, Any]) -> None:
        """Write a dictionary as JSON.

        Parameters
        ----------
        path : path
            File to write.
        report : mapping of str to object
            Plain JSON.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        self.file(Path(path), lambda temporary: encode_report(temporary, report))

    def file(self, path: Path, write: Callable[[Path], None]) -> None:
        """Write a file by a function.

        Parameters
        ----------
        path : pathlib.Path
            File to write.
        write : callable
            Called with a temporary path; creates the file there.

        Raises
        ------
        OutputError
            `write` raised an OSError.
        """
        temporary = temporary_name(path)
        self._files.append((temporary, path))
        with os_errors(path):
            write(temporary)

    def adopt(self, temporary: Path, path: Path) -> None:
        """Take over a file or folder that was written under a temporary name.

        Parameters
        ----------
        temporary : pathlib.Path
            What was written, in the folder of `path`.
        path : pathlib.Path
            Its place.
        """
        self._files.append((temporary, path))

    def __enter__(self) -> Outputs:
        """Return the collection, which is empty."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Rename all files to their places, or remove them if the block failed."""
        try:
            if kind is None:
                put_in_place(self._files)
        finally:
            remove(temporary for temporary, _path in self._files)


def encode_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write a dictionary as JSON in UTF-8.

    Parameters
    ----------
    path : pathlib.Path
        File to create; a temporary name, if it is to appear whole.
    report : mapping of str to object
        Plain JSON.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # a file's name may be any bytes; those that are no character become JSON's own escape
    path.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
