"""Pixel size, z step and z position that microscopes write into TIFF in their own ways.

tifffile parses the tags; the units are those of each vendor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.io.plane_files import DAMAGE
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.io.spacing_metadata import (
    even_step,
    finite_number,
    micrometres,
    spacing_in_micrometres,
)

if TYPE_CHECKING:
    from tifffile import TiffFile

_Found = tuple[Spacing, float | None]


def vendor_spacing(tif: TiffFile) -> _Found:
    """Return the distances in the metadata of one of the vendors that tifffile parses.

    Parameters
    ----------
    tif : tifffile.TiffFile
        An open file.

    Returns
    -------
    spacing : Spacing
        Distances in micrometres; empty if no vendor is recognised, or its metadata are damaged.
    position : float or None
        Position along z of a file of one plane, in micrometres.
    """
    kind = _vendor(tif)
    if kind is None:
        return Spacing(), None
    try:
        with np.errstate(divide="ignore", invalid="ignore"):  # MetaMorph's fractions of 0 / 0
            found: Any = getattr(tif, f"{kind}_metadata")
        return _VENDORS[kind](found if isinstance(found, Mapping) else {}, tif)
    except DAMAGE:  # the pixels may be sound all the same
        return Spacing(), None


def _vendor(tif: TiffFile) -> str | None:
    """Return the vendor of a file by its tags: faster than all of tifffile's checks in turn."""
    tags = tif.pages.first.tags
    codes = set(tags.keys())
    kind = next((kind for code, kind in _BY_TAG.items() if code in codes), None)
    texts = codes & {_SOFTWARE, _DESCRIPTION}
    if kind is None and any(word in str(tags.valueof(c)) for c in texts for word in _WORDS):
        kind = next((kind for kind in _BY_TEXT if getattr(tif, f"is_{kind}")), None)
    return kind


def _metaseries(found: Mapping[str, Any], _tif: TiffFile) -> _Found:
    """MetaMorph and ImageXpress; the position is in micrometres."""
    plane = _part(found, "PlaneInfo")
    unit = str(plane.get("spatial-calibration-units", ""))
    y, x = (micrometres(plane.get(f"spatial-calibration-{axis}"), unit) for axis in "yx")
    return spacing_in_micrometres(y, x, None), finite_number(plane.get("z-position"))


def _micromanager(found: Mapping[str, Any], tif: TiffFile) -> _Found:
    """Micro-Manager; a tag of the first page has what the file has not, and the position."""
    summary, plane = _part(found, "Summary"), _page_tag(tif, 51123)
    size = plane.get("PixelSizeUm", summary.get("PixelSize_um"))
    pixel = micrometres(size, "um")
    step = micrometres(summary.get("z-step_um"), "um")
    position = finite_number(plane.get("ZPositionUm")) if len(tif.pages) == 1 else None
    return spacing_in_micrometres(pixel, pixel, step), position


def _lsm(found: Mapping[str, Any], _tif: TiffFile) -> _Found:
    y, x, z = (micrometres(found.get(f"VoxelSize{axis}"), "m") for axis in "YXZ")
    return spacing_in_micrometres(y, x, z), None


def _stk(found: Mapping[str, Any], _tif: TiffFile) -> _Found:
    """MetaMorph's stacks; the z step is that of absolute positions, or else of all distances."""
    unit = str(found.get("CalibrationUnits", ""))
    y, x = (micrometres(found.get(f"{axis}Calibration"), unit) for axis in "YX")
    step = even_step(_numbers(found.get("AbsoluteZ")))
    distances = {abs(distance) for distance in _numbers(found.get("ZDistance"))} - {0.0}
    if step is None and len(distances) == 1:
        step = distances.pop()
    return spacing_in_micrometres(y, x, micrometres(step, "um")), None


def _fluoview(found: Mapping[str, Any], _tif: TiffFile) -> _Found:
    sizes = {
        str(name).strip().casefold(): micrometres(resolution, str(unit))
        for name, _size, _origin, resolution, unit in found.get("Dimensions", ())
    }
    return spacing_in_micrometres(sizes.get("y"), sizes.get("x"), sizes.get("z")), None


def _sis(found: Mapping[str, Any], _tif: TiffFile) -> _Found:
    y, x = (micrometres(found.get(f"pixelsize{axis}"), "m") for axis in "yx")
    return spacing_in_micrometres(y, x, None), None


def _fei(found: Mapping[str, Any], _tif: TiffFile) -> _Found:
    scan = _part(found, "Scan") or _part(found, "EScan")
    y, x = (micrometres(scan.get(f"Pixel{side}"), "m") for side in ("Height", "Width"))
    return spacing_in_micrometres(y, x, None), None


def _sem(found: Mapping[str, Any], _tif: TiffFile) -> _Found:
    """Zeiss electron microscopes: name, value and unit."""
    entry = found.get("ap_image_pixel_size", found.get("ap_pixel_size", ()))
    size = micrometres(entry[1], str(entry[2])) if len(entry) == 3 else None
    return spacing_in_micrometres(size, size, None), None


def _scanimage(found: Mapping[str, Any], _tif: TiffFile) -> _Found:
    frame = _part(found, "FrameData")
    keys = ("SI.hStackManager.actualStackZStepSize", "SI.hStackManager.stackZStepSize")
    steps = [micrometres(frame.get(key), "um") for key in keys]
    return spacing_in_micrometres(None, None, steps[0] or steps[1]), None


def _tvips(found: Mapping[str, Any], _tif: TiffFile) -> _Found:
    y, x = (micrometres(found.get(f"PixelSize{axis}"), "nm") for axis in "YX")
    return spacing_in_micrometres(y, x, None), None


_VENDORS: dict[str, Callable[[Mapping[str, Any], TiffFile], _Found]] = {
    "micromanager": _micromanager,
    "metaseries": _metaseries,
    "stk": _stk,
    "lsm": _lsm,
    "fluoview": _fluoview,
    "sis": _sis,
    "fei": _fei,
    "sem": _sem,
    "scanimage": _scanimage,
    "tvips": _tvips,
}
_BY_TAG = {
    51123: "micromanager",
    33629: "stk",
    34412: "lsm",
    34361: "fluoview",
    33560: "sis",
    34680: "fei",
    34682: "fei",
    34118: "sem",
    37706: "tvips",
}
_SOFTWARE, _DESCRIPTION = 305, 270
_WORDS = ("MetaSeries", "SI.", "state.")
"""Words in the texts of vendors without a tag of their own."""
_BY_TEXT = ("metaseries", "scanimage")


def _part(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a mapping within metadata; an empty one if it is missing or no mapping."""
    part = found.get(name)
    return part if isinstance(part, Mapping) else {}


def _page_tag(tif: TiffFile, code: int) -> Mapping[str, Any]:
    value = tif.pages.first.tags.valueof(code)
    return value if isinstance(value, Mapping) else {}


def _numbers(values: Any) -> list[float]:
    return [] if values is None else [float(value) for value in values]
