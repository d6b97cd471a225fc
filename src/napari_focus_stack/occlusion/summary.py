"""Summary of the blur that was removed from behind foreground objects, and notes on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._utils.wording import format_bytes, format_percentage
from napari_focus_stack.imgproc.morphology import dilate
from napari_focus_stack.occlusion.patch import WIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.occlusion.patch import ImagingModel

REGION_GAP = 16
"""Pixels within which restored ones count as one region."""


class Why(Enum):
    """Reason that nothing was restored, in the order in which they are met."""

    NOT_ASKED = "it was not asked for"
    FEW_PLANES = "there are too few planes"
    NO_ORDER = "the planes are not in the order of their focus"
    FLAT = "depth does not jump"
    NO_LENS = "no flat part shows how the lens blurs"
    MEMORY = "there was too little memory"
    NO_END = "from neither end of the stack do near things explain what the planes show"
    UNEXPLAINED = "nothing explains the planes better than the picture as it was"


NOTED = (Why.NO_END, Why.UNEXPLAINED)
"""Reasons that are worth a note for the user."""


@dataclass(frozen=True)
class OcclusionSummary:
    """Foreground blur that was found and removed in a run.

    Attributes
    ----------
    light : ImagingModel or None
        How the planes were recorded; None where they do not show it.
    last_is_near : bool
        Whether the last plane is the front end of the stack.
    regions : tuple of tuple of int
        First row, end row, first column, end column of the parts with restored pixels, in pixels
        of the reference plane. Depth may have changed up to 128 pixels beyond.
    pixels : int
        Number of pixels of the image that were changed.
    removed : float
        Sum of the shares of light that were taken from them.
    why : Why
        Reason that nothing was restored; of several tiles the one that came last.
    needed : float
        Bytes of memory that an analysis would take, where there were fewer; 0 if unknown.
    """

    light: ImagingModel | None = None
    last_is_near: bool = True
    regions: tuple[tuple[int, int, int, int], ...] = ()
    pixels: int = 0
    removed: float = 0.0
    why: Why = Why.NOT_ASKED
    needed: float = 0.0

    def stopped(self, why: Why, needed: float = 0.0) -> OcclusionSummary:
        """Return the summary with a tile that stays as it is.

        Parameters
        ----------
        why : Why
            The reason.
        needed : float
            Bytes of memory with which more would have been possible; 0 if unknown.

        Returns
        -------
        OcclusionSummary
            With the reason that came last of all tiles.
        """
        return replace(
            self, why=max(self.why, why, key=list(Why).index), needed=max(self.needed, needed)
        )

    def with_part(self, cover: Plane, corner: tuple[int, int]) -> OcclusionSummary:
        """Return the summary with the pixels restored in a part of the results.

        Parameters
        ----------
        cover : numpy.ndarray
            (Y, X) float32: share of the light that was taken from each pixel.
        corner : tuple of int
            Row and column of the reference plane where it starts.

        Returns
        -------
        OcclusionSummary
            With the part's pixels and regions.
        """
        changed = cover > 0
        return replace(
            self,
            pixels=self.pixels + int(np.count_nonzero(changed)),
            removed=self.removed + float(cover.sum()),
            regions=(*self.regions, *_boxes(changed, corner)),
        )

    def as_dict(self, area: int) -> dict[str, Any]:
        """Return a plain dictionary; `area` is the number of pixels of the results."""
        if not self.pixels or self.light is None:
            return {"found": False, "why": self.why.value}
        return {
            "found": True,
            "near_end": "last" if self.last_is_near else "first",
            "blur_per_plane": round(self.light.lens.blur, 3),
            "gamma": self.light.lens.gamma,
            "share": self.pixels / area,
            "mean_cover": self.removed / self.pixels,
            "regions": [list(box) for box in self.regions],
        }

    def notes(self, area: int) -> list[str]:
        """Return sentences for the user; `area` is the number of pixels of the results."""
        if self.pixels:
            return [
                f"{format_percentage(self.pixels / area)} of the picture lay under the blur of "
                f"what is nearer, {self.removed / self.pixels:.0%} of its light on average; it was "
                "removed (the report says where; with occlusion 'off' it stays), and depth found "
                f"again up to {WIDE} pixels around."
            ]
        if self.why is Why.MEMORY:
            give = f"; give about {format_bytes(self.needed)}" if self.needed else ""
            return [f"Occlusion was not analysed: not enough memory{give}."]
        if self.why in NOTED:
            return [
                f"Depth jumps in places, but {self.why.value}: if near things blur over what lies "
                "behind them there, they still do."
            ]
        return []


def _boxes(
    changed: NDArray[np.bool_], corner: tuple[int, int]
) -> Iterator[tuple[int, int, int, int]]:
    """Yield the boxes of groups of pixels: first row, end row, first column, end column."""
    grown = dilate(changed, REGION_GAP) if changed.any() else changed
    _, _, stats, _ = cv2.connectedComponentsWithStats(grown.view(np.uint8))
    for x, y, width, height, _ in stats[1:].tolist():
        seen = changed[y : y + height, x : x + width]
        rows, cols = (np.flatnonzero(seen.any(axis)) for axis in (1, 0))
        top, left = corner[0] + y, corner[1] + x
        yield (
            int(top + rows[0]),
            int(top + rows[-1] + 1),
            int(left + cols[0]),
            int(left + cols[-1] + 1),
        )
