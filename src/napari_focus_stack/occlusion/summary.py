"""What a run found behind near things, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._utils.wording import format_bytes, format_percentage
from napari_focus_stack.imgproc.morphology import dilate
from napari_focus_stack.occlusion.patch import WIDE

if TYPE_CHECKING:
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.occlusion.patch import ImagingModel

APART = 16
"""Pixels within which unmixed ones count as one region."""


class Why(Enum):
    """Why nothing was unmixed, the farther it got the later."""

    NOT_ASKED = "it was not asked for"
    FEW_PLANES = "there are too few planes"
    NO_ORDER = "the planes are not in the order of their focus"
    FLAT = "depth does not jump"
    NO_LENS = "no flat part shows how the lens blurs"
    MEMORY = "there was too little memory"
    NO_END = "from neither end of the stack do near things explain what the planes show"
    UNEXPLAINED = "nothing explains the planes better than the picture as it was"


TOLD = (Why.NO_END, Why.UNEXPLAINED)
"""What a user should know of."""


@dataclass
class OcclusionSummary:
    """What was found of it in a run.

    Attributes
    ----------
    light : ImagingModel or None
        How planes were recorded; None as long as nothing tells.
    last_is_near : bool
        Which end of the stack is near.
    regions : list of list of int
        First row, end row, first column, end column of the parts with unmixed pixels, in pixels of
        the reference plane. Depth may have changed up to 128 pixels beyond.
    pixels : int
        How many pixels of the image were changed.
    removed : float
        Sum of the shares of light that were taken from them.
    why : Why
        What stood in the way as long as nothing was; of several tiles that which came last.
    needed : float
        Bytes of memory with which it can be looked for, where there were fewer; 0 if unknown.
    """

    light: ImagingModel | None = None
    last_is_near: bool = True
    regions: list[list[int]] = field(default_factory=list)
    pixels: int = 0
    removed: float = 0.0
    why: Why = Why.NOT_ASKED
    needed: float = 0.0

    def stop(self, why: Why) -> None:
        """Take down why a tile is left as it is."""
        self.why = max(self.why, why, key=list(Why).index)

    def add(self, cover: Plane, corner: tuple[int, int]) -> None:
        """Take down what was unmixed of a part of the results.

        Parameters
        ----------
        cover : numpy.ndarray
            (Y, X) float32: share of the light that was taken from each pixel.
        corner : tuple of int
            Row and column of the reference plane where it starts.
        """
        changed = cover > 0
        self.pixels += int(np.count_nonzero(changed))
        self.removed += float(cover.sum())
        grown = dilate(changed, APART) if changed.any() else changed
        _, _, stats, _ = cv2.connectedComponentsWithStats(grown.view(np.uint8))
        for x, y, width, height, _ in stats[1:].tolist():
            seen = changed[y : y + height, x : x + width]
            rows, cols = (np.flatnonzero(seen.any(axis)) for axis in (1, 0))
            top, left = corner[0] + y, corner[1] + x
            box = top + rows[0], top + rows[-1] + 1, left + cols[0], left + cols[-1] + 1
            self.regions.append([int(side) for side in box])

    def as_dict(self, area: int) -> dict[str, Any]:
        """Plain dictionary, ready for JSON; `area` is how many pixels the results have."""
        if not self.pixels or self.light is None:
            return {"found": False, "why": self.why.value}
        return {
            "found": True,
            "near_end": "last" if self.last_is_near else "first",
            "blur_per_plane": round(self.light.lens.blur, 3),
            "gamma": self.light.lens.gamma,
            "share": self.pixels / area,
            "mean_cover": self.removed / self.pixels,
            "regions": self.regions,
        }

    def told(self, area: int) -> list[str]:
        """Sentence for the user."""
        if self.pixels:
            return [
                f"{format_percentage(self.pixels / area)} of the picture lay under the blur of "
                f"what is nearer, {self.removed / self.pixels:.0%} of its light on average; it was "
                "unmixed "
                "(the report says where; with occlusion 'off' it stays), and depth found again "
                f"up to {WIDE} pixels around."
            ]
        if self.why is Why.MEMORY:
            give = f"; give about {format_bytes(self.needed)}" if self.needed else ""
            return [
                "Whether near things blur over what lies behind them was not looked at, for want "
                f"of memory{give}."
            ]
        if self.why in TOLD:
            return [
                f"Depth jumps in places, but {self.why.value}: if near things blur over what lies "
                "behind them there, they still do."
            ]
        return []
