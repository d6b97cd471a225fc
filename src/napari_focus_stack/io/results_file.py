"""Results in one file with their roles, sizes and recipe: an OME-TIFF of one OME image each.

The file ends in `.focusstack`, which no other reader of napari takes: with `.tif` at its end,
napari would remember its reader for every TIFF. Programs that judge a file by its content open it
as it is; for those that judge by the name, the same may be written as `.focusstack.ome.tif`.
`read_saved` restores results unchanged from both.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from tifffile import TiffFile, TiffPageSeries, TiffWriter

from napari_focus_stack.errors import InputError, OutputError
from napari_focus_stack.io.ome_annotations import annotated, annotation
from napari_focus_stack.io.output_formats import (
    SAVED,
    Kind,
    identified,
    is_colour,
    ome_metadata,
    tiff_options,
    xml_text,
)
from napari_focus_stack.io.plane_files import DAMAGE, reason
from napari_focus_stack.io.recipe import Recipe
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.io.special_files import refuse_special
from napari_focus_stack.io.tiff_file import open_tiff_file, series_pixels
from napari_focus_stack.io.writing import Outputs, describe_values
from napari_focus_stack.io.xml_documents import parse_xml

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence
    from xml.etree import ElementTree

    from numpy.typing import NDArray

_HELD = ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64")
_WIDENED = {"bool": "uint8", "float16": "float32"}
"""Types that OME has not, or few programs read, and those that hold each of their values."""
_GROUPS = ("metadata", "layer")
"""Notes of a viewer that are mappings themselves."""
_CLASSIC = 2**32 - 2**25
"""Bytes of pixels above which a TIFF needs 64-bit offsets; the limit that tifffile uses."""
_MAPPED = 2**28
"""Bytes from which planes are read from the file when they are shown. Windows does not replace a
file that is mapped, so small ones are not."""


@dataclass(frozen=True, eq=False)
class SavedResult:
    """One result of a file.

    Attributes
    ----------
    role : str
        "stacked", "depth-index", "depth", "height", "confidence" or "aligned", as in a layer's
        metadata.
    name : str
        Name of the layer.
    array : numpy.ndarray or array-like
        (Y, X), (Y, X, C), (Z or T, Y, X) or (Z or T, Y, X, C) with C 3 or 4: bool, float16, or a
        type that OME supports. Other arrays than NumPy's (zarr, dask) are read plane by plane.
    spacing : Spacing
        Distances in the unit of heights; z is the z step of the stack.
    recipe : Recipe or None
        Recipe of the run.
    more : mapping
        Notes of a viewer, such as the position and the appearance of the layer: plain JSON.
    first : {"Z", "T"}
        Axis along which the planes of `array` lie.
    """

    role: str
    name: str
    array: Any
    spacing: Spacing = field(default_factory=Spacing)
    recipe: Recipe | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    first: Literal["Z", "T"] = "Z"


def write_saved(path: str | os.PathLike[str], images: Sequence[SavedResult]) -> None:
    """Write results into one OME-TIFF, whole or not at all.

    Parameters
    ----------
    path : path
        File to write, ending in `.focusstack`, or in `.focusstack.ome.tif` for programs that judge
        a file by its name.
    images : sequence of SavedResult
        At least one; each becomes an OME image (a series), with sizes in micrometres where the unit
        is one of length.

    Raises
    ------
    OutputError
        The name ends otherwise, the type or shape of an array is not supported, or the file cannot
        be written.
    InputError
        A plane of an array that is read from files cannot be read; the message names its file.
    """
    path = Path(path)
    if not path.name.lower().endswith(SAVED):
        raise OutputError(f"'{path}' is no name for saved results; end it in {SAVED[0]}.")
    if not images:
        raise OutputError(f"There is nothing to save in '{path}'; choose a result.")
    for image in images:
        check_saved(path, (image.array.shape, image.array.dtype), f"'{image.name}'")
    with Outputs() as files:
        files.file(path, lambda temporary: encode_saved(temporary, images))


def check_saved(path: Path, kind: Kind, what: str) -> None:
    """Refuse an array whose type or shape is not supported.

    Parameters
    ----------
    path : path
        File of saved results.
    kind : (tuple of int, numpy.dtype)
        Shape and dtype of the array.
    what : str
        What the array is, for the message.

    Raises
    ------
    OutputError
        The file cannot hold it.
    """
    shape, dtype = kind
    if dtype.name not in (*_HELD, *_WIDENED):
        raise OutputError(
            f"'{path}' cannot hold {what}, which is {dtype}; convert it to float32 or an "
            "integer of 8, 16 or 32 bits."
        )
    if len(shape) - is_colour(shape) not in (2, 3) or 0 in shape:
        raise OutputError(
            f"'{path}' cannot hold {what}, whose shape is {shape}; save one picture, one "
            "stack or one film."
        )


def encode_saved(path: Path, images: Sequence[SavedResult]) -> None:
    """Write results into an OME-TIFF.

    Parameters
    ----------
    path : pathlib.Path
        File to create; a temporary name, if it is to appear whole.
    images : sequence of SavedResult
        Arrays that `check_saved` accepts.
    """
    size = sum(np.prod(image.array.shape) * _stored(image.array.dtype).itemsize for image in images)
    legends = [_metadata(image) for image in images]
    if legends:
        legends[0] = identified(legends[0], legends[1:])
    with TiffWriter(path, bigtiff=bool(size > _CLASSIC), ome=True) as tif:
        for image, metadata in zip(images, legends, strict=True):
            shape, dtype = image.array.shape, _stored(image.array.dtype)
            tif.write(
                _pages(image.array),
                shape=shape,
                dtype=dtype,
                metadata=metadata,
                **tiff_options(shape, image.spacing),
            )


def _stored(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type of the pixels in the file."""
    return np.dtype(_WIDENED.get(dtype.name, dtype.newbyteorder("=")))


def _pages(array: Any) -> Iterator[NDArray[Any]]:
    """Yield the pages of an array, one in memory at a time."""
    several = len(array.shape) - is_colour(array.shape) == 3
    for page in (array[k] for k in range(array.shape[0])) if several else (array,):
        yield np.ascontiguousarray(page, _stored(array.dtype))


def _metadata(image: SavedResult) -> dict[str, Any]:
    """Return the OME metadata of a result."""
    words = describe_values(image.role.replace("-", "_"), image.spacing.unit)
    entries = {
        "role": image.role,
        "name": image.name,
        "dtype": image.array.dtype.name,
        "spacing": dataclasses.asdict(image.spacing),
        "recipe": None if image.recipe is None else image.recipe.as_dict(),
        "more": dict(image.more),
    }
    return {
        "Name": xml_text(image.name),
        **ome_metadata(image.array.shape, image.spacing, xml_text(words), image.first),
        **annotation(entries),
    }


def read_saved(path: str | os.PathLike[str]) -> list[SavedResult]:
    """Read the results of a file that `write_saved` wrote.

    Parameters
    ----------
    path : path
        The file; images without our annotation are skipped.

    Returns
    -------
    list of SavedResult
        In the order in which they were written. Planes of more than 256 MB remain in the file until
        they are used; what is changed in their array is not changed in the file.

    Raises
    ------
    InputError
        The file cannot be read, holds no results, or was written by a newer version.
    """
    path = Path(path)
    refuse_special(path)
    try:
        with open_tiff_file(path) as tif:
            found = [_saved(note, series, path) for note, series in _images(tif, path)]
    except OSError as problem:
        why = problem.strerror or str(problem)
        raise InputError(f"'{path}' cannot be read: {why}; choose another.") from problem
    except DAMAGE as problem:
        raise InputError(f"'{path}' is damaged ({reason(problem)}); save it again.") from problem
    if not found:
        raise InputError(
            f"'{path}' holds no results of napari-focus-stack, or is damaged; open it as an image."
        )
    return found


def _images(tif: TiffFile, path: Path) -> Iterator[tuple[dict[str, Any], TiffPageSeries]]:
    """Yield the annotation and the pages of every image that has our annotation."""
    notes = annotated(tif.ome_metadata or "", path) if tif.is_ome else []
    if any(note is not None for note in notes):
        _refuse_missing_pages(tif)
    found = tif.series if notes else []
    if len(found) != len(notes):
        raise ValueError("some of its images have other pages than it says")
    for note, series in zip(notes, found, strict=True):
        if note is not None:
            yield note, series


def _refuse_missing_pages(tif: TiffFile) -> None:
    """Refuse images of more pixels than the pages have: tifffile would list a page for each row."""
    images = parse_xml(tif.ome_metadata or "").findall(".//{*}Pixels")
    blocks = [_block(image) for image in images]
    pages = tif.pages
    # the first page of each image stands for it: to parse all takes four times as long as the rest
    if sum(count for _, count in blocks) <= len(pages) and all(
        0 <= first <= len(pages) - count and _declared(image) <= count * pages[first].size
        for image, (first, count) in zip(images, blocks, strict=True)
    ):
        return
    if sum(map(_declared, images)) > sum(page.size for page in pages):
        raise ValueError("some of its planes are missing")


def _declared(image: ElementTree.Element) -> int:
    """Return the values that an image has by its sizes."""
    return math.prod(int(image.get(f"Size{axis}", 1)) for axis in "XYZCT")


def _block(image: ElementTree.Element) -> tuple[int, int]:
    """Return the first page of an image and how many it has; -1 and 1 if not in one block."""
    parts = image.findall("{*}TiffData")
    if len(parts) != 1:
        return -1, 1
    first, count = (int(parts[0].get(name, 0)) for name in ("IFD", "PlaneCount"))
    return (first, count) if count > 0 else (-1, 1)


def _saved(note: dict[str, Any], series: TiffPageSeries, path: Path) -> SavedResult:
    """Return the result of an image and its annotation."""
    recipe = note.get("recipe")
    dtype = np.dtype(note.get("dtype", series.dtype.name))
    if _stored(dtype) != series.dtype.newbyteorder("="):
        raise InputError(f"'{path}' has pixels of {series.dtype} for {dtype}; save it again.")
    return SavedResult(
        role=str(note["role"]),
        name=str(note["name"]),
        array=_pixels(series, path).astype(dtype, copy=False),
        spacing=Spacing(**note["spacing"]),
        recipe=None if recipe is None else Recipe.of_document(recipe, path),
        more=_viewer_notes(note),
        first="T" if series.axes.startswith("T") else "Z",
    )


def _viewer_notes(note: dict[str, Any]) -> Mapping[str, Any]:
    """Return the notes of a viewer, whose groups are mappings."""
    more = note.get("more") or {}
    groups = [more.get(name) or {} for name in _GROUPS] if isinstance(more, dict) else [None]
    if not all(isinstance(group, dict) for group in groups):
        raise ValueError("its notes on the layer are no mapping")
    return cast("Mapping[str, Any]", more)


def _pixels(series: TiffPageSeries, path: Path) -> NDArray[Any]:
    """Return the pixels of an image; planes of a large one are read when they are used."""
    start = series.dataoffset
    large = series.nbytes >= _MAPPED and len(series.shape) > len("YX")
    if large and start is not None and series.dtype.isnative:
        mapped: NDArray[Any] = np.memmap(path, series.dtype, "c", start, series.shape)
        return mapped
    return series_pixels(series)
