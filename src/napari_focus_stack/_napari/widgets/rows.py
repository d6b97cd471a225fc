"""Rows of a form: a label with widgets beside it."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox, Container, Label, Select, Widget
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox

LABELS = {
    "align": "Alignment",
    "reference": "Align to",
    "values": "Pixel values",
    "crop": "Cut off",
    "occlusion": "Remove halos",
    "gaussian": "Gaussian size",
    "laplacian": "Laplacian size",
    "z_factor": "z factor",
    "z_uncertainty": "z uncertainty",
}
LABEL_WIDTH = 105
"""Width, in pixels, of "Pixel size (y, x)" in napari's font, so that controls form a column."""
FEWEST_LETTERS = 6
"""Letters of a choice that are visible in the narrowest dock."""


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
    for widget in widgets:
        if isinstance(widget, ComboBox):
            narrow(widget)
    name = Label(value=label)
    name.min_width = name.max_width = LABEL_WIDTH
    line = Container(widgets=[name, *widgets], layout="horizontal", labels=False)
    line.margins = (0, 0, 0, 0)
    return line


def narrow(choice: ComboBox) -> None:
    """Keep a choice as narrow as a few letters, however long what it offers is.

    Parameters
    ----------
    choice : magicgui.widgets.ComboBox
        Choice among names that users give.
    """
    choice.native.setSizeAdjustPolicy(
        QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    choice.native.setMinimumContentsLength(FEWEST_LETTERS)


def elided(names: Select) -> None:
    """Leave out the middle of names that are longer than the list is wide.

    Parameters
    ----------
    names : magicgui.widgets.Select
        List of names.
    """
    names.native.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    names.native.setTextElideMode(Qt.TextElideMode.ElideMiddle)


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
