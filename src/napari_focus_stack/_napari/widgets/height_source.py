"""Choice of the heights that are measured, and of the least confidence of those that count."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, FloatSpinBox, Label
from psygnal import Signal

from napari_focus_stack._napari.layers.measured_heights import (
    check_right_angles,
    height_layers,
    height_map_of,
)
from napari_focus_stack._napari.widgets.layer_choosers import LayerChooser
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.workers.latest import LatestOnlyWorker
from napari_focus_stack._napari.workers.layer_changes import LayerChanges
from napari_focus_stack._utils.wording import format_percentage
from napari_focus_stack.depth.confidence import TRUSTED
from napari_focus_stack.errors import FocusStackError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_focus_stack._napari.layers.result_sets import ResultSet
    from napari_focus_stack._napari.workers.job import Outcome
    from napari_focus_stack.analysis.height_map import HeightMap

NO_RESULT = "There is no result with heights; stack first."
CONFIDENCE_HELP = (
    "Only heights at least this sure count in any measurement: from 0 (all) to 1. At 0.5 the "
    "expected error is 0.22 planes."
)


class HeightSource(Container[Any]):
    """Rows that choose heights.

    Parameters
    ----------
    chosen : callable
        Returns the result, or None.

    Attributes
    ----------
    missing : str
        Why there are no heights to measure, in a sentence; empty where there are.
    """

    remade = Signal()
    """Emitted when there are other heights, or others of them count."""

    def __init__(self, chosen: Callable[[], ResultSet | None]) -> None:
        self._chosen = chosen
        self._map: HeightMap | None = None
        self.missing = NO_RESULT
        self._read: tuple[Any, ...] | None = None
        self.layers = LayerChooser("Heights as stacked, or levelled ones, which Level adds.")
        self.confidence = FloatSpinBox(
            value=TRUSTED, min=0, max=1, step=0.05, tooltip=CONFIDENCE_HELP
        )
        self.share = Label(value="", tooltip="Share of the field whose heights count.")
        self._which = row("Heights", self.layers)
        self.worker = LatestOnlyWorker(self._show_share, "share-of-heights", "The share of heights")
        self._changes = LayerChanges(self.remake)
        super().__init__(
            widgets=[
                self._which,
                row("Confidence \N{GREATER-THAN OR EQUAL TO}", self.confidence, self.share),
            ],
            labels=False,
        )
        self.margins = (0, 0, 0, 0)
        self.layers.changed.connect(self.remake)
        self.confidence.changed.connect(self.remake)
        self.native.destroyed.connect(self.worker.stop)

    def offer(self) -> None:
        """List the heights of the chosen result."""
        found = self._chosen()
        offered = [] if found is None else height_layers(found)
        self.layers.offer(offered)
        self._which.visible = len(offered) > 1
        followed = [] if found is None else [*offered, *found.maps.values(), found.image]
        self._changes.follow(list(dict.fromkeys(followed)))
        read = (self.layers.value, *followed)
        if read != self._read:  # else other layers have come, gone or moved
            self._read = read
            self.remake()

    def heights(self) -> HeightMap:
        """Return the heights to measure.

        Returns
        -------
        HeightMap
            The same object until something of it changes.

        Raises
        ------
        InputError
            There are none.
        """
        found = self._chosen()
        if found is None:
            raise InputError(NO_RESULT)
        check_right_angles(found)
        if self._map is None:
            layers = {layer.unique_id: layer for layer in height_layers(found)}
            self._map = height_map_of(found, layers.get(self.layers.value), self.confidence.value)
        return self._map

    def remake(self, *_: Any) -> None:
        """Read the heights anew, which have changed."""
        self._map, self.missing = None, ""
        try:
            heights = self.heights()
        except FocusStackError as problem:
            self.missing = str(problem)
            self.worker.forget()
            self.share.value = ""
        else:
            self.worker.take(partial(_share, heights))
        self.remade.emit()

    def stop(self) -> None:
        """Follow nothing any longer, and keep no heights, which would be outdated later."""
        self._map = self._read = None
        self._changes.follow(())
        self.worker.stop()

    def _show_share(self, outcome: Outcome) -> None:
        share = outcome.result
        self.share.value = "" if share is None else f"{format_percentage(share)} of the field"


def _share(heights: HeightMap) -> float:
    """Return the share of heights that count, and compute what the first profile would wait for."""
    share = float(heights.counted.mean())
    _ = heights.uncertainty
    return share
