"""Windows of pixels: pairs of slices, rows first."""

from __future__ import annotations

Window = tuple[slice, slice]
"""Rows and columns of a part of the reference plane, with both ends given."""


def size_of(window: Window) -> tuple[int, int]:
    """Rows and columns that a window has."""
    rows, cols = window
    return rows.stop - rows.start, cols.stop - cols.start


def corner_of(window: Window) -> tuple[int, int]:
    """First row and first column of a window."""
    rows, cols = window
    return rows.start, cols.start


def moved_by(window: Window, rows: int, cols: int) -> Window:
    """A window so many rows and columns further."""
    down, across = window
    return (
        slice(down.start + rows, down.stop + rows),
        slice(across.start + cols, across.stop + cols),
    )


def counted_from(frame: Window, window: Window) -> Window:
    """A window counted from the start of another."""
    top, left = corner_of(frame)
    return moved_by(window, -top, -left)
