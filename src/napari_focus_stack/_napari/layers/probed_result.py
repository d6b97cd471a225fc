"""A result whose stack is in the viewer, ready for focus curves at world positions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._napari.layers.geometry import data_at
from napari_focus_stack._napari.layers.measured_heights import height_map_of
from napari_focus_stack._napari.layers.planes import finest, planes_of
from napari_focus_stack._napari.layers.result_sets import ResultSet, as_result, sources_of, stack_of
from napari_focus_stack.depth.confidence import TRUSTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image, Layer

    from napari_focus_stack._napari.layers.geometry import Units
    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.depth.focus_curve import FocusProbe


@dataclass(frozen=True)
class PixelHeight:
    """Height of the surface at a pixel.

    Attributes
    ----------
    height : float
        In `unit`.
    uncertainty : float or None
        Its standard uncertainty, without that of the z scale; None where it is unknown.
    unit : str
        Unit of the height, "plane" where the z step is unknown.
    plane_height : float
        Distance between neighbouring planes, in `unit`.
    """

    height: float
    uncertainty: float | None
    unit: str
    plane_height: float


@dataclass(frozen=True)
class ProbedResult:
    """A result, the layers of its stack, and the probe of both.

    Attributes
    ----------
    found : ResultSet
        The result.
    sources : sequence of napari.layers.Image
        One (z, y, x) layer, or 2-D layers.
    stack : sequence of napari.layers.Image
        The same; for a layer with more axes the part that was stacked.
    probe : FocusProbe
        Computes the curves.
    joined : bool
        Whether the planes are in the order of z.
    corner : tuple of int
        Row and column of the planes at which the result begins.
    data : tuple
        Objects that the probe was made from; others need another probe.
    heights : HeightMap or None
        Heights of the result; None where neither height nor depth is in the viewer.
    """

    found: ResultSet
    sources: Sequence[Image]
    stack: Sequence[Image]
    probe: FocusProbe
    joined: bool
    corner: tuple[int, int]
    data: tuple[Any, ...]
    heights: HeightMap | None = None

    def height_at(self, pixel: tuple[int, int]) -> PixelHeight | None:
        """Return the height of the surface at a pixel.

        Its first call takes a while, because uncertainties are computed for the whole field.

        Parameters
        ----------
        pixel : tuple of int
            Row and column of the reference plane.

        Returns
        -------
        PixelHeight or None
            None where there is no height, or the result was cropped away.
        """
        heights, place = self.heights, (pixel[0] - self.corner[0], pixel[1] - self.corner[1])
        if heights is None or not all(
            0 <= at < size for at, size in zip(place, heights.shape, strict=True)
        ):
            return None
        height = float(heights.heights[place])
        if not math.isfinite(height):
            return None
        error = None if heights.uncertainty is None else float(heights.uncertainty[place])
        known = error if error is not None and math.isfinite(error) else None
        return PixelHeight(height, known, heights.unit, heights.plane_height)

    def holds(self, found: ResultSet, layers: Sequence[Layer]) -> bool:
        """Return whether result and stack are still the same objects; names do not matter.

        Parameters
        ----------
        found : ResultSet
            The result that is chosen now.
        layers : sequence of napari.layers.Layer
            All layers of the viewer.

        Returns
        -------
        bool
            False if another probe is needed.
        """
        data = _data(found, self.sources)
        here = all(layer in layers for layer in self.sources)
        same = len(data) == len(self.data)
        return here and same and all(a is b for a, b in zip(data, self.data, strict=True))

    def pixel(self, position: Sequence[float], units: Units = None) -> tuple[int, int] | None:
        """Return the pixel of the reference plane at a world position.

        Parameters
        ----------
        position : sequence of float
            Position in the world, one number for each axis of the viewer.
        units : sequence of pint.Unit, optional
            Units of the world's axes, if the viewer has any.

        Returns
        -------
        tuple of int or None
            Row and column; None outside the field.
        """
        image, (top, left) = self.found.image, self.corner
        y, x = _pixel(image, position, units)
        height, width = image.data.shape[:2]
        if 0 <= y < height and 0 <= x < width:
            return y + top, x + left
        if self.found.cut.z > self.found.cut.axes[1]:
            return None  # the stack lies across its result
        y, x = _pixel(self.stack[0], position, units)
        _, height, width = self.found.past["shape"][:3]
        return (y, x) if 0 <= y < height and 0 <= x < width else None

    def plane(self, pixel: tuple[int, int]) -> int | None:
        """Return the plane that the result chose at a pixel.

        Parameters
        ----------
        pixel : tuple of int
            Row and column of the reference plane.

        Returns
        -------
        int or None
            Number of the plane; None where the result was cropped away.
        """
        index = self.found.maps["depth-index"].data
        y, x = pixel[0] - self.corner[0], pixel[1] - self.corner[1]
        inside = 0 <= y < index.shape[0] and 0 <= x < index.shape[1]
        return int(index[y, x]) if inside else None


def probed_result(found: ResultSet, layers: Sequence[Layer]) -> ProbedResult:
    """Make the probe of a result.

    Parameters
    ----------
    found : ResultSet
        The result.
    layers : sequence of napari.layers.Layer
        All layers of the viewer.

    Returns
    -------
    ProbedResult
        The result with its stack and the probe.

    Raises
    ------
    InputError
        The stack is not among `layers`, or the result lacks something that a probe needs.
    """
    from napari_focus_stack.depth.focus_curve import FocusProbe

    result = as_result(found)
    sources = sources_of(found, layers)
    stack = stack_of(found, sources)
    return ProbedResult(
        found,
        sources,
        stack,
        FocusProbe(planes_of(stack), result),
        result.report.in_order,
        found.corner,
        _data(found, sources),
        _heights(found),
    )


def _heights(found: ResultSet) -> HeightMap | None:
    """Return the heights of a result, if it has any beside whole planes."""
    layer = found.maps.get("height", found.maps.get("depth"))
    return None if layer is None else height_map_of(found, layer, TRUSTED)


def _data(found: ResultSet, sources: Sequence[Image]) -> tuple[Any, ...]:
    """Return the objects that a probe is made from."""
    maps = [layer.data for layer in found.maps.values()]
    return (found.image, found.past, *maps, *(finest(layer) for layer in sources))


def _pixel(layer: Image, position: Sequence[float], units: Units) -> tuple[int, int]:
    """Return row and column of a layer at a world position, which may lie outside it."""
    y, x = np.round(data_at(layer, position, units)[-2:]).astype(int).tolist()
    return y, x
