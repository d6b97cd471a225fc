"""Image formats to write: the dtypes, channels and sizes that each can hold, and its encoder."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._version import __version__
from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.embedding import (
    complete_tiff,
    tiff_metadata_options,
    with_jpeg_metadata,
    with_png_metadata,
)
from napari_focus_stack.io.picture_metadata import PictureMetadata
from napari_focus_stack.io.sources import COLOUR_CHANNELS, Spacing
from napari_focus_stack.io.spacing_metadata import micrometres

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

Kind = tuple[tuple[int, ...], np.dtype[Any]]
"""Shape (Y, X[, C]) and dtype of an image."""

TIFF, PNG, JPEG = (".tif", ".tiff"), (".png",), (".jpg", ".jpeg")
IMAGE_SUFFIXES = (*TIFF, *PNG, *JPEG)
SAVED = (".focusstack", ".focusstack.ome.tif")
"""Ends of the names of files that hold results with their roles; see `io.results_file`."""
SOFTWARE = "napari-focus-stack"
"""Beginning of the tag of TIFFs by which those that were written here are recognised."""

_JPEG_QUALITY = 95
_JPEG_LONGEST = 65500
_PNG_LEVEL = 1
"""Compression: 2048 x 1536 RGB takes 0.15 s and 3.0 MB; libpng's default, 6, 0.65 s and 2.5 MB."""
_CENTIMETRE = 1e4
_NOT_IN_OME = ("float16", "int64", "uint64")
_NO_XML = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"


def check_image(path: Path, kind: Kind, what: str = "image") -> None:
    """Refuse a file name whose format cannot hold the image.

    Parameters
    ----------
    path : path
        Its suffix chooses the format.
    kind : (tuple of int, numpy.dtype)
        Shape (Y, X[, C]) and dtype of the image.
    what : str
        What the image is, for the message.

    Raises
    ------
    OutputError
        The suffix is unknown, or the format cannot hold the dtype, the channels or the size.
    """
    (shape, dtype), suffix = kind, path.suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise OutputError(
            f"'{path}' has no known suffix for the {what}; end it in .tif, .png or .jpg."
        )
    if not _holds(path, dtype):
        better = ".tif or .png" if dtype == np.uint16 else ".tif"
        raise OutputError(f"'{path}' cannot hold the {what}, which is {dtype}; end it in {better}.")
    if suffix in JPEG and len(shape) == 3 and shape[2] == 4:
        raise OutputError(
            f"'{path}' cannot hold the {what}'s alpha channel; end it in .png or .tif."
        )
    if suffix in JPEG and max(shape[:2]) > _JPEG_LONGEST:
        raise OutputError(
            f"'{path}' cannot hold the {what} of {shape[1]} x {shape[0]} pixels; "
            f"JPEG ends at {_JPEG_LONGEST}, end it in .png or .tif."
        )


def _holds(path: Path, dtype: np.dtype[Any]) -> bool:
    if path.suffix.lower() in JPEG:
        return dtype == np.uint8
    if path.suffix.lower() in PNG:
        return dtype in (np.uint8, np.uint16)
    return dtype.kind in "buif" and not (_is_ome(path) and dtype.name in _NOT_IN_OME)


@dataclass(frozen=True)
class Legend:
    """What a file says of its image, as far as its format can.

    Attributes
    ----------
    spacing : Spacing
        Pixel size.
    about : str
        Description of its values; empty for none.
    metadata : PictureMetadata
        Colour profile and EXIF.
    """

    spacing: Spacing = field(default_factory=Spacing)
    about: str = ""
    metadata: PictureMetadata = field(default_factory=PictureMetadata)


def _encode_png(path: Path, image: NDArray[Any], legend: Legend) -> None:
    import imagecodecs

    data = bytes(imagecodecs.png_encode(np.ascontiguousarray(image), level=_PNG_LEVEL))
    path.write_bytes(with_png_metadata(data, legend.metadata, image.shape))


def _encode_jpeg(path: Path, image: NDArray[Any], legend: Legend) -> None:
    path.write_bytes(with_jpeg_metadata(jpeg_bytes(image), legend.metadata, image.shape))


def jpeg_bytes(image: NDArray[np.uint8]) -> bytes:
    """Return an image as JPEG.

    Parameters
    ----------
    image : numpy.ndarray
        (Y, X) or (Y, X, 3) uint8, at most 65500 pixels long.

    Returns
    -------
    bytes
        The file.
    """
    import imagecodecs

    pixels = np.ascontiguousarray(image)
    # full chroma, so that edges between colours stay sharp
    return bytes(imagecodecs.jpeg8_encode(pixels, level=_JPEG_QUALITY, subsampling="444"))


def _encode_tiff(path: Path, image: NDArray[Any], legend: Legend, *, ome: bool) -> None:
    """Write TIFF uncompressed, because sensor noise hardly shrinks and every program reads it."""
    import tifffile

    options = tiff_options(image.shape, legend.spacing)
    options |= tiff_metadata_options(legend.metadata, image.shape, image.nbytes)
    if legend.about and not ome:
        options |= {"description": legend.about.encode()}
    metadata = ome_metadata(image.shape, legend.spacing, legend.about) if ome else None
    if metadata is not None:
        metadata = identified(metadata, zlib.crc32(np.ascontiguousarray(image).data))
    tifffile.imwrite(path, image, ome=ome, metadata=metadata, **options)
    complete_tiff(path, legend.metadata)


def is_colour(shape: tuple[int, ...]) -> bool:
    """Return whether the last axis of an image or of planes is colour.

    Parameters
    ----------
    shape : tuple of int
        Shape of an image (Y, X[, C]) or of planes (Z, Y, X[, C]).

    Returns
    -------
    bool
        True if the last of three or four axes has a length of 3 or 4.
    """
    return len(shape) > 2 and shape[-1] in COLOUR_CHANNELS


def tiff_options(shape: tuple[int, ...], spacing: Spacing) -> dict[str, Any]:
    """Return the tags of a TIFF page: colour, alpha and pixels per centimetre.

    Parameters
    ----------
    shape : tuple of int
        Shape of an image (Y, X[, C]) or of planes (Z, Y, X[, C]).
    spacing : Spacing
        Pixel size; its tag is left out where the unit is none of length.

    Returns
    -------
    dict of str to object
        Keyword arguments of `tifffile.imwrite`.
    """
    y, x = (micrometres(size, spacing.unit) for size in (spacing.y, spacing.x))
    options: dict[str, Any] = {
        "photometric": "rgb" if is_colour(shape) else "minisblack",
        "software": f"{SOFTWARE} {__version__}",
    }
    resolution = [_CENTIMETRE / size for size in (x, y) if size is not None]
    if len(resolution) == 2 and all(2**-31 < density < 2**31 for density in resolution):
        # the tag is a fraction of two numbers of 32 bits: pixels under 5 pm do not fit
        options |= {"resolution": tuple(resolution), "resolutionunit": "CENTIMETER"}
    if is_colour(shape) and shape[-1] == 4:
        options |= {"extrasamples": ["unassalpha"]}
    return options


def ome_metadata(
    shape: tuple[int, ...], spacing: Spacing, about: str, first: str = "Z"
) -> dict[str, Any]:
    """Return the axes, pixel sizes and description of one OME image.

    Parameters
    ----------
    shape : tuple of int
        Shape of an image (Y, X[, C]) or of planes (Z, Y, X[, C]).
    spacing : Spacing
        Distances; they are left out where the unit is none of length.
    about : str
        Description of the image; empty for none.
    first : {"Z", "T"}
        Axis along which planes lie.

    Returns
    -------
    dict of str to object
        `metadata` of `tifffile.imwrite` and `tifffile.TiffWriter.write`.
    """
    colour = is_colour(shape)
    axes = f"{first}YX"[3 + colour - len(shape) :] + "S" * colour
    metadata: dict[str, Any] = {"axes": axes}
    if about:
        metadata |= {"Description": about}
    for axis in "ZYX":
        size = micrometres(getattr(spacing, axis.lower()), spacing.unit)
        if size is not None:
            metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    return metadata


def identified(metadata: dict[str, Any], *more: object) -> dict[str, Any]:
    """Return the metadata of the first image of an OME-TIFF, with an identifier of the file.

    Parameters
    ----------
    metadata : dict of str to object
        Result of `ome_metadata`.
    more : object
        Anything else in which files with equal metadata differ, with a text of its own.

    Returns
    -------
    dict of str to object
        With a "UUID" that follows from all of this. That of tifffile follows from the time and from
        the address of the network card.
    """
    import uuid

    name = repr((sorted(metadata.items()), *more))
    return metadata | {"UUID": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, name)}"}


def xml_text(text: str) -> str:
    """Return a text as XML can hold it.

    Parameters
    ----------
    text : str
        Any text, such as a name with control characters or halves of a surrogate pair.

    Returns
    -------
    str
        As `text`, with "?" for every character that XML has not.
    """
    return re.sub(_NO_XML, "?", text)


def encode_stack(path: Path, planes: NDArray[Any], spacing: Spacing) -> None:
    """Write an ImageJ TIFF, the one multi-page format whose z step all programs read.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    planes : numpy.ndarray
        (Z, Y, X[, C]) planes of a dtype that ImageJ supports.
    spacing : Spacing
        Distances; they are left out where the unit is none of length.
    """
    import tifffile

    y, x, z = (micrometres(size, spacing.unit) for size in (spacing.y, spacing.x, spacing.z))
    metadata: dict[str, Any] = {"axes": "ZYXS" if planes.ndim == 4 else "ZYX"}
    if y is not None and x is not None:
        metadata |= {"unit": "um"} | ({} if z is None else {"spacing": z})
    resolution = None if x is None or y is None else (1 / x, 1 / y)
    tifffile.imwrite(path, planes, imagej=True, resolution=resolution, metadata=metadata)


def encoder(path: Path) -> Callable[[Path, NDArray[Any], Legend], None]:
    """Return the function that writes the format of a file name.

    Parameters
    ----------
    path : pathlib.Path
        A name that `check_image` accepts.

    Returns
    -------
    callable
        Its arguments are the path, the image and its legend.
    """
    suffix = path.suffix.lower()
    if suffix in PNG:
        return _encode_png
    if suffix in JPEG:
        return _encode_jpeg
    return partial(_encode_tiff, ome=_is_ome(path))


def _is_ome(path: Path) -> bool:
    return path.stem.lower().endswith(".ome") and path.suffix.lower() in TIFF
