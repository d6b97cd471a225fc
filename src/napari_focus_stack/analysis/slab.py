"""Slab that follows a surface between planes, and its projection as planes come one by one.

A plane has weight 1 in the slab, which falls linearly to 0 at its neighbour outside of it. At whole
depths all weights are 0 or 1, and without a slab they are those of linear interpolation.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.result import StackResult


@dataclass(frozen=True)
class Slab:
    """Slab around a surface.

    Attributes
    ----------
    centre : numpy.ndarray
        (Y, X) float32 in numbers of planes; infinite where the slab lies outside the stack.
    half : int
        Planes on either side of the centre.
    reaches : dict of int to tuple of int
        For each plane, the planes over which its weight falls to 0 where the surface lies below it
        and above it.
    """

    centre: Plane
    half: int
    reaches: dict[int, tuple[int, int]]

    @classmethod
    def of(
        cls, result: StackResult, planes: Sequence[int], offset: int, half: int, *, between: bool
    ) -> Slab:
        """Return the slab that follows the surface of a result.

        Parameters
        ----------
        result : StackResult
            The result.
        planes : sequence of int
            Planes that took part, in rising order.
        offset : int
            Planes from the surface to the centre of the slab.
        half : int
            Planes on either side of the centre.
        between : bool
            Whether the surface lies between planes, over those that were left out too; otherwise it
            lies in the plane that is in focus.

        Returns
        -------
        Slab
            The slab.
        """
        index = result.depth_index.astype(np.float32)
        depth = np.where(np.isfinite(result.depth), result.depth, index) if between else index
        nearest = index + np.float32(offset)
        outside = (nearest + half < planes[0]) | (nearest - half > planes[-1])
        centre = np.where(outside, np.float32(np.inf), depth + np.float32(offset))
        # a slab over the gap leaves no step, and planes left out do not count
        gaps = np.maximum(1, np.diff(planes) - 2 * half) if between else np.ones(len(planes) - 1)
        reach = [1, *gaps.astype(int).tolist(), 1]
        return cls(centre, half, dict(zip(planes, pairwise(reach), strict=True)))

    def needs(self, k: int) -> bool:
        """Return whether a plane has a weight anywhere.

        Parameters
        ----------
        k : int
            Number of a plane that took part.

        Returns
        -------
        bool
            False if the plane need not be read.
        """
        below, above = self.reaches[k]
        low, high = k - self.half - below, k + self.half + above
        return bool(((self.centre > low) & (self.centre < high)).any())

    def weights(self, k: int, part: Window) -> Plane:
        """Return the weights of a plane.

        Parameters
        ----------
        k : int
            Number of a plane that took part.
        part : tuple of slice
            Rows and columns of the result.

        Returns
        -------
        numpy.ndarray
            (y, x) float32, 0 to 1.
        """
        below, above = self.reaches[k]
        over = self.centre[part] - np.float32(k)
        falling = (self.half + above - over) / np.float32(above)
        rising = (self.half + below + over) / np.float32(below)
        np.minimum(rising, falling, out=rising)
        weights: Plane = np.clip(rising, 0, 1, out=rising)
        return weights


class Projection(Protocol):
    """Projection of planes that are added in rising order."""

    def add(self, part: Window, seen: Plane, weights: Plane) -> None:
        """Add a plane in a part of the field.

        Parameters
        ----------
        part : tuple of slice
            Rows and columns of the result.
        seen : numpy.ndarray
            (y, x[, C]) float32, finite; overwritten.
        weights : numpy.ndarray
            (y, x) float32, 0 to 1; 0 where the plane recorded nothing.
        """

    def image(self) -> Plane:
        """Return the projection.

        Returns
        -------
        numpy.ndarray
            (Y, X[, C]) float32; NaN where no plane counted.
        """


class SlabMean:
    """Mean over the slab; without a slab, linear interpolation.

    Parameters
    ----------
    shape : tuple of int
        (Y, X[, C]).
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._sum = np.zeros(shape, np.float32)
        self._total = np.zeros(shape[:2], np.float32)

    def add(self, part: Window, seen: Plane, weights: Plane) -> None:
        """Add a plane, as `Projection`."""
        seen *= _for_each_channel(weights, seen)
        self._sum[part] += seen
        self._total[part] += weights

    def image(self) -> Plane:
        """Return the mean, as `Projection`."""
        counted = np.where(self._total > 0, self._total, np.float32(np.nan))
        self._sum /= _for_each_channel(counted, self._sum)
        return self._sum


class SlabMaximum:
    """Largest value of the planes in the slab and of the values interpolated at its two ends.

    Parameters
    ----------
    shape : tuple of int
        (Y, X[, C]).
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._largest = np.full(shape, -np.inf, np.float32)
        self._before = np.zeros(shape, np.float32)
        self._weights_before = np.zeros(shape[:2], np.float32)

    def add(self, part: Window, seen: Plane, weights: Plane) -> None:
        """Add a plane, as `Projection`."""
        largest, before, weights_before = (
            array[part] for array in (self._largest, self._before, self._weights_before)
        )
        inside = _for_each_channel(weights == 1, seen)
        np.maximum(largest, seen, out=largest, where=inside)
        end = (weights_before > 0) & (weights > 0) & (np.minimum(weights_before, weights) < 1)
        if end.any():
            share = np.where(weights_before < 1, 1 - weights_before, weights)
            between = before + _for_each_channel(share, seen) * (seen - before)
            np.maximum(largest, between, out=largest, where=_for_each_channel(end, seen))
        before[:], weights_before[:] = seen, weights

    def image(self) -> Plane:
        """Return the maximum, as `Projection`."""
        self._largest[np.isneginf(self._largest)] = np.nan
        return self._largest


def _for_each_channel(values: NDArray[Any], image: Plane) -> NDArray[Any]:
    return values if image.ndim == 2 else values[..., None]
