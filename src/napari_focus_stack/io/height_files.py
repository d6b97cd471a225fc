"""Calibrated height maps in files of other programs: TIFF of Fiji, GSF of Gwyddion, X3P."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError, OutputError
from napari_focus_stack.io.gsf import encode_gsf, read_gsf
from napari_focus_stack.io.height_scale import PLANES, HeightScale, single_precision
from napari_focus_stack.io.output_formats import TIFF
from napari_focus_stack.io.plane_files import DAMAGE, reason
from napari_focus_stack.io.spacing_metadata import UNIT, finite_number, micrometres
from napari_focus_stack.io.writing import Outputs, describe_values
from napari_focus_stack.io.x3p import encode_x3p, read_x3p

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray
    from tifffile import TiffFile

GSF, X3P = ".gsf", ".x3p"
HEIGHT_SUFFIXES = (GSF, X3P, *TIFF)
"""Suffixes of the files that `write_heights` writes and `read_heights` reads."""


def write_heights(path: str | os.PathLike[str], heights: NDArray[Any], scale: HeightScale) -> None:
    """Write a height map with its pixel size and its unit, whole or not at all.

    Parameters
    ----------
    path : path
        `.tif` for Fiji and most programs (float32 in the unit of the scale), `.gsf` for Gwyddion
        (float32 in metres), or `.x3p` for programs of surface metrology (float64 in metres).
    heights : numpy.ndarray
        (Y, X) numbers; NaN where there is none.
    scale : HeightScale
        Pixel size, and unit of the heights.

    Raises
    ------
    OutputError
        The suffix is another, the format needs a pixel size or a unit of length that is unknown,
        the array is no map, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in HEIGHT_SUFFIXES or path.stem.lower().endswith(".ome"):
        raise OutputError(f"'{path}' is no name for heights; end it in .tif, .gsf or .x3p.")
    if heights.ndim != 2 or not heights.size or heights.dtype.kind not in "buif":
        raise OutputError(
            f"'{path}' cannot hold an array of shape {heights.shape} and type {heights.dtype}; "
            "give heights with the axes y, x."
        )
    encode = {GSF: encode_gsf, X3P: encode_x3p}.get(path.suffix.lower(), _encode_tiff)
    values = np.asarray(heights, np.float32)
    with Outputs() as files:
        files.file(path, lambda temporary: encode(temporary, values, scale, path))


def read_heights(path: str | os.PathLike[str]) -> tuple[NDArray[np.float32], HeightScale]:
    """Read a height map with its pixel size and its unit.

    Parameters
    ----------
    path : path
        `.tif`, `.gsf` or `.x3p`, written here or by others.

    Returns
    -------
    heights : numpy.ndarray
        (Y, X) float32, NaN where there is none; in micrometres, unless the scale says otherwise.
    scale : HeightScale
        Pixel size in micrometres. Its unit is "micrometer", "plane", or None where the file names
        no unit; the values are then as they are.

    Raises
    ------
    InputError
        The file cannot be read, is damaged, or holds no heights.
    """
    path = Path(path)
    read = {GSF: read_gsf, X3P: read_x3p} | dict.fromkeys(TIFF, _read_tiff)
    if path.suffix.lower() not in read:
        raise InputError(f"'{path}' is no file of heights; give a .tif, .gsf or .x3p.")
    return read[path.suffix.lower()](path)


def _encode_tiff(path: Path, heights: NDArray[np.float32], scale: HeightScale, named: Path) -> None:
    """Write an ImageJ TIFF, the one whose calibration of values Fiji shows under the pointer."""
    import tifffile

    finite = heights[np.isfinite(heights)]
    metadata: dict[str, Any] = {"axes": "YX", "Labels": [named.stem]}
    if scale.unit is not None:
        # a line that changes nothing: without one, older versions of ImageJ ignore the unit
        unit = "um" if micrometres(1, scale.unit) == 1 else scale.unit
        metadata |= {"cf": 0, "c0": 0.0, "c1": 1.0, "vunit": unit}
    if finite.size:
        metadata |= {"min": float(finite.min()), "max": float(finite.max())}
    pixels = scale.pixel_micrometres
    if pixels is not None:
        metadata |= {"unit": "um"}
    resolution = None if pixels is None else (1 / pixels[1], 1 / pixels[0])
    tifffile.imwrite(path, heights, imagej=True, resolution=resolution, metadata=metadata)


def _read_tiff(path: Path) -> tuple[NDArray[np.float32], HeightScale]:
    from napari_focus_stack.io.tiff import tiff_spacing
    from napari_focus_stack.io.tiff_file import open_tiff_file, page_pixels

    try:
        with open_tiff_file(path) as tif:
            page = tif.pages.first
            if len(tif.pages) > 1 or page.axes != "YX" or np.dtype(page.dtype).kind not in "uif":
                raise InputError(
                    f"'{path}' has {len(tif.pages)} pages with the axes {page.axes}; give a "
                    "height map, which is one grey picture."
                )
            with np.errstate(invalid="ignore"):  # signalling NaN
                values = page_pixels(page).astype(np.float64)
            unit = _value_unit(tif)
            spacing, _ = tiff_spacing(tif)
            first, factor = _calibration(tif, path)
    except DAMAGE as problem:
        raise InputError(f"'{path}' cannot be read ({reason(problem)}); copy it anew.") from problem
    micro = micrometres(1, unit)
    with np.errstate(over="ignore", invalid="ignore"):
        heights = (first + values * factor) * (1.0 if micro is None else micro)
    known = spacing.y is not None and spacing.x is not None
    scale = HeightScale(spacing.y, spacing.x, UNIT) if known else HeightScale()
    name = UNIT if micro is not None else PLANES if unit == PLANES else None
    return single_precision(heights), replace(scale, unit=name)


def _value_unit(tif: TiffFile) -> str | None:
    """Return the unit of values: of ImageJ's calibration, or of our own description."""
    stated = (tif.imagej_metadata or {}).get("vunit")
    if stated is not None:
        return str(stated)
    about = str(tif.pages.first.description or "")
    beginning = describe_values("height", "")[: -len("the unit of the z step")]
    if about.startswith(beginning):
        return about.removeprefix(beginning)
    return PLANES if about == describe_values("depth", None) else None


def _calibration(tif: TiffFile, path: Path) -> tuple[float, float]:
    """Return offset and factor of ImageJ's calibration of whole numbers.

    ImageJ shows floats as they are, whatever calibration their file has.
    """
    known = tif.imagej_metadata or {}
    if "cf" not in known or np.dtype(tif.pages.first.dtype).kind == "f":
        return 0.0, 1.0
    line = [finite_number(known.get(name)) for name in ("c0", "c1")]
    if known["cf"] != 0 or None in line:
        raise InputError(
            f"'{path}' has values with a curved calibration; save heights as they are."
        )
    return line[0] or 0.0, line[1] or 0.0
