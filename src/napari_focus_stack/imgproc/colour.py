"""Colour as brightness and two differences, in which sensors' noise and specimens' detail part.

Brightness carries nearly all detail and, of independent noise, a third; weights come from it, and
each component is freed from its own noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane

OPPONENT = np.array(
    [[3**-0.5, 3**-0.5, 3**-0.5], [2**-0.5, 0, -(2**-0.5)], [6**-0.5, -2 * 6**-0.5, 6**-0.5]],
    np.float32,
)
"""Brightness, red against blue, green against both: rows of a rotation, so noise keeps its size."""
GREY = 3**0.5
"""Brightness of a grey of 1."""


def opponent(plane: NDArray[Any]) -> Plane:
    """Brightness and two colour differences of a colour plane, (Y, X, 3): a rotation of RGB."""
    rotated: Plane = cv2.transform(plane[..., :3].astype(np.float32, copy=False), OPPONENT)
    return rotated


def lightness(plane: NDArray[Any]) -> Plane:
    """The first of a plane's channels alone, (Y, X) float32: grey, or the brightness of colour."""
    if plane.ndim == 2:
        return plane.astype(np.float32)
    weights = np.zeros((1, plane.shape[2]), np.float32)
    weights[0, :3] = OPPONENT[0]
    bright: Plane = cv2.transform(plane.astype(np.float32, copy=False), weights)
    return bright


def separated(plane: NDArray[Any]) -> list[Plane]:
    """A plane as new channels, (Y, X) float32: grey; or brightness, two differences[, alpha]."""
    if plane.ndim == 2:
        return [plane.astype(np.float32)]
    channels = list(cv2.split(opponent(plane)))
    return channels + [plane[..., c].astype(np.float32) for c in range(3, plane.shape[2])]


def merged(channels: Sequence[Plane]) -> Plane:
    """The plane, (Y, X[, C]) float32, that was `separated`."""
    if len(channels) == 1:
        return channels[0]
    rgb: Plane = cv2.transform(cv2.merge(list(channels[:3])), OPPONENT.T)
    return rgb if len(channels) == 3 else np.dstack([rgb, *channels[3:]])
