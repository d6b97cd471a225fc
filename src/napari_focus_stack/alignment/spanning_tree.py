"""Spanning tree of a stack: planes joined to the reference by pair alignments of neighbours."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.alignment.focus_order import distances, follows_focus
from napari_focus_stack.imgproc.transforms import composed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from napari_focus_stack.alignment.pairwise import PairAlignment
    from napari_focus_stack.alignment.scheduler import PairScheduler
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix, Model
    from napari_focus_stack.settings import MotionModel

BLANK = 0.03
"""Part of the reference's contrast below which a plane shows nothing to align."""
TRIES = 2
"""Neighbours that a plane is compared with before it counts as foreign."""
NOT_FINITE = "it holds no finite value"
IS_BLANK = "it shows nothing (blank)"


@dataclass(frozen=True)
class Tree:
    """Planes joined to the reference, each by its alignment with a plane joined before.

    Attributes
    ----------
    reference : int
        Number of the plane that the others are joined to.
    paths : dict of int to dict
        (3, 3) transforms from the full reference plane to each plane, by model.
    parents : dict of int to int
        The plane that each plane was aligned to, parents before their children; the reference has
        none.
    pairs : dict of int to PairAlignment
        Pair alignment of each plane with its parent.
    """

    reference: int
    paths: dict[int, dict[Model, Matrix]]
    parents: dict[int, int] = field(default_factory=dict)
    pairs: dict[int, PairAlignment] = field(default_factory=dict)

    def append(self, k: int, parent: int, pair: PairAlignment) -> None:
        """Join a plane to one that was joined before.

        Parameters
        ----------
        k, parent : int
            Numbers of the plane and of the one joined before.
        pair : PairAlignment
            Alignment from `parent` to `k`.
        """
        self.pairs[k], self.parents[k] = pair, parent
        self.paths[k] = {
            model: composed(pair.transforms[model], so_far)
            for model, so_far in self.paths[parent].items()
        }

    def along(self, model: Model) -> dict[int, Matrix]:
        """Return the transforms of one model.

        Parameters
        ----------
        model : str
            Motion model.

        Returns
        -------
        dict of int to numpy.ndarray
            (3, 3) from the full reference plane to each plane.
        """
        return {k: path[model] for k, path in self.paths.items()}

    @property
    def still(self) -> dict[int, Matrix]:
        """Identity transforms of all planes."""
        return {k: np.eye(3) for k in self.paths}

    @property
    def longest_path(self) -> int:
        """Number of pair alignments from the reference to the plane farthest from it."""
        steps = {self.reference: 0}
        for k, parent in self.parents.items():
            steps[k] = steps[parent] + 1
        return max(steps.values())


class ChainOrder:
    """Order in which planes are joined to the reference, the nearest in focus first.

    Parameters
    ----------
    scheduler : PairScheduler
        Holds the reduced planes and their pair alignments.
    n : int
        Number of planes.
    reference : int
        Number of the plane that others are joined to.
    align : str
        `Settings.align`: with "none" planes are joined whether they fit or not.
    check : callable
        Called before each comparison; may raise to cancel.

    Attributes
    ----------
    tree : Tree
        The planes that fit.
    unfit : dict of int to str
        Planes that cannot be compared, with the reason.
    """

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
        self._contrast = scheduler.reduced_plane(reference).contrast
        self.unfit = self._blank_planes()
        self._details = scheduler.details
        self.tree = self._joined()
        if self._in_order(self.tree.paths):
            # planes of another pass look less alike while they are not registered
            richest = self.tree.along(scheduler.models[-1])
            self._details = scheduler.details | {
                k: scheduler.reduced_plane(k).detail(path) for k, path in richest.items()
            }
            if not self._in_order(self.tree.paths):
                self.tree = self._joined()

    @property
    def shown(self) -> dict[int, Plane]:
        """Detail of the planes that are not blank; only these have an order."""
        return {k: detail for k, detail in self._details.items() if not self._is_blank(k)}

    def _blank_planes(self) -> dict[int, str]:
        """Find planes without a finite value, and blank ones, which only "none" can keep."""
        contrasts = [self._scheduler.contrasts[k] for k in range(self._n)]
        unfit = {k: NOT_FINITE for k, contrast in enumerate(contrasts) if contrast < 0}
        if self._align != "none":
            blank = (k for k in range(self._n) if k not in unfit and self._is_blank(k))
            unfit |= dict.fromkeys(blank, IS_BLANK)
        return unfit

    def _joined(self) -> Tree:
        """Join planes to those joined already, the nearest pair first.

        References
        ----------
        .. [1] R. C. Prim, "Shortest connection networks and some generalizations", Bell System
           Technical Journal 36, 1957, https://doi.org/10.1002/j.1538-7305.1957.tb01515.x
        """
        still = {model: np.eye(3) for model in self._scheduler.models}
        tree = Tree(self._reference, {self._reference: still})
        planes = [k for k in range(self._n) if k not in self.unfit or k == self._reference]
        apart = self._apart_by_focus(planes)
        tries = {k: TRIES for k in planes if k != self._reference}
        pairs = [(apart[self._reference, k], self._reference, k) for k in tries]
        heapq.heapify(pairs)
        if self._align != "none" and self._scheduler.hopeless and self._in_order(planes):
            pairs = []
        while pairs:
            _, parent, k = heapq.heappop(pairs)
            if not tries[k]:
                continue
            self._check()
            pair = self._scheduler.pair(parent, k)
            if not (pair.fits or self._align == "none"):
                tries[k] -= 1
                continue
            tries[k] = 0
            tree.append(k, parent, pair)
            for j, left in tries.items():
                if left:
                    heapq.heappush(pairs, (apart[k, j], k, j))
        return tree

    def _apart_by_focus(self, planes: list[int]) -> NDArray[np.float64]:
        """Return the distances of planes: by file order, or by focus if that differs from it."""
        numbers = np.arange(self._n, dtype=float)
        apart = np.abs(numbers[:, None] - numbers)
        if not self._in_order(planes):
            apart[np.ix_(planes, planes)] = distances([self._details[k] for k in planes])
        return apart

    def _in_order(self, planes: Iterable[int]) -> bool:
        shown = self.shown
        return follows_focus([shown[k] for k in sorted(planes) if k in shown])

    def _is_blank(self, k: int) -> bool:
        return self._scheduler.contrasts[k] < BLANK * self._contrast
