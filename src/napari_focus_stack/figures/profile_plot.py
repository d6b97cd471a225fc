"""Plot of profiles alone, without the picture that they cross."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_focus_stack.errors import InputError
from napari_focus_stack.figures.figure import (
    DPI,
    check_figure_name,
    matplotlib_module,
    own_style,
    save_figure,
)
from napari_focus_stack.figures.profile_panel import draw_profiles

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from napari_focus_stack.analysis.height_profiles import Profile

_SIZE = (6.3, 2.8)
"""Width and height in inches: the width of a page between its margins."""


def write_profiles(path: str | os.PathLike[str], profiles: Sequence[Profile]) -> None:
    """Write a plot of heights over distance with their uncertainty.

    Parameters
    ----------
    path : path
        File to write, `.svg` or `.png`. Text in an SVG remains text.
    profiles : sequence of Profile
        One or more, in one pair of units.

    Raises
    ------
    InputError
        There is no profile.
    OutputError
        The file cannot be written, or matplotlib is missing.
    """
    path = Path(path)
    check_figure_name(path)
    if not profiles:
        raise InputError(f"There is no profile to draw in '{path}'; choose a line.")
    with own_style():
        figure = matplotlib_module("figure").Figure(figsize=_SIZE, dpi=DPI, layout="constrained")
        draw_profiles(figure.add_subplot(), profiles)
        save_figure(path, figure, DPI)
