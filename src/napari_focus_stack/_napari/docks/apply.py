"""The "Apply to other layers" dock widget."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from magicgui.widgets import ComboBox, PushButton, SpinBox
from napari.layers import Image, Points

from napari_focus_stack._napari.docks.result_dock import ResultDock
from napari_focus_stack._napari.layers.appearance import display_limits
from napari_focus_stack._napari.layers.geometry import world_units
from napari_focus_stack._napari.layers.layer_axes import axis_names, roles_of
from napari_focus_stack._napari.layers.metadata import ALIGNED, role
from napari_focus_stack._napari.layers.result_sets import ResultSet, known_sources
from napari_focus_stack._napari.layers.stack_slice import StackSlice, slice_at
from napari_focus_stack._napari.widgets.area_table import AreaPanel
from napari_focus_stack._napari.widgets.layer_choosers import LayerChooser
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.workers.projection import (
    Addition,
    Applied,
    ProjectionOptions,
    projectable_layers,
    transfer_job,
)
from napari_focus_stack.analysis.projection import ProjectionMethod

if TYPE_CHECKING:
    from collections.abc import Hashable

    import napari
    from napari.layers import Layer

LARGEST_NUMBER = 9999
_HOW: dict[ProjectionMethod, str] = {"max": "brightest", "mean": "mean"}
NO_TARGET = "Open another channel, labels or points of the same field first."


class ApplyWidget(ResultDock):
    """Apply the transforms and the depth of a result to other layers of the same field.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where the layers are.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._offered_for: Hashable = None
        self.target = LayerChooser(
            "A stack, labels or points of the same field: another channel, another time point. "
            "Where a layer has an axis of time, the viewer's slider chooses."
        )
        self.plane = _whole_number("Plane that 2-D labels or points were drawn on.", least=0)
        self.offset = _whole_number(
            "How many planes further than the surface the pixels are taken; negative for before it."
        )
        self.half_slab = _whole_number(
            "Planes on either side of the surface that count too; 0 for the surface alone.", least=0
        )
        self.how = ComboBox(
            choices=[(_HOW[method], method) for method in get_args(ProjectionMethod)],
            tooltip="What becomes of the planes around the surface.",
        )
        self.apply_button = PushButton(text="Apply", tooltip="Add what of the layer is in focus.")
        self.areas = AreaPanel(lambda: self.result.chosen(), napari_viewer.layers)
        super().__init__(
            napari_viewer,
            self.apply_button,
            [
                row("Apply to", self.target),
                row("Lies in plane", self.plane),
                row("Planes deeper", self.offset),
                row("Planes around", self.half_slab, self.how),
                self.apply_button,
            ],
            tab="Apply",
            below=[self.areas],
            needed="depth-index",
        )
        self.result.changed.connect(self._list_targets)
        self.target.changed.connect(self._show_what_applies)

    def reset_choices(self, *_: Any) -> None:
        """List the layers anew; napari calls this when its layer list changes."""
        super().reset_choices()
        self.areas.reset_choices()
        self._list_targets()

    def _list_targets(self, *_: Any) -> None:
        found = self.result.chosen()
        sources = known_sources(found, self._viewer.layers) if found else []
        self._offer_plane(found)
        aligned = any(role(one) == ALIGNED for one in sources)

        def unlikely(layer: Layer) -> tuple[bool, bool]:
            """Return a key that puts the result's stack last, behind it what moved otherwise."""
            return (role(layer) == ALIGNED) != aligned, layer in sources

        offered = sorted(projectable_layers(self._viewer.layers), key=unlikely)
        self.target.offer(offered)
        self._show_what_applies()

    def _offer_plane(self, found: ResultSet | None) -> None:
        """Begin on the plane that the result lies over; the first one may show nothing."""
        if found is not None and found.image.unique_id != self._offered_for:
            self._offered_for = found.image.unique_id
            self.plane.value = int(found.past.get("reference") or 0)

    def chosen_target(self) -> Layer | None:
        """Return the layer that the result is to be applied to.

        Returns
        -------
        napari.layers.Layer or None
            None if none is chosen.
        """
        chosen = self.target.value
        return next((one for one in self._viewer.layers if one.unique_id == chosen), None)

    def _show_what_applies(self, *_: Any) -> None:
        target = self.chosen_target()
        flat = target is not None and target.ndim == 2
        self.plane.enabled = flat
        self.offset.enabled = target is not None and not flat and not isinstance(target, Points)
        self.half_slab.enabled = self.how.enabled = isinstance(target, Image)
        self._offer_start()

    def _missing(self) -> str:
        nothing = "" if self.chosen_target() is not None else NO_TARGET
        return super()._missing() or nothing

    def chosen_options(self) -> ProjectionOptions:
        """Return the options as chosen."""
        plane, offset = self.plane.value, self.offset.value
        return ProjectionOptions(plane, offset, self.half_slab.value, self.how.value, self._cut())

    def _cut(self) -> StackSlice:
        """Return the part of the chosen image: z as in the result's stack, the rest by sliders."""
        found, target = self.result.chosen(), self.chosen_target()
        if found is None or not isinstance(target, Image) or target.ndim < 3:
            return StackSlice()
        z = found.cut.z if found.cut.ndim == target.ndim else roles_of(target).z
        units = world_units(self._viewer.layers)
        return slice_at(target, z, self._viewer.dims.point, units, axis_names(target))

    def _start_on(self, found: ResultSet) -> None:
        """Start to apply a result to the chosen layer."""
        target = self.chosen_target()
        if target is None:
            return
        steps, addition = transfer_job(target, found, self.chosen_options(), self._viewer.layers)
        self.job.run(steps, partial(self._add, addition))

    def _add(self, addition: Addition, applied: Applied) -> str:
        arguments = {**addition.arguments, **applied.arguments}
        if arguments.get("rgb"):
            arguments["contrast_limits"] = display_limits(applied.data, rgb=True)
        add = getattr(self._viewer, f"add_{addition.kind}")
        added = f"Added '{add(applied.data, **arguments).name}'."
        return f"{added} {applied.note}".rstrip()


def _whole_number(tooltip: str, least: int = -LARGEST_NUMBER) -> SpinBox:
    return SpinBox(value=0, min=least, max=LARGEST_NUMBER, tooltip=tooltip)
