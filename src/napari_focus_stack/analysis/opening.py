"""Opening of heights from files, whatever wrote them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.wording import format_unit
from napari_focus_stack.analysis.height_map import PIXEL, PLANE, HeightMap
from napari_focus_stack.depth.confidence import TRUSTED
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.io.map_files import heights_of_maps
from napari_focus_stack.io.map_images import open_map
from napari_focus_stack.io.output_formats import SAVED, TIFF
from napari_focus_stack.io.saved_heights import saved_heights
from napari_focus_stack.io.spacing_metadata import UNIT, micrometres

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.io.stored_heights import HeightField, StoredHeights

_NO_CONFIDENCE = (
    "There is no confidence beside these heights, so that every one of them counts and their "
    "uncertainty is unknown."
)


@dataclass(frozen=True, eq=False)
class OpenedHeights:
    """Heights of a file, with the image that they belong to.

    Attributes
    ----------
    height_map : HeightMap
        Heights and pixel size in micrometres where the file names lengths.
    image : numpy.ndarray or None
        (Y, X[, C]) the sharp image, where there is one.
    name : str
        Name of the result, with its position, time point and channel.
    notes : tuple of str
        Assumptions, one sentence each.
    """

    height_map: HeightMap
    image: NDArray[Any] | None
    name: str
    notes: tuple[str, ...]


def open_heights(
    path: str | os.PathLike[str],
    *,
    confidence: str | os.PathLike[str] | None = None,
    image: str | os.PathLike[str] | None = None,
    pixel_size: float | tuple[float, float] | None = None,
    z_step: float | None = None,
    time: int | None = None,
    channel: int | str | None = None,
    position: int | str | None = None,
    least_confidence: float = TRUSTED,
) -> OpenedHeights:
    """Open the heights of a result for measurements.

    Parameters
    ----------
    path : path
        Saved results (`.focusstack`); a result of the command or of a batch, TIFF or OME-Zarr,
        whose maps lie beside it; a TIFF of heights or depths from anywhere.
    confidence : path, optional
        TIFF of the confidence, 0 to 1, if it is not found beside the heights.
    image : path, optional
        The sharp image, if it is not found beside the heights.
    pixel_size : float or tuple of float, optional
        Pixel size in micrometres, or those along y and x; by default that in the file.
    z_step : float, optional
        Distance between neighbouring planes in micrometres, with the factor on z if there is one;
        by default that in the file. Heights that were made with another one are scaled.
    time : int, optional
        Number of the time point, where there are several.
    channel : int or str, optional
        Number or name of the channel, where there are several.
    position : int or str, optional
        Number or name of the position, where there are several.
    least_confidence : float
        Least confidence of a height that counts, 0 to 1.

    Returns
    -------
    OpenedHeights
        The heights, and the image if there is one.

    Raises
    ------
    InputError
        The file cannot be read, has no heights, or holds several of which none is chosen; the
        message lists them.
    SettingsError
        A number is out of bounds.

    Examples
    --------
    >>> from napari_focus_stack.analysis import open_heights
    >>> opened = open_heights("leaf.focusstack")  # doctest: +SKIP
    >>> opened.height_map.unit  # doctest: +SKIP
    'micrometer'
    """
    path = Path(path)
    stored = _stored(path)
    if not stored:
        raise InputError(f"'{path}' holds neither heights nor depths; give a result that has them.")
    chosen = _chosen(stored, path, time, channel, position)
    found = _given_files(chosen.read(), path, confidence, image)
    scaled, notes = _in_micrometres(found, path, pixel_size, z_step)
    return OpenedHeights(
        replace(scaled, least_confidence=least_confidence), found.image, _name(chosen), notes
    )


def _stored(path: Path) -> list[StoredHeights]:
    """Return all heights of a file, by its kind."""
    if path.name.lower().endswith(SAVED):
        return saved_heights(path)
    return heights_of_maps(path)


def _name(stored: StoredHeights) -> str:
    parts = [stored.name]
    if stored.position and stored.position != stored.name:
        parts.append(stored.position)
    if stored.time is not None:
        parts.append(f"time {stored.time}")
    if stored.channel is not None:
        parts.append(f"channel {stored.channel_name or stored.channel}")
    return ", ".join(parts)


def _chosen(
    stored: Sequence[StoredHeights],
    path: Path,
    time: int | None,
    channel: int | str | None,
    position: int | str | None,
) -> StoredHeights:
    """Return the heights that the caller chose, or the only ones."""
    names = list(dict.fromkeys(one.position for one in stored))
    left = [
        one
        for one in stored
        if (time is None or time == (one.time or 0))
        and (channel is None or str(channel) in (str(one.channel or 0), one.channel_name))
        and (position is None or str(position) in (one.position, str(names.index(one.position))))
    ]
    if len(left) == 1:
        return left[0]
    what = f"'{path}' holds {len(stored)} height maps" if len(stored) > 1 else f"'{path}' holds one"
    which = "none of them is chosen" if left else "none of them has that place"
    raise InputError(f"{what}, and {which}; choose {_choices(left or stored)}.")


def _choices(stored: Sequence[StoredHeights]) -> str:
    """Return the places of heights as the end of a sentence."""
    axes = {
        "position": [one.position for one in stored],
        "time": [str(one.time) for one in stored if one.time is not None],
        "channel": [
            f"{one.channel} '{one.channel_name}'"
            if one.channel_name not in ("", str(one.channel))
            else str(one.channel)
            for one in stored
            if one.channel is not None
        ],
    }
    listed = {name: list(dict.fromkeys(filter(None, values))) for name, values in axes.items()}
    words = [f"{name} ({', '.join(values)})" for name, values in listed.items() if len(values) > 1]
    return " and ".join(words) or "no place, because there is one alone"


def _given_files(
    found: HeightField,
    path: Path,
    confidence: str | os.PathLike[str] | None,
    image: str | os.PathLike[str] | None,
) -> HeightField:
    """Add the confidence and the image that the caller gave."""
    if confidence is not None:
        found = replace(found, confidence=_confidence(Path(confidence)))
    if image is not None:
        found = replace(found, image=_image(Path(image)))
    for what, array, file in (
        ("confidence", found.confidence, confidence),
        ("image", found.image, image),
    ):
        if array is not None and array.shape[:2] != found.values.shape:
            raise InputError(
                f"The {what} in '{file or path}' has {array.shape[1]} x {array.shape[0]} pixels, "
                f"the heights in '{path}' have {found.values.shape[1]} x {found.values.shape[0]}; "
                "give those of one result."
            )
    return found


def _confidence(file: Path) -> NDArray[Any]:
    read = open_map(file).read(0, 0)
    if read.dtype.kind != "f" or read.ndim != 2 or (np.nanmax(read, initial=0) > 1):
        raise InputError(
            f"'{file}' is no confidence, which is a float image of 0 to 1; give the file that "
            "--confidence wrote."
        )
    return read


def _image(file: Path) -> NDArray[Any]:
    """Read a single picture of any format that stacks may have."""
    if file.suffix.lower() in TIFF or file.is_dir():
        return open_map(file).read(0, 0)
    from napari_focus_stack.io.reading import scan

    return scan([file]).planes[0].read()


def _in_micrometres(
    found: HeightField,
    path: Path,
    pixel_size: float | tuple[float, float] | None,
    z_step: float | None,
) -> tuple[HeightMap, tuple[str, ...]]:
    """Return heights and pixel size in micrometres, where they are lengths, and notes."""
    notes = list(found.notes)
    step = _checked(z_step, "z_step")
    heights, unit, known = _heights(found, path, step, notes)
    pixels, pixel_unit = _pixels(found, pixel_size)
    if found.confidence is None:
        notes.append(_NO_CONFIDENCE)
    recorded = found.z_calibration if step is None else {}
    confidence = None if found.confidence is None else np.asarray(found.confidence, np.float32)
    made = HeightMap(
        heights=np.asarray(heights, np.float32),
        confidence=confidence,
        pixel_size=pixels,
        unit=unit,
        pixel_unit=pixel_unit,
        z_step=known,
        depth_unit=found.depth_unit,
        scale_uncertainty=float(recorded.get("uncertainty", 0.0)),
    )
    return made, tuple(notes)


def _checked(value: float | None, name: str) -> float | None:
    if value is not None and not 0 < value < math.inf:
        raise SettingsError(f"{name} {value} must be a number above 0.")
    return value


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
    values = found.values.astype(np.float32) * np.float32(length or 1.0)
    if step is None or known is None:
        used = step or known
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
    return values * np.float32(step / known), UNIT, step


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
    return values.astype(np.float32) * np.float32(step), unit, step


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
