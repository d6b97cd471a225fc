"""Camera RAW and HEIC, read by rawpy and pi-heif of the extra `raw`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.io.declared_size import ANY, bytes_of, refuse_oversize
from napari_focus_stack.io.plane_files import (
    DAMAGE,
    FilePlane,
    ImageFile,
    Unreadable,
    reason,
    why_unreadable,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RAW_SUFFIXES = frozenset(
    (".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef")
) | {
    *(".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf"),
    *(".srw", ".x3f"),
}
"""Suffixes of camera RAW, in lower case; most are TIFF whose first image is a small preview."""
HEIC_SUFFIXES = frozenset((".heic", ".heif", ".hif"))
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_ORIENTATIONS = {0: 1, 3: 3, 5: 8, 6: 6}
"""EXIF orientation by LibRaw's code."""
_EXTRA = "install napari-focus-stack[raw]"
_DEVELOPED = (
    "Camera RAW was developed to linear light in 16 bits with the camera's white balance: every "
    "plane alike, and darker than the camera's own JPEG"
)


def is_raw(path: Path) -> bool:
    """Return whether a file is camera RAW by its suffix.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    bool
        Contents do not decide, because most RAW files are TIFF.
    """
    return path.suffix.lower() in RAW_SUFFIXES


def is_heic(head: bytes) -> bool:
    """Return whether a file is HEIC by its first bytes.

    Parameters
    ----------
    head : bytes
        At least 12 bytes.

    Returns
    -------
    bool
        False for films and AVIF, which share the container.
    """
    return head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS


def open_raw(path: Path) -> ImageFile:
    """Read the header of a camera RAW file.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    ImageFile
        One plane of 16 bits, RGB or of a monochrome sensor, which is developed when it is read.

    Raises
    ------
    Unreadable
        The extra is not installed, or the file is damaged or of an unknown camera.
    """
    try:
        import rawpy
    except ImportError:
        raise Unreadable("camera RAW needs rawpy", _EXTRA) from None
    try:
        with rawpy.imread(str(path)) as raw:
            sizes, colours = raw.sizes, (3,) if raw.num_colors > 1 else ()
    except rawpy.LibRawError as problem:
        raise Unreadable(f"LibRaw cannot read it ({_reason(problem)})") from problem
    return ImageFile(
        (
            FilePlane(
                path,
                path.name,
                (sizes.iheight, sizes.iwidth, *colours),
                np.dtype(np.uint16),
                partial(_develop, path),
                _ORIENTATIONS.get(sizes.flip, 1),
                shared_note=_DEVELOPED,
            ),
        )
    )


def _develop(path: Path) -> NDArray[Any]:
    """Develop a camera RAW file alike in every plane: nothing depends on the picture."""
    import rawpy

    try:
        with rawpy.imread(str(path)) as raw:
            developed: NDArray[Any] = raw.postprocess(
                gamma=(1, 1),
                output_bps=16,
                use_camera_wb=True,
                no_auto_bright=True,
                adjust_maximum_thr=0,  # or the brightest pixel of each plane would scale it
                user_flip=0,
            )
    except rawpy.LibRawError as problem:
        raise Unreadable(f"LibRaw cannot read it ({_reason(problem)})") from problem
    return developed[..., 0] if developed.shape[2:] == (1,) else developed


def _reason(problem: Exception) -> str:
    """Return LibRaw's reason, which rawpy passes as bytes."""
    first = problem.args[0] if problem.args else problem
    return first.decode(errors="replace") if isinstance(first, bytes) else reason(problem)


def open_heic(path: Path) -> ImageFile:
    """Read the header of a HEIC file.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    ImageFile
        One plane of 8 or 16 bits, upright.

    Raises
    ------
    Unreadable
        The extra is not installed, or the file is damaged.
    """
    try:
        from pi_heif import open_heif
    except ImportError:
        raise Unreadable("HEIC needs pi-heif", _EXTRA) from None
    try:
        opened = open_heif(path, convert_hdr_to_8bit=False)
        (width, height), mode = opened.size, str(opened.mode)
    except DAMAGE as problem:
        raise Unreadable(why_unreadable(problem)) from problem
    channels = {"L": 1, "RGB": 3, "RGBA": 4}.get(mode.removesuffix(";16"))
    if channels is None:
        raise Unreadable(f"its pixels are {mode}; save it as PNG or TIFF")
    shape = (height, width) if channels == 1 else (height, width, channels)
    dtype = np.dtype(np.uint16 if mode.endswith(";16") else np.uint8)
    declared = bytes_of(shape, dtype.itemsize)
    refuse_oversize((height, width), declared, path.stat().st_size, ANY)
    return ImageFile((FilePlane(path, path.name, shape, dtype, partial(_decode_heic, path)),))


def _decode_heic(path: Path) -> NDArray[Any]:
    from pi_heif import open_heif

    opened = open_heif(path, convert_hdr_to_8bit=False)
    return np.array(opened)  # pi-heif frees the pixels with `opened`, whatever still refers to them
