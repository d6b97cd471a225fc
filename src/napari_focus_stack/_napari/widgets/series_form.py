"""Controls for what the channels and times of a series take from each other."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, Container, Label, SpinBox

from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack.series.series_settings import MOST_TIMES, SLAB_METHODS, SeriesSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from magicgui.widgets.bases import ValueWidget

    from napari_focus_stack._napari.layers.axis_roles import AxisRole

AUTO, EACH = ("the surest depth", "auto"), ("none, each by itself", "each")
ALIGNMENT, SURFACE = "alignment", "surface"
FOLLOW = (
    ("the lead's alignment", ALIGNMENT),
    ("the lead's depth", SURFACE),
)
METHODS = {"max": "brightest", "mean": "mean"}
_HELP = {field.name: field.metadata["help"] for field in dataclasses.fields(SeriesSettings)}


class SeriesForm(Container[Any]):
    """Lead channel, what the others follow, smoothing over time and drift.

    Attributes
    ----------
    lead, follow, method : magicgui.widgets.ComboBox
        Lead channel, what the others take from it, and how the planes of a slab are combined.
    offset, slab, smooth : magicgui.widgets.SpinBox
        Planes after the surface, planes of the slab, and time points that are averaged.
    drift : magicgui.widgets.CheckBox
        Whether the drift of the field is removed.
    """

    def __init__(self) -> None:
        self.lead = ComboBox(choices=(AUTO, EACH), tooltip=_HELP["lead_channel"])
        self.follow = ComboBox(choices=FOLLOW, tooltip=_HELP["follow"])
        self.offset = SpinBox(min=-MOST_TIMES, max=MOST_TIMES, tooltip="Planes after the surface.")
        self.slab = SpinBox(min=1, max=MOST_TIMES, step=2, tooltip=_HELP["slab"])
        self.method = ComboBox(
            choices=[(METHODS[name], name) for name in SLAB_METHODS], tooltip=_HELP["slab_method"]
        )
        self.smooth = SpinBox(min=1, max=MOST_TIMES, step=2, tooltip=_HELP["smooth_time"])
        self.drift = CheckBox(text="remove", tooltip=_HELP["drift"])
        self._of_channels = [row("Lead channel", self.lead), row("Others take", self.follow)]
        self._of_surface = [
            row("Planes after it", self.offset),
            row("Planes of slab", self.slab, self.method),
        ]
        self._of_times = [
            row("Smooth over", self.smooth, Label(value="times")),
            row("Drift of field", self.drift),
        ]
        rows = [*self._of_channels, *self._of_surface, *self._of_times]
        super().__init__(widgets=rows, labels=False, visible=False)
        self.margins = (0, 0, 0, 0)
        self._roles: frozenset[AxisRole] = frozenset()
        self._channels: list[str] = []
        for control in (self.lead, self.follow):
            control.changed.connect(self._show_what_applies)

    @property
    def _controls(self) -> list[ValueWidget[Any]]:
        return [
            self.lead,
            self.follow,
            self.offset,
            self.slab,
            self.method,
            self.smooth,
            self.drift,
        ]

    def on_edit(self, callback: Callable[[], None]) -> None:
        """Call back when the user changes a control.

        Parameters
        ----------
        callback : callable
            Takes nothing.
        """
        for control in self._controls:
            control.changed.connect(lambda _: callback())

    def offer(self, roles: frozenset[AxisRole], channels: Sequence[str]) -> None:
        """Show what applies to a series.

        Parameters
        ----------
        roles : frozenset of str
            Roles along which several stacks are taken.
        channels : sequence of str
            Names of the channels.
        """
        before = self.lead.value if list(channels) == self._channels else AUTO[1]
        self._roles, self._channels = roles, list(channels)
        with self.lead.changed.blocked():
            named = [(name, number) for number, name in enumerate(channels)]
            self.lead.choices = ()
            self.lead.choices = [AUTO, *named, EACH]
            if before in [value for _, value in (AUTO, *named, EACH)]:
                self.lead.value = before
        self._show_what_applies()

    def _show_what_applies(self, *_: object) -> None:
        several = "channel" in self._roles
        led = several and self.lead.value != "each"
        surface = led and self.follow.value == SURFACE
        for line, shown in zip(self._of_channels, (several, led), strict=True):
            line.visible = shown
        for line in self._of_surface:
            line.visible = surface
        for line in self._of_times:
            line.visible = "time" in self._roles
        self.visible = bool(self._roles)

    def settings(self) -> SeriesSettings:
        """Return the settings as chosen, without those that do not apply.

        Returns
        -------
        SeriesSettings
            Settings of the series.

        Raises
        ------
        SettingsError
            A value is out of bounds.
        """
        found: dict[str, Any] = {}
        if "channel" in self._roles:
            found["lead_channel"] = self.lead.value
        if "channel" in self._roles and self.lead.value != "each" and self.follow.value == SURFACE:
            offset = self.offset.value
            found["follow"] = f"{SURFACE}:{offset}" if offset else SURFACE
            found |= {"slab": self.slab.value, "slab_method": self.method.value}
        if "time" in self._roles:
            found |= {"smooth_time": self.smooth.value, "drift": self.drift.value}
        return SeriesSettings(**found)
