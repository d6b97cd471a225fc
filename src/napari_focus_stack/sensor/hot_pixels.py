"""Hot and dead pixels: pixels that stand out at the same place in every plane.

A drifting specimen leaves hot pixels behind; in the fused image each becomes a trail. Optics spread
every point of a specimen over its neighbours, so a pixel that exceeds all of them by far is none.
Such pixels belong to the sensor if they stand out in every plane and the specimen moves past them.
Where nothing moved, sensor and specimen cannot be distinguished, and pixels stay as they were
recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.transforms import Matrix
    from napari_focus_stack.sensor.isolation import Isolated

IN_PLANES, CLEAR_IN = 0.9, 0.5
"""Part of the planes in which a pixel must stand out, and part in which it must do so clearly."""
FEWEST_PLANES, MOST_PLANES, LOOKED_AT = 4, 12, 0.5
"""Number of planes that are needed, number that are enough, and part of them that must not be too
textured."""
MOVED = 2.0
"""Pixels that the specimen must move at a marked pixel to show that it stays behind."""


def hot_pixels(isolated: Sequence[Isolated | None], shape: tuple[int, int]) -> NDArray[np.int64]:
    """Find pixels that stand out in nearly every plane, and clearly in most of them.

    Parameters
    ----------
    isolated : sequence of Isolated or None
        Isolated pixels of several planes; None for a plane that is too textured.
    shape : tuple of int
        (Y, X) of the planes.

    Returns
    -------
    numpy.ndarray
        (n, 2) int64, rows and columns.
    """
    known = [one for one in isolated if one is not None]
    if len(known) < max(FEWEST_PLANES, LOOKED_AT * len(isolated)):
        return np.empty((0, 2), np.int64)
    somewhat = _in_planes([one.somewhat for one in known], IN_PLANES)
    clearly = _in_planes([one.clearly for one in known], CLEAR_IN)
    places = np.unravel_index(np.intersect1d(somewhat, clearly), shape)
    return np.column_stack(places).astype(np.int64)


def left_behind(pixels: NDArray[np.int64], transforms: Sequence[Matrix]) -> NDArray[np.int64]:
    """Keep the pixels that the specimen moves past.

    Parameters
    ----------
    pixels : numpy.ndarray
        (n, 2) int64, rows and columns.
    transforms : sequence of numpy.ndarray
        (3, 3) each, from the reference plane to the planes that take part.

    Returns
    -------
    numpy.ndarray
        (m, 2) int64, rows and columns.
    """
    if not len(pixels):
        return pixels
    places = np.column_stack([pixels[:, ::-1], np.ones(len(pixels))]).T
    mapped = [matrix @ places for matrix in transforms]
    moved = np.stack([one[:2] / one[2] for one in mapped])
    left: NDArray[np.int64] = pixels[np.hypot(*np.ptp(moved, axis=0)) >= MOVED]
    return left


def _in_planes(found: list[NDArray[np.int32]], share: float) -> NDArray[np.int32]:
    """Return the pixels that are found in at least a part of the planes."""
    places, times = np.unique(np.concatenate(found), return_counts=True)
    often: NDArray[np.int32] = places[times >= share * len(found)]
    return often
