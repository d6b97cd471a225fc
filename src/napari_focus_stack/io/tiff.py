"""TIFF files of microscopes and cameras: OME, ImageJ, BigTIFF, plain pages.

Planes are read by tifffile one by one. The file is open only while a plane is read, so that nothing
has to be closed later and the file can be moved while its stack is displayed.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tifffile
from tifffile import PHOTOMETRIC, TiffFile

from napari_focus_stack.io.plane_files import (
    DAMAGE,
    FilePlane,
    ImageFile,
    Skipped,
    Unreadable,
)
from napari_focus_stack.io.spacing_metadata import (
    completed,
    imagej_spacing,
    ome_spacing,
    resolution_spacing,
)
from napari_focus_stack.io.tiff_pixels import (
    has_other_channel,
    is_grey_with_alpha,
    load_page,
    load_raw,
    page_kind,
    palette_of,
)
from napari_focus_stack.io.vendor_spacing import vendor_spacing

if TYPE_CHECKING:
    from pathlib import Path

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
ORIENTATION = 274
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
OTHER_CHANNEL = (
    "The fourth channel of the files is no alpha by their tags and was left out; give it as a "
    "stack of its own if it shows the specimen"
)
_PLAIN = {"generic", "uniform", "shaped"}


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
        with TiffFile(path) as tif:
            return _TiffHeader(path, tif, tif.filehandle.size).image_file()
    except DAMAGE as problem:
        raise Unreadable(f"it is a damaged TIFF ({problem})") from problem


@dataclass(frozen=True)
class _TiffHeader:
    """Headers of an open TIFF."""

    path: Path
    tif: TiffFile
    size: int

    def image_file(self) -> ImageFile:
        """Return planes, spacing and surplus axes."""
        spacing, position = _spacing(self.tif)
        series = self._stack_series()
        if series is None:
            pages = [page for page in self.tif.pages if not _is_preview(page)]
            return ImageFile(self._planes(pages), spacing, position)
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
        if len(tif.series) > 1 and {series.kind for series in tif.series} <= _PLAIN:
            return None
        return tif.series[0]

    def _series_planes(self, series: tifffile.TiffPageSeries) -> tuple[FilePlane | Skipped, ...]:
        """Return the planes of a series."""
        first = series.keyframe
        count = int(np.prod(series.shape)) // int(np.prod(first.shape))
        if series.dataoffset is None or len(series.pages) == count:
            return self._planes(list(series.pages))
        # ImageJ above 4 GB and MetaMorph: header of one page, then the pixels of all planes
        kind = page_kind(first)
        planes: list[FilePlane | Skipped] = []
        for k in range(count):
            offset = series.dataoffset + k * first.nbytes
            name = f"{self.path.name}, plane {k}"
            if offset + first.nbytes > self.size:
                planes.append(Skipped(name, "the file is truncated"))
            else:
                load = partial(load_raw, self.path, offset, first, palette_of(first))
                planes.append(FilePlane(self.path, name, *kind, load, _orientation(first)))
        return tuple(planes)

    def _planes(self, pages: list[Any]) -> tuple[FilePlane | Skipped, ...]:
        """Return one plane for each page."""
        lock = threading.Lock()
        alone = len(pages) == 1
        planes: list[FilePlane | Skipped] = []
        for k, page in enumerate(pages):
            name = self.path.name if alone else f"{self.path.name}, plane {k}"
            planes.append(self._plane(page, name, lock))
        if _chain_is_broken(self.tif) or len(pages) < _imagej_count(self.tif):
            name = f"{self.path.name}, planes from {len(pages)} on"
            planes.append(Skipped(name, "the file is truncated"))
        return tuple(planes)

    def _plane(self, page: Any, name: str, lock: threading.Lock) -> FilePlane | Skipped:
        """Return the plane of one page."""
        if page is None:
            return Skipped(name, "it is missing from the file")
        try:
            shape, dtype = page_kind(page.keyframe)
        except Unreadable as problem:
            return Skipped(name, str(problem))
        ends = (o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False))
        if page.parent is self.tif and max(ends, default=self.size + 1) > self.size:
            return Skipped(name, "the file is truncated")
        load = partial(load_page, page, lock, palette_of(page.keyframe))
        orientation = _orientation(page.keyframe)
        note = OTHER_CHANNEL if has_other_channel(page.keyframe) else ""
        return FilePlane(self.path, name, shape, dtype, load, orientation, shared_note=note)


def _orientation(page: tifffile.TiffPage) -> int:
    """Return the orientation of a page, 1 to 8; 1 if the tag is missing or damaged."""
    value = page.tags.valueof(ORIENTATION, default=1)
    return value if value in range(1, 9) else 1


def _is_preview(page: Any) -> bool:
    """Check whether a page is a reduced image or a mask."""
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
    return surplus + _sample_channels(series.keyframe), z is not None


def _sample_channels(page: tifffile.TiffPage) -> list[_Axis]:
    """Return the samples of a pixel if they are channels of a microscope rather than a colour."""
    samples = page.samplesperpixel
    grey = page.photometric in (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE)
    if not grey or samples in (1, 3) or is_grey_with_alpha(page):
        return []
    return [(samples, *_AXES["C"])]


def _axis_words(axis: str) -> tuple[str, str]:
    """Return plural and singular of an axis for messages."""
    return _AXES.get(axis, (f"entries along an axis '{axis}'", f"entry of axis '{axis}'"))


def _spacing(tif: TiffFile) -> tuple[Spacing, float | None]:
    """Return the spacing and, for a file of one plane, its position along z."""
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
    if tif.is_ome:
        spacing, position = ome_spacing(tif.ome_metadata or "")
    elif tif.is_imagej:
        spacing = imagej_spacing(imagej, pixels)
    if spacing.z is None and position is None:
        vendor, position = vendor_spacing(tif)
        if vendor.unit is not None:
            pair = (vendor, spacing) if spacing is pixels else (spacing, vendor)
            spacing = completed(*pair)
    return spacing if spacing is pixels else completed(spacing, pixels), position
