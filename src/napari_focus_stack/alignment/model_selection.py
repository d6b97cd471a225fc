"""Selection of a stack's motion model: the simplest that fits and is confirmed by texture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._utils.sampling import evenly_taken
from napari_focus_stack.alignment.followed_motion import FollowedMotion
from napari_focus_stack.alignment.motion_support import (
    LEAST_VOTES,
    MOST_LEFT,
    SLOW,
    WORSE,
    Mismatches,
    MotionSupport,
)
from napari_focus_stack.alignment.pairwise import FITS_MOST
from napari_focus_stack.alignment.texture import texture_shift
from napari_focus_stack.imgproc.transforms import composed, corner_distance

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_focus_stack.alignment.scheduler import PairScheduler
    from napari_focus_stack.alignment.spanning_tree import Tree
    from napari_focus_stack.alignment.texture import Texture
    from napari_focus_stack.alignment.texture_cache import Textures
    from napari_focus_stack.imgproc.transforms import Matrix, Model

    Paths = dict[int, Matrix]

STILL = 0.5
"""Corner motion in pixels up to which planes are not resampled: resampling costs more."""
LEAST_EXPLAINED = 0.07
"""Part of the mismatch between neighbours, or from the reference, that a model must remove.

Real motion removed 9 % (a zoom of 0.2 % a plane on 128 x 160 pixels) to 90 %, noise and changing
content (light-sheet, confocal) at most 6 %.
"""
FEWEST_COMPARED = 8
MOST_COMPARED_PIXELS = 2_500_000
"""Least number of pairs whose texture is compared, and most pixels of pairs beyond that number."""


@dataclass(frozen=True)
class Choice:
    """The selected motion model and its transforms.

    Attributes
    ----------
    model : str
        Motion model, or "none".
    paths : dict of int to numpy.ndarray
        (3, 3) from the reference plane to each plane.
    support : MotionSupport or None
        Support of the motion by texture; None where nothing moved.
    by_texture : bool
        Whether transforms were estimated from texture instead of intensities.
    refused : float
        Largest corner motion, in pixels, that intensities suggested and texture did not confirm.
    doubted : float
        Largest corner distance, in pixels, of a magnification that texture follows as a whole, but
        in too few regions.
    """

    model: Model
    paths: Paths
    support: MotionSupport | None = None
    by_texture: bool = False
    refused: float = 0.0
    doubted: float = 0.0


class ModelSelection:
    """Selection of one motion model for the whole stack.

    Parameters
    ----------
    scheduler : PairScheduler
        Holds the reduced planes and their pair alignments.
    tree : Tree
        Planes joined to the reference by pair alignments.
    textures : Textures
        Texture of all planes.
    check : callable
        Called between comparisons; may raise to cancel.
    """

    def __init__(
        self, scheduler: PairScheduler, tree: Tree, textures: Textures, check: Callable[[], None]
    ) -> None:
        self._scheduler, self._tree, self._textures, self._check = scheduler, tree, textures, check
        self._fixed = scheduler.reduced_plane(tree.reference)

    def choice(self) -> Choice:
        """Select the model.

        The model suggested by intensities must be confirmed by texture; failing that, a shift of
        the texture itself may be confirmed, or the model relative to that shift. Only a shift is
        accepted for optical sections, because a lit ring that grows is no magnification. A slow
        magnification that removes too little of the mismatch to be suggested is accepted if the
        texture follows it. A model requested by `Settings.align` is used whether confirmed or not.

        Returns
        -------
        Choice
            The model with its transforms and support.
        """
        models, tree = self._scheduler.models, self._tree
        if len(tree.paths) < 2:
            return Choice(models[0], tree.along(models[0]))
        if len(models) == 1:
            paths = tree.along(models[0])
            return Choice(models[0], paths, self._support(tree.still, paths))
        found = self._confirmed()
        return self._magnified(found) if found.model in ("none", "shift") else found

    def _confirmed(self) -> Choice:
        """Return the model suggested by intensities, or a shift of texture, once confirmed."""
        models, tree = self._scheduler.models, self._tree
        model = self._least_model(models[:2] if self._textures.of_sections else models)
        if model == "none":
            return self._shift() if self._may_shift() else Choice("none", tree.still)
        proposed = tree.along(model)
        over_still = self._support(tree.still, proposed)
        if over_still.bears_out and self._adds_to_shift(model, proposed):
            choice = Choice(model, proposed, over_still)
            return self._better_shift(choice) if model == "shift" else choice
        shift = self._shift()
        over_this = self._support(shift.paths, proposed)
        if model != "shift" and over_this.bears_out:
            return Choice(model, proposed, over_still if over_still.bears_out else over_this)
        return replace(shift, refused=self._farthest(proposed) if shift.model == "none" else 0.0)

    def _magnified(self, lesser: Choice) -> Choice:
        """Return the similarity if the texture follows it relative to both shifts, else `lesser`.

        Magnification by 0.1 % changes the texture of neighbours by 3 %, noise and defocus by more;
        planes farther apart show other things.
        """
        tree = self._tree
        if self._textures.of_sections or "similarity" not in self._scheduler.models:
            return lesser
        proposed = tree.along("similarity")
        both = (tree.along("shift"), lesser.paths)
        if any(self._distance(paths, proposed) <= STILL for paths in both):
            return lesser
        followed = [self._followed(paths, proposed) for paths in both]
        if all(one.is_followed for one in followed):
            return Choice("similarity", proposed, self._support(tree.still, proposed))
        suggested = all(one.is_suggested for one in followed)
        return replace(lesser, doubted=self._distance(lesser.paths, proposed) if suggested else 0.0)

    def _followed(self, before: Paths, after: Paths) -> FollowedMotion:
        """Compare the texture of neighbours with the motion from one set of paths to the other."""
        found = []
        for pair in self._neighbours():
            self._check()
            inner, outer = (self._textures[k] for k in pair)
            found.append(FollowedMotion.of(inner, outer, *_steps(pair, before, after)))
        return FollowedMotion.together(found)

    def _adds_to_shift(self, model: Model, proposed: Paths) -> bool:
        """Return whether a richer model than a shift is confirmed relative to the shift as well."""
        return model == "shift" or self._support(self._tree.along("shift"), proposed).bears_out

    def _farthest(self, paths: Paths) -> float:
        """Return the corner motion, in pixels, of the plane that moves most."""
        return self._distance(self._tree.still, paths)

    def _distance(self, before: Paths, after: Paths) -> float:
        """Return the corner distance, in pixels, of the plane whose two transforms differ most."""
        return max(corner_distance(before[k], after[k], self._fixed.shape) for k in after)

    def _shift(self) -> Choice:
        """Return the shift of texture if it is large enough and confirmed, else no motion."""
        still, shift = self._tree.still, self._by_texture()
        known = self._support(still, shift)
        if self._farthest(shift) > STILL and known.bears_out:
            return Choice("shift", shift, known, by_texture=True)
        return Choice("none", still)

    def _better_shift(self, known: Choice) -> Choice:
        """Return the shift of intensities, or that of texture if it fits most regions better."""
        shift = self._by_texture()
        more = self._support(known.paths, shift).neighbours
        if more.left < WORSE and more.votes > 0.5:
            return Choice("shift", shift, self._support(self._tree.still, shift), by_texture=True)
        return known

    def _support(self, before: Paths, after: Paths) -> MotionSupport:
        """Compare texture by two sets of transforms from the reference plane."""
        neighbours = self._neighbours()
        from_reference = [
            (self._tree.reference, k) for inner, k in neighbours if inner != self._tree.reference
        ]

        def mismatches(pairs: list[tuple[int, int]]) -> Mismatches:
            return Mismatches.together(self._mismatches(pair, before, after) for pair in pairs)

        shape = self._fixed.shape
        moves = [corner_distance(*_steps(pair, before, after), shape) for pair in neighbours]
        order = sorted([self._tree.reference, *self._tree.parents])
        apart = list(zip(order, order[max(2, len(order) // 4) :], strict=False))
        slow = bool(apart) and np.quantile(moves, 0.9) < SLOW
        return MotionSupport(
            mismatches(neighbours),
            mismatches(from_reference),
            mismatches(evenly_taken(apart, self._compared())) if slow else None,
            self._textures.of_sections,
        )

    def _mismatches(self, pair: tuple[int, int], before: Paths, after: Paths) -> Mismatches:
        self._check()
        inner, outer = (self._textures[k] for k in pair)
        return Mismatches.of(inner, outer, *_steps(pair, before, after))

    def _neighbours(self) -> list[tuple[int, int]]:
        """Return the adjacent planes to compare, the one closer to the reference first."""
        some = evenly_taken(list(self._tree.parents), self._compared())
        return [(self._tree.parents[k], k) for k in some]

    def _compared(self) -> int:
        """Return how many pairs to compare: all of small planes, some of large ones."""
        return max(FEWEST_COMPARED, MOST_COMPARED_PIXELS // self._fixed.levels[0].size)

    def _may_shift(self) -> bool:
        """Return whether texture may move although intensities suggest no motion.

        In optical sections the lit zone hides slow drift, which is visible only over the whole
        stack. In other stacks it is visible between some neighbours.
        """
        if self._textures.of_sections:
            return True
        found = []
        for k in evenly_taken(list(self._tree.parents), FEWEST_COMPARED // 2):
            self._check()
            fixed, moving = self._textures[self._tree.parents[k]], self._textures[k]
            step = texture_shift(fixed, moving, np.eye(3))
            found.append(Mismatches.of(fixed, moving, np.eye(3), step))
        known = Mismatches.together(found)
        return known.left < MOST_LEFT and known.votes > LEAST_VOTES

    def _by_texture(self) -> Paths:
        """Estimate the transforms from the reference plane by shifts of texture alone."""
        shifts = {self._tree.reference: np.eye(3)}
        for k, parent in self._tree.parents.items():
            self._check()
            start = self._tree.pairs[k].transforms["shift"]
            step = _nearest_shift(self._textures[parent], self._textures[k], start)
            shifts[k] = composed(step, shifts[parent])
        return shifts

    def _least_model(self, models: tuple[Model, ...]) -> Model:
        """Return the model with the fewest parameters that explains as much as the richer ones."""
        pairs = self._tree.pairs.values()
        mismatches = [[pair.mismatches for pair in pairs], self._from_reference()]
        best = models[0]
        for model in models[1:]:
            most = sum(pair.gains[model] - pair.gains[best] for pair in pairs)
            if most > FITS_MOST * len(pairs) or any(
                _explains(some, model, best) for some in mismatches
            ):
                best = model
        return next(model for model in models if not self._apart(model, best))

    def _from_reference(self) -> list[dict[Model, float]]:
        """Return each plane's mismatch with the reference by model: slow motion adds up there."""
        regions = self._scheduler.regions
        region = None if regions is None else regions[0]
        mismatches = []
        for k in self._tree.parents:
            self._check()
            here, paths = self._scheduler.reduced_plane(k), self._tree.paths[k]
            different = {path.tobytes(): path for path in paths.values()}
            known = {
                key: 1 - self._fixed.correlation(here, path, region)
                for key, path in different.items()
            }
            mismatches.append({model: known[path.tobytes()] for model, path in paths.items()})
        return mismatches

    def _apart(self, a: Model, b: Model) -> bool:
        shape, paths = self._fixed.shape, self._tree.paths.values()
        return any(corner_distance(path[a], path[b], shape) > STILL for path in paths)


def _nearest_shift(fixed: Texture, moving: Texture, start: Matrix) -> Matrix:
    """Estimate the shift of texture from `start` or from no motion, whichever fits better.

    Where the lit zone moves sideways with focus, intensities start too far off to recover.
    """
    found = texture_shift(fixed, moving, start)
    if np.array_equal(start, np.eye(3)):
        return found
    other = texture_shift(fixed, moving, np.eye(3))
    return other if Mismatches.of(fixed, moving, found, other).left < 1 else found


def _steps(pair: tuple[int, int], before: Paths, after: Paths) -> tuple[Matrix, Matrix]:
    """Return the transforms from one plane of a pair to the other by two sets of paths."""
    inner, outer = pair
    old, new = (paths[outer] @ np.linalg.inv(paths[inner]) for paths in (before, after))
    return old, new


def _explains(mismatches: list[dict[Model, float]], model: Model, lesser: Model) -> bool:
    """Return whether a model removes enough of the mismatch that a simpler one leaves."""
    left, before = (sum(pair[one] for pair in mismatches) for one in (model, lesser))
    return left < (1 - LEAST_EXPLAINED) * before
