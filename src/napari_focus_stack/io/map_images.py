"""Maps in TIFF and in our OME-Zarr: their axes and distances, and one image of them on demand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.json_documents import read_json
from napari_focus_stack.io.ome_annotations import made_of
from napari_focus_stack.io.ome_zarr_store import ColourImages, open_level, own_attributes
from napari_focus_stack.io.output_formats import SOFTWARE
from napari_focus_stack.io.plane_files import DAMAGE, reason
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.io.spacing_metadata import micrometres, spacing_in_micrometres
from napari_focus_stack.io.tiff import is_preview, tiff_spacing
from napari_focus_stack.io.xml_documents import parse_xml
from napari_focus_stack.io.zarr_documents import DOCUMENT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from tifffile import TiffFile

_WORDS = {"Z": "planes", "Q": "pages", "I": "pages"}
"""Axes that heights have not, by tifffile's letters."""

_MOST_IMAGES = 2**16
"""Time points times channels of one position, above which metadata count as damaged."""


@dataclass(frozen=True)
class MapImages:
    """Images of one file by time and channel.

    Attributes
    ----------
    path : pathlib.Path
        File or store.
    times, channels : int
        Numbers of time points and of channels.
    size : tuple of int
        (Y, X) in pixels.
    spacing : Spacing
        Pixel size in micrometres.
    about : str
        Description of the values.
    is_own : bool
        Whether this package wrote the file.
    channel_names : tuple of str
        Empty where they are unknown.
    made : str
        Digest of all that a batch made it with; empty where it is unknown.
    load : callable
        Called with the numbers of a time point and a channel; returns (Y, X[, C]).
    """

    path: Path
    times: int
    channels: int
    size: tuple[int, int]
    spacing: Spacing
    about: str
    is_own: bool
    channel_names: tuple[str, ...]
    made: str
    load: Callable[[int, int], NDArray[Any]]

    def read(self, time: int, channel: int) -> NDArray[Any]:
        """Read one image.

        Parameters
        ----------
        time, channel : int
            Its place; of a file of fewer channels the last one counts, as maps of the lead channel
            alone have it.

        Returns
        -------
        numpy.ndarray
            (Y, X[, C]).

        Raises
        ------
        InputError
            It cannot be read, or the file has no such time point.
        """
        if time >= self.times:
            raise InputError(
                f"'{self.path}' has {self.times} time points and no number {time}; give the files "
                "of one run."
            )
        try:
            image = self.load(time, min(channel, self.channels - 1))
            if image.shape[:2] != self.size:
                raise ValueError("an image has another size than the file declares")
        except DAMAGE as problem:
            raise _damaged(self.path, problem) from problem
        return image


def open_map(path: Path) -> MapImages:
    """Open a TIFF, or a store of OME-Zarr that was written here, without its pixels.

    Parameters
    ----------
    path : pathlib.Path
        File or folder.

    Returns
    -------
    MapImages
        Its images.

    Raises
    ------
    InputError
        It cannot be read, is of another kind, or has axes beside time and channel.
    """
    if not path.exists():
        raise InputError(f"There is no '{path}'; give the file of a result.")
    try:
        found = _zarr_map(path) if path.is_dir() else _tiff_map(path)
    except DAMAGE as problem:
        raise _damaged(path, problem) from problem
    if found.times * found.channels > _MOST_IMAGES:
        raise InputError(
            f"'{path}' declares {found.times} time points and {found.channels} channels, more "
            "than any result has; its metadata are damaged, so copy it again."
        )
    return found


def _damaged(path: Path, problem: Exception) -> InputError:
    return InputError(f"'{path}' cannot be read ({reason(problem)}); give the file of a result.")


def _tiff_map(path: Path) -> MapImages:
    """Open a TIFF."""
    from napari_focus_stack.io.tiff_file import open_tiff_file

    with open_tiff_file(path) as tif:
        letters, lengths = _tiff_axes(tif, path)
        height, width = tif.series[0].keyframe.shape[:2]
        spacing, _ = tiff_spacing(tif)
        about, names, made = _tiff_words(tif)
        is_own = str(tif.pages.first.tags.valueof("Software")).startswith(SOFTWARE)
    return MapImages(
        path,
        lengths.get("T", 1),
        lengths.get("C", 1),
        (height, width),
        Spacing(y=spacing.y, x=spacing.x, unit=spacing.unit),
        about,
        is_own,
        names,
        made,
        partial(_tiff_image, path, letters, lengths),
    )


def _tiff_axes(tif: TiffFile, path: Path) -> tuple[str, dict[str, int]]:
    """Return the axes of the pages, in their order, and their lengths."""
    series = tif.series[0]
    page = series.keyframe
    if tif.is_ome and len(tif.pages) == 1 and len(tif.series) == 1:
        lead: list[tuple[str, int]] = []  # one file of a set is a picture of its own
    else:
        inner = len(page.axes)
        lead = [
            (letter, length)
            for letter, length in zip(series.axes[:-inner], series.shape[:-inner], strict=True)
            if length > 1
        ]
    if page.axes not in ("YX", "YXS"):
        raise InputError(f"'{path}' has pages with the axes {page.axes}; give one with Y and X.")
    images = [other for other in tif.series if not is_preview(other.keyframe)]
    surplus = next(((letter, n) for letter, n in lead if letter not in "TC"), None)
    if surplus is None and len(images) > 1:
        surplus = ("Q", len(images))
    if surplus is not None:
        letter, count = surplus
        raise InputError(
            f"'{path}' has {count} {_WORDS.get(letter, f'entries along {letter}')}, and heights "
            "are one picture; give the result of stacking it."
        )
    return "".join(letter for letter, _ in lead), dict(lead)


def _tiff_words(tif: TiffFile) -> tuple[str, tuple[str, ...], str]:
    """Return the description of the values, names of channels, and what they were made with."""
    if not tif.is_ome:
        return str(tif.pages.first.description or ""), (), ""
    root = parse_xml(tif.ome_metadata or "")
    channels = root.findall("{*}Image[1]/{*}Pixels/{*}Channel")
    names = tuple(channel.get("Name", "") for channel in channels)
    return root.findtext("{*}Image/{*}Description", ""), names, made_of(root)


def _tiff_image(
    path: Path, letters: str, lengths: dict[str, int], time: int, channel: int
) -> NDArray[Any]:
    """Return one page."""
    from napari_focus_stack.io.tiff_file import open_tiff_file, page_pixels, series_pixels

    at = {"T": time, "C": channel}
    shape = [lengths[letter] for letter in letters]
    place = tuple(at[letter] for letter in letters)
    number = int(np.ravel_multi_index(place, shape)) if shape else 0
    with open_tiff_file(path) as tif:
        series = tif.series[0]
        if len(series.pages) < math.prod(shape):  # one block behind a single header, as of ImageJ
            whole = series_pixels(series).reshape(-1, *series.keyframe.shape)
            return np.asarray(whole[number])
        return page_pixels(tif.pages[number])


def _zarr_map(path: Path) -> MapImages:
    """Open a store of ours."""
    own = own_attributes(path)
    if own is None:
        raise InputError(f"'{path}' is a folder that holds no result; give the file of a result.")
    ome = read_json(path / DOCUMENT)["attributes"]["ome"]
    multiscale = ome["multiscales"][0]
    names = [axis["name"] for axis in multiscale["axes"]]
    scale = multiscale["datasets"][0]["coordinateTransformations"][0]["scale"]
    y, x = (_length(multiscale["axes"][k], scale[k]) for k in map(names.index, "yx"))
    level = open_level(path)
    if len(level.shape) != 4 + isinstance(level, ColourImages):
        raise InputError(
            f"'{path}' has {len(level.shape)} axes, which are not those of a result; copy it again."
        )
    labels = tuple(str(channel.get("label", "")) for channel in ome["omero"]["channels"])
    return MapImages(
        path,
        level.shape[0],
        level.shape[1],
        (level.shape[2], level.shape[3]),
        spacing_in_micrometres(y, x, None),
        str(own.get("about", "")),
        True,
        labels,
        str(own.get("made", "")),
        partial(_zarr_image, path),
    )


def _length(axis: dict[str, Any], size: float) -> float | None:
    return micrometres(size, axis["unit"]) if "unit" in axis else None


def _zarr_image(path: Path, time: int, channel: int) -> NDArray[Any]:
    return np.asarray(open_level(path)[time, channel])
