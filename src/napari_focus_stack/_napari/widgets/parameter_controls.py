"""Controls for fields of `Settings`, with their choices, bounds, defaults and tooltips."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, SpinBox

from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from magicgui.widgets.bases import ValueWidget

SWITCHES = {"crop": "edges that some planes lack"}
"""Texts of check boxes by field."""
WORDS = {
    "pyramid": "pyramid (best for most)",
    "depth": "depth (one plane per pixel)",
    "laplacian": "laplacian (first release)",
    "similarity": "similarity (shift, turn, resize)",
    "affine": "affine (and shear)",
    "homography": "homography (and tilt)",
    "match": "match (even out)",
    "keep": "keep (as recorded)",
    "fused": "fused (smooth)",
    "recorded": "recorded (measured ones only)",
}
"""Texts of choices that are no plain words; their first word is that of the command."""
FOCUS_RING = """
QCheckBox::indicator { border: 2px solid transparent; padding: 0px; width: 14px; height: 14px; }
QCheckBox::indicator:focus { border-color: rgb(230, 120, 0); }
"""
"""Style of check boxes, whose focus napari's own does not show: as large, and orange, which stands
out from both themes."""
LARGEST_KERNEL = 255
"""Maximum of the spin box for a size without a maximum in `Settings`."""

STEPS = {"z_factor": (0.001, 10.0), "z_uncertainty": (0.001, 0.999)}
"""Step and maximum of the spin boxes of numbers that are no sizes."""

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


def in_words(choices: Iterable[str]) -> list[tuple[str, str]]:
    """Return choices with the texts that a user sees.

    Parameters
    ----------
    choices : iterable of str
        Choices of a field of `Settings`.

    Returns
    -------
    list of (str, str)
        Text and choice.
    """
    return [(WORDS.get(choice, choice), choice) for choice in choices]


def check_box(**arguments: Any) -> CheckBox:
    """Create a check box whose keyboard focus is visible.

    Parameters
    ----------
    **arguments
        As magicgui's `CheckBox` takes them.

    Returns
    -------
    CheckBox
        The check box.
    """
    check = CheckBox(**arguments)
    check.native.setStyleSheet(FOCUS_RING)
    return check


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
        return ComboBox(choices=in_words(bounds["choices"]), **arguments_of(name))
    if "switch" in bounds:
        return check_box(text=SWITCHES[name], **arguments_of(name))
    if name in STEPS:
        step, most = STEPS[name]
        return FloatSpinBox(min=0.0, max=most, step=step, **arguments_of(name))
    most = bounds.get("maximum", LARGEST_KERNEL)
    return SpinBox(min=bounds["minimum"], max=most, step=2, **arguments_of(name))
