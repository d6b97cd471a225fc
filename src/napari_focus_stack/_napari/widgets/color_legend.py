"""Colour bars with name and unit, beside the canvas, where they cover no data.

napari's own bar has no title and lies over the data in a corner of the canvas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize
from qtpy.QtGui import QColor, QImage, QPainter, QPalette
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_focus_stack._napari.layers.appearance import BAR_TITLE
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, role
from napari_focus_stack._napari.layers.names import source_name
from napari_focus_stack._utils.wording import format_unit
from napari_focus_stack.figures.contours import levels_between, nice_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image
    from numpy.typing import NDArray
    from qtpy.QtGui import QPaintEvent

HEIGHT = 46
_BAR, _TICK, _MARGIN = 14, 4, 10
_TICK_DISTANCE = 70
"""Pixels for each label."""
_NAMES = {
    "depth": "Depth (planes)",
    "depth-index": "Depth index (planes)",
    "confidence": "Confidence",
}
_CHANGES = ("contrast_limits", "colormap", "gamma", "name", "metadata")


def map_label(layer: Image) -> str:
    """Return the name of the values of a map, with their unit.

    Parameters
    ----------
    layer : napari.layers.Image
        Map of a result.

    Returns
    -------
    str
        Such as "Height (µm)".
    """
    if BAR_TITLE in layer.metadata:
        return str(layer.metadata[BAR_TITLE])
    spacing = layer.metadata.get(METADATA_KEY, {}).get("spacing") or {}
    unit = format_unit(spacing.get("unit") or "micrometer")
    return _NAMES.get(str(role(layer)), f"Height ({unit})")


class ColorLegend(QWidget):
    """Colour bars of maps, one beside the other.

    Attributes
    ----------
    layers : list of napari.layers.Image
        Maps whose bars are shown.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers: list[Image] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(HEIGHT)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size for one bar.

        Returns
        -------
        QSize
            In pixels.
        """
        return QSize(300, HEIGHT)

    @property
    def titles(self) -> list[str]:
        """Title of each bar: name and unit of its values, and the result if there are several."""
        labels = [map_label(layer) for layer in self.layers]
        if len(labels) < 2:
            return labels
        names = (source_name(str(layer.name)) for layer in self.layers)
        return [f"{name}: {label}" for name, label in zip(names, labels, strict=True)]

    def show_layers(self, layers: Sequence[Image]) -> None:
        """Show the bars of maps, and follow their colours and limits.

        Parameters
        ----------
        layers : sequence of napari.layers.Image
            Maps of results.
        """
        for layer in self.layers:
            for change in _CHANGES:
                getattr(layer.events, change).disconnect(self._changed)
        self.layers = list(layers)
        for layer in self.layers:
            for change in _CHANGES:
                getattr(layer.events, change).connect(self._changed)
        self.update()

    def _changed(self, _: object = None) -> None:
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Paint the bars.

        Parameters
        ----------
        event : QPaintEvent
            Ignored: all is painted.
        """
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        width = self.width() / max(len(self.layers), 1)
        for number, (layer, title) in enumerate(zip(self.layers, self.titles, strict=True)):
            _paint_bar(painter, QRectF(number * width, 0, width, self.height()), layer, title)
        painter.end()


def _paint_bar(painter: QPainter, place: QRectF, layer: Image, title: str) -> None:
    """Paint the title of a map, its colours, and round values below them."""
    metrics = painter.fontMetrics()
    top = place.top() + 4
    text = metrics.horizontalAdvance(title)
    painter.drawText(QPointF(place.left() + _MARGIN, top + _BAR - 2), title)
    bar = QRectF(place.left() + text + 2 * _MARGIN, top, 0, _BAR)
    bar.setRight(max(place.right() - 3 * _MARGIN, bar.left() + 40))
    painter.drawImage(bar, _gradient(layer))
    painter.drawRect(bar)
    low, high = (float(limit) for limit in layer.contrast_limits)
    for value in round_values(low, high, max(1, int(bar.width() // _TICK_DISTANCE))):
        x = bar.left() + (value - low) / (high - low) * bar.width()
        painter.drawLine(QPointF(x, bar.bottom()), QPointF(x, bar.bottom() + _TICK))
        label = f"{value:g}"
        below = bar.bottom() + _TICK + metrics.ascent()
        painter.drawText(QPointF(x - metrics.horizontalAdvance(label) / 2, below), label)


def round_values(low: float, high: float, wanted: int) -> NDArray[np.float64]:
    """Return round values from one end of a range to the other, both included.

    Parameters
    ----------
    low, high : float
        Ends of the range.
    wanted : int
        Number of intervals, about.

    Returns
    -------
    numpy.ndarray
        (k,) float64, rising.
    """
    span = high - low
    interval = nice_interval(span, wanted)
    return levels_between(low - 1e-6 * interval, high + 1e-6 * interval, interval)


def _gradient(layer: Image) -> QImage:
    """Return the colours of a map from its lower limit to its upper one, one row high."""
    shares = np.linspace(0, 1, 256) ** layer.gamma
    colours: NDArray[Any] = np.rint(255 * layer.colormap.map(shares)).astype(np.uint8)
    image = QImage(256, 1, QImage.Format.Format_RGB32)
    for column, (red, green, blue, _) in enumerate(colours.tolist()):
        image.setPixelColor(column, 0, QColor(red, green, blue))
    return image
