"""The "Correct depth" dock widget: depth corrected by painting on the result."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, Label, PushButton, SpinBox
from napari.layers import Labels

from napari_focus_stack._napari.docks.result_dock import ResultDock
from napari_focus_stack._napari.layers.depth_painting import (
    BRUSH,
    NEAREST,
    Retouching,
    corrects,
    labels_arguments,
)
from napari_focus_stack._napari.layers.geometry import data_at, position_of, world_units
from napari_focus_stack._napari.layers.result_sets import ResultSet, sources_of
from napari_focus_stack._napari.layers.stack_slice import StackSlice
from napari_focus_stack._napari.viewer.painting import Painting, hide_brush_box
from napari_focus_stack._napari.viewer.plane_under_brush import PlaneUnderBrush
from napari_focus_stack._napari.widgets.results_keeper import keep_results
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.workers.job import Outcome, at_once
from napari_focus_stack._napari.workers.latest import LatestOnlyWorker
from napari_focus_stack.correction.nearest_plane import NEARBY
from napari_focus_stack.depth_labels import BACKGROUND, NOT_CORRECTED

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

PLANE, NEAREST_ONE, NO_SPECIMEN, AS_STACKED = (
    "the plane that the slider shows",
    "the nearest plane",
    "background",
    "as stacked",
)
FIXED = {NEAREST_ONE: NEAREST, NO_SPECIMEN: BACKGROUND, AS_STACKED: NOT_CORRECTED}
"""Labels of what is painted, except for the label of a plane."""
_UNDO = "Ctrl+Z takes a stroke back."
HINTS = {
    PLANE: "Go through the planes with the slider, or with Ctrl and the mouse wheel over the "
    f"picture, and paint where they are sharp. {_UNDO}",
    NEAREST_ONE: "Paint along what lies in front of the rest, such as a hair. The stroke gets one "
    f"plane: of those found in it and {NEARBY} pixels beside it, the nearest to the lens. {_UNDO}",
    NO_SPECIMEN: "Paint where there is no specimen; it turns magenta. The picture stays as it is, "
    f"depth and height become empty, and the surface in 3-D has a hole. {_UNDO}",
    AS_STACKED: f"Paint over a correction to remove it. {_UNDO}",
}
"""What to do, by what is painted."""
_PAINT_HELP = "What is put where you paint: " + " ".join(
    f"'{choice}': {hint.removesuffix(_UNDO)}" for choice, hint in HINTS.items()
)
NEAREST_SIDES = [("the first plane", "first"), ("the last plane", "last")]


class CorrectWidget(ResultDock):
    """Paint on a result which plane it shows; image and depth follow.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where the layers are.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._painting: Painting | None = None
        self._stack: Image | None = None
        self._cut = StackSlice()
        self._past: list[Retouching] = []
        self._shown: PlaneUnderBrush | None = None
        self.worker = LatestOnlyWorker(self._show_plane, "plane-under-brush", "The plane shown")
        self.correct_button = PushButton(
            text="Correct", tooltip="Add a layer over the result to paint, fill, erase and undo on."
        )
        self.painted = ComboBox(choices=[PLANE, *FIXED], value=PLANE, tooltip=_PAINT_HELP)
        self.plane = SpinBox(
            value=0, min=0, max=0, tooltip="Plane that is painted; the slider goes with it."
        )
        self.last_plane = Label(value="of 0 to 0")
        self.under_brush = CheckBox(
            value=True,
            text="Show the plane under the brush",
            tooltip="Around the brush you see the plane, beside it the result. While you move the "
            "slider, the plane fills the view.",
        )
        self.side = ComboBox(
            choices=NEAREST_SIDES,
            value="first",
            tooltip="Which end of the stack is nearest to the lens, for 'the nearest plane'.",
        )
        super().__init__(
            napari_viewer,
            self.correct_button,
            [
                self.correct_button,
                row("Paint", self.painted),
                row("Plane", self.plane, self.last_plane),
                self.under_brush,
                row("Nearest to lens", self.side),
            ],
            tab="Correct",
            needed="depth-index",
            brief=True,
        )
        self.painted.changed.connect(self._explain)
        self.plane.changed.connect(self._slide)
        for field in (self.painted, self.plane, self.under_brush, self.side):
            field.changed.connect(self._take_up)
        self.native.destroyed.connect(self.worker.stop)
        self._connect()
        self.native_parent_changed.connect(self._docked)
        keep_results(napari_viewer, self, self.job)

    def _start_on(self, found: ResultSet) -> None:
        """Add the layer to paint on over a result."""
        self.stop()
        stack = sources_of(found, self._viewer.layers)
        work = Retouching.prepared(found, self._viewer.layers)
        begun = [one for one in self._past if one.layers["image"] == found.image and one.current]
        if begun:
            self.job.status.value = self._begin(found, stack, begun[0])
        else:
            self.job.run(at_once(work), partial(self._begin, found, stack))

    def _begin(self, found: ResultSet, stack: list[Image], retouching: Retouching) -> str:
        if found.image not in self._viewer.layers:
            return f"'{found.image.name}' was removed; nothing can be corrected."
        earlier = retouching not in self._past and bool(retouching.labels.any())
        retouching.show()
        self._past = [one for one in self._past if one.current and one is not retouching]
        self._past.append(retouching)
        layer = self._layer_over(found, retouching)
        self._painting = Painting(layer, retouching, self._say, self._upright)
        self._shown = PlaneUnderBrush(self._viewer, layer, retouching, self.worker.take)
        slid = len(stack) == 1 and stack[0] in self._viewer.layers
        self._stack = stack[0] if slid else None
        self._cut = found.cut
        self.plane.max = len(found.past["planes"]) - 1
        self.last_plane.value = f"of 0 to {self.plane.max}"
        self._viewer.dims.ndisplay = 2  # in 3-D a stroke lands beside the mouse
        found.image.visible = True
        self._viewer.layers.selection.active = layer
        hide_brush_box(self._viewer)
        layer.mode = "paint"
        self._follow_slider()
        self._take_up()
        kept = " What was corrected before is part of it; only a new run takes that back."
        return f"Paint on '{layer.name}'. {HINTS[self.painted.value]}{kept if earlier else ''}"

    def _layer_over(self, found: ResultSet, retouching: Retouching) -> Labels:
        """Return the layer to paint on: the one of an earlier press of the button, or a new one."""
        for layer in self._viewer.layers:
            if isinstance(layer, Labels) and corrects(layer, found):
                layer.data, layer.editable, layer.visible = retouching.labels, True, True
                return layer
        layer = self._viewer.add_labels(retouching.labels, **labels_arguments(found))
        layer.brush_size = BRUSH
        return layer

    def _say(self, sentence: str) -> None:
        if self.job.status.value != sentence:  # a stroke would say it at every step
            self.job.say_error(sentence)

    def _upright(self) -> bool:
        order, ndim = list(self._viewer.dims.order), self._viewer.dims.ndim
        return order.index(ndim - 2) < order.index(ndim - 1)

    def _plane_at_slider(self) -> int | None:
        """Return the plane that the slider shows; None without a stack, or before the start."""
        # where the stack was removed, its slider goes before the others hear of it
        if self._painting is None or self._stack not in self._viewer.layers:
            return None
        units = world_units(self._viewer.layers)
        at = data_at(self._stack, self._viewer.dims.point, units)[self._cut.z]
        return int(np.clip(np.rint(at), 0, self.plane.max))

    def _follow_slider(self, *_: Any) -> None:
        plane = self._plane_at_slider()
        if plane is not None:
            self.plane.value = plane

    def _slide(self, *_: Any) -> None:
        """Move the slider to the plane that was chosen here."""
        if self._plane_at_slider() in (None, self.plane.value) or self._stack is None:
            return
        stack, dims, units = self._stack, self._viewer.dims, world_units(self._viewer.layers)
        place = data_at(stack, dims.point, units).tolist()
        place[self._cut.z] = self.plane.value
        axis = dims.ndim - stack.ndim + self._cut.z
        dims.set_point(axis, position_of(stack, place, units)[self._cut.z])

    def _explain(self, *_: Any) -> None:
        if self._painting is not None:
            self.job.status.value = HINTS[self.painted.value]

    def _take_up(self, *_: Any) -> None:
        """Set the brush to the chosen label, and show its plane."""
        one_plane = self.painted.value == PLANE
        self.plane.enabled = self.under_brush.enabled = one_plane
        self.side.enabled = self.painted.value == NEAREST_ONE
        if self._painting is not None and self._shown is not None:
            self._painting.side = self.side.value
            label = FIXED.get(self.painted.value, self.plane.value + 1)
            self._painting.layer.selected_label = label
            seen = one_plane and self.under_brush.value
            self._shown.turn(self.plane.value if seen else None)

    def _show_plane(self, outcome: Outcome) -> None:
        """Show the plane that was cut out in the background, or why it cannot be shown."""
        if self._shown is None:
            return
        if outcome.error is None:
            self._shown.show(outcome.result)
        else:
            self._shown.turn(None)
            self.job.status.value = outcome.error

    def _turned(self, *_: Any) -> None:
        """Put the brush down in 3-D, where nothing can be painted, and take it up in 2-D again."""
        if self._painting is not None:
            flat = self._viewer.dims.ndisplay == 2
            self._painting.layer.mode = "paint" if flat else "pan_zoom"
            self._take_up()

    def _layer_gone(self, event: Any) -> None:
        """Stop, with a sentence, when a layer that is needed is removed."""
        self._past = [one for one in self._past if one.layers["image"] != event.value]
        if self._painting is None:
            return
        if event.value == self._painting.layer:
            self.stop()
            self.job.status.value = "The correction stays in the result."
        elif event.value == self._painting.retouching.layers["image"]:
            self.stop()
            self.job.status.value = f"'{event.value.name}' was removed; painting has no effect now."
        elif self._shown is not None and self._shown.is_shown_in(event.value):
            self.under_brush.value = False  # the user wants it no longer
        elif event.value == self._stack:
            self._stack = None  # its planes stay at hand; the slider may be gone
            self.job.status.value = f"'{event.value.name}' was removed; choose the plane here."

    def stop(self) -> None:
        """Stop following the painting, and make its layer read-only."""
        if self._painting is not None:
            self._painting.end()
            self._painting.layer.mode = "pan_zoom"
            self._painting.layer.editable = False
        if self._shown is not None:
            self._shown.end()
        self._painting = self._stack = self._shown = None

    def _docked(self, parent: object) -> None:
        if parent is None:  # closed
            self.stop()
            self.worker.stop()
            for event, react in self._reactions():
                event.disconnect(react)
        else:
            self._connect()

    def _reactions(self) -> list[tuple[Any, Any]]:
        """Return the viewer's events, each with the method that reacts to it."""
        dims, layers = self._viewer.dims.events, self._viewer.layers.events
        return [
            (dims.point, self._follow_slider),
            (dims.ndisplay, self._turned),
            (layers.removed, self._layer_gone),
        ]

    def _connect(self) -> None:
        for event, react in self._reactions():
            event.connect(react)
