"""Image and maps of the field, or of one tile, while they are fused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane


@dataclass(frozen=True)
class FusedMaps:
    """Image and maps of one part of the field, changed in place.

    Attributes
    ----------
    image : numpy.ndarray
        (Y, X[, C]) in the dtype of the planes.
    depth, confidence : numpy.ndarray
        (Y, X) float32. While a tile is fused, depth counts the planes that take part, in the order
        of focus; in results it counts the planes of the stack.
    recorded : numpy.ndarray
        (Y, X) bool, True where at least one plane recorded a value; other pixels are not changed.
    origin : tuple of int
        Row and column of the reference plane at which the maps start.
    """

    image: NDArray[Any]
    depth: Plane
    confidence: Plane
    recorded: NDArray[np.bool_]
    origin: tuple[int, int] = (0, 0)
