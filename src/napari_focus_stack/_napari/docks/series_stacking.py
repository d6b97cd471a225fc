"""Stacking of all channels, times or positions: the run, its layers, and what is left of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_focus_stack._napari.layers.appearance import OUTPUTS
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.series_files import folder_for_maps
from napari_focus_stack._napari.layers.series_maps import SeriesMaps
from napari_focus_stack._napari.layers.series_results import SeriesOrigin
from napari_focus_stack._napari.viewer.series_display import SeriesDisplay
from napari_focus_stack._napari.widgets.job_row import CANCELLED
from napari_focus_stack._napari.workers.series_stacking import SeriesRun, series_run_steps
from napari_focus_stack._utils.wording import format_count
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.series.shared_notes import shared_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import napari
    from napari.layers import Image

    from napari_focus_stack._napari.layers.series_input import SeriesInput
    from napari_focus_stack._napari.widgets.job_row import JobRow
    from napari_focus_stack._napari.workers.job import Outcome
    from napari_focus_stack.series.model import Series, StackIndex
    from napari_focus_stack.series.result import SeriesProgress, SeriesResult
    from napari_focus_stack.series.series_settings import SeriesSettings
    from napari_focus_stack.settings import Settings

MOST_NAMED = 4
"""Largest number of failures that the dock names; it counts the others."""


@dataclass(frozen=True)
class SeriesOrder:
    """What the user wants of a series; equal orders go on where the last one was cancelled.

    Attributes
    ----------
    chosen : SeriesInput
        Layers and scope.
    settings : Settings
        Settings of each stack.
    series_settings : SeriesSettings
        Settings of the series.
    wanted : tuple of str
        Roles of the maps beside the images.
    """

    chosen: SeriesInput
    settings: Settings
    series_settings: SeriesSettings
    wanted: tuple[str, ...]

    @property
    def key(self) -> tuple[Any, ...]:
        """What must be equal for a run to go on: the place of the sliders where it counts."""
        chosen = self.chosen
        fixed = {role: getattr(chosen.shown, role) for role in ("position", "time", "channel")}
        places = tuple(at for role, at in fixed.items() if role not in chosen.scope)
        layers = tuple(
            (layer.unique_id, id(layer.data), *map(float, (*layer.scale, *layer.translate)))
            for layer in chosen.layers
        )
        return (
            (layers, chosen.roles, chosen.scope, places),
            (self.settings, self.series_settings, self.wanted),
        )


@dataclass(frozen=True)
class _Begun:
    """Run that was begun, and the layers that show it."""

    key: tuple[Any, ...]
    run: SeriesRun
    display: SeriesDisplay


class SeriesStacking:
    """Runs on series of one dock.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the results go.
    job : JobRow
        Row of the job.
    """

    def __init__(self, viewer: napari.viewer.Viewer, job: JobRow) -> None:
        self._viewer, self._job = viewer, job
        self._begun: _Begun | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether a run was cancelled that may go on with the settings that it had."""
        return self._begun is not None and bool(self._begun.run.maps.reports)

    def left(self, order: SeriesOrder) -> int:
        """Return the number of stacks that are left of the same order, cancelled before.

        Parameters
        ----------
        order : SeriesOrder
            What the user wants now.

        Returns
        -------
        int
            0 if there is nothing to go on with.
        """
        begun = self._begun
        if begun is not None and not self._job.running and begun.display.is_gone():
            begun = self._begun = None  # the user has deleted a layer
        return 0 if begun is None or begun.key != order.key else begun.run.left

    def done(self, order: SeriesOrder) -> int:
        """Return the number of stacks that are done of the same order.

        Parameters
        ----------
        order : SeriesOrder
            What the user wants now.

        Returns
        -------
        int
            0 if there is nothing to go on with.
        """
        begun = self._begun
        return len(begun.run.maps.reports) if begun is not None and self.left(order) else 0

    def start(
        self,
        order: SeriesOrder,
        earlier: Sequence[Image],
        time_left: Callable[[SeriesProgress], str],
        on_end: Callable[[Outcome], None],
    ) -> None:
        """Start a run, or go on with the one that was cancelled.

        Parameters
        ----------
        order : SeriesOrder
            What the user wants.
        earlier : sequence of napari.layers.Image
            Layers whose data are replaced.
        time_left : callable
            Returns the end of a sentence on the time that is left.
        on_end : callable
            Receives the `Outcome`.

        Raises
        ------
        FocusStackError
            The layers make no series, or there is no space for its results.
        """
        begun = self._begun
        if begun is None or not self.left(order):
            begun = self._begun = self._begin(order, earlier)
        begun.run.first_time = order.chosen.shown.time if "time" in order.chosen.scope else 0
        self._job.run(
            partial(series_run_steps, begun.run),
            partial(self._finish, begun),
            describe=partial(_described, time_left=time_left),
            on_other=begun.display.show,
            on_end=partial(self._end, on_end),
            on_cancel=partial(_cancelled, begun),
        )

    def _begin(self, order: SeriesOrder, earlier: Sequence[Image]) -> _Begun:
        """Create the run and its display; nothing of it is in the viewer before the first stack."""
        series, origin = order.chosen.series(), SeriesOrigin.of(order.chosen)
        _check(order, origin)
        roles = ("image", *(OUTPUTS[name].attribute for name in order.wanted))
        flat = origin.axes.flat
        each = order.series_settings.lead_channel == "each"
        folder = None if flat else folder_for_maps(series, roles, each=each)
        maps = SeriesMaps(folder, origin.axes, roles)
        return _Begun(
            order.key,
            SeriesRun(series, order.settings, order.series_settings, maps),
            SeriesDisplay(self._viewer, maps, order.wanted, origin, earlier),
        )

    def _end(self, on_end: Callable[[Outcome], None], outcome: Outcome) -> None:
        """Forget a run that is complete before the dock shows what can be done next."""
        if outcome.result is not None or (self._begun is not None and not self._begun.run.left):
            self._begun = None
        on_end(outcome)

    def _finish(self, begun: _Begun, result: SeriesResult) -> str:
        begun.display.finish()
        return series_summary(begun.run, result.notes)


def _described(progress: SeriesProgress, time_left: Callable[[SeriesProgress], str]) -> str:
    """Describe the progress of a series: how much is done, and what is done now."""
    total = format_count(progress.total, "stack", "stacks")
    blank = "; what is not done is blank" if progress.done else ""
    now = progress.stack if progress.step is None else f"{progress.stack}: {progress.step}"
    return f"{progress.done} of {total} done{blank}{time_left(progress)}. Now {now}"


def _cancelled(begun: _Begun) -> str:
    """Describe what a cancelled run leaves."""
    done = len(begun.run.maps.reports)
    if not done:
        return CANCELLED
    begun.display.finish()  # also what came after Cancel was pressed
    if not begun.run.left:  # pressed after the last stack
        drift = begun.run.series_settings.drift
        kept = ["The drift of the field was not removed, because the run was cancelled."]
        return series_summary(begun.run, kept if drift else [])
    total = format_count(len(begun.run.series), "stack", "stacks")
    return f"Cancelled. {done} of {total} are done and kept; 'Go on' does the others."


def _check(order: SeriesOrder, origin: SeriesOrigin) -> None:
    """Refuse settings that would give the pictures of one layer different sizes."""
    if order.settings.crop and not origin.axes.flat:
        raise SettingsError(
            "Cropping would give each time another size; untick 'Crop' under More, or stack one "
            "time."
        )


def series_summary(run: SeriesRun, notes: Sequence[str] = ()) -> str:
    """Summarise a run on a series for the dock.

    Parameters
    ----------
    run : SeriesRun
        The run, which is over.
    notes : sequence of str
        Sentences on the series as a whole.

    Returns
    -------
    str
        Lines: what was done, what failed and why, and the notes of the stacks.
    """
    reports, failed = run.maps.reports, list(run.maps.failed.items())
    lines = [f"Stacked {format_count(len(reports), 'stack', 'stacks')}{_led_by(run)}."]
    if len(run.maps.roles) > 1:
        lines.append("The maps lie below the sharp images; hide these to see them.")
    if failed:
        blank = "stack failed and stays blank", "stacks failed and stay blank"
        lines.append(f"{format_count(len(failed), *blank)}:")
        lines += [f"{_place(run.series, index)}: {reason}" for index, reason in failed[:MOST_NAMED]]
        if len(failed) > MOST_NAMED:
            lines.append(f"and {len(failed) - MOST_NAMED} more.")
    return "\n".join([*lines, *notes, *shared_notes(run.series, reports)])


def _led_by(run: SeriesRun) -> str:
    """Return the end of a sentence on the lead channel; empty for one channel."""
    channels, lead = run.series.positions[0].channels, run.series_settings.lead_channel
    if len(channels) == 1:
        return ""
    if lead == "each":
        return "; each channel was aligned by itself"
    name = channels[lead].name if isinstance(lead, int) else lead
    if run.series_settings.follows_surface:
        return f"; all channels at the depth of '{name}'"
    return f"; all channels moved as '{name}', each in focus itself"


def _place(series: Series, index: StackIndex) -> str:
    """Return the place of a stack without the name of the layer."""
    return series.describe(index).partition(", ")[2] or series.describe(index)


def series_layers_over(chosen: SeriesInput, layers: Sequence[Any]) -> list[Image]:
    """Return the layers of the newest run on the same layers and scope.

    Parameters
    ----------
    chosen : SeriesInput
        Layers and scope.
    layers : sequence of napari.layers.Layer
        Layers of the viewer.

    Returns
    -------
    list of napari.layers.Image
        In the order of `layers`.
    """
    ids = {str(layer.unique_id) for layer in chosen.layers}
    found: dict[tuple[str, int], Image] = {}
    for layer in layers:
        past = layer.metadata.get(METADATA_KEY, {})
        if past.get("scope") == sorted(chosen.scope) and ids & set(past.get("source_ids") or ()):
            found[past["role"], past["channel"]] = layer
    return [layer for layer in layers if layer in found.values()]
