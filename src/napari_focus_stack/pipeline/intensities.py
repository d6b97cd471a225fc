"""What a run does to the values of pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.alignment.brightness import Brightness

if TYPE_CHECKING:
    from napari_focus_stack.pipeline.survey import Survey
    from napari_focus_stack.settings import Settings


@dataclass(frozen=True)
class FusedPixels:
    """Counts of pixels whose values are no recorded ones, over the tiles of a fusion.

    Attributes
    ----------
    pixels : int
        Number of pixels.
    limited : int
        Number of those that were limited to the range that planes recorded there.
    averaged : float
        Sum over the pixels of the number of planes averaged in each.
    """

    pixels: int = 0
    limited: int = 0
    averaged: float = 0.0

    def __add__(self, other: FusedPixels) -> FusedPixels:
        """Return the counts of two tiles together."""
        return FusedPixels(
            self.pixels + other.pixels,
            self.limited + other.limited,
            self.averaged + other.averaged,
        )


def intensities(settings: Settings, survey: Survey, counts: FusedPixels) -> dict[str, Any]:
    """Describe what a run did to the values of pixels.

    Parameters
    ----------
    settings : Settings
        Parameters of the run.
    survey : Survey
        Motion, illumination and marks of the planes.
    counts : FusedPixels
        Counts of the fusion.

    Returns
    -------
    dict
        `selected`: whether each pixel is one of the planes' own (then nothing is averaged or
        limited); `interpolated`: whether planes were moved, so that values lie between recorded
        ones; `evened_out`: largest change of brightness that was applied, as a share;
        `averaged_planes`: mean number of planes in a pixel; `clipped`: share of pixels that were
        limited to the range that planes recorded there; `replaced`: number of single pixels of
        planes that were filled in as hot, dead or hit by a cosmic ray.
    """
    selected = settings.selects
    stack = survey.stack
    moved = any(not np.array_equal(stack.transforms[k], np.eye(3)) for k in stack.planes)
    applied = [stack.brightness[k] for k in stack.planes]
    changes = [abs(one.gain - 1) for one in applied if one != Brightness()]
    specks = 0 if selected and not moved else len(stack.marks.listed_specks)
    return {
        "selected": selected,
        "interpolated": moved,
        "evened_out": max(changes, default=0.0),
        "averaged_planes": 1.0 if selected else counts.averaged / max(counts.pixels, 1),
        "clipped": 0.0 if selected else counts.limited / max(counts.pixels, 1),
        "replaced": len(stack.marks.pixels) + specks,
    }
