"""Depth of what is near, from its own detail, and which side what has no detail belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.imgproc.morphology import dilate, disk
from napari_focus_stack.imgproc.pyramids import luminance
from napari_focus_stack.imgproc.smoothing import EdgeAwareMean
from napari_focus_stack.occlusion.boundaries import (
    SEARCHED,
    OcclusionBoundary,
    detail_peak,
    evidence,
    floor_of,
)
from napari_focus_stack.occlusion.patch import WIDE, Patch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane

SIDE_WINDOW = 1.0
"""Gaussian sigma over the detail that tells sides, where it is little."""
SURE_RADIUS = 2
"""Pixels around one that must all lie on a side: detail reaches beyond its own edge."""
BACKGROUND_SEEN = 0.07
"""Confidence from which on a depth far behind is one."""
WEIGHT_OF_FAR = 3.0
FAR_ENOUGH = 0.8
"""What speaks for the ground, over what speaks against, from which on it is the ground."""
SIDE_REACH = 300.0
"""Smoothness of the sides, in pixels squared."""
SIDE_EDGE = 0.5 / 255
"""Step in the picture, as a part of its range, that a side stops at."""


def foreground_depth(energies: Sequence[Plane], edge: OcclusionBoundary) -> Plane:
    """Depth of what is near, from its own detail alone."""
    own = detail_peak(energies, edge.share, (edge.nearest - SEARCHED, edge.nearest + SEARCHED))
    return np.where(own.depth >= 0, own.depth, edge.nearest)


def belongs_to_background(
    patch: Patch, energies: Sequence[Plane], edge: OcclusionBoundary
) -> NDArray[np.bool_]:
    """Whether a pixel whose depth nothing shows belongs to the ground rather than to what is near.

    Depth goes on from where it is seen to where it is not, across an outline too. So what speaks
    for either side, and is seen, goes on anew, to the next edge of the picture.
    """
    light = patch.light
    smoother = [cv2.GaussianBlur(energy, (0, 0), SIDE_WINDOW) for energy in energies]
    floor = floor_of(smoother)
    clear = [np.maximum(energy - floor, 0) for energy in smoother]
    own = cv2.GaussianBlur(evidence(clear, patch.depth, floor, light.jump), (0, 0), 1.5)
    side = np.where(edge.band, edge.evidence, own)
    kernel = disk(SURE_RADIUS)
    disputed = patch.above | edge.band
    near = np.where(disputed, np.maximum(cv2.erode(side, kernel), 0), 0)
    near[~dilate(patch.discontinuities, WIDE)] = 0
    seen = np.float32(WEIGHT_OF_FAR) * (patch.confidence > np.float32(BACKGROUND_SEEN))
    far = np.where(disputed, np.maximum(-cv2.dilate(side, kernel), 0), seen)
    smooth = EdgeAwareMean(
        luminance(patch.image), SIDE_REACH, SIDE_EDGE * light.span + light.deviation
    )
    nearness, farness = smooth(near.astype(np.float32), far.astype(np.float32))
    return np.asarray(farness > np.float32(FAR_ENOUGH) * nearness)
