"""Panel of the step between two regions."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, Container, PushButton
from napari.layers import Shapes
from qtpy.QtWidgets import QApplication

from napari_focus_stack._napari.layers.drawn_shapes import PolygonRegion
from napari_focus_stack._napari.layers.region_heights import RegionHeight, keep_heights
from napari_focus_stack._napari.widgets.drawn_regions import DrawnRegions
from napari_focus_stack._napari.widgets.rows import row
from napari_focus_stack._napari.widgets.sentences import Sentences
from napari_focus_stack._napari.workers.latest import LatestOnlyWorker
from napari_focus_stack._utils.wording import format_measure, format_percentage
from napari_focus_stack.errors import FocusStackError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from napari.layers import Layer

    from napari_focus_stack._napari.layers.drawn_shapes import Region
    from napari_focus_stack._napari.layers.result_sets import ResultSet
    from napari_focus_stack._napari.widgets.height_source import HeightSource
    from napari_focus_stack._napari.workers.job import Outcome
    from napari_focus_stack.analysis.height_map import HeightMap

HINT = "Press 'Draw region', and drag a rectangle over either side of the step."
SAME = "Choose two different regions."
_HELP = "Height of the second region minus that of the first (ISO 5436-1)."


class StepPanel(Container[Any]):
    """Buttons that begin a region, and a sentence that follows two of them.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the result is.
    chosen : callable
        Returns the result, or None.
    source : HeightSource
        The heights.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        chosen: Callable[[], ResultSet | None],
        source: HeightSource,
    ) -> None:
        self._source = source
        self.worker = LatestOnlyWorker(self._show, "step-height", "The step")
        self.regions = DrawnRegions(viewer, chosen)
        self.first = ComboBox(choices=(), tooltip=_HELP)
        self.second = ComboBox(choices=(), tooltip=_HELP)
        self.tilted = CheckBox(
            value=True,
            text="Both sides may be tilted",
            tooltip="Two parallel planes are fitted to the regions, as ISO 5436-1 does with lines. "
            "Without it the step is the difference of their mean heights.",
        )
        self.step = Sentences()
        self.copy_button = PushButton(text="Copy", enabled=False, tooltip="Copy the sentence.")
        super().__init__(
            widgets=[
                self.regions,
                row("From, to", self.first, self.second),
                self.tilted,
                self.step,
                self.copy_button,
            ],
            labels=False,
        )
        self.native.layout().addStretch(1)
        self.regions.redrawn.connect(self.measure)
        self.first.changed.connect(self.measure)
        self.second.changed.connect(self.measure)
        self.tilted.changed.connect(self.measure)
        self.copy_button.changed.connect(self._copy)
        source.remade.connect(self.measure)
        self.native.destroyed.connect(self.worker.stop)

    def measure(self, *_: Any) -> None:
        """Measure the step anew, in the background."""
        ends = self.first.value, self.second.value
        try:
            heights, find = self._source.heights(), self.regions.regions()
        except FocusStackError as problem:
            self._say(str(problem))
            return
        layer, tilt = self.regions.layer(), self.tilted.value
        self.worker.take(partial(_step, heights, find, ends, tilt, layer))

    def stop(self) -> None:
        """Leave the viewer."""
        self.regions.stop()
        self.worker.stop()

    def _offer(self, names: list[str], ends: tuple[str, ...]) -> None:
        """Offer regions, and choose those that were measured; one alone has no second."""
        for place, choice in enumerate((self.first, self.second)):
            offered = names if len(names) > place else []
            with choice.changed.blocked():
                if list(choice.choices) != offered:
                    choice.choices = ()
                    choice.choices = offered
                if len(ends) > place:
                    choice.value = ends[place]

    def _say(self, words: str) -> None:
        self.worker.forget()
        self.step.value = words
        self.copy_button.enabled = False

    def _show(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            self._say(outcome.error)
            return
        found: FoundStep = outcome.result
        self._offer(found.names, found.ends)
        self.step.value = found.words
        self.copy_button.enabled = found.is_measured
        if isinstance(found.layer, Shapes):
            keep_heights(found.layer, found.regions, found.unit)

    def _copy(self, *_: Any) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.step.value)


@dataclass(frozen=True)
class FoundStep:
    """Regions of a layer, mean heights of those that are shapes, and a step in words."""

    layer: Layer | None
    names: list[str]
    regions: list[RegionHeight]
    unit: str
    ends: tuple[str, ...] = ()
    words: str = HINT
    is_measured: bool = False


def _step(
    heights: HeightMap,
    find: Callable[[], list[Region]],
    ends: tuple[str | None, str | None],
    tilt: bool,
    layer: Layer | None,
) -> FoundStep:
    """Measure all shapes, and the step between two regions: the first unless others are there."""
    try:
        regions = {one.name: one for one in find()}
    except InputError:
        return FoundStep(layer, [], [], heights.unit)
    # a segmentation may have thousands of labels, whose means have no place in their layer
    shapes = (one for one in regions.values() if isinstance(one, PolygonRegion))
    measured = [RegionHeight.of(one, heights) for one in shapes]
    chosen = ends if set(ends) <= set(regions) else tuple(regions)[:2]
    names = tuple(str(name) for name in chosen)
    found = FoundStep(layer, list(regions), measured, heights.unit, names)
    if len(names) < 2:
        return found
    if names[0] == names[1]:
        return dataclasses.replace(found, words=SAME)
    try:
        words = _step_words(heights, regions[names[0]], regions[names[1]], tilt)
    except FocusStackError as problem:
        return dataclasses.replace(found, words=str(problem))
    return dataclasses.replace(found, words=words, is_measured=True)


def _step_words(heights: HeightMap, first: Region, second: Region, tilt: bool) -> str:
    """Return a sentence on the step between two regions."""
    from napari_focus_stack.analysis.step_heights import step_height

    found = step_height(heights, first.mask(heights.shape), second.mask(heights.shape), tilt=tilt)
    height = format_measure(found.value, found.uncertainty, found.unit)
    known = " (68 %)" if found.uncertainty is not None else ""
    return (
        f"Step {second.name} \N{MINUS SIGN} {first.name}: {height}{known}; "
        f"{format_percentage(found.share)} of the pixels counted."
    )
