"""One stack of a batch, opened and stacked as the stack dock does it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QTimer

from napari_focus_stack._napari.docks.series_stacking import SeriesOrder, SeriesStacking
from napari_focus_stack._napari.docks.summary import summary
from napari_focus_stack._napari.io.folder_reader import read_by_pattern, read_layers
from napari_focus_stack._napari.layers.layer_axes import axis_names, named_by_role, roles_of
from napari_focus_stack._napari.layers.planes import StackInput
from napari_focus_stack._napari.layers.results import SourceInfo, result_layers
from napari_focus_stack._napari.layers.series_input import (
    THIS_STACK,
    Scope,
    SeriesInput,
    channel_layers,
)
from napari_focus_stack._napari.viewer.added_layers import ResultDisplay
from napari_focus_stack._napari.workers.batch_look import first_stack_steps
from napari_focus_stack._napari.workers.job import at_once
from napari_focus_stack._napari.workers.stacking import StackOutcome, run_steps
from napari_focus_stack.errors import FocusStackError
from napari_focus_stack.series.model import StackIndex

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari

    from napari_focus_stack._napari.docks.present_settings import PresentSettings
    from napari_focus_stack._napari.widgets.job_row import JobRow
    from napari_focus_stack._napari.workers.job import Outcome
    from napari_focus_stack.batch.call import BatchCall
    from napari_focus_stack.batch.records import StackName

CHANNELS: Scope = frozenset(["channel"])


class BatchPreview:
    """One stack of a batch in the viewer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where it goes.
    job : JobRow
        Row of the job.
    """

    def __init__(self, viewer: napari.viewer.Viewer, job: JobRow) -> None:
        self._viewer, self._job = viewer, job
        self._results = ResultDisplay(viewer)
        self._series = SeriesStacking(viewer, job)
        self._opened: tuple[tuple[str, str | None], list[Image]] = ("", None), []

    def start(
        self, call: BatchCall, present: PresentSettings, wanted: StackName | None = None
    ) -> None:
        """Add the layers of a stack, and stack it.

        Parameters
        ----------
        call : BatchCall
            The batch.
        present : PresentSettings
            Settings of the stack dock; those of `call` have priority.
        wanted : StackName, optional
            The stack; the first that is found if it is not given.
        """
        present = replace(present, settings=call.order.settings)
        steps = partial(first_stack_steps, call) if wanted is None else at_once(lambda: wanted)
        self._job.run(steps, partial(self._open, call, present))
        self._job.status.value = "Looking for the stack"

    def _open(self, call: BatchCall, present: PresentSettings, name: StackName) -> str:
        """Open a stack, unless it is open, and stack it once the row of the job is free."""
        place = str(call.order.source(name.source))
        key = place, call.order.pattern
        known, layers = self._opened
        if known != key or any(layer not in self._viewer.layers for layer in layers):
            read = read_layers(place) if key[1] is None else read_by_pattern(place, key[1])
            layers = [Image(data, **given) for data, given, _ in (one for one in read if one[1:])]
            self._viewer.layers.extend(layers)
            self._opened = key, layers
        if not layers:
            return f"'{place}' cannot be opened here."
        QTimer.singleShot(0, partial(self._stack, layers, present, name))
        return f"Opened '{name.source}'"

    def _stack(self, layers: Sequence[Image], present: PresentSettings, name: StackName) -> None:
        """Stack all channels of one time point of a position."""
        if self._job.running or any(layer not in self._viewer.layers for layer in layers):
            return
        try:
            channels = channel_layers(layers[0], layers)
            chosen = self._chosen(channels, name)
            if len(channels) > 1:
                self._stack_channels(chosen, present)
            else:
                self._stack_one(StackInput.of(channels, chosen.cut(chosen.shown)), present)
        except FocusStackError as problem:
            self._job.say_error(str(problem))

    def _chosen(self, channels: Sequence[Image], name: StackName) -> SeriesInput:
        """Return the stack in its layers, and the first of them for what they do not have."""
        roles = roles_of(channels[0])
        names = named_by_role(axis_names(channels[0], self._viewer.dims.axis_labels), roles)
        scope = CHANNELS if len(channels) > 1 else THIS_STACK
        whole = SeriesInput(tuple(channels), roles, names, StackIndex(), scope)
        position = name.position if name.position < whole.length("position") else 0
        time = name.time if name.time < whole.length("time") else 0
        return replace(whole, shown=StackIndex(position, time))

    def _stack_channels(self, chosen: SeriesInput, present: PresentSettings) -> None:
        step = chosen.series().positions[0].spacing.z
        wanted = _possible(present, step)
        order = SeriesOrder(chosen, present.settings, present.series_settings, wanted)
        self._series.start(order, [], lambda _: "", lambda _: None)

    def _stack_one(self, chosen: StackInput, present: PresentSettings) -> None:
        settings = present.settings
        settings.reference_plane(len(chosen.source))
        wanted = _possible(present, chosen.source.spacing.z)
        origin = SourceInfo.of(chosen.stack, settings, cut=chosen.cut)
        self._job.run(
            partial(run_steps, chosen.source, settings, None, None),
            partial(self._add, wanted, origin),
            on_other=lambda preview: self._results.preview(preview, [*wanted], origin),
            on_end=self._ended,
        )

    def _add(self, wanted: Sequence[str], origin: SourceInfo, made: StackOutcome) -> str:
        names = self._results.show(result_layers(made.result, wanted, origin))
        return summary(made.result.report, names, origin)

    def _ended(self, outcome: Outcome) -> None:
        if outcome.result is None:
            self._results.set_aside()


def _possible(present: PresentSettings, step: Any) -> tuple[str, ...]:
    """Return the wanted maps; without a z step there is no height."""
    known = step is not None or present.settings.z_step is not None
    return tuple(role for role in present.outputs if known or role != "height")
