"""Labels of strokes by the plane in them that is nearest to the lens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from napari_focus_stack.depth.confidence import TRUSTED
from napari_focus_stack.depth_labels import NOT_CORRECTED
from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.correction.compositing import Labels
    from napari_focus_stack.result import StackResult

NEARBY = 5
"""Distance from a stroke, in pixels, within which pixels count with it."""
CREDIBLE_SHARE = 0.02
"""Least share of the credible pixels in which a plane must occur: a few of them may be wrong."""


def nearest_plane_labels(
    result: StackResult, painted: NDArray[np.bool_], side: Literal["first", "last"] = "first"
) -> Labels:
    """Label each stroke with the plane in or around it that is nearest to the lens.

    Pixels in a stroke and up to 5 pixels beside it count if their confidence is 0.5 or more, and a
    plane counts if 2 % of these pixels have it; the whole stroke is labelled with the nearest of
    these planes. Strokes that do not touch are labelled independently.

    Parameters
    ----------
    result : StackResult
        Result of the run.
    painted : numpy.ndarray
        (Y, X) bool: the strokes.
    side : {"first", "last"}, optional
        End of the stack that is nearer to the lens.

    Returns
    -------
    numpy.ndarray
        (Y, X) uint16: labels of the strokes, 0 elsewhere and where no depth is credible.

    Raises
    ------
    SettingsError
        `painted` has another shape or type, or `side` is unknown.
    """
    if side not in ("first", "last"):
        raise SettingsError(f"side {side!r} is unknown; choose from first, last.")
    painted = np.asarray(painted)
    if painted.shape != result.depth_index.shape or painted.dtype != np.bool_:
        raise SettingsError(
            f"What is painted, {painted.shape} {painted.dtype}, does not fit the result: give "
            f"truth values of shape {result.depth_index.shape}."
        )
    labels: Labels = np.full(painted.shape, NOT_CORRECTED, np.uint16)
    x, y, width, height = cv2.boundingRect(painted.view(np.uint8))
    some = (
        slice(max(0, y - NEARBY), y + height + NEARBY),
        slice(max(0, x - NEARBY), x + width + NEARBY),
    )
    credible, index = result.confidence[some] >= TRUSTED, result.depth_index[some]
    count, strokes = cv2.connectedComponents(painted[some].astype(np.uint8), connectivity=8)
    for stroke in range(1, count):
        mask = strokes == stroke
        around = cv2.dilate(mask.view(np.uint8), np.ones((2 * NEARBY + 1,) * 2, np.uint8)) > 0
        counts = np.bincount(index[around & credible])
        planes = np.flatnonzero(counts >= max(1, CREDIBLE_SHARE * counts.sum()))
        if planes.size:
            labels[some][mask] = planes[0 if side == "first" else -1] + 1
    return labels
