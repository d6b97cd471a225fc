"""Rows of a form: a label and what stands beside it."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import (
    Container,
    Label,
    Widget,
)

LABELS = {"align": "Alignment", "gaussian": "Gaussian size", "laplacian": "Laplacian size"}
LABEL_WIDTH = 105
"""In pixels: "Pixel size (y, x)" in napari's font, so that the controls form a column."""


def row(label: str, *widgets: Widget) -> Container[Any]:
    """Widgets beside their label, the label as wide as every other row's."""
    name = Label(value=label)
    name.min_width = name.max_width = LABEL_WIDTH
    line = Container(widgets=[name, *widgets], layout="horizontal", labels=False)
    line.margins = (0, 0, 0, 0)
    return line


def label_of(name: str) -> str:
    """Label of a parameter of the settings."""
    return LABELS.get(name, name.capitalize())
