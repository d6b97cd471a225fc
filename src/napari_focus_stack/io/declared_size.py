"""Sizes that headers declare, held against what their files can hold before memory is taken."""

from __future__ import annotations

import math

from napari_focus_stack._utils.wording import format_size
from napari_focus_stack.io.plane_files import Unreadable

ALWAYS = 2**27
"""Bytes of pixels that any file may declare: a plane of one value shrinks to almost nothing."""
DEFLATE = 1032
"""Bytes that a byte of deflate holds at most: 258 bytes in two bits (RFC 1951)."""
JPEG = 2048
"""The same of JPEG, whose blocks of 64 samples take a bit each or more; colour may be halved."""
ANY = 2**16
"""The same of codecs without a bound: real planes of 30,000 x 30,000 have more than 40 kB."""
MOST_PLANES = 2**23
"""Planes of a file or set; a plate of 384 wells with 9 fields, 4 channels, 20 z and 10 times has a
third of them."""


def refuse_oversize(size: tuple[int, int], declared: int, stored: int, expansion: int) -> None:
    """Refuse a file that cannot hold the picture that its header declares.

    Parameters
    ----------
    size : tuple of int
        Rows and columns.
    declared : int
        Bytes of the pixels.
    stored : int
        Bytes of the file, or of its part for these pixels.
    expansion : int
        Bytes of pixels that a byte of the file holds at most.

    Raises
    ------
    Unreadable
        The size is not possible.
    """
    if declared > max(ALWAYS, expansion * stored):
        rows, columns = size
        raise Unreadable(
            f"its header declares {columns} x {rows} pixels ({format_size(declared)}), which "
            f"{format_size(stored)} of data cannot hold"
        )


def bytes_of(shape: tuple[int, ...], itemsize: int) -> int:
    """Return the bytes of an array without the overflow of fixed-size numbers.

    Parameters
    ----------
    shape : tuple of int
        Lengths of its axes.
    itemsize : int
        Bytes of a value.

    Returns
    -------
    int
        Bytes of its values.
    """
    return math.prod(map(int, shape)) * itemsize
