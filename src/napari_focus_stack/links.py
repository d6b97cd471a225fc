"""How one plane lies over another, model by model, by whichever way in fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack import features
from napari_focus_stack.registration import compare, correlation, search
from napari_focus_stack.transforms import Matrix, Model, is_plausible, only_shift

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_focus_stack.registration import Region
    from napari_focus_stack.views import View

LADDER: tuple[Model, ...] = ("none", "shift", "similarity", "affine", "homography")
LEAST_CORRELATION = 0.2
"""Foreign pictures stay under 0.1; 70 of 72 neighbours in the real stacks tried are above 0.27."""
WORTH_A_SEARCH = 0.02
"""Part of the mismatch that a richer model must promise to remove before it is searched for."""


@dataclass(frozen=True)
class Link:
    """How a plane lies over another: a transform and what mismatch it leaves, per model.

    Attributes
    ----------
    transforms : dict
        Between the full planes: pixel of the one nearer to the reference to pixel of the other.
    mismatches : dict
        1 minus the correlation, both planes band-passed.
    fits : bool
        Whether both planes show the same thing.
    """

    transforms: dict[Model, Matrix]
    mismatches: dict[Model, float]
    fits: bool

    @property
    def correlation(self) -> float:
        """Of the model that fits best."""
        return 1 - min(self.mismatches.values())


def models_of(align: str) -> tuple[Model, ...]:
    """Models that a setting of `Settings.align` lets choose from, the least one first."""
    return LADDER if align == "auto" else tuple(model for model in LADDER if model == align)


def link(
    fixed: View,
    moving: View,
    models: Sequence[Model],
    region: tuple[Region, ...] | None = None,
    expected: Matrix | None = None,
) -> Link:
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
    Link
        Never worse than no motion at all.
    """
    seen = _Pair(fixed, moving, region)
    found = seen.found(models, expected)
    best, reached = np.eye(3), seen.correlation(np.eye(3))
    transforms: dict[Model, Matrix] = {}
    mismatches: dict[Model, float] = {}
    for model in models:
        matrix = found.get(model)
        if matrix is not None and not np.array_equal(matrix, best):
            here = seen.correlation(matrix)
            if here > reached and is_plausible(fixed.full_size(matrix), fixed.shape):
                best, reached = matrix, here
        transforms[model], mismatches[model] = fixed.full_size(best), 1 - reached
    return Link(transforms, mismatches, reached >= LEAST_CORRELATION)


class _Pair:
    """Two views at the working size."""

    def __init__(self, fixed: View, moving: View, region: tuple[Region, ...] | None) -> None:
        self._fixed, self._moving, self._region = fixed, moving, region
        self._finest = None if region is None else region[0]

    def correlation(self, matrix: Matrix) -> float:
        return correlation(self._fixed.levels[0], self._moving.levels[0], matrix, self._finest)

    def found(self, models: Sequence[Model], expected: Matrix | None) -> dict[Model, Matrix]:
        """What each model's search finds; a richer one starts from the lesser."""
        if models[-1] == "none":
            return {}
        lesser: Model = "shift" if models[-1] == "shift" else "similarity"
        base = self._way_in(lesser, expected)
        if len(models) == 1:
            return {models[0]: base if models[0] == lesser else self._refined(models[0], base)}
        found = {"shift": only_shift(base, self._fixed.levels[0].shape), "similarity": base}
        found["affine"] = self._if_it_pays("affine", "similarity", base)
        found["homography"] = self._if_it_pays("homography", "affine", found["affine"])
        return found

    def _way_in(self, model: Model, expected: Matrix | None) -> Matrix:
        """The coarse-to-fine search; what others let expect, or features, where that fails."""
        found = search(
            self._fixed.levels, self._moving.levels, model, region=self._region
        )
        tried = [found]
        if expected is not None:
            tried.append(self._refined(model, self._fixed.working_size(expected)))
        elif not self._fits(found):
            start = features.similarity(self._fixed.levels[0], self._moving.levels[0])
            if start is not None:
                tried.append(self._refined(model, start))
        return max(tried, key=self.correlation)

    def _fits(self, matrix: Matrix) -> bool:
        plausible = is_plausible(self._fixed.full_size(matrix), self._fixed.shape)
        return plausible and self.correlation(matrix) >= LEAST_CORRELATION

    def _refined(self, model: Model, start: Matrix) -> Matrix:
        if model == "shift":
            start = only_shift(start, self._fixed.levels[0].shape)
        return search(self._fixed.levels, self._moving.levels, model, start, self._region)

    def _if_it_pays(self, model: Model, lesser: Model, found: Matrix) -> Matrix:
        """Search with a richer model, if the evidence at the lesser one's find promises a gain."""
        evidence = compare(self._fixed.levels[0], self._moving.levels[0], found, self._finest)
        if evidence is None or evidence.explains(model, lesser) < WORTH_A_SEARCH:
            return found
        return self._refined(model, found)
