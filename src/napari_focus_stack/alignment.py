"""How planes moved against each other: planes in, transforms out.

Planes that are neighbours in focus look alike, so each is compared with a neighbour nearer to the
reference, and the steps are composed. What moved is decided for the stack as a whole: the least
model that explains the motion, and no motion where none is worth a resampling.
"""

from __future__ import annotations

import heapq
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.brightness import Brightness
from napari_focus_stack.crew import ahead
from napari_focus_stack.linking import WORKERS, Linker
from napari_focus_stack.links import FITS_MOST, models_of
from napari_focus_stack.order import distances, follows_focus, in_order_of_focus
from napari_focus_stack.refinement import refine
from napari_focus_stack.texture import (
    LEAST_VOTES,
    MOST_LEFT,
    SLOW,
    SOME_COVERED,
    WORSE,
    Mismatches,
    Support,
    Texture,
    spread_over,
    texture_noise,
    texture_shift,
)
from napari_focus_stack.transforms import corner_distance, is_plausible
from napari_focus_stack.views import View

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from numpy.typing import NDArray

    from napari_focus_stack.links import Link
    from napari_focus_stack.registration import Plane
    from napari_focus_stack.settings import Align
    from napari_focus_stack.transforms import Matrix, Model

BLANK = 0.03
"""A plane with less than this part of the reference's contrast shows nothing to align."""
MOST_DRIFT = 2.0
"""Gain beyond which brightness follows the focus, as in optical sections, and is no lamp's."""
FADED = 0.5
"""Contrast of the last plane that shows anything, as a part of the reference's, below which blank
planes beyond it are the end of what is there and not a mishap."""
STILL = 0.5
"""Motion that stays under this many pixels at every corner is left alone: resampling costs more."""
EXPLAINED = 0.07
"""Part of the mismatch between neighbours, or from the reference, that a model must remove.

Real motion removed 9 % (a zoom of 0.2 % a plane on 128 x 160 pixels) to 90 %, noise and changing
content (light-sheet, confocal) at most 6 %.
"""
FEWEST_COMPARED = 8
MOST_COMPARED_PIXELS = 2_500_000
"""Pairs of planes whose texture is compared at least, and pixels of them at most beyond that."""
LONG_CHAIN = 24
"""Links from the reference from which on their errors add up to more than the composite's."""
TRIES = 2
"""Neighbours that a plane is compared with before it counts as foreign."""
NOT_FINITE = "it holds no finite value"
IS_BLANK = "it shows nothing (blank)"
TOO_FAR = "from the reference plane to it is farther than a lens or a stage moves"
FOREIGN = "it does not show what its neighbours show"
GIVEN = "the given transforms leave it out"


@dataclass
class Alignment:
    """Where every plane lies over the reference plane.

    Attributes
    ----------
    reference : int
        Number of the plane the others were aligned to.
    model : str
        The model all transforms follow; "given" if they were not estimated.
    transforms : numpy.ndarray
        (n, 3, 3) float64, reference pixel (x, y, 1) to pixel of plane k; NaN for a plane left out.
    residuals : list of float or None
        1 minus the correlation of each plane with the neighbour it was compared with.
    brightness : list of Brightness or None
        What brings each plane to the reference plane's brightness.
    holds_together : bool
        Whether more than half of the planes were found to show what the reference shows.
    support : Support or None
        What texture says of the motion; None where nothing moved or nothing was looked for.
    order : list of int
        The planes that take part in the order of focus: that of the files, unless it cannot be.
    left_out : dict of int to str
        Planes that fit nowhere, and why.
    """

    reference: int
    model: str
    transforms: NDArray[np.float64]
    residuals: list[float | None]
    brightness: list[Brightness | None]
    holds_together: bool = True
    support: Support | None = None
    order: list[int] = field(default_factory=list)
    left_out: dict[int, str] = field(default_factory=dict)

    @property
    def fitting(self) -> list[int]:
        """Numbers of the planes that take part."""
        return [k for k in range(len(self.residuals)) if k not in self.left_out]

    @property
    def in_order(self) -> bool:
        """Whether planes that follow each other are neighbours in focus."""
        return self.order == self.fitting

    @property
    def gains(self) -> list[float | None]:
        """Factor that brings each plane to the reference plane's brightness."""
        return [None if b is None else b.gain for b in self.brightness]

    @property
    def offsets(self) -> list[float | None]:
        """What is to be added after the gain."""
        return [None if b is None else b.offset for b in self.brightness]

    @property
    def brightness_drifts(self) -> bool:
        """Whether the lamp changed; light that comes and goes with focus changes by more."""
        known = [b for b in self.brightness if b is not None]
        lamp = all(1 / MOST_DRIFT < b.gain < MOST_DRIFT for b in known)
        return lamp and any(b.drifts for b in known)


def align_steps(
    read: Callable[[int], NDArray[Any]],
    n: int,
    reference: int,
    align: Align,
    *,
    reduction: int = 1,
    region: NDArray[np.bool_] | None = None,
    check: Callable[[], None] = lambda: None,
    readers: int = 0,
    workers: int = WORKERS,
) -> Generator[int, None, Alignment]:
    """Compare all planes; yields the number of each plane before it is asked for.

    Parameters
    ----------
    read : callable
        Gives plane k as (Y, X[, C]) uint8, uint16 or float32.
    n : int
        How many planes there are.
    reference : int
        Plane the others are aligned to.
    align : str
        `Settings.align`. With "none" only the brightness is compared.
    reduction : int
        How much smaller than the planes of the stack those are that `read` gives.
    region : numpy.ndarray, optional
        (Y, X) bool: where motion is looked for.
    check : callable
        Called once in a while after the last plane was read; may raise.
    readers : int
        Threads that read ahead.
    workers : int
        Threads that compare planes while further ones are read.

    Returns
    -------
    Alignment
        Through ``StopIteration.value`` (or ``yield from``).
    """
    with Linker(models_of(align, region), reference, region, workers) as linker:
        with closing(ahead(read, range(n), readers)) as planes:
            for k in range(n):
                yield k
                linker.look(*next(planes), reduction)
        linker.settle(check)
        return _Chain(linker, n, reference, align, check).alignment()


def follow_steps(
    read: Callable[[int], NDArray[Any]],
    transforms: NDArray[np.float64],
    reference: int,
    *,
    reduction: int = 1,
) -> Generator[int, None, Alignment]:
    """Take transforms as given and compare the brightness only; yields each plane it reads.

    Parameters
    ----------
    read : callable
        Gives plane k as (Y, X[, C]) uint8, uint16 or float32.
    transforms : numpy.ndarray
        (n, 3, 3) float64; NaN for a plane to leave out.
    reference : int
        Plane whose brightness counts.
    reduction : int
        How much smaller than the planes of the stack those are that `read` gives.

    Returns
    -------
    Alignment
        Through ``StopIteration.value`` (or ``yield from``).
    """
    n = len(transforms)
    left_out = {k: GIVEN for k in range(n) if not np.isfinite(transforms[k]).all()}
    yield reference
    fixed = View.of(read(reference), reduction)
    known: list[Brightness | None] = [None] * n
    details: dict[int, Plane] = {}
    for k in range(n):
        if k in left_out:
            continue
        if k != reference:
            yield k
        here = fixed if k == reference else View.of(read(k), reduction)
        if here.contrast < 0:
            left_out[k] = NOT_FINITE
            continue
        details[k] = here.detail(transforms[k])
        if fixed.contrast >= 0:
            known[k] = Brightness.of(fixed, here, transforms[k])
    order = in_order_of_focus(list(details), details)
    return Alignment(
        reference, "given", transforms, [None] * n, known, order=order, left_out=left_out
    )


@dataclass(frozen=True)
class _Choice:
    """The model that was chosen.

    Attributes
    ----------
    model : str
        One that may move, or "none".
    paths : dict of int to numpy.ndarray
        (3, 3) from the reference plane to each plane.
    support : Support or None
        What texture says of it; None where nothing moved.
    by_texture : bool
        Whether the transforms are those of texture, not of intensities.
    """

    model: Model
    paths: dict[int, Matrix]
    support: Support | None = None
    by_texture: bool = False


class _Chain:
    """Planes joined to the reference, each by a link to a neighbour in focus."""

    def __init__(
        self, linker: Linker, n: int, reference: int, align: Align, check: Callable[[], None]
    ) -> None:
        self._linker = linker
        self._n, self._reference, self._align, self._check = n, reference, align, check
        self._fixed = linker.view(reference)
        self._unfit = self._showing_nothing()
        self._paths: dict[int, dict[Model, Matrix]] = {}
        self._parents: dict[int, int] = {}
        self._links: dict[int, Link] = {}
        self._details = linker.details
        self._join()
        if self._in_order(self._paths):
            # planes of another pass look less alike while they lie apart
            richest = linker.models[-1]
            self._details = linker.details | {
                k: linker.view(k).detail(path[richest]) for k, path in self._paths.items()
            }
            if not self._in_order(self._paths):
                self._join()

    def _showing_nothing(self) -> dict[int, str]:
        """Planes without a finite value, and blank ones, which only "none" can keep."""
        contrasts = [self._linker.contrasts[k] for k in range(self._n)]
        unfit = {k: NOT_FINITE for k, contrast in enumerate(contrasts) if contrast < 0}
        if self._align != "none":
            blank = (k for k in range(self._n) if k not in unfit and self._is_blank(k))
            unfit |= dict.fromkeys(blank, IS_BLANK)
        return unfit

    def _join(self) -> None:
        """Link planes to what is joined already, the nearest pair first (Prim, 1957)."""
        self._paths = {self._reference: {model: np.eye(3) for model in self._linker.models}}
        self._parents, self._links = {}, {}
        planes = [k for k in range(self._n) if k not in self._unfit or k == self._reference]
        apart = self._apart_by_focus(planes)
        tries = {k: TRIES for k in planes if k != self._reference}
        pairs = [(apart[self._reference, k], self._reference, k) for k in tries]
        heapq.heapify(pairs)
        while pairs:
            _, parent, k = heapq.heappop(pairs)
            if not tries[k]:
                continue
            self._check()
            link = self._linker.link(parent, k)
            if not (link.fits or self._align == "none"):
                tries[k] -= 1
                continue
            tries[k] = 0
            self._append(k, parent, link)
            for j, left in tries.items():
                if left:
                    heapq.heappush(pairs, (apart[k, j], k, j))

    def _apart_by_focus(self, planes: list[int]) -> NDArray[np.float64]:
        """How far planes are apart: in the order of the files, or in focus if that is another."""
        numbers = np.arange(self._n, dtype=float)
        apart = np.abs(numbers[:, None] - numbers)
        if not self._in_order(planes):
            apart[np.ix_(planes, planes)] = distances([self._details[k] for k in planes])
        return apart

    def _in_order(self, planes: Iterable[int]) -> bool:
        shown = self._shown()
        return follows_focus([shown[k] for k in sorted(planes) if k in shown])

    def _shown(self) -> dict[int, Plane]:
        """Detail of the planes that are not blank, which alone tell an order."""
        return {k: detail for k, detail in self._details.items() if not self._is_blank(k)}

    def _is_blank(self, k: int) -> bool:
        return self._linker.contrasts[k] < BLANK * self._fixed.contrast

    def _append(self, k: int, parent: int, link: Link) -> None:
        self._links[k], self._parents[k] = link, parent
        self._paths[k] = {
            model: _composed(link.transforms[model], so_far)
            for model, so_far in self._paths[parent].items()
        }

    def alignment(self) -> Alignment:
        """Choose the model, and what to do with planes that fit nowhere."""
        choice = self._chosen()
        model, paths = choice.model, choice.paths
        if model != "none" and not choice.by_texture and self._longest_way() > LONG_CHAIN:
            parents, region = self._parents, self._linker.finest_region
            paths = refine(paths, parents, model, self._linker.view, region, self._check)
        together = 2 * len(paths.keys() - self._unfit.keys()) > self._n - len(self._unfit)
        far = [k for k, path in paths.items() if not is_plausible(path, self._fixed.shape)]
        paths = {k: path for k, path in paths.items() if k not in far}
        if together and model in ("none", "shift"):
            paths = self._with_like(paths, far)
        transforms = np.full((self._n, 3, 3), np.nan)
        for k, path in paths.items():
            transforms[k] = path
        foreign = (k for k in range(self._n) if k not in paths)
        unfit = {k: why for k, why in self._unfit.items() if k not in paths or why == NOT_FINITE}
        left_out = dict.fromkeys(foreign, FOREIGN) | dict.fromkeys(far, TOO_FAR) | unfit
        fitting = [k for k in range(self._n) if k not in left_out]
        links = [self._links.get(k) for k in range(self._n)]
        return Alignment(
            self._reference,
            model,
            transforms,
            residuals=[None if link is None else link.mismatches[model] for link in links],
            brightness=[self._brightness(k, paths) for k in range(self._n)],
            holds_together=together,
            support=choice.support,
            order=in_order_of_focus(fitting, self._shown()),
            left_out=left_out,
        )

    def _brightness(self, k: int, paths: dict[int, Matrix]) -> Brightness | None:
        if k not in self._paths or k not in paths:
            return None
        self._check()
        return Brightness.of(self._fixed, self._linker.view(k), paths[k])

    def _with_like(self, paths: dict[int, Matrix], far: list[int]) -> dict[int, Matrix]:
        """Planes unlike their neighbours that show nothing else either, beside the others.

        Sections, inverted contrast, the dark ends of a stack: they lie as the next plane does, or
        as their texture does against it.
        """
        found = dict(paths)
        still = all(np.array_equal(path, np.eye(3)) for path in paths.values())
        faded = self._faded_ends()
        away = sorted(range(self._n), key=lambda k: abs(k - self._reference))
        for k in away:
            if k in found or k in far or (k in self._unfit and k not in faded):
                continue
            self._check()
            beside = min(found, key=lambda j: (abs(j - k), j))
            fixed, moving = self._texture(beside), self._texture(k)
            step = texture_shift(fixed, moving, np.eye(3))
            known = Mismatches.of(fixed, moving, np.eye(3), step, least=SOME_COVERED)
            if k not in faded and known.of_another_place and not self._has_company(k):
                continue
            moves = known.left < MOST_LEFT and known.votes > LEAST_VOTES and not still
            step = self._fixed.full_size(step) if moves else np.eye(3)
            found[k] = _composed(step, found[beside])
        return found

    def _has_company(self, k: int) -> bool:
        """Whether the plane before or after, as odd as this one, shows the same: a section more."""
        beside = [j for j in (k - 1, k + 1) if 0 <= j < self._n]
        odd = [j for j in beside if j not in self._paths and j not in self._unfit]
        return any(self._linker.link(min(j, k), max(j, k)).fits for j in odd)

    def _faded_ends(self) -> set[int]:
        """Blank planes at the ends of a stack whose light fades towards them."""
        faded: set[int] = set()
        for way in (range(self._n), range(self._n - 1, -1, -1)):
            end = list(takewhile(lambda k: self._unfit.get(k) == IS_BLANK, way))
            last = way[len(end)] if len(end) < self._n else self._reference
            if self._linker.contrasts[last] < FADED * self._fixed.contrast:
                faded.update(end)
        return faded

    def _chosen(self) -> _Choice:
        """Choose the model.

        What intensities let choose must be borne out by texture; if it is not, a shift of the
        texture itself may be. A model that was asked for is taken, borne out or not.
        """
        models = self._linker.models
        model = self._least_model()
        paths = {k: path[model] for k, path in self._paths.items()}
        still = {k: np.eye(3) for k in self._paths}
        if len(self._paths) < 2 or models == ("none",):
            return _Choice(model, paths)
        if len(models) == 1:
            return _Choice(model, paths, self._support(still, paths))
        if model != "none":
            shift = {k: path["shift"] for k, path in self._paths.items()}
            known = self._support(still, paths)
            more = known if model == "shift" else self._support(shift, paths)
            if known.bears_out and more.bears_out:
                found = _Choice(model, paths, known)
                return self._better_shift(found) if model == "shift" else found
        elif not self._may_shift():
            return _Choice("none", still)
        shift = self._by_texture()
        known = self._support(still, shift)
        far = max(corner_distance(path, np.eye(3), self._fixed.shape) for path in shift.values())
        shifts = far > STILL and known.bears_out
        if model not in ("none", "shift"):
            more = self._support(shift if shifts else still, paths)
            if more.bears_out:
                return _Choice(model, paths, self._support(still, paths))
        return _Choice("shift", shift, known, True) if shifts else _Choice("none", still)

    def _better_shift(self, known: _Choice) -> _Choice:
        """The shift of intensities, or that of texture if most regions fit better by it."""
        shift = self._by_texture()
        more = self._support(known.paths, shift).neighbours
        if more.left < WORSE and more.votes > 0.5:
            still = {k: np.eye(3) for k in shift}
            return _Choice("shift", shift, self._support(still, shift), True)
        return known

    def _support(self, before: dict[int, Matrix], after: dict[int, Matrix]) -> Support:
        """What texture says of some transforms from the reference plane, against others."""
        moved = [k for k in self._parents if k in after]
        some = spread_over(moved, self._compared())
        near = [(self._parents[k], k) for k in some]
        afar = [(self._reference, k) for k in some if self._parents[k] != self._reference]

        def known(pairs: list[tuple[int, int]]) -> Mismatches:
            return Mismatches.together(self._mismatches(pair, before, after) for pair in pairs)

        steps = [self._step(pair, before, after) for pair in near]
        shape = self._fixed.levels[0].shape
        slow = np.quantile([corner_distance(*step, shape) for step in steps], 0.9) < SLOW
        order = sorted([self._reference, *moved])
        apart = list(zip(order, order[max(2, len(order) // 4) :], strict=False))
        return Support(
            known(near),
            known(afar),
            known(spread_over(apart, self._compared())) if slow and apart else None,
        )

    def _step(
        self, pair: tuple[int, int], before: dict[int, Matrix], after: dict[int, Matrix]
    ) -> tuple[Matrix, Matrix]:
        """Transform from one plane to another at the working size, by two sets of paths."""
        inner, outer = pair
        old, new = (
            self._fixed.working_size(paths[outer] @ np.linalg.inv(paths[inner]))
            for paths in (before, after)
        )
        return old, new

    def _mismatches(
        self, pair: tuple[int, int], before: dict[int, Matrix], after: dict[int, Matrix]
    ) -> Mismatches:
        self._check()
        inner, outer = (self._texture(k) for k in pair)
        return Mismatches.of(inner, outer, *self._step(pair, before, after))

    def _texture(self, k: int) -> Texture:
        return Texture.of(self._linker.view(k), self._texture_noise, self._linker.finest_region)

    @cached_property
    def _texture_noise(self) -> float:
        """Contrast of fine detail in the plane that shows least of it."""
        some = spread_over(sorted(self._paths), FEWEST_COMPARED)
        return texture_noise(self._linker.view(k) for k in some)

    def _compared(self) -> int:
        """How many pairs are compared: all of small planes, some of large ones."""
        return max(FEWEST_COMPARED, MOST_COMPARED_PIXELS // self._fixed.levels[0].size)

    def _may_shift(self) -> bool:
        """Whether texture moves between some neighbours, although intensities say it does not."""
        some = spread_over(list(self._parents), FEWEST_COMPARED // 2)
        found = []
        for k in some:
            self._check()
            fixed, moving = self._texture(self._parents[k]), self._texture(k)
            step = texture_shift(fixed, moving, np.eye(3))
            found.append(Mismatches.of(fixed, moving, np.eye(3), step))
        known = Mismatches.together(found)
        return known.left < MOST_LEFT and known.votes > LEAST_VOTES

    def _by_texture(self) -> dict[int, Matrix]:
        """Transforms from the reference plane if texture shifts alone."""
        shifts = {self._reference: np.eye(3)}
        for k, parent in self._parents.items():  # a parent comes before its children
            self._check()
            start = self._fixed.working_size(self._links[k].transforms["shift"])
            step = texture_shift(self._texture(parent), self._texture(k), start)
            shifts[k] = _composed(self._fixed.full_size(step), shifts[parent])
        return shifts

    def _longest_way(self) -> int:
        ways = {self._reference: 0}
        for k, parent in self._parents.items():  # a parent comes before its children
            ways[k] = ways[parent] + 1
        return max(ways.values())

    def _least_model(self) -> Model:
        """The model with the fewest parameters that explains as much as the richer ones."""
        models = self._linker.models
        if len(models) == 1:
            return models[0]
        links = self._links.values()
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
        region = self._linker.finest_region
        mismatches = []
        for k in self._parents:
            self._check()
            here, paths = self._linker.view(k), self._paths[k]
            different = {path.tobytes(): path for path in paths.values()}
            known = {
                key: 1 - self._fixed.correlation(here, path, region)
                for key, path in different.items()
            }
            mismatches.append({model: known[path.tobytes()] for model, path in paths.items()})
        return mismatches

    def _apart(self, a: Model, b: Model) -> bool:
        shape = self._fixed.shape
        return any(corner_distance(p[a], p[b], shape) > STILL for p in self._paths.values())


def _composed(step: Matrix, so_far: Matrix) -> Matrix:
    path: Matrix = step @ so_far
    path /= path[2, 2]
    return path


def _explains(mismatches: list[dict[Model, float]], model: Model, lesser: Model) -> bool:
    """Whether a model removes enough of the mismatch that a lesser one leaves."""
    left, before = (sum(seen[one] for seen in mismatches) for one in (model, lesser))
    return left < (1 - EXPLAINED) * before
