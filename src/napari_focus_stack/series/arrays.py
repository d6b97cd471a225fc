"""Arrays with named axes as a series."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.sources import ArraySource, Spacing
from napari_focus_stack.series.axes import STACKED, axis_lengths, parse_axes
from napari_focus_stack.series.model import ARRAY, Channel, Position, Series

if TYPE_CHECKING:
    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.series.model import StackIndex

_GUESSES = {3: "ZYX", 4: "TZYX", 5: "TCZYX", 6: "PTCZYX"}
_UNNAMED = Path("array")


def series_of_array(array: Any, axes: str | None = None, spacing: Spacing | None = None) -> Series:
    """Return an array with named axes as a series.

    Parameters
    ----------
    array : array-like
        NumPy, dask, zarr or xarray.DataArray; lazy arrays are read plane by plane.
    axes : str, optional
        Letters of the axes, as in "TCZYX"; those of an xarray.DataArray are its dimensions.
    spacing : Spacing, optional
        Pixel size and z step.

    Returns
    -------
    Series
        One position for each entry of P.

    Raises
    ------
    InputError
        There are more than three axes, or a colour axis, and no names.
    SettingsError
        The names do not fit the shape.
    """
    if axes is None and hasattr(array, "dims"):
        axes = "".join(str(name) for name in array.dims)
    if axes is None:
        axes = _unambiguous(array)
    letters = parse_axes(axes)
    lengths = axis_lengths(letters, array.shape, "the array")
    named = dict(zip(lengths, range(array.ndim), strict=True))
    plane = tuple(lengths[letter] for letter in lengths if letter not in STACKED)
    positions = [
        Position(
            str(p) if lengths.get("P", 1) > 1 else "",
            lengths.get("T", 1),
            tuple(Channel(name) for name in _channel_names(array, lengths.get("C", 1))),
            lengths["Z"],
            plane,
            np.dtype(array.dtype),
            spacing or Spacing(),
        )
        for p in range(lengths.get("P", 1))
    ]

    def read(index: StackIndex) -> PlaneSource:
        chosen = {"P": index.position, "T": index.time, "C": index.channel}
        key = [slice(None)] * array.ndim
        places: list[Any] = list(key)
        for letter, place in chosen.items():
            if letter in named:
                places[named[letter]] = place
        stack = getattr(array, "data", array) if hasattr(array, "dims") else array
        planes = _z_first(stack[tuple(places)], "".join(lengths), chosen)
        return ArraySource(planes, spacing=spacing)

    return Series(_UNNAMED, ARRAY, positions, read, axes=axes)


def _z_first(stack: Any, letters: str, chosen: dict[str, int]) -> Any:
    """Return a stack with z as its first axis."""
    left = [letter for letter in letters if letter not in chosen]
    at = left.index("Z")
    return stack if at == 0 else np.moveaxis(stack, at, 0)


def _unambiguous(array: Any) -> str:
    """Return the axes of an array that can only be one stack; raise InputError otherwise."""
    if array.ndim == 3:
        return "ZYX"
    shape = " x ".join(str(size) for size in array.shape)
    guess = _GUESSES.get(array.ndim, "TCZYX")
    raise InputError(
        f"An array of {shape} has axes whose names are not known; name them, for example "
        f"axes='{guess}'."
    )


def _channel_names(array: Any, channels: int) -> list[str]:
    """Return the names of the channels: the coordinates of an xarray.DataArray."""
    coordinates = getattr(array, "coords", {})
    for key in ("C", "c", "channel"):
        if key in coordinates and len(coordinates[key]) == channels:
            names = [str(name) for name in np.asarray(coordinates[key])]
            return ["" if name.isdecimal() else name for name in names]
    return [""] * channels
