"""Panel of profiles below a figure, and their lines in the panels above."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._utils.wording import format_percentage, format_unit
from napari_focus_stack.figures.panels import height_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.analysis.height_profiles import Profile

COLOURS = ("#d55e00", "#56b4e9", "#cc79a7", "#009e73", "#e69f00", "#0072b2")
"""Colours of profiles, which people with any colour vision tell apart [1]_.

.. [1] B. Wong, "Points of view: Color blindness", Nature Methods 8 (2011), 441,
   https://doi.org/10.1038/nmeth.1618
"""
KEY_COLUMNS = 4
_LETTER = 9
"""Distance of a letter from its line and from the border of the panel, in points."""


def draw_line(axes: Axes, source: HeightMap, profile: Profile, number: int) -> None:
    """Draw the line of a profile over an image or a height map.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Panel.
    source : HeightMap
        Height map.
    profile : Profile
        Profile.
    number : int
        Number of the profile, from 0, which determines its letter and colour.
    """
    x, y = (np.asarray(profile.points, float) * source.pixel_size).T[::-1]
    colour = COLOURS[number % len(COLOURS)]
    axes.plot(x, y, color="white", linewidth=2.2, solid_capstyle="round")
    axes.plot(x, y, color=colour, linewidth=1.2, solid_capstyle="round")
    for end, before, text in (
        (0, 1, profile_letter(number)),
        (-1, -2, f"{profile_letter(number)}'"),
    ):
        axes.annotate(
            text,
            (x[end], y[end]),
            xytext=_beside_end(axes, (x[end], y[end]), (x[before], y[before])),
            textcoords="offset points",
            ha="center",
            va="center",
            color="black",
            fontsize=7,
            bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": colour, "lw": 0.6},
        )


def _beside_end(
    axes: Axes, end: tuple[float, float], before: tuple[float, float]
) -> tuple[float, float]:
    """Return the offset of a letter from the end of a line, in points: beyond it, or beside it.

    Beside it where the panel ends.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    points = 72 / figure.dpi
    place, inner = (axes.transData.transform(one) * points for one in (end, before))
    low, high = (np.array(corner) * points for corner in (axes.bbox.min, axes.bbox.max))
    along = (place - inner) / max(float(np.hypot(*(place - inner))), 1e-12)
    across = np.array([-along[1], along[0]])
    above = across if across[1] > 0 else -across
    inside = low + _LETTER, high - _LETTER
    for away in (along, above, -above):
        centre = place + _LETTER * away
        if (centre >= inside[0]).all() and (centre <= inside[1]).all():
            break
    x, y = np.clip(centre, *inside) - place
    return float(x), float(y)


def key_rows(profiles: Sequence[Profile]) -> int:
    """Return the number of lines of the key of profiles.

    Parameters
    ----------
    profiles : sequence of Profile
        Profiles.

    Returns
    -------
    int
        0 without a profile.
    """
    # each profile, what is dotted, and the band
    return -(-(len(profiles) + 2) // KEY_COLUMNS) if profiles else 0


def draw_profiles(axes: Axes, profiles: Sequence[Profile]) -> None:
    """Draw heights over distance with their uncertainty.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Panel.
    profiles : sequence of Profile
        Profiles, one or more. Lines are dotted where heights are not sure.
    """
    for number, profile in enumerate(profiles):
        colour = COLOURS[number % len(COLOURS)]
        letter, heights = profile_letter(number), np.asarray(profile.height, float)
        axes.plot(profile.distance, heights, color=colour, linewidth=0.7, linestyle=":")
        solid = np.where(profile.counted, heights, np.nan)
        label = f"{letter} to {letter}': {format_percentage(profile.share)} sure"
        axes.plot(profile.distance, solid, color=colour, linewidth=1.1, label=label)
        if profile.uncertainty is not None:
            spread = np.asarray(profile.uncertainty, float)
            axes.fill_between(
                profile.distance, solid - spread, solid + spread, color=colour, alpha=0.25, lw=0
            )
    axes.set_xlabel(distance_label(profiles[0].distance_unit))
    axes.set_ylabel(height_label(profiles[0].unit))
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.01)
    _draw_key(axes, profiles)


def _draw_key(axes: Axes, profiles: Sequence[Profile]) -> None:
    """Draw the key above the panel, where it covers no line."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = list(axes.get_legend_handles_labels()[0])
    if not all(profile.counted.all() for profile in profiles):
        handles.append(Line2D([], [], color="0.3", linewidth=0.7, linestyle=":", label="not sure"))
    if any(profile.uncertainty is not None for profile in profiles):
        handles.append(Patch(color="0.3", alpha=0.25, lw=0, label="± standard uncertainty"))
    axes.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=min(KEY_COLUMNS, len(handles)),
        frameon=False,
        borderaxespad=0.1,
        fontsize=7,
        handlelength=1.6,
        columnspacing=1.4,
    )


def distance_label(unit: str) -> str:
    """Return the name of distances along the surface with their unit.

    Parameters
    ----------
    unit : str
        Unit of a pixel size.

    Returns
    -------
    str
        Such as "Distance (µm)".
    """
    return f"Distance ({format_unit(unit)})"


def profile_letter(number: int) -> str:
    """Return the letter of a profile: A to Z, then A1, B1.

    Parameters
    ----------
    number : int
        Its number from 0.

    Returns
    -------
    str
        As it is drawn beside the line.
    """
    round_, place = divmod(number, 26)
    return chr(ord("A") + place) + (str(round_) if round_ else "")
