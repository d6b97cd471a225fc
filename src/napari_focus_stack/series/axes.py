"""Names of axes that a caller gives, as in "TCZYX", and their lengths."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMES = {
    "P": "position",
    "T": "time",
    "C": "channel",
    "Z": "z",
    "Y": "y",
    "X": "x",
    "S": "colour",
}
"""Letters of axes and their names."""
STACKED = "PTCZ"
"""Axes of which a plane has none."""
_GIVEN = re.compile(r"([A-Z])(\d*)")


def parse_axes(axes: str) -> tuple[tuple[str, int | None], ...]:
    """Return letters and lengths of axes in words such as "TCZYX" or "T3C2ZYX".

    Parameters
    ----------
    axes : str
        Letters of `NAMES`, each once, slowest first, with Y and X (and S) last; a number after a
        letter is the length of that axis. Case does not count.

    Returns
    -------
    tuple of (str, int or None)
        Letter and length, None where none was given.

    Raises
    ------
    SettingsError
        A letter is unknown, stands twice, or z, y, x are missing or out of order.
    """
    compact = re.sub(r"[\s,]", "", axes).upper()
    found = _GIVEN.findall(compact)
    letters = "".join(letter for letter, _ in found)
    if "".join(letter + length for letter, length in found) != compact:
        raise SettingsError(f"axes '{axes}' are not letters; give them like 'TCZYX'.")
    unknown = [letter for letter in letters if letter not in NAMES]
    if unknown:
        known = ", ".join(f"{letter} ({name})" for letter, name in NAMES.items())
        raise SettingsError(f"axes '{axes}' have '{unknown[0]}'; the axes are {known}.")
    plane = letters.lstrip(STACKED)
    if len(set(letters)) < len(letters) or plane not in ("YX", "YXS") or "Z" not in letters:
        raise SettingsError(
            f"axes '{axes}' must have each letter once, a Z, and end in YX or YXS, as in 'TCZYX'."
        )
    return tuple((letter, int(length) if length else None) for letter, length in found)


def axis_lengths(
    axes: tuple[tuple[str, int | None], ...], shape: Sequence[int], where: str
) -> dict[str, int]:
    """Return the length of each axis of an array, or of pages that were written in that order.

    Parameters
    ----------
    axes : tuple of (str, int or None)
        Result of `parse_axes`.
    shape : sequence of int
        Shape with one entry for each axis, or with one entry for all axes before y.
    where : str
        File or array for the message.

    Returns
    -------
    dict of str to int
        Lengths by letter, in the order of the axes.

    Raises
    ------
    SettingsError
        Axes and shape disagree, or more than one length is missing.
    """
    letters = "".join(letter for letter, _ in axes)
    if 0 in shape:
        raise SettingsError(f"{where} is empty along one of its axes; there is nothing to stack.")
    given = [length for _, length in axes]
    if len(shape) == len(axes):
        wrong = any(g not in (None, size) for g, size in zip(given, shape, strict=True))
        if not wrong:
            return dict(zip(letters, shape, strict=True))
    stacked = letters.rstrip("S").removesuffix("YX")
    in_plane = len(letters) - len(stacked)
    if len(shape) == in_plane + 1:
        lengths = given[: len(stacked)]
        known = math.prod(length for length in lengths if length is not None)
        if lengths.count(None) <= 1 and known and shape[0] % known == 0:
            lengths = [shape[0] // known if length is None else length for length in lengths]
            if math.prod(length or 0 for length in lengths) == shape[0]:
                sizes = [*(length or 0 for length in lengths), *shape[1:]]
                return dict(zip(letters, sizes, strict=True))
    sizes_in_words = " x ".join(str(size) for size in shape)
    raise SettingsError(
        f"axes '{letters}' do not fit {where}, which is {sizes_in_words}; name each axis once, "
        "and give lengths where pages are one list, as in 'T3C2ZYX'."
    )
