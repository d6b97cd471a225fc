"""The plot of a focus curve, painted with Qt alone.

napari 0.9 needs neither pyqtgraph nor matplotlib, so neither is there for sure; one curve with a
line and a few dots does not earn a new dependency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QFontMetricsF, QPainter, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.depth.focus_curve import FocusCurve

HEIGHT, WIDTH = 260, 320
MARKS = "Line: fitted peak; large dot: plane chosen; ring: runner-up."
LEAST_SHARE = 1e-4
"""Of the highest energy that is told apart from none."""
CHOSEN = QColor(230, 120, 0)
"""Orange stands out from the dark and the light theme, for most who are colour-blind too."""
DOT = 3.0
FEW_DECADES = 2.2


@dataclass(frozen=True)
class Scale:
    """Where planes and energies lie in the plot.

    Attributes
    ----------
    area : QRectF
        Inside the axes.
    planes : int
        How many there are.
    low, high : float
        Energies at the lower and the upper edge, as their decimal logarithms.
    """

    area: Any
    planes: int
    low: float
    high: float

    @classmethod
    def of(cls, energies: NDArray[np.float32], area: Any) -> Scale:
        """Scale that shows all energies, and noise (1) at the bottom if they allow."""
        highest = max(float(np.nanmax(energies, initial=0.0)), 10.0)
        lowest = max(float(np.nanmin(energies, initial=1.0)), highest * LEAST_SHARE)
        low, high = np.log10(lowest), np.log10(highest)
        return cls(area, len(energies), float(low - 0.05), float(high + 0.08 * (high - low)))

    def x(self, plane: float) -> float:
        """Position of a plane."""
        share = (plane + 0.5) / self.planes
        return float(self.area.left() + share * self.area.width())

    def y(self, energy: float) -> float:
        """Position of an energy; below the lower edge none."""
        level = max(np.log10(max(energy, 1e-30)), self.low)
        share = (level - self.low) / (self.high - self.low)
        return float(self.area.bottom() - share * self.area.height())

    def ticks(self) -> list[float]:
        """Energies to be written at the axis: 2 and 5 too where powers of ten are few."""
        digits = (1, 2, 5) if self.high - self.low < FEW_DECADES else (1,)
        powers = range(int(np.floor(self.low)), int(np.ceil(self.high)))
        found = [float(digit * 10.0**power) for power in powers for digit in digits]
        return [tick for tick in found if self.low <= np.log10(tick) <= self.high]


def runs(energies: NDArray[np.float32]) -> list[list[int]]:
    """Planes that have an energy, cut where one between has none."""
    present = np.flatnonzero(np.isfinite(energies))
    cuts = np.flatnonzero(np.diff(present) > 1) + 1
    return [part.tolist() for part in np.split(present, cuts) if len(part)]


class FocusCurvePlot(QWidget):
    """Energies over planes, on a logarithmic axis: the peak is a line, the runner-up a ring."""

    def __init__(self) -> None:
        super().__init__()
        self.curve: FocusCurve | None = None
        self._joined = True
        self.setFixedHeight(HEIGHT)
        self.setMinimumWidth(WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(MARKS)

    def show_curve(self, curve: FocusCurve | None, *, joined: bool = True) -> None:
        """Paint a curve, or empty axes.

        Parameters
        ----------
        curve : FocusCurve or None
            Of one pixel.
        joined : bool
            Whether the planes are in the order of z, so that a line between them tells something.
        """
        self.curve, self._joined = curve, joined
        self.update()

    def paintEvent(self, _: object) -> None:  # noqa: N802 - Qt's name
        """Paint axes and curve."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        try:
            self._paint(painter)
        finally:
            painter.end()

    def _paint(self, painter: Any) -> None:
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        letter = QFontMetricsF(painter.font())
        line, wide = letter.height(), letter.horizontalAdvance("10000")
        area = QRectF(self.rect()).adjusted(line + wide + 4, 6, -8, -2 * line - 6)
        painter.setPen(QPen(ink, 1))
        painter.drawLine(area.topLeft(), area.bottomLeft())
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        foot = QRectF(area.left(), area.bottom() + line + 4, area.width(), line)
        painter.drawText(foot, Qt.AlignmentFlag.AlignCenter, "plane number")
        painter.save()
        painter.translate(0, area.center().y())
        painter.rotate(-90)
        side = QRectF(-area.height() / 2, 0, area.height(), line)
        painter.drawText(side, Qt.AlignmentFlag.AlignCenter, "energy (noise = 1)")
        painter.restore()
        if self.curve is not None and np.isfinite(self.curve.energies).any():
            scale = Scale.of(self.curve.energies, area)
            _paint_ticks(painter, scale, line)
            _paint_peak(painter, scale, self.curve)
            _paint_curve(painter, scale, self.curve, ink, self._joined)


def _paint_ticks(painter: Any, scale: Scale, line: float) -> None:
    area = scale.area
    room = max(int(area.width() // (3 * line)), 1)
    step = next(s for s in _steps() if scale.planes / s <= room)
    for plane in range(0, scale.planes, step):
        x = scale.x(plane)
        painter.drawLine(QPointF(x, area.bottom()), QPointF(x, area.bottom() + 3))
        below = QRectF(x - 40, area.bottom() + 3, 80, line)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, str(plane))
    for energy in scale.ticks():
        y = scale.y(energy)
        painter.drawLine(QPointF(area.left() - 3, y), QPointF(area.left(), y))
        beside = QRectF(0, y - line / 2, area.left() - 5, line)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(beside, right, f"{energy:g}")


def _steps() -> Any:
    return (digit * 10**power for power in range(9) for digit in (1, 2, 5))


def _paint_peak(painter: Any, scale: Scale, curve: FocusCurve) -> None:
    if curve.peak is None:
        return
    painter.setPen(QPen(CHOSEN, 2))
    x = scale.x(curve.peak)
    painter.drawLine(QPointF(x, scale.area.top()), QPointF(x, scale.area.bottom()))


def _paint_curve(painter: Any, scale: Scale, curve: FocusCurve, ink: Any, joined: bool) -> None:
    painter.setPen(QPen(ink, 1.5))
    for run in runs(curve.energies):
        points = [QPointF(scale.x(k), scale.y(float(curve.energies[k]))) for k in run]
        if joined:
            painter.drawPolyline(QPolygonF(points))
        for plane, point in zip(run, points, strict=True):
            open_dot = plane == curve.runner_up
            painter.setBrush(Qt.BrushStyle.NoBrush if open_dot else ink)
            size = 2 * DOT if open_dot else DOT if plane != curve.plane else 1.5 * DOT
            painter.drawEllipse(point, size, size)
    painter.setBrush(Qt.BrushStyle.NoBrush)
