"""Which planes are compared with which, while further ones are still being read.

The caller's thread reduces them; more compare neighbours, for OpenCV lets go of the interpreter
while it works.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from napari_focus_stack._utils.spilled_cache import SpilledCache
from napari_focus_stack.alignment.gauss_newton import regions
from napari_focus_stack.alignment.outliers import breathing_outliers
from napari_focus_stack.alignment.pairwise import PairAlignment, align_pair
from napari_focus_stack.alignment.reduced_planes import ReducedPlane

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_focus_stack.alignment.similarity import Region
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix, Model

WORKERS = 2
MOST_WAITING = 4
"""Comparisons under way or waiting, each of which holds two views."""
FEWEST_LINKS = 4
"""Comparisons from which on it means something that none fits."""
LEAST_COMPANY = 0.25
"""Part of the planes that a group must have to be tried from within."""
SURE_CORRELATION = 0.4
"""Correlation from which on a step that breaks the trend is believed all the same."""


class PairScheduler:
    """Takes planes in, and tells how any two of them lie over each other.

    Parameters
    ----------
    models : sequence of str
        What may move, the least one first.
    reference : int
        Plane that the steps lead away from.
    region : numpy.ndarray, optional
        (Y, X) bool: where to look.
    workers : int
        Threads that compare; without any, planes are compared as they come.

    Attributes
    ----------
    region : numpy.ndarray or None
        (Y, X) bool: where to look.
    contrasts, details : dict of int
        Of the views of all planes.
    """

    def __init__(
        self,
        models: Sequence[Model],
        reference: int,
        region: NDArray[np.bool_] | None,
        workers: int = WORKERS,
    ) -> None:
        self.models = tuple(models)
        self.contrasts: dict[int, float] = {}
        self.details: dict[int, Plane] = {}
        self._reference = reference
        self.region = region
        self._regions: tuple[Region, ...] | None = None
        self._cache: SpilledCache[ReducedPlane] = SpilledCache()
        self._pool = ThreadPoolExecutor(workers) if workers else None
        self._waiting: deque[Future[PairAlignment]] = deque()
        self._last: ReducedPlane | None = None
        self._links: dict[tuple[int, int], Future[PairAlignment] | PairAlignment] = {}

    def __enter__(self) -> Self:
        """Ready at once."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the workers, whatever happened."""
        try:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
        finally:
            self._cache.close()

    def add_plane(self, k: int, plane: NDArray[Any], reduction: int = 1) -> None:
        """Take in plane `k`; planes come in their order, and are compared with the one before."""
        view = ReducedPlane.of(plane, reduction)
        if self._last is not None:
            inner, outer = (k - 1, k) if k > self._reference else (k, k - 1)
            pair = (self._last, view) if k > self._reference else (view, self._last)
            self._links[inner, outer] = self._submit(*pair)
        self._last = view
        self.contrasts[k], self.details[k] = view.contrast, view.detail()
        self._cache.put(k, view)

    def _submit(
        self, inner: ReducedPlane, outer: ReducedPlane
    ) -> Future[PairAlignment] | PairAlignment:
        """Hand a pair to the workers, once they are not far behind."""
        if self._pool is None:
            return self._between(inner, outer)
        if len(self._waiting) == MOST_WAITING:
            wait([self._waiting.popleft()])
        self._waiting.append(self._pool.submit(self._between, inner, outer))
        return self._waiting[-1]

    def finish(self, check: Callable[[], None] = lambda: None) -> None:
        """Wait for the workers; neighbours that moved unlike the rest are compared once more."""
        self._last = None
        self._waiting.clear()
        known = {}
        for pair in list(self._links):
            check()
            known[pair] = self.link(*pair)
        for pair, expected in breathing_outliers(known, self.models[-1]).items():
            check()
            again = self._linked(*pair, expected)
            before = known[pair]
            best = max(before, again, key=lambda found: found.correlation)
            sure = best is again or best.correlation >= SURE_CORRELATION
            self._links[pair] = best if sure else replace(best, fits=False)

    def view(self, k: int) -> ReducedPlane:
        """View of a plane."""
        return self._cache[k]

    def link(self, inner: int, outer: int) -> PairAlignment:
        """How plane `outer` lies over plane `inner`."""
        known = self._links.get((inner, outer))
        if isinstance(known, Future):
            known = known.result()
        found = self._linked(inner, outer) if known is None else known
        self._links[inner, outer] = found
        return found

    @property
    def hopeless(self) -> bool:
        """Whether, of links enough, none fits."""
        links = [known for known in self._links.values() if not isinstance(known, Future)]
        return len(links) >= FEWEST_LINKS and not any(known.fits for known in links)

    @property
    def company(self) -> set[int]:
        """The planes of the largest group that links hold together, if it is large enough.

        Where hardly any plane fits its neighbour, no other reference does better.
        """
        groups = {k: {k} for k in self.contrasts}
        for (i, k), known in self._links.items():
            if not isinstance(known, Future) and known.fits and groups[i] is not groups[k]:
                groups[i] |= groups[k]
                for member in groups[k]:
                    groups[member] = groups[i]
        largest = max(groups.values(), key=len)
        return largest if len(largest) > LEAST_COMPANY * len(groups) else set()

    @property
    def finest_region(self) -> Region | None:
        """Where to look, at the finest level."""
        return None if self._regions is None else self._regions[0]

    def _linked(self, inner: int, outer: int, expected: Matrix | None = None) -> PairAlignment:
        return self._between(self.view(inner), self.view(outer), expected)

    def _between(
        self, inner: ReducedPlane, outer: ReducedPlane, expected: Matrix | None = None
    ) -> PairAlignment:
        if self.region is not None and self._regions is None:
            self._regions = regions(self.region, inner.levels)
        return align_pair(inner, outer, self.models, self._regions, expected)
