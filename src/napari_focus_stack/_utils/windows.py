"""Windows of pixels: pairs of slices, rows first."""

from __future__ import annotations

Window = tuple[slice, slice]
"""Rows and columns of a part of the reference plane; both slices have a start and a stop."""


def whole(shape: tuple[int, ...]) -> Window:
    """Return the window of all rows and columns of a plane.

    Parameters
    ----------
    shape : tuple of int
        Shape of the plane, rows first.

    Returns
    -------
    tuple of slice
        Rows and columns.
    """
    return slice(0, shape[0]), slice(0, shape[1])


def size_of(window: Window) -> tuple[int, int]:
    """Return the size of a window.

    Parameters
    ----------
    window : tuple of slice
        Rows and columns.

    Returns
    -------
    tuple of int
        Number of rows and of columns.
    """
    rows, cols = window
    return rows.stop - rows.start, cols.stop - cols.start


def area_of(window: Window) -> int:
    """Return the number of pixels of a window.

    Parameters
    ----------
    window : tuple of slice
        Rows and columns.

    Returns
    -------
    int
        Pixels.
    """
    height, width = size_of(window)
    return height * width


def corner_of(window: Window) -> tuple[int, int]:
    """Return the first row and the first column of a window.

    Parameters
    ----------
    window : tuple of slice
        Rows and columns.

    Returns
    -------
    tuple of int
        First row and first column.
    """
    rows, cols = window
    return rows.start, cols.start


def moved_by(window: Window, rows: int, cols: int) -> Window:
    """Shift a window.

    Parameters
    ----------
    window : tuple of slice
        Rows and columns.
    rows, cols : int
        Number of rows and columns by which the window is shifted.

    Returns
    -------
    tuple of slice
        Rows and columns.
    """
    down, across = window
    return (
        slice(down.start + rows, down.stop + rows),
        slice(across.start + cols, across.stop + cols),
    )


def counted_from(frame: Window, window: Window) -> Window:
    """Count a window from the corner of another one.

    Parameters
    ----------
    frame : tuple of slice
        Rows and columns of the window whose corner becomes the origin.
    window : tuple of slice
        Rows and columns.

    Returns
    -------
    tuple of slice
        Rows and columns from the corner of `frame`.
    """
    top, left = corner_of(frame)
    return moved_by(window, -top, -left)


def widened(window: Window, reach: int, shape: tuple[int, ...]) -> Window:
    """Return a window with a margin around it, as far as an array has one.

    Parameters
    ----------
    window : tuple of slice
        Rows and columns.
    reach : int
        Width of the margin, in pixels.
    shape : tuple of int
        Shape of the array, rows first.

    Returns
    -------
    tuple of slice
        The larger window.
    """
    rows, cols = (
        slice(max(0, side.start - reach), min(full, side.stop + reach))
        for side, full in zip(window, shape, strict=False)
    )
    return rows, cols


def intersection(a: Window, b: Window) -> Window | None:
    """Return the part that two windows have in common; None if there is none.

    Parameters
    ----------
    a, b : tuple of slice
        Rows and columns of the same array.

    Returns
    -------
    tuple of slice or None
        Rows and columns of both.
    """
    rows, cols = (
        slice(max(p.start, q.start), min(p.stop, q.stop)) for p, q in zip(a, b, strict=True)
    )
    return (rows, cols) if rows.start < rows.stop and cols.start < cols.stop else None


def enclosing(a: Window, b: Window) -> Window:
    """Return the smallest window with two windows in it.

    Parameters
    ----------
    a, b : tuple of slice
        Rows and columns of the same array.

    Returns
    -------
    tuple of slice
        Rows and columns.
    """
    rows, cols = (
        slice(min(p.start, q.start), max(p.stop, q.stop)) for p, q in zip(a, b, strict=True)
    )
    return rows, cols


def reduced(window: Window, scale: int) -> Window:
    """Return a window in pixels that are larger by a factor.

    Parameters
    ----------
    window : tuple of slice
        Rows and columns, which start at multiples of `scale`.
    scale : int
        The factor.

    Returns
    -------
    tuple of slice
        Rows and columns, with all that are touched.
    """
    rows, cols = (slice(w.start // scale, -(-w.stop // scale)) for w in window)
    return rows, cols


def within(box: tuple[int, int, int, int]) -> Window:
    """Return the window of a box.

    Parameters
    ----------
    box : tuple of int
        First row, end row, first column, end column.

    Returns
    -------
    tuple of slice
        Rows and columns.
    """
    return slice(box[0], box[1]), slice(box[2], box[3])
