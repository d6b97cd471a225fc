"""Rows of a form: a label with widgets beside it."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import Container, Label, Widget

LABELS = {"align": "Alignment", "gaussian": "Gaussian size", "laplacian": "Laplacian size"}
LABEL_WIDTH = 105
"""Width, in pixels, of "Pixel size (y, x)" in napari's font, so that controls form a column."""


def row(label: str, *widgets: Widget) -> Container[Any]:
    """Create a row of widgets beside a label, which is as wide as those of all other rows.

    Parameters
    ----------
    label : str
        Text of the label.
    *widgets : magicgui.widgets.Widget
        Widgets, from left to right.

    Returns
    -------
    magicgui.widgets.Container
        The row.
    """
    name = Label(value=label)
    name.min_width = name.max_width = LABEL_WIDTH
    line = Container(widgets=[name, *widgets], layout="horizontal", labels=False)
    line.margins = (0, 0, 0, 0)
    return line


def label_of(name: str) -> str:
    """Return the label of a field of `Settings`.

    Parameters
    ----------
    name : str
        Name of the field.

    Returns
    -------
    str
        Text for its row.
    """
    return LABELS.get(name, name.capitalize())
