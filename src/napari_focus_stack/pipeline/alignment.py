"""Alignment of the planes of a run, with its progress and notes for the user."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from napari_focus_stack._utils.threads import opencv_on_one_thread
from napari_focus_stack.alignment.pairwise import spans_field
from napari_focus_stack.alignment.scheduler import WORKERS
from napari_focus_stack.alignment.stack import align_steps, apply_transforms_steps
from napari_focus_stack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from numpy.typing import NDArray

    from napari_focus_stack.alignment.result import Alignment
    from napari_focus_stack.pipeline.run import Run
    from napari_focus_stack.result import Progress

    Read = Callable[[int], NDArray[Any]]


WORTH_A_WORD = 2.0
"""Motion in pixels above which a note mentions that texture did not confirm it."""
SMALL_REGION = (
    "The region to align on spans less than half of the field, so only a shift was estimated: "
    "magnification and rotation cannot be determined from there. Choose a larger region, or "
    "alignment 'similarity' to estimate them all the same."
)


def alignment_steps(run: Run) -> Generator[Progress, None, Alignment]:
    """Align the planes of a run that fuses nothing.

    Parameters
    ----------
    run : Run
        Source and settings; notes for the user are added to it.

    Returns
    -------
    Alignment
        Through ``StopIteration.value`` (or ``yield from``).

    Yields
    ------
    Progress
        Before each plane.

    Raises
    ------
    InputError
        A plane cannot be read, fewer than two fit, or none fits the chosen reference plane.
    Cancelled
        The run was cancelled.
    """
    return (yield from align_read_steps(run, run.read_reduced, run.reduction))


def align_read_steps(run: Run, read: Read, reduction: int) -> Generator[Progress, None, Alignment]:
    """Align the planes of a run as a function returns them.

    Parameters
    ----------
    run : Run
        Source and settings; notes for the user are added to it.
    read : callable
        Returns plane k as (Y, X[, C]) uint8, uint16 or float32.
    reduction : int
        Factor by which these planes are smaller than those of the source.

    Returns
    -------
    Alignment
        Through ``StopIteration.value`` (or ``yield from``).

    Yields
    ------
    Progress
        Before each plane.

    Raises
    ------
    InputError
        A plane cannot be read, fewer than two fit, or none fits the chosen reference plane.
    Cancelled
        The run was cancelled.
    """
    alignment = yield from _align(run, read, reduction)
    check_fitting(run, alignment)
    if alignment.refused > WORTH_A_WORD:
        run.notes.add(
            f"Light and blur change as if the field had moved by up to {alignment.refused:.0f} "
            "pixels, but fine detail stays where it is, so no plane was moved. If detail does move "
            "when you go through the planes, choose alignment 'shift' or 'similarity'."
        )
    elif alignment.doubted > WORTH_A_WORD:
        run.notes.add(
            f"The lens may zoom as its focus turns, by up to {alignment.doubted:.0f} pixels at the "
            "corners, but too little detail shows it, so no plane was resized. Compare with "
            "alignment 'similarity'."
        )
    return alignment


def check_fitting(run: Run, alignment: Alignment) -> None:
    """Check that two planes take part.

    Parameters
    ----------
    run : Run
        Source with the names of the planes.
    alignment : Alignment
        Planes that take part, and those that were left out.

    Raises
    ------
    InputError
        Fewer than two fit; the message names the first that does not.
    """
    if len(alignment.fitting) < 2:
        k, why = min(alignment.left_out.items())
        raise InputError(
            f"'{run.source.names[k]}' was left out because {why}; a stack needs two planes that "
            "fit."
        )


def _align(run: Run, read: Read, reduction: int) -> Generator[Progress, None, Alignment]:
    """Align to the reference plane, or to another one if that differs from all other planes.

    Planes are not moved if none holds most of them together.
    """
    if run.prior is not None:
        follow = apply_transforms_steps(
            read, run.prior.transforms, run.reference, reduction=reduction
        )
        return (yield from _announced(run, follow))
    wanted, first = run.settings.align, run.reference
    alignment = yield from _announced(run, _align_steps(run, read, reduction))
    odd = f"'{run.source.names[first]}' does not show what the other planes show"
    if not alignment.holds_together:
        run.notes.add(
            "The planes show too little in common to be aligned, so they were left where they are. "
            "If the picture shows double contours, choose alignment 'shift' or 'similarity', or a "
            "region to align on that all planes show."
        )
        return alignment
    if alignment.reference != first:
        if run.settings.reference != "middle":
            raise InputError(f"The reference {odd}; choose another reference plane.")
        run.notes.add(
            f"The middle plane, {odd}, so plane {alignment.reference} is the reference to which "
            "the others were aligned; choose another reference if the picture should look like it."
        )
    shift_alone = wanted == "auto" and alignment.model == "shift"
    if shift_alone and run.region is not None and not spans_field(run.region):
        run.notes.add(SMALL_REGION)
    return alignment


def _other_references(first: int, n: int) -> list[int]:
    """Return the planes to try as the reference instead: those beside it, then distant ones."""
    others = (first - 1, first + 1, n // 4, 3 * n // 4)
    return list(dict.fromkeys(k for k in others if 0 <= k < n and k != first))


def _align_steps(run: Run, read: Read, reduction: int) -> Generator[int, None, Alignment]:
    return align_steps(
        read,
        run.n,
        run.reference,
        run.settings.align,
        others=_other_references(run.reference, run.n),
        reduction=reduction,
        region=run.region,
        check=run.check,
        readers=run.readers,
        workers=0 if run.threads == 1 else WORKERS,
    )


def _announced(
    run: Run, steps: Generator[int, None, Alignment]
) -> Generator[Progress, None, Alignment]:
    """Yield the progress before each plane that an alignment announces."""
    run.progress.expect(run.n)
    with (
        opencv_on_one_thread(),
        closing(steps),
    ):  # ends its threads even while the error of a cancelled run is kept
        while True:
            try:
                k = next(steps)
            except StopIteration as done:
                alignment: Alignment = done.value
                return alignment
            yield run.begin("align", k)
