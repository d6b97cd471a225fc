"""Painting on a labels layer, by which depth is corrected stroke by stroke."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.components.overlays import BrushCircleOverlay

from napari_focus_stack._napari.layers.depth_painting import NEAREST, Retouching, Side
from napari_focus_stack.depth_labels import NOT_CORRECTED
from napari_focus_stack.errors import FocusStackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import napari
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window


def hide_brush_box(viewer: napari.viewer.Viewer) -> None:
    """Hide the box, in the colour of the canvas, that napari draws behind a brush.

    napari 0.9 shows it once a layer is shown or hidden while a brush is on the canvas, and leaves
    it there without the brush: a dark square of 8 pixels over everything, in 3-D as well.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer whose brush has no box from now on.
    """
    overlays = getattr(getattr(viewer, "canvas", None), "overlays", {})  # since napari 0.9
    for overlay in overlays.values():
        if isinstance(overlay, BrushCircleOverlay):
            overlay.box = False


class Painting:
    """Connection from the strokes on a Labels layer to the depth that they correct.

    Parameters
    ----------
    layer : napari.layers.Labels
        Layer to paint on, whose data are the labels of the retouching.
    retouching : Retouching
        Correction that is updated.
    say : callable
        Receives a sentence on what went wrong.
    upright : callable
        Returns whether the viewer shows rows before columns.

    Attributes
    ----------
    side : {"first", "last"}
        End of the stack that is nearer to the lens.
    """

    def __init__(
        self,
        layer: Labels,
        retouching: Retouching,
        say: Callable[[str], None],
        upright: Callable[[], bool],
    ) -> None:
        self.layer, self.retouching = layer, retouching
        self._upright = upright
        self.side: Side = "first"
        self._say = say
        self._busy = False
        self._announced: list[Any] | None = None
        layer.events.labels_update.connect(self._touched)
        layer.events.set_data.connect(self._replaced)
        layer.events.paint.connect(self._stroke_ended)

    def end(self) -> None:
        """Disconnect from the layer."""
        self.layer.events.labels_update.disconnect(self._touched)
        self.layer.events.set_data.disconnect(self._replaced)
        self.layer.events.paint.disconnect(self._stroke_ended)

    def _touched(self, event: Any) -> None:
        """Follow a part that napari has painted, erased or filled."""
        if self._busy:
            return
        corner, size = event.offset, event.data.shape
        rows, cols = (slice(int(at), int(at) + n) for at, n in zip(corner, size, strict=False))
        # a viewer with swapped axes shows, and reports, columns before rows
        self._follow((rows, cols) if self._upright() else None)
        if self._announced is not None:
            self._finish()
            self._announced = None

    def _replaced(self, _: Any) -> None:
        """Follow undo and redo, for which napari does not report where they changed labels."""
        if not self._busy and self._follow(None):
            self._finish()

    def _stroke_ended(self, event: Any) -> None:
        """Finish a stroke; napari announces a fill before its pixels, which then finish it."""
        self._announced = event.value
        self._finish()

    def _finish(self) -> None:
        """Resolve the "nearest plane" label of a stroke, and record the labels for saving."""
        if not self.retouching.current:
            return
        strokes = self._announced or []
        if any(np.any(np.asarray(stroke[-1]) == NEAREST) for stroke in strokes):
            painted = self.layer.data == NEAREST
            if painted.any():
                self._settle(painted, strokes)
        self.retouching.note()

    def _settle(self, painted: NDArray[np.bool_], strokes: list[Any]) -> None:
        """Replace the "nearest plane" label by those of the planes that it selects.

        The replacement is appended to the changes of the stroke in napari's history, so that one
        undo reverts both.
        """
        self._announced = None
        labels = self.retouching.nearest(painted, self.side)
        where = np.nonzero(painted)
        before, after = self.layer.data[where], labels[where]
        strokes.append((where, before, after))
        self.layer.data[where] = after
        if not (after != NOT_CORRECTED).all():
            self._say(
                "No plane is sure around a part of the stroke, which stays as it was stacked; "
                "choose a plane for it."
            )
        with self._quietly():
            self.layer.refresh()
        self._follow(None)

    def _follow(self, window: Window | None) -> bool:
        """Update the correction to the labels; return whether that was possible and changed it."""
        if not self.retouching.current:
            name = self.retouching.layers["image"].name
            self._say(f"'{name}' was stacked anew; press Correct to paint on what it shows now.")
            return False
        try:
            return self.retouching.follow(self.layer.data, window)
        except FocusStackError as problem:
            self._put_back(window)
            self._say(str(problem))
            return False

    def _put_back(self, window: Window | None) -> None:
        """Remove labels that cannot be applied; napari's undo leads to the same labels."""
        part = (slice(None), slice(None)) if window is None else window
        self.layer.data[part] = self.retouching.labels[part]
        with self._quietly():
            self.layer.refresh()

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Ignore the events of the layer for a while."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
