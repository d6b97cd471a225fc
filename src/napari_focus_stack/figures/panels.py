"""Panels of a figure: an image with its scale bar, a height map with its colour bar."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.wording import format_percentage, format_unit
from napari_focus_stack.analysis.height_map import PIXEL, PLANE
from napari_focus_stack.figures.contours import contour_interval, contours, nice_interval
from napari_focus_stack.figures.grid import (
    pixel_aspect,
    pixels_per_height,
    reduced_heights,
    reduced_picture,
)
from napari_focus_stack.figures.hillshade import lambert
from napari_focus_stack.figures.pictures import as_rgb8, contrast_limits
from napari_focus_stack.figures.relief import lit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from napari_focus_stack.analysis.height_map import HeightMap

RANGE = (0.5, 99.5)
"""Percentiles of the heights at the ends of the colour bar."""
SHADING = 0.4
_BAR_SHARE = 0.2
"""Part of the width of a panel that its scale bar takes, about."""
_SHORTEST = 0.03
"""Part of the diagonal under which contour lines are left out: they enclose noise."""
_GREY = {"facecolor": "#e8e8e8", "edgecolor": "#a0a0a0", "hatch": "////"}


def height_label(unit: str) -> str:
    """Return the name of heights with their unit.

    Parameters
    ----------
    unit : str
        Unit of a height map.

    Returns
    -------
    str
        Such as "Height (µm)".
    """
    return "Depth (planes)" if unit == PLANE else f"Height ({format_unit(unit)})"


def draw_image(axes: Axes, source: HeightMap, image: NDArray[Any], size: tuple[int, int]) -> None:
    """Draw an image with its scale bar below.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Panel.
    source : HeightMap
        Height map of the image.
    image : numpy.ndarray
        (Y, X), RGB or RGBA, of any type.
    size : tuple of int
        Width and height to which it is reduced.
    """
    picture = as_rgb8(reduced_picture(image, size), contrast_limits(image))
    _show(axes, picture, source)
    _draw_scale_bar(axes, source)


def height_limits(source: HeightMap, shown: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the heights at the ends of the colour bar.

    Parameters
    ----------
    source : HeightMap
        Height map.
    shown : numpy.ndarray
        (Y, X) bool: heights that are shown, one or more.

    Returns
    -------
    tuple of float
        Percentiles 0.5 and 99.5, which single wrong heights do not move.
    """
    low, high = (float(end) for end in np.percentile(source.heights[shown], RANGE))
    return (low, high) if low < high else (low - 0.5, low + 0.5)


def draw_heights(
    axes: Axes, source: HeightMap, shown: NDArray[np.bool_], size: tuple[int, int], norm: Normalize
) -> None:
    """Draw a height map in colours, under light from the upper left.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Panel.
    source : HeightMap
        Height map.
    shown : numpy.ndarray
        (Y, X) bool: heights that are shown; the rest is hatched.
    size : tuple of int
        Width and height to which the map is reduced.
    norm : matplotlib.colors.Normalize
        Heights at the ends of the colours.
    """
    from matplotlib import colormaps

    heights, known = reduced_heights(np.where(shown, source.heights, np.nan), size)
    coloured = (colormaps["viridis"](norm(heights))[..., :3] * 255).astype(np.uint8)
    pixel = source.shape[1] / size[0], source.shape[0] / size[1] * pixel_aspect(source)
    shade = lambert(heights, known, pixels_per_height(source) / pixel[0], pixel[1] / pixel[0])
    opaque = np.where(known, 255, 0).astype(np.uint8)
    axes.patch.set(**_GREY, linewidth=0)
    _show(axes, np.dstack([lit(coloured, shade, SHADING), opaque]), source)
    if not shown.all():
        what = "no height" if source.confidence is None else "no sure height"
        share = format_percentage(float(1 - shown.mean()))
        _note(axes, f"Hatched: {what} ({share})")


def draw_contours(
    axes: Axes, source: HeightMap, shown: NDArray[np.bool_], interval: float | None
) -> None:
    """Draw contour lines over a height map, and their interval below it.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Panel.
    source : HeightMap
        Height map.
    shown : numpy.ndarray
        (Y, X) bool: heights that are shown.
    interval : float or None
        Distance of their levels in the unit of the map; None for a round one.
    """
    from matplotlib.collections import LineCollection

    drawn = replace(source, heights=np.where(shown, source.heights, np.float32(np.nan)))
    step = contour_interval(drawn) if interval is None else interval
    found = contours(drawn, step)
    least = _SHORTEST * float(np.hypot(*source.shape))
    lines = [
        line.points[:, ::-1] * source.pixel_size[::-1]
        for line in found
        if np.hypot(*np.diff(line.points, axis=0).T).sum() >= least
    ]
    axes.add_collection(
        LineCollection(lines, colors="black", linewidths=0.4, alpha=0.7), autolim=False
    )
    if lines and step is not None:
        _note(axes, f"Contour lines every {_height(step, source.unit)}")


def draw_bar(figure: Figure, axes: Axes, source: HeightMap, norm: Normalize, ends: str) -> None:
    """Draw the colour bar of a height map, with name and unit.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Figure.
    axes : matplotlib.axes.Axes
        Place of the bar.
    source : HeightMap
        Height map.
    norm : matplotlib.colors.Normalize
        Heights at the ends of the colours.
    ends : {"neither", "min", "max", "both"}
        Ends beyond which there are heights.
    """
    from matplotlib.cm import ScalarMappable

    mappable = ScalarMappable(norm, "viridis")
    bar = figure.colorbar(mappable, cax=axes, extend=ends)
    bar.set_label(height_label(source.unit))
    bar.outline.set_linewidth(0.5)


def _show(axes: Axes, picture: NDArray[np.uint8], source: HeightMap) -> None:
    """Draw a picture over the whole map, in the unit of its pixels."""
    (rows, cols), (y, x) = source.shape, source.pixel_size
    axes.imshow(
        picture,
        extent=(-0.5 * x, (cols - 0.5) * x, (rows - 0.5) * y, -0.5 * y),
        aspect="auto",  # the panel has the aspect of the map
        interpolation="antialiased",
    )
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_scale_bar(axes: Axes, source: HeightMap) -> None:
    """Draw a bar of a round length below a panel, where it covers nothing."""
    from matplotlib.lines import Line2D

    width = source.shape[1] * source.pixel_size[1]
    length = nice_interval(_BAR_SHARE * width, 1)
    share = length / width
    axes.add_artist(
        Line2D(
            [1 - share, 1],
            [-0.1 / axes.bbox.height * axes.figure.dpi] * 2,
            transform=axes.transAxes,
            color="black",
            linewidth=2,
            solid_capstyle="butt",
            clip_on=False,
        )
    )
    axes.annotate(
        _length(length, source.pixel_unit),
        (1 - share / 2, 0),
        xycoords="axes fraction",
        xytext=(0, -10),
        textcoords="offset points",
        ha="center",
        va="top",
    )


def _height(height: float, unit: str) -> str:
    """Return a difference of heights with its unit."""
    if unit == PLANE:
        return f"{height:g} {'plane' if height == 1 else 'planes'}"
    return f"{height:g} {format_unit(unit)}"


def _length(length: float, unit: str) -> str:
    """Return a length with its unit, in millimetres from 1000 micrometres on."""
    if unit == PIXEL:
        return f"{length:g} {'pixel' if length == 1 else 'pixels'}"
    if unit == "micrometer" and length >= 1000:
        return f"{length / 1000:g} mm"
    return f"{length:g} {format_unit(unit)}"


def _note(axes: Axes, text: str) -> None:
    """Write a line below a panel, beneath those that are there."""
    written = sum(1 for one in axes.texts if one.get_gid() == "note")
    axes.annotate(
        text,
        (0, 0),
        xycoords="axes fraction",
        xytext=(0, -7 - 9 * written),
        textcoords="offset points",
        ha="left",
        va="top",
        fontsize=7,
        gid="note",
    )
