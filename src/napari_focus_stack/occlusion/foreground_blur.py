"""Foreground out of focus in a plane, and its removal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._compiled.library import library
from napari_focus_stack._utils.windows import widened
from napari_focus_stack.imgproc.morphology import bounding_window
from napari_focus_stack.imgproc.pyramids import doubled, reduce, spread_over
from napari_focus_stack.imgproc.smoothing import without_gaps
from napari_focus_stack.occlusion import compiled_layers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.occlusion.compiled_layers import Limits

LEAST_COVER = 0.004
"""Alpha, of one grey level in 255, that is not worth removing."""
LEAST_WEIGHT = 1e-3
"""Least divisor."""
BEYOND = 0.02
"""Part of the range by which a restored background may exceed it: beyond that the boundary or the
blur is wrong, and it left dark dashes."""
FILLED_FROM = 64
"""Distance, in pixels, from which a lost background is filled."""


@dataclass(frozen=True)
class ForegroundBlur:
    """Foreground out of focus in a plane: the light it adds, and the share of light it blocks.

    Attributes
    ----------
    light : numpy.ndarray
        (Y, X[, C]) float32: light of the foreground.
    cover : numpy.ndarray
        (Y, X) float32, 0 to 1: its alpha, the share of the background's light that it blocks.
    """

    light: Plane
    cover: Plane

    def removed_from(
        self,
        plane: Plane,
        where: NDArray[np.bool_],
        ends: tuple[float, float],
        least_left: float,
    ) -> Plane:
        """Return the background under the blur: `(plane - light) / (1 - cover)`.

        Where a share of no more than `least_left` is transmitted, or where the quotient is no
        light that planes show, the background is filled smoothly from around: a quotient with a
        small divisor is mostly noise.

        Parameters
        ----------
        plane : numpy.ndarray
            (Y, X[, C]) float32, as light.
        where : numpy.ndarray
            (Y, X) bool: pixels to restore.
        ends : tuple of float
            Least and greatest light of all planes.
        least_left : float
            Largest transmitted share that is not divided by.

        Returns
        -------
        numpy.ndarray
            (Y, X[, C]) float32: background as light; elsewhere `plane`.
        """
        beyond = BEYOND * (ends[1] - ends[0])
        limits = compiled_layers.Limits(*ends, beyond, LEAST_COVER, least_left, LEAST_WEIGHT)
        remove = _divided if library() is None else compiled_layers.remove_blur
        background, lost = remove(plane, self.light, self.cover, where, limits)
        if lost.any():
            background[lost] = _filled(background, lost)
        return background


def _divided(
    plane: Plane, light: Plane, cover: Plane, where: NDArray[np.bool_], limits: Limits
) -> tuple[Plane, NDArray[np.bool_]]:
    """Return the same as the kernel `compiled_layers.remove_blur`."""
    left = 1 - cover
    covered = where & (cover > limits.least_cover)
    transmitted = spread_over(np.maximum(left[covered], limits.least_weight), plane)
    shown = (plane[covered] - light[covered]) / transmitted
    wrong = (shown < limits.low - limits.beyond) | (shown > limits.high + limits.beyond)
    lost = where & (left <= limits.least_left)
    lost[covered] |= wrong if wrong.ndim == 1 else wrong.any(-1)
    background = plane.copy()
    background[covered] = np.clip(shown, limits.low, limits.high)
    return background, lost


def _filled(plane: Plane, lost: NDArray[np.bool_]) -> Plane:
    """Return smooth values for lost pixels of a plane, found at half its size."""
    around = widened(bounding_window(lost), FILLED_FROM, lost.shape)
    known, plane = (~lost[around]).astype(np.float32), plane[around]
    kept, small = reduce(known), reduce(plane * spread_over(known, plane))
    small /= spread_over(np.where(kept > 0, kept, np.float32(np.nan)), plane)
    small, _ = without_gaps(small)
    return np.asarray(doubled(small, plane.shape)[lost[around]])
