"""Areal surface texture: height and hybrid parameters of ISO 25178-2."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_focus_stack._utils.threads import row_bands
from napari_focus_stack._utils.wording import format_unit
from napari_focus_stack.analysis.areal_filter import smoothed
from napari_focus_stack.analysis.height_map import as_height_map
from napari_focus_stack.analysis.levelling import level
from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.result import StackResult

Form = Literal["offset", "plane", "polynomial"]
FORMS = ("offset", "plane", "polynomial")
FLAT = 2.0**-22
"""Sq below this part of the largest height is rounding of float32, whose skewness means nothing."""
NOISY = 1 / 3
"""Noise above this part of Sq adds more than 5 % to it."""

UNFAIR = 0.02
"""Relative change of Sq by the heights that do not count, above which a note says so. On rendered
sines whose steep parts were unsure, Sq was up to 32 % too large; of all heights, 2 % too small."""
FEW = 0.01
"""Share of a region that is not worth a note."""


def texture(
    source: HeightMap | StackResult,
    region: NDArray[Any] | None = None,
    s_filter: float | None = None,
    l_filter: float | None = None,
    *,
    levelling: Form = "plane",
    degree: int = 2,
) -> dict[str, Any]:
    """Measure the areal surface texture of the field or of a region.

    The S-filter comes first, then the form is subtracted, then the L-filter, all of them from the
    sure heights of the region alone.

    Parameters
    ----------
    source : HeightMap or StackResult
        Surface.
    region : numpy.ndarray, optional
        (Y, X) bool; the whole field by default.
    s_filter : float, optional
        Cut-off wavelength below which finer roughness is removed, in the unit of the pixel size.
    l_filter : float, optional
        Cut-off wavelength above which waviness is removed, in the unit of the pixel size.
    levelling : str, optional
        Form that is subtracted: "offset" (the mean), "plane" or "polynomial"; see `level`.
    degree : int, optional
        Total degree of a polynomial, 2 to 8.

    Returns
    -------
    dict
        - Sa, Sq, Sp, Sv, Sz: arithmetic mean and root mean square height, largest peak height and
          pit depth, and their sum, in `unit`, from the mean height;
        - Ssk, Sku: skewness and kurtosis, None on a flat surface;
        - Sdq: root mean square gradient, and Sdr: developed interfacial area ratio in percent; None
          where heights and pixels have no common unit or no four neighbours count;
        - share: share of the region whose heights counted, 0 to 1;
        - unit: unit of heights, and filter_unit: that of the filters;
        - noise: root mean square of the standard uncertainty of the heights that counted, before
          any filter, in `unit`; None where it is unknown;
        - surface: the evaluated surface in one sentence;
        - s_filter, l_filter, levelling: as given;
        - notes: sentences on the noise, on what the heights that do not count would change, and
          on figures that are missing.

    Raises
    ------
    InputError
        No height counts, those that count do not determine the form, or the region does not fit.
    SettingsError
        A cut-off, the form or its degree is out of bounds.

    Notes
    -----
    Heights are those of ISO 25178-2 [1]_, each pixel with the same weight. Sdq and Sdr are the
    integrals of the standard over squares of four neighbours that all count. A square is split into
    two triangles in both ways, and the mean is taken, so that tilted planes are exact.

    References
    ----------
    .. [1] ISO 25178-2:2021, Geometrical product specifications (GPS), Surface texture: Areal,
       Part 2: Terms, definitions and surface texture parameters.
    """
    if levelling not in FORMS:
        raise SettingsError(f"levelling {levelling!r} must be one of {', '.join(FORMS)}.")
    if s_filter is not None and l_filter is not None and s_filter >= l_filter:
        raise SettingsError(
            f"The S-filter ({s_filter:g}) must be shorter than the L-filter ({l_filter:g}), "
            "because the texture lies between them."
        )
    height_map = as_height_map(source)
    inside = height_map.counted_in(region)
    surface = height_map
    if s_filter is not None:
        surface = dataclasses.replace(surface, heights=smoothed(surface, s_filter, region))
    levelled = level(surface, levelling, degree=degree, region=region)
    surface = levelled.surface
    if l_filter is not None:
        waves = smoothed(surface, l_filter, region)
        surface = dataclasses.replace(surface, heights=surface.heights - waves)
    largest, unit = _largest(height_map.heights, inside), height_map.unit
    heights = _height_parameters(surface.heights, inside, largest)
    hybrid, missing = _hybrid_parameters(surface, inside)
    noise, doubt = _noise(height_map, inside, heights["Sq"])
    return {
        **heights,
        **hybrid,
        "share": levelled.share,
        "unit": unit,
        "filter_unit": height_map.pixel_unit,
        "noise": noise,
        "surface": _described(height_map, levelled.share, levelled.method, s_filter, l_filter),
        "s_filter": s_filter,
        "l_filter": l_filter,
        "levelling": levelling,
        "notes": [
            *missing,
            *doubt,
            *_rounding(largest, heights["Sq"], unit),
            *_selection(height_map, levelled.form.heights, region),
        ],
    }


def _largest(heights: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    """Return the largest absolute height that counts."""
    return float(np.max(np.abs(heights), where=inside, initial=0))


def _height_parameters(
    heights: NDArray[np.float32], inside: NDArray[np.bool_], largest: float
) -> dict[str, Any]:
    """Return Sa to Sku; `largest` is the largest of the heights that float32 rounded."""
    bands = row_bands(heights.shape)
    count = np.count_nonzero(inside)
    mean = sum(heights[rows][inside[rows]].sum(dtype=np.float64) for rows in bands) / count
    sums, low, high = np.zeros(4), math.inf, -math.inf
    for rows in bands:
        z = heights[rows][inside[rows]] - mean
        if not z.size:
            continue
        squares = z * z
        sums += np.abs(z).sum(), squares.sum(), (squares * z).sum(), (squares * squares).sum()
        low, high = min(low, float(z.min())), max(high, float(z.max()))
    sa, variance, third, fourth = (sums / count).tolist()
    sq = math.sqrt(variance)
    flat = sq <= FLAT * largest
    return {
        "Sa": sa,
        "Sq": sq,
        "Sz": high - low,
        "Sp": high,
        "Sv": -low,
        "Ssk": None if flat else third / sq**3,
        "Sku": None if flat else fourth / sq**4,
    }


def _hybrid_parameters(
    surface: HeightMap, inside: NDArray[np.bool_]
) -> tuple[dict[str, float | None], list[str]]:
    """Return Sdq and Sdr, and why they are missing."""
    if not surface.is_isometric:
        return {"Sdq": None, "Sdr": None}, [
            f"Sdq and Sdr are missing because heights are in {format_unit(surface.unit)} and "
            f"pixels in {format_unit(surface.pixel_unit)}; give the pixel size and the z step."
        ]
    corners, squares, stretch = 0, 0.0, 0.0
    for rows in row_bands(surface.shape):
        around = slice(rows.start, min(rows.stop + 1, surface.shape[0]))
        slopes = _squared_slopes(surface.heights[around], inside[around], surface.pixel_size)
        corners += slopes.size
        squares += float(slopes.sum())
        stretch += float((slopes / (np.sqrt(1 + slopes) + 1)).sum())
    if not corners:
        return {"Sdq": None, "Sdr": None}, [
            "Sdq and Sdr are missing because nowhere four neighbours count."
        ]
    return {"Sdq": math.sqrt(squares / corners), "Sdr": 100 * stretch / corners}, []


def _squared_slopes(
    heights: NDArray[np.float32], inside: NDArray[np.bool_], pixel_size: tuple[float, float]
) -> NDArray[np.float64]:
    """Return the squared slopes of the triangles at the corners of squares of four neighbours.

    (4, squares): each triangle has an edge along y and one along x, a half of the two ways to split
    a square.
    """
    whole = inside[:-1, :-1] & inside[:-1, 1:] & inside[1:, :-1] & inside[1:, 1:]
    z = heights.astype(np.float64)
    along_y, along_x = ((np.diff(z, axis=a) / pixel_size[a]) ** 2 for a in (0, 1))
    left, right = along_y[:, :-1][whole], along_y[:, 1:][whole]
    top, bottom = along_x[:-1][whole], along_x[1:][whole]
    return np.stack([left + top, left + bottom, right + top, right + bottom])


def _noise(
    height_map: HeightMap, inside: NDArray[np.bool_], sq: float
) -> tuple[float | None, list[str]]:
    """Return the root mean square uncertainty of the heights that count, and what it means."""
    uncertainty, unit = height_map.uncertainty, format_unit(height_map.unit)
    if uncertainty is None:
        missing = "confidence map" if height_map.confidence is None else "z step"
        return None, [f"How much of Sq is noise is unknown, because there is no {missing}."]
    noise = math.sqrt(float(np.square(uncertainty[inside], dtype=np.float64).mean()))
    if not math.isfinite(noise):
        return None, ["How much of Sq is noise is unknown, because heights of confidence 0 count."]
    said = (
        f"The standard uncertainty of a height is {noise:.3g} {unit} (root mean square, before any "
        f"filter), and Sq is {sq:.3g} {unit}"
    )
    if noise < NOISY * sq:
        return noise, [f"{said}."]
    if noise < sq:
        return noise, [f"{said}: a good part of it may be noise; compare it with a smooth surface."]
    return noise, [f"{said}: it cannot be distinguished from noise."]


def _rounding(largest: float, sq: float, unit: str) -> list[str]:
    """Return a note where a good part of Sq may be the rounding of heights to float32."""
    step = float(np.spacing(np.float32(largest)))
    if sq == 0 or step / math.sqrt(12) < NOISY * sq:
        return []
    return [
        f"Heights of up to {largest:.3g} {format_unit(unit)} are only known to {step:.2g} "
        f"{format_unit(unit)}, because they are held as 32-bit numbers: Sq and all that follows "
        "from it may be rounding; subtract a constant from the heights before they are opened."
    ]


def _selection(
    height_map: HeightMap, form: NDArray[np.float32], region: NDArray[Any] | None
) -> list[str]:
    """Return a note where the heights that count are no fair sample of the surface."""
    everything = dataclasses.replace(height_map, confidence=None)
    unsure = everything.share_in(region) - height_map.share_in(region)
    if unsure < FEW:
        return []
    levelled = height_map.heights - form
    sure, whole = (
        float(np.std(levelled[one.counted_in(region)], dtype=np.float64))
        for one in (height_map, everything)
    )
    if abs(whole - sure) <= UNFAIR * sure:
        return []
    return [
        f"The {unsure:.1%} of the region that are not sure enough would change Sq, before any "
        f"filter, from {sure:.3g} to {whole:.3g} "
        f"{format_unit(height_map.unit)}: they are outliers, or the "
        "heights that count are no fair sample of the surface, because steep places are less sure."
    ]


def _described(
    height_map: HeightMap,
    share: float,
    form: str,
    s_filter: float | None,
    l_filter: float | None,
) -> str:
    """Return what was evaluated, in one sentence."""
    short, long = (
        f"no {name}-filter"
        if cut_off is None
        else f"{name}-filter of {cut_off:g} {format_unit(height_map.pixel_unit)}"
        for name, cut_off in (("S", s_filter), ("L", l_filter))
    )
    sure = (
        "that are finite"
        if height_map.confidence is None
        else f"whose confidence is at least {height_map.least_confidence:g}"
    )
    kind = "S-F" if l_filter is None else "S-L"
    filters = "" if s_filter is None and l_filter is None else " (Gaussian, ISO 16610-61)"
    return (
        f"{kind} surface of the pixels {sure}, {share:.1%} of the region: {short}, {form} "
        f"subtracted, {long}{filters}."
    )
