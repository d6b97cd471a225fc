"""Grids of planes: which plane of a file belongs to which position, time, channel and z."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.io.declared_size import MOST_PLANES
from napari_focus_stack.series.axes import STACKED, axis_lengths, parse_axes

if TYPE_CHECKING:
    from collections.abc import Mapping

UNNAMED = "IQ"
"""tifffile's letters of pages and of axes without a name."""
_SAME = {"R": "P"}
_WORDS = {
    "A": "angle",
    "E": "wavelength",
    "H": "lifetime",
    "L": "wavelength",
    "M": "mosaic tile",
    "V": "event",
    "S": "sample",
}


@dataclass(frozen=True)
class PlaneGrid:
    """Axes of planes in the order in which a file holds them.

    Attributes
    ----------
    letters : str
        Letter of each axis, slowest first.
    lengths : tuple of int
        Length of each axis.
    """

    letters: str
    lengths: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse more planes than any file has, before there is a place for each."""
        planes = math.prod(map(int, self.lengths))
        if planes > MOST_PLANES:
            raise ValueError(f"it declares {planes} planes")

    def length(self, letter: str) -> int:
        """Return the length of an axis.

        Parameters
        ----------
        letter : str
            Letter of the axis.

        Returns
        -------
        int
            1 if there is no such axis.
        """
        at = self.letters.find(letter)
        return 1 if at < 0 else self.lengths[at]

    def number(self, place: Mapping[str, int]) -> int:
        """Return the number of a plane in the file.

        Parameters
        ----------
        place : mapping of str to int
            Index along each axis by its letter; 0 where it is missing.

        Returns
        -------
        int
            Counted from 0, in the order of the file.
        """
        number = 0
        for letter, length in zip(self.letters, self.lengths, strict=True):
            number = number * length + place.get(letter, 0)
        return number

    def keeps(self, letter: str, other: PlaneGrid) -> bool:
        """Return whether an axis is the same in another grid of the same planes.

        Parameters
        ----------
        letter : str
            Letter of the axis.
        other : PlaneGrid
            Grid of the same planes with other names.

        Returns
        -------
        bool
            True if its length and its place among the planes are the same.
        """
        return self._strides(letter) == other._strides(letter)

    def _strides(self, letter: str) -> tuple[int, int]:
        """Return the length of an axis, and the number of planes from one entry to the next."""
        at = self.letters.find(letter)
        if at < 0 or self.lengths[at] == 1:
            return 1, 0
        return self.lengths[at], math.prod(self.lengths[at + 1 :])


def named_grid(found: PlaneGrid, where: str, *, unnamed_is_z: bool) -> PlaneGrid:
    """Return the axes of a file as position, time, channel and z.

    Parameters
    ----------
    found : PlaneGrid
        Axes by tifffile's letters.
    where : str
        Name of the file for messages.
    unnamed_is_z : bool
        Whether the only axis is z if it has no name.

    Returns
    -------
    PlaneGrid
        Axes of `STACKED`.

    Raises
    ------
    InputError
        An axis has no name, or is none of position, time, channel and z.
    """
    pairs = zip(found.letters, found.lengths, strict=True)
    long = [(_SAME.get(letter, letter), length) for letter, length in pairs if length > 1]
    unnamed = [length for letter, length in long if letter in UNNAMED]
    if unnamed and len(long) == 1 and unnamed_is_z:
        return PlaneGrid("Z", (long[0][1],))
    if unnamed:
        sizes = " x ".join(str(length) for _, length in long)
        raise InputError(
            f"'{where}' has an axis without a name ({sizes} planes)",
            "name all its axes in their order, as in axes='TZYX'",
        )
    for letter, length in long:
        if letter not in STACKED or sum(other == letter for other, _ in long) > 1:
            word = f" ({_WORDS[letter]})" if letter in _WORDS else ""
            raise InputError(
                f"'{where}' has an axis '{letter}'{word} of length {length}, which is none of "
                "position, time, channel and z; save one entry of it as its own file."
            )
    return PlaneGrid("".join(letter for letter, _ in long), tuple(length for _, length in long))


def given_grid(found: PlaneGrid, axes: str, plane_shape: tuple[int, ...], where: str) -> PlaneGrid:
    """Return the axes of a file by the names that the caller gives.

    Parameters
    ----------
    found : PlaneGrid
        Axes of the file, whose names do not count.
    axes : str
        Names as for `parse_axes`.
    plane_shape : tuple of int
        Shape of a plane, as (Y, X) or (Y, X, C).
    where : str
        Name of the file for messages.

    Returns
    -------
    PlaneGrid
        Axes of `STACKED`.

    Raises
    ------
    SettingsError
        Axes and shape disagree.
    """
    parsed = parse_axes(axes)
    if parsed[-1][0] == "S" and len(plane_shape) == 2:
        raise SettingsError(f"axes '{axes}' have a colour, but planes of '{where}' are grey.")
    size = plane_shape if parsed[-1][0] == "S" else plane_shape[:2]
    in_plane = 3 if parsed[-1][0] == "S" else 2
    long = tuple(length for length in found.lengths if length > 1)
    shape = (*found.lengths, *size) if len(found.lengths) + in_plane == len(parsed) else None
    if shape is None:
        one_list = len(long) < 2 and len(long) + in_plane != len(parsed)
        shape = (*((math.prod(long),) if one_list else long), *size)
    lengths = axis_lengths(parsed, shape, f"'{where}'")
    stacked = {letter: length for letter, length in lengths.items() if letter in STACKED}
    return PlaneGrid("".join(stacked), tuple(stacked.values()))
