"""Channels of one time point: the lead is aligned, the others take its transforms or its surface.

Channels are recorded through one stage and lens, so that a motion estimated where most detail is
serves them all, and they remain registered to each other.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.wording import format_percentage
from napari_focus_stack.alignment.prior_transforms import is_on_prior_transforms
from napari_focus_stack.analysis.projection import project_steps
from napari_focus_stack.errors import Cancelled, FocusStackError, OutputError
from napari_focus_stack.io.plane_files import reason_among_many
from napari_focus_stack.pipeline.stack import stack_steps
from napari_focus_stack.result import Progress, StackResult

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator

    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.series.series_settings import SeriesSettings
    from napari_focus_stack.settings import Settings


@dataclass(frozen=True)
class Failed:
    """Stack that could not be fused.

    Attributes
    ----------
    reason : str
        Sentence for the user.
    """

    reason: str


Outcome = StackResult | Failed


@dataclass(frozen=True)
class ChannelPlan:
    """Lead channel and settings of one position.

    Attributes
    ----------
    lead : int or None
        Number of the lead channel; None if every channel is aligned by itself.
    settings : Settings
        Parameters of each stack.
    series_settings : SeriesSettings
        Parameters of the series.
    cancel : threading.Event or None
        Once set, the run raises `Cancelled`.
    lacking : str
        Sentence on a lead channel that this position has not, whose surface the others should
        follow; empty if all is well.
    """

    lead: int | None
    settings: Settings
    series_settings: SeriesSettings
    cancel: threading.Event | None = None
    lacking: str = ""

    def focused(self, channels: int) -> list[int]:
        """Return the channels whose focus is their own, the lead first.

        Parameters
        ----------
        channels : int
            Number of channels.

        Returns
        -------
        list of int
            Numbers of channels.
        """
        if self.lead is None:
            return list(range(channels))
        if self.series_settings.follows_surface:
            return [self.lead]
        return [self.lead, *(c for c in range(channels) if c != self.lead)]


def focus_steps(
    open_stack: Callable[[int], PlaneSource], channels: int, plan: ChannelPlan, prior: Any = None
) -> Generator[Progress, None, dict[int, Outcome]]:
    """Focus the channels of one time point whose focus is their own.

    Parameters
    ----------
    open_stack : callable
        Called with the number of a channel; returns its planes.
    channels : int
        Number of channels.
    plan : ChannelPlan
        Lead channel and settings.
    prior : array-like, StackResult or path, optional
        Prior transforms of this time point.

    Returns
    -------
    dict of int to StackResult or Failed
        Through ``StopIteration.value``; without the channels that follow a surface.

    Yields
    ------
    Progress
        Before each plane.

    Raises
    ------
    Cancelled
        The plan's `cancel` was set.
    """
    if plan.lacking:
        return {channel: Failed(plan.lacking) for channel in range(channels)}
    outcome: dict[int, Outcome] = {}
    for channel in plan.focused(channels):
        transforms = prior
        if plan.lead is not None and channel != plan.lead:
            led = outcome[plan.lead]
            if isinstance(led, Failed):
                outcome[channel] = _led_by(led)
                continue
            transforms = led
        outcome[channel] = yield from attempted(_stack_steps(open_stack, channel, plan, transforms))
    return outcome


def _led_by(failed: Failed) -> Failed:
    """Return the failure of a channel whose lead channel failed."""
    return Failed(
        "Its lead channel failed; another lead channel, or 'each' for none, may do without it. "
        f"{failed.reason}"
    )


def _stack_steps(
    open_stack: Callable[[int], PlaneSource], channel: int, plan: ChannelPlan, transforms: Any
) -> Generator[Progress, None, StackResult]:
    """Focus one channel."""
    result: StackResult = yield from stack_steps(
        open_stack(channel), plan.settings, transforms=transforms, cancel=plan.cancel
    )
    # the lead channel stands in the report of every follower
    notes = [note for note in result.report.notes if not is_on_prior_transforms(note)]
    return dataclasses.replace(result, report=dataclasses.replace(result.report, notes=notes))


def surface_steps(
    open_stack: Callable[[int], PlaneSource],
    channels: int,
    plan: ChannelPlan,
    outcome: dict[int, Outcome],
) -> Generator[Progress, None, dict[int, Outcome]]:
    """Add the channels that are projected through the surface of the lead, if there are any.

    Parameters
    ----------
    open_stack : callable
        Called with the number of a channel; returns its planes.
    channels : int
        Number of channels.
    plan : ChannelPlan
        Lead channel and settings.
    outcome : dict of int to StackResult or Failed
        Result of `focus_steps`.

    Returns
    -------
    dict of int to StackResult or Failed
        Through ``StopIteration.value``: every channel, in order.

    Yields
    ------
    Progress
        Before each plane.

    Raises
    ------
    Cancelled
        The plan's `cancel` was set.
    """
    found = dict(outcome)
    for channel in range(channels):
        if channel in found:
            continue
        assert plan.lead is not None, "only followers are left"
        led = found[plan.lead]
        if isinstance(led, Failed):
            found[channel] = _led_by(led)
        else:
            found[channel] = yield from attempted(_projected_steps(open_stack, channel, plan, led))
    return dict(sorted(found.items()))


def _projected_steps(
    open_stack: Callable[[int], PlaneSource], channel: int, plan: ChannelPlan, led: StackResult
) -> Generator[Progress, None, StackResult]:
    """Project one channel through the surface of the lead, whose depth it takes."""
    series, source = plan.series_settings, open_stack(channel)
    image = yield from project_steps(
        source,
        led,
        offset=series.offset or 0,
        half_slab=series.slab // 2,
        how=series.slab_method,
        threads=plan.settings.threads,
        cancel=plan.cancel,
    )
    notes = [
        f"The pixels are those at the surface of the lead channel ({series.follow}, slab of "
        f"{series.slab}, {series.slab_method}); depth and confidence are the lead's.",
        *_beyond(led, series, len(source)),
    ]
    report = dataclasses.replace(
        led.report,
        planes=list(source.names),
        dtype=source.dtype.name,
        inputs=[str(file.absolute()) for file in source.files],
        place=dict(source.place),
        notes=notes,
        advice={},
        health={},
        intensities={},
    )
    return dataclasses.replace(led, image=image, report=report)


def _beyond(led: StackResult, series: SeriesSettings, planes: int) -> list[str]:
    """Return the note on pixels whose slab lies outside the stack."""
    centre = led.depth_index.astype(np.int32) + (series.offset or 0)
    half = series.slab // 2
    share = float(((centre + half < 0) | (centre - half >= planes)).mean())
    if share == 0:
        return []
    return [
        f"{format_percentage(share).capitalize()} of the picture has its surface so near an end of "
        "the stack that the offset leads out of it; the image is empty there (0, or NaN)."
    ]


def attempted(
    steps: Generator[Progress, None, StackResult],
) -> Generator[Progress, None, Outcome]:
    """Run the steps of one stack, and return its failure instead of raising it.

    Parameters
    ----------
    steps : generator
        Steps of the stack.

    Returns
    -------
    StackResult or Failed
        Through ``StopIteration.value``.

    Yields
    ------
    Progress
        Before each plane.

    Raises
    ------
    Cancelled, OutputError
        They end the series.
    """
    try:
        return (yield from steps)
    except (Cancelled, OutputError):
        raise
    except FocusStackError as problem:
        return Failed(reason_among_many(problem))
