"""Votes of samples for either end of the stack: how well it explains them as the front end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack._utils.threads import ThreadTeam
from napari_focus_stack.occlusion.background import explain_planes
from napari_focus_stack.occlusion.samples import Votes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_focus_stack.occlusion.model_check import ModelErrors
    from napari_focus_stack.occlusion.orientation import StackOrientation
    from napari_focus_stack.occlusion.samples import SampledPatch


def first_votes(
    team: ThreadTeam, ends: Sequence[StackOrientation], samples: Sequence[SampledPatch], least: int
) -> Votes:
    """Check either end until a sample speaks against it, because all of two must favour an end.

    Parameters
    ----------
    team : ThreadTeam
        Threads that share the ends.
    ends : sequence of StackOrientation
        The tile from either end.
    samples : sequence of SampledPatch
        One sample or two.
    least : int
        Number of samples that they count as at least.

    Returns
    -------
    Votes
        Not to be continued with further samples.
    """
    found: dict[int, list[ModelErrors]] = {i: [] for i in range(len(ends))}

    def check(i: int) -> None:
        for sample in samples:
            errors = explain_sample(sample, ends[i], team.check)
            if errors is None or errors.lead <= 0:
                break
            found[i].append(errors)

    team.map(check, range(len(ends)))
    return Votes.of(ends, list(found.values()), max(len(samples), least))


def further_votes(
    team: ThreadTeam,
    ends: Sequence[StackOrientation],
    samples: Sequence[SampledPatch],
    least: int,
    earlier: Votes | None = None,
) -> Votes:
    """Check either end on all samples, besides earlier ones.

    Parameters
    ----------
    team : ThreadTeam
        Threads that share the samples.
    ends : sequence of StackOrientation
        The tile from either end.
    samples : sequence of SampledPatch
        Samples to check.
    least : int
        Number of samples that they count as at least, uninformative ones included.
    earlier : Votes, optional
        What this function found on other samples.

    Returns
    -------
    Votes
        Evidence of all samples.
    """
    known: list[list[ModelErrors]] = [[], []] if earlier is None else earlier.checks
    found: dict[tuple[int, int], ModelErrors] = {}

    def check(place: tuple[int, int]) -> None:
        i, j = place
        errors = explain_sample(samples[j], ends[i], team.check)
        if errors is not None:
            found[place] = errors

    team.map(check, [(i, j) for i in range(len(ends)) for j in range(len(samples))])
    checks = [
        [*known[i], *(found[place] for place in sorted(found) if place[0] == i)]
        for i in range(len(ends))
    ]
    return Votes.of(ends, checks, max(len(samples), least))


def explain_sample(
    sample: SampledPatch, end: StackOrientation, check: Callable[[], None]
) -> ModelErrors | None:
    """Check how well a sample is explained with a restored background.

    Parameters
    ----------
    sample : SampledPatch
        The sample.
    end : StackOrientation
        Tile of which one end is assumed to be the front end.
    check : callable
        Called between steps; any exception that it raises ends the work.

    Returns
    -------
    ModelErrors or None
        As `explain_planes`.
    """
    with ThreadTeam(1, check) as alone:
        return explain_planes(sample.patch(end), alone)
