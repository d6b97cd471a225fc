"""The "Probe focus" dock widget: the focus curve of the pixel under the mouse.

The curve is computed in the background, so that the mouse never waits for a file.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from magicgui.widgets import Container

from napari_focus_stack._napari.layers.geometry import position_of, world_units
from napari_focus_stack._napari.layers.probed_result import (
    PixelHeight,
    ProbedResult,
    probed_result,
)
from napari_focus_stack._napari.viewer.dock_tabs import in_sight, tabbed
from napari_focus_stack._napari.widgets.focus_curve_plot import FocusCurvePlot
from napari_focus_stack._napari.widgets.layer_choosers import ResultChooser
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.widgets.sentences import Sentences
from napari_focus_stack._napari.workers.latest import LatestOnlyWorker
from napari_focus_stack._utils.wording import format_measure
from napari_focus_stack.analysis.height_map import PLANE
from napari_focus_stack.errors import FocusStackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import napari

    from napari_focus_stack._napari.workers.job import Outcome
    from napari_focus_stack.depth.focus_curve import FocusCurve

HINT = "Point at a pixel of the result or its stack; click to see the plane in focus."
ONLY_FLAT = "Turn the viewer to 2-D: in 3-D a place on the canvas is no pixel."
CLICK_SECONDS = 0.5
CLICK_PIXELS = 4
"""Distance on the canvas beyond which a press is a drag."""


def sentence(curve: FocusCurve, roles: Sequence[str], height: PixelHeight | None = None) -> str:
    """Describe a curve in one line.

    Parameters
    ----------
    curve : FocusCurve
        Curve of one pixel.
    roles : sequence of str
        Maps of the run that are in the viewer; the values of the others are not known.
    height : PixelHeight, optional
        Height of the surface there, if it is known.

    Returns
    -------
    str
        One sentence.
    """
    if curve.peak is None:
        return f"Pixel ({curve.y}, {curve.x}): no plane recorded it."
    parts = ["cropped away" if curve.plane is None else f"plane {curve.plane} is shown"]
    parts.append(f"sharpest at {curve.peak:.1f}")
    if curve.runner_up is not None:
        parts.append(f"next sharpest in plane {curve.runner_up}")
    if height is not None:
        parts.append(_height_words(height))
    if curve.confidence is not None and "confidence" in roles:
        parts.append(f"confidence {curve.confidence:.2f}")
    return f"Pixel ({curve.y}, {curve.x}): {', '.join(parts)}."


def _height_words(found: PixelHeight) -> str:
    """Describe a height in its unit and in planes, with its uncertainty."""
    if found.unit == PLANE:
        return f"depth {format_measure(found.height, found.uncertainty, None)}"
    plane = found.height / found.plane_height
    error = None if found.uncertainty is None else found.uncertainty / found.plane_height
    height = format_measure(found.height, found.uncertainty, found.unit)
    return f"height {height} (plane {format_measure(plane, error, None)})"


def _look(ready: ProbedResult, pixel: tuple[int, int]) -> tuple[FocusCurve, PixelHeight | None]:
    """Return the curve and the height of a pixel."""
    return ready.probe.curve(*pixel), ready.height_at(pixel)


class ProbeWidget(Container[Any]):
    """The focus curve of the pixel under the mouse; a click moves the viewer to its plane.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Viewer that holds the result and its stack.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._viewer = napari_viewer
        self._probed: ProbedResult | None = None
        self._last_pixel: tuple[int, int] | None = None
        self.worker = LatestOnlyWorker(self._show, "focus-probe", "The focus probe")
        self.result = ResultChooser(napari_viewer, "depth-index")
        self.plot = FocusCurvePlot()
        self.status = Sentences()
        super().__init__(widgets=[row("Result", self.result), self.status], labels=False)
        # above the message, whose number of lines changes: the plot would move with it
        self.native.layout().insertWidget(1, self.plot)
        self.native.layout().addStretch(1)
        self.result.changed.connect(self._choose)
        self.native_parent_changed.connect(self._docked)
        self.native.destroyed.connect(self.worker.stop)
        self._connect()
        tabbed(self, "Probe")
        self.reset_choices()

    def reset_choices(self, *_: Any) -> None:
        """List the results again; napari calls this when its layer list changes."""
        self.result.offer_results()
        self._choose()

    def _choose(self, *_: Any) -> None:
        """Probe the chosen result from now on, unless it is being probed already."""
        before = self._probed
        ready = self._ready()
        if ready is not None and ready is not before:
            self._say(HINT)

    def _ready(self) -> ProbedResult | None:
        """Return the probe of the chosen result; None after a message on what is missing."""
        found = self.result.chosen()
        if found is None:
            self._drop(self.result.missing)
            return None
        if self._probed is None or not self._probed.holds(found, self._viewer.layers):
            self._drop("")
            try:
                self._probed = probed_result(found, self._viewer.layers)
            except FocusStackError as problem:
                self._say(str(problem))
        return self._probed

    def _drop(self, why: str) -> None:
        """Forget the probe and the pixel, and write why."""
        self._probed = self._last_pixel = None
        self.worker.forget()
        self._say(why)

    def _say(self, words: str) -> None:
        """Write a message in place of a curve."""
        self.status.value = words
        self.plot.show_curve(None)

    def _pointed(self, position: Sequence[float]) -> tuple[ProbedResult, tuple[int, int]] | None:
        """Return the probe and the pixel at a world position; None if there is no such pixel."""
        if not in_sight(self.native):
            return None
        ready = self._ready()
        if ready and self._viewer.dims.ndisplay != 2:
            self._last_pixel = None
            self._say(ONLY_FLAT)
            return None
        pixel = ready.pixel(position, world_units(self._viewer.layers)) if ready else None
        return (ready, pixel) if ready and pixel else None

    def _point(self, _: object, event: Any) -> None:
        """Request the curve of the pixel under the mouse."""
        pointed = self._pointed(event.position)
        if pointed is None or pointed[1] == self._last_pixel:
            return
        ready, self._last_pixel = pointed
        self.worker.take(partial(_look, ready, self._last_pixel))

    def _show(self, outcome: Outcome) -> None:
        """Show a curve that is done, or the error in its place."""
        if self._probed is None:
            return
        if outcome.error is not None:
            self._last_pixel = None  # the next move tries again
            self._say(outcome.error)
            return
        curve, height = outcome.result
        self.status.value = sentence(curve, tuple(self._probed.found.maps), height)
        self.plot.show_curve(curve, joined=self._probed.joined)

    def _press(self, _: object, event: Any) -> Iterator[None]:
        """Distinguish a click from a drag, and act on the click."""
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
        """Return whether a click is free: it paints or adds nothing in the active layer."""
        active = self._viewer.layers.selection.active
        return str(getattr(active, "mode", "pan_zoom")) == "pan_zoom"

    def _jump(self, position: Sequence[float]) -> None:
        """Move the z slider to the plane in focus, or select its layer if planes are 2-D layers."""
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

    def _plane(self, ready: ProbedResult, pixel: tuple[int, int]) -> int | None:
        """Return the plane in focus: the result's, and where it was cropped away the curve's."""
        plane, curve = ready.plane(pixel), self.plot.curve
        if plane is None and curve is not None and (curve.y, curve.x) == pixel:
            return None if curve.peak is None else round(curve.peak)
        return plane

    def _docked(self, parent: object) -> None:
        """Follow the mouse while the widget has a dock."""
        if parent is None:  # closed
            self._disconnect()
        else:
            self._connect()

    def _callbacks(self) -> list[tuple[list[Any], Any]]:
        """Return the viewer's lists of callbacks, each with the one of this widget."""
        viewer = self._viewer
        return [
            (viewer.mouse_move_callbacks, self._point),
            (viewer.mouse_drag_callbacks, self._press),
        ]

    def _connect(self) -> None:
        """Add the callbacks, unless they are there."""
        for callbacks, ours in self._callbacks():
            if ours not in callbacks:
                callbacks.append(ours)

    def _disconnect(self) -> None:
        """Remove the callbacks, and end the background thread."""
        for callbacks, ours in self._callbacks():
            if ours in callbacks:
                callbacks.remove(ours)
        self.worker.stop()
