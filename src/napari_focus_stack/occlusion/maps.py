"""Maps of the field, or of a tile of it, as they are fused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane


@dataclass(frozen=True)
class FusedMaps:
    """Image and maps of one part of the field, worked on in place.

    Attributes
    ----------
    image : numpy.ndarray
        (Y, X[, C]) in the dtype of the planes.
    depth, confidence : numpy.ndarray
        (Y, X) float32. While a tile is fused, its depth counts the planes that took part, in the
        order of their focus; depth that is handed out counts the planes of the stack.
    recorded : numpy.ndarray
        (Y, X) bool: where some plane recorded anything; nothing else is changed.
    origin : tuple of int
        Row and column of the reference plane at which they start.
    """

    image: NDArray[Any]
    depth: Plane
    confidence: Plane
    recorded: NDArray[np.bool_]
    origin: tuple[int, int] = (0, 0)
