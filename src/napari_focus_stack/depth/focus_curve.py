"""Focus curves: the sharpness of every plane at one pixel of a result, and the depth found there.

A curve requires the planes in a small window only. The parts of all planes around a tile of the
field are kept, so that no file is read for a further pixel nearby.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack._utils.threads import available_threads, prefetch
from napari_focus_stack._utils.windows import counted_from, widened
from napari_focus_stack.alignment.registered_stack import RegisteredStack
from napari_focus_stack.depth.estimation import LEVEL_ERRORS, LEVEL_STEPS, WIDENED_SAMPLES
from napari_focus_stack.depth.local_energies import energies
from napari_focus_stack.depth.peak_fitting import FLATTEST
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.fusion.focus_measure import (
    score,
)
from napari_focus_stack.fusion.pyramid import DEPTH_LEVELS
from napari_focus_stack.imgproc.noise import Noise, NoiseEstimator, middle, noise_pairs
from napari_focus_stack.imgproc.pyramids import Plane, level_count
from napari_focus_stack.imgproc.transforms import both_recorded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.alignment.registered_plane import RegisteredPlane
    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.result import StackResult

BLOCK = 32
"""Side of the blocks whose energies are measured at a time; pyramids of all levels begin there."""
BLOCK_MARGIN = 32
"""Pixels around a block that determine its energies, except for 1 %, and 3 % in the third level."""
TILE_SIDE = 256
"""Side of the tiles whose planes are kept: a multiple of the blocks'."""
MOST_TILE_BYTES = 128 * 10**6
"""Most bytes of planes that are kept; one tile is kept in any case."""
MOST_BLOCKS = 64
LEAST_CREDIBLE = 1e-3
"""Credibility of a level that shows only noise, so that there always is a curve."""
PROMINENT = 2.0
"""Rise over the adjacent valley, in the score's noise, above which a maximum is significant."""


@dataclass(frozen=True)
class FocusCurve:
    """Sharpness of every plane at one pixel, and the result there.

    Attributes
    ----------
    y, x : int
        Row and column of the pixel in the reference plane.
    energies : numpy.ndarray
        (n,) float32: 1 where noise explains all detail; NaN for planes that were left out or did
        not record the pixel. The mean of two or three pyramid levels, each weighted as in the
        depth estimate.
    score : numpy.ndarray
        (n,) float32: the energies on a scale where their own noise is 1, so that planes are
        distinguishable if they differ by more; NaN where the energies are.
    peak : float or None
        Top of the parabola through the log energies of the sharpest plane and its two neighbours,
        in planes; the sharpest plane's number where a neighbour is missing. None if no plane
        recorded the pixel.
    runner_up : int or None
        Plane of the second highest maximum that noise does not explain; None if there is only one.
    plane : int or None
        Depth index of the result; this and the next two are None where the result was cropped.
    depth, confidence : float or None
        Depth and confidence of the result.
    """

    y: int
    x: int
    energies: NDArray[np.float32]
    score: NDArray[np.float32]
    peak: float | None
    runner_up: int | None
    plane: int | None
    depth: float | None
    confidence: float | None


@dataclass(frozen=True)
class _Tile:
    window: Window
    planes: list[RegisteredPlane]

    @property
    def bytes(self) -> int:
        return sum(seen.plane.nbytes for seen in self.planes)


class FocusProbe:
    """Probe for the focus curves of single pixels of a result; threads may share it.

    The first curve measures the noise as the run did; the first in each tile of 256 x 256 pixels
    reads every plane. Both take as long as reading the files.

    Parameters
    ----------
    source : PlaneSource
        The planes that were stacked.
    result : StackResult
        Their result.

    Raises
    ------
    InputError
        The result does not belong to this stack.
    """

    def __init__(self, source: PlaneSource, result: StackResult) -> None:
        self._stack = RegisteredStack.of_result(source, result)
        self._result = result
        self._n = len(source)
        self._lock = threading.Lock()
        self._tiles: OrderedDict[tuple[int, int], _Tile] = OrderedDict()
        self._blocks: OrderedDict[tuple[int, int], list[Plane]] = OrderedDict()

    def curve(self, y: int, x: int) -> FocusCurve:
        """Measure the focus curve of a pixel.

        Parameters
        ----------
        y, x : int
            Row and column of the reference plane; those of a cropped result plus the start of
            `report.crop`.

        Returns
        -------
        FocusCurve
            Sharpness of every plane, and the result at the pixel.

        Raises
        ------
        SettingsError
            The pixel does not lie in the field.
        InputError
            A plane cannot be read; the message names it.
        """
        height, width = self._stack.field
        if not (0 <= y < height and 0 <= x < width):
            raise SettingsError(
                f"Pixel ({y}, {x}) does not lie in the field of {height} rows and {width} columns."
            )
        with self._lock:
            levels = self._energies_around(y // BLOCK * BLOCK, x // BLOCK * BLOCK)
        steps = zip(levels, LEVEL_STEPS, strict=False)
        here = np.stack([level[:, y % BLOCK // s, x % BLOCK // s] for level, s in steps])
        mixed, scored = _mixed(here)
        energies, scores = (np.full(self._n, np.nan, np.float32) for _ in range(2))
        energies[self._stack.planes], scores[self._stack.planes] = mixed, scored
        recorded = np.flatnonzero(np.isfinite(energies))
        return FocusCurve(
            y,
            x,
            energies,
            scores,
            self._peak(mixed),
            _runner_up(scores[recorded], recorded),
            *self._found(y, x),
        )

    def _found(self, y: int, x: int) -> tuple[int | None, float | None, float | None]:
        result, (top, left) = self._result, self._result.origin
        y, x = y - top, x - left
        height, width = result.depth.shape
        if not (0 <= y < height and 0 <= x < width):
            return None, None, None
        maps = result.depth_index, result.depth, result.confidence
        index, depth, confidence = (found[y, x] for found in maps)
        return int(index), float(depth), float(confidence)

    def _peak(self, energies: NDArray[np.float32]) -> float | None:
        """Return the top of the curve over the planes used, in numbers of the whole stack."""
        planes = self._stack.planes
        if np.isnan(energies).all():
            return None
        best = int(np.nanargmax(energies))
        around = energies[best - 1 : best + 2] if best > 0 else energies[:0]
        if len(around) < 3 or np.isnan(around).any() or not self._result.report.in_order:
            return float(planes[best])
        return float(np.interp(best + _offset(around), np.arange(len(planes)), planes))

    def _energies_around(self, top: int, left: int) -> list[Plane]:
        """Return the energies of a block, (planes, y, x) for each level."""
        key = top, left
        if key not in self._blocks:
            self._blocks[key] = self._measured(top, left)
            if len(self._blocks) > MOST_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(key)
        return self._blocks[key]

    def _measured(self, top: int, left: int) -> list[Plane]:
        tile = self._tile(top // TILE_SIDE * TILE_SIDE, left // TILE_SIDE * TILE_SIDE)
        window = widened(_square(top, left, BLOCK), BLOCK_MARGIN, self._stack.field)
        inside = counted_from(tile.window, window)
        levels = min(DEPTH_LEVELS, level_count(self._stack.field))
        halved_colour = self._stack.source.colour_halved
        offset = top - window[0].start, left - window[1].start
        blocks = []
        for seen in tile.planes:
            found = energies(seen, inside, self._noise, levels, halved_colour)
            blocks.append(
                [
                    energy[_block(offset, step)].copy()
                    for energy, step in zip(found, LEVEL_STEPS, strict=False)
                ]
            )
        return [np.stack(level) for level in zip(*blocks, strict=True)]

    def _tile(self, top: int, left: int) -> _Tile:
        """Return the parts around a tile of all planes that took part."""
        key = top, left
        if key not in self._tiles:
            window = widened(_square(top, left, TILE_SIDE), BLOCK_MARGIN, self._stack.field)
            threads = self._readers()

            def read(k: int) -> RegisteredPlane:
                return self._stack.part(k, window)

            with closing(prefetch(read, self._stack.planes, threads)) as planes:
                self._tiles[key] = _Tile(window, [seen for _, seen in planes])
            while (
                len(self._tiles) > 1
                and sum(t.bytes for t in self._tiles.values()) > MOST_TILE_BYTES
            ):
                self._tiles.popitem(last=False)
        self._tiles.move_to_end(key)
        return self._tiles[key]

    def _readers(self) -> int:
        if self._stack.at_hand:
            return 0
        return available_threads() if self._stack.source.concurrent else 1

    @cached_property
    def _noise(self) -> Noise:
        """Noise of the planes, measured as in the run."""
        estimator, window, planes = NoiseEstimator(), middle(self._stack.field), self._stack.planes
        inside = counted_from(window, window)
        for i in noise_pairs(len(planes)):
            pair = [self._stack.part(planes[j], window).colour(inside) for j in (i, i + 1)]
            (first, recorded), (second, too) = pair
            estimator.add(first, second, both_recorded(recorded, too))
        return estimator.noise(1 / 12 if self._stack.source.dtype.kind in "ui" else 0.0)


def _mixed(levels: Plane) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Average the curves of all levels, (levels, planes), by their trust; return it with scores."""
    absent = levels[0] < 0
    usable = [i for i, level in enumerate(levels) if not (level[~absent] < 0).any()]
    trust = np.array([_trust(levels[i][~absent], i) for i in usable], np.float32)
    trust /= trust.sum()
    samples = float(trust @ np.array([WIDENED_SAMPLES[i] for i in usable], np.float32))
    mixed = np.tensordot(trust, levels[usable], 1).astype(np.float32)
    scored = score(mixed, samples)
    mixed[absent] = scored[absent] = np.nan
    return mixed, scored


def _trust(energies: NDArray[np.float32], level: int) -> float:
    """Return the credibility of a level's best plane over the squared error of the level."""
    if energies.size == 0:
        return 1.0
    scored = score(energies, WIDENED_SAMPLES[level])
    by_chance = np.sqrt(2 * np.log(max(energies.size, 2)))
    beyond = max(float(scored.max() - scored.mean() - by_chance), 0.0)
    return max(1 - float(np.exp(-0.5 * beyond**2)), LEAST_CREDIBLE) / LEVEL_ERRORS[level].depth ** 2


def _offset(around: NDArray[np.float32]) -> float:
    """Fit a parabola to three log energies; return its top from the middle, at most 0.5."""
    floor = 0.5 / np.sqrt(WIDENED_SAMPLES[0])
    before, best, after = np.log(np.maximum(around - 1, floor)).tolist()
    bend = min(before - 2 * best + after, -FLATTEST)
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5))


def _runner_up(scores: NDArray[np.float32], planes: NDArray[np.intp]) -> int | None:
    """Return the plane of the second highest maximum, if it rises over the valley to the best."""
    if scores.size == 0:
        return None
    best = int(scores.argmax())
    walled = np.concatenate([[-np.inf], scores, [-np.inf]])
    tops = np.flatnonzero((walled[1:-1] > walled[:-2]) & (walled[1:-1] >= walled[2:]))
    others = []
    for top in tops.tolist():
        between = scores[min(top, best) : max(top, best) + 1]
        if top != best and scores[top] - between.min() > PROMINENT:
            others.append(top)
    return int(planes[max(others, key=lambda top: scores[top])]) if others else None


def _square(top: int, left: int, side: int) -> Window:
    return slice(top, top + side), slice(left, left + side)


def _block(offset: tuple[int, int], step: int) -> Window:
    rows, cols = (slice(o // step, (o + BLOCK) // step) for o in offset)
    return rows, cols
