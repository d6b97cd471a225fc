"""The ground beside and behind what is near, in a part of the field: its picture and its depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.alignment.registered_plane import SeenPlane
from napari_focus_stack.depth.estimation import DepthEstimator, edge_contrast
from napari_focus_stack.fusion.pyramid import PyramidFusion
from napari_focus_stack.occlusion.boundaries import fine_energy, outline, picked, widened
from napari_focus_stack.occlusion.figure_ground import depth_of_near, is_far
from napari_focus_stack.occlusion.lens import to_values
from napari_focus_stack.occlusion.model_check import CHECK_WINDOW, VEILED, Check, Explanation
from napari_focus_stack.occlusion.patch import WIDE, View
from napari_focus_stack.occlusion.unblurring import Occluders, Veil

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.threads import Crew
    from napari_focus_stack.imgproc.pyramids import Plane

BESIDE = 16
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
class Ground:
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
    check : Check
        How well it explains the planes.
    """

    image: Plane
    weight: Plane
    depth: Plane
    confidence: Plane
    cover: Plane
    check: Check


def ground_behind(view: View, crew: Crew, *, judged: bool = False) -> Ground | None:
    """Unmix the planes of a view, fuse them again, and see whether that explains them.

    Parameters
    ----------
    view : View
        A part of the field.
    crew : Crew
        Who works.
    judged : bool
        Whether to see, too, if the planes are explained as well by what is seen through.

    Returns
    -------
    Ground or None
        None if nothing hides anything.
    """
    light = view.light
    energies = [fine_energy(bright, light.noisy) for bright in view.bright]
    edge = outline(energies, view.depth, view.jumps, view.bright, light.jump, light.edge)
    occluders = Occluders(edge, view.lights, view.depth, view.jumps, light.lens, light.jump)
    if not occluders.hidden.any():
        return None
    touched = occluders.hidden | edge.near
    doubted = widened(view.jumps, WIDE) & view.above & ~touched
    occluders.doubt(doubted, view.depth)
    unmixing = _Unmixing(view, occluders, touched, crew)
    found = unmixing.fused(int(occluders.last[touched].max()))
    seen = cv2.GaussianBlur(found.confidence, (0, 0), CHECK_WINDOW)
    beyond = occluders.hidden & (edge.share < np.float32(0.3)) & view.recorded
    where = beyond & (seen > UNSEEN)
    known = int(np.count_nonzero(where)) / max(int(np.count_nonzero(beyond)), 1)
    explanation = Explanation(view, found.image, found.depth, found.veils, edge, where)
    check = explanation.check(known, judged=judged)
    better = check.better() * np.clip((seen - UNSEEN) / np.float32(SEEN - UNSEEN), 0, 1)
    weight = np.clip(found.cover / np.float32(VEILED), 0, 1) * (1 - edge.share)
    weight *= occluders.hidden & view.recorded
    weight *= better
    came = (1 - found.cover) / np.float32(light.least_left)
    weight *= np.clip((came - FILLED) / np.float32(1 - FILLED), 0, 1)
    believed = occluders.hidden & view.recorded & (better > np.float32(0.5))
    beside = widened(believed, BESIDE)
    depth, confidence = view.depth.copy(), view.confidence.copy()
    near = edge.near & beside
    depth[near] = depth_of_near(energies, edge)[near]
    behind = occluders.hidden & ~edge.near & beside
    confidence[behind] = found.confidence[behind]
    taken = doubted & widened(believed, WIDE) & is_far(view, energies, edge)
    taken &= found.confidence > np.float32(AS_SURE) * view.confidence
    confidence[taken] = np.minimum(found.confidence, confidence)[taken]
    behind |= taken
    depth[behind] = np.minimum(found.depth, view.depth)[behind]
    return Ground(found.image, weight, depth, confidence, found.cover, check)


@dataclass(frozen=True)
class _Found:
    image: Plane
    depth: Plane
    confidence: Plane
    cover: Plane
    veils: dict[int, Veil]


class _Unmixing:
    """One view on its way through unmixing and fusion."""

    def __init__(
        self,
        view: View,
        occluders: Occluders,
        touched: NDArray[np.bool_],
        crew: Crew,
    ) -> None:
        self._view, self._light, self._occluders = view, view.light, occluders
        self._touched, self._crew = touched, crew

    def fused(self, last: int) -> _Found:
        """Fuse the planes, those up to `last` unmixed, each where it shows what is behind."""
        planes, lights, gamma = self._view.planes, self._view.lights, self._light.lens.gamma
        ends = min(float(p.min()) for p in lights), max(float(p.max()) for p in lights)
        fusion = PyramidFusion(planes[0].shape, np.dtype(np.float32), self._light.noise, self._crew)
        estimator = DepthEstimator(self._crew)
        covers, veils = [], {}
        kept = set(np.linspace(0, last, min(CHECKED, last + 1)).astype(int).tolist())
        for k, plane in enumerate(planes):
            self._crew.check()
            ground = plane
            if k <= last:
                veil = self._occluders.veil(k)
                shown = self._touched & (self._occluders.last >= k)
                lifted = veil.lifted(lights[k], shown, ends, self._light.least_left)
                ground = to_values(lifted, gamma)
                covers.append(veil.cover)
                if k in kept:
                    veils[k] = veil
            known = None if k <= int(self._occluders.last.min()) else self._shown(k)
            seen = SeenPlane(ground, np.eye(3), Brightness(), known)
            fusion.add(seen)
            estimator.add(fusion.energies)
        fusion.build()
        light = self._light
        depth, confidence = estimator.estimate(
            fusion.brightness, edge_contrast(light.span, light.deviation)
        )
        covers += [np.zeros_like(depth)]
        cover = picked(covers, np.minimum(depth, np.float32(len(covers) - 1)))
        return _Found(fusion.image(np.dtype(np.float32)), depth, confidence, cover, veils)

    def _shown(self, k: int) -> NDArray[np.uint8]:
        shown: NDArray[np.uint8] = (self._occluders.last >= k).astype(np.uint8) * 255
        return shown
