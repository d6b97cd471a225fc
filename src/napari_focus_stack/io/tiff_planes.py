"""Planes of TIFF pages: headers are checked, and pixels stay on disk."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_focus_stack.io.plane_files import DAMAGE, FilePlane, Skipped, Unreadable, reason
from napari_focus_stack.io.tiff_file import refuse_large_page
from napari_focus_stack.io.tiff_pixels import (
    has_other_channel,
    load_page,
    load_raw,
    load_sample,
    page_kind,
    palette_of,
    sample_kind,
)

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    import tifffile

ORIENTATION = 274
OTHER_CHANNEL = (
    "The fourth channel of the files is no alpha by their tags and was left out; give it as a "
    "stack of its own if it shows the specimen"
)
TRUNCATED = "the file is truncated"


def page_plane(
    page: Any, path: Path, name: str, lock: threading.Lock, sample: int | None = None
) -> FilePlane | Skipped:
    """Return the plane of one page.

    Parameters
    ----------
    page : tifffile.TiffPage, tifffile.TiffFrame or None
        The page; None if it is missing.
    path : pathlib.Path
        Its file.
    name : str
        Name of the plane for messages.
    lock : threading.Lock
        Lock of the file.
    sample : int, optional
        Number of the sample of each pixel, if samples are channels.

    Returns
    -------
    FilePlane or Skipped
        Skipped if the page is missing, truncated or no picture.
    """
    if page is None:
        return Skipped(name, "it is missing from the file")
    try:
        return _readable_plane(page, path, name, lock, sample)
    except Unreadable as problem:
        return Skipped(name, str(problem))
    except DAMAGE as problem:
        return Skipped(name, f"its header is damaged ({reason(problem)})")


def _readable_plane(
    page: Any, path: Path, name: str, lock: threading.Lock, sample: int | None
) -> FilePlane:
    """Return the plane of a page; raise Unreadable if it is truncated or no picture."""
    key = page.keyframe
    shape, dtype = page_kind(key) if sample is None else sample_kind(key)
    refuse_large_page(page)
    size = page.parent.filehandle.size
    ends = (o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False))
    if max(ends, default=size + 1) > size:
        raise Unreadable(TRUNCATED)
    orientation = _orientation(key)
    if sample is not None:
        chosen = partial(load_sample, page, lock, sample)
        return FilePlane(path, name, shape, dtype, chosen, orientation)
    load = partial(load_page, page, lock, palette_of(key))
    note = OTHER_CHANNEL if has_other_channel(key) else ""
    return FilePlane(path, name, shape, dtype, load, orientation, shared_note=note)


def is_one_block(series: tifffile.TiffPageSeries) -> bool:
    """Return whether pixels of all planes follow the first, and later planes have no header.

    Parameters
    ----------
    series : tifffile.TiffPageSeries
        Series of pages.

    Returns
    -------
    bool
        True for ImageJ above 4 GB and MetaMorph.
    """
    return series.dataoffset is not None and len(series.pages) != plane_count(series)


def plane_count(series: tifffile.TiffPageSeries) -> int:
    """Return the number of planes of a series.

    Parameters
    ----------
    series : tifffile.TiffPageSeries
        Series of pages.

    Returns
    -------
    int
        Product of the lengths of its axes beyond those of a page.
    """
    return math.prod(map(int, series.shape)) // math.prod(map(int, series.keyframe.shape))


def raw_plane(
    first: tifffile.TiffPage, start: int, k: int, path: Path, name: str
) -> FilePlane | Skipped:
    """Return a plane of uncompressed pixels that follow one another without headers.

    Parameters
    ----------
    first : tifffile.TiffPage
        Page whose header counts for all planes.
    start : int
        Place of the first pixel of the first plane.
    k : int
        Number of the plane.
    path : pathlib.Path
        The file.
    name : str
        Name of the plane for messages.

    Returns
    -------
    FilePlane or Skipped
        Skipped if the file ends before the plane does.

    Raises
    ------
    Unreadable
        The page is of a kind that is no picture.
    """
    kind = page_kind(first)
    offset = start + k * first.nbytes
    if offset + first.nbytes > first.parent.filehandle.size:
        return Skipped(name, TRUNCATED)
    load = partial(load_raw, path, offset, first, palette_of(first))
    return FilePlane(path, name, *kind, load, _orientation(first))


def _orientation(page: tifffile.TiffPage) -> int:
    """Return the orientation of a page, 1 to 8; 1 if the tag is missing or damaged."""
    value = page.tags.valueof(ORIENTATION, default=1)
    return value if value in range(1, 9) else 1
