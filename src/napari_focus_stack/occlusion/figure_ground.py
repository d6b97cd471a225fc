"""Assignment of pixels to foreground or background, and the depth of the foreground."""

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
"""Gaussian sigma, in pixels, of the window over detail where there is little of it."""
SURE_RADIUS = 2
"""Radius, in pixels, within which all pixels must lie on one side: detail reaches beyond the edge
of its own surface."""
BACKGROUND_SEEN = 0.07
"""Confidence from which on a depth that is not in front of another counts as background."""
WEIGHT_OF_FAR = 3.0
"""Weight of such a depth as evidence for the background."""
FRINGE = 8
"""Pixels by which evidence for the background ends before `WIDE`. Behind that border the far parts
of a wide foreground count as background, and gave its depth to a line of pixels, 1.2 planes off."""
FAR_ENOUGH = 0.8
"""Evidence for the background, over that for the foreground, from which on a pixel belongs to the
background."""
SIDE_REACH = 300.0
"""Smoothness of the assignment, in pixels squared."""
SIDE_EDGE = 0.5 / 255
"""Step of brightness, as a part of the image's range, at which that smoothing stops."""


def foreground_depth(
    energies: Sequence[Plane], edge: OcclusionBoundary, where: NDArray[np.bool_]
) -> Plane:
    """Measure the depth of the foreground from its own detail alone.

    Parameters
    ----------
    energies : sequence of numpy.ndarray
        `fine_energy` of every plane, (Y, X) float32 each, from back to front.
    edge : OcclusionBoundary
        Occlusion boundary of the foreground.
    where : numpy.ndarray
        (Y, X) bool: pixels at which it is measured.

    Returns
    -------
    numpy.ndarray
        (m,) float32: depth of these pixels, in planes.
    """
    around = edge.nearest - SEARCHED, edge.nearest + SEARCHED
    depth = detail_peak(energies, edge.share, around, where).depth[where]
    return np.where(depth >= 0, depth, edge.nearest[where])


def belongs_to_background(
    patch: Patch, energies: Sequence[Plane], edge: OcclusionBoundary
) -> NDArray[np.bool_]:
    """Find the pixels without visible depth that belong to the background.

    Estimated depth is continued from pixels that show it to pixels that do not, even across an
    occlusion boundary. Therefore the visible evidence for either side is continued anew, up to the
    next edge of the image.

    Parameters
    ----------
    patch : Patch
        Part of the field.
    energies : sequence of numpy.ndarray
        `fine_energy` of every plane, (Y, X) float32 each, from back to front.
    edge : OcclusionBoundary
        Occlusion boundary of the foreground.

    Returns
    -------
    numpy.ndarray
        (Y, X) bool.
    """
    light = patch.light
    smoother = [cv2.GaussianBlur(energy, (0, 0), SIDE_WINDOW) for energy in energies]
    floor = floor_of(smoother)
    clear = [np.maximum(energy - floor, 0) for energy in smoother]
    own = cv2.GaussianBlur(evidence(clear, patch.depth, floor, light.jump), (0, 0), 1.5)
    side = np.where(edge.band, edge.evidence, own)
    kernel = disk(SURE_RADIUS)
    disputed = patch.above | edge.band
    foreground = np.where(disputed, np.maximum(cv2.erode(side, kernel), 0), 0)
    foreground[~dilate(patch.discontinuities, WIDE)] = 0
    seen = patch.confidence > np.float32(BACKGROUND_SEEN)
    seen &= dilate(patch.discontinuities, WIDE - FRINGE)
    visible = np.float32(WEIGHT_OF_FAR) * seen
    background = np.where(disputed, np.maximum(-cv2.dilate(side, kernel), 0), visible)
    smooth = EdgeAwareMean(
        luminance(patch.image), SIDE_REACH, SIDE_EDGE * light.span + light.deviation
    )
    for_foreground, for_background = smooth(
        foreground.astype(np.float32), background.astype(np.float32)
    )
    return np.asarray(for_background > np.float32(FAR_ENOUGH) * for_foreground)
