"""The "Focus Stack" dock widget: shows the form, starts the job, shows the outcome."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, Label, ProgressBar, PushButton, Widget
from napari.layers import Image, Shapes
from napari.utils.notifications import show_error
from qtpy.QtWidgets import QSizePolicy

from napari_focus_stack._napari.docks.summary import summary
from napari_focus_stack._napari.layers.geometry import calibrate, spacing_of
from napari_focus_stack._napari.layers.planes import planes_of
from napari_focus_stack._napari.layers.region_mask import region_of
from napari_focus_stack._napari.layers.result_sets import newest_result
from napari_focus_stack._napari.layers.results import (
    SourceInfo,
    lay_over,
    lead_of,
    result_layers,
    results_over,
)
from napari_focus_stack._napari.layers.stack_slice import copy_spacing
from napari_focus_stack._napari.viewer.color_bars import ColorBars
from napari_focus_stack._napari.viewer.dock_tabs import tabbed
from napari_focus_stack._napari.viewer.preferences import (
    preferences,
    preferred_method,
    remember,
    remembered,
)
from napari_focus_stack._napari.viewer.result_display import ResultDisplay
from napari_focus_stack._napari.widgets.health_panel import HealthPanel
from napari_focus_stack._napari.widgets.save_row import SaveRow
from napari_focus_stack._napari.widgets.scroll_area import ScrollArea
from napari_focus_stack._napari.widgets.settings_form import SettingsForm
from napari_focus_stack._napari.widgets.stack_selector import StackSelector, keys
from napari_focus_stack._napari.workers.job import Job, Outcome, Steps
from napari_focus_stack._napari.workers.stacking import StackOutcome, run_steps, stored_correction
from napari_focus_stack.errors import FocusStackError
from napari_focus_stack.result import Progress

if TYPE_CHECKING:
    from collections.abc import Hashable

    import napari
    import numpy as np
    from numpy.typing import NDArray

    from napari_focus_stack.pipeline.preview import Preview
    from napari_focus_stack.settings import Settings

FEWEST_DONE = 0.1
"""Part of the work from which on the rest is judged by it."""
PREFERRED = "preferred method"
"""In what is remembered: the preference that it was chosen over."""
SOON = 1.0
"""Seconds before which nobody asks how long."""


class FocusStackWidget(Container[Any]):
    """Stack one (Z, Y, X[, C]) layer, or several 2-D layers in the order of the layer list.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Where the layers come from and where the results go.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self._viewer = napari_viewer
        self._shown: list[Hashable] = []
        self._color_bars = ColorBars(napari_viewer)
        self._job: Job | None = None
        self._started = 0.0
        self._results = ResultDisplay(napari_viewer)
        self.form = SettingsForm()
        self._begin_as_left()
        self.input = StackSelector(napari_viewer, self._show_choice)
        self.stack_button = PushButton(text="Stack", tooltip="Fuse the selected planes.")
        self.cancel_button = PushButton(text="Cancel", enabled=False)
        self.progress = ProgressBar(value=0, min=0, max=1)
        self.status = Label()
        self.health = HealthPanel()
        self.saving = SaveRow()
        super().__init__(widgets=self._rows(), labels=False)
        self._choices = Container(widgets=[self.input, *self.form.widgets], labels=False)
        self._choices.margins = (0, 0, 0, 0)
        self.native.layout().insertWidget(0, ScrollArea(self._choices))
        self._connect()
        tabbed(self, "Stack")
        self.reset_choices()

    def _begin_as_left(self) -> None:
        """Begin with what was last used; with another method if the preferences have changed."""
        last = remembered()
        self.form.take(last)
        if last.get(PREFERRED) != preferred_method():
            self.form.parameters["method"].value = preferred_method()

    def _rows(self) -> list[Widget]:
        buttons = Container(
            widgets=[self.stack_button, self.cancel_button], layout="horizontal", labels=False
        )
        buttons.margins = (0, 0, 0, 0)
        self.status.native.setWordWrap(True)
        self.status.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        return [
            buttons,
            self.progress,
            self.status,
            self.saving,
            self.health,
        ]

    def _connect(self) -> None:
        self.stack_button.changed.connect(self.stack)
        self.cancel_button.changed.connect(self.cancel)
        self.native_parent_changed.connect(self._undocked)
        self.form.on_edit(self._forget_outcome)
        self.input.follow_viewer()

    def reset_choices(self, *_: Any) -> None:
        """List the layers anew; napari calls this when its layer list changes."""
        self.form.offer_regions([(layer.name, layer.unique_id) for layer in self._drawn()])
        self.input.reset_choices()

    def _drawn(self) -> list[Shapes]:
        return [layer for layer in self._viewer.layers if isinstance(layer, Shapes)]

    def _region(self) -> Shapes | None:
        """Layer of the shapes that alignment goes by."""
        return next((layer for layer in self._drawn() if layer.unique_id == self.form.region), None)

    def _show_choice(self) -> None:
        layers, source = self.input.chosen_layers(), self.input.source
        new, self._shown = keys(layers) != self._shown, keys(layers)
        if new:
            self._forget_outcome()
            self.health.show_advice({})
        self.stack_button.enabled = source is not None and self._job is None
        if source is None:
            self.saving.offer([])
            return
        stack = self.input.stack_layers()
        earlier = self._earlier(stack)
        self.saving.offer(earlier)
        self.form.offer_planes(len(source))
        self.form.offer_update(bool(newest_result(earlier)))
        if new or not self.form.edited:
            self.form.fill(spacing_of(stack))

    def _forget_outcome(self) -> None:
        """Clear what an earlier run left, which is no word on what is chosen now."""
        if self._job is None:
            self.status.value = ""
            self.progress.value = 0

    def stack(self) -> None:
        """Start a run on the selected layers."""
        if self._job is not None:
            return
        try:
            stack = self.input.stack_layers()
            settings = replace(self.form.settings(), **preferences())
            settings.reference_plane(len(planes_of(stack)))
            region = self._region()
            mask = self._mask(region, stack, settings)
            stack = self._calibrated(stack, region)
            source = planes_of(stack)
            cut, named = self.input.cut, region and str(region.name)
            origin = SourceInfo.of(stack, settings, aligned_on=named, cut=cut)
            earlier = newest_result(self._earlier(stack)) if self.form.updates else []
            steps = partial(run_steps, source, settings, mask, stored_correction(earlier))
        except FocusStackError as problem:
            self._say_error(str(problem))
            return
        self._results.update(earlier)
        remember({**self.form.values(), PREFERRED: preferred_method()})
        self._start(steps, origin)

    def _earlier(self, stack: list[Image]) -> list[Image]:
        """Layers of earlier runs on the same planes."""
        return results_over(stack, self._viewer.layers, self.input.cut)

    def _mask(
        self, region: Shapes | None, stack: list[Image], settings: Settings
    ) -> NDArray[np.bool_] | None:
        if region is None:
            return None
        y, x = planes_of(stack).plane_shape[:2]
        return region_of(region, lead_of(stack, settings), (y, x))

    def _calibrated(self, stack: list[Image], region: Shapes | None) -> list[Image]:
        """Give the layers, and what lies over them, the spacing that was typed."""
        if not self.form.edited:
            return stack
        typed, results = self.form.spacing(), self._earlier(stack)
        shown = self._viewer.dims.current_step
        calibrate(stack, typed, [region] if region else [])
        for part, layer in zip(stack, self.input.chosen_layers(), strict=True):
            copy_spacing(part, layer, self.input.cut)
        for layer in results:
            lay_over(layer, stack[0])
        self._viewer.reset_view()
        # napari keeps the place in micrometres, which is another plane now
        self._viewer.dims.current_step = shown
        if spacing_of(stack) == typed:
            self.form.fill(typed)
        return stack

    def _start(self, steps: Steps, origin: SourceInfo) -> None:
        known: dict[str, Any] = {"wanted": self.form.outputs(), "origin": origin}
        job = Job(steps, partial(self._advance, **known), partial(self._finish, **known))
        self.native.destroyed.connect(job.abandon)
        self._job = job
        self._started = time.monotonic()
        self._show_running(True)
        self.saving.forget()
        self.health.show_advice({})
        self.status.value = "Starting"
        job.start()

    def cancel(self) -> None:
        """Stop the run; nothing is added."""
        if self._job is not None:
            self.status.value = "Cancelling"
            self.cancel_button.enabled = False
            self._job.cancel()

    def _undocked(self, parent: object) -> None:
        if parent is None:  # closed: nobody is left to cancel the run
            self.cancel()
            self.input.leave_viewer()
        else:
            self.input.follow_viewer()

    def _advance(self, step: Progress | Preview, *, wanted: list[str], origin: SourceInfo) -> None:
        if isinstance(step, Progress):
            self._tell(step)
        elif self.cancel_button.enabled:
            self._results.preview(step, wanted, origin)

    def _tell(self, progress: Progress) -> None:
        self.progress.max = progress.total
        self.progress.value = progress.done
        if self.cancel_button.enabled:
            shown = "; a small preview is shown" if self._results.previewing else ""
            self.status.value = f"{progress}{self._time_left(progress)}{shown}"

    def _time_left(self, progress: Progress) -> str:
        """What the rest may take, judged by what is done; nothing while that is guesswork."""
        spent = time.monotonic() - self._started
        if progress.done < FEWEST_DONE * progress.total or spent < SOON:
            return ""
        left = spent * (progress.total - progress.done) / progress.done
        return f", about {math.ceil(left)} s left" if left < 90 else f", {left / 60:.0f} min left"

    def _finish(self, outcome: Outcome, *, wanted: list[str], origin: SourceInfo) -> None:
        self._job = None
        self._show_running(False)
        if outcome.result is None:
            self._results.drop()
        if outcome.error is not None:
            self._say_error(outcome.error)
        elif outcome.result is None:
            self.status.value = "Cancelled; nothing was added."
        else:
            made: StackOutcome = outcome.result
            layers = result_layers(made.result, wanted, origin, made.correction)
            updated, report = self._results.updating, made.result.report
            names = self._results.show(layers)
            self.progress.value = self.progress.max
            self.status.value = summary(report, names, origin.aligned_on, updated)
            self.health.show_advice(report.advice)

    def _say_error(self, sentence: str) -> None:
        self.status.value = sentence  # napari's notification folds and goes away
        show_error(sentence)

    def _show_running(self, running: bool) -> None:
        self.progress.value = 0
        self.cancel_button.enabled = running
        self.stack_button.enabled = not running
        if not running:
            self.input.show_choice()
