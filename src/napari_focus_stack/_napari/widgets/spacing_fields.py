"""Fields for the pixel size and the z step, which a layer fills in and a user may change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from magicgui.widgets import ComboBox, Label

from napari_focus_stack._napari.layers.geometry import DEFAULT_UNIT
from napari_focus_stack._napari.widgets.length_fields import (
    length_field,
    pixel_size_text,
    read_lengths,
)
from napari_focus_stack._napari.widgets.parameter_controls import help_of
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack.io.sources import Spacing

if TYPE_CHECKING:
    from napari_focus_stack.settings import Settings

UNITS = {"nanometer": "nm", "micrometer": "µm", "millimeter": "mm"}
UNIT_WIDTH = 70
"""Width, in pixels, of the units beside the fields, so that both fields are as wide."""
_PIXEL_SIZE_HELP = (
    "Size of a pixel: one number, or y and x with a space between. Filled from the layer; a size "
    "typed here is given to the layer, too, and to those that lie over it."
)
_Z_STEP_HELP = " Filled from the layer; a step typed here is given to a (z, y, x) layer too."


class SpacingFields:
    """Fields for the pixel size and the z step, with one unit for both.

    Attributes
    ----------
    pixel_size, z_step : magicgui.widgets.LineEdit
        As typed; empty where unknown.
    unit : magicgui.widgets.ComboBox
        Unit of both.
    rows : list of magicgui.widgets.Container
        Their rows in a form.
    """

    def __init__(self) -> None:
        self.pixel_size = length_field("Pixel size (y, x)", _PIXEL_SIZE_HELP)
        self.z_step = length_field("z step", help_of("z_step") + _Z_STEP_HELP)
        self.z_step.native.setPlaceholderText("unknown; Height needs it")
        self.unit = ComboBox(
            label="Unit", choices=_unit_choices(DEFAULT_UNIT), tooltip="Of pixel size and z step."
        )
        same_unit = Label(value=UNITS[DEFAULT_UNIT])
        for beside in (self.unit, same_unit):
            beside.min_width = beside.max_width = UNIT_WIDTH
        self.unit.changed.connect(lambda unit: setattr(same_unit, "value", UNITS.get(unit, unit)))
        self.rows = [
            row(self.z_step.label, self.z_step, self.unit),
            row(self.pixel_size.label, self.pixel_size, same_unit),
        ]
        # spacing of the layer: exactly, and as the fields show it, which is rounded
        self._filled, self._texts = Spacing(), ("", "", DEFAULT_UNIT)

    @property
    def steps(self) -> bool:
        """Whether there is a z step."""
        return bool(self.z_step.value.strip())

    @property
    def edited(self) -> bool:
        """Whether the spacing differs from the layer's own."""
        return self._typed() != self._texts

    def fill(self, spacing: Spacing) -> None:
        """Show a layer's spacing.

        Parameters
        ----------
        spacing : Spacing
            Spacing of the layer.
        """
        unit = spacing.unit or DEFAULT_UNIT
        self.pixel_size.value = pixel_size_text(spacing)
        self.z_step.value = "" if spacing.z is None else f"{spacing.z:.6g}"
        self.unit.choices = _unit_choices(unit)
        self.unit.value = unit
        self._filled, self._texts = spacing, self._typed()

    def spacing(self) -> Spacing:
        """Return the spacing as typed; exactly the layer's own in every field that was left.

        Returns
        -------
        Spacing
            In the chosen unit.

        Raises
        ------
        SettingsError
            A field that holds no length.
        """
        if not self.edited:
            return self._filled
        (pixel_size, z_step, _), known = self._typed(), self._filled
        y, x, z = known.y, known.x, known.z
        if pixel_size != self._texts[0]:
            y, x = read_lengths("Pixel size", pixel_size, most=2)
        if z_step != self._texts[1]:
            z, _ = read_lengths("z step", z_step, most=1)
        return Spacing(y=y, x=x, z=z, unit=self.unit.value)

    def applied_to(self, settings: Settings) -> Settings:
        """Return settings with the z step, and with the pixel size if that was typed.

        Parameters
        ----------
        settings : Settings
            The other settings.

        Returns
        -------
        Settings
            For a recipe that gives the same result; without a pixel size that differs in y and x.

        Raises
        ------
        SettingsError
            A field that holds no length.
        """
        spacing, was_typed = self.spacing(), self._typed()[0] != self._texts[0]
        size = spacing.y if was_typed and spacing.y == spacing.x else None
        return replace(settings, z_step=spacing.z, pixel_size=size)

    def _typed(self) -> tuple[str, str, str]:
        return self.pixel_size.value.strip(), self.z_step.value.strip(), self.unit.value


def _unit_choices(current: str) -> list[tuple[str, str]]:
    return [(text, unit) for unit, text in ({current: current} | UNITS).items()]
