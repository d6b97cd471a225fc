"""Scheduling of pair alignments while further planes are still being read.

The caller's thread reduces the planes; worker threads align neighbours, because OpenCV releases the
interpreter lock while it works.
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

    from napari_focus_stack.alignment.brightness import IlluminationSample
    from napari_focus_stack.alignment.similarity import Region
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.imgproc.transforms import Matrix, Model

WORKERS = 2
MOST_WAITING = 4
"""Most pair alignments under way or waiting, each of which holds two reduced planes."""
FEWEST_PAIRS = 4
"""Least number of pair alignments for which it is significant that none fits."""
LEAST_GROUP = 0.25
"""Least part of the planes in a group for one of them to be tried as the reference."""
SURE_CORRELATION = 0.4
"""Correlation from which on an outlier step is accepted nevertheless."""


class PairScheduler:
    """Store of reduced planes that aligns any two of them.

    Parameters
    ----------
    models : sequence of str
        Motion models, the simplest first.
    reference : int
        Number of the plane from which the steps lead away.
    region : numpy.ndarray, optional
        (Y, X) bool, True where planes may be compared.
    workers : int
        Threads that align pairs; with 0, pairs are aligned as planes are added.

    Attributes
    ----------
    region : numpy.ndarray or None
        (Y, X) bool, True where planes may be compared.
    contrasts : dict of int to float
        Contrast of each reduced plane.
    details : dict of int to numpy.ndarray
        Logarithm of the local energy of each reduced plane.
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
        self._lights: SpilledCache[IlluminationSample] = SpilledCache()
        self._pool = ThreadPoolExecutor(workers) if workers else None
        self._waiting: deque[Future[PairAlignment]] = deque()
        self._last: ReducedPlane | None = None
        self._pairs: dict[tuple[int, int], Future[PairAlignment] | PairAlignment] = {}

    def __enter__(self) -> Self:
        """Return the scheduler itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the workers and close the cache, also after an error."""
        try:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
        finally:
            self._cache.close()
            self._lights.close()

    def add_plane(self, k: int, plane: NDArray[Any], reduction: int = 1) -> None:
        """Add the next plane and align it with the one before.

        Parameters
        ----------
        k : int
            Number of the plane, ascending by one.
        plane : numpy.ndarray
            (Y, X[, C]) uint8, uint16 or float32.
        reduction : int
            Factor by which the plane is smaller than those of the stack already.
        """
        reduced = ReducedPlane.of(plane, reduction)
        if self._last is not None:
            inner, outer = (k - 1, k) if k > self._reference else (k, k - 1)
            pair = (self._last, reduced) if k > self._reference else (reduced, self._last)
            self._pairs[inner, outer] = self._submit(*pair)
        self._last = reduced
        self.contrasts[k], self.details[k] = reduced.contrast, reduced.detail()
        self._cache.put(k, reduced)
        self._lights.put(k, reduced.light)

    def _submit(
        self, inner: ReducedPlane, outer: ReducedPlane
    ) -> Future[PairAlignment] | PairAlignment:
        """Submit a pair to the workers, once they are not far behind."""
        if self._pool is None:
            return self._align(inner, outer)
        if len(self._waiting) == MOST_WAITING:
            wait([self._waiting.popleft()])
        self._waiting.append(self._pool.submit(self._align, inner, outer))
        return self._waiting[-1]

    def finish(self, check: Callable[[], None] = lambda: None) -> None:
        """Wait for the workers, and align outlier steps once more from the predicted transform.

        Parameters
        ----------
        check : callable
            Called before each pair; may raise to cancel.
        """
        self._last = None
        self._waiting.clear()
        known = {}
        for pair in list(self._pairs):
            check()
            known[pair] = self.pair(*pair)
        for pair, expected in breathing_outliers(known, self.models[-1]).items():
            check()
            again = self._aligned(*pair, expected)
            before = known[pair]
            best = max(before, again, key=lambda found: found.correlation)
            sure = best is again or best.correlation >= SURE_CORRELATION
            self._pairs[pair] = best if sure else replace(best, fits=False)

    def reduced_plane(self, k: int) -> ReducedPlane:
        """Return a reduced plane.

        Parameters
        ----------
        k : int
            Number of the plane.

        Returns
        -------
        ReducedPlane
            The plane.
        """
        return self._cache[k]

    def light(self, k: int) -> IlluminationSample:
        """Return the luminance of a plane, without loading the rest of a reduced plane.

        Parameters
        ----------
        k : int
            Number of the plane.

        Returns
        -------
        IlluminationSample
            Luminance, at most 128 pixels a side.
        """
        return self._lights[k]

    def pair(self, inner: int, outer: int) -> PairAlignment:
        """Align two planes, unless their alignment is known already.

        Parameters
        ----------
        inner, outer : int
            Numbers of the planes, the one closer to the reference first.

        Returns
        -------
        PairAlignment
            Alignment from `inner` to `outer`.
        """
        known = self._pairs.get((inner, outer))
        if isinstance(known, Future):
            known = known.result()
        found = self._aligned(inner, outer) if known is None else known
        self._pairs[inner, outer] = found
        return found

    @property
    def hopeless(self) -> bool:
        """Whether a sufficient number of pairs was aligned and none fits."""
        pairs = [known for known in self._pairs.values() if not isinstance(known, Future)]
        return len(pairs) >= FEWEST_PAIRS and not any(known.fits for known in pairs)

    @property
    def largest_group(self) -> set[int]:
        """Planes of the largest group connected by pairs that fit, if it is large enough.

        Where hardly any plane fits its neighbour, no other reference does better.
        """
        groups = {k: {k} for k in self.contrasts}
        for (i, k), known in self._pairs.items():
            if not isinstance(known, Future) and known.fits and groups[i] is not groups[k]:
                groups[i] |= groups[k]
                for member in groups[k]:
                    groups[member] = groups[i]
        largest = max(groups.values(), key=len)
        return largest if len(largest) > LEAST_GROUP * len(groups) else set()

    @property
    def regions(self) -> tuple[Region, ...] | None:
        """The region, (y, x) bool, at every level."""
        return self._regions

    def _aligned(self, inner: int, outer: int, expected: Matrix | None = None) -> PairAlignment:
        return self._align(self.reduced_plane(inner), self.reduced_plane(outer), expected)

    def _align(
        self, inner: ReducedPlane, outer: ReducedPlane, expected: Matrix | None = None
    ) -> PairAlignment:
        if self.region is not None and self._regions is None:
            self._regions = regions(self.region, inner.levels)
        return align_pair(inner, outer, self.models, self._regions, expected)
