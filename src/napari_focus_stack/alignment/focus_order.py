"""Which planes are neighbours in focus, whatever the order of the files says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane

SHUFFLED = 1.4
"""How much longer than the shortest tree the way through the planes in their order may be.

24 stacks in order have 1.0 to 1.11, the same ones taken in two passes 1.7 to 2.6, shuffled 1.9 to
9; only one of five planes (1.23) and one that is mostly noise (1.17) cannot be told.
"""

FEWEST_TO_ORDER = 4
"""Planes whose order can be told."""
ONE_TURN = 1.1
"""How much more detail may rise and fall than it does when it rises and falls once."""
FLAT_SPECIMEN = 1.5
"""Way from plane to plane, in rise and fall of all detail, up to which a specimen is flat."""
DETOURS = 10
"""One plane in so many may have no place: it cannot make an order, nor disprove one."""


def distances(details: Sequence[Plane]) -> NDArray[np.float64]:
    """How differently detail is spread over two planes: (n, n), root mean square of logarithms.

    Parameters
    ----------
    details : sequence of numpy.ndarray
        (y, x) logarithm of each plane's local energy.
    """
    flat = np.stack([detail.ravel() for detail in details]).astype(float)
    square = (flat**2).sum(1)
    apart = square[:, None] + square[None] - 2 * flat @ flat.T
    root: NDArray[np.float64] = np.sqrt(np.maximum(apart, 0) / flat.shape[1])
    return root


def follows_focus(details: Sequence[Plane]) -> bool:
    """Whether planes that follow each other are neighbours in focus, as well as can be told.

    The way through all planes in their order is held against the shortest tree that joins them,
    which no order can undercut. Planes before and behind a flat specimen look alike, so that the
    tree is half as long; there detail rises and falls once, in any order but focus more often (or
    falls and rises, if measured by the contrast of planes that are dark but for their noise).

    Parameters
    ----------
    details : sequence of numpy.ndarray
        (y, x) logarithm of each plane's local energy.
    """
    if len(details) < FEWEST_TO_ORDER:
        return True
    apart = distances(details)
    usual = _without_detours(apart)
    apart = apart[np.ix_(usual, usual)]
    way = np.diagonal(apart, 1)
    if way.sum() <= SHUFFLED * _tree(apart)[1].sum():
        return True
    mean = np.array([float(details[k].mean()) for k in usual])
    rise = np.abs(np.diff(mean))
    ends = mean[0] + mean[-1]
    turns_once = max(2 * mean.max() - ends, ends - 2 * mean.min())
    return bool(rise.sum() <= ONE_TURN * turns_once and way.sum() <= FLAT_SPECIMEN * rise.sum())


def focus_order(details: Sequence[Plane]) -> list[int]:
    """Order of focus of shuffled planes, as places in `details`: along the shortest tree.

    The end of the tree's longest way comes first that is nearer to the start of the files.
    """
    parents, lengths = _tree(distances(details))
    start = int(np.argmax(_ways(parents, lengths, 0)))
    along = _ways(parents, lengths, start)
    order = [int(k) for k in np.argsort(along, kind="stable")]
    n = len(order)
    return order if sum(order[: n // 2]) <= sum(order[n - n // 2 :]) else order[::-1]


def in_order_of_focus(planes: Sequence[int], details: Mapping[int, Plane]) -> list[int]:
    """The planes as they are given, unless that cannot be the order of their focus.

    Parameters
    ----------
    planes : sequence of int
        Numbers of planes, ascending.
    details : mapping of int to numpy.ndarray
        (y, x) logarithm of each plane's local energy, laid over each other; planes without any,
        which show nothing, have no part in it and come last.
    """
    shown = [k for k in planes if k in details]
    seen = [details[k] for k in shown]
    if follows_focus(seen):
        return list(planes)
    return [*(shown[i] for i in focus_order(seen)), *(k for k in planes if k not in details)]


def _without_detours(apart: NDArray[np.float64]) -> NDArray[np.intp]:
    """All planes but the few that the way goes farthest out of itself for: overexposed ones."""
    left = list(range(len(apart)))
    for _ in range(len(left) // DETOURS):
        inner = np.array(left)
        before, here, after = inner[:-2], inner[1:-1], inner[2:]
        detour = apart[before, here] + apart[here, after] - apart[before, after]
        del left[1 + int(detour.argmax())]
    return np.array(left)


def _tree(apart: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Parent of each plane in the shortest tree from the first (Prim, 1957), and the way to it."""
    n = len(apart)
    parents, nearest = np.zeros(n, np.intp), apart[0].copy()
    waiting = np.arange(n) > 0
    while waiting.any():
        k = int(np.where(waiting, nearest, np.inf).argmin())
        waiting[k] = False
        closer = waiting & (apart[k] < nearest)
        parents[closer], nearest[closer] = k, apart[k][closer]
    return parents, nearest


def _ways(
    parents: NDArray[np.intp], lengths: NDArray[np.float64], start: int
) -> NDArray[np.float64]:
    """Length of the way along a tree from one plane to each."""
    near: list[list[tuple[int, float]]] = [[] for _ in parents]
    for k in range(1, len(parents)):
        near[k].append((int(parents[k]), float(lengths[k])))
        near[int(parents[k])].append((k, float(lengths[k])))
    ways = np.full(len(parents), np.inf)
    ways[start], reached = 0.0, [start]
    for k in reached:
        for j, length in near[k]:
            if np.isinf(ways[j]):
                ways[j] = ways[k] + length
                reached.append(j)
    return ways
