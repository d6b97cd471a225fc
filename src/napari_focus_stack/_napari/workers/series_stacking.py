"""A run on a series as the dock starts it: the lead channel, then stack by stack."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_focus_stack._utils.steps import expanded
from napari_focus_stack.series.lead import lead_of, lead_steps
from napari_focus_stack.series.result import SeriesProgress
from napari_focus_stack.series.steps import focus_series_steps

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator

    from napari_focus_stack._napari.layers.series_maps import SeriesMaps
    from napari_focus_stack.series.model import Series
    from napari_focus_stack.series.result import SeriesResult
    from napari_focus_stack.series.series_settings import SeriesSettings
    from napari_focus_stack.settings import Settings


@dataclass
class SeriesRun:
    """Run on a series, which goes on after it was cancelled.

    Attributes
    ----------
    series : Series
        The stacks.
    settings : Settings
        Settings of each stack.
    series_settings : SeriesSettings
        Settings of the series. Once it is found, the lead channel is named.
    maps : SeriesMaps
        Data of the layers, with what is done.
    first_time : int
        Time point to begin with: the one that is shown.
    """

    series: Series
    settings: Settings
    series_settings: SeriesSettings
    maps: SeriesMaps
    first_time: int = 0

    @property
    def left(self) -> int:
        """Number of stacks that are not done."""
        return len(self.series) - len(self.maps.reports)


def series_run_steps(run: SeriesRun, cancel: threading.Event) -> Generator[Any, None, SeriesResult]:
    """Fuse the stacks of a series that are not done.

    Parameters
    ----------
    run : SeriesRun
        The run.
    cancel : threading.Event
        Stops it; what is done is kept in `run.maps`.

    Yields
    ------
    SeriesProgress or StackDone
        Before each plane, and after each stack.

    Returns
    -------
    SeriesResult
        Reports, failures and notes; the maps are in `run.maps`.
    """
    yield from _lead_steps(run, cancel)
    steps = focus_series_steps(
        run.series,
        run.settings,
        run.series_settings,
        run.maps,
        done=run.maps.reports,
        first_time=run.first_time,
        cancel=cancel,
    )
    result = yield from expanded(steps, lambda step: [*run.maps.announced(), step])
    yield from run.maps.announced()
    return result


def _lead_steps(run: SeriesRun, cancel: threading.Event) -> Generator[SeriesProgress, None, None]:
    """Find the lead channel, unless an earlier part of the run has found it."""
    start = SeriesProgress("choosing the lead channel", len(run.maps.reports), len(run.series))
    lead = yield from expanded(
        lead_steps(run.series, run.series_settings.lead_channel, run.settings, cancel),
        lambda step: [replace(start, step=step)],
    )
    several = len(run.series.positions[0].channels) > 1
    if several:
        named = "each" if lead is None else lead
        run.series_settings = replace(run.series_settings, lead_channel=named)
    run.maps.lead = lead_of(run.series.positions[0], lead) if several else 0
