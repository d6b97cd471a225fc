"""Controls for fields of `Settings`, with their choices, bounds, defaults and tooltips."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, SpinBox

from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    from magicgui.widgets.bases import ValueWidget

SWITCHES = {"crop": "to what all planes show"}
"""Texts of check boxes by field."""
LARGEST_KERNEL = 255
"""Maximum of the spin box for a size without a maximum in `Settings`."""

_FIELDS = {field.name: field for field in dataclasses.fields(Settings)}


def help_of(name: str) -> str:
    """Return the help text of a field.

    Parameters
    ----------
    name : str
        Name of the field.

    Returns
    -------
    str
        Help text, which the command line shows, too.
    """
    text: str = _FIELDS[name].metadata["help"]
    return text


def arguments_of(name: str) -> dict[str, Any]:
    """Return the arguments that all controls of a field have.

    Parameters
    ----------
    name : str
        Name of the field.

    Returns
    -------
    dict
        Name, tooltip and default.
    """
    return {"name": name, "tooltip": help_of(name), "value": _FIELDS[name].default}


def control_of(name: str) -> ValueWidget[Any]:
    """Create a control for a field: a list, a check box or a number.

    Parameters
    ----------
    name : str
        Name of the field.

    Returns
    -------
    ValueWidget
        Control that shows the default.
    """
    bounds = _FIELDS[name].metadata
    if "choices" in bounds:
        return ComboBox(choices=bounds["choices"], **arguments_of(name))
    if "switch" in bounds:
        return CheckBox(text=SWITCHES[name], **arguments_of(name))
    most = bounds.get("maximum", LARGEST_KERNEL)
    return SpinBox(min=bounds["minimum"], max=most, step=2, **arguments_of(name))
