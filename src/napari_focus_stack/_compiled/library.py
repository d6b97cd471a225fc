"""Library of the compiled kernels, loaded with ctypes, which releases the interpreter lock.

`hatch_build.py` compiles it when the package is installed. Without it, or with the environment
variable FOCUSSTACK_COMPILED set to 0, NumPy and OpenCV compute the same in more time.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SWITCH = "FOCUSSTACK_COMPILED"
"""Environment variable that turns the kernels off if it is 0."""
AVX2, FMA3, AVX512 = 11, 12, 256
"""OpenCV's numbers of sets of instructions (cv::CpuFeatures), which have no names in Python."""
KINDS = {"B": 0, "H": 1, "f": 2}
"""Number of each type of the planes in `recorded.h`, by its character in NumPy."""
MOST_CHANNELS = 4
ENDING = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


class Plane(ctypes.Structure):
    """One channel of a plane or of a level, (y, x) float32."""

    _fields_ = (
        ("values", ctypes.c_void_p),
        ("height", ctypes.c_int64),
        ("width", ctypes.c_int64),
        ("stride", ctypes.c_int64),
    )

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> Plane:
        """Describe an array, which the caller must keep; its columns must be adjacent.

        Parameters
        ----------
        values : numpy.ndarray
            (y, x) float32.

        Returns
        -------
        Plane
            Address, size and distance of the rows.
        """
        if values.dtype != np.float32 or values.strides[1] != values.itemsize:
            raise TypeError(f"expected float32 in adjacent columns, not {values.dtype}")
        return cls(values.ctypes.data, *values.shape, values.strides[0] // values.itemsize)


class Recorded(ctypes.Structure):
    """A plane as it was recorded, and the weights of its channels in the one that is read."""

    _fields_ = (
        ("pixels", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("height", "width", "row_bytes")),
        ("kind", ctypes.c_int32),
        ("channels", ctypes.c_int32),
        ("weights", ctypes.c_float * MOST_CHANNELS),
    )

    @classmethod
    def of(cls, plane: NDArray[Any], weights: Sequence[float]) -> Recorded:
        """Describe a plane, which the caller must keep.

        Parameters
        ----------
        plane : numpy.ndarray
            (Y, X[, C]); see `readable`.
        weights : sequence of float
            One for each channel.

        Returns
        -------
        Recorded
            Address, size and type of the plane.
        """
        return cls(
            plane.ctypes.data,
            *plane.shape[:2],
            plane.strides[0],
            KINDS[plane.dtype.char],
            _channels(plane),
            (ctypes.c_float * MOST_CHANNELS)(*weights),
        )


def readable(plane: NDArray[Any]) -> bool:
    """Check whether the kernels are there and read a plane.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]).

    Returns
    -------
    bool
        False for types other than uint8, uint16 and float32, and for planes in unusual memory.
    """
    channels = _channels(plane)
    adjacent = plane.strides[1:] == (plane.itemsize * channels, plane.itemsize)[: plane.ndim - 1]
    return bool(
        library() is not None
        and adjacent
        and plane.strides[0] > 0
        and plane.strides[0] % plane.itemsize == 0
        and plane.flags.aligned
        and plane.dtype.isnative
        and plane.dtype.char in KINDS
        and channels <= MOST_CHANNELS
    )


def _channels(plane: NDArray[Any]) -> int:
    return 1 if plane.ndim == 2 else plane.shape[2]


@cache
def library() -> ctypes.CDLL | None:
    """Return the library for the instructions of this processor.

    Returns
    -------
    ctypes.CDLL or None
        None where the kernels were not compiled, are turned off, or are older than the sources
        beside them.
    """
    if os.environ.get(SWITCH) == "0":
        return None
    folder = Path(__file__).parent
    for suffix in _supported():
        path = folder / f"kernels{suffix}{ENDING}"
        found = _loaded(path) if path.exists() else None
        if found is not None:
            return found
    return None


def kernels() -> ctypes.CDLL:
    """Return the library, which is known to be there.

    Returns
    -------
    ctypes.CDLL
        `library()`.

    Raises
    ------
    RuntimeError
        There is none.
    """
    found = library()
    if found is None:
        raise RuntimeError("no kernels were compiled")
    return found


def _loaded(path: Path) -> ctypes.CDLL | None:
    """Load a library; warn and return None if it does not fit this system or its sources."""
    try:
        found = ctypes.CDLL(str(path))
    except OSError as problem:
        warnings.warn(
            f"The compiled kernels in '{path.name}' cannot be loaded, so NumPy takes their place "
            f"({problem}); install napari-focus-stack again on this system.",
            stacklevel=3,
        )
        return None
    folder = path.parent
    texts = [path.read_bytes() for path in sorted(folder.glob("*.[ch]"))]
    digest = hashlib.sha256(b"".join(texts)).hexdigest()[:16]
    sources = getattr(found, "sources", None)
    if sources is not None:
        sources.restype = ctypes.c_char_p
    if not texts or (sources is not None and sources().decode() == digest):
        return found
    warnings.warn(
        f"The compiled kernels in '{path.name}' are older than their sources, so NumPy takes their "
        "place; install the checkout again: pip install -e .",
        stacklevel=3,
    )
    return None


def _supported() -> list[str]:
    """Return the sets of instructions that the processor has, the best first."""
    found = {
        "-avx512": cv2.checkHardwareSupport(AVX512),
        "-avx2": cv2.checkHardwareSupport(AVX2) and cv2.checkHardwareSupport(FMA3),
        "": True,
    }
    return [suffix for suffix, supported in found.items() if supported]


def address(values: NDArray[Any] | None) -> int | None:
    """Return the address of an array's first value, None for no array.

    Parameters
    ----------
    values : numpy.ndarray or None
        Array that the caller keeps.

    Returns
    -------
    int or None
        Address.
    """
    return None if values is None else values.ctypes.data
