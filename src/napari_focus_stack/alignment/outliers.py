"""Detection of outlier steps: focus breathing magnifies and turns smoothly from plane to plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.alignment.pairwise import PairAlignment
    from napari_focus_stack.imgproc.transforms import Matrix, Model

TREND_STEPS = 3
"""Neighbouring steps on either side from which a step is predicted."""
LEAST_STEPS = 4
MOST_OFF = 0.005
"""Magnification, or rotation in radians, by which a step may deviate: 5 px at 1000 px from the
centre. The steps of `pcb`, whose lens breathes by 4 % over 7 planes, deviate by up to 0.003."""
MOST_SPREADS = 6.0
"""Largest deviation in median absolute deviations of the neighbouring steps."""


def breathing_outliers(
    pairs: dict[tuple[int, int], PairAlignment], model: Model
) -> dict[tuple[int, int], Matrix]:
    """Find outlier steps between neighbours, with the transform predicted from the others.

    Parameters
    ----------
    pairs : dict of tuple of int to PairAlignment
        Pair alignments by (plane closer to the reference, plane farther from it), numbers that
        differ by one.
    model : str
        The richest motion model.

    Returns
    -------
    dict of tuple of int to numpy.ndarray
        (3, 3) predicted transforms between full planes of the outliers, by the same keys.
    """
    if model in ("none", "shift") or len(pairs) < LEAST_STEPS:
        return {}
    keys = sorted(pairs, key=min)
    steps = np.array([_upward(key, pairs[key].transforms[model]) for key in keys])
    found: dict[tuple[int, int], Matrix] = {}
    for i, key in enumerate(keys):
        others = [
            j for j in range(max(0, i - TREND_STEPS), min(len(keys), i + TREND_STEPS + 1)) if j != i
        ]
        middle = np.median(steps[others], axis=0)
        spread = np.median(np.abs(steps[others] - middle), axis=0)
        limit = np.maximum(MOST_OFF, MOST_SPREADS * spread)
        if np.any(np.abs(steps[i] - middle)[:2] > limit[:2]):
            found[key] = _along(key, _similarity(middle))
    return found


def _along(key: tuple[int, int], matrix: Matrix) -> Matrix:
    """Invert a step of a pair that leads to the lower number; return others unchanged."""
    return matrix if key[0] < key[1] else np.asarray(np.linalg.inv(matrix), np.float64)


def _upward(key: tuple[int, int], matrix: Matrix) -> NDArray[np.float64]:
    """Return log scale, rotation and shift of the step to the plane with the next number."""
    matrix = _along(key, matrix)
    (a, b), (c, d) = matrix[0, :2], matrix[1, :2]
    scale = np.sqrt(max(a * d - b * c, 1e-12))
    return np.array([np.log(scale), np.arctan2(c - b, a + d), matrix[0, 2], matrix[1, 2]])


def _similarity(step: NDArray[np.float64]) -> Matrix:
    scale, angle = np.exp(step[0]), step[1]
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cos, -sin, step[2]], [sin, cos, step[3]], [0, 0, 1]], np.float64)
