"""Summary of the foreground blur that was removed from the background, with notes for the user."""

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
"""Distance in pixels up to which restored pixels belong to one region."""


class Why(Enum):
    """Reason why nothing was restored, in the order of the checks."""

    NOT_ASKED = "it was not requested"
    FEW_PLANES = "there are too few planes"
    NO_ORDER = "the planes are not in the order of their focus"
    FLAT = "there are no depth discontinuities"
    NO_LENS = "no flat part of the field shows the blur of the lens"
    MEMORY = "there was not enough memory"
    NO_END = "it could not be decided which end of the stack is the front end"
    UNEXPLAINED = "no restored background explains the planes better than the image as it is"


NOTED = (Why.NO_END, Why.UNEXPLAINED)
"""Reasons that are worth a note for the user."""


@dataclass(frozen=True)
class OcclusionSummary:
    """Foreground blur that was found and removed in a run.

    Attributes
    ----------
    light : ImagingModel or None
        Model of how the planes were recorded; None if it could not be measured.
    last_is_near : bool
        Whether the last plane is the front end of the stack.
    regions : tuple of tuple of int
        First row, end row, first column, end column of the parts with restored pixels, in pixels
        of the reference plane. Depth may have changed up to 128 pixels beyond.
    pixels : int
        Number of pixels of the image that were changed.
    removed : float
        Sum of the shares of light that were removed from them.
    why : Why
        Reason why nothing was restored; of several tiles, the one last in the order of the checks.
    needed : float
        Bytes of memory that the analysis needs, if there was less; 0 if unknown.
    edges, edges_at_end : int
        Pixels of depth discontinuities, and those of them at objects that are sharpest at the front
        end of the stack.
    """

    light: ImagingModel | None = None
    last_is_near: bool = True
    regions: tuple[tuple[int, int, int, int], ...] = ()
    pixels: int = 0
    removed: float = 0.0
    why: Why = Why.NOT_ASKED
    needed: float = 0.0
    edges: int = 0
    edges_at_end: int = 0

    @property
    def share_at_end(self) -> float:
        """Share of the depth discontinuities at objects that are sharpest at the front end.

        0 where no blur was removed, so that nothing is known to lie in front.
        """
        return self.edges_at_end / max(self.edges, 1) if self.pixels else 0.0

    def stopped(self, why: Why, needed: float = 0.0) -> OcclusionSummary:
        """Return the summary with a tile in which nothing is restored.

        Parameters
        ----------
        why : Why
            Reason for that.
        needed : float
            Bytes of memory that the analysis needs, if there was less; 0 if unknown.

        Returns
        -------
        OcclusionSummary
            Summary with the reason that is last in the order of the checks.
        """
        return replace(
            self, why=max(self.why, why, key=list(Why).index), needed=max(self.needed, needed)
        )

    def with_part(self, cover: Plane, corner: tuple[int, int]) -> OcclusionSummary:
        """Return the summary with the pixels restored in a part of the results.

        Parameters
        ----------
        cover : numpy.ndarray
            (Y, X) float32: share of the light that was removed from each pixel.
        corner : tuple of int
            Row and column of the reference plane at which the part starts.

        Returns
        -------
        OcclusionSummary
            Summary with the pixels and regions of the part.
        """
        changed = cover > 0
        if not changed.any():
            return self
        return replace(
            self,
            pixels=self.pixels + int(np.count_nonzero(changed)),
            removed=self.removed + float(cover.sum()),
            regions=(*self.regions, *_boxes(changed, corner)),
        )

    def as_dict(self, area: int) -> dict[str, Any]:
        """Return a plain dictionary for the report.

        Parameters
        ----------
        area : int
            Number of pixels of the results.

        Returns
        -------
        dict
            Whether anything was restored (`found`), and the reason (`why`) or the figures.
        """
        if not self.pixels or self.light is None:
            return {"found": False, "why": self.why.value}
        return {
            "found": True,
            "near_end": "last" if self.last_is_near else "first",
            "share_at_end": round(self.share_at_end, 3),
            "blur_per_plane": round(self.light.lens.blur, 3),
            "gamma": self.light.lens.gamma,
            "share": self.pixels / area,
            "mean_cover": self.removed / self.pixels,
            "regions": [list(box) for box in self.regions],
        }

    def notes(self, area: int) -> list[str]:
        """Return sentences for the user.

        Parameters
        ----------
        area : int
            Number of pixels of the results.

        Returns
        -------
        list of str
            One sentence, or none.
        """
        if self.pixels:
            return [
                f"In {format_percentage(self.pixels / area)} of the picture objects in front blur "
                f"over what lies behind ({self.removed / self.pixels:.0%} of the light there on "
                "average). That blur was removed, and depth was estimated again up to "
                f"{WIDE} pixels around; if an edge looks wrong, compare with occlusion 'off'."
            ]
        if self.why is Why.MEMORY:
            give = f"; give about {format_bytes(self.needed)}" if self.needed else ""
            return [
                "Occlusion was not analysed for want of memory, so that blur of objects in front "
                f"may be left in the picture{give}."
            ]
        if self.why in NOTED:
            return [
                f"In places, objects seem to lie in front of others, but {self.why.value}. If they "
                "blur over what lies behind, that blur is still in the picture, beside their "
                "edges; more planes, or a smaller z step, may show it."
            ]
        return []


def _boxes(
    changed: NDArray[np.bool_], corner: tuple[int, int]
) -> Iterator[tuple[int, int, int, int]]:
    """Yield first row, end row, first column and end column of each group of pixels."""
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
