"""Pixels of TIFF pages: the kinds that are pictures, as grey, RGB or RGBA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from tifffile import COMPRESSION, PHOTOMETRIC

from napari_focus_stack.io.plane_files import Unreadable, grey_alpha_as_rgba
from napari_focus_stack.io.tiff_segments import refuse_large_segments

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    import tifffile
    from numpy.typing import NDArray

EXTRA_SAMPLES = 338
PREMULTIPLIED = 1
_UNKNOWN_TYPE = "its pixels are of an unknown type; convert them to 8 or 16 bits"
_JPEGS = {
    COMPRESSION.JPEG,
    COMPRESSION.JPEG_2000_LOSSY,
    COMPRESSION.OJPEG,
    COMPRESSION.ALT_JPEG,
}
_PICTURES = {
    PHOTOMETRIC.MINISWHITE,
    PHOTOMETRIC.MINISBLACK,
    PHOTOMETRIC.RGB,
    PHOTOMETRIC.PALETTE,
    PHOTOMETRIC.YCBCR,
}


def is_grey_with_alpha(page: tifffile.TiffPage) -> bool:
    """Return whether the second of two samples is alpha; an unspecified one is a channel.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page.

    Returns
    -------
    bool
        False for any other number of samples.
    """
    return page.samplesperpixel == 2 and any(_extra_samples(page))


def has_other_channel(page: tifffile.TiffPage) -> bool:
    """Return whether the fourth sample of a colour is no alpha by the tags, such as infrared.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page.

    Returns
    -------
    bool
        False without a tag, where the fourth sample is alpha.
    """
    return page.samplesperpixel == 4 and _extra_samples(page) == (0,)


def _extra_samples(page: tifffile.TiffPage) -> tuple[int, ...]:
    """Return what samples beside grey or RGB are: 0 unspecified, 1 premultiplied alpha, 2 alpha."""
    return tuple(int(kind) for kind in page.tags.valueof(EXTRA_SAMPLES, default=()))


def page_kind(page: tifffile.TiffPage) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and type of the plane that a page gives.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page.

    Returns
    -------
    shape : tuple of int
        (Y, X) or (Y, X, C) with C 3 or 4, as stored.
    dtype : numpy.dtype
        Type of the plane.

    Raises
    ------
    Unreadable
        The page is of a kind that is no picture.
    """
    photometric, samples = page.photometric, page.samplesperpixel
    if photometric not in _PICTURES:
        raise Unreadable(f"it is a {_label(photometric)} image; convert it to grey or RGB")
    if photometric == PHOTOMETRIC.YCBCR and page.compression not in _JPEGS:
        raise Unreadable("it is YCbCr without JPEG; convert it to RGB")
    if page.dtype is None:
        raise Unreadable(_UNKNOWN_TYPE)
    if page.dtype.kind not in "buif":
        raise Unreadable(f"its pixels are of type {page.dtype}; convert them to real numbers")
    grey_with_alpha = is_grey_with_alpha(page)
    plain = samples in (1, 3, 4) or grey_with_alpha
    if page.axes not in ("YX", "YXS", "SYX") or not plain:
        raise Unreadable(f"its pages have axes {page.axes} with {samples} samples a pixel")
    size = (page.imagelength, page.imagewidth)
    if photometric == PHOTOMETRIC.PALETTE:
        return (*size, 3), np.dtype(np.uint8)
    if grey_with_alpha:
        samples = 4
    elif has_other_channel(page):
        samples = 3
    shape = size if samples == 1 else (*size, samples)
    return shape, _plain_dtype(page.dtype)


def sample_channels(page: tifffile.TiffPage) -> int:
    """Return the number of samples of a pixel that are channels rather than a colour.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page.

    Returns
    -------
    int
        1 if a pixel is a grey value or a colour.
    """
    samples = page.samplesperpixel
    grey = page.photometric in (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.MINISWHITE)
    return 1 if not grey or samples in (1, 3) or is_grey_with_alpha(page) else samples


def sample_kind(page: tifffile.TiffPage) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and type of one sample of each pixel.

    Parameters
    ----------
    page : tifffile.TiffPage
        Page whose samples are channels.

    Returns
    -------
    shape : tuple of int
        (Y, X).
    dtype : numpy.dtype
        Type of the plane.

    Raises
    ------
    Unreadable
        The samples are no grey values that rise with light.
    """
    if page.dtype is None:
        raise Unreadable(_UNKNOWN_TYPE)
    if page.dtype.kind not in "uif" or page.axes not in ("YXS", "SYX"):
        raise Unreadable(f"its pages have axes {page.axes} of type {page.dtype}")
    if page.photometric not in (PHOTOMETRIC.MINISBLACK, PHOTOMETRIC.RGB):
        raise Unreadable(f"its {page.samplesperpixel} channels are {_label(page.photometric)}")
    return (page.imagelength, page.imagewidth), _plain_dtype(page.dtype)


def _plain_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return a type in native byte order, uint8 for bool."""
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")


def _label(photometric: Any) -> str:
    """Return the name of a photometric interpretation for messages."""
    return "CMYK" if photometric == PHOTOMETRIC.SEPARATED else getattr(photometric, "name", "rare")


def palette_of(page: tifffile.TiffPage) -> NDArray[Any] | None:
    """Return the colour map of a page.

    Parameters
    ----------
    page : tifffile.TiffPage
        The page.

    Returns
    -------
    numpy.ndarray or None
        (3, n) colours; None if the page has no colour map.
    """
    if page.photometric != PHOTOMETRIC.PALETTE:
        return None
    return np.asarray(page.colormap)


def load_page(page: Any, lock: threading.Lock, palette: NDArray[Any] | None) -> NDArray[Any]:
    """Decode a page; the file is open only meanwhile.

    Parameters
    ----------
    page : tifffile.TiffPage or tifffile.TiffFrame
        The page.
    lock : threading.Lock
        Lock of its file.
    palette : numpy.ndarray or None
        Result of `palette_of`.

    Returns
    -------
    numpy.ndarray
        Pixels of the shape and type of `page_kind`.
    """
    return _picture(_decoded(page, lock), page.keyframe, palette)


def load_sample(page: Any, lock: threading.Lock, sample: int) -> NDArray[Any]:
    """Decode a page and return one sample of each pixel; the file is open only meanwhile.

    Parameters
    ----------
    page : tifffile.TiffPage or tifffile.TiffFrame
        The page.
    lock : threading.Lock
        Lock of its file.
    sample : int
        Number of the sample.

    Returns
    -------
    numpy.ndarray
        Pixels of the shape and type of `sample_kind`.
    """
    pixels = _decoded(page, lock)
    plane = pixels[sample] if page.keyframe.axes == "SYX" else pixels[..., sample]
    return np.ascontiguousarray(plane, dtype=_plain_dtype(pixels.dtype))


def _decoded(page: Any, lock: threading.Lock) -> NDArray[Any]:
    """Return the pixels of a page as stored; the file is open only meanwhile."""
    with lock:
        handle = page.parent.filehandle
        handle.open()
        try:
            refuse_large_segments(page)
            pixels: NDArray[Any] = page.asarray()
        finally:
            handle.close()
    return pixels


def load_raw(
    path: Path, offset: int, page: tifffile.TiffPage, palette: NDArray[Any] | None
) -> NDArray[Any]:
    """Read uncompressed pixels.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    offset : int
        Place of the first pixel.
    page : tifffile.TiffPage
        Page with the shape and type of the pixels.
    palette : numpy.ndarray or None
        Result of `palette_of`.

    Returns
    -------
    numpy.ndarray
        Pixels of the shape and type of `page_kind`.
    """
    dtype = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
    pixels = np.fromfile(path, dtype, count=int(np.prod(page.shape)), offset=offset)
    return _picture(pixels.reshape(page.shape), page, palette)


def _picture(
    pixels: NDArray[Any], page: tifffile.TiffPage, palette: NDArray[Any] | None
) -> NDArray[Any]:
    """Return pixels as (Y, X[, C]): grey rises with light, palettes are resolved."""
    if palette is not None:
        return _colours(palette, pixels)
    if page.axes == "SYX":
        pixels = np.moveaxis(pixels, 0, -1)
    if page.photometric == PHOTOMETRIC.MINISWHITE and pixels.dtype.kind in "bu":
        white = True if pixels.dtype.kind == "b" else 2**page.bitspersample - 1
        inverted = white ^ pixels
        if is_grey_with_alpha(page):
            inverted[..., 1] = pixels[..., 1]
        pixels = inverted
    if pixels.dtype.kind == "b":
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    if is_grey_with_alpha(page):
        pixels = grey_alpha_as_rgba(pixels)
    if has_other_channel(page):
        pixels = pixels[..., :3]
    if pixels.ndim == 3 and pixels.shape[2] == 4 and PREMULTIPLIED in _extra_samples(page):
        pixels = _divided_by_alpha(pixels)
    return np.ascontiguousarray(pixels, dtype=_plain_dtype(pixels.dtype))


def _divided_by_alpha(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the colours of pixels whose values were multiplied by alpha."""
    whole = np.iinfo(pixels.dtype).max if pixels.dtype.kind in "ui" else 1
    alpha = pixels[..., 3:].astype(np.float64) / whole
    with np.errstate(divide="ignore", invalid="ignore"):
        colours = np.where(alpha > 0, pixels[..., :3] / alpha, 0)
    if pixels.dtype.kind in "ui":
        colours = np.minimum(np.rint(colours), whole)
    return np.concatenate([colours.astype(pixels.dtype), pixels[..., 3:]], axis=-1)


def _colours(palette: NDArray[Any], pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return pixels of a palette as RGB."""
    # 16-bit by the standard; some writers store 8-bit values
    scale = 257 if palette.max(initial=0) > 255 else 1
    table = np.ascontiguousarray((palette // scale).T.astype(np.uint8))
    colours: NDArray[np.uint8] = table[pixels]
    return colours
