"""Figure of a result in one action: image, height map and profiles, as PNG or SVG."""

from __future__ import annotations

import contextlib
import importlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError, OutputError, SettingsError
from napari_focus_stack.figures.grid import pixel_aspect
from napari_focus_stack.figures.layout import Layout, Place
from napari_focus_stack.figures.panels import (
    draw_bar,
    draw_contours,
    draw_heights,
    draw_image,
    height_limits,
)
from napari_focus_stack.figures.pictures import check_picture
from napari_focus_stack.figures.profile_panel import draw_line, draw_profiles, key_rows
from napari_focus_stack.io.writing import Outputs

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from napari_focus_stack.analysis.height_map import HeightMap
    from napari_focus_stack.analysis.height_profiles import Profile

SUFFIXES = (".png", ".svg")
DPI = 300
_STYLE = {
    "font.size": 8,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "hatch.linewidth": 0.5,
    # text that can be searched and edited
    "svg.fonttype": "none",
    # the same figure is the same file
    "svg.hashsalt": "napari-focus-stack",
}
_PROGRAM = ("backend", "backend_fallback", "toolbar", "interactive", "webagg.port")
"""Parameters of windows, which are left alone."""


@dataclass(frozen=True, kw_only=True)
class FigureSettings:
    """Content and resolution of a figure.

    Attributes
    ----------
    contours : bool
        Whether contour lines are drawn over the height map.
    interval : float or None
        Distance of their levels, in the unit of the map; by default a round one.
    only_sure : bool
        Whether heights that are not sure are hatched, as gaps are.
    dpi : int
        Pixels an inch of a PNG, and of the images in an SVG; a figure is up to 7.2 inches wide.

    Raises
    ------
    SettingsError
        A number is out of bounds.
    """

    contours: bool = False
    interval: float | None = None
    only_sure: bool = True
    dpi: int = DPI

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 50 <= self.dpi <= 1200:
            raise SettingsError(f"dpi {self.dpi} must be 50 to 1200.")
        if self.interval is not None and not 0 < self.interval < math.inf:
            raise SettingsError(f"interval {self.interval} must be a number over 0.")


def write_figure(
    source: HeightMap,
    image: NDArray[Any] | None,
    path: str | os.PathLike[str],
    profiles: Sequence[Profile] = (),
    settings: FigureSettings | None = None,
) -> None:
    """Write a figure of a result.

    Parameters
    ----------
    source : HeightMap
        Heights with their calibration.
    image : numpy.ndarray or None
        (Y, X), RGB or RGBA, of any type; None leaves its panel out. Of 8 bits, 0 is black and 255
        white; otherwise the 0.1 and 99.9 percentiles are, and 0 is black in colour images.
    path : path
        File to write, `.png` or `.svg`. Text in an SVG remains text.
    profiles : sequence of Profile
        Profiles to draw below; their lines and letters are drawn in the image and the height map.
    settings : FigureSettings, optional
        Content and resolution.

    Raises
    ------
    InputError
        The image does not fit, or no height is sure.
    SettingsError
        A number is out of bounds.
    OutputError
        The file cannot be written, or matplotlib is missing.
    """
    path, chosen = Path(path), settings or FigureSettings()
    check_figure_name(path)
    with own_style():
        save_figure(path, draw_figure(source, image, profiles, chosen), chosen.dpi)


def save_figure(path: Path, figure: Figure, dpi: int) -> None:
    """Write a figure, whole or not at all; the same figure is the same file.

    Parameters
    ----------
    path : pathlib.Path
        File to write, `.png` or `.svg`.
    figure : matplotlib.figure.Figure
        What is drawn, in `own_style`.
    dpi : int
        Pixels an inch.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    kind = path.suffix.lower().removeprefix(".")
    stamp = {"svg": {"Date": None, "Creator": "napari-focus-stack"}, "png": {}}[kind]
    with Outputs() as files:
        files.file(
            path,
            lambda temporary: figure.savefig(temporary, format=kind, dpi=dpi, metadata=stamp),
        )


def check_figure_name(path: Path) -> None:
    """Refuse a name that is none of a figure.

    Parameters
    ----------
    path : pathlib.Path
        File to write.

    Raises
    ------
    OutputError
        Its suffix is neither `.png` nor `.svg`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"'{path}' is no name of a figure; let it end in .png or .svg.")


def draw_figure(
    source: HeightMap,
    image: NDArray[Any] | None,
    profiles: Sequence[Profile] = (),
    settings: FigureSettings | None = None,
) -> Figure:
    """Draw a figure of a result, which no window shows.

    Parameters
    ----------
    source, image, profiles, settings : HeightMap, numpy.ndarray or None, sequence, FigureSettings
        As for `write_figure`.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    InputError
        The image does not fit, or no height is sure.
    OutputError
        Matplotlib is missing.
    """
    drawing = matplotlib_module("figure")
    chosen = settings or FigureSettings()
    if image is not None:
        check_picture(image, source.shape)
    shown = _shown(source, only_sure=chosen.only_sure)
    rows, cols = source.shape
    layout = Layout.of(
        rows / cols * pixel_aspect(source), image=image is not None, key_rows=key_rows(profiles)
    )
    figure: Figure = drawing.Figure(figsize=layout.size, dpi=chosen.dpi)
    letters = iter("abc")
    size = _embedded(source.shape, layout.heights, chosen.dpi)
    panels = []
    if image is not None and layout.image is not None:
        panels.append(_panel(figure, layout, layout.image, next(letters)))
        draw_image(panels[-1], source, image, size)
    panels.append(_panel(figure, layout, layout.heights, next(letters)))
    _draw_height_panel(figure, layout, panels[-1], (source, shown), size, chosen)
    for number, profile in enumerate(profiles):
        for axes in panels:
            draw_line(axes, source, profile, number)
    if layout.profile is not None:
        axes = _panel(figure, layout, layout.profile, next(letters), -30)
        draw_profiles(axes, profiles)
    return figure


def _draw_height_panel(
    figure: Figure,
    layout: Layout,
    axes: Axes,
    heights: tuple[HeightMap, NDArray[np.bool_]],
    size: tuple[int, int],
    settings: FigureSettings,
) -> None:
    """Draw the height map, its contour lines and its colour bar."""
    source, shown = heights
    low, high = height_limits(source, shown)
    norm = matplotlib_module("colors").Normalize(low, high)
    draw_heights(axes, source, shown, size, norm)
    if settings.contours:
        draw_contours(axes, source, shown, settings.interval)
    values = source.heights[shown]
    ends = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}
    beyond = int(values.min() < low), int(values.max() > high)
    draw_bar(figure, figure.add_axes(layout.share(layout.bar)), source, norm, ends[beyond])


def _shown(source: HeightMap, *, only_sure: bool) -> NDArray[np.bool_]:
    """Return which heights are drawn."""
    shown = source.counted if only_sure else np.isfinite(source.heights)
    if not shown.any():
        raise InputError(
            "No height is sure enough to draw; choose a lower least confidence than "
            f"{source.least_confidence:g}."
        )
    return shown


def _embedded(shape: tuple[int, int], place: Place, dpi: int) -> tuple[int, int]:
    """Return width and height of images in a panel: no finer than it is drawn."""
    (rows, cols), (across, down) = shape, place[2:]
    return min(cols, math.ceil(across * dpi)), min(rows, math.ceil(down * dpi))


def _panel(figure: Figure, layout: Layout, place: Place, letter: str, shift: float = 0) -> Axes:
    """Return a panel with its letter at the upper left, shifted by points along x."""
    axes = figure.add_axes(layout.share(place))
    axes.annotate(
        letter,
        (0, 1),
        xycoords="axes fraction",
        xytext=(shift, 4),
        textcoords="offset points",
        fontsize=10,
        fontweight="bold",
    )
    return axes


@contextlib.contextmanager
def own_style() -> Iterator[None]:
    """Draw in the style of figures here, whatever the user's own is, which remains.

    Yields
    ------
    None
        Nothing; the function is a context manager.

    Raises
    ------
    OutputError
        Matplotlib is missing.
    """
    root = matplotlib_module()
    plain = {name: value for name, value in root.rcParamsDefault.items() if name not in _PROGRAM}
    with root.rc_context({**plain, **_STYLE}):
        yield


def matplotlib_module(module: str | None = None) -> Any:
    """Import matplotlib, or a module of it.

    Parameters
    ----------
    module : str, optional
        Name of the module, such as "figure".

    Returns
    -------
    module
        The library or its module.

    Raises
    ------
    OutputError
        Matplotlib is missing.
    """
    try:
        return importlib.import_module("matplotlib" + (f".{module}" if module else ""))
    except ImportError:
        raise OutputError(
            "Figures need matplotlib, which is not installed",
            'pip install "napari-focus-stack[heights]"',
        ) from None
