"""Specks: single pixels that are lit, or dark, in one plane alone.

A cosmic ray or a pixel that flickers is the sharpest thing at its place, so it is what fusion takes
first. What it adds is in one pixel. A point of the specimen is spread over several by the lens,
and defocus spreads its light without taking any away: summed over a neighbourhood, planes beside
show it, too. (van Dokkum, "Cosmic-ray rejection by Laplacian edge detection", PASP 2001,
https://doi.org/10.1086/323894, tells them in one exposure by their sharpness alone.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.bands import Plane
    from napari_focus_stack.isolation import Isolated
    from napari_focus_stack.transforms import Matrix

AROUND = 16
"""Pixels on each side by which a speck's surroundings are judged."""
SUMMED = 3
"""Side of the neighbourhood over which light is summed."""
OVER_TEXTURE = 3.0
"""Deviations of such sums in its own plane by which a pixel stands out; with 2, seven specks were
found in 46 stacks that have hardly any, with 3, four, and 3 % fewer of those that there are."""
OVER_CHANGE = 3.5
"""Deviations of what planes beside differ by, by which the sum there lacks the pixel's light."""
IN_ONE_PIXEL = (0.7, 1.4)
"""Light that is lacking there, as a part of what stands out: that of a point is ten times more."""
MOST = 1000
"""Of a plane; one that has more is noisy."""


@dataclass(frozen=True)
class _Patch:
    """Surroundings of a pixel: (2 AROUND + 1, 2 AROUND + 1) float32."""

    light: Plane

    @property
    def excess(self) -> float:
        """What the pixel exceeds its neighbours by."""
        near = self.light[AROUND - 1 : AROUND + 2, AROUND - 1 : AROUND + 2]
        return float(near[1, 1] - np.median(np.delete(near.ravel(), 4)))

    def stands_out(self) -> bool:
        """Whether the pixel exceeds what else varies in its plane."""
        sums = cv2.blur(self.light, (SUMMED, SUMMED)) - cv2.blur(self.light, (9, 9))
        return abs(self.excess) >= OVER_TEXTURE * SUMMED**2 * _spread(sums, 7)

    def alone(self, other: Plane) -> bool:
        """Whether another plane, at the same place, lacks this pixel's light and no more."""
        brightness = float(np.median(other))
        if not np.isfinite(brightness) or not np.isfinite(other).all():
            return False
        gain = float(np.median(self.light)) / brightness if brightness > 0 else 1.0
        sums = SUMMED**2 * cv2.blur(self.light - np.float32(gain) * other, (SUMMED, SUMMED))
        lacking = float(sums[AROUND, AROUND] - np.median(sums[_beyond(4)]))
        part = lacking / self.excess if self.excess else 0.0
        clear = abs(lacking) >= OVER_CHANGE * _spread(sums, 4)
        return clear and IN_ONE_PIXEL[0] <= part <= IN_ONE_PIXEL[1]


def lone_pixels(light: NDArray[Any], isolated: Isolated | None) -> NDArray[np.int64]:
    """Pixels of a grey plane that stand out from all around them.

    Parameters
    ----------
    light : numpy.ndarray
        (Y, X).
    isolated : Isolated or None
        What exceeds its direct neighbours.

    Returns
    -------
    numpy.ndarray
        (n, 2) int64, rows and columns.
    """
    if isolated is None or len(isolated.clearly) > MOST:
        return np.empty((0, 2), np.int64)
    rows, cols = np.unravel_index(isolated.clearly, light.shape)
    lone = [
        (y, x)
        for y, x in zip(rows.tolist(), cols.tolist(), strict=True)
        if _has_surroundings(y, x, light.shape) and _patch(light, y, x).stands_out()
    ]
    return np.array(lone, np.int64).reshape(-1, 2)


def in_one_plane(
    lone: NDArray[np.int64], light: NDArray[Any], beside: list[tuple[NDArray[Any], Matrix]]
) -> NDArray[np.int64]:
    """Those lone pixels whose light is in no plane beside theirs.

    Parameters
    ----------
    lone : numpy.ndarray
        (n, 2) int64, as `lone_pixels` finds them.
    light : numpy.ndarray
        (Y, X), their plane.
    beside : list of tuple
        Planes next to it in focus, (Y, X) each, and the (3, 3) transforms from its pixels.
    """
    specks = []
    for y, x in lone.tolist():
        patch = _patch(light, y, x)
        if all(patch.alone(_patch_seen(plane, matrix, y, x)) for plane, matrix in beside):
            specks.append((y, x))
    return np.array(specks, np.int64).reshape(-1, 2)


def _has_surroundings(y: int, x: int, shape: tuple[int, ...]) -> bool:
    return AROUND <= y < shape[0] - AROUND and AROUND <= x < shape[1] - AROUND


def _patch(light: NDArray[Any], y: int, x: int) -> _Patch:
    around = light[y - AROUND : y + AROUND + 1, x - AROUND : x + AROUND + 1]
    return _Patch(around.astype(np.float32))


def _patch_seen(light: NDArray[Any], matrix: Matrix, y: int, x: int) -> Plane:
    """The same surroundings in another plane; NaN where it has not recorded them."""
    to_corner = np.array([[1, 0, x - AROUND], [0, 1, y - AROUND], [0, 0, 1.0]])
    side = 2 * AROUND + 1
    centre = matrix @ (x, y, 1)
    col, row = np.rint(centre[:2] / centre[2]).astype(int)
    reach = 2 * AROUND  # more than any turn or magnification needs
    top, left = max(row - reach, 0), max(col - reach, 0)
    part = light[top : max(row + reach, 0), left : max(col + reach, 0)]
    if not part.size:
        return np.full((side, side), np.nan, np.float32)
    to_part = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
    seen: Plane = cv2.warpPerspective(
        part.astype(np.float32),
        to_part @ matrix @ to_corner,
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=np.nan,
    )
    return seen


def _beyond(pixels: int) -> NDArray[np.bool_]:
    """Where a patch is farther from its middle."""
    away = np.abs(np.arange(-AROUND, AROUND + 1))
    beyond: NDArray[np.bool_] = np.maximum(away[:, None], away) >= pixels
    return beyond


def _spread(sums: Plane, beyond: int) -> float:
    """Standard deviation around the middle, after the median."""
    around = sums[_beyond(beyond)]
    return 1.4826 * float(np.median(np.abs(around - np.median(around))))
