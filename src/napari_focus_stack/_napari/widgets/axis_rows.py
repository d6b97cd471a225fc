"""Rows that show the axes of a layer, and let the user correct their roles."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container

from napari_focus_stack._napari.layers.axis_roles import SERIES_ROLES
from napari_focus_stack._napari.widgets.rows import row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from magicgui.widgets import Label

    from napari_focus_stack._napari.layers.axis_roles import AxisRole, AxisRoles


class AxisRows(Container[Any]):
    """The axis of z, and where labels leave it open, what the others are.

    Parameters
    ----------
    chosen : callable
        Called with the roles after the user has changed one.

    Attributes
    ----------
    z_axis : magicgui.widgets.ComboBox
        Axis of the planes.
    others : list of magicgui.widgets.ComboBox
        Role of each axis beside z, y and x, in order; those that are not needed are hidden.
    """

    def __init__(self, chosen: Callable[[AxisRoles], None]) -> None:
        self._on_choice = chosen
        self._roles: AxisRoles | None = None
        self.z_axis = ComboBox(
            choices=(),
            tooltip="Axis along which the focus changes from plane to plane. Of the others the "
            "last two are y and x.",
        )
        self.others = [
            ComboBox(choices=SERIES_ROLES, tooltip="What this axis is.") for _ in SERIES_ROLES
        ]
        self._rows = [row("", control) for control in self.others]
        super().__init__(widgets=[row("z axis", self.z_axis), *self._rows], labels=False)
        self.margins = (0, 0, 0, 0)
        self.z_axis.changed.connect(self._choose_z)
        for number, control in enumerate(self.others):
            control.changed.connect(partial(self._choose, number))

    def offer(self, names: Sequence[str], lengths: Sequence[int], roles: AxisRoles) -> None:
        """Show the axes of a layer.

        Parameters
        ----------
        names : sequence of str
            Name of each axis.
        lengths : sequence of int
            Length of each axis.
        roles : AxisRoles
            Their roles.
        """
        self._roles = roles
        titles = [f"{name} ({length})" for name, length in zip(names, lengths, strict=True)]
        with self.z_axis.changed.blocked():
            self.z_axis.choices = ()
            self.z_axis.choices = [(title, axis) for axis, title in enumerate(titles)]
            self.z_axis.value = roles.z
        for number, (line, control) in enumerate(zip(self._rows, self.others, strict=True)):
            line.visible = number < len(roles.series) and not roles.labelled
            if number < len(roles.series):
                axis, role = roles.series[number]
                label: Label = line[0]
                label.value = titles[axis]
                with control.changed.blocked():
                    control.value = role

    def _choose_z(self, axis: int) -> None:
        if self._roles is not None:
            self._on_choice(self._roles.exchanged(axis, "z"))

    def _choose(self, number: int, role: AxisRole) -> None:
        if self._roles is not None:
            self._on_choice(self._roles.exchanged(self._roles.series[number][0], role))
