"""The plot of height profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QBuffer, QRectF, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QPainter, QPainterPath
from qtpy.QtSvg import QSvgGenerator
from qtpy.QtWidgets import QGraphicsPathItem

from napari_focus_stack._napari.widgets.themed_plot import ThemedPlot, pg
from napari_focus_stack._utils.wording import format_measure, format_unit
from napari_focus_stack.io.writing import Outputs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_focus_stack.analysis.height_profiles import Profile

    Colour = tuple[float, float, float, float]
    Drawn = tuple[Profile, Colour]
    Floats = NDArray[np.float64]

MARKS = (
    "Height along each line, in the colour of its shape. Full line: confidence is at least the one "
    "chosen above; pale line: less, so the height is a guess. Band: standard uncertainty of each "
    "height (68 % of the errors are smaller). Point at the plot to see the place in the picture."
)
SURE_WIDTH, UNSURE_WIDTH = 1.8, 1.0
BAND_OPACITY, UNSURE_OPACITY = 0.22, 0.4
MARGIN, GUESSES = 0.08, 0.5
"""Free space above and below the heights, and how far guesses may widen it, as shares of their
range: a wild guess would flatten all that is sure."""
ON_PAPER = QColor("black"), QColor("white")
"""Ink and paper of files, whatever the theme is."""


class _Curve:
    """The items of one profile: its band, its sure and its unsure stretches."""

    def __init__(self, box: pg.ViewBox) -> None:
        self.band = QGraphicsPathItem()
        self.unsure = pg.PlotCurveItem(connect="finite", antialias=True)
        self.sure = pg.PlotCurveItem(connect="finite", antialias=True)
        self.items = (self.band, self.unsure, self.sure)
        for item in self.items:
            box.addItem(item, ignoreBounds=True)

    def draw(self, profile: Profile, colour: Colour) -> None:
        """Show a profile in a colour."""
        rgb = QColor.fromRgbF(*colour[:3])
        self.band.setPen(pg.mkPen(None))
        self.band.setBrush(_pale(rgb, BAND_OPACITY))
        around = band_path(profile)
        self.band.setPath(around)

        self.band.setVisible(not around.isEmpty())
        self.sure.setPen(pg.mkPen(rgb, width=SURE_WIDTH))
        self.unsure.setPen(pg.mkPen(_pale(rgb, UNSURE_OPACITY), width=UNSURE_WIDTH))
        sure = profile.counted
        self.sure.setData(profile.distance, np.where(sure, profile.height, np.nan))
        # one sample further on either side, so that stretches meet
        beside = ~sure | np.roll(~sure, 1) | np.roll(~sure, -1)
        self.sure.setVisible(bool(sure.any()))
        self.unsure.setVisible(not sure.all())
        self.unsure.setData(profile.distance, np.where(beside, profile.height, np.nan))

    def hide(self) -> None:
        """Hide all items."""
        for item in self.items:
            item.setVisible(False)


class ProfilePlot(ThemedPlot):
    """Heights over distances, of several profiles at once.

    Attributes
    ----------
    profiles : sequence of (Profile, tuple of float)
        What is shown, each with its colour.
    """

    pointed = Signal(object)
    """Emitted with the place (y, x) in pixels that is under the pointer, or None."""

    def __init__(self) -> None:
        super().__init__(pg.AxisItem("left"), pg.AxisItem("bottom"), MARKS)
        self.profiles: Sequence[Drawn] = ()
        self._curves: list[_Curve] = []
        self._place = pg.ScatterPlotItem(size=8)
        self._place.setZValue(1)
        self._place.setVisible(False)
        self._box.addItem(self._place, ignoreBounds=True)
        self._view.scene().sigMouseMoved.connect(self._point)
        self._restyle()
        self.show_profiles(())

    def show_profiles(self, profiles: Sequence[Drawn]) -> None:
        """Show profiles, or empty axes.

        Parameters
        ----------
        profiles : sequence of (Profile, tuple of float)
            Profiles in one pair of units, each with red, green, blue and opacity from 0 to 1.
        """
        self.profiles = profiles
        self._hide_value()
        while len(self._curves) < len(profiles):
            self._curves.append(_Curve(self._box))
        for curve in self._curves[len(profiles) :]:
            curve.hide()
        for curve, drawn in zip(self._curves, profiles, strict=False):
            curve.draw(*drawn)
        self._empty_ticks(not profiles)
        if profiles:
            first = profiles[0][0]
            self._axes["left"].setLabel(f"height ({_symbol(first.unit)})")
            self._axes["bottom"].setLabel(f"distance ({_symbol(first.distance_unit)})")
            farthest = max(profile.length for profile, _ in profiles)
            self._set_range((0.0, farthest), height_limits([one for one, _ in profiles]))

    def write_svg(self, path: Path) -> None:
        """Write the plot as vector graphics, black on white.

        Parameters
        ----------
        path : path
            File that ends in .svg.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        self._hide_value()
        self._colour(*ON_PAPER)
        try:
            drawn = self._svg()
        finally:
            self._restyle()
        with Outputs() as files:
            files.file(path, lambda temporary: _write(temporary, drawn))

    def _svg(self) -> bytes:
        """Return the plot as it is drawn; pyqtgraph's own exporter fails at filled paths."""
        drawn, view = QBuffer(), QRectF(self._view.viewport().rect())
        generator = QSvgGenerator()
        generator.setOutputDevice(drawn)
        generator.setSize(self._view.viewport().size())
        generator.setViewBox(view)
        # axes are recorded for the screen: at another resolution they would leave their curves
        generator.setResolution(self._view.logicalDpiX())
        generator.setTitle("Height profiles")
        painter = QPainter(generator)
        try:
            self._view.render(painter)
        finally:
            painter.end()
        return bytes(drawn.data().data())

    def leaveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Hide the value and the place that were under the pointer.

        Parameters
        ----------
        event : QEvent
            Qt's.
        """
        super().leaveEvent(event)
        self._hide_value()

    def _hide_value(self) -> None:
        self._value.setVisible(False)
        self._place.setVisible(False)
        self.pointed.emit(None)

    def _point(self, position: Any) -> None:
        """Write the height of the sample nearest to the pointer."""
        nearest = self._nearest(position)
        if nearest is None:
            self._hide_value()
            return
        profile, k = nearest
        place = float(profile.distance[k]), float(profile.height[k])
        self._place.setData([place[0]], [place[1]])
        self._place.setVisible(True)
        self._write_value(sample_words(profile, k), place)
        self.pointed.emit(tuple(profile.points[k].tolist()))

    def _nearest(self, position: Any) -> tuple[Profile, int] | None:
        """Return the profile that is nearest above or below the pointer, and the sample there."""
        if not self._box.sceneBoundingRect().contains(position):
            return None
        at, up = (float(one) for one in (_xy(self._box.mapSceneToView(position))))
        found: list[tuple[float, int, Profile, int]] = []
        for profile, _ in self.profiles:
            k = int(np.abs(profile.distance - at).argmin())
            if at <= profile.length and np.isfinite(profile.height[k]):
                found.append((abs(float(profile.height[k]) - up), len(found), profile, k))
        if not found:
            return None
        _, _, profile, k = min(found)
        return profile, k

    def _colour(self, ink: QColor, paper: QColor) -> None:
        super()._colour(ink, paper)
        self._place.setPen(pg.mkPen(ink, width=1.5))
        self._place.setBrush(pg.mkBrush(paper))


def sample_words(profile: Profile, k: int) -> str:
    """Describe a sample of a profile.

    Parameters
    ----------
    profile : Profile
        The profile.
    k : int
        Number of the sample.

    Returns
    -------
    str
        Height with its uncertainty, distance and confidence, a line each.
    """
    error = None if profile.uncertainty is None else float(profile.uncertainty[k])
    words = [
        format_measure(float(profile.height[k]), error, _symbol(profile.unit)),
        f"at {profile.distance[k]:.4g} {_symbol(profile.distance_unit)}",
    ]
    if profile.confidence is not None:
        words.append(f"confidence {profile.confidence[k]:.2f}")
    return "\n".join(words)


def height_limits(profiles: Sequence[Profile]) -> tuple[float, float]:
    """Return a range of heights that holds all sure ones, and guesses unless they are far away.

    Parameters
    ----------
    profiles : sequence of Profile
        Profiles that are drawn together.

    Returns
    -------
    tuple of float
        Lowest and highest height of the plot.
    """
    heights = np.concatenate([profile.height for profile in profiles])
    sure = np.concatenate([profile.counted for profile in profiles]) & np.isfinite(heights)
    low, high = _extremes(heights[sure] if sure.any() else heights)
    least, most = _extremes(heights)
    beyond = GUESSES * (high - low)
    low, high = max(least, low - beyond), min(most, high + beyond)
    margin = MARGIN * (high - low) or max(abs(high), 1.0) * MARGIN
    return low - margin, high + margin


def band_path(profile: Profile) -> QPainterPath:
    """Return the outline of the heights with their uncertainty, a polygon for each stretch.

    Parameters
    ----------
    profile : Profile
        The profile.

    Returns
    -------
    QPainterPath
        Empty where the uncertainty is unknown.
    """
    if profile.uncertainty is None:
        return QPainterPath()
    known = np.isfinite(profile.height) & np.isfinite(profile.uncertainty)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]])))
    path = QPainterPath()
    for first, end in edges.reshape(-1, 2).tolist():
        part = slice(first, end)
        x, height, error = profile.distance[part], profile.height[part], profile.uncertainty[part]
        path.addPath(_closed(np.concatenate([x, x[::-1]]),
                             np.concatenate([height - error, (height + error)[::-1]])))  # fmt: skip
    return path


def _closed(x: Floats, y: Floats) -> QPainterPath:
    path: QPainterPath = pg.arrayToQPath(x, y, connect="all")
    return path


def _extremes(heights: Floats) -> tuple[float, float]:
    finite = heights[np.isfinite(heights)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def _pale(colour: QColor, opacity: float) -> QColor:
    pale = QColor(colour)
    pale.setAlphaF(opacity)
    return pale


def _xy(point: Any) -> tuple[float, float]:
    return point.x(), point.y()


def _symbol(unit: str) -> str:
    """Return a unit as plots write it; planes and pixels are counted, so in the plural."""
    return {"plane": "planes", "pixel": "pixels"}.get(unit) or format_unit(unit)


def _write(path: Path, drawn: bytes) -> None:
    path.write_bytes(drawn)
