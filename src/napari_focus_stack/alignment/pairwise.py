"""How one plane lies over another, model by model, by whichever way in fits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.alignment.features import similarity
from napari_focus_stack.alignment.gauss_newton import register_pair
from napari_focus_stack.alignment.similarity import correlation, gain_of_most
from napari_focus_stack.imgproc.transforms import (
    PARAMETERS,
    Matrix,
    Model,
    is_plausible,
    only_shift,
    valid_area,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_focus_stack.alignment.gauss_newton import Evidence
    from napari_focus_stack.alignment.reduced_planes import ReducedPlane
    from napari_focus_stack.alignment.similarity import Region

    _Find = tuple[Matrix, Evidence | None]

LADDER: tuple[Model, ...] = tuple(PARAMETERS)
LEAST_CORRELATION = 0.2
"""Foreign pictures stay under 0.1; 70 of 72 neighbours in the real stacks tried are above 0.27."""
CHANCE = 30.0
"""Correlation that a search finds by chance, times the square root of the pixels it saw.

Six times the deviation of the correlation of two unrelated planes, whose detail spans 25 pixels;
0.22 was found on 112 x 134 pixels.
"""
FITS_MOST = 0.1
"""Gain of most of the field that counts against a correlation which something else dominates.

A motion that halves the squared difference of every block has 0.33.
"""
LEAST_FIELD_SPAN = 0.5
"""Part of the field's height and width that a region must span to tell more than a shift."""
ENOUGH = 200_000
"""Pixels above which half the resolution has blocks enough to vote."""
WORTH_A_SEARCH = 0.02
"""Part of the mismatch that a richer model must promise to remove before it is searched for."""


@dataclass(frozen=True)
class PairAlignment:
    """How a plane lies over another: a transform and what mismatch it leaves, per model.

    Attributes
    ----------
    transforms : dict
        Between the full planes: pixel of the one nearer to the reference to pixel of the other.
    mismatches : dict
        1 minus the correlation, both planes band-passed; "none" is always among them.
    gains : dict
        How much better than unmoved most of the field fits, summed up along the models.
    fits : bool
        Whether both planes show the same thing.
    """

    transforms: dict[Model, Matrix]
    mismatches: dict[Model, float]
    gains: dict[Model, float]
    fits: bool

    @property
    def correlation(self) -> float:
        """Of the model that fits best."""
        return 1 - min(self.mismatches.values())


def models_of(align: str, region: Region | None = None) -> tuple[Model, ...]:
    """Models that a setting of `Settings.align` lets choose from, the least one first.

    What a small region says of magnification and rotation is worth little at the field's corners:
    of 3.9 px that the whole field of `leaf` moves, regions of a tenth to a third left 16 to 40 px.
    So "auto" asks them for a shift alone.
    """
    if align != "auto":
        return tuple(model for model in LADDER if model == align)
    return LADDER if region is None or spans_field(region) else LADDER[:2]


def spans_field(region: Region) -> bool:
    """Whether a region's rows and columns span at least half of the field's each."""
    spans = (np.ptp(places) + 1 for places in np.nonzero(region))
    return all(
        span >= LEAST_FIELD_SPAN * side for span, side in zip(spans, region.shape, strict=True)
    )


def align_pair(
    fixed: ReducedPlane,
    moving: ReducedPlane,
    models: Sequence[Model],
    region: tuple[Region, ...] | None = None,
    expected: Matrix | None = None,
) -> PairAlignment:
    """Compare two planes; a model that fits no better than a lesser one keeps its find.

    Parameters
    ----------
    fixed, moving : View
        Of two planes that are close in focus.
    models : sequence of str
        The least one first.
    region : tuple of numpy.ndarray, optional
        Where `fixed` may be looked at, for every level.
    expected : numpy.ndarray, optional
        (3, 3) transform between the full planes that others let expect: a way in of its own.

    Returns
    -------
    PairAlignment
        Never worse than no motion at all.
    """
    seen = _PairSearch(fixed, moving, region)
    found = seen.found(models, expected)
    best, reached = np.eye(3), seen.correlation(np.eye(3))
    transforms: dict[Model, Matrix] = {}
    mismatches: dict[Model, float] = {"none": 1 - reached}
    gains: dict[Model, float] = {}
    gained = 0.0
    for model in models:
        matrix = found.get(model)
        if matrix is not None and not np.array_equal(matrix, best):
            here, gain = seen.correlation(matrix), seen.gain(matrix, best)
            if gain > (0 if here > reached else FITS_MOST):
                best, reached, gained = matrix, here, gained + gain
        transforms[model], mismatches[model] = fixed.full_size(best), 1 - reached
        gains[model] = gained
    # contrast may invert between planes: unstained cells, phase
    still = abs(1 - mismatches["none"]) >= LEAST_CORRELATION
    return PairAlignment(
        transforms, mismatches, gains, still or reached >= seen.least_correlation(best)
    )


class _PairSearch:
    """Two views at the working size."""

    def __init__(
        self, fixed: ReducedPlane, moving: ReducedPlane, region: tuple[Region, ...] | None
    ) -> None:
        self._fixed, self._moving, self._region = fixed, moving, region
        self._finest = None if region is None else region[0]
        self._known: dict[bytes, float] = {}

    def correlation(self, matrix: Matrix) -> float:
        key = matrix.tobytes()
        if key not in self._known:
            a, b = self._fixed.levels[0], self._moving.levels[0]
            self._known[key] = correlation(a, b, matrix, self._finest)
        return self._known[key]

    def least_correlation(self, matrix: Matrix) -> float:
        """What a transform must reach, by the pixels that it lays over each other."""
        shape = self._fixed.levels[0].shape
        inside = valid_area(matrix, shape)
        seen = np.ones(shape, bool) if inside is None else inside > 0
        if self._finest is not None:
            seen &= self._finest
        pixels = int(np.count_nonzero(seen))
        return max(LEAST_CORRELATION, CHANCE / math.sqrt(max(pixels, 1)))

    def gain(self, matrix: Matrix, lesser: Matrix) -> float:
        """How much better than a lesser one a transform fits in most of the field; -1 if absurd."""
        if not self._is_plausible(matrix):
            return -1.0
        level = int(self._fixed.levels[0].size > ENOUGH)
        size = np.diag([2.0**-level, 2.0**-level, 1.0])
        a, b = self._fixed.levels[level], self._moving.levels[level]
        new, old = (size @ one @ np.linalg.inv(size) for one in (matrix, lesser))
        where = None if self._region is None else self._region[level]
        return gain_of_most(a, b, new, old, where)

    def found(self, models: Sequence[Model], expected: Matrix | None) -> dict[Model, Matrix]:
        """What each model's search finds; a richer one starts from the lesser."""
        if models[-1] == "none":
            return {}
        lesser: Model = "shift" if models[-1] == "shift" else "similarity"
        base, evidence = self._initialise(lesser, expected)
        if len(models) == 1:
            return {models[0]: base if models[0] == lesser else self._refined(models[0], base)[0]}
        shift = self._only_shift(base)
        found: dict[Model, Matrix] = {"shift": shift, "similarity": base}
        for before, model in pairwise(LADDER[2:]):
            found[model] = found[before]
            # no search is needed to know that one would not pay
            if evidence is not None and evidence.explains(model, before) >= WORTH_A_SEARCH:
                found[model], evidence = self._refined(model, found[before])
        return found

    def _initialise(self, model: Model, expected: Matrix | None) -> _Find:
        """The coarse-to-fine search; what others let expect, or features, where that fails."""
        found = register_pair(self._fixed.levels, self._moving.levels, model, region=self._region)
        start = None if expected is None else self._fixed.working_size(expected)
        if start is None and not self._fits(found[0]):
            start = similarity(self._fixed.features, self._moving.features)
        if start is None:
            return found
        return max(found, self._refined(model, start), key=self._worth)

    def _worth(self, find: _Find) -> tuple[bool, float]:
        return self._is_plausible(find[0]), self.correlation(find[0])

    def _fits(self, matrix: Matrix) -> bool:
        if not self._is_plausible(matrix):
            return False
        return self.correlation(matrix) >= self.least_correlation(matrix)

    def _is_plausible(self, matrix: Matrix) -> bool:
        return is_plausible(self._fixed.full_size(matrix), self._fixed.shape)

    def _only_shift(self, matrix: Matrix) -> Matrix:
        return only_shift(matrix, self._fixed.levels[0].shape, self._finest)

    def _refined(self, model: Model, start: Matrix) -> _Find:
        if model == "shift":
            start = self._only_shift(start)
        return register_pair(self._fixed.levels, self._moving.levels, model, start, self._region)
