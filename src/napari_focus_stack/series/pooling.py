"""Evidence of neighbouring time points: registered planes, averaged before focus is measured.

The average of N planes has the noise of N times the light. Averaging depth maps instead hides the
flicker of a weak film and leaves its error: 0.57 planes became 0.47 over 5 maps (cell, 400
photons). The field may climb through the planes over time: planes are matched by whole planes of
that climb, the rest is subtracted from the depth (a slant of gravel, 5 time points: 0.03 planes
instead of 0.13).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack.depth.confidence import HALF_TRUSTED, LEAST_ERROR
from napari_focus_stack.depth.estimation import nearest_plane
from napari_focus_stack.imgproc.dtypes import computable
from napari_focus_stack.imgproc.transforms import warp
from napari_focus_stack.io.sources import PlaneSource
from napari_focus_stack.series.repeated_detail import repeated_detail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix
    from napari_focus_stack.result import StackResult

CONTRADICTION = 3.0
"""Distance of the pooled depth from that of the time point alone, in the expected error of the
latter, at which both count alike."""


@dataclass(frozen=True)
class Neighbour:
    """Stack of a neighbouring time point.

    Attributes
    ----------
    source : PlaneSource
        Its planes.
    transforms : numpy.ndarray
        (n, 3, 3), its reference pixel (x, y, 1) to pixel of its plane k; NaN for one left out.
    drift : numpy.ndarray
        (3, 3), reference pixel of the time point that is measured to that of the neighbour.
    depth : numpy.ndarray
        (Y, X) float32 depth of the neighbour alone, in its own frame.
    climb : float
        Planes by which the field has climbed from the time point that is measured.
    """

    source: PlaneSource
    transforms: Matrix
    drift: Matrix
    depth: Plane
    climb: float = 0.0

    @property
    def lag(self) -> float:
        """Part of the climb that remains once whole planes are matched."""
        return self.climb - round(self.climb)

    def matching(self, k: int) -> int:
        """Return the plane that shows most nearly what plane `k` of the other time point shows.

        It is never absent for some planes only, whose noise would be larger than that of others
        and would be taken for detail.
        """
        took_part = np.flatnonzero(np.isfinite(self.transforms).all((1, 2)))
        return int(took_part[np.abs(took_part - (k + round(self.climb))).argmin()])

    def plane(self, k: int, frame: Matrix) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
        """Resample the plane that matches one of the time point that is measured, in its frame.

        Parameters
        ----------
        k : int
            Number of the plane.
        frame : numpy.ndarray
            (3, 3), transform of that plane.

        Returns
        -------
        plane : numpy.ndarray
            (Y, X[, C]).
        recorded : numpy.ndarray or None
            (Y, X) uint8, 255 where it was recorded; None for everywhere.
        """
        match = self.matching(k)
        matrix = self.transforms[match] @ self.drift @ np.linalg.inv(frame)
        return warp(computable(self.source[match]), matrix)

    def depth_seen(self, instead: Plane) -> Plane:
        """Resample the depth of the neighbour alone in the frame that is measured.

        Parameters
        ----------
        instead : numpy.ndarray
            (Y, X) float32 values where the neighbour recorded nothing.

        Returns
        -------
        numpy.ndarray
            (Y, X) float32.
        """
        moved, recorded = warp(self.depth.astype(np.float32), self.drift, cv2.INTER_LINEAR)
        return moved if recorded is None else np.where(recorded > 0, moved, instead)


class PooledPlanes(PlaneSource):
    """Planes of one time point, each averaged with those of its neighbours.

    Parameters
    ----------
    own : PlaneSource
        The time point that is measured.
    transforms : numpy.ndarray
        (n, 3, 3), its transforms.
    neighbours : sequence of Neighbour
        Other time points with as many planes.
    """

    def __init__(
        self, own: PlaneSource, transforms: Matrix, neighbours: Sequence[Neighbour]
    ) -> None:
        self.describe_as(own)
        self.dtype = np.dtype(np.float32)
        self.concurrent = own.concurrent and all(one.source.concurrent for one in neighbours)
        self._own, self._transforms, self._neighbours = own, transforms, tuple(neighbours)

    def __getitem__(self, k: int) -> NDArray[Any]:
        """Return the average of plane `k` over the time points that recorded each pixel."""
        total = self._own[k].astype(np.float32)
        frame = self._transforms[k]
        if not np.isfinite(frame).all():
            return total
        count = np.ones(total.shape[:2], np.float32)
        for neighbour in self._neighbours:
            plane, recorded = neighbour.plane(k, frame)
            if recorded is None:
                total += plane
                count += 1
            else:
                inside = recorded > 0
                total[inside] += plane[inside]
                count += inside
        total /= count if total.ndim == 2 else count[..., None]
        return total


def window(time: int, pooled: int, times: int) -> range:
    """Return the time points that are pooled: at the ends of a film, the nearest ones.

    Parameters
    ----------
    time : int
        The time point that is measured.
    pooled : int
        Time points to pool, odd.
    times : int
        Length of the film.

    Returns
    -------
    range
        `pooled` time points, or all of a shorter film.
    """
    count = min(pooled, times)
    first = min(max(time - pooled // 2, 0), times - count)
    return range(first, first + count)


def refined(
    measured: StackResult, own: StackResult, neighbours: Sequence[Neighbour]
) -> StackResult:
    """Refine the depth of pooled planes by what is known of each time point.

    Detail counts as far as it repeats over time, and the mean climb of the field is subtracted.
    Where the time point alone is sure of another depth, its specimen moved and its depth stays.

    Parameters
    ----------
    measured : StackResult
        Depth measured on the pooled planes.
    own : StackResult
        Result of the time point alone.
    neighbours : sequence of Neighbour
        The other time points that were pooled.

    Returns
    -------
    StackResult
        `measured` with its depth, index and height refined.
    """
    alone = own.depth.astype(np.float32)
    maps = [alone, *(one.depth_seen(alone) for one in neighbours)]
    depth = repeated_detail(measured.depth.astype(np.float32), maps)
    depth -= np.float32(sum(one.lag for one in neighbours) / len(maps))
    changed = _share_of_own(depth, own)
    depth += changed * (alone - depth)
    confidence = measured.confidence + changed * (own.confidence - measured.confidence)
    took_part = np.flatnonzero(np.isfinite(own.transforms).all((1, 2)))
    places = np.interp(depth, took_part, np.arange(len(took_part))).astype(np.float32)
    depth, index = nearest_plane(places, took_part)
    step = measured.report.spacing.get("z")
    height = None if step is None else depth * np.float32(step)
    return dataclasses.replace(
        measured, depth=depth, depth_index=index, height=height, confidence=confidence
    )


def _share_of_own(depth: Plane, own: StackResult) -> Plane:
    """Return how surely a time point alone contradicts the pooled depth: its specimen moved."""
    known = np.clip(own.confidence, 1e-6, 1 - 1e-6)
    error = HALF_TRUSTED * np.sqrt(1 / known - 1)
    apart = np.square((own.depth - depth) / (CONTRADICTION * np.maximum(error, LEAST_ERROR)))
    share: Plane = (apart / (1 + apart)).astype(np.float32)
    return share
