"""Brightness of every plane of a stack relative to the reference plane.

Each plane is compared with the reference plane and, step by step, along its neighbours: a gain that
the two disagree on is not reliable. Photographs are compared in linear light where that leaves less
to explain.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.alignment.brightness import Brightness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from napari_focus_stack.alignment.brightness import IlluminationSample
    from napari_focus_stack.imgproc.transforms import Matrix

MOST_DISAGREEMENT = 0.01
"""Difference between the ratio to the reference and that along neighbours that is always allowed;
a larger one is allowed up to the ratio's own spread."""


def compare_illumination(
    light: Callable[[int], IlluminationSample],
    paths: Mapping[int, Matrix],
    reference: int,
    of_sections: bool,
    check: Callable[[], None] = lambda: None,
) -> dict[int, Brightness]:
    """Compare the brightness of every plane with the reference plane.

    Parameters
    ----------
    light : callable
        Returns the reduced luminance of a plane by its number.
    paths : mapping of int to numpy.ndarray
        (3, 3) transforms between full planes, from the reference plane to each plane, including
        itself.
    reference : int
        Number of the reference plane.
    of_sections : bool
        Whether planes are optical sections: offsets are not estimated then.
    check : callable
        Called before each plane; may raise to cancel.

    Returns
    -------
    dict of int to Brightness
        Brightness by plane number; gains not confirmed by the planes between have a large spread.
    """
    fixed = light(reference)
    # comparison with the reference, and with the neighbour
    methods = [(Brightness.of_gain if of_sections else Brightness.of, Brightness.of_gain)]
    if fixed.decoded is not None:
        methods.append((Brightness.of_photographs, Brightness.of_photographs))
    found = [{reference: Brightness()} for _ in methods]
    along = [{reference: 0.0} for _ in methods]
    for i, k in _outwards(sorted(paths), reference):
        check()
        before, here = light(i), light(k)
        step = paths[k] @ np.linalg.inv(paths[i])
        for (direct, stepwise), known, so_far in zip(methods, found, along, strict=True):
            so_far[k] = so_far[i] + float(np.log(stepwise(before, here, step).gain))
            known[k] = _agreed(direct(fixed, here, paths[k]), so_far[k])
    if len(found) == 1 or any(known.offset for known in found[0].values()):
        return found[0]
    # focus alone spreads the ratios of gamma-encoded texture twice as far as those of its light,
    # and the other way round: of 34 rendered and real stacks none was taken for the other kind
    return min(found, key=lambda known: sum(one.spread for one in known.values()))


def _outwards(numbers: list[int], start: int) -> Iterator[tuple[int, int]]:
    """Yield pairs of neighbouring numbers, outwards from one of them."""
    at = numbers.index(start)
    yield from zip(numbers[at:], numbers[at + 1 :], strict=False)
    yield from zip(numbers[at::-1], numbers[:at][::-1], strict=False)


def _agreed(direct: Brightness, along: float) -> Brightness:
    """Return the brightness, with a large spread if the planes between do not confirm it."""
    apart = abs(float(np.log(direct.gain)) - along)
    if direct.offset or apart <= max(MOST_DISAGREEMENT, direct.spread):
        return direct
    return replace(direct, spread=apart)
