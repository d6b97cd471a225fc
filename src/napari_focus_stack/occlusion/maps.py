"""Maps of a fused tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane


@dataclass(frozen=True)
class Maps:
    """What was fused of a tile, to be changed in place.

    Attributes
    ----------
    image : numpy.ndarray
        (Y, X[, C]) in the dtype of the planes.
    depth, confidence : numpy.ndarray
        (Y, X) float32, the depth counted in the planes that took part.
    cover : numpy.ndarray
        (Y, X) float32: share of the light that was taken from a pixel; 0 where it was not changed.
    recorded : numpy.ndarray
        (Y, X) bool: where some plane recorded anything; nothing else is changed.
    origin : tuple of int
        Row and column of the reference plane at which they start.
    """

    image: NDArray[Any]
    depth: Plane
    confidence: Plane
    cover: Plane
    recorded: NDArray[np.bool_]
    origin: tuple[int, int]
