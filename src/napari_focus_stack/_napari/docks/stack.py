"""The "Focus Stack" dock widget: a form, a job, and its outcome."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, PushButton
from napari.layers import Image, Shapes

from napari_focus_stack._napari.docks.color_legend import LegendDock
from napari_focus_stack._napari.docks.series_stacking import (
    SeriesOrder,
    SeriesStacking,
    series_layers_over,
)
from napari_focus_stack._napari.docks.summary import ALIGNED_BY, summary
from napari_focus_stack._napari.layers.companions import companions
from napari_focus_stack._napari.layers.geometry import spacing_of
from napari_focus_stack._napari.layers.lying_over import (
    films_over,
    follow_scale,
    lay_over,
    previews_over,
    results_over,
)
from napari_focus_stack._napari.layers.planes import StackInput
from napari_focus_stack._napari.layers.region_mask import region_of
from napari_focus_stack._napari.layers.result_sets import newest_result
from napari_focus_stack._napari.layers.results import SourceInfo, lead_of, result_layers
from napari_focus_stack._napari.viewer.added_layers import ResultDisplay
from napari_focus_stack._napari.viewer.color_bars import ColorBars
from napari_focus_stack._napari.viewer.dock_tabs import tabbed
from napari_focus_stack._napari.viewer.preferences import preferences
from napari_focus_stack._napari.widgets.health_panel import HealthPanel
from napari_focus_stack._napari.widgets.job_row import JobRow
from napari_focus_stack._napari.widgets.last_settings import begin_as_left, remember_settings
from napari_focus_stack._napari.widgets.recovery_row import RecoveryRow
from napari_focus_stack._napari.widgets.results_keeper import keep_results
from napari_focus_stack._napari.widgets.save_row import SaveRow
from napari_focus_stack._napari.widgets.scroll_area import ScrollArea
from napari_focus_stack._napari.widgets.series_form import SeriesForm
from napari_focus_stack._napari.widgets.settings_form import SettingsForm
from napari_focus_stack._napari.widgets.stack_selector import StackSelector, keys
from napari_focus_stack._napari.workers.job import MEMORY_SET_BY
from napari_focus_stack._napari.workers.stacking import StackOutcome, run_steps, stored_correction
from napari_focus_stack.errors import FocusStackError, SettingsError
from napari_focus_stack.pipeline.memory_advice import advise_on_memory

if TYPE_CHECKING:
    from collections.abc import Hashable

    import napari
    import numpy as np
    from numpy.typing import NDArray

    from napari_focus_stack._napari.layers.series_input import Scope, SeriesInput
    from napari_focus_stack._napari.workers.job import Outcome, Steps
    from napari_focus_stack.pipeline.preview import Preview
    from napari_focus_stack.result import Progress
    from napari_focus_stack.series.result import SeriesProgress
    from napari_focus_stack.settings import Settings

FEWEST_DONE = 0.1
"""Part of the work from which on the time left is estimated."""
SOON = 1.0
"""Seconds of a run before the time left is shown."""


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
        self._legend = LegendDock(napari_viewer)
        self._color_bars = ColorBars(napari_viewer, self._legend.show)
        self._started, self._done_before = 0.0, 0
        self._memory_advice = ""
        self._results = ResultDisplay(napari_viewer)
        self.form, self.series_form = SettingsForm(), SeriesForm()
        begin_as_left(self.form)
        self.input = StackSelector(napari_viewer, self._show_choice)
        self.stack_button = PushButton(text="Stack", tooltip="Fuse the selected planes.")
        self.job = JobRow([self.stack_button], lasting=True)
        self._series = SeriesStacking(napari_viewer, self.job)
        self.health = HealthPanel()
        self.saving = SaveRow()
        self.recovery = RecoveryRow(napari_viewer)
        super().__init__(widgets=[self.recovery, self.job], labels=False)
        choices = [self.input, self.series_form, *self.form.widgets]
        self._choices = Container(widgets=choices, labels=False)
        outcome = [self.job.status, self.saving, self.health]
        self._outcome = Container(widgets=outcome, labels=False)
        self._choices.margins = self._outcome.margins = (0, 0, 0, 0)
        self.native.layout().insertWidget(0, ScrollArea(self._choices))
        self.native.layout().addWidget(ScrollArea(self._outcome))
        self._connect()
        tabbed(self, "Stack")
        self.reset_choices()

    def _connect(self) -> None:
        self.stack_button.changed.connect(self.stack)
        self.job.ends_with(self)
        keep_results(self._viewer, self, self.job)
        self.native_parent_changed.connect(self._docked)
        for form in (self.form, self.series_form):
            form.on_edit(self._edited)
        self.input.follow_viewer()

    def reset_choices(self, *_: Any) -> None:
        """List the layers anew; napari calls this when its layer list changes."""
        self.form.offer_regions([(layer.name, layer.unique_id) for layer in self._drawn()])
        self.input.reset_choices()

    def _drawn(self) -> list[Shapes]:
        return [layer for layer in self._viewer.layers if isinstance(layer, Shapes)]

    def _region(self) -> Shapes | None:
        """Return the layer of the shapes that bound the alignment."""
        return next((layer for layer in self._drawn() if layer.unique_id == self.form.region), None)

    def _show_choice(self) -> None:
        chosen, shown = self.input.current, keys(self.input.chosen_layers())
        new, self._shown = shown != self._shown, shown
        if new:
            self.job.forget()
            self.health.show_advice({})
        self.stack_button.enabled = chosen is not None and not self.job.running
        self._offer_series()
        if chosen is None:
            self.saving.offer([])
            return
        earlier, series = newest_result(self._earlier(chosen)), self._series_results()
        self.saving.offer(series or earlier)
        self.form.offer_planes(len(chosen.source))
        self.form.offer_update(bool(series or earlier))
        if new or not self.form.edited:
            self.form.fill(spacing_of(chosen.stack))

    def _offer_series(self) -> None:
        """Show the settings of a series, and how much is left of one that was cancelled."""
        series = self.input.series
        channels = [] if series is None else series.channel_names
        roles: Scope = frozenset() if series is None else series.scope & set(series.lengths)
        self.series_form.offer(roles, channels)
        self._show_left()

    def _series_results(self) -> list[Image]:
        """Return the layers of earlier runs on all that is chosen now."""
        series = self.input.series
        return [] if series is None else series_layers_over(series, self._viewer.layers)

    def _show_left(self) -> None:
        if self.job.running:
            return
        left = 0
        if self.input.series is not None and self.input.series.scope:
            with suppress(FocusStackError):  # said when the button is pressed
                left = self._series.left(self._order(self.input.series))
        anew = "Stack anew" if self._series.is_cancelled else "Stack"
        self.stack_button.text = f"Go on ({left} left)" if left else anew

    def _edited(self) -> None:
        self.job.outdate()
        self._show_left()

    def _order(self, chosen: SeriesInput) -> SeriesOrder:
        settings = replace(self.form.settings(), **preferences())
        wanted = tuple(self.form.outputs())
        return SeriesOrder(chosen, settings, self.series_form.settings(), wanted)

    def stack(self) -> None:
        """Start a run on the selected layers."""
        if self.job.running:
            return
        if self.input.series is not None and self.input.series.scope:
            self._stack_series(self.input.series)
            return
        try:
            chosen = self.input.read()
            settings = replace(self.form.settings(), **preferences())
            settings.reference_plane(len(chosen.source))
            region = self._region()
            mask = self._mask(region, chosen, settings)
            chosen = self._calibrated(chosen, region)
            named = region and str(region.name)
            origin = SourceInfo.of(chosen.stack, settings, aligned_on=named, cut=chosen.cut)
            earlier = newest_result(self._earlier(chosen)) if self.form.updates else []
            steps = partial(run_steps, chosen.source, settings, mask, stored_correction(earlier))
            self._memory_advice = advise_on_memory(chosen.source, settings, MEMORY_SET_BY) or ""
        except FocusStackError as problem:
            self.job.say_error(str(problem))
            return
        self._results.update(earlier)
        remember_settings(self.form)
        self._start(steps, origin)

    def _stack_series(self, chosen: SeriesInput) -> None:
        """Start a run on all channels, times or positions."""
        try:
            order = self._order(chosen)
            if self._region() is not None:
                raise SettingsError(
                    "Shapes bound the alignment of a single stack; choose 'whole field' under "
                    "More, or 'This stack'."
                )
            if self.input.current is not None:
                self._calibrated(self.input.current, None)
            earlier = self._series_results() if self.form.updates else []
            self._started = time.monotonic()
            self._done_before = self._series.done(order)
            self._series.start(order, earlier, self._time_left, self._ended)
        except FocusStackError as problem:
            self.job.say_error(str(problem))
            return
        remember_settings(self.form)
        self.saving.forget()
        self.health.show_advice({})
        self.job.status.value = "Starting"

    def _earlier(self, chosen: StackInput) -> list[Image]:
        """Return the layers of earlier runs on the same planes."""
        return results_over(chosen.stack, self._viewer.layers, chosen.cut)

    def _mask(
        self, region: Shapes | None, chosen: StackInput, settings: Settings
    ) -> NDArray[np.bool_] | None:
        if region is None:
            return None
        y, x = chosen.source.plane_shape[:2]
        return region_of(region, lead_of(chosen.stack, settings), (y, x))

    def _calibrated(self, chosen: StackInput, region: Shapes | None) -> StackInput:
        """Give the layers, and the layers over them, the spacing that was typed."""
        if not self.form.edited:
            return chosen
        typed, results = self.form.spacing(), self._earlier(chosen)
        shown = self._viewer.dims.current_step
        previews = previews_over(chosen.stack[0], self._viewer.layers)
        channels = self._other_channels(chosen)
        films = films_over([*chosen.layers, *channels], self._viewer.layers)
        over = [*chosen.layers, *channels, *results, *previews, *films]
        before = tuple(chosen.layers[0].scale), tuple(chosen.layers[0].translate)
        others = [one for one in self._viewer.layers if one not in over]
        followers = companions(chosen.stack[0], others)
        followers += [region] if region and region not in followers else []
        chosen = chosen.calibrated(typed, followers)
        for layer in channels:
            StackInput.of([layer], chosen.cut).calibrated(typed)
        for layer in [*results, *previews]:
            lay_over(layer, chosen.stack[0])
        for layer in films:
            follow_scale(layer, chosen.layers[0], *before)
        self._viewer.reset_view()
        # napari keeps the place in micrometres, which is another plane now
        self._viewer.dims.current_step = shown
        if chosen.source.spacing == typed:
            self.form.fill(typed)
        return chosen

    def _other_channels(self, chosen: StackInput) -> list[Image]:
        """Return the layers of the other channels of what is stacked."""
        series = self.input.series
        return [] if series is None else [one for one in series.layers if one not in chosen.layers]

    def _start(self, steps: Steps, origin: SourceInfo) -> None:
        wanted = self.form.outputs()
        self._started, self._done_before = time.monotonic(), 0
        self.saving.forget()
        self.health.show_advice({})
        self.job.run(
            steps,
            partial(self._add, wanted, origin),
            describe=self._described,
            on_other=partial(self._preview, wanted, origin),
            on_end=self._ended,
        )
        self.job.status.value = "Starting"

    def _docked(self, parent: object) -> None:
        if parent is None:  # closed
            self.input.leave_viewer()
        else:
            self.input.follow_viewer()

    def _preview(self, wanted: list[str], origin: SourceInfo, preview: Preview) -> None:
        self._results.preview(preview, wanted, origin)

    def _described(self, progress: Progress) -> str:
        shown = "; a small preview is shown" if self._results.previewing else ""
        line = f"{progress}{self._time_left(progress)}{shown}"
        return f"{line}\n{self._memory_advice}" if self._memory_advice else line

    def _time_left(self, progress: Progress | SeriesProgress) -> str:
        """Say how long the rest may take, by what is done; nothing while that is guesswork."""
        spent = time.monotonic() - self._started
        if progress.done < FEWEST_DONE * progress.total or spent < SOON:
            return ""
        done = progress.done - self._done_before
        if done <= 0:
            return ""
        left = spent * (progress.total - progress.done) / done
        return f", about {math.ceil(left)} s left" if left < 90 else f", {left / 60:.0f} min left"

    def _ended(self, outcome: Outcome) -> None:
        self.input.show_choice()
        if outcome.result is None:
            self._results.set_aside()

    def _add(self, wanted: list[str], origin: SourceInfo, made: StackOutcome) -> str:
        layers = result_layers(made.result, wanted, origin, made.correction)
        updated, report = self._results.updating, made.result.report
        names = self._results.show(layers)
        self.health.show_advice(report.advice, aligned=report.align in ALIGNED_BY)
        return summary(report, names, origin, updated)
