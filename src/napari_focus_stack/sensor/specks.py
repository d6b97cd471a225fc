"""Specks: single pixels that are bright, or dark, in one plane alone.

A cosmic ray or a flickering pixel is sharper than anything else at its place, so fusion would
select it. Its light is in one pixel, whereas the lens spreads a point of the specimen over several.
Defocus spreads the light of a point without reducing it: summed over a neighbourhood, it is found
in the neighbouring planes, too. (van Dokkum, "Cosmic-ray rejection by Laplacian edge detection",
PASP 113, 2001, https://doi.org/10.1086/323894, detects cosmic rays in one exposure by their
sharpness alone.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack.imgproc.resampling import SourceWindow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix
    from napari_focus_stack.sensor.isolation import Isolated

SURROUNDINGS = 16
"""Radius in pixels of the surroundings by which a speck is judged."""
PATCH_SIDE = 2 * SURROUNDINGS + 1
SUMMED, LOCAL = 3, 9
"""Sides of the neighbourhood over which light is summed, and of the one with which it is
compared."""
OVER_TEXTURE = 3.0
"""Standard deviations of such sums in its own plane by which a pixel stands out; with 2, seven
specks were found in 46 stacks that have hardly any, with 3, four, and 3 % fewer of the real
ones."""
OVER_CHANGE = 3.5
"""Standard deviations of the difference from a neighbouring plane by which the sum there must lack
the light of the pixel."""
IN_ONE_PIXEL = (0.7, 1.4)
"""Light lacking there, as a part of the pixel's excess, both in the pixel and in its neighbourhood.
A point that a lens has spread has ten times its excess in the neighbourhood, and neighbouring
planes that show it blurred lack half of it in the pixel: with either limit alone 25 to 40 of 100
beads were taken for specks."""
MOST_HELD = 2.0
"""Largest ratio of the light that a pixel and its neighbours hold together to the pixel's excess:
for the narrowest point that is sampled at all (Gaussian sigma 0.6) it is 2.8."""
LEAST_LIT = 5.0
"""Standard deviations of the surroundings by which the median pixel must exceed black for a gain to
be measured."""
MOST_SPECKS, AT_A_TIME = 400, 16
"""Largest number of specks of a plane, because a plane with more is noisy; and number of pixels
that are processed together."""


def lone_pixels(light: NDArray[Any], isolated: Isolated | None) -> NDArray[np.int64]:
    """Find isolated pixels of a plane that stand out from all of their surroundings.

    Parameters
    ----------
    light : numpy.ndarray
        (Y, X) grey, uint8, uint16 or float32.
    isolated : Isolated or None
        Pixels that exceed their direct neighbours; None if they are texture or noise.

    Returns
    -------
    numpy.ndarray
        (n, 2) int64, rows and columns.
    """
    if isolated is None or len(isolated.clearly) > MOST_SPECKS:
        return np.empty((0, 2), np.int64)
    places = np.column_stack(np.unravel_index(isolated.clearly, light.shape))
    sides = np.array(light.shape)
    inner = ((places >= SURROUNDINGS) & (places < sides - SURROUNDINGS)).all(axis=1)
    places = places[inner].astype(np.int64)
    found = [part[_stand_out(light, part)] for part in _portions(places)]
    return np.concatenate([places[:0], *found])


def _portions(places: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Split pixels into groups that are processed together."""
    return [places[i : i + AT_A_TIME] for i in range(0, len(places), AT_A_TIME)]


def _stand_out(light: NDArray[Any], places: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Check whether pixels exceed the variation around them; False beside missing values."""
    patches = _patches(light, places)
    finite = np.isfinite(patches).all(axis=(1, 2))
    patches[~finite] = 0
    # blurred in one call, one below the other: patches mix at their edges alone
    tall = patches.reshape(-1, PATCH_SIDE)
    sums = cv2.blur(tall, (SUMMED, SUMMED)) - cv2.blur(tall, (LOCAL, LOCAL))
    some = np.s_[LOCAL // 2 : -(LOCAL // 2) : 2]
    sums = sums.reshape(patches.shape)
    around = sums[:, some, some][:, _beyond(LOCAL // 2 + SUMMED)[some, some]]
    usual, spread = _usual(around)
    excess = np.abs(_excess(patches))
    held = np.abs(sums[:, SURROUNDINGS, SURROUNDINGS] - usual) * SUMMED**2
    clear = excess >= OVER_TEXTURE * SUMMED**2 * spread
    lone: NDArray[np.bool_] = clear & finite & (held <= MOST_HELD * excess)
    return lone


def in_one_plane(
    lone: NDArray[np.int64], light: NDArray[Any], beside: list[tuple[NDArray[Any], Matrix]]
) -> NDArray[np.int64]:
    """Keep the isolated pixels whose light is in no neighbouring plane.

    Parameters
    ----------
    lone : numpy.ndarray
        (n, 2) int64, rows and columns, from `lone_pixels`.
    light : numpy.ndarray
        (Y, X), their plane.
    beside : list of tuple
        Neighbouring planes in focus, (Y, X) each, and the (3, 3) transforms from pixels of `light`.

    Returns
    -------
    numpy.ndarray
        (m, 2) int64, rows and columns.
    """
    if not len(lone):
        return lone
    patches = _patches(light, lone)
    bare = [
        all(_lacks(patch, _seen(plane, matrix, y, x)) for plane, matrix in beside)
        for patch, (y, x) in zip(patches, lone.tolist(), strict=True)
    ]
    specks: NDArray[np.int64] = lone[np.array(bare)]
    return specks


def _lacks(patch: Plane, other: Plane) -> bool:
    """Check whether another plane lacks the light of a patch's central pixel and around it."""
    if not np.isfinite(other).all():
        return False
    apart = patch - np.float32(_gain(patch, other)) * other
    sums = SUMMED**2 * cv2.blur(apart, (SUMMED, SUMMED))
    beyond = _beyond(SUMMED + 1)
    usual, spread = _usual(np.stack([sums[beyond], apart[beyond]]))
    lacking = (
        np.array([sums[SURROUNDINGS, SURROUNDINGS], apart[SURROUNDINGS, SURROUNDINGS]]) - usual
    )
    excess = _excess(patch[None])[0]
    if not excess or abs(lacking[0]) < OVER_CHANGE * spread[0]:
        return False
    least, most = IN_ONE_PIXEL
    part = lacking / excess
    return bool(np.all((least <= part) & (part <= most)))


def _gain(patch: Plane, other: Plane) -> float:
    """Return the gain from another plane to a patch; 1 where both are almost black."""
    (here, there), spread = _usual(np.stack([patch.ravel(), other.ravel()]))
    return float(here / there) if min(here, there) > LEAST_LIT * spread.max() else 1.0


def _usual(light: Plane) -> tuple[Plane, Plane]:
    """Return the medians of (n, pixels) and the standard deviations around them, (n,) each."""
    usual = np.median(light, axis=1)
    return usual, 1.4826 * np.median(np.abs(light - usual[:, None]), axis=1)


def _patches(light: NDArray[Any], places: NDArray[np.int64]) -> Plane:
    """Return the surroundings of pixels, (n, PATCH_SIDE, PATCH_SIDE) float32."""
    windows = np.lib.stride_tricks.sliding_window_view(light, (PATCH_SIDE, PATCH_SIDE))
    around: Plane = windows[tuple((places - SURROUNDINGS).T)].astype(np.float32)
    return around


def _excess(patches: Plane) -> Plane:
    """Return the difference between central pixels and the median of their neighbours."""
    window = patches[
        :, SURROUNDINGS - 1 : SURROUNDINGS + 2, SURROUNDINGS - 1 : SURROUNDINGS + 2
    ].reshape(-1, 9)
    excess: Plane = window[:, 4] - np.median(np.delete(window, 4, axis=1), axis=1).astype(
        np.float32
    )
    return excess


def _seen(light: NDArray[Any], matrix: Matrix, y: int, x: int) -> Plane:
    """Resample the same surroundings from another plane; NaN where it recorded nothing."""
    window = (
        slice(y - SURROUNDINGS, y + SURROUNDINGS + 1),
        slice(x - SURROUNDINGS, x + SURROUNDINGS + 1),
    )
    cut = SourceWindow.of(matrix, window, light.shape)
    resampled: Plane = cv2.warpPerspective(
        light[cut.crop].astype(np.float32),
        cut.matrix,
        cut.size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=np.nan,
    )
    return resampled


def _beyond(pixels: int) -> NDArray[np.bool_]:
    """Return a mask of a patch, True at a distance of `pixels` or more from its centre."""
    distance = np.abs(np.arange(-SURROUNDINGS, SURROUNDINGS + 1))
    beyond: NDArray[np.bool_] = np.maximum(distance[:, None], distance) >= pixels
    return beyond
