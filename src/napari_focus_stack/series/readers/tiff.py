"""TIFF files as series: ImageJ, OME, Micro-Manager, LSM, MetaMorph, arrays and plain pages."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tifffile import TiffFile

from napari_focus_stack.errors import FocusStackError, InputError
from napari_focus_stack.io.output_formats import SAVED
from napari_focus_stack.io.plane_files import DAMAGE, FilePlane, Skipped, Unreadable
from napari_focus_stack.io.reading import read_stack, scan
from napari_focus_stack.io.spacing_metadata import completed, spacing_in_micrometres
from napari_focus_stack.io.tiff import MAGIC, PLAIN, is_preview, tiff_spacing
from napari_focus_stack.io.tiff_pixels import sample_channels
from napari_focus_stack.io.tiff_planes import is_one_block, page_plane, raw_plane
from napari_focus_stack.series.model import Channel, Position, Series
from napari_focus_stack.series.readers.imagej_metadata import (
    imagej_channels,
    imagej_grid,
    imagej_seconds,
)
from napari_focus_stack.series.readers.micromanager_metadata import (
    INDEX,
    Acquisition,
    mmstack_acquisition,
    ndtiff_acquisition,
)
from napari_focus_stack.series.readers.ome_tiff import companion_xml, open_ome
from napari_focus_stack.series.readers.plane_grid import UNNAMED, PlaneGrid
from napari_focus_stack.series.readers.stacked_images import StackedImage, series_of_images
from napari_focus_stack.series.readers.vendor_metadata import (
    lsm_channels,
    lsm_seconds,
    metaseries_channel,
    metaseries_stage,
    stk_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import tifffile

    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.series.model import StackIndex

_KINDS = {
    "imagej": "ImageJ TIFF",
    "mmstack": "Micro-Manager MMStack",
    "ndtiff": "NDTiff",
    "lsm": "Zeiss LSM",
    "stk": "MetaMorph STK",
}
_UNREADABLE_XML = (
    "Its OME-XML cannot be read, so that its pages are taken as z; name other axes if they are none"
)


def open_tiff_series(path: Path, axes: str | None = None) -> Series | None:
    """Open a TIFF file, or the set of files that it belongs to, as a series.

    Parameters
    ----------
    path : pathlib.Path
        A TIFF, or the companion file of an OME set.
    axes : str, optional
        Names of the axes of the planes in their order, as in "TCZYX", which replace those in the
        file; with lengths where pages are one list, as in "T3C2ZYX".

    Returns
    -------
    Series or None
        None if the file is no TIFF.

    Raises
    ------
    InputError
        The file is damaged or holds results; or an axis has no name or is none of position, time,
        channel and z.
    SettingsError
        `axes` do not fit.
    """
    path = Path(path)
    xml = companion_xml(path)
    if xml is not None:
        series = open_ome(path, xml, axes)
        if series is None:
            raise InputError(f"'{path.name}' describes no image; give a TIFF file of its set.")
        return series
    try:
        with path.open("rb") as file:
            is_tiff = file.read(len(MAGIC[0])).startswith(MAGIC)
    except OSError as problem:
        raise InputError(f"'{path.name}' cannot be opened ({problem.strerror}).") from problem
    if not is_tiff:
        return None
    if path.name.lower().endswith(SAVED):
        raise InputError(
            f"'{path.name}' holds results, not planes; give the planes, or its recipe (--recipe)."
        )
    return _opened(path, axes)


def _opened(path: Path, axes: str | None) -> Series:
    """Open a TIFF by its kind."""
    notes: tuple[str, ...] = ()
    try:
        with TiffFile(path) as tif:
            if tif.is_ome and not _is_mmstack(tif):
                series = open_ome(path, tif.ome_metadata or "", axes)
                if series is not None:
                    return series
                notes = (f"{_UNREADABLE_XML}.",)
            else:
                found = _TiffSeries.of(path, tif)
                if found is not None and (axes is not None or found.has_names):
                    return found.series(axes)
            if axes is not None:
                return _TiffSeries.of_pages(path, tif).series(axes)
    except FocusStackError:
        raise
    except Unreadable as problem:
        raise InputError(f"'{path.name}' cannot be read: {problem}.") from problem
    except DAMAGE as problem:
        raise InputError(f"'{path.name}' is a damaged TIFF ({problem}).") from problem
    return _plain_series(path, notes)


def _is_mmstack(tif: TiffFile) -> bool:
    """Check whether an index of Micro-Manager describes the planes, rather than OME-XML."""
    return bool(tif.is_mmstack and tif.series[0].kind == "mmstack")


def _plain_series(path: Path, notes: Sequence[str]) -> Series:
    """Return a series of one stack, whose planes are the pages of a file."""
    scanned = scan(path)
    planes = len(scanned.entries)
    y, x, z = scanned.spacing.y, scanned.spacing.x, scanned.spacing.z
    channel, stage = _metaseries(path)
    position = Position(
        name="",
        times=1,
        channels=(channel,),
        planes=planes,
        plane_shape=scanned.plane_shape,
        dtype=scanned.dtype,
        spacing=spacing_in_micrometres(y, x, z if planes > 1 else None),
        stage=stage,
    )
    found = [*notes, *scanned.notes]
    return Series(
        path, "TIFF", [position], partial(_plain_stack, path), notes=found, files=scanned.files
    )


def _plain_stack(path: Path, _index: StackIndex) -> PlaneSource:
    """Return the only stack of a file."""
    return read_stack(path)


def _metaseries(path: Path) -> tuple[Channel, tuple[float, float] | None]:
    """Return channel and stage position of a file of MetaXpress."""
    with TiffFile(path) as tif:
        if not tif.is_metaseries:
            return Channel(), None
        try:
            metadata = tif.metaseries_metadata or {}
        except DAMAGE:  # the pixels may be sound all the same
            return Channel(), None
    return metaseries_channel(metadata), metaseries_stage(metadata)


@dataclass(frozen=True)
class _TiffSeries:
    """Planes of an open TIFF whose headers tifffile has read.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    tif : tifffile.TiffFile
        The open file; its headers are used after it was closed.
    kind : str
        tifffile's name of the kind.
    grid : PlaneGrid
        Axes by tifffile's letters.
    key : tifffile.TiffPage
        Page whose shape and type are those of all.
    pages : sequence of tifffile pages
        One for each plane, or fewer if they are missing.
    start : int or None
        Place of the first pixel, if planes follow one another without headers.
    """

    path: Path
    tif: TiffFile
    kind: str
    grid: PlaneGrid
    key: tifffile.TiffPage
    pages: Sequence[Any]
    start: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @staticmethod
    def of(path: Path, tif: TiffFile) -> _TiffSeries | None:
        """Return the series whose axes count; None if the pages themselves are the planes."""
        truncated = _truncated_hyperstack(path, tif)
        if truncated is not None:
            return truncated
        if len(tif.series) > 1 and {series.kind for series in tif.series} <= PLAIN:
            return None
        found = tif.series[0]
        in_page = len(found.keyframe.axes)
        letters = found.get_axes(squeeze=False)
        lengths = found.get_shape(squeeze=False)
        # the last axis S has length 1 where pages have no colour
        if letters.endswith("S") and lengths[-1] == 1 and "S" not in found.keyframe.axes:
            letters, lengths = letters[:-1], lengths[:-1]
        grid = PlaneGrid(letters[:-in_page], tuple(lengths[:-in_page]))
        block = is_one_block(found)
        pages = [] if block else list(found.pages)
        start = found.dataoffset if block else None
        return _TiffSeries(path, tif, found.kind, grid, found.keyframe, pages, start)

    @staticmethod
    def of_pages(path: Path, tif: TiffFile) -> _TiffSeries:
        """Return all pages of a file as one list."""
        pages = [page for page in tif.pages if not is_preview(page)]
        grid = PlaneGrid("I", (len(pages),))
        return _TiffSeries(path, tif, "generic", grid, pages[0].aspage(), pages)

    @property
    def has_names(self) -> bool:
        """Whether there is more than one list of pages: named axes, or channels in a pixel."""
        long = [a for a, n in zip(self.grid.letters, self.grid.lengths, strict=True) if n > 1]
        plain = self.kind not in _KINDS and (not long or (len(long) == 1 and long[0] in UNNAMED))
        return not plain or self._samples() > 1

    def series(self, axes: str | None) -> Series:
        """Return the series of these planes."""
        samples = self._samples()
        acquisition = self._acquisition()
        spacing, _ = tiff_spacing(self.tif)
        if acquisition.step is not None:
            spacing = completed(spacing_in_micrometres(None, None, acquisition.step), spacing)
        image = StackedImage(
            found=self.grid,
            first=self._first(samples),
            entries=self._entries,
            samples=samples,
            spacing=spacing,
            channels=acquisition.channels,
            seconds=acquisition.seconds,
            names=acquisition.names,
            stages=acquisition.stages,
            unnamed_is_z=self.kind not in ("ndtiff", "mmstack"),
        )
        kind = _KINDS.get(self.kind, "TIFF")
        files = self._files(acquisition)
        return series_of_images(
            self.path, kind, [image], axes=axes, files=files, notes=self._notes()
        )

    def _samples(self) -> int:
        """Return the number of samples of a pixel that are channels; an LSM's always are."""
        samples = self.key.samplesperpixel
        return samples if self.kind == "lsm" else sample_channels(self.key)

    def _first(self, samples: int) -> FilePlane:
        """Return the first plane that can be read."""
        reason = "it has no planes"
        for k in range(max(len(self.pages), 1)):
            entry = self._entries([k], 0 if samples > 1 else None)[0]
            if isinstance(entry, FilePlane):
                return entry
            reason = entry.reason
        raise Unreadable(reason)

    def _entries(self, numbers: Sequence[int], sample: int | None) -> list[FilePlane | Skipped]:
        """Return planes by their numbers."""
        return [self._entry(number, sample) for number in numbers]

    def _entry(self, number: int, sample: int | None) -> FilePlane | Skipped:
        """Return one plane."""
        name = f"{self.path.name}, plane {number}"
        if self.start is not None:
            if sample is not None:
                raise Unreadable("its channels lie within pixels of a file above 4 GB")
            return raw_plane(self.key, self.start, number, self.path, name)
        page = self.pages[number] if number < len(self.pages) else None
        if page is not None and not any(page.databytecounts):
            page = None  # of an acquisition that ended early, which tifffile reads as zeros
        path = self.path
        if page is not None and page.parent is not self.tif:
            path = self.path.parent / page.parent.filehandle.name
        return page_plane(page, path, name, self.lock, sample)

    def _acquisition(self) -> Acquisition:
        """Return channels, times and positions by the kind of the file."""
        times = self.grid.length("T")
        try:
            match self.kind:
                case "imagej":
                    found = self.tif.imagej_metadata or {}
                    channels = imagej_channels(found, self.grid)
                    return Acquisition(channels, imagej_seconds(found, times))
                case "mmstack":
                    return mmstack_acquisition(self._summary(), times)
                case "ndtiff":
                    return ndtiff_acquisition(self.path.parent, self._summary())
                case "lsm":
                    metadata = self.tif.lsm_metadata or {}
                    return Acquisition(lsm_channels(metadata), lsm_seconds(metadata, times))
                case "stk":
                    return Acquisition(seconds=stk_seconds(self.tif.stk_metadata or {}))
        except DAMAGE:  # the pixels may be sound all the same
            return Acquisition()
        return Acquisition()

    def _summary(self) -> dict[str, Any]:
        """Return Micro-Manager's summary."""
        return dict((self.tif.micromanager_metadata or {}).get("Summary", {}))

    def _files(self, acquisition: Acquisition) -> list[Path]:
        """Return the files of the planes."""
        parents = [page.parent.filehandle.name for page in self.pages if page is not None]
        beside = [*acquisition.files, *([INDEX] if self.kind == "ndtiff" else [])]
        names = dict.fromkeys([*parents, *beside])
        return list(dict.fromkeys([self.path, *(self.path.parent / name for name in names)]))

    def _notes(self) -> list[str]:
        """Return a note if files of an MMStack are missing, of which tifffile reads the rest."""
        if self.kind != "mmstack":
            return []
        summary = self._summary()
        keys = {"T": "Frames", "R": "Positions", "Z": "Slices", "C": "Channels"}
        lost = [
            key.lower()
            for letter, key in keys.items()
            if self.grid.length(letter) < int(summary.get(key, 1))
        ]
        words = " and ".join(lost)
        return [f"Some {words} of the acquisition are missing from its files."] if lost else []


def _truncated_hyperstack(path: Path, tif: TiffFile) -> _TiffSeries | None:
    """Return an ImageJ hyperstack whose end is missing, which tifffile takes for plain pages."""
    metadata = tif.imagej_metadata if tif.is_imagej else None
    grid = imagej_grid(metadata) if metadata else None
    if grid is None or tif.is_ome or tif.series[0].kind == "imagej":
        return None
    pages = list(tif.pages)
    key = pages[0].aspage()
    # ImageJ writes pixels without compression one after the other, headers of later planes last
    block = len(pages) == 1 and key.is_contiguous and key.compression == 1
    start = key.dataoffsets[0] if block else None
    return _TiffSeries(path, tif, "imagej", grid, key, pages, start)
