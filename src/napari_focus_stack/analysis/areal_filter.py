"""Gaussian areal filters of ISO 16610-61, without end effects at borders and gaps.

The filtered height at a pixel is that of the plane that best fits the heights around it, weighted
by the Gaussian of the standard: a Gaussian regression filter of first order (ISO 16610-71 without
its robust weights; the moment criterion of ISO 16610-28). Where the whole window counts, this is
the convolution of ISO 16610-61; at borders and gaps it leaves tilted planes as they are.

Against the filter of a larger field without gaps, Sq above a cut-off of 40 pixels is 1.6 % too
small on a rough surface of 300 x 300 pixels, and 5 % too small if waviness of 20 times its
amplitude and three cut-offs long is added; means (order 0) give 0.5 % too small and 8 % too large.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_focus_stack._utils.threads import ThreadTeam, block_grid, opencv_on_one_thread
from napari_focus_stack._utils.windows import counted_from, widened
from napari_focus_stack._utils.wording import format_unit
from napari_focus_stack.analysis.height_map import HeightMap, as_height_map
from napari_focus_stack.analysis.local_fits import fitted, powers, solved, windowed
from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    from napari_focus_stack.analysis.local_fits import Power, Sigmas
    from napari_focus_stack.result import StackResult

Map = NDArray[np.float32]

ALPHA = math.sqrt(math.log(2) / math.pi)
"""Constant of the standard: half of an amplitude passes at the cut-off wavelength."""
SIGMA_PER_WAVELENGTH = ALPHA / math.sqrt(2 * math.pi)
FEWEST_PIXELS = 4.0
"""Shortest cut-off wavelength, in pixels: 50.2 % pass there, 56 % at 3 because of the sampling."""
REACH = 4.0
"""Half the width of the window, in standard deviations: 0.75 cut-off wavelengths, beyond which
6e-5 of the weight lies."""
LEAST_SIGMA = 4.0
"""Standard deviation in blocks above which a window is computed from blocks of pixels.

Amplitudes then differ from those of whole pixels by 0.03 % at the cut-off at most; along the border
single heights differ by up to 2 % of the roughness that is removed, in both directions."""


@dataclass(frozen=True, eq=False)
class Filtered:
    """A surface without some wavelengths.

    Attributes
    ----------
    surface : HeightMap
        Its heights are NaN where none counted.
    cut_off : float
        Wavelength of which half of the amplitude passed, in `unit`.
    unit : str
        Unit of the pixel size.
    share : float
        Share of the region whose heights counted, 0 to 1.
    """

    surface: HeightMap
    cut_off: float
    unit: str
    share: float


def s_filter(
    source: HeightMap | StackResult, cut_off: float, region: NDArray[Any] | None = None
) -> Filtered:
    """Remove wavelengths below a cut-off: noise and the finest roughness.

    Parameters
    ----------
    source : HeightMap or StackResult
        Surface.
    cut_off : float
        Wavelength of which half of the amplitude passes, in the unit of the pixel size; at least 4
        pixels, and at most the longer side of the field or of the region.
    region : numpy.ndarray, optional
        (Y, X) bool; heights outside count as little as those that are not sure.

    Returns
    -------
    Filtered
        The smoothed surface.

    Raises
    ------
    InputError
        No height counts, or the region does not fit.
    SettingsError
        The cut-off is out of bounds.

    Notes
    -----
    The weight at a distance r is ``exp(-pi (r / (alpha cut_off))**2)`` with ``alpha = sqrt(ln 2 /
    pi)`` [1]_, in a plane that is fitted to the heights that count [2]_.

    References
    ----------
    .. [1] ISO 16610-61:2015, Geometrical product specifications (GPS), Filtration, Part 61: Linear
       areal filters, Gaussian filters.
    .. [2] H. Knutsson and C.-F. Westin, "Normalized and differential convolution", CVPR 1993,
       https://doi.org/10.1109/CVPR.1993.341081
    """
    height_map = as_height_map(source)
    return _filtered(height_map, smoothed(height_map, cut_off, region), cut_off, region)


def l_filter(
    source: HeightMap | StackResult, cut_off: float, region: NDArray[Any] | None = None
) -> Filtered:
    """Remove wavelengths above a cut-off: waviness and form.

    Parameters
    ----------
    source : HeightMap or StackResult
        Surface.
    cut_off : float
        As of `s_filter`.
    region : numpy.ndarray, optional
        As of `s_filter`.

    Returns
    -------
    Filtered
        The surface minus its smoothed surface.

    Raises
    ------
    InputError
        No height counts, or the region does not fit.
    SettingsError
        The cut-off is out of bounds.
    """
    height_map = as_height_map(source)
    heights = height_map.heights - smoothed(height_map, cut_off, region)
    return _filtered(height_map, heights, cut_off, region)


def smoothed(height_map: HeightMap, cut_off: float, region: NDArray[Any] | None = None) -> Map:
    """Return the heights of long wavelengths.

    Parameters
    ----------
    height_map : HeightMap
        Surface.
    cut_off : float
        As of `s_filter`.
    region : numpy.ndarray, optional
        As of `s_filter`.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32, NaN where no height counts.

    Raises
    ------
    InputError
        No height counts, or the region does not fit.
    SettingsError
        The cut-off is out of bounds.
    """
    inside = height_map.counted_in(region)
    sigmas = _sigmas(height_map, cut_off, region)
    level = float(height_map.heights[inside].mean(dtype=np.float64))
    centred: Map = np.zeros(height_map.shape, np.float32)
    np.subtract(height_map.heights, level, out=centred, where=inside, casting="unsafe")
    blocks = _block(sigmas)
    found = (
        _by_pixels(centred, inside, sigmas)
        if blocks == (1, 1)
        else _by_blocks(centred, inside, sigmas, blocks)
    )
    found += np.float32(level)
    found[~inside] = np.nan
    return found


def _filtered(
    height_map: HeightMap, heights: Map, cut_off: float, region: NDArray[Any] | None
) -> Filtered:
    surface = dataclasses.replace(height_map, heights=heights)
    return Filtered(surface, cut_off, height_map.pixel_unit, height_map.share_in(region))


def _sigmas(height_map: HeightMap, cut_off: float, region: NDArray[Any] | None) -> Sigmas:
    """Return the standard deviations of the window along y and x, in pixels."""
    least = FEWEST_PIXELS * max(height_map.pixel_size)
    sides = zip(_sides(height_map, region), height_map.pixel_size, strict=True)
    most = max(count * size for count, size in sides)
    if not least <= cut_off <= most:
        raise SettingsError(
            f"A cut-off wavelength of {cut_off:g} {format_unit(height_map.pixel_unit)} must be "
            f"{least:g} (4 pixels) to {most:g} (the longer side of what is measured); choose "
            "another wavelength or leave the filter out."
        )
    along_y, along_x = (SIGMA_PER_WAVELENGTH * cut_off / size for size in height_map.pixel_size)
    return along_y, along_x


def _sides(height_map: HeightMap, region: NDArray[Any] | None) -> tuple[int, int]:
    """Return the rows and columns of the field, or of the box around a region."""
    if region is None:
        return height_map.shape
    rows, columns = (np.flatnonzero(region.any(axis=axis)) for axis in (1, 0))
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def _block(sigmas: Sigmas) -> tuple[int, int]:
    """Return the rows and columns, both odd, of the blocks from which a window can be computed."""
    down, across = (max(1, int(sigma / LEAST_SIGMA + 1) // 2 * 2 - 1) for sigma in sigmas)
    return down, across


def _by_pixels(centred: Map, inside: NDArray[np.bool_], sigmas: Sigmas) -> Map:
    """Fit a plane around each pixel, block by block of the field."""
    found = np.empty_like(centred)
    reach = math.ceil(REACH * max(sigmas))

    def smooth(part: tuple[slice, slice]) -> None:
        around = widened(part, reach, centred.shape)
        inner, here = counted_from(around, part), inside[around]
        if not here[inner].any():
            found[part] = 0
        elif here.all() and _is_within(part, reach, centred.shape):
            found[part] = windowed(centred[around], (0, 0), sigmas, REACH)[inner]
        else:
            found[part] = fitted(centred[around], here, sigmas, 1, REACH)[0][0][inner]

    with opencv_on_one_thread(), ThreadTeam() as team:
        team.map(smooth, block_grid(centred.shape))
    return found


def _is_within(part: tuple[slice, slice], reach: int, shape: tuple[int, ...]) -> bool:
    """Tell whether no window in a part reaches beyond the field: first-order terms vanish."""
    return all(
        side.start >= reach and side.stop + reach <= length
        for side, length in zip(part, shape, strict=True)
    )


# --- large windows, from blocks of pixels


def _by_blocks(
    centred: Map, inside: NDArray[np.bool_], sigmas: Sigmas, block: tuple[int, int]
) -> Map:
    """Fit a plane around the centre of each block, and interpolate between centres.

    Blocks contribute their moments, so that planes are exact however many of their pixels count.
    """
    counts = [-(-length // side) + 2 for length, side in zip(centred.shape, block, strict=True)]
    mask = _padded(inside.astype(np.float32), counts, block)
    values = _padded(centred, counts, block)
    narrower = _narrowed(sigmas, block)
    data = _window_moments(_block_moments(values, block, narrower, 1), narrower, 1)
    weights = _window_moments(_block_moments(mask, block, narrower, 2), narrower, 2)
    heights = solved(weights, data, 1)[0][0]
    size = (counts[1] * block[1], counts[0] * block[0])
    whole = cv2.resize(heights, size, interpolation=cv2.INTER_LINEAR)
    whole = cv2.blur(whole, block[::-1])  # takes a ripple of 0.3 % with it, at the cut-off
    rows, columns = centred.shape
    found: Map = whole[block[0] : block[0] + rows, block[1] : block[1] + columns].copy()
    return found


def _narrowed(sigmas: Sigmas, block: tuple[int, int]) -> Sigmas:
    """Return the standard deviations in blocks, less what is added from pixels to pixels.

    The mean over a block of n pixels and over the interpolated ones add (n^2 - 1) / 12 each,
    the interpolation twice as much.
    """
    down, across = (
        math.sqrt(sigma**2 - (side**2 - 1) / 3) / side
        for sigma, side in zip(sigmas, block, strict=True)
    )
    return down, across


def _padded(values: Map, counts: list[int], block: tuple[int, int]) -> Map:
    """Return values with zeros around them: a block before and at least one behind."""
    padded: Map = np.zeros((counts[0] * block[0], counts[1] * block[1]), np.float32)
    padded[block[0] : block[0] + values.shape[0], block[1] : block[1] + values.shape[1]] = values
    return padded


def _block_moments(
    values: Map, block: tuple[int, int], sigmas: Sigmas, order: int
) -> dict[Power, Map]:
    """Return the mean over each block of values times monomials of the distance from its centre.

    Distances are in standard deviations of the window, which `sigmas` gives in blocks.
    """
    along_y, along_x = (
        np.tile((np.arange(side) - (side - 1) / 2) / (side * sigma), length // side)
        for side, sigma, length in zip(block, sigmas, values.shape, strict=True)
    )
    size = (values.shape[1] // block[1], values.shape[0] // block[0])
    return {
        (p, q): cv2.resize(
            values * (along_y[:, None] ** p).astype(np.float32) * (along_x**q).astype(np.float32),
            size,
            interpolation=cv2.INTER_AREA,
        )
        for p, q in powers(order)
    }


def _window_moments(moments: dict[Power, Map], sigmas: Sigmas, order: int) -> dict[Power, Map]:
    """Sum moments of blocks over windows, about the centre of each window (binomial theorem)."""
    whole: dict[Power, Map] = {}
    for p, q in powers(order):
        parts = [
            math.comb(p, i)
            * math.comb(q, j)
            * windowed(moments[p - i, q - j], (i, j), sigmas, REACH)
            for i in range(p + 1)
            for j in range(q + 1)
        ]
        whole[p, q] = np.asarray(sum(parts[1:], parts[0]), np.float32)
    return whole
