"""TIFF files of microscopes and cameras: OME, ImageJ, BigTIFF, plain pages.

Planes are read by tifffile one by one. The file is open only while a plane is read, so that nothing
has to be closed later and the file can be moved while its stack is displayed.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from napari_focus_stack.io.ome_place import ome_place
from napari_focus_stack.io.plane_files import (
    DAMAGE,
    FilePlane,
    ImageFile,
    Skipped,
    Unreadable,
    reason,
)
from napari_focus_stack.io.spacing_metadata import (
    completed,
    imagej_spacing,
    ome_spacing,
    resolution_spacing,
)
from napari_focus_stack.io.tiff_file import open_tiff_file
from napari_focus_stack.io.tiff_pixels import sample_channels
from napari_focus_stack.io.tiff_planes import (
    TRUNCATED,
    is_one_block,
    page_plane,
    plane_count,
    raw_plane,
)
from napari_focus_stack.io.vendor_spacing import vendor_spacing

if TYPE_CHECKING:
    from pathlib import Path

    import tifffile
    from tifffile import TiffFile

    from napari_focus_stack.io.sources import Spacing

# tifffile logs faults that it finds, which would appear on stderr beside our own message
logging.getLogger("tifffile").addHandler(logging.NullHandler())

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_AXES = {
    "T": ("time points", "time point"),
    "C": ("channels", "channel"),
    "S": ("channels", "channel"),
    "P": ("positions", "position"),
    "R": ("positions", "position"),
    "M": ("mosaic tiles", "tile"),
    "A": ("angles", "angle"),
    "L": ("wavelengths", "wavelength"),
    "E": ("wavelengths", "wavelength"),
    "H": ("lifetimes", "lifetime"),
}
_Axis = tuple[int, str, str]
_Z_AXES = ("Z", "I", "Q")
"""Z, and tifffile's names of pages and of axes without a name."""
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
PLAIN = {"generic", "uniform", "shaped"}
"""Kinds of tifffile's series of files that no program described."""


def open_tiff(path: Path) -> ImageFile:
    """Read the headers of a TIFF: its planes, axes and distances.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    ImageFile
        Planes, spacing and surplus axes.

    Raises
    ------
    Unreadable
        The file is damaged, or of a kind that is no image to stack.
    """
    try:
        with open_tiff_file(path) as tif:
            return _TiffHeader(path, tif).image_file()
    except DAMAGE as problem:
        raise Unreadable(f"it is a damaged TIFF ({reason(problem)})") from problem


@dataclass(frozen=True)
class _TiffHeader:
    """Headers of an open TIFF."""

    path: Path
    tif: TiffFile

    def image_file(self) -> ImageFile:
        """Return planes, spacing and surplus axes."""
        spacing, position = tiff_spacing(self.tif)
        series = self._stack_series()
        if series is None:
            pages = [page for page in self.tif.pages if not is_preview(page)]
            place = ome_place(self.tif.ome_metadata or "", self.path.name)
            return ImageFile(self._planes(pages), spacing, position, recorded_at=place)
        surplus, has_z = _surplus_axes(self.tif, series)
        if surplus:
            return ImageFile((), spacing, surplus=tuple(surplus), has_z=has_z)
        return ImageFile(self._series_planes(series), spacing, position)

    def _stack_series(self) -> tifffile.TiffPageSeries | None:
        """Return the series whose axes count; None if the pages themselves are the planes."""
        tif = self.tif
        # the description of one file of a set names the others, which tifffile would open
        if tif.is_ome and len(tif.pages) == 1:
            return None
        if len(tif.series) > 1 and {series.kind for series in tif.series} <= PLAIN:
            return None
        return tif.series[0]

    def _series_planes(self, series: tifffile.TiffPageSeries) -> tuple[FilePlane | Skipped, ...]:
        """Return the planes of a series."""
        if not is_one_block(series):
            return self._planes(list(series.pages))
        first, start, path = series.keyframe, series.dataoffset or 0, self.path
        count = plane_count(series)
        held = min(count, (self.tif.filehandle.size - start) // max(1, first.nbytes))
        planes = [
            raw_plane(first, start, k, path, f"{path.name}, plane {k}") for k in range(max(0, held))
        ]
        lost = [Skipped(f"{path.name}, planes from {held} on", TRUNCATED)] if held < count else []
        return (*planes, *lost)

    def _planes(self, pages: list[Any]) -> tuple[FilePlane | Skipped, ...]:
        """Return one plane for each page."""
        lock = threading.Lock()
        alone = len(pages) == 1
        planes: list[FilePlane | Skipped] = []
        for k, page in enumerate(pages):
            name = self.path.name if alone else f"{self.path.name}, plane {k}"
            planes.append(page_plane(page, self.path, name, lock))
        if _chain_is_broken(self.tif) or len(pages) < _imagej_count(self.tif):
            name = f"{self.path.name}, planes from {len(pages)} on"
            planes.append(Skipped(name, TRUNCATED))
        return tuple(planes)


def is_preview(page: Any) -> bool:
    """Return whether a page is a reduced image or a mask.

    Parameters
    ----------
    page : tifffile.TiffPage or tifffile.TiffFrame
        The page.

    Returns
    -------
    bool
        Such pages are no planes.
    """
    return bool(page.keyframe.is_reduced or page.keyframe.is_mask)


def _chain_is_broken(tif: TiffFile) -> bool:
    """Check whether the last page points to a next one that could not be read."""
    layout, handle = tif.tiff, tif.filehandle
    order: Literal["little", "big"] = "little" if tif.byteorder == "<" else "big"
    last = tif.pages[len(tif.pages) - 1].offset
    handle.seek(last)
    tags = int.from_bytes(handle.read(layout.tagnosize), order)
    handle.seek(last + layout.tagnosize + tags * layout.tagsize)
    following = handle.read(layout.offsetsize)
    known = {0, *(page.offset for page in tif.pages)}
    return len(following) < layout.offsetsize or int.from_bytes(following, order) not in known


def _imagej_count(tif: TiffFile) -> int:
    """Return the number of planes by ImageJ's description, which tifffile ignores if truncated."""
    return int((tif.imagej_metadata or {}).get("images", 1))


def _surplus_axes(tif: TiffFile, series: tifffile.TiffPageSeries) -> tuple[list[_Axis], bool]:
    """Return axes beyond z, y, x and colour that are longer than 1, and whether z is one, too."""
    in_page = len(series.keyframe.axes)
    stacked = list(zip(series.axes, series.shape, strict=True))[:-in_page]
    long = [(axis, length) for axis, length in stacked if length > 1]
    names = [axis for axis, _ in long]
    z = next((axis for axis in _Z_AXES if names.count(axis) == 1), None)
    surplus = [(length, *_axis_words(axis)) for axis, length in long if axis != z]
    if series.kind == "ome" and len(tif.series) > 1:
        surplus.append((len(tif.series), "positions", "position"))
    samples = sample_channels(series.keyframe)
    channels = [(samples, *_AXES["C"])] if samples > 1 else []
    return surplus + channels, z is not None


def _axis_words(axis: str) -> tuple[str, str]:
    """Return plural and singular of an axis for messages."""
    return _AXES.get(axis, (f"entries along an axis '{axis}'", f"entry of axis '{axis}'"))


def tiff_spacing(
    tif: TiffFile, stated: tuple[Spacing, float | None] | None = None
) -> tuple[Spacing, float | None]:
    """Return the spacing and, for a file of one plane, its position along z.

    Parameters
    ----------
    tif : tifffile.TiffFile
        An open file.
    stated : tuple of (Spacing, float or None), optional
        Spacing and position of the image in OME-XML; that of the file's own first image by
        default.

    Returns
    -------
    spacing : Spacing
        Distances in micrometres: of OME-XML or ImageJ, then of vendors, then of resolution tags.
    position : float or None
        Position along z, in micrometres.
    """
    tags = tif.pages.first.tags
    imagej = tif.imagej_metadata or {}
    pixels = resolution_spacing(
        tags.valueof(X_RESOLUTION),
        tags.valueof(Y_RESOLUTION),
        int(tags.valueof(RESOLUTION_UNIT, default=2)),
        str(imagej.get("unit", "")),
    )
    position = None
    spacing = pixels
    if stated is not None:
        spacing, position = stated
    elif tif.is_ome:
        spacing, position = ome_spacing(tif.ome_metadata or "")
    elif tif.is_imagej:
        spacing = imagej_spacing(imagej, pixels)
    if spacing.z is None and position is None:
        vendor, position = vendor_spacing(tif)
        if vendor.unit is not None:
            pair = (vendor, spacing) if spacing is pixels else (spacing, vendor)
            spacing = completed(*pair)
    return spacing if spacing is pixels else completed(spacing, pixels), position
