"""TIFF files whose pages tifffile arranges: ImageJ, Micro-Manager, LSM, MetaMorph, arrays."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_focus_stack.io.plane_files import DAMAGE, FilePlane, Skipped, Unreadable
from napari_focus_stack.io.spacing_metadata import completed, spacing_in_micrometres
from napari_focus_stack.io.tiff import PLAIN, is_preview, tiff_spacing
from napari_focus_stack.io.tiff_pixels import sample_channels
from napari_focus_stack.io.tiff_planes import page_plane, plane_count, raw_plane
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
from napari_focus_stack.series.readers.plane_grid import UNNAMED, PlaneGrid
from napari_focus_stack.series.readers.stacked_images import StackedImage, series_of_images
from napari_focus_stack.series.readers.vendor_metadata import (
    lsm_channels,
    lsm_seconds,
    stk_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import tifffile
    from tifffile import TiffFile

    from napari_focus_stack.series.model import Series

_KINDS = {
    "imagej": "ImageJ TIFF",
    "mmstack": "Micro-Manager MMStack",
    "ndtiff": "NDTiff",
    "lsm": "Zeiss LSM",
    "stk": "MetaMorph STK",
}
_CONTIGUOUS = ("imagej", "shaped", "stk")
"""Kinds of one file whose planes may follow one another."""


@dataclass(frozen=True)
class TiffSeries:
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
    def of(path: Path, tif: TiffFile) -> TiffSeries | None:
        """Return the planes whose axes count.

        Parameters
        ----------
        path : pathlib.Path
            The file.
        tif : tifffile.TiffFile
            The open file.

        Returns
        -------
        TiffSeries or None
            None if the pages themselves are the planes.
        """
        truncated = _truncated_hyperstack(path, tif)
        if truncated is not None:
            return truncated
        if len(tif.series) > 1 and {series.kind for series in tif.series} <= PLAIN:
            return None
        found = tif.series[0]
        in_page = len(found.keyframe.axes)
        letters, lengths = _all_axes(tif)
        # tifffile appends a colour of length 1 to the axes of grey pages
        if letters[-1] in "SC" and lengths[-1] == 1 and "S" not in found.keyframe.axes:
            letters, lengths = letters[:-1], lengths[:-1]
        grid = PlaneGrid(letters[:-in_page], tuple(lengths[:-in_page]))
        if math.prod(grid.lengths) != plane_count(found):
            raise Unreadable(f"its axes {letters} do not fit its pages")
        contiguous = found.kind in _CONTIGUOUS and sample_channels(found.keyframe) == 1
        start = found.dataoffset if contiguous else None
        # ten thousand headers need not be read where planes follow one another
        pages = list(found.pages) if start is None else []
        return TiffSeries(path, tif, found.kind, grid, found.keyframe, pages, start)

    @staticmethod
    def of_pages(path: Path, tif: TiffFile) -> TiffSeries:
        """Return all pages of a file as one list.

        Parameters
        ----------
        path : pathlib.Path
            The file.
        tif : tifffile.TiffFile
            The open file.

        Returns
        -------
        TiffSeries
            Planes along an axis without a name.
        """
        pages = [page for page in tif.pages if not is_preview(page)]
        grid = PlaneGrid("I", (len(pages),))
        return TiffSeries(path, tif, "generic", grid, pages[0].aspage(), pages)

    @property
    def has_names(self) -> bool:
        """Whether there is more than one list of pages: named axes, or channels in a pixel."""
        long = [a for a, n in zip(self.grid.letters, self.grid.lengths, strict=True) if n > 1]
        plain = self.kind not in _KINDS and (not long or (len(long) == 1 and long[0] in UNNAMED))
        return not plain or self._samples() > 1

    def series(self, axes: str | None) -> Series:
        """Return the series of these planes.

        Parameters
        ----------
        axes : str or None
            Names of axes that the caller gave.

        Returns
        -------
        Series
            Its stacks are opened on demand.

        Raises
        ------
        Unreadable
            No plane can be read.
        InputError
            An axis is none of position, time, channel and z.
        SettingsError
            The axes given do not fit.
        """
        samples = self._samples()
        acquisition = self._acquisition()
        spacing, _ = tiff_spacing(self.tif)
        if acquisition.step is not None:
            spacing = completed(spacing_in_micrometres(None, None, acquisition.step), spacing)
        image = StackedImage(
            found=self.grid,
            first=self._first(samples),
            entries=self._entries,
            plane_files=self._plane_files,
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
        return page_plane(page, self._file_of(page), name, self.lock, sample)

    def _plane_files(self, numbers: Sequence[int]) -> list[Path]:
        """Return the files of planes by their numbers."""
        if self.start is not None:
            return [self.path]
        pages = (self.pages[number] for number in numbers if number < len(self.pages))
        return list(dict.fromkeys(self._file_of(page) for page in pages if page is not None))

    def _file_of(self, page: Any) -> Path:
        """Return the file of a page, which may be another one of the acquisition."""
        if page is None or page.parent is self.tif:
            return self.path
        return Path(self.path.parent, page.parent.filehandle.name)

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
                    index = (self.tif.micromanager_metadata or {})["IndexMap"]
                    summary, positions = self._summary(), self.grid.length("R")
                    whole = positions == int(summary.get("Positions", 1))
                    first = 0 if whole else int(index[:, 3].min())
                    return mmstack_acquisition(summary, times, range(first, first + positions))
                case "ndtiff":
                    return ndtiff_acquisition(self.path.parent, self._summary())
                case "lsm":
                    metadata = self.tif.lsm_metadata or {}
                    return Acquisition(lsm_channels(metadata), lsm_seconds(metadata, times))
                case "stk":
                    return Acquisition(seconds=stk_seconds(self.tif.stk_metadata or {}, times))
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


def _all_axes(tif: TiffFile) -> tuple[str, tuple[int, ...]]:
    """Return the letters and lengths of the first series' axes, those of length 1 included."""
    series: Any = tif.series
    if callable(series):  # from tifffile 2026.5.2 on, which needs Python 3.12
        whole = series(squeeze=False)[0]
        return whole.axes, whole.shape
    return series[0].get_axes(squeeze=False), series[0].get_shape(squeeze=False)


def _truncated_hyperstack(path: Path, tif: TiffFile) -> TiffSeries | None:
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
    return TiffSeries(path, tif, "imagej", grid, key, pages, start)
