"""The ground beside and behind what is near, in a part of the field: its picture and its depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.alignment.registered_plane import RegisteredPlane
from napari_focus_stack.depth.estimation import DepthEstimator, edge_contrast
from napari_focus_stack.fusion.pyramid import PyramidFusion
from napari_focus_stack.imgproc.defocus import to_encoded
from napari_focus_stack.imgproc.morphology import dilate
from napari_focus_stack.imgproc.selection import pick_plane
from napari_focus_stack.occlusion.boundaries import find_boundary, fine_energy
from napari_focus_stack.occlusion.figure_ground import belongs_to_background, foreground_depth
from napari_focus_stack.occlusion.model_check import (
    CHECK_WINDOW,
    RESTORED_COVER,
    ModelCheck,
    ModelErrors,
)
from napari_focus_stack.occlusion.patch import WIDE, Patch
from napari_focus_stack.occlusion.unblurring import ForegroundBlur, ForegroundLayers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.threads import ThreadTeam
    from napari_focus_stack.imgproc.pyramids import Plane

DISPUTED_REACH = 16
"""Pixels from a ground that was believed in which depth is its own, or that of what is near."""
FILLED = 0.6
"""Part of the least share that must have come through, up to which the picture of the ground is all
surroundings: dark dashes came of it (0.03 dB at most)."""
CHECKED = 8
"""Planes at which a ground is checked."""
AS_SURE = 0.35
"""Part of the confidence that a depth has, which the ground's must have to take its place where
nothing is hidden: 0.48 instead of 0.50 planes on `motorcycle-noisy`."""
UNSEEN, SEEN = 0.07, 0.14
"""Mean confidence of the ground up to which nothing of it is seen, and from which on it is: what
is plain may as well be the inside of a pattern."""


@dataclass(frozen=True)
class Background:
    """What was found behind.

    Attributes
    ----------
    image : numpy.ndarray
        (Y, X[, C]) float32: the ground's picture.
    weight : numpy.ndarray
        (Y, X) float32, 0 to 1: how much of each pixel is to be taken from it.
    depth : numpy.ndarray
        (Y, X) float32: of what is in front at each pixel.
    confidence : numpy.ndarray
        (Y, X) float32: how far to believe it.
    cover : numpy.ndarray
        (Y, X) float32: share of the light that did not come from the ground, in its own plane.
    check : ModelErrors
        How well it explains the planes.
    """

    image: Plane
    weight: Plane
    depth: Plane
    confidence: Plane
    cover: Plane
    check: ModelErrors


def restore_background(
    patch: Patch, team: ThreadTeam, *, judged: bool = False
) -> Background | None:
    """Unmix the planes of a view, fuse them again, and see whether that explains them.

    Parameters
    ----------
    patch : Patch
        A part of the field.
    team : ThreadTeam
        Who works.
    judged : bool
        Whether to see, too, if the planes are explained as well by what is seen through.

    Returns
    -------
    Background or None
        None if nothing hides anything.
    """
    light = patch.light
    energies = [fine_energy(bright, light.noisy) for bright in patch.bright]
    edge = find_boundary(
        energies, patch.depth, patch.discontinuities, patch.bright, light.jump, light.edge
    )
    occluders = ForegroundLayers(
        edge, patch.lights, patch.depth, patch.discontinuities, light.lens, light.jump
    )
    if not occluders.hidden.any():
        return None
    touched = occluders.hidden | edge.near
    doubted = dilate(patch.discontinuities, WIDE) & patch.above & ~touched
    occluders.doubt(doubted, patch.depth)
    unmixing = _Restoration(patch, occluders, touched, team)
    found = unmixing.fused(int(occluders.last[touched].max()))
    seen = cv2.GaussianBlur(found.confidence, (0, 0), CHECK_WINDOW)
    beyond = occluders.hidden & (edge.share < np.float32(0.3)) & patch.recorded
    where = beyond & (seen > UNSEEN)
    known = int(np.count_nonzero(where)) / max(int(np.count_nonzero(beyond)), 1)
    explanation = ModelCheck(patch, found.image, found.depth, found.veils, edge, where)
    check = explanation.check(known, judged=judged)
    better = check.better() * np.clip((seen - UNSEEN) / np.float32(SEEN - UNSEEN), 0, 1)
    weight = np.clip(found.cover / np.float32(RESTORED_COVER), 0, 1) * (1 - edge.share)
    weight *= occluders.hidden & patch.recorded
    weight *= better
    came = (1 - found.cover) / np.float32(light.least_left)
    weight *= np.clip((came - FILLED) / np.float32(1 - FILLED), 0, 1)
    believed = occluders.hidden & patch.recorded & (better > np.float32(0.5))
    beside = dilate(believed, DISPUTED_REACH)
    depth, confidence = patch.depth.copy(), patch.confidence.copy()
    near = edge.near & beside
    depth[near] = foreground_depth(energies, edge)[near]
    behind = occluders.hidden & ~edge.near & beside
    confidence[behind] = found.confidence[behind]
    taken = doubted & dilate(believed, WIDE) & belongs_to_background(patch, energies, edge)
    taken &= found.confidence > np.float32(AS_SURE) * patch.confidence
    confidence[taken] = np.minimum(found.confidence, confidence)[taken]
    behind |= taken
    depth[behind] = np.minimum(found.depth, patch.depth)[behind]
    return Background(found.image, weight, depth, confidence, found.cover, check)


@dataclass(frozen=True)
class _Found:
    image: Plane
    depth: Plane
    confidence: Plane
    cover: Plane
    veils: dict[int, ForegroundBlur]


class _Restoration:
    """One view on its way through unmixing and fusion."""

    def __init__(
        self,
        patch: Patch,
        occluders: ForegroundLayers,
        touched: NDArray[np.bool_],
        team: ThreadTeam,
    ) -> None:
        self._view, self._light, self._occluders = patch, patch.light, occluders
        self._touched, self._team = touched, team

    def fused(self, last: int) -> _Found:
        """Fuse the planes, those up to `last` unmixed, each where it shows what is behind."""
        planes, lights, gamma = self._view.planes, self._view.lights, self._light.lens.gamma
        ends = min(float(p.min()) for p in lights), max(float(p.max()) for p in lights)
        fusion = PyramidFusion(planes[0].shape, np.dtype(np.float32), self._light.noise, self._team)
        estimator = DepthEstimator(self._team)
        covers, veils = [], {}
        kept = set(np.linspace(0, last, min(CHECKED, last + 1)).astype(int).tolist())
        for k, plane in enumerate(planes):
            self._team.check()
            background = plane
            if k <= last:
                veil = self._occluders.blur_of(k)
                shown = self._touched & (self._occluders.last >= k)
                lifted = veil.removed_from(lights[k], shown, ends, self._light.least_left)
                background = to_encoded(lifted, gamma)
                covers.append(veil.cover)
                if k in kept:
                    veils[k] = veil
            known = None if k <= int(self._occluders.last.min()) else self._shown(k)
            seen = RegisteredPlane(background, np.eye(3), Brightness(), known)
            fusion.add(seen)
            estimator.add(fusion.energies)
        fusion.build()
        light = self._light
        depth, confidence = estimator.estimate(
            fusion.brightness, edge_contrast(light.span, light.deviation)
        )
        covers += [np.zeros_like(depth)]
        cover = pick_plane(covers, np.minimum(depth, np.float32(len(covers) - 1)))
        return _Found(fusion.image(np.dtype(np.float32)), depth, confidence, cover, veils)

    def _shown(self, k: int) -> NDArray[np.uint8]:
        shown: NDArray[np.uint8] = (self._occluders.last >= k).astype(np.uint8) * 255
        return shown
