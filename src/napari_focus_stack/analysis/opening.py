"""Opening of heights from files, whatever wrote them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.analysis.height_units import (
    at_ends,
    height_map_in_micrometres,
    whole_planes,
)
from napari_focus_stack.depth.confidence import TRUSTED
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.height_files import GSF, X3P
from napari_focus_stack.io.map_files import height_file, heights_of_maps
from napari_focus_stack.io.map_images import open_map
from napari_focus_stack.io.output_formats import SAVED, TIFF
from napari_focus_stack.io.saved_heights import saved_heights
from napari_focus_stack.io.special_files import refuse_special
from napari_focus_stack.io.stored_heights import StoredHeights

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.io.stored_heights import HeightField


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
    files : tuple of pathlib.Path
        Files that were read, which no output may replace.
    """

    height_map: HeightMap
    image: NDArray[Any] | None
    name: str
    notes: tuple[str, ...]
    files: tuple[Path, ...] = ()


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
        whose maps lie beside it; heights of other programs (`.tif`, `.gsf`, `.x3p`).
    confidence : path, optional
        TIFF of the confidence, 0 to 1, if it is not found beside the heights.
    image : path, optional
        The sharp image, if it is not found beside the heights.
    pixel_size : float or tuple of float, optional
        Pixel size in micrometres, or those along y and x; by default that in the file.
    z_step : float, optional
        Distance between neighbouring planes in micrometres, without the factor on z of the run,
        which is applied; by default that in the file. Heights that were made with another one are
        scaled.
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
    for file in (path, confidence, image):
        if file is not None:
            refuse_special(Path(file))
    stored = _stored(path)
    if not stored:
        raise InputError(f"'{path}' holds neither heights nor depths; give a result that has them.")
    chosen = _chosen(stored, path, time, channel, position)
    found = _given_files(chosen.read(), path, confidence, image)
    scaled, notes = height_map_in_micrometres(found, path, pixel_size, z_step)
    counted = replace(scaled, least_confidence=least_confidence)
    given = (Path(file) for file in (confidence, image) if file is not None)
    return OpenedHeights(
        counted,
        found.image,
        _name(chosen),
        (*notes, *at_ends(counted, whole_planes(found, z_step), found.ends)),
        (path, *chosen.files, *given),
    )


def _stored(path: Path) -> list[StoredHeights]:
    """Return all heights of a file, by its kind."""
    if path.name.lower().endswith(SAVED):
        return saved_heights(path)
    if path.suffix.lower() in (GSF, X3P):
        return [StoredHeights(name=path.stem, read=partial(height_file, path))]
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
    if len(stored) == 1:
        raise InputError(
            f"'{path}' holds one height map alone; leave out position, time and channel."
        )
    which = "none of them is chosen" if left else "none of them has that place"
    raise InputError(
        f"'{path}' holds {len(stored)} height maps, and {which}; choose {_choices(left or stored)}."
    )


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
    return " and ".join(words)


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
                f"The {what} in '{file or path}' has {_extent(array)} pixels, the heights in "
                f"'{path}' have {_extent(found.values)}; give those of one result."
            )
    return found


def _extent(array: NDArray[Any]) -> str:
    """Return columns and rows in words; a damaged file may have one axis alone."""
    return " x ".join(str(length) for length in reversed(array.shape[:2]))


def _confidence(file: Path) -> NDArray[Any]:
    read = open_map(file).read(0, 0)
    ends = np.nanmin(read, initial=0), np.nanmax(read, initial=0)
    if read.dtype.kind != "f" or read.ndim != 2 or ends[0] < 0 or ends[1] > 1:
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
