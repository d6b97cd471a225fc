"""Figures of a fused stack, for the summary of a batch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.batch.records import Figures
from napari_focus_stack.depth.confidence import TRUSTED
from napari_focus_stack.diagnostics.health import AT_END
from napari_focus_stack.imgproc.transforms import corner_distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.result import Report

MOST_SAMPLES = 2_000_000
"""Pixels from which percentiles are taken at most: of more, every second or third row and column
counts, so that maps on disk larger than memory are not copied."""
PERCENTILES = (5, 50, 95)


def figures_of(
    image: NDArray[Any],
    depth: NDArray[np.float32],
    height: NDArray[np.float32] | None,
    confidence: NDArray[np.float32],
    report: Report,
) -> Figures:
    """Return the figures of a stack that was fused.

    Parameters
    ----------
    image : numpy.ndarray
        (Y, X[, C]) of any type; only its size counts, as a check.
    depth : numpy.ndarray
        (Y, X) float32, in planes.
    height : numpy.ndarray or None
        (Y, X) float32, in the unit of the report's spacing; None without a z step.
    confidence : numpy.ndarray
        (Y, X) float32, 0 to 1.
    report : Report
        Report of the run.

    Returns
    -------
    Figures
        Saturation is that of the plane with most of it, of which the advice speaks too.

    Raises
    ------
    ValueError
        The maps are not of one size.
    """
    if not image.shape[:2] == depth.shape == confidence.shape:
        raise ValueError(f"sizes differ: {image.shape}, {depth.shape}, {confidence.shape}")
    lattice = _lattice(depth.shape)
    sure = (confidence[lattice] >= TRUSTED) & np.isfinite(depth[lattice])
    left_out = {plane.plane for plane in report.left_out}
    used = [k for k in range(len(report.planes)) if k not in left_out]
    return Figures(
        planes=len(report.planes),
        left_out=len(left_out),
        align=report.align,
        motion=_largest_motion(report),
        share_sure=float(sure.mean()),
        depth=_percentiles(depth[lattice][sure]),
        height=None if height is None else _percentiles(height[lattice][sure]),
        unit=None if height is None else report.spacing.get("unit"),
        share_at_ends=_share_at_ends(depth[lattice][sure], used),
        saturated=_most_saturated(report, used),
    )


def _lattice(shape: tuple[int, ...]) -> tuple[slice, slice]:
    every = max(1, math.ceil(math.sqrt(math.prod(shape) / MOST_SAMPLES)))
    return np.s_[::every, ::every]


def _percentiles(values: NDArray[np.float32]) -> tuple[float, float, float] | None:
    if not values.size:
        return None
    low, middle, high = (float(value) for value in np.percentile(values, PERCENTILES))
    return low, middle, high


def _share_at_ends(sure: NDArray[np.float32], used: list[int]) -> float:
    """Return the share of sure depths within `AT_END` of the first or the last plane in use."""
    if not sure.size or not used:
        return 0.0
    return float(((sure < used[0] + AT_END) | (sure > used[-1] - AT_END)).mean())


def _largest_motion(report: Report) -> float:
    field = tuple(report.shape[1:3])
    moves = [
        corner_distance(matrix, np.eye(3), field)
        for matrix in report.transforms
        if np.isfinite(matrix).all()
    ]
    return max(moves, default=0.0)


def _most_saturated(report: Report, used: list[int]) -> float | None:
    shares = report.health.get("saturated") or []
    return max((float(shares[k]) for k in used if k < len(shares)), default=None)
