"""The controls of the stack dock: their choices, their values, their tooltips.

Choices, bounds and tooltips are those of `Settings`; nothing is computed or shown here.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, PushButton

from napari_focus_stack._napari.layers.appearance import OUTPUTS
from napari_focus_stack._napari.layers.names import shortened
from napari_focus_stack._napari.widgets.parameter_controls import (
    arguments_of,
    check_box,
    control_of,
)
from napari_focus_stack._napari.widgets.rows import label_of, row
from napari_focus_stack._napari.widgets.scroll_area import show_rows
from napari_focus_stack._napari.widgets.spacing_fields import SpacingFields
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from magicgui.widgets.bases import ValueWidget

    from napari_focus_stack.io.sources import Spacing

WHOLE_FIELD = "whole field"
ALWAYS_SHOWN = ("method", "align")
"""Parameters that are chosen most; all others are folded under "More"."""
FOLDED, UNFOLDED = (
    "\N{BLACK RIGHT-POINTING SMALL TRIANGLE} More",
    "\N{BLACK DOWN-POINTING SMALL TRIANGLE} More",
)
ONLY_FOR = {
    "gaussian": "laplacian",
    "laplacian": "laplacian",
    "values": "pyramid",
    "occlusion": "pyramid",
}
"""Parameters of one method, and the method."""
OF_ONE_RECORDING = ("z_factor", "z_uncertainty")
"""Parameters of medium and instrument, which are not remembered: another stack would have wrong
heights."""
CHECK_WIDTH = 112
"""Width of "Depth index" in pixels, so that two rows of check boxes form columns."""

_ALIGN_ON_HELP = (
    "What alignment goes by: the whole field, or the shapes of a Shapes layer. Draw a rectangle, "
    "ellipse or polygon round the specimen where a stage clip or a bubble moves on its own; lines "
    "and paths do not count."
)
NEW, UPDATE = "new layers", "update the last ones"
_TARGET_HELP = (
    "Where results go: into new layers, or into those that an earlier run on the same layers "
    "added, which keep their names and colours."
)
_HEIGHT_NEEDS = (
    "Height is the depth times the z step, which is unknown; type the z step (the distance between "
    "planes), or untick Height."
)


class SettingsForm:
    """Controls for method, alignment, spacing and outputs.

    Attributes
    ----------
    widgets : list of magicgui.widgets.Container
        The rows, in the order they are shown.
    parameters : dict
        Control of each field of `Settings` that has one, by name.
    align_on : magicgui.widgets.ComboBox
        `WHOLE_FIELD`, or a key that `offer_regions` received.
    """

    def __init__(self) -> None:
        self.reference = ComboBox(choices=_reference_choices(0), **arguments_of("reference"))
        self.parameters: dict[str, ValueWidget[Any]] = {
            "method": control_of("method"),
            "align": control_of("align"),
            "reference": self.reference,
            "crop": control_of("crop"),
            "brightness": control_of("brightness"),
            "values": control_of("values"),
            "occlusion": control_of("occlusion"),
            "gaussian": control_of("gaussian"),
            "laplacian": control_of("laplacian"),
            "z_factor": control_of("z_factor"),
            "z_uncertainty": control_of("z_uncertainty"),
        }
        self.align_on = ComboBox(
            label="Align on", choices=_region_choices(()), tooltip=_ALIGN_ON_HELP
        )
        self.target = ComboBox(
            label="Results", choices=(NEW, UPDATE), value=NEW, enabled=False, tooltip=_TARGET_HELP
        )
        self._lengths = SpacingFields()
        self.pixel_size, self.z_step = self._lengths.pixel_size, self._lengths.z_step
        self.unit = self._lengths.unit
        self.checks = {
            role: check_box(
                text=output.suffix.capitalize(), value=role == "depth-index", tooltip=output.help
            )
            for role, output in OUTPUTS.items()
        }
        self._filling = False
        for name in ("method", "align", "values"):
            self.parameters[name].changed.connect(self.show_what_applies)
        self.checks["height"].native.clicked.connect(self._lead_to_z_step)
        self._rows = {
            name: row(label_of(name), control) for name, control in self.parameters.items()
        }
        self.more = PushButton(text=FOLDED, tooltip="Show or hide what is seldom changed.")
        self.more.native.setFlat(True)
        self.more.native.setStyleSheet("text-align: left")
        self.fold = self._folded()
        always = [self._rows[name] for name in ALWAYS_SHOWN]
        self.widgets = [*always, *self._check_rows(), *self._lengths.rows, self.more, self.fold]
        self.more.changed.connect(self.unfold)
        self.show_what_applies()

    def _folded(self) -> Container[Any]:
        rest = [line for name, line in self._rows.items() if name not in ALWAYS_SHOWN]
        aligned_on, target = (row(one.label, one) for one in (self.align_on, self.target))
        rows = [aligned_on, *rest, target]
        fold = Container(widgets=rows, labels=False, visible=False)
        fold.margins = (0, 0, 0, 0)
        return fold

    def unfold(self, *_: object) -> None:
        """Show the folded rows in sight, or fold them again."""
        self.fold.visible = not self.fold.visible
        if self.fold.visible:
            show_rows(self.more.native, self.fold.native)
        self.more.text = UNFOLDED if self.fold.visible else FOLDED

    def _check_rows(self) -> list[Container[Any]]:
        checks = list(self.checks.values())
        for check in checks:
            check.min_width = CHECK_WIDTH
        return [row("Also add", *checks[:2]), row("", *checks[2:])]

    def show_what_applies(self) -> None:
        """Hide the parameters of other methods; disable those without effect."""
        for name, method in ONLY_FOR.items():
            self._rows[name].visible = self.parameters["method"].value == method
        self.align_on.enabled = self.parameters["align"].value != "none"
        self.parameters["occlusion"].enabled = self.parameters["values"].value == "fused"

    def _lead_to_z_step(self) -> None:
        """Let the user type the z step that a height needs."""
        if self.checks["height"].value and not self._lengths.steps:
            self.z_step.native.setFocus()

    def on_edit(self, callback: Callable[[], None]) -> None:
        """Call back when the user changes a control, not when a layer fills it.

        Parameters
        ----------
        callback : callable
            Takes nothing.
        """

        def edited() -> None:
            if not self._filling:
                callback()

        controls = (self.align_on, self.pixel_size, self.z_step, self.unit, *self.checks.values())
        for control in (*self.parameters.values(), *controls):
            control.changed.connect(edited)

    def settings(self) -> Settings:
        """Return the settings as chosen.

        Returns
        -------
        Settings
            Without the parameters of other methods.

        Raises
        ------
        SettingsError
            A value out of bounds, a length that is no number, or a height without z step.
        """
        if self.checks["height"].value and not self._lengths.steps:
            self.z_step.native.setFocus()
            raise SettingsError(_HEIGHT_NEEDS)
        return self._lengths.applied_to(self.settings_of_any())

    def settings_of_any(self) -> Settings:
        """Return the settings for any stack: as chosen, without the z step of this one.

        Returns
        -------
        Settings
            Without the parameters of other methods.

        Raises
        ------
        SettingsError
            A value out of bounds.
        """
        values = {name: control.value for name, control in self.parameters.items()}
        for name, method in ONLY_FOR.items():
            if values["method"] != method:
                del values[name]
        return Settings(**values)

    def values(self) -> dict[str, Any]:
        """Return the values that hold for any stack.

        Returns
        -------
        dict
            Plain values by the names of parameters and outputs.
        """
        values = {name: control.value for name, control in self.parameters.items()}
        if not isinstance(values["reference"], str):  # a plane of this stack
            del values["reference"]
        for name in OF_ONE_RECORDING:
            del values[name]
        return values | {role: bool(check.value) for role, check in self.checks.items()}

    def take(self, values: Mapping[str, Any]) -> None:
        """Show the values of another session, as far as they are valid.

        Parameters
        ----------
        values : mapping
            As `values` returned them.
        """
        controls: dict[str, ValueWidget[Any]] = {**self.parameters, **self.checks}
        for name in controls.keys() & values.keys():
            if type(values[name]) is type(controls[name].value):
                with suppress(ValueError, OverflowError):  # choices or bounds of another version
                    controls[name].value = values[name]

    def outputs(self) -> list[str]:
        """Return the roles of the layers to add beside the stacked image.

        Returns
        -------
        list of str
            Keys of `OUTPUTS`.
        """
        return [role for role, check in self.checks.items() if check.value]

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
        return self._lengths.spacing()

    @property
    def edited(self) -> bool:
        """Whether the spacing differs from the layer's own."""
        return self._lengths.edited

    def fill(self, spacing: Spacing) -> None:
        """Show a layer's spacing.

        Parameters
        ----------
        spacing : Spacing
            Spacing of the layer.
        """
        self._filling = True
        self._lengths.fill(spacing)
        self._filling = False

    def offer_planes(self, count: int) -> None:
        """Offer the planes of a stack as reference.

        Parameters
        ----------
        count : int
            Number of planes.
        """
        before = self.reference.value
        self._filling = True
        self.reference.choices = _reference_choices(count)
        self.reference.value = before if isinstance(before, str) or before < count else "middle"
        self._filling = False

    def offer_regions(self, regions: Sequence[tuple[str, Hashable]]) -> None:
        """Offer regions to align on, beside the whole field.

        Parameters
        ----------
        regions : sequence of (str, hashable)
            Name and key of each.
        """
        before, choices = self.align_on.value, _region_choices(regions)
        self._filling = True
        # emptied first: magicgui keeps the old order and forgets renamed layers
        self.align_on.choices = ()
        self.align_on.choices = choices
        known = before in [key for _, key in choices]
        self.align_on.value = before if known else WHOLE_FIELD
        self._filling = False

    def offer_update(self, possible: bool) -> None:
        """Offer to update earlier results.

        Parameters
        ----------
        possible : bool
            Whether there are any.
        """
        self.target.enabled = possible
        if not possible:
            self.target.value = NEW

    @property
    def updates(self) -> bool:
        """Whether earlier results are to be updated."""
        return bool(self.target.value == UPDATE)

    @property
    def region(self) -> Hashable | None:
        """Key of the region to align on; None for the whole field, or without alignment."""
        key: Hashable = self.align_on.value
        return key if self.align_on.enabled and key != WHOLE_FIELD else None


def _reference_choices(count: int) -> list[tuple[str, str | int]]:
    named: list[tuple[str, str | int]] = [("middle", "middle"), ("first", "first")]
    return named + [(f"plane {k}", k) for k in range(count)]


def _region_choices(regions: Sequence[tuple[str, Hashable]]) -> list[tuple[str, Hashable]]:
    names = shortened(name for name, _ in regions)
    keys = [key for _, key in regions]
    return [(WHOLE_FIELD, WHOLE_FIELD), *zip(names, keys, strict=True)]
