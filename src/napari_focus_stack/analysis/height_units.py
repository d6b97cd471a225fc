"""Heights of files in micrometres, and what had to be assumed for that."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.wording import format_percentage, format_unit
from napari_focus_stack.analysis.height_map import PIXEL, PLANE, HeightMap
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.io.spacing_metadata import UNIT, micrometres

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_focus_stack.io.stored_heights import HeightField

MANY = 0.01
"""Share of heights at an end of a stack that is said."""
_NO_CONFIDENCE = (
    "There is no confidence beside these heights, so that every one of them counts and their "
    "uncertainty is unknown."
)


def height_map_in_micrometres(
    found: HeightField,
    path: Path,
    pixel_size: float | tuple[float, float] | None,
    z_step: float | None,
) -> tuple[HeightMap, tuple[str, ...]]:
    """Return heights and pixel size in micrometres, where they are lengths.

    Parameters
    ----------
    found : HeightField
        Heights as the file has them.
    path : pathlib.Path
        The file, for messages.
    pixel_size : float or tuple of float or None
        Pixel size in micrometres that has priority.
    z_step : float or None
        The same of the z step.

    Returns
    -------
    height_map : HeightMap
        The heights.
    notes : tuple of str
        What had to be assumed, one sentence each.

    Raises
    ------
    InputError
        The values are no heights.
    SettingsError
        A number is out of bounds.
    """
    notes = list(found.notes)
    factor = float(found.z_calibration.get("factor", 1.0))
    step = _checked(z_step, "z_step")
    if step is not None and factor != 1:
        step *= factor
        notes.append(f"The factor of this run on distances along z, {factor:g}, was applied.")
    heights, unit, known = _heights(found, path, step, notes)
    pixels, pixel_unit = _pixels(found, pixel_size)
    if found.confidence is None:
        notes.append(_NO_CONFIDENCE)
    if whole_planes(found, step) is not None:
        notes.append(
            f"'{path.name}' has depth in whole planes alone, so that heights are stairs, which "
            "makes roughness, slopes and areas wrong and ± too small; measure a result that was "
            "saved with depth or height."
        )
    confidence = None if found.confidence is None else _confidence(found.confidence, path)
    made = HeightMap(
        heights=np.asarray(heights, np.float32),
        confidence=confidence,
        pixel_size=pixels,
        unit=unit,
        pixel_unit=pixel_unit,
        z_step=known,
        depth_unit=found.depth_unit,
        scale_uncertainty=float(found.z_calibration.get("uncertainty", 0.0)),
    )
    return made, tuple(notes)


def whole_planes(found: HeightField, z_step: float | None) -> NDArray[Any] | None:
    """Return the values of a file that are nothing but numbers of planes.

    Parameters
    ----------
    found : HeightField
        Heights as the file has them.
    z_step : float or None
        Distance between planes that was given, which makes unexplained values planes.

    Returns
    -------
    numpy.ndarray or None
        (Y, X); None for heights, and for depths between planes.
    """
    values = found.values
    if found.kind == "height" or (found.kind == "unknown" and z_step is None):
        return None
    if values.dtype.kind in "iu":
        return values
    if found.kind == "depth":  # whole numbers by chance, as of a flat specimen
        return None
    known = values[np.isfinite(values)]
    are_whole = known.size and known.min() < known.max() and (known == np.rint(known)).all()
    return values if are_whole else None


def at_ends(
    source: HeightMap,
    planes: NDArray[Any] | None = None,
    ends: tuple[int | None, int | None] = (None, None),
) -> list[str]:
    """Return a note for each end of the heights at which many lie, as at an end of a stack.

    Parameters
    ----------
    source : HeightMap
        Heights.
    planes : numpy.ndarray or None
        (Y, X) the whole planes that the heights stand for: there many share the highest plane,
        which is no end of the stack for that.
    ends : tuple of int or None
        First and last plane that the stack used, as far as they are known.

    Returns
    -------
    list of str
        One sentence for an end, none if few heights lie there.
    """
    sure = source.heights[source.counted]
    if not sure.size:
        return []
    extremes = {"lowest": float(sure.min()), "highest": float(sure.max())}
    if planes is not None:
        counted = planes[source.counted]
        outermost = int(counted.min()), int(counted.max())
        extremes = {
            name: extremes[name]
            for name, plane, end in zip(extremes, outermost, ends, strict=True)
            if end in (None, plane)
        }
    shares = {name: float(np.mean(sure == end)) for name, end in extremes.items()}
    return [
        f"{format_percentage(shares[name])} of the heights that count are exactly the {name}, "
        f"{end:.4g} {format_unit(source.unit)}: where that is an end of the stack, the surface "
        "goes on beyond it, and what is measured there is wrong; record more planes."
        for name, end in extremes.items()
        if shares[name] >= MANY
    ]


def _checked(value: float | None, name: str) -> float | None:
    if value is not None and not 0 < value < math.inf:
        raise SettingsError(f"{name} {value} must be a number above 0.")
    return value


def _confidence(values: NDArray[Any], path: Path) -> NDArray[np.float32]:
    if values.dtype.kind not in "uif":
        raise InputError(
            f"'{path}' has confidence of type {values.dtype}, but it is a number from 0 to 1."
        )
    return np.asarray(values, np.float32)


def _heights(
    found: HeightField, path: Path, step: float | None, notes: list[str]
) -> tuple[NDArray[Any], str, float]:
    """Return heights, their unit and the z step; what had to be assumed is noted."""
    if found.values.ndim != 2 or found.values.dtype.kind not in "uif":
        raise InputError(f"'{path}' is a picture in colour, and heights are one number a pixel.")
    unit = found.spacing.unit or UNIT
    length = micrometres(1.0, unit)
    if found.kind == "unknown":
        return _unexplained(found.values, path, step, notes)
    known = found.spacing.z
    if length is not None:
        unit, known = UNIT, None if known is None else known * length
    if found.kind == "depth":
        return _of_depth(found.values, path, step or known, UNIT if step else unit, notes)
    values = _times(found.values, length or 1.0)
    if step is None or known is None:
        used = step or known
        if step is not None:
            notes.append(
                f"'{path.name}' does not name the z step with which its heights were made, so that "
                "they were left as they are."
            )
        if used is None and found.confidence is not None:
            notes.append(
                f"'{path.name}' does not name the z step, so that the uncertainty of heights is "
                "unknown; give it for an uncertainty."
            )
        return values, unit, used or math.nan
    if not math.isclose(step, known, rel_tol=1e-6):
        notes.append(
            f"Heights were scaled from the z step in the file, {known:g} {format_unit(unit)}, to "
            f"{step:g} µm."
        )
    return _times(values, step / known), UNIT, step


def _of_depth(
    values: NDArray[Any], path: Path, step: float | None, unit: str, notes: list[str]
) -> tuple[NDArray[Any], str, float]:
    """Return the heights of depths; those without a z step are in planes."""
    if step is None:
        notes.append(
            f"'{path.name}' has depths and no z step, so that heights are in planes; give the z "
            "step for heights in micrometres."
        )
        return values, PLANE, math.nan
    return _times(values, step), unit, step


def _times(values: NDArray[Any], factor: float) -> NDArray[np.float32]:
    """Return the products of values and a factor as float32."""
    with np.errstate(invalid="ignore", over="ignore"):  # damaged files hold signalling NaN
        return values.astype(np.float32) * np.float32(factor)


def _unexplained(
    values: NDArray[Any], path: Path, step: float | None, notes: list[str]
) -> tuple[NDArray[Any], str, float]:
    """Return heights of values whose meaning the file does not say."""
    if step is not None:
        notes.append(
            f"The values of '{path.name}' were taken as planes of {step:g} µm, because the file "
            "does not say what they are and a z step was given."
        )
        return values.astype(np.float32) * np.float32(step), UNIT, step
    if values.dtype.kind != "f":
        raise InputError(
            f"'{path}' is an image of whole numbers and no height map; give the result of a stack, "
            "or the z step if the numbers are planes."
        )
    notes.append(
        f"The values of '{path.name}' were taken as heights in micrometres, because the file does "
        "not say what they are."
    )
    return values, UNIT, math.nan


def _pixels(
    found: HeightField, given: float | tuple[float, float] | None
) -> tuple[tuple[float, float], str]:
    """Return the pixel size and its unit."""
    if given is not None:
        y, x = given if isinstance(given, tuple) else (given, given)
        return (y, x), UNIT
    spacing = found.spacing
    if spacing.y is None or spacing.x is None:
        return (1.0, 1.0), PIXEL
    unit = spacing.unit or UNIT
    length = micrometres(1.0, unit)
    if length is None:
        return (spacing.y, spacing.x), unit
    return (spacing.y * length, spacing.x * length), UNIT
