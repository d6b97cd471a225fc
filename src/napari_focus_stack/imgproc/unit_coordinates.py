"""Centred unit coordinates of a plane, and the motions that models combine in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

GENERATORS = np.array(
    [
        ((0, 0, 1), (0, 0, 0), (0, 0, 0)),
        ((0, 0, 0), (0, 0, 1), (0, 0, 0)),
        ((1, 0, 0), (0, 1, 0), (0, 0, 0)),
        ((0, -1, 0), (1, 0, 0), (0, 0, 0)),
        ((1, 0, 0), (0, -1, 0), (0, 0, 0)),
        ((0, 1, 0), (1, 0, 0), (0, 0, 0)),
        ((0, 0, 0), (0, 0, 0), (1, 0, 0)),
        ((0, 0, 0), (0, 0, 0), (0, 1, 0)),
    ],
    np.float64,
)
"""Lie-algebra generators of two shifts, magnification, rotation, two shears and two perspectives: a
model has the first p."""


def unit_frame(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the matrix from centred unit coordinates to pixels of a plane.

    Parameters
    ----------
    shape : tuple of int
        Shape of the plane, rows first; half of its longer side has length 1.

    Returns
    -------
    numpy.ndarray
        (3, 3) float64.
    """
    h, w = shape[:2]
    half = max(h, w) / 2
    return np.array([[half, 0, (w - 1) / 2], [0, half, (h - 1) / 2], [0, 0, 1]], np.float64)
