"""Smoothing that stops at edges and weights pixels by their precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_focus_stack._compiled.library import library
from napari_focus_stack.imgproc.compiled_smoothing import CompiledLines

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_focus_stack._utils.threads import ThreadTeam

Map = NDArray[np.float32]

ITERATIONS = 2
"""Number of times that rows and columns are smoothed in turn; a third changes depth by 0.002 planes
at most."""
GAP_PRIOR = 1e-3
LINES_BETWEEN_CHECKS = 256


def fill_from_trusted(data: Map, weight: Map, prior: float, growth: float = 1.0) -> Map:
    """Replace data of low weight by the weighted mean of their surroundings.

    Weighted means of ever wider neighbourhoods, from the widest to the pixel itself, each the prior
    of the next (pull-push [1]_).

    Parameters
    ----------
    data, weight : numpy.ndarray
        (Y, X) float32; weights are inverse variances.
    prior : float
        Inverse variance of a pixel around the mean of its wider neighbourhood.
    growth : float
        Factor by which weights grow from one neighbourhood to the next: 4 if the errors of its
        pixels are independent, 1 if they are the same, so that no mean is better than a pixel.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32.

    References
    ----------
    .. [1] S. J. Gortler et al., "The Lumigraph", SIGGRAPH 1996,
       https://doi.org/10.1145/237170.237200.
    """
    sums, weights = [data * weight], [weight]
    while min(weights[-1].shape) > 2:
        sums.append(cv2.pyrDown(sums[-1]))
        weights.append(cv2.pyrDown(weights[-1]))
    filled = np.full_like(weights[-1], sums[-1].sum() / max(float(weights[-1].sum()), 1e-12))
    scales = range(len(sums) - 1, -1, -1)
    for scale, total, support in zip(scales, reversed(sums), reversed(weights), strict=True):
        if filled.shape != support.shape:
            filled = cv2.pyrUp(filled, dstsize=support.shape[::-1])
        wider = np.float32(prior / growth**scale)
        filled = (total + wider * filled) / (support + wider)
    return filled


def without_gaps(plane: NDArray[Any]) -> tuple[Map, NDArray[np.bool_]]:
    """Fill missing values of a plane smoothly from their surroundings.

    Parameters
    ----------
    plane : numpy.ndarray
        (Y, X[, C]) float32, not finite where values are missing.

    Returns
    -------
    filled : numpy.ndarray
        As `plane`, all of it finite.
    finite : numpy.ndarray
        (Y, X) bool, True where all channels of `plane` are finite.
    """
    finite: NDArray[np.bool_] = np.isfinite(plane)
    if plane.ndim == 3:
        finite = np.asarray(finite.all(-1))
    weight: Map = finite.astype(np.float32)
    filled = plane.copy()
    for channel in [filled] if plane.ndim == 2 else [filled[..., c] for c in range(plane.shape[2])]:
        channel[~finite] = 0
        channel[~finite] = fill_from_trusted(channel, weight, GAP_PRIOR)[~finite]
    return filled, finite


class EdgeAwareMean:
    """Means over neighbourhoods that end where a guide changes.

    Fast global smoothing [1]_: rows and columns in turn, each an exact tridiagonal solution, twice.

    Parameters
    ----------
    guide : numpy.ndarray
        (Y, X) float32.
    reach : float
        Smoothness; the radius of the neighbourhood in pixels is about its square root.
    contrast : float
        Step of the guide that counts as an edge.
    check : callable, optional
        Called between lines; any exception that it raises ends the smoothing.
    team : ThreadTeam, optional
        Threads that share the lines, where they are solved by a compiled kernel.

    References
    ----------
    .. [1] D. Min et al., "Fast global image smoothing based on weighted least squares", IEEE TIP
       23, 2014, https://doi.org/10.1109/TIP.2014.2366600.
    """

    def __init__(
        self,
        guide: Map,
        reach: float,
        contrast: float,
        check: Callable[[], None] = lambda: None,
        team: ThreadTeam | None = None,
    ) -> None:
        along_y, along_x = (np.exp(-np.abs(np.diff(guide, axis=a)) / contrast) for a in (0, 1))
        self._lines: CompiledLines | _Lines
        if library() is None:
            self._lines = _Lines(along_y, along_x, check)
        else:
            self._lines = CompiledLines(along_y, along_x, check, team)
        self._reach = reach

    def __call__(self, *maps: Map) -> list[Map]:
        """Smooth several (Y, X) float32 maps at once; all pixels have the same weight."""
        smoothed = [plane.copy() for plane in maps]
        for i in range(ITERATIONS):
            strength = 1.5 * 4 ** (ITERATIONS - i - 1) / (4**ITERATIONS - 1) * self._reach
            smoothed = self._lines.solve(smoothed, strength)
        return smoothed


class _Lines:
    """Rows and columns of a map, coupled to their neighbours, solved by NumPy."""

    def __init__(self, along_y: Map, along_x: Map, check: Callable[[], None]) -> None:
        self._along_y = _Couplings.of(along_y)
        self._along_x = _Couplings.of(np.ascontiguousarray(along_x.T))
        self._check = check

    def solve(self, maps: list[Map], strength: float) -> list[Map]:
        """Solve the rows of all maps, (y, x) each, then their columns."""
        longest = maps[0].size + max(maps[0].shape)  # with the row of zeros of `solve`
        space = np.empty(len(maps) * longest, np.float32)
        across = [cv2.transpose(plane) for plane in maps]
        self._along_x.solve(across, strength, space, self._check)
        solved = [cv2.transpose(plane) for plane in across]
        self._along_y.solve(solved, strength, space, self._check)
        return solved


@dataclass(frozen=True)
class _Couplings:
    """Couplings between neighbouring rows of a map, column by column.

    Rows are eliminated from both ends at the same time and meet in the middle (twisted
    factorisation): half as many steps of twice the length, because most of the cost of a step is
    its start. Rows counted from the first are therefore stored beside rows counted from the last.
    """

    links: Map
    """(steps - 1, 2 columns): to the next rows."""
    sums: Map
    """(steps, 2 columns): to both neighbours."""
    middle: Map
    """(columns,): between the two rows in the middle."""
    rows: int

    @classmethod
    def of(cls, coupling: Map) -> _Couplings:
        """Arrange couplings, (rows - 1, columns), for elimination from both ends."""
        n = len(coupling) + 1
        half, odd = n // 2, n % 2
        sums = np.zeros((n, coupling.shape[1]), np.float32)
        sums[:-1] += coupling
        sums[1:] += coupling
        links = _paired(coupling[: max(half - 1, 0)], coupling[half:], odd if n > 1 else 0)
        middle = coupling[half - 1] if n > 1 else np.zeros(coupling.shape[1], np.float32)
        return cls(links, _paired(sums[:half], sums[half:], odd), middle, n)

    def solve(
        self, maps: list[Map], strength: float, space: Map, check: Callable[[], None]
    ) -> None:
        """Solve the tridiagonal systems of all maps, (rows, columns) each, in place."""
        half, odd, m = self.rows // 2, self.rows % 2, self.sums.shape[1] // 2
        shape = len(self.sums), len(maps), 2 * m
        values = space[: int(np.prod(shape))].reshape(shape)
        for j, plane in enumerate(maps):
            values[:odd, j, :m] = 0  # if rows are odd, the upper half begins with a row of zeros
            values[odd:, j, :m], values[:, j, m:] = plane[:half], plane[half:][::-1]
        links, pivot = self.links * np.float32(strength), self.sums * np.float32(strength)
        pivot += np.float32(1)
        upper, pulled, scale = (
            np.empty_like(links),
            np.empty_like(values[0]),
            np.empty_like(pivot[0]),
        )
        for i in range(len(values)):
            if i % LINES_BETWEEN_CHECKS == 0:
                check()
            if i:
                np.multiply(links[i - 1], upper[i - 1], out=scale)
                pivot[i] -= scale
                np.multiply(values[i - 1], links[i - 1], out=pulled)
                values[i] += pulled
            np.reciprocal(pivot[i], out=pivot[i])
            values[i] *= pivot[i]
            if i < len(links):
                np.multiply(links[i], pivot[i], out=upper[i])
        _meet(values[-1], pivot[-1], self.middle * np.float32(strength))
        for i in range(len(values) - 2, -1, -1):
            np.multiply(values[i + 1], upper[i], out=pulled)
            values[i] += pulled
        for j, plane in enumerate(maps):
            plane[:half], plane[half:] = values[odd:, j, :m], values[::-1, j, m:]


def _paired(top: Map, bottom: Map, odd: int) -> Map:
    """Place rows counted from the first beside rows counted from the last, up to the middle."""
    m = bottom.shape[1]
    pair = np.empty((len(bottom), 2 * m), np.float32)
    pair[:odd, :m] = 0
    pair[odd:, :m], pair[:, m:] = top, bottom[::-1]
    return pair


def _meet(values: Map, scale: Map, coupling: Map) -> None:
    """Solve the two coupled rows in the middle, (map, column) side by side."""
    m = len(coupling)
    top, bottom = values[:, :m].copy(), values[:, m:].copy()
    to_top, to_bottom = scale[:m] * coupling, scale[m:] * coupling
    share = 1 / (1 - to_top * to_bottom)
    values[:, :m] = (top + to_top * bottom) * share
    values[:, m:] = (bottom + to_bottom * top) * share
