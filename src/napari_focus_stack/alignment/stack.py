"""Alignment of a stack: planes in, transforms out.

Planes that are neighbours in focus look alike, so each is compared with a neighbour closer to the
reference, and the steps are composed. The motion model is selected for the stack as a whole: the
simplest that explains the motion, and no motion where none justifies resampling.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_focus_stack._utils.spilled_cache import SpilledCache
from napari_focus_stack._utils.threads import prefetch
from napari_focus_stack.alignment.focus_order import in_order_of_focus
from napari_focus_stack.alignment.illumination_drift import compare_illumination
from napari_focus_stack.alignment.joint_refinement import refine_jointly
from napari_focus_stack.alignment.model_selection import Choice, ModelSelection
from napari_focus_stack.alignment.motion_support import (
    LEAST_VOTES,
    MOST_LEFT,
    SOME_COVERED,
    Mismatches,
)
from napari_focus_stack.alignment.optical_sections import comes_and_goes
from napari_focus_stack.alignment.pairwise import models_of
from napari_focus_stack.alignment.reduced_planes import ReducedPlane
from napari_focus_stack.alignment.result import Alignment
from napari_focus_stack.alignment.scheduler import WORKERS, PairScheduler
from napari_focus_stack.alignment.spanning_tree import IS_BLANK, NOT_FINITE, ChainOrder
from napari_focus_stack.alignment.texture import texture_shift
from napari_focus_stack.alignment.texture_cache import Textures
from napari_focus_stack.imgproc.transforms import composed, is_plausible

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.alignment.brightness import Brightness, IlluminationSample
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix
    from napari_focus_stack.settings import MotionModel

T = TypeVar("T")

FADED = 0.5
"""Contrast of the last plane that is not blank, as a part of the reference's, below which blank
planes beyond it are the end of the specimen and not a mishap."""
LONG_CHAIN = 24
"""Pair alignments from the reference beyond which their errors add up to more than the
composite's."""
TOO_FAR = "from the reference plane to it is farther than a lens or a stage moves"
FOREIGN = "it does not show what its neighbours show"
NO_PRIOR_TRANSFORM = "the given transforms leave it out"


def align_steps(
    read: Callable[[int], NDArray[Any]],
    n: int,
    reference: int,
    align: MotionModel,
    *,
    others: Sequence[int] = (),
    reduction: int = 1,
    region: NDArray[np.bool_] | None = None,
    check: Callable[[], None] = lambda: None,
    readers: int = 0,
    workers: int = WORKERS,
) -> Generator[int, None, Alignment]:
    """Align all planes of a stack.

    Parameters
    ----------
    read : callable
        Returns plane k as (Y, X[, C]) uint8, uint16 or float32.
    n : int
        Number of planes.
    reference : int
        Number of the plane that the others are aligned to.
    align : str
        `Settings.align`. With "none" only the brightness is compared.
    others : sequence of int
        Planes to try as the reference if most planes do not show the same as `reference`.
    reduction : int
        Factor by which the planes that `read` returns are smaller than those of the stack.
    region : numpy.ndarray, optional
        (Y, X) bool, True where motion is estimated.
    check : callable
        Called repeatedly after the last plane was read; may raise to cancel.
    readers : int
        Threads that read ahead.
    workers : int
        Threads that compare planes while further ones are read.

    Returns
    -------
    Alignment
        Through ``StopIteration.value`` (or ``yield from``). If most planes fit with no reference,
        nothing is moved.

    Yields
    ------
    int
        Number of each plane before it is read.
    """
    with PairScheduler(models_of(align, region), reference, region, workers) as scheduler:
        with closing(prefetch(read, range(n), readers)) as planes:
            for k in range(n):
                yield k
                scheduler.add_plane(*next(planes), reduction)
        scheduler.finish(check)
        found = _Chain(scheduler, n, reference, align, check).alignment()
        for other in (k for k in others if not found.holds_together):
            if other in scheduler.largest_group:
                found = _Chain(scheduler, n, other, align, check).alignment()
        if found.holds_together:
            return found
        still = _Chain(scheduler, n, reference, "none", check).alignment()
        return replace(still, holds_together=False)


def apply_transforms_steps(
    read: Callable[[int], NDArray[Any]],
    transforms: NDArray[np.float64],
    reference: int,
    *,
    reduction: int = 1,
) -> Generator[int, None, Alignment]:
    """Use prior transforms and compare the brightness only.

    Parameters
    ----------
    read : callable
        Returns plane k as (Y, X[, C]) uint8, uint16 or float32.
    transforms : numpy.ndarray
        (n, 3, 3) float64; NaN for a plane to leave out.
    reference : int
        Number of the plane whose brightness is the standard.
    reduction : int
        Factor by which the planes that `read` returns are smaller than those of the stack.

    Returns
    -------
    Alignment
        Through ``StopIteration.value`` (or ``yield from``).

    Yields
    ------
    int
        Number of each plane before it is read.
    """
    n = len(transforms)
    left_out = {k: NO_PRIOR_TRANSFORM for k in range(n) if not np.isfinite(transforms[k]).all()}
    yield reference
    fixed = ReducedPlane.of(read(reference), reduction)
    details: dict[int, Plane] = {}
    contrasts: dict[int, float] = {}
    lights: SpilledCache[IlluminationSample] = SpilledCache()
    with closing(lights):
        for k in range(n):
            if k in left_out:
                continue
            if k != reference:
                yield k
            here = fixed if k == reference else ReducedPlane.of(read(k), reduction)
            if here.contrast < 0:
                left_out[k] = NOT_FINITE
                continue
            details[k], contrasts[k] = here.detail(transforms[k]), here.contrast
            lights.put(k, here.light)
        paths = showing({k: transforms[k] for k in details}, contrasts)
        of_sections = comes_and_goes(lights[k].recorded for k in paths)
        known: dict[int, Brightness] = {}
        if reference in paths:
            known = compare_illumination(lights.__getitem__, paths, reference, of_sections)
    return Alignment(
        reference,
        "given",
        transforms,
        residuals=[None] * n,
        brightness=[known.get(k) for k in range(n)],
        of_sections=of_sections,
        order=in_order_of_focus(list(details), details),
        left_out=left_out,
    )


def showing(paths: dict[int, T], contrasts: dict[int, float]) -> dict[int, T]:
    """Return the planes whose brightness can be compared: those that show anything.

    Parameters
    ----------
    paths : dict of int to object
        Transforms of planes.
    contrasts : dict of int to float
        Contrast of each plane, 0 for one of a single value.

    Returns
    -------
    dict of int to object
        The planes with contrast; all if none has any.
    """
    return {k: path for k, path in paths.items() if contrasts[k] > 0} or paths


class _Chain:
    """Planes joined to one reference, and their transforms."""

    def __init__(
        self,
        scheduler: PairScheduler,
        n: int,
        reference: int,
        align: MotionModel,
        check: Callable[[], None],
    ) -> None:
        self._scheduler = scheduler
        self._n, self._reference, self._align, self._check = n, reference, align, check
        self._fixed = scheduler.reduced_plane(reference)
        joining = ChainOrder(scheduler, n, reference, align, check)
        self._tree, self._unfit, self._shown = joining.tree, joining.unfit, joining.shown
        self._textures = Textures(scheduler, sorted(showing(self._tree.paths, scheduler.contrasts)))

    def alignment(self) -> Alignment:
        """Select the motion model, and place or leave out the planes that fit nowhere."""
        tree = self._tree
        choice = Choice("none", tree.still)
        if self._align != "none":
            choice = ModelSelection(self._scheduler, tree, self._textures, self._check).choice()
        model, paths = choice.model, choice.paths
        if model != "none" and not choice.by_texture and tree.longest_path > LONG_CHAIN:
            regions = self._scheduler.regions
            paths = refine_jointly(
                paths, tree.parents, model, self._scheduler.reduced_plane, regions, self._check
            )
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
        pairs = [tree.pairs.get(k) for k in range(self._n)]
        return Alignment(
            self._reference,
            model,
            transforms,
            residuals=[None if pair is None else pair.mismatches[model] for pair in pairs],
            brightness=self._brightness(paths),
            of_sections=self._textures.of_sections,
            holds_together=together,
            support=choice.support,
            refused=choice.refused,
            doubted=choice.doubted,
            order=in_order_of_focus(fitting, self._shown),
            left_out=left_out,
        )

    def _brightness(self, paths: dict[int, Matrix]) -> list[Brightness | None]:
        joined = {k: path for k, path in paths.items() if k in self._tree.paths}
        shown = showing(joined, self._scheduler.contrasts)
        if self._reference not in shown:
            return [None] * self._n
        known = compare_illumination(
            self._scheduler.light,
            shown,
            self._reference,
            self._textures.of_sections,
            self._check,
        )
        return [known.get(k) for k in range(self._n)]

    def _with_like(self, paths: dict[int, Matrix], far: list[int]) -> dict[int, Matrix]:
        """Add planes that differ from their neighbours without showing another place.

        Optical sections, inverted contrast, the dark ends of a stack: they get the transform of the
        next plane, or that of their texture relative to it.
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
            fixed, moving = self._textures[beside], self._textures[k]
            step = texture_shift(fixed, moving, np.eye(3))
            known = Mismatches.of(fixed, moving, np.eye(3), step, least=SOME_COVERED)
            sections = k in faded or self._textures.of_sections
            if known.of_another_place and not (sections or self._has_fitting_neighbour(k)):
                continue
            moves = known.left < MOST_LEFT and known.votes > LEAST_VOTES and not still
            found[k] = composed(step, found[beside]) if moves else found[beside]
        return found

    def _has_fitting_neighbour(self, k: int) -> bool:
        """Return whether an adjacent plane that is odd as well shows the same: another section."""
        beside = [j for j in (k - 1, k + 1) if 0 <= j < self._n]
        odd = [j for j in beside if j not in self._tree.paths and j not in self._unfit]
        nearer = [sorted((j, k), key=lambda i: abs(i - self._reference)) for j in odd]
        return any(self._scheduler.pair(inner, outer).fits for inner, outer in nearer)

    def _faded_ends(self) -> set[int]:
        """Find the blank planes at the ends of a stack whose light fades towards them."""
        faded: set[int] = set()
        for inwards in (range(self._n), range(self._n - 1, -1, -1)):
            end = list(takewhile(lambda k: self._unfit.get(k) == IS_BLANK, inwards))
            last = inwards[len(end)] if len(end) < self._n else self._reference
            if self._scheduler.contrasts[last] < FADED * self._fixed.contrast:
                faded.update(end)
        return faded
