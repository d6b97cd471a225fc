"""Mean heights of regions, and their columns in the features of the layer that holds them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._napari.layers.drawn_shapes import letter
from napari_focus_stack._utils.wording import format_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Shapes

    from napari_focus_stack._napari.layers.drawn_shapes import Region
    from napari_focus_stack.analysis.height_map import HeightMap

SHARE = "share of region that counts"
"""Column of the features; lines in the same layer have one of their own."""


@dataclass(frozen=True)
class RegionHeight:
    """Mean height of a region.

    Attributes
    ----------
    name : str
        Name of the region.
    mean : float
        Mean of the heights that count; NaN where none does.
    share : float
        Share of the region whose heights count, 0 to 1.
    """

    name: str
    mean: float
    share: float

    @classmethod
    def of(cls, region: Region, heights: HeightMap) -> RegionHeight:
        """Measure a region.

        Parameters
        ----------
        region : PolygonRegion or LabelRegion
            The region.
        heights : HeightMap
            Heights of the result that it lies over.

        Returns
        -------
        RegionHeight
            Its mean height.
        """
        inside = region.mask(heights.shape)
        counted = heights.heights[inside & heights.counted]
        mean = float(counted.mean(dtype=np.float64)) if counted.size else math.nan
        return cls(region.name, mean, counted.size / max(int(np.count_nonzero(inside)), 1))


def keep_heights(shapes: Shapes, regions: Sequence[RegionHeight], unit: str) -> None:
    """Write the mean heights of regions into the features of their layer.

    Parameters
    ----------
    shapes : napari.layers.Shapes
        Changed in place, where something is new.
    regions : sequence of RegionHeight
        Regions of its shapes.
    unit : str
        Unit of the heights.
    """
    if not regions and SHARE not in shapes.features:
        return  # a layer of lines
    found = {one.name: one for one in regions}
    names = [letter(place) for place in range(len(shapes.data))]
    unknown = RegionHeight("", math.nan, math.nan)
    columns = {
        f"mean height ({format_unit(unit)})": [found.get(name, unknown).mean for name in names],
        SHARE: [found.get(name, unknown).share for name in names],
    }
    features = shapes.features.assign(**columns)
    if not features.equals(shapes.features):
        shapes.features = features
