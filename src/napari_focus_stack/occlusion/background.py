"""Image and depth of the background beside and behind the foreground, in a part of the field."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
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
from napari_focus_stack.occlusion.foreground_layers import ForegroundLayers
from napari_focus_stack.occlusion.model_check import (
    CHECK_WINDOW,
    LEAST_KNOWN,
    RESTORED_COVER,
    ModelCheck,
    ModelErrors,
)
from napari_focus_stack.occlusion.patch import WIDE, Patch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.threads import ThreadTeam
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.occlusion.boundaries import OcclusionBoundary
    from napari_focus_stack.occlusion.foreground_blur import ForegroundBlur

DISPUTED_REACH = 16
"""Distance, in pixels, from an accepted background up to which depth is measured anew, for the
background from restored planes and for the foreground from its own detail."""
FILLED = 0.6
"""Transmitted share of the light, over the least that can be restored, up to which the image of the
background is only filled from around and not used: it left dark dashes (0.03 dB at most)."""
CHECKED = 8
"""Number of planes on which a background is checked."""
AS_SURE = 0.35
"""Confidence of the background's depth, over that of the estimated depth, from which on it replaces
it where nothing is hidden: 0.48 instead of 0.50 planes on `motorcycle-noisy`."""
UNSEEN, SEEN = 0.07, 0.14
"""Mean confidence of the background up to which none of it is visible, and from which on all of it
is: a plain background may as well be the inside of a pattern."""


@dataclass(frozen=True)
class Background:
    """Background of a patch, restored behind the foreground.

    Attributes
    ----------
    image : numpy.ndarray
        (Y, X[, C]) float32: image of the background.
    weight : numpy.ndarray
        (Y, X) float32, 0 to 1: weight of `image` in each pixel of the result.
    depth : numpy.ndarray
        (Y, X) float32: depth, in planes, of the frontmost surface at each pixel.
    confidence : numpy.ndarray
        (Y, X) float32, 0 to 1: confidence of `depth`.
    cover : numpy.ndarray
        (Y, X) float32, 0 to 1: alpha of the blurred foreground in the plane that is focused on
        the background, the share of light that does not come from the background.
    """

    image: Plane
    weight: Plane
    depth: Plane
    confidence: Plane
    cover: Plane


def explain_planes(patch: Patch, team: ThreadTeam) -> ModelErrors | None:
    """Check how well the planes of a patch are explained by a restored background.

    Parameters
    ----------
    patch : Patch
        Part of the field.
    team : ThreadTeam
        Threads that share the work.

    Returns
    -------
    ModelErrors or None
        Errors of the planes, an opaque and a transparent foreground compared; None if the
        foreground hides nothing, or the planes show too little of what it hides.
    """
    attempt = _Attempt.of(patch, team)
    if attempt is None or attempt.known <= LEAST_KNOWN:
        return None
    check = attempt.check(judged=True)
    return check if check.informative else None


def restore_background(patch: Patch, team: ThreadTeam) -> Background | None:
    """Restore the background in the planes of a patch, fuse them again and check the result.

    Parameters
    ----------
    patch : Patch
        Part of the field.
    team : ThreadTeam
        Threads that share the work.

    Returns
    -------
    Background or None
        Restored background; None if the foreground hides nothing.
    """
    attempt = _Attempt.of(patch, team)
    if attempt is None:
        return None
    found, boundary, hidden = attempt.found, attempt.boundary, attempt.hidden
    seen = (attempt.certainty - UNSEEN) / np.float32(SEEN - UNSEEN)
    better = attempt.check(judged=False).better() * np.clip(seen, 0, 1)
    weight = np.clip(found.cover / np.float32(RESTORED_COVER), 0, 1) * (1 - boundary.share)
    weight *= hidden & patch.recorded
    weight *= better
    transmitted = (1 - found.cover) / np.float32(patch.light.least_left)
    weight *= np.clip((transmitted - FILLED) / np.float32(1 - FILLED), 0, 1)
    accepted = hidden & patch.recorded & (better > np.float32(0.5))
    depth, confidence = attempt.measured_depth(accepted)
    return Background(found.image, weight, depth, confidence, found.cover)


@dataclass(frozen=True)
class _Fused:
    """Background fused from restored planes, and the foreground blur of the planes to check.

    Attributes
    ----------
    image : numpy.ndarray
        (Y, X[, C]) float32: image of the background.
    depth, confidence : numpy.ndarray
        (Y, X) float32: its depth, in planes, and the confidence of that.
    cover : numpy.ndarray
        (Y, X) float32, 0 to 1: alpha of the foreground in the plane in focus at `depth`.
    blurs : dict of int to ForegroundBlur
        Foreground blur by plane.
    """

    image: Plane
    depth: Plane
    confidence: Plane
    cover: Plane
    blurs: dict[int, ForegroundBlur]


@dataclass(frozen=True)
class _Attempt:
    """Background of a patch that is yet to be checked.

    Attributes
    ----------
    patch : Patch
        Part of the field.
    energies : list of numpy.ndarray
        `fine_energy` of every plane, (Y, X) float32 each.
    boundary : OcclusionBoundary
        Occlusion boundary of the foreground.
    hidden : numpy.ndarray
        (Y, X) bool: pixels of the background that the foreground's blur reaches.
    doubted : numpy.ndarray
        (Y, X) bool: other pixels whose depth may wrongly be that of the foreground.
    found : _Fused
        The background.
    certainty : numpy.ndarray
        (Y, X) float32: mean confidence of its depth in a window.
    """

    patch: Patch
    energies: list[Plane]
    boundary: OcclusionBoundary
    hidden: NDArray[np.bool_]
    doubted: NDArray[np.bool_]
    found: _Fused
    certainty: Plane

    @classmethod
    def of(cls, patch: Patch, team: ThreadTeam) -> _Attempt | None:
        """Restore the background of a patch; return None if the foreground hides nothing."""
        light = patch.light
        energies = [fine_energy(bright, light.noisy) for bright in patch.bright]
        boundary = find_boundary(
            energies, patch.depth, patch.discontinuities, patch.bright, light.jump, light.edge
        )
        occluders = ForegroundLayers(
            boundary, patch.lights, patch.depth, patch.discontinuities, light.lens, light.jump
        )
        if not occluders.hidden.any():
            return None
        touched = occluders.hidden | boundary.near
        doubted = dilate(patch.discontinuities, WIDE) & patch.above & ~touched
        occluders.doubt(doubted, patch.depth)
        restoration = _Restoration(patch, occluders, touched, team)
        found = restoration.fused(int(occluders.last[touched].max()))
        certainty = cv2.GaussianBlur(found.confidence, (0, 0), CHECK_WINDOW)
        return cls(patch, energies, boundary, occluders.hidden, doubted, found, certainty)

    @cached_property
    def _beyond(self) -> NDArray[np.bool_]:
        """Hidden pixels that are clearly background."""
        return self.hidden & (self.boundary.share < np.float32(0.3)) & self.patch.recorded

    @cached_property
    def _visible(self) -> NDArray[np.bool_]:
        """Those whose background is visible."""
        return np.asarray(self._beyond & (self.certainty > UNSEEN))

    @property
    def known(self) -> float:
        """Share of the hidden pixels whose background is visible."""
        return int(np.count_nonzero(self._visible)) / max(int(np.count_nonzero(self._beyond)), 1)

    def check(self, *, judged: bool) -> ModelErrors:
        """Return the errors of the planes as explained by the background."""
        found = self.found
        model = ModelCheck(
            self.patch, found.image, found.depth, found.blurs, self.boundary, self._visible
        )
        return model.check(self.known, judged=judged)

    def measured_depth(self, accepted: NDArray[np.bool_]) -> tuple[Plane, Plane]:
        """Return depth and confidence of the frontmost surface, measured anew beside a mask."""
        patch, boundary, found = self.patch, self.boundary, self.found
        beside = dilate(accepted, DISPUTED_REACH)
        depth, confidence = patch.depth.copy(), patch.confidence.copy()
        foreground = boundary.near & beside
        depth[foreground] = foreground_depth(self.energies, boundary, foreground)
        background = self.hidden & ~boundary.near & beside
        confidence[background] = found.confidence[background]
        taken = self.doubted & dilate(accepted, WIDE)
        taken &= belongs_to_background(patch, self.energies, boundary)
        taken &= found.confidence > np.float32(AS_SURE) * patch.confidence
        confidence[taken] = np.minimum(found.confidence, confidence)[taken]
        background |= taken
        depth[background] = np.minimum(found.depth, patch.depth)[background]
        return depth, confidence


class _Restoration:
    """Restoration of the background in the planes of one patch, and their fusion."""

    def __init__(
        self,
        patch: Patch,
        occluders: ForegroundLayers,
        touched: NDArray[np.bool_],
        team: ThreadTeam,
    ) -> None:
        self._patch, self._light, self._occluders = patch, patch.light, occluders
        self._touched, self._team = touched, team

    def fused(self, last: int) -> _Fused:
        """Fuse the planes, each where it shows the background; restore those up to `last`."""
        planes, lights, gamma = self._patch.planes, self._patch.lights, self._light.lens.gamma
        ends = min(float(p.min()) for p in lights), max(float(p.max()) for p in lights)
        fusion = PyramidFusion(planes[0].shape, np.dtype(np.float32), self._light.noise, self._team)
        estimator = DepthEstimator(self._team)
        covers, blurs = [], {}
        kept = set(np.linspace(0, last, min(CHECKED, last + 1)).astype(int).tolist())
        for k, plane in enumerate(planes):
            self._team.check()
            background = plane
            if k <= last:
                blur = self._occluders.blur_of(k)
                shown = self._touched & (self._occluders.last >= k)
                restored = blur.removed_from(lights[k], shown, ends, self._light.least_left)
                background = to_encoded(restored, gamma)
                covers.append(blur.cover)
                if k in kept:
                    blurs[k] = blur
            known = None if k <= int(self._occluders.last.min()) else self._shown(k)
            registered = RegisteredPlane(background, np.eye(3), Brightness(), known)
            fusion.add(registered)
            estimator.add(fusion.energies)
        fusion.build()
        light = self._light
        depth, confidence = estimator.estimate(
            fusion.brightness, edge_contrast(light.span, light.deviation)
        )
        covers += [np.zeros_like(depth)]
        cover = pick_plane(covers, np.minimum(depth, np.float32(len(covers) - 1)))
        return _Fused(fusion.image(np.dtype(np.float32)), depth, confidence, cover, blurs)

    def _shown(self, k: int) -> NDArray[np.uint8]:
        """Return the pixels at which plane `k` shows the background, 255 there and 0 elsewhere."""
        shown: NDArray[np.uint8] = (self._occluders.last >= k).astype(np.uint8) * 255
        return shown
