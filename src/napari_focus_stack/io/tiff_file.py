"""TIFF files whose directories are checked before tifffile follows and expands them."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from xml.etree import ElementTree

import numpy as np
from tifffile import COMPRESSION, TiffFile, TiffFileError

from napari_focus_stack.io.declared_size import (
    ANY,
    DEFLATE,
    JPEG,
    MOST_PLANES,
    bytes_of,
    refuse_oversize,
)
from napari_focus_stack.io.plane_files import DAMAGE, Unreadable
from napari_focus_stack.io.tiff_segments import MOST_CHUNK, refuse_large_segments
from napari_focus_stack.io.xml_documents import parse_xml, refuse_entities

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import tifffile
    from numpy.typing import NDArray
    from tifffile import TiffPage

_MOST_TAGS = 4096
"""Tags of a directory above which tifffile takes it for damaged."""
_DESCRIPTION = 270
_PIXELS = re.compile(r"Pixels\s[^<]*")
_SIZE = re.compile(r"\bSize[XYZCT]\s*=\s*[\"']([^\"']*)")
_ORDER = re.compile(r"\bDimensionOrder\s*=\s*[\"']([^\"']*)")
"""Elements and attributes of OME-XML: parsed as a whole, that of a large set takes a second. With
letters first, the search takes a fourth of the time that it takes from "<" on."""
_COUNT = re.compile(r"Plane(?:Count|s)\s*=\s*[\"']([^\"']{7,})")
"""Absurd counts in "PlaneCount" and "NumPlanes" of blocks: the others have fewer letters."""
_TOO_MANY = "its metadata declare more planes than any recording has"
_PAGE = re.compile("[0-9]{1,9}")
_ELSEWHERE = re.compile(r"[/\\:]")
"""Letters of names that lead out of a folder."""
_EXPANSIONS = {
    COMPRESSION.NONE: 8,
    COMPRESSION.DEFLATE: DEFLATE,
    COMPRESSION.ADOBE_DEFLATE: DEFLATE,
    COMPRESSION.JPEG: JPEG,
    COMPRESSION.OJPEG: JPEG,
    COMPRESSION.ALT_JPEG: JPEG,
}
"""Bytes of pixels in a byte of the file, by compression; bits become bytes when they are read."""


@contextmanager
def open_tiff_file(path: Path) -> Iterator[TiffFile]:
    """Open a TIFF whose chain of pages ends, and whose XML can be read without harm.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Yields
    ------
    tifffile.TiffFile
        The open file, whose XML declares no entities and no more planes than any recording has.

    Raises
    ------
    OSError, ValueError and others of `DAMAGE`
        It is no TIFF, is damaged, or is made to fill the memory.
    """
    with open_pages(path) as tif:
        _refuse_many_planes(tif)
        yield tif


@contextmanager
def open_pages(path: Path) -> Iterator[TiffFile]:
    """Open a TIFF of which pages are looked up by their numbers, and its series are not.

    Each file of a set holds the OME-XML of all: to search it takes as long as to read it.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Yields
    ------
    tifffile.TiffFile
        The open file, whose chain of pages ends and whose XML declares no entities.

    Raises
    ------
    OSError, ValueError and others of `DAMAGE`
        It is no TIFF, is damaged, or is made to fill the memory.
    """
    with open_first_page(path) as page:
        _refuse_loop(page.parent)
        yield page.parent


@contextmanager
def open_first_page(path: Path) -> Iterator[TiffPage]:
    """Open a TIFF of which the first page alone is looked at: the others may form a loop.

    To follow the chain of pages takes a step through the file for each.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Yields
    ------
    tifffile.TiffPage
        Its first page, whose XML declares no entities.

    Raises
    ------
    OSError, ValueError and others of `DAMAGE`
        It is no TIFF, is damaged, or is made to fill the memory.
    """
    # dates and distances of MetaMorph overflow in damaged files, which NumPy would warn of
    with np.errstate(all="ignore"), TiffFile(path) as tif:
        page = tif.pages.first
        text = page.tags.valueof(_DESCRIPTION)
        if isinstance(text, str):
            refuse_entities(text)
        yield page


def _refuse_many_planes(tif: TiffFile) -> None:
    """Refuse OME-XML of more planes than any recording has: tifffile would list them one by one."""
    text, size = tif.ome_metadata or "", tif.pages.first.size
    images = [unescape(pixels) for pixels in _PIXELS.findall(text)]
    if any(len(set(order)) < len(order) for image in images for order in _ORDER.findall(image)):
        raise TiffFileError("its metadata name an axis twice")
    declared = map(_SIZE.findall, images)
    if any(_are_too_many(sizes, size) for sizes in declared) and not _fit_their_pages(tif, text):
        raise TiffFileError(_TOO_MANY)
    if any(_whole_number(unescape(count)) > MOST_PLANES for count in _COUNT.findall(text)):
        raise TiffFileError(_TOO_MANY)


def _are_too_many(sizes: Iterable[str], page: int) -> bool:
    """Check whether the lengths of axes are those of more pages than any recording has."""
    return math.prod(map(_whole_number, sizes)) > MOST_PLANES * max(1, page)


def _fit_their_pages(tif: TiffFile, text: str) -> bool:
    """Check whether images of too many planes for the first page are no more than theirs allow.

    The first image may be a small one, such as a bleached region, before stacks of large planes.
    """
    try:
        root = parse_xml(text)
    except ElementTree.ParseError:
        return False
    files: dict[str | None, str] = {}  # the first name of a UUID would count for tifffile
    uuids = [part for part in root.iter() if part.tag.endswith("UUID")]
    if any(files.setdefault(one.text, _file_name(one)) != _file_name(one) for one in uuids):
        return False
    first = tif.pages.first.size
    images = [part for part in root.iter() if part.tag.endswith("Pixels")]
    return not any(
        _are_too_many(_lengths(image), min(_named_sizes(tif, root, image), default=first))
        for image in images
        if _are_too_many(_lengths(image), first)
    )


def _lengths(pixels: ElementTree.Element) -> list[str]:
    return [pixels.get(f"Size{axis}", "1") for axis in "XYZCT"]


def _named_sizes(
    tif: TiffFile, root: ElementTree.Element, pixels: ElementTree.Element
) -> Iterator[int]:
    """Yield the sizes of the pages that an image names; 0 for what is not looked at."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for data in pixels:
        if data.tag.endswith("TiffData"):
            uuid = next((part for part in data if part.tag.endswith("UUID")), None)
            is_own = uuid is None or uuid.text == root.get("UUID")
            name = "" if uuid is None or is_own else _file_name(uuid)
            wanted["" if name == tif.filename else name].add(data.get("IFD", "0"))
    for name, numbers in wanted.items():
        beside = Path(tif.filehandle.dirname, name)
        is_plain = not _ELSEWHERE.search(name) and name.lower() != tif.filename.lower()
        if not is_plain or not all(map(_PAGE.fullmatch, numbers)):
            yield 0
        elif not name:
            yield from _page_sizes(tif, numbers)
        elif beside.is_file():
            with open_pages(beside) as other:
                yield from _page_sizes(other, numbers)


def _file_name(uuid: ElementTree.Element) -> str:
    return uuid.get("FileName", "")


def _page_sizes(tif: TiffFile, numbers: Iterable[str]) -> Iterator[int]:
    """Yield the sizes of pages that can be read: of others, tifffile lists no planes."""
    for number in map(int, numbers):
        try:
            size = tif.pages[number].size
        except DAMAGE:
            continue
        yield size


def _whole_number(text: str) -> int:
    """Return a number as tifffile reads it; 1 for other text, which it refuses."""
    try:
        return abs(int(text))
    except ValueError:
        return 1


def _refuse_loop(tif: TiffFile) -> None:
    """Refuse pages that lead back to earlier ones, which tifffile follows without an end."""
    layout, handle = tif.tiff, tif.filehandle
    order: Literal["little", "big"] = "little" if tif.byteorder == "<" else "big"
    seen: set[int] = set()
    offset = tif.pages.first.offset
    while 0 < offset < handle.size:
        if offset in seen:
            raise TiffFileError("its pages form a loop")
        seen.add(offset)
        handle.seek(offset)
        tags = int.from_bytes(handle.read(layout.tagnosize), order)
        if tags > _MOST_TAGS:
            return
        handle.seek(offset + layout.tagnosize + tags * layout.tagsize)
        offset = int.from_bytes(handle.read(layout.offsetsize), order)


def refuse_large_page(page: Any) -> None:
    """Refuse a page that is larger by its header than the file can hold.

    Parameters
    ----------
    page : tifffile.TiffPage or tifffile.TiffFrame
        The page.

    Raises
    ------
    Unreadable
        The size is not possible, or its tiles are larger than the page.
    """
    key = page.keyframe
    size = (key.imagelength, key.imagewidth)
    itemsize = 1 if key.dtype is None else key.dtype.itemsize
    declared = bytes_of(key.shape, itemsize)
    stored = min(sum(page.databytecounts), page.parent.filehandle.size)
    is_sparse = 0 in page.databytecounts  # tiles of a mosaic that were not recorded
    expansion = ANY if is_sparse else _EXPANSIONS.get(key.compression, ANY)
    chunk = math.prod(map(int, key.chunks)) * itemsize
    if chunk > max(MOST_CHUNK, 2 * declared):
        raise Unreadable(
            f"its tiles are larger than its {size[1]} x {size[0]} pixels, so its header is damaged"
        )
    refuse_oversize(size, declared, stored, expansion)


def page_pixels(page: Any) -> NDArray[Any]:
    """Decode a page whose declared size is possible.

    Parameters
    ----------
    page : tifffile.TiffPage or tifffile.TiffFrame
        Page of an open file.

    Returns
    -------
    numpy.ndarray
        Its pixels as stored.

    Raises
    ------
    tifffile.TiffFileError
        The file cannot hold a page of its size.
    """
    _refuse(page)
    pixels: NDArray[Any] = page.asarray()
    return pixels


def series_pixels(series: tifffile.TiffPageSeries) -> NDArray[Any]:
    """Decode all pages of a series, whose declared sizes are possible.

    Parameters
    ----------
    series : tifffile.TiffPageSeries
        Series of an open file.

    Returns
    -------
    numpy.ndarray
        Its pixels as stored.

    Raises
    ------
    tifffile.TiffFileError
        The file cannot hold pages of their size.
    """
    pages = [page for page in series.pages if page is not None]
    for page in pages:
        _refuse(page)
    size = pages[0].parent.filehandle.size
    declared = bytes_of(series.shape, series.dtype.itemsize)
    planes = math.prod(map(int, series.shape)) // math.prod(map(int, series.keyframe.shape))
    if len(pages) < planes and declared > size:
        raise TiffFileError("it ends before its last plane")
    return series.asarray()


def _refuse(page: Any) -> None:
    try:
        refuse_large_page(page)
    except Unreadable as problem:
        raise TiffFileError(str(problem)) from None
    refuse_large_segments(page)
