"""The fusion of a stack: Laplacian pyramids, weighed by energy, folded in one plane at a time.

Each plane passes four times over its parts, a few rows that stay in a core's cache: it is read off
in the reference frame and reduced; its squared bands are gathered; the wide tail of the window is
made of them at half the size; and with the weights that follow it is folded into the mean.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from napari_focus_stack._utils.threads import ThreadTeam, block_grid, row_bands
from napari_focus_stack._utils.windows import moved_by
from napari_focus_stack.fusion.pyramid_level import Level, Residual, rows_above
from napari_focus_stack.imgproc.colour import GREY, merged
from napari_focus_stack.imgproc.dtypes import as_dtype
from napari_focus_stack.imgproc.pyramids import (
    Plane,
    level_count,
    reduced_shape,
    reduced_window,
)
from napari_focus_stack.imgproc.resampling import SourceWindow, resample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.alignment.brightness import Brightness
    from napari_focus_stack.alignment.registered_plane import RegisteredPlane
    from napari_focus_stack.fusion.focus_prior import PlanePrior, WindowPrior
    from napari_focus_stack.imgproc.dtypes import Mask
    from napari_focus_stack.imgproc.noise import Noise

ROUNDED = 0.48
"""By which a value may lie beyond whole ones that it was rounded to, and be rounded to one again:
a little less than half, for float32 errs by up to 0.01 near 65535."""
DEPTH_LEVELS = 3
"""Levels whose energies tell depth; the finest is handed out at half its size."""


class _Part(NamedTuple):
    level: int
    rows: slice


class PyramidFusion:
    """Laplacian pyramid whose coefficients come from the planes that noise cannot tell apart.

    At every level a plane's weight falls exponentially with its distance from the best plane,
    counted in the noise of the energy itself: on clean stacks the best plane alone remains
    (selection by local energy: Burt and Kolczynski, "Enhanced image capture through fusion", ICCV
    1993), and where planes differ by noise only they are averaged. What remains is shrunk by
    Wiener's rule as far as the noise left explains it. Brightness is held to the range that planes
    recorded at each pixel, and every channel to that of the whole stack.

    A plane must go on smoothly where it has not recorded: bands there see across the border.

    The weights are those of all planes together although planes are seen one at a time: the
    logarithm of their sum is kept, which takes in each further plane (softmax, in one pass).

    Parameters
    ----------
    shape : tuple of int
        Of what is fused, (Y, X[, C]).
    dtype : numpy.dtype
        Of the planes.
    noise : Noise
        Of one channel.
    team : ThreadTeam
        Who works.
    origin : tuple of int
        Row and column of the reference plane at which this fusion starts; even.
    keep_energy : bool
        Whether `energy` is wanted.
    colour_halved : bool
        Whether planes hold colour differences at half their size only; the finest level then has
        none.
    bottom : int
        Number of the finest level, for planes that are that much smaller already.
    count : int, optional
        How many levels, if not as many as the shape has; what is above them is given to `build`.
    prior : WindowPrior, optional
        Where what is fused lies in focus; without it each band chooses for itself.

    Attributes
    ----------
    energies : list of numpy.ndarray
        Of the last plane: at half its size from the finest level, then as they are, float32.
    energy : numpy.ndarray or None
        Of the last plane at the finest level, (Y, X) float32.
    plane_prior : PlanePrior or None
        What the prior says of the last plane.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        noise: Noise,
        team: ThreadTeam,
        *,
        origin: tuple[int, int] = (0, 0),
        keep_energy: bool = False,
        colour_halved: bool = False,
        bottom: int = 0,
        count: int | None = None,
        prior: WindowPrior | None = None,
    ) -> None:
        self._team = team
        self._prior = prior
        self.plane_prior: PlanePrior | None = None
        self._origin = origin
        self._channels = 1 if len(shape) == 2 else shape[2]
        self._unit = np.float32(1 if self._channels == 1 else GREY)
        self._levels: list[Level] = []
        sides = shape[0], shape[1]
        count = count or level_count(shape)
        self._halved = colour_halved and self._channels == 3 and count > 1 and bottom == 0
        for number in range(bottom, bottom + count):
            own = 1 if self._halved and number == 0 else self._channels
            self._levels.append(Level(number, sides, own, noise, self._channels > 1))
            sides = reduced_shape(sides)
        self._residual = Residual(sides, self._channels)
        self._scored = self._levels[-1].scored = np.empty(self._levels[-1].shape, np.float32)
        for level, above in pairwise(self._levels):
            level.above = above.smooth
        self._levels[-1].above = self._residual.smooth
        narrow = np.dtype(dtype.name if dtype.name in ("uint8", "uint16") else np.float32)
        self._ends = _ends(narrow)
        self._lowest = np.full(shape[:2], self._ends[1], narrow)
        self._highest = np.full(shape[:2], self._ends[0], narrow)
        self._valid = np.empty(shape[:2], np.uint8)
        self._range = (np.inf, -np.inf)
        self._count = 0
        self._tiles = block_grid(shape)
        self._parts = [_Part(k, rows) for k, v in enumerate(self._levels) for rows in v.parts]
        sizes = [(k, reduced_shape(v.shape)) for k, v in enumerate(self._levels)]
        self._parts_above = [_Part(k, rows) for k, size in sizes for rows in row_bands(size)]
        self.energy = np.empty(shape[:2], np.float32) if keep_energy else None

    @property
    def energies(self) -> list[Plane]:
        """What `DepthEstimator.add` takes."""
        return [level.energy for level in self._levels[:DEPTH_LEVELS]]

    def add(self, seen: RegisteredPlane) -> None:
        """Fold in a plane."""
        self._fold_in(self._load_plane(seen), seen.light)

    def add_reduced(self, channels: list[Plane], valid: Mask | None, light: Brightness) -> None:
        """Fold in a plane as `reduced` has it, at the size of the finest level here."""
        for smooth, channel in zip(self._levels[0].smooth, channels, strict=True):
            smooth[:] = channel
        self._reduce()
        self._fold_in(valid, light)

    def reduced(
        self, seen: RegisteredPlane, origin: tuple[int, int]
    ) -> tuple[list[Plane], Mask | None]:
        """A plane from `origin` on as it is above all levels, and where it recorded anything.

        Nothing is folded in.
        """
        self._origin = origin
        valid = self._load_plane(seen)
        for _ in self._levels:
            valid = None if valid is None else cv2.pyrDown(valid)
        return self._residual.smooth, valid

    def _load_plane(self, seen: RegisteredPlane) -> Mask | None:
        """Take a plane into the levels; where it recorded anything, None for everywhere."""
        self._team.check()
        self._range = self._range_with(seen)
        unrecorded: list[Window] = []

        def take(tile: Window) -> None:
            valid = seen.valid(moved_by(tile, *self._origin))
            self._read_off(seen, tile)
            if valid is not None:
                self._valid[tile] = valid
                unrecorded.append(tile)
            self._add_range(tile, valid)

        self._team.map(take, self._tiles)
        self._reduce()
        return self._coverage(unrecorded)

    def _fold_in(self, valid: Mask | None, light: Brightness) -> None:
        for level in self._levels:
            level.light = light
        self._team.map(lambda part: self._levels[part.level].gather(part.rows), self._parts)
        self._team.map(lambda part: self._levels[part.level].reduce(part.rows), self._parts_above)
        self._team.map(Level.widen, self._levels)
        for level in self._levels:
            level.valid = valid
            valid = None if valid is None else cv2.pyrDown(valid)
        self.plane_prior = None if self._prior is None else self._prior.of(self._count)
        self._team.map(self._fold, self._parts)
        self._residual.fold(self._scored, valid, self._count)
        self._count += 1

    def _read_off(self, seen: RegisteredPlane, tile: Window) -> None:
        finest, above = self._levels[0].smooth, self._levels[0].above
        if not self._halved:
            seen.channels(moved_by(tile, *self._origin), [channel[tile] for channel in finest])
            return
        seen.brightness(moved_by(tile, *self._origin), finest[0][tile])
        half = rows_above(tile[0]), rows_above(tile[1])
        seen.differences(moved_by(tile, *self._origin), [channel[half] for channel in above[1:]])

    def _coverage(self, unrecorded: list[Window]) -> Mask | None:
        """Where the plane at hand recorded anything; None for everywhere."""
        if not unrecorded:
            return None
        known = {(rows.start, cols.start) for rows, cols in unrecorded}
        for rows, cols in self._tiles:
            if (rows.start, cols.start) not in known:
                self._valid[rows, cols] = 255
        return self._valid

    def _range_with(self, seen: RegisteredPlane) -> tuple[float, float]:
        low, high = (float(v) for v in (seen.plane.min(), seen.plane.max()))
        gain, offset = seen.light.gain, seen.light.offset
        ends = [low, high, gain * low + offset, gain * high + offset]
        return min(self._range[0], *ends), max(self._range[1], *ends)

    def _reduce(self) -> None:
        def reduce(todo: tuple[Plane, Plane, slice]) -> None:
            fine, coarse, rows = todo
            coarse[rows] = reduced_window(fine, rows)

        for level in self._levels:
            pairs = list(zip(level.smooth, level.above, strict=False))
            self._team.map(reduce, [(a, b, rows) for a, b in pairs for rows in row_bands(b.shape)])

    def _fold(self, part: _Part) -> None:
        level = self._levels[part.level]
        energy = level.fold(part.rows, self._count, self.plane_prior)
        if part.level == 0 and self.energy is not None:
            self.energy[part.rows] = energy

    def _add_range(self, tile: Window, valid: Mask | None) -> None:
        lowest, highest = self._lowest[tile], self._highest[tile]
        low = high = _as_recorded(self._levels[0].smooth[0][tile], self._unit, lowest.dtype)
        if valid is not None:
            outside = valid == 0
            low, high = low.copy(), low.copy()
            high[outside], low[outside] = self._ends
        np.minimum(lowest, low, out=lowest)
        np.maximum(highest, high, out=highest)

    def build(self, base: list[Plane] | None = None) -> None:
        """Put the levels together, once all planes are folded in; no plane can follow.

        On `base`, one channel each, if this fusion ends below the coarsest levels.
        """
        self._built(base)
        self._hold()

    def built_channels(self) -> list[Plane]:
        """As `build`, but what a finer fusion can be built on: not held to what was recorded."""
        return self._built(None)

    def _built(self, base: list[Plane] | None) -> list[Plane]:
        below = self._residual.mean if base is None else base
        for level in reversed(self._levels):
            below = level.build(below, self._team)
        return below

    def _hold(self) -> None:
        """Hold brightness to the range that planes recorded at each pixel."""
        bright = self._levels[0].smooth[0]

        def hold(rows: slice) -> None:
            lowest, highest = self._lowest[rows], self._highest[rows]
            slack = ROUNDED if lowest.dtype.kind == "u" else 0.0
            some = self._valid[rows] = lowest <= highest
            low, high = (np.where(some, end, 0).astype(np.float32) for end in (lowest, highest))
            low -= np.float32(slack)
            high += np.float32(slack)
            channel = bright[rows]
            held = np.clip(channel, low * self._unit, high * self._unit)
            np.copyto(channel, held, where=some)  # elsewhere it goes on smoothly, for the depth

        self._team.map(hold, self._levels[0].parts)
        del self._lowest, self._highest

    @property
    def brightness(self) -> Plane:
        """Of the built image, (Y, X) float32, in the units of one channel."""
        bright = self._levels[0].smooth[0]
        return bright if self._channels == 1 else bright * (1 / self._unit)

    @property
    def recorded(self) -> NDArray[np.bool_]:
        """Where, (Y, X), some plane recorded what the built image shows."""
        return self._valid.view(np.bool_)

    def image(self, dtype: np.dtype[Any]) -> NDArray[Any]:
        """The built image, (Y, X[, C]), of a dtype; where nothing was recorded, as `as_dtype`."""
        finest = self._levels[0]
        shape, further = finest.shape, finest.above[len(finest.smooth) :]
        image = np.empty(shape if self._channels == 1 else (*shape, self._channels), dtype)
        for rows in finest.parts:
            self._team.check()
            channels = [channel[rows] for channel in finest.smooth]
            channels += [_doubled(channel, rows, shape) for channel in further]
            part = np.clip(merged(channels), *self._range)  # new: `brightness` is in use
            part[~self.recorded[rows]] = np.nan
            image[rows] = as_dtype(part, dtype)
        return image


def _ends(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Least and largest value of a type."""
    if dtype.kind == "f":
        return float(np.finfo(dtype).min), float(np.finfo(dtype).max)
    return float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)


def _as_recorded(bright: Plane, unit: np.float32, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Brightness in units of a channel, rounded to whole numbers where planes have them."""
    if dtype.kind == "f":
        return bright * (1 / unit)
    depth = cv2.CV_8U if dtype == np.uint8 else cv2.CV_16U
    rounded: NDArray[Any] = cv2.addWeighted(bright, float(1 / unit), bright, 0, 0, dtype=depth)
    return rounded


def _doubled(channel: Plane, rows: slice, shape: tuple[int, int]) -> Plane:
    """Rows of the level below, between whose pixels nothing was recorded."""
    cut = SourceWindow.of(np.diag([0.5, 0.5, 1.0]), (rows, slice(0, shape[1])), channel.shape)
    return resample(channel[cut.crop], cut.matrix, cut.size)
