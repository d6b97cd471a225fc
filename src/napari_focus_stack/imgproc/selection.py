"""Selection of one plane for each pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.imgproc.pyramids import spread_over

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_focus_stack.imgproc.pyramids import Plane


def pick_plane(planes: Sequence[Plane], depth: Plane) -> Plane:
    """Take each pixel from the plane nearest to its depth.

    Parameters
    ----------
    planes : sequence of numpy.ndarray
        (Y, X[, C]) float32 each.
    depth : numpy.ndarray
        (Y, X) float32, in numbers of planes.

    Returns
    -------
    numpy.ndarray
        As one of the planes.
    """
    index = np.rint(depth).astype(np.intp)
    np.clip(index, 0, len(planes) - 1, out=index)
    taken = np.empty_like(planes[0])
    for k in range(int(index.min()), int(index.max()) + 1):
        np.copyto(taken, planes[k], where=spread_over(index == k, taken))
    return taken
