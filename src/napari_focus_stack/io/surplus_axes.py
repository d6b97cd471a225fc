"""Refusal of files with axes beyond z, y, x and colour where one stack is expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.output_formats import SAVED

if TYPE_CHECKING:
    from napari_focus_stack.io.plane_files import ImageFile

_OPTIONS = {"time point": "--time", "channel": "--channel", "position": "--position"}
"""Options of the command by the axes of a series."""


def refuse_surplus_axes(name: str, found: ImageFile) -> None:
    """Raise an InputError if a file has axes beyond z, y, x and colour."""
    if not found.surplus:
        return
    refuse_results(name)
    sizes = " and ".join(f"{length} {plural}" for length, plural, _ in found.surplus)
    if not found.has_z and len(found.surplus) == 1:
        raise InputError(
            f"'{name}' has {sizes} but no z axis; if that axis is the focus, name it: "
            f"focusstack -i '{name}' --axes ZYX, or open_series(..., axes='ZYX') in Python."
        )
    ones = [singular for _, _, singular in found.surplus]
    options = [_OPTIONS[one] for one in ones if one in _OPTIONS]
    if found.has_z and len(options) == len(ones):
        raise InputError(
            f"'{name}' has {sizes}; open it as a series: focusstack -i '{name}' with "
            f"{' and '.join(options)}, or open_series in Python."
        )
    raise InputError(
        f"'{name}' has {sizes}; name its axes: focusstack -i '{name}' --axes TZYX, or "
        "open_series(..., axes='TZYX') in Python."
    )


def refuse_results(name: str) -> None:
    """Raise an InputError if a file holds results that were saved.

    Parameters
    ----------
    name : str
        Name of the file.

    Raises
    ------
    InputError
        The suffix is that of results.
    """
    if name.lower().endswith(SAVED):
        raise InputError(
            f"'{name}' holds results, not planes; give the planes, or its recipe (--recipe)."
        )
