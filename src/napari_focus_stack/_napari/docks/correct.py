"""The "Correct depth" dock widget: depth corrected by painting on the result."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import ComboBox, PushButton, SpinBox
from napari.layers import Labels

from napari_focus_stack._napari.docks.result_dock import ResultDock
from napari_focus_stack._napari.layers.depth_painting import (
    BRUSH,
    NEAREST,
    Retouching,
    corrects,
    labels_arguments,
)
from napari_focus_stack._napari.layers.geometry import data_at, world_units
from napari_focus_stack._napari.layers.result_sets import ResultSet, sources_of
from napari_focus_stack._napari.layers.stack_slice import StackSlice
from napari_focus_stack._napari.viewer.painting import Painting
from napari_focus_stack._napari.widgets.results_keeper import keep_results
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.workers.job import at_once
from napari_focus_stack.depth_labels import BACKGROUND, NOT_CORRECTED

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

PLANE, NEAREST_WINS, NO_SPECIMEN, AS_FOUND = (
    "the plane that the slider shows",
    "nearest wins",
    "background",
    "as found",
)
FIXED = {NEAREST_WINS: NEAREST, NO_SPECIMEN: BACKGROUND, AS_FOUND: NOT_CORRECTED}
"""Labels of what is painted, except for the label of a plane."""
_PAINT_HELP = (
    "What pixels show that you paint over. 'The plane that the slider shows': go to a plane where "
    "they are sharp, then paint. 'Nearest wins': the nearest of the planes found under the stroke, "
    "for a hair or a leg in front of the rest. 'Background': there is no specimen. 'As found': "
    "your correction is taken back."
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
        self.correct_button = PushButton(
            text="Correct", tooltip="Add a layer over the result to paint, fill, erase and undo on."
        )
        self.painted = ComboBox(choices=[PLANE, *FIXED], value=PLANE, tooltip=_PAINT_HELP)
        self.plane = SpinBox(
            value=0, min=0, max=0, tooltip="Plane that is painted; it follows the slider."
        )
        self.side = ComboBox(
            choices=NEAREST_SIDES,
            value="first",
            tooltip="Which plane is nearest, for 'nearest wins'.",
        )
        super().__init__(
            napari_viewer,
            self.correct_button,
            [
                self.correct_button,
                row("Paint", self.painted),
                row("Plane", self.plane),
                row("Nearest is", self.side),
            ],
            tab="Correct",
            needed="depth-index",
            brief=True,
        )
        self.painted.changed.connect(self._take_up)
        self.plane.changed.connect(self._take_up)
        self.side.changed.connect(self._take_up)
        napari_viewer.dims.events.point.connect(self._follow_slider)
        napari_viewer.layers.events.removed.connect(self._layer_gone)
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
        slid = len(stack) == 1 and stack[0] in self._viewer.layers
        self._stack = stack[0] if slid else None
        self._cut = found.cut
        self.plane.max = len(found.past["planes"]) - 1
        self._viewer.dims.ndisplay = 2  # in 3-D a stroke lands beside the mouse
        found.image.visible = True
        self._viewer.layers.selection.active = layer
        layer.mode = "paint"
        self._follow_slider()
        self._take_up()
        kept = " What was corrected before is part of it; only a new run takes that back."
        return f"Paint on '{layer.name}'.{kept if earlier else ''}"

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

    def _follow_slider(self, *_: Any) -> None:
        # where the stack was removed, its slider goes before the others hear of it
        if self._painting is not None and self._stack in self._viewer.layers:
            units = world_units(self._viewer.layers)
            at = data_at(self._stack, self._viewer.dims.point, units)[self._cut.z]
            self.plane.value = int(np.clip(np.rint(at), 0, self.plane.max))

    def _take_up(self, *_: Any) -> None:
        """Set the brush to the chosen label."""
        self.plane.enabled = self.painted.value == PLANE
        self.side.enabled = self.painted.value == NEAREST_WINS
        if self._painting is not None:
            self._painting.side = self.side.value
            label = FIXED.get(self.painted.value, self.plane.value + 1)
            self._painting.layer.selected_label = label

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
        elif event.value == self._stack:
            self._stack = None  # its planes stay at hand; the slider may be gone
            self.job.status.value = f"'{event.value.name}' was removed; choose the plane here."

    def stop(self) -> None:
        """Stop following the painting, and make its layer read-only."""
        if self._painting is not None:
            self._painting.end()
            self._painting.layer.mode = "pan_zoom"
            self._painting.layer.editable = False
        self._painting = self._stack = None

    def _docked(self, parent: object) -> None:
        slider, removed = self._viewer.dims.events.point, self._viewer.layers.events.removed
        if parent is None:  # closed
            self.stop()
            slider.disconnect(self._follow_slider)
            removed.disconnect(self._layer_gone)
        else:
            slider.connect(self._follow_slider)
            removed.connect(self._layer_gone)
