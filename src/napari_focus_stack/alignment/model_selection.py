"""Which motion a stack gets: the least model that explains it, if texture bears it out."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._utils.sampling import evenly_taken
from napari_focus_stack.alignment.motion_support import (
    LEAST_VOTES,
    MOST_LEFT,
    SLOW,
    WORSE,
    Mismatches,
    MotionSupport,
)
from napari_focus_stack.alignment.optical_sections import comes_and_goes
from napari_focus_stack.alignment.pairwise import FITS_MOST
from napari_focus_stack.alignment.texture import (
    Texture,
    texture_noise,
    texture_shift,
)
from napari_focus_stack.imgproc.transforms import composed, corner_distance

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_focus_stack.alignment.scheduler import PairScheduler
    from napari_focus_stack.alignment.spanning_tree import Tree
    from napari_focus_stack.imgproc.transforms import Matrix, Model

    Paths = dict[int, Matrix]

STILL = 0.5
"""Motion that stays under this many pixels at every corner is left alone: resampling costs more."""
LEAST_EXPLAINED = 0.07
"""Part of the mismatch between neighbours, or from the reference, that a model must remove.

Real motion removed 9 % (a zoom of 0.2 % a plane on 128 x 160 pixels) to 90 %, noise and changing
content (light-sheet, confocal) at most 6 %.
"""
MOST_TEXTURES = 4
"""Textures that are kept: a plane is compared with the next, and both with the reference."""
FEWEST_COMPARED = 8
MOST_COMPARED_PIXELS = 2_500_000
"""Pairs of planes whose texture is compared at least, and pixels of them at most beyond that."""


class Textures:
    """Texture of planes by their number, made when it is asked for.

    Parameters
    ----------
    scheduler : PairScheduler
        Has the views of all planes.
    planes : sequence of int
        Those that show what the reference shows: noise is measured on them.
    """

    def __init__(self, scheduler: PairScheduler, planes: list[int]) -> None:
        self._scheduler, self._planes = scheduler, planes
        self._kept: OrderedDict[int, Texture] = OrderedDict()

    def __getitem__(self, k: int) -> Texture:
        """Texture of plane `k`."""
        if k not in self._kept:
            view = self._scheduler.view(k)
            made = Texture.of(view, self._noise, self._scheduler.region, fine=self.of_sections)
            self._kept[k] = made
            if len(self._kept) > MOST_TEXTURES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(k)
        return self._kept[k]

    @cached_property
    def of_sections(self) -> bool:
        """Whether light comes and goes with focus."""
        return comes_and_goes(self._scheduler.view(k).light.recorded for k in self._planes)

    @cached_property
    def _noise(self) -> float:
        some = (self._scheduler.view(k) for k in evenly_taken(self._planes, FEWEST_COMPARED))
        return texture_noise(some, fine=self.of_sections)


@dataclass(frozen=True)
class Choice:
    """The model that was chosen.

    Attributes
    ----------
    model : str
        One that may move, or "none".
    paths : dict of int to numpy.ndarray
        (3, 3) from the reference plane to each plane.
    support : MotionSupport or None
        What texture says of it; None where nothing moved.
    by_texture : bool
        Whether the transforms are those of texture, not of intensities.
    refused : float
        Pixels that intensities would have moved a corner by, if texture did not bear that out.
    """

    model: Model
    paths: Paths
    support: MotionSupport | None = None
    by_texture: bool = False
    refused: float = 0.0


class ModelSelection:
    """Chooses for the stack as a whole.

    Parameters
    ----------
    scheduler : PairScheduler
        Has the views of all planes.
    tree : Tree
        How planes are joined.
    textures : Textures
        Of all planes.
    check : callable
        Called once in a while; may raise.
    """

    def __init__(
        self, scheduler: PairScheduler, tree: Tree, textures: Textures, check: Callable[[], None]
    ) -> None:
        self._scheduler, self._tree, self._textures, self._check = scheduler, tree, textures, check
        self._fixed = scheduler.view(tree.reference)

    def choice(self) -> Choice:
        """Choose the model.

        What intensities let choose must be borne out by texture; if it is not, a shift of the
        texture itself may be, or the model over that. Nothing but a shift is believed where light
        comes and goes with focus, for a lit ring that grows is no magnification. A model that was
        asked for is taken, borne out or not.
        """
        models, tree = self._scheduler.models, self._tree
        if len(tree.paths) < 2:
            return Choice(models[0], tree.along(models[0]))
        if len(models) == 1:
            paths = tree.along(models[0])
            return Choice(models[0], paths, self._support(tree.still, paths))
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

    def _adds_to_shift(self, model: Model, proposed: Paths) -> bool:
        """Whether more than a shift is borne out, too."""
        return model == "shift" or self._support(self._tree.along("shift"), proposed).bears_out

    def _farthest(self, paths: Paths) -> float:
        """Pixels that a corner moves, in the plane that moves most."""
        shape = self._fixed.shape
        return max(corner_distance(path, np.eye(3), shape) for path in paths.values())

    def _shift(self) -> Choice:
        """A shift of texture, if it is one."""
        still, shift = self._tree.still, self._by_texture()
        known = self._support(still, shift)
        if self._farthest(shift) > STILL and known.bears_out:
            return Choice("shift", shift, known, by_texture=True)
        return Choice("none", still)

    def _better_shift(self, known: Choice) -> Choice:
        """The shift of intensities, or that of texture if most regions fit better by it."""
        shift = self._by_texture()
        more = self._support(known.paths, shift).neighbours
        if more.left < WORSE and more.votes > 0.5:
            return Choice("shift", shift, self._support(self._tree.still, shift), by_texture=True)
        return known

    def _support(self, before: Paths, after: Paths) -> MotionSupport:
        """What texture says of some transforms from the reference plane, against others."""
        moved = list(self._tree.parents)
        some = evenly_taken(moved, self._compared())
        near = [(self._tree.parents[k], k) for k in some]
        afar = [(self._tree.reference, k) for inner, k in near if inner != self._tree.reference]

        def known(pairs: list[tuple[int, int]]) -> Mismatches:
            return Mismatches.together(self._mismatches(pair, before, after) for pair in pairs)

        shape = self._fixed.shape
        far = [corner_distance(*_steps(pair, before, after), shape) for pair in near]
        order = sorted([self._tree.reference, *moved])
        apart = list(zip(order, order[max(2, len(order) // 4) :], strict=False))
        slow = bool(apart) and np.quantile(far, 0.9) < SLOW
        return MotionSupport(
            known(near),
            known(afar),
            known(evenly_taken(apart, self._compared())) if slow else None,
            self._textures.of_sections,
        )

    def _mismatches(self, pair: tuple[int, int], before: Paths, after: Paths) -> Mismatches:
        self._check()
        inner, outer = (self._textures[k] for k in pair)
        return Mismatches.of(inner, outer, *_steps(pair, before, after))

    def _compared(self) -> int:
        """How many pairs are compared: all of small planes, some of large ones."""
        return max(FEWEST_COMPARED, MOST_COMPARED_PIXELS // self._fixed.levels[0].size)

    def _may_shift(self) -> bool:
        """Whether texture may move, although intensities say it does not.

        In sections what is lit hides slow drift: it shows over the whole stack alone. Elsewhere it
        shows between some neighbours.
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
        """Transforms from the reference plane if texture shifts alone."""
        shifts = {self._tree.reference: np.eye(3)}
        for k, parent in self._tree.parents.items():
            self._check()
            start = self._tree.links[k].transforms["shift"]
            step = _nearest_shift(self._textures[parent], self._textures[k], start)
            shifts[k] = composed(step, shifts[parent])
        return shifts

    def _least_model(self, models: tuple[Model, ...]) -> Model:
        """The model with the fewest parameters that explains as much as the richer ones."""
        links = self._tree.links.values()
        seen = [[link.mismatches for link in links], self._from_reference()]
        best = models[0]
        for model in models[1:]:
            most = sum(link.gains[model] - link.gains[best] for link in links)
            if most > FITS_MOST * len(links) or any(
                _explains(mismatches, model, best) for mismatches in seen
            ):
                best = model
        return next(model for model in models if not self._apart(model, best))

    def _from_reference(self) -> list[dict[Model, float]]:
        """Mismatch of each plane with the reference: slow motion shows from afar."""
        region = self._scheduler.finest_region
        mismatches = []
        for k in self._tree.parents:
            self._check()
            here, paths = self._scheduler.view(k), self._tree.paths[k]
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
    """Shift of texture between two planes, from `start` or from none, whichever fits better.

    Where the lit zone moves sideways with focus, intensities start too far off to come back.
    """
    found = texture_shift(fixed, moving, start)
    if np.array_equal(start, np.eye(3)):
        return found
    other = texture_shift(fixed, moving, np.eye(3))
    return other if Mismatches.of(fixed, moving, found, other).left < 1 else found


def _steps(pair: tuple[int, int], before: Paths, after: Paths) -> tuple[Matrix, Matrix]:
    """Transform from one plane to another, by two sets of paths."""
    inner, outer = pair
    old, new = (paths[outer] @ np.linalg.inv(paths[inner]) for paths in (before, after))
    return old, new


def _explains(mismatches: list[dict[Model, float]], model: Model, lesser: Model) -> bool:
    """Whether a model removes enough of the mismatch that a lesser one leaves."""
    left, before = (sum(seen[one] for seen in mismatches) for one in (model, lesser))
    return left < (1 - LEAST_EXPLAINED) * before
