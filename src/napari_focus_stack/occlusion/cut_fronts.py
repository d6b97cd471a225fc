"""Objects in front that may go on beyond the near end of the stack, as hairs and bristles do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.imgproc.morphology import dilate
from napari_focus_stack.occlusion.boundaries import BAND_RADIUS, depth_discontinuities

if TYPE_CHECKING:
    from napari_focus_stack.imgproc.pyramids import Plane

AT_END = 0.25
"""Distance, in planes, from the near end within which an object may as well lie beyond it."""


def fronts_at_end(depth: Plane, jump: float, near_end: int) -> tuple[int, int]:
    """Count the depth discontinuities, and those at objects that are sharpest at the near end.

    Parameters
    ----------
    depth : numpy.ndarray
        (Y, X) float32, in planes.
    jump : float
        Least distance of two surfaces, in planes.
    near_end : int
        Number of the plane at the near end.

    Returns
    -------
    edges, at_end : int
        Pixels of discontinuities, and those of them beside which the depth is that of the end.
    """
    edges = depth_discontinuities(depth, jump)
    ends = np.abs(depth - np.float32(near_end)) < np.float32(AT_END)
    beside = edges & dilate(ends, BAND_RADIUS)
    return int(np.count_nonzero(edges)), int(np.count_nonzero(beside))
