"""The "Probe focus" dock widget: point at a pixel, see its focus curve.

The curve is painted by a small widget of our own (`curveplot`): napari 0.9 needs neither pyqtgraph
nor matplotlib, and one curve does not earn a dependency.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import Container, Label
from qtpy.QtWidgets import QSizePolicy

from napari_focus_stack._napari.layers.geometry import data_at, position_of, world_units
from napari_focus_stack._napari.layers.planes import finest, planes_of
from napari_focus_stack._napari.layers.result_sets import ResultSet, as_result, sources_of, stack_of
from napari_focus_stack._napari.viewer.dock_tabs import in_sight, tabbed
from napari_focus_stack._napari.widgets.focus_curve_plot import FocusCurvePlot
from napari_focus_stack._napari.widgets.layer_choosers import ResultChooser
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.workers.latest import LatestOnlyWorker
from napari_focus_stack.errors import FocusStackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import napari
    from napari.layers import Image, Layer

    from napari_focus_stack._napari.layers.geometry import Units
    from napari_focus_stack._napari.workers.job import Outcome
    from napari_focus_stack.depth.focus_curve import FocusCurve, FocusProbe

HINT = "Point at a pixel of the result or its stack; click to see the plane in focus."
ONLY_FLAT = "Turn the viewer to 2-D: in 3-D a place on the canvas is no pixel."
CLICK_SECONDS = 0.5
CLICK_PIXELS = 4
"""On the canvas: a press that goes farther is a drag."""


@dataclass(frozen=True)
class Probed:
    """A result, the layers of its stack, and the engine that looks at both.

    Attributes
    ----------
    found : ResultSet
        The result.
    sources : sequence of napari.layers.Image
        One (z, y, x) layer, or 2-D layers.
    stack : sequence of napari.layers.Image
        The same, of a layer with more axes the part that was stacked.
    probe : FocusProbe
        Of the engine.
    joined : bool
        Whether the planes are in the order of z.
    corner : tuple of int
        First row and column of what the result shows of the planes.
    data : tuple
        What was looked at; other data need another probe.
    """

    found: ResultSet
    sources: Sequence[Image]
    stack: Sequence[Image]
    probe: FocusProbe
    joined: bool
    corner: tuple[int, int]
    data: tuple[Any, ...]

    def holds(self, found: ResultSet, layers: Sequence[Layer]) -> bool:
        """Tell whether result and stack are still what they were; names do not matter."""
        data = _data(found, self.sources)
        here = all(layer in layers for layer in self.sources)
        same = len(data) == len(self.data)
        return here and same and all(a is b for a, b in zip(data, self.data, strict=True))

    def pixel(self, position: Sequence[float], units: Units = None) -> tuple[int, int] | None:
        """Pixel (y, x) of the reference plane at a world position; None outside the field."""
        image, (top, left) = self.found.image, self.corner
        y, x = _pixel(image, position, units)
        height, width = image.data.shape[:2]
        if 0 <= y < height and 0 <= x < width:
            return y + top, x + left
        if self.found.cut.z > self.found.cut.axes[1]:
            return None  # the stack lies across its result
        y, x = _pixel(self.stack[0], position, units)
        _, height, width = self.found.past["shape"][:3]
        return (y, x) if 0 <= y < height and 0 <= x < width else None

    def plane(self, pixel: tuple[int, int]) -> int | None:
        """Plane that the result chose at a pixel; None where it was cut away."""
        index = self.found.maps["depth-index"].data
        y, x = pixel[0] - self.corner[0], pixel[1] - self.corner[1]
        inside = 0 <= y < index.shape[0] and 0 <= x < index.shape[1]
        return int(index[y, x]) if inside else None


def probed(found: ResultSet, layers: Sequence[Layer]) -> Probed:
    """Get ready to look at a result.

    Raises
    ------
    InputError
        The stack is not among `layers`, or the result does not tell enough.
    """
    from napari_focus_stack.depth.focus_curve import FocusProbe

    result = as_result(found)
    sources = sources_of(found, layers)
    stack = stack_of(found, sources)
    crop = result.report.crop
    return Probed(
        found,
        sources,
        stack,
        FocusProbe(planes_of(stack), result),
        result.report.in_order,
        (crop[0], crop[2]) if crop else (0, 0),
        _data(found, sources),
    )


def _data(found: ResultSet, sources: Sequence[Image]) -> tuple[Any, ...]:
    maps = [layer.data for layer in found.maps.values()]
    return (found.image, found.past, *maps, *(finest(layer) for layer in sources))


def _pixel(layer: Image, position: Sequence[float], units: Units) -> tuple[int, int]:
    y, x = np.round(data_at(layer, position, units)[-2:]).astype(int).tolist()
    return y, x


def sentence(curve: FocusCurve, roles: Sequence[str]) -> str:
    """Say in a line what a curve shows.

    Parameters
    ----------
    curve : FocusCurve
        Of one pixel.
    roles : sequence of str
        Maps of the run that are in the viewer; what the others hold is not known.
    """
    if curve.peak is None:
        return f"Pixel ({curve.y}, {curve.x}): no plane recorded it."
    parts = ["cut away" if curve.plane is None else f"plane {curve.plane}"]
    parts.append(f"peak {curve.peak:.1f}")
    if curve.runner_up is not None:
        parts.append(f"runner-up {curve.runner_up}")
    if curve.depth is not None and "depth" in roles:
        parts.append(f"depth {curve.depth:.2f}")
    if curve.confidence is not None and "confidence" in roles:
        parts.append(f"confidence {curve.confidence:.2f}")
    return f"Pixel ({curve.y}, {curve.x}): {', '.join(parts)}."


class ProbeWidget(Container[Any]):
    """Show the focus curve of the pixel that the mouse points at.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where result and stack are.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._viewer = napari_viewer
        self._probed: Probed | None = None
        self._asked: tuple[int, int] | None = None
        self.looks = LatestOnlyWorker(self._show)
        self.result = ResultChooser(napari_viewer, "depth-index")
        self.plot = FocusCurvePlot()
        self.status = Label()
        self.status.native.setWordWrap(True)
        self.status.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        super().__init__(widgets=[row("Result", self.result), self.status], labels=False)
        # above the words: whose lines change in number, and would push the plot about
        self.native.layout().insertWidget(1, self.plot)
        self.native.layout().addStretch(1)
        self.result.changed.connect(self._choose)
        self.native_parent_changed.connect(self._docked)
        self.native.destroyed.connect(self.looks.stop)
        self._connect()
        tabbed(self, "Probe")
        self.reset_choices()

    def reset_choices(self, *_: Any) -> None:
        """List the results anew; napari calls this when its layer list changes."""
        self.result.offer_results()
        self._choose()

    def _choose(self, *_: Any) -> None:
        """Look at the chosen result from now on, unless it is looked at already."""
        before = self._probed
        ready = self._ready()
        if ready is not None and ready is not before:
            self._say(HINT)

    def _ready(self) -> Probed | None:
        """What is looked at, as it is now; None after a sentence on what is missing."""
        found = self.result.chosen()
        if found is None:
            self._drop("No result with a depth index is in the viewer; stack first.")
            return None
        if self._probed is None or not self._probed.holds(found, self._viewer.layers):
            self._drop("")
            try:
                self._probed = probed(found, self._viewer.layers)
            except FocusStackError as problem:
                self._say(str(problem))
        return self._probed

    def _drop(self, why: str) -> None:
        self._probed = self._asked = None
        self.looks.forget()
        self._say(why)

    def _say(self, words: str) -> None:
        self.status.value = words
        self.plot.show_curve(None)

    def _pointed(self, position: Sequence[float]) -> tuple[Probed, tuple[int, int]] | None:
        if not in_sight(self.native):
            return None
        ready = self._ready()
        if ready and self._viewer.dims.ndisplay != 2:
            self._asked = None
            self._say(ONLY_FLAT)
            return None
        pixel = ready.pixel(position, world_units(self._viewer.layers)) if ready else None
        return (ready, pixel) if ready and pixel else None

    def _point(self, _: object, event: Any) -> None:
        """Ask for the curve where the mouse is."""
        pointed = self._pointed(event.position)
        if pointed is None or pointed[1] == self._asked:
            return
        ready, self._asked = pointed
        self.looks.take(partial(ready.probe.curve, *self._asked))

    def _show(self, outcome: Outcome) -> None:
        if self._probed is None:
            return
        if outcome.error is not None:
            self._asked = None  # the next move tries again
            self._say(outcome.error)
            return
        self.status.value = sentence(outcome.result, tuple(self._probed.found.maps))
        self.plot.show_curve(outcome.result, joined=self._probed.joined)

    def _press(self, _: object, event: Any) -> Iterator[None]:
        """Tell a click from a drag, and follow it."""
        began, start = time.monotonic(), np.array(event.pos)
        farthest = 0.0
        first = event.button == 1 and not event.modifiers and self._idle_hand()
        yield
        while event.type == "mouse_move":
            farthest = max(farthest, float(np.abs(np.array(event.pos) - start).max()))
            yield
        if first and farthest <= CLICK_PIXELS and time.monotonic() - began < CLICK_SECONDS:
            self._jump(event.position)

    def _idle_hand(self) -> bool:
        """Whether a click is free: it paints or adds nothing in the active layer."""
        active = self._viewer.layers.selection.active
        return str(getattr(active, "mode", "pan_zoom")) == "pan_zoom"

    def _jump(self, position: Sequence[float]) -> None:
        """Turn the z slider to the plane in focus; of 2-D layers select the one."""
        pointed = self._pointed(position)
        plane = self._plane(*pointed) if pointed else None
        if pointed is None or plane is None:
            return
        sources = pointed[0].sources
        if len(sources) > 1:
            self._viewer.layers.selection.active = sources[plane]
            return
        [source] = sources
        cut, dims = pointed[0].found.cut, self._viewer.dims
        units = world_units(self._viewer.layers)
        there = position_of(source, cut.whole((plane, *pointed[1])), units)
        for axis in (cut.z, *cut.other):
            dims.set_point(dims.ndim - source.ndim + axis, there[axis])

    def _plane(self, ready: Probed, pixel: tuple[int, int]) -> int | None:
        plane, curve = ready.plane(pixel), self.plot.curve
        if plane is None and curve is not None and (curve.y, curve.x) == pixel:
            return None if curve.peak is None else round(curve.peak)
        return plane

    def _docked(self, parent: object) -> None:
        if parent is None:  # closed
            self._disconnect()
        else:
            self._connect()

    def _callbacks(self) -> list[tuple[list[Any], Any]]:
        viewer = self._viewer
        return [
            (viewer.mouse_move_callbacks, self._point),
            (viewer.mouse_drag_callbacks, self._press),
        ]

    def _connect(self) -> None:
        for callbacks, ours in self._callbacks():
            if ours not in callbacks:
                callbacks.append(ours)

    def _disconnect(self) -> None:
        for callbacks, ours in self._callbacks():
            if ours in callbacks:
                callbacks.remove(ours)
        self.looks.stop()
