"""Alignment of one pair of planes, model by model, from whichever start fits best."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.alignment.features import similarity
from napari_focus_stack.alignment.gauss_newton import at_level, level_of, register_pair
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

    from napari_focus_stack.alignment.motion_evidence import Evidence
    from napari_focus_stack.alignment.reduced_planes import ReducedPlane
    from napari_focus_stack.alignment.similarity import Region

    _Find = tuple[Matrix, Evidence | None]

LADDER: tuple[Model, ...] = tuple(PARAMETERS)
LEAST_CORRELATION = 0.2
"""Least correlation of planes that show the same: unrelated pictures stay under 0.1; 70 of 72
neighbours in the real stacks tried are above 0.27."""
CHANCE = 30.0
"""Correlation that a search finds by chance, times the square root of the pixels compared.

Six times the deviation of the correlation of two unrelated planes, whose detail spans 25 pixels;
0.22 was found on 112 x 134 pixels.
"""
FITS_MOST = 0.1
"""Gain of most of the field that outweighs a lower correlation, dominated by something else.

A motion that halves the squared difference of every block has 0.33.
"""
LEAST_FIELD_SPAN = 0.5
"""Part of the field's height and width that a region must span to determine more than a shift."""
WORTH_A_SEARCH = 0.02
"""Predicted part of the mismatch that a richer model must remove to be searched for."""


@dataclass(frozen=True)
class PairAlignment:
    """Alignment of two planes: a transform and the mismatch that it leaves, per model.

    Attributes
    ----------
    transforms : dict of str to numpy.ndarray
        (3, 3) between the full planes: pixel of the one closer to the reference to pixel of the
        other.
    mismatches : dict of str to float
        1 minus the correlation of the band-passed planes; "none" is always included.
    gains : dict of str to float
        Gain of most of the field over no motion, summed along the models; see `gain_of_most`.
    fits : bool
        Whether both planes show the same content.
    """

    transforms: dict[Model, Matrix]
    mismatches: dict[Model, float]
    gains: dict[Model, float]
    fits: bool

    @property
    def correlation(self) -> float:
        """Correlation of the model that fits best."""
        return 1 - min(self.mismatches.values())


def models_of(align: str, region: Region | None = None) -> tuple[Model, ...]:
    """Return the motion models that a setting allows, the simplest first.

    Magnification and rotation estimated in a small region are unreliable at the field's corners:
    of 3.9 px that the whole field of `leaf` moves, regions of a tenth to a third left 16 to 40 px.
    "auto" therefore allows only a shift in such regions.

    Parameters
    ----------
    align : str
        `Settings.align`.
    region : numpy.ndarray, optional
        (Y, X) bool, True where planes may be compared.

    Returns
    -------
    tuple of str
        The models.
    """
    if align != "auto":
        return tuple(model for model in LADDER if model == align)
    return LADDER if region is None or spans_field(region) else LADDER[:2]


def spans_field(region: Region) -> bool:
    """Return whether a region spans at least half of the field's rows and of its columns.

    Parameters
    ----------
    region : numpy.ndarray
        (Y, X) bool.

    Returns
    -------
    bool
        Whether the region spans the field.
    """
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
    """Align two planes; a model that fits no better than a simpler one keeps its transform.

    Parameters
    ----------
    fixed, moving : ReducedPlane
        Two planes that are close in focus.
    models : sequence of str
        Motion models, the simplest first.
    region : tuple of numpy.ndarray, optional
        (y, x) bool for every level, True where `fixed` may be compared.
    expected : numpy.ndarray, optional
        (3, 3) transform between the full planes predicted from other pairs: a further start.

    Returns
    -------
    PairAlignment
        No motion unless another one correlates better, or fits most of the field better.
    """
    search = _PairSearch(fixed, moving, region)
    found = search.found(models, expected)
    best, reached = np.eye(3), search.correlation(np.eye(3))
    transforms: dict[Model, Matrix] = {}
    mismatches: dict[Model, float] = {"none": 1 - reached}
    gains: dict[Model, float] = {}
    gained = 0.0
    for model in models:
        matrix = found.get(model)
        if matrix is not None and not np.array_equal(matrix, best):
            here, gain = search.correlation(matrix), search.gain(matrix, best)
            if gain > (0 if here > reached else FITS_MOST):
                best, reached, gained = matrix, here, gained + gain
        transforms[model], mismatches[model] = fixed.full_size(best), 1 - reached
        gains[model] = gained
    # contrast may invert between planes: unstained cells, phase
    still = abs(1 - mismatches["none"]) >= LEAST_CORRELATION
    return PairAlignment(
        transforms, mismatches, gains, still or reached >= search.least_correlation(best)
    )


class _PairSearch:
    """Search for the transform between two reduced planes, at the working size."""

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
        """Return the correlation required of a transform, by the pixels it makes overlap."""
        shape = self._fixed.levels[0].shape
        inside = valid_area(matrix, shape)
        shared = np.ones(shape, bool) if inside is None else inside > 0
        if self._finest is not None:
            shared &= self._finest
        pixels = int(np.count_nonzero(shared))
        return max(LEAST_CORRELATION, CHANCE / math.sqrt(max(pixels, 1)))

    def gain(self, matrix: Matrix, lesser: Matrix) -> float:
        """Return the gain of most of the field over a simpler transform; -1 if implausible."""
        if not self._is_plausible(matrix):
            return -1.0
        level = level_of(self._fixed.levels)
        a, b = self._fixed.levels[level], self._moving.levels[level]
        new, old = (at_level(one, level) for one in (matrix, lesser))
        where = None if self._region is None else self._region[level]
        return gain_of_most(a, b, new, old, where)

    def found(self, models: Sequence[Model], expected: Matrix | None) -> dict[Model, Matrix]:
        """Search for the transform of each model; a richer model starts from the simpler one."""
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
            # the evidence predicts whether a search would pay
            if evidence is not None and evidence.explains(model, before) >= WORTH_A_SEARCH:
                found[model], evidence = self._refined(model, found[before])
        return found

    def _initialise(self, model: Model, expected: Matrix | None) -> _Find:
        """Search coarse to fine; also from the predicted transform or, on failure, features."""
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
