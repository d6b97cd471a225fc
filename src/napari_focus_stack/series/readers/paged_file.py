"""TIFF files whose pages are looked up when they are needed, and which are closed meanwhile."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from napari_focus_stack.io.plane_files import DAMAGE, FilePlane, Skipped, reason
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.io.tiff import tiff_spacing
from napari_focus_stack.io.tiff_file import open_pages
from napari_focus_stack.io.tiff_pixels import sample_channels
from napari_focus_stack.io.tiff_planes import TRUNCATED, page_plane

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import tifffile


class PagedFile:
    """Pages of a TIFF by their numbers.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Raises
    ------
    OSError, ValueError and others of `DAMAGE`
        The file is missing or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        with open_pages(path) as self._tif:
            pass

    def planes(self, numbers: Sequence[int], sample: int | None) -> list[FilePlane | Skipped]:
        """Return planes whose headers are read now.

        Parameters
        ----------
        numbers : sequence of int
            Numbers of the pages.
        sample : int or None
            Number of the sample of each pixel, if samples are channels.

        Returns
        -------
        list of FilePlane or Skipped
            One for each number.
        """
        with self._opened():
            pages = [self._page(number) for number in numbers]
            # while the file is open: tags of odd lengths are read when they are looked at
            return [
                page
                if isinstance(page, Skipped)
                else page_plane(page, self.path, self._name(number), self._lock, sample)
                for number, page in zip(numbers, pages, strict=True)
            ]

    def samples(self, number: int) -> tuple[int, int]:
        """Return how many samples a pixel has, and how many of them are channels.

        Parameters
        ----------
        number : int
            Number of a page that can be read.

        Returns
        -------
        samples : int
            Samples of a pixel.
        channels : int
            1 if a pixel is a grey value or a colour.
        """
        with self._opened():
            page = self._tif.pages[number].aspage()
        return page.samplesperpixel, sample_channels(page)

    def spacing(self) -> Spacing:
        """Return the spacing in the tags of the file, whatever its OME-XML says.

        Returns
        -------
        Spacing
            Distances in micrometres.
        """
        with self._opened():
            return tiff_spacing(self._tif, (Spacing(), None))[0]

    @contextlib.contextmanager
    def _opened(self) -> Iterator[None]:
        """Open the file for this thread alone."""
        with self._lock:
            self._tif.filehandle.open()
            try:
                yield
            finally:
                self._tif.filehandle.close()

    def _page(self, number: int) -> tifffile.TiffPage | tifffile.TiffFrame | Skipped:
        """Return a page of the open file, or why there is none."""
        try:
            # pages of several images differ, so none may lend its header to another
            self._tif.pages.useframes = False
            return self._tif.pages[number]
        except IndexError:
            return Skipped(self._name(number), TRUNCATED)
        except DAMAGE as problem:
            return Skipped(self._name(number), f"its header is damaged ({reason(problem)})")

    def _name(self, number: int) -> str:
        return f"{self.path.name}, page {number}"
