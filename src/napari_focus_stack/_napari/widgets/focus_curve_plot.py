"""The plot of a focus curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtGui import QColor

from napari_focus_stack._napari.widgets.themed_plot import ThemedPlot, pg

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.depth.focus_curve import FocusCurve

MARKS = (
    "How sharp each plane is at this pixel. Line: where it is sharpest, also between planes; "
    "large dot: the plane that the result shows; ring: the next sharpest one."
)
LEAST_SHARE = 1e-4
"""Of the highest energy: lower ones are drawn at the lower edge."""
CHOSEN = QColor(230, 120, 0)
"""Orange stands out from the dark and the light theme, for most colour-blind users too."""
DOT, LARGE_DOT, RING = 6, 9, 12
"""Diameters in pixels."""
FEW_DECADES = 2.2
"""Range of energies below which 2 and 5 are labelled too, as powers of ten are few."""
FEWEST_DECADES = 0.7
"""Range below which, after a zoom, even 1, 2 and 5 leave fewer than two labels."""
CLOSEST = {"minXRange": 1, "minYRange": 0.01}
"""Closest zoom: one plane, and energies that differ by 2 %."""


def energy_limits(energies: NDArray[np.float32]) -> tuple[float, float]:
    """Return a range that contains all energies, and noise (1) if they are not too high for it.

    Parameters
    ----------
    energies : numpy.ndarray
        (n,) float32; NaN for planes without one.

    Returns
    -------
    tuple of float
        Decimal logarithms of the energies at the lower and the upper edge.
    """
    highest = max(float(np.nanmax(energies, initial=0.0)), 10.0)
    lowest = max(float(np.nanmin(energies, initial=1.0)), highest * LEAST_SHARE)
    low, high = np.log10(lowest), np.log10(highest)
    return float(low - 0.05), float(high + 0.08 * (high - low))


class PlaneAxis(pg.AxisItem):  # type: ignore[misc]
    """A horizontal axis whose ticks are whole numbers, however closely it is zoomed."""

    def tickSpacing(  # noqa: N802 - pyqtgraph's name
        self, low: float, high: float, size: float
    ) -> list[tuple[float, float]]:
        """Return the (spacing, offset) of each level of ticks.

        Parameters
        ----------
        low, high : float
            Planes at both ends.
        size : float
            Length in pixels.

        Returns
        -------
        list of tuple of float
            Coarsest first.
        """
        levels = super().tickSpacing(low, high, size)
        return [level for level in levels if level[0] >= 1] or [(1, 0)]


class EnergyAxis(pg.AxisItem):  # type: ignore[misc]
    """A vertical axis of decimal logarithms, labelled with the energies themselves."""

    def tickValues(  # noqa: N802 - pyqtgraph's name
        self, low: float, high: float, size: float
    ) -> list[tuple[float, list[float]]]:
        """Return the spacing and the logarithms of each level of ticks.

        Parameters
        ----------
        low, high : float
            Decimal logarithms at both ends.
        size : float
            Length in pixels.

        Returns
        -------
        list of tuple
            One level, or pyqtgraph's for a linear axis where that is nearly one.
        """
        if high - low < FEWEST_DECADES:
            levels = super().tickValues(10**low, 10**high, size)
            return [(spacing, np.log10(energies).tolist()) for spacing, energies in levels]
        digits = (1, 2, 5) if high - low < FEW_DECADES else (1,)
        powers = np.arange(np.floor(low), np.ceil(high))
        return [(1.0, np.add.outer(powers, np.log10(digits)).ravel().tolist())]

    def tickStrings(  # noqa: N802 - pyqtgraph's name
        self, logarithms: list[float], *_: float
    ) -> list[str]:
        """Return the energies that stand at ticks.

        Parameters
        ----------
        logarithms : list of float
            Positions of the ticks.

        Returns
        -------
        list of str
            One for each.
        """
        return [f"{10**logarithm:.6g}" for logarithm in logarithms]


class FocusCurvePlot(ThemedPlot):
    """Energies over planes, on a logarithmic axis: the peak is a line, the runner-up a ring.

    The wheel zooms and the pointer reads a value. A new curve keeps the zoom along the planes, but
    shows all its energies.

    Attributes
    ----------
    curve : FocusCurve or None
        The curve that is shown.
    """

    def __init__(self) -> None:
        super().__init__(EnergyAxis("left"), PlaneAxis("bottom"), MARKS)
        self.curve: FocusCurve | None = None
        self._levels = np.empty(0)
        self._axes["left"].setLabel("sharpness (noise is 1)")
        self._axes["bottom"].setLabel("plane")
        self._box.setLimits(**CLOSEST)
        self._add_items()
        self._view.scene().sigMouseMoved.connect(self._show_value)
        self._restyle()
        self.show_curve(None)

    def show_curve(self, curve: FocusCurve | None, *, joined: bool = True) -> None:
        """Show a curve, or empty axes.

        Parameters
        ----------
        curve : FocusCurve or None
            Curve of one pixel; without any energy its axes are empty.
        joined : bool
            Whether the planes are in the order of z, so that a line between them has a meaning.
        """
        self.curve = curve
        self._value.setVisible(False)
        empty = curve is None or not np.isfinite(curve.energies).any()
        self._empty_ticks(empty)
        self._line.setVisible(joined)
        if curve is None or empty:
            self._clear()
        else:
            self._draw(curve)

    def _add_items(self) -> None:
        """Add all items, each over those before it."""
        self._peak = pg.InfiniteLine(pen=pg.mkPen(CHOSEN, width=2))
        self._line = pg.PlotCurveItem(connect="finite", antialias=True)
        self._dots = pg.ScatterPlotItem()
        self._ring = pg.ScatterPlotItem(size=RING, brush=None)
        for item in (self._peak, self._line, self._dots, self._ring):
            self._box.addItem(item, ignoreBounds=True)
        # what is drawn are clipped logarithms; the CSV export takes the plot's items, shown or not
        self._exported = pg.PlotCurveItem(name="sharpness")
        self._exported.setVisible(False)
        self._view.addItem(self._exported, ignoreBounds=True)

    def _clear(self) -> None:
        """Take the curve away, and the zoom with it."""
        for item in (self._line, self._dots, self._ring, self._exported):
            item.setData([], [])
        self._peak.setVisible(False)
        self._box.enableAutoRange()

    def _draw(self, curve: FocusCurve) -> None:
        planes = np.arange(len(curve.energies))
        low, high = energy_limits(curve.energies)
        self._levels = np.log10(np.maximum(curve.energies, 10**low))
        runner_up = planes == curve.runner_up
        dots = np.isfinite(self._levels) & ~runner_up
        sizes = np.where(planes == curve.plane, LARGE_DOT, DOT)
        self._line.setData(planes, self._levels)
        self._dots.setData(planes[dots], self._levels[dots], size=sizes[dots])
        self._ring.setData(planes[runner_up], self._levels[runner_up])
        self._exported.setData(planes, curve.energies)
        self._peak.setVisible(curve.peak is not None)
        if curve.peak is not None:
            self._peak.setValue(curve.peak)
        self._set_range((-0.5, len(planes) - 0.5), (low, high))

    def _show_value(self, position: Any) -> None:
        """Write the plane nearest the pointer, and its energy, beside its dot."""
        curve, inside = self.curve, self._box.sceneBoundingRect().contains(position)
        if curve is None or not inside or not np.isfinite(curve.energies).any():
            self._value.setVisible(False)
            return
        present = np.flatnonzero(np.isfinite(curve.energies))
        pointed = self._box.mapSceneToView(position).x()
        plane = int(present[np.abs(present - pointed).argmin()])
        place = float(plane), float(self._levels[plane])
        self._write_value(f"plane {plane}: {curve.energies[plane]:.4g}", place)

    def _colour(self, ink: QColor, paper: QColor) -> None:
        """Draw axes, curve and words in one colour on another."""
        super()._colour(ink, paper)
        pen = pg.mkPen(ink, width=1.5)
        for item in (self._line, self._dots, self._ring):
            item.setPen(pen)
        self._dots.setBrush(ink)
