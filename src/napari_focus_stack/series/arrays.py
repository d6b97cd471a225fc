"""Arrays with named axes as a series."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.sources import ArraySource, Spacing
from napari_focus_stack.series.axes import NAMES, STACKED, axis_lengths, parse_axes
from napari_focus_stack.series.indexed_planes import IndexedPlanes
from napari_focus_stack.series.model import ARRAY, Channel, Position, Series

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    if not hasattr(array, "shape"):
        return _one_stack(ArraySource(array, spacing=spacing))
    if axes is None and hasattr(array, "dims"):
        axes = "".join(_letter(str(name)) for name in array.dims)
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
        places: list[Any] = [slice(None)] * array.ndim
        for letter, place in chosen.items():
            if letter in named:
                places[named[letter]] = place
        return _stack(array, places, named["Z"], positions[index.position])

    return Series(_UNNAMED, ARRAY, positions, read, axes=axes)


def _stack(array: Any, places: list[Any], z: int, position: Position) -> PlaneSource:
    """Return one stack of an array; only NumPy and dask are lazy when they are sliced."""
    values = array.data if hasattr(array, "dims") else array
    if type(values).__module__.partition(".")[0] in ("numpy", "dask"):
        stack = values[tuple(places)]
        at = sum(isinstance(place, slice) for place in places[:z])
        return ArraySource(np.moveaxis(stack, at, 0), spacing=position.spacing)
    names = [f"plane {k}" for k in range(position.planes)]

    def plane(k: int) -> NDArray[Any]:
        return np.asarray(values[(*places[:z], k, *places[z + 1 :])])

    return IndexedPlanes(position, names, plane)


def _one_stack(source: ArraySource) -> Series:
    """Return a sequence of planes as a series of one stack."""
    position = Position(
        "", 1, (Channel(),), len(source), source.plane_shape, source.dtype, source.spacing
    )
    return Series(_UNNAMED, ARRAY, [position], lambda _index: source)


def _letter(name: str) -> str:
    """Return the letter of an axis by its name, such as "time"; the name itself if unknown."""
    by_name = {word: letter for letter, word in NAMES.items()}
    return by_name.get(name.casefold(), name)


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
