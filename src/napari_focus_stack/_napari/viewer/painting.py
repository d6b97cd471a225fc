"""Strokes on a labels layer, passed on to the depth they correct."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._napari.layers.depth_painting import NEAREST, Retouching, Side
from napari_focus_stack.depth_labels import NOT_CORRECTED
from napari_focus_stack.errors import FocusStackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window


class Painting:
    """What is painted on a Labels layer, followed stroke by stroke.

    Parameters
    ----------
    layer : napari.layers.Labels
        Painted on; its data are the retouching's labels.
    retouching : Retouching
        What follows.
    say : callable
        Receives a sentence on what is wrong.
    upright : callable
        Tells whether the viewer shows rows before columns.

    Attributes
    ----------
    side : {"first", "last"}
        Which end of the stack is nearer to the lens.
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
        """Follow no more."""
        self.layer.events.labels_update.disconnect(self._touched)
        self.layer.events.set_data.disconnect(self._replaced)
        self.layer.events.paint.disconnect(self._stroke_ended)

    def _touched(self, event: Any) -> None:
        """Follow a part that napari has painted, erased or filled."""
        if self._busy:
            return
        corner, size = event.offset, event.data.shape
        rows, cols = (slice(int(at), int(at) + n) for at, n in zip(corner, size, strict=False))
        # a viewer whose axes are swapped shows, and tells of, columns before rows
        self._follow((rows, cols) if self._upright() else None)
        if self._announced is not None:
            self._finish()
            self._announced = None

    def _replaced(self, _: Any) -> None:
        """Follow undo and redo, of which napari does not tell where they were."""
        if not self._busy and self._follow(None):
            self._finish()

    def _stroke_ended(self, event: Any) -> None:
        """Finish a stroke; a fill is told of before its pixels are there, and waits for them."""
        self._announced = event.value
        self._finish()

    def _finish(self) -> None:
        if not self.retouching.current:
            return
        strokes = self._announced or []
        if any(np.any(np.asarray(stroke[-1]) == NEAREST) for stroke in strokes):
            painted = self.layer.data == NEAREST
            if painted.any():
                self._settle(painted, strokes)
        self.retouching.note()

    def _settle(self, painted: NDArray[np.bool_], strokes: list[Any]) -> None:
        """Replace the label of an unfinished "nearest wins" by those of the planes it takes.

        One more change joins those of the stroke in napari's history, so one undo takes back all.
        """
        self._announced = None
        labels = self.retouching.nearest(painted, self.side)
        where = np.nonzero(painted)
        before, after = self.layer.data[where], labels[where]
        strokes.append((where, before, after))
        self.layer.data[where] = after
        if not (after != NOT_CORRECTED).all():
            self._say("Around some of the stroke no depth is credible; it was left as found there.")
        with self._quietly():
            self.layer.refresh()
        self._follow(None)

    def _follow(self, window: Window | None) -> bool:
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
        """Take away what cannot be followed; napari's undo leads to the same."""
        part = (slice(None), slice(None)) if window is None else window
        self.layer.data[part] = self.retouching.labels[part]
        with self._quietly():
            self.layer.refresh()

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
