"""Fusion of a stack: Laplacian pyramids, weighted by energy, averaged one plane at a time.

Each plane is processed in four passes over parts of a few rows that stay in a core's cache: it is
resampled to the reference frame and reduced; its squared bands are gathered; the wide tail of the
window is computed from them at half the size; and with the weights that follow it is added to the
mean.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from napari_focus_stack._utils.threads import ThreadTeam, row_bands
from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.fusion.compiled_level import level_type
from napari_focus_stack.fusion.plane_loading import PlaneLoader
from napari_focus_stack.fusion.pyramid_level import Level, Residual
from napari_focus_stack.fusion.recorded_range import RecordedRange
from napari_focus_stack.imgproc.alpha import opaque_value
from napari_focus_stack.imgproc.colour import GREY, merged
from napari_focus_stack.imgproc.dtypes import as_dtype
from napari_focus_stack.imgproc.pyramids import (
    Plane,
    level_count,
    reduced_shape,
    reduced_window,
)
from napari_focus_stack.imgproc.resampling import expanded_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.alignment.registered_plane import RegisteredPlane
    from napari_focus_stack.fusion.focus_prior import PlanePrior, WindowPrior
    from napari_focus_stack.imgproc.dtypes import Mask
    from napari_focus_stack.imgproc.noise import Noise

DEPTH_LEVELS = 3
"""Number of levels whose energies determine depth; the finest is provided at half its size."""


class _Part(NamedTuple):
    level: int
    rows: slice


class PyramidFusion:
    """Laplacian pyramid averaged over the planes that noise cannot distinguish from the sharpest.

    At every level a plane's weight falls exponentially with its distance from the best plane,
    measured in the noise of the energy itself: on clean stacks only the best plane remains
    (selection by local energy [1]_), and where planes differ only by noise they are averaged. The
    remaining band is shrunk by Wiener's rule as far as the remaining noise explains it. Brightness
    is limited to the range that planes recorded at each pixel, and every channel to that of the
    whole stack.

    Unrecorded parts of a plane must continue it smoothly: bands there reach across the border.

    Weights are normalised over all planes although planes are added one at a time: the logarithm
    of their sum is updated by each further plane (softmax in one pass).

    Parameters
    ----------
    shape : tuple of int
        (Y, X[, C]) of the fused image.
    dtype : numpy.dtype
        Type of the planes.
    noise : Noise
        Noise of one channel.
    team : ThreadTeam
        Threads that share the work.
    origin : tuple of int
        Row and column of the reference plane at which this fusion starts; even.
    keep_energy : bool
        Whether to keep `energy`.
    colour_halved : bool
        Whether planes hold colour differences at half their size only; the finest level then has
        none.
    bottom : int
        Number of the finest level, for planes that are reduced by that many levels already.
    count : int, optional
        Number of levels, if fewer than the shape allows; `build` is given the levels above.
    prior : WindowPrior, optional
        Prior for the depth; without it each band selects its own plane.

    Attributes
    ----------
    energies : list of numpy.ndarray
        (y, x) float32 energies of the last plane, the finest level at half its size.
    energy : numpy.ndarray or None
        (Y, X) float32 energy of the last plane at the finest level.
    plane_prior : PlanePrior or None
        Prior of the last plane.
    limited : int
        Number of pixels of the built image that were limited to the recorded range.
    averaged : float
        Sum over its pixels of the planes averaged in each, as the number of equally weighted ones.

    References
    ----------
    .. [1] P. J. Burt and R. J. Kolczynski, "Enhanced image capture through fusion", ICCV 1993,
       https://doi.org/10.1109/ICCV.1993.378222
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
        self._team, self._prior = team, prior
        self.plane_prior: PlanePrior | None = None
        self.limited, self.averaged = 0, 0.0
        self._origin = origin
        self._channels = 1 if len(shape) == 2 else shape[2]
        self._unit = np.float32(1 if self._channels == 1 else GREY)
        self._levels: list[Level] = []
        sides = shape[0], shape[1]
        count = count or level_count(shape)
        self._halved = colour_halved and self._channels == 3 and count > 1 and bottom == 0
        for number in range(bottom, bottom + count):
            own = 1 if self._halved and number == 0 else self._channels
            self._levels.append(level_type()(number, sides, own, noise, self._channels > 1))
            sides = reduced_shape(sides)
        self._residual = Residual(sides, self._channels)
        self._scored = self._levels[-1].scored = np.empty(self._levels[-1].shape, np.float32)
        for level in self._levels if self._channels == 4 else ():
            level.opaque = opaque_value(dtype)
        for level, above in pairwise(self._levels):
            level.above = above.smooth
        self._levels[-1].above = self._residual.smooth
        self._range = RecordedRange((shape[0], shape[1]), dtype, self._unit)
        self._loader = PlaneLoader(self._levels[0], self._range, team, self._halved)
        self._recorded = self._loader.recorded
        self._count = 0
        self._loaded: tuple[Mask | None, Brightness] = None, Brightness()
        self._parts = [_Part(k, rows) for k, v in enumerate(self._levels) for rows in v.parts]
        sizes = [(k, reduced_shape(v.shape)) for k, v in enumerate(self._levels)]
        self._parts_above = [_Part(k, rows) for k, size in sizes for rows in row_bands(size)]
        self.energy = np.empty(shape[:2], np.float32) if keep_energy else None
        self._levels[0].full_energy = self.energy

    @property
    def energies(self) -> list[Plane]:
        """Energies of the last plane, as required by `DepthEstimator.add`."""
        return [level.energy for level in self._levels[:DEPTH_LEVELS]]

    def add(self, seen: RegisteredPlane) -> None:
        """Add a plane to the mean.

        Parameters
        ----------
        seen : RegisteredPlane
            The plane.
        """
        self.load(seen)
        self.add_loaded()

    def load(self, seen: RegisteredPlane) -> None:
        """Resample a plane, which is not needed afterwards, for `add_loaded`.

        Parameters
        ----------
        seen : RegisteredPlane
            The plane.
        """
        self._loaded = self._load_plane(seen), seen.brightness

    def add_loaded(self) -> None:
        """Add the plane of the last `load` to the mean."""
        self._add(*self._loaded)

    def add_reduced(
        self, channels: list[Plane], recorded: Mask | None, brightness: Brightness
    ) -> None:
        """Add a plane that `reduced` returned to the mean.

        Parameters
        ----------
        channels : list of numpy.ndarray
            (y, x) float32 channels at the size of the finest level.
        recorded : numpy.ndarray or None
            (y, x) uint8, 255 where the plane recorded; None if it recorded everything.
        brightness : Brightness
            Gain and offset by which the plane was brought to the reference's brightness.
        """
        for smooth, channel in zip(self._levels[0].smooth, channels, strict=True):
            smooth[:] = channel
        self._reduce()
        self._add(recorded, brightness)

    def reduced(
        self, seen: RegisteredPlane, origin: tuple[int, int]
    ) -> tuple[list[Plane], Mask | None]:
        """Reduce a plane to the size above all levels, without adding it.

        Parameters
        ----------
        seen : RegisteredPlane
            The plane.
        origin : tuple of int
            Row and column of the reference plane at which to start; even.

        Returns
        -------
        channels : list of numpy.ndarray
            (y, x) float32 channels.
        recorded : numpy.ndarray or None
            (y, x) uint8, 255 where the plane recorded; None if it recorded everything.
        """
        self._origin = origin
        recorded = self._load_plane(seen)
        for _ in self._levels:
            recorded = None if recorded is None else cv2.pyrDown(recorded)
        return self._residual.smooth, recorded

    def _load_plane(self, seen: RegisteredPlane) -> Mask | None:
        """Resample a plane into the levels; return where it recorded, None for everywhere."""
        self._team.check()
        recorded = self._loader.load(seen, self._origin)
        self._reduce()
        return recorded

    def _add(self, recorded: Mask | None, brightness: Brightness) -> None:
        """Add the loaded plane to the mean of every level."""
        for level in self._levels:
            level.brightness = brightness
        self._team.map(lambda part: self._levels[part.level].gather(part.rows), self._parts)
        self._team.map(lambda part: self._levels[part.level].reduce(part.rows), self._parts_above)
        for level in self._levels:
            level.recorded = recorded
            recorded = None if recorded is None else cv2.pyrDown(recorded)
        self.plane_prior = prior = None if self._prior is None else self._prior.of(self._count)
        self._team.map(lambda level: level.prepare(self._count, prior), self._levels)
        self._team.map(lambda part: self._levels[part.level].fold(part.rows), self._parts)
        self._residual.fold(self._scored, recorded, self._count)
        self._count += 1

    def _reduce(self) -> None:
        def reduce(todo: tuple[Plane, Plane, slice]) -> None:
            fine, coarse, rows = todo
            coarse[rows] = reduced_window(fine, rows)

        for level in self._levels:
            pairs = list(zip(level.smooth, level.above, strict=False))
            self._team.map(reduce, [(a, b, rows) for a, b in pairs for rows in row_bands(b.shape)])

    def build(self, base: list[Plane] | None = None) -> None:
        """Reconstruct the image from the levels; no plane can be added afterwards.

        Parameters
        ----------
        base : list of numpy.ndarray, optional
            (y, x) float32 channels of the level above, if this fusion ends below the coarsest
            levels.
        """
        self._built(base)
        self._limit()

    def built_channels(self) -> list[Plane]:
        """Reconstruct the channels without limiting them to the recorded range.

        Returns
        -------
        list of numpy.ndarray
            (y, x) float32 channels, the `base` of a finer fusion.
        """
        return self._built(None)

    def _built(self, base: list[Plane] | None) -> list[Plane]:
        below = self._residual.mean if base is None else base
        for level in reversed(self._levels):
            below = level.build(below, self._team)
        return below

    def _limit(self) -> None:
        """Limit brightness to the range that planes recorded at each pixel."""
        bright, counts, limit = self._levels[0].smooth[0], [], self._range.limit
        self._team.map(
            lambda rows: counts.append(limit(bright, self._recorded, rows)), self._levels[0].parts
        )
        self.limited, self.averaged = sum(counts), self._levels[0].averaged
        self._range.release()

    @property
    def brightness(self) -> Plane:
        """Brightness of the built image, (Y, X) float32, in the units of one channel."""
        bright = self._levels[0].smooth[0]
        return bright if self._channels == 1 else bright * (1 / self._unit)

    @property
    def recorded(self) -> NDArray[np.bool_]:
        """Mask, (Y, X) bool, of the pixels of the built image that some plane recorded."""
        return self._recorded.view(np.bool_)

    def image(self, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return the built image.

        Parameters
        ----------
        dtype : numpy.dtype
            Type of the image.

        Returns
        -------
        numpy.ndarray
            (Y, X[, C]); NaN where nothing was recorded, 0 in a type without NaN.
        """
        finest = self._levels[0]
        shape, further = finest.shape, finest.above[len(finest.smooth) :]
        image = np.empty(shape if self._channels == 1 else (*shape, self._channels), dtype)
        for rows in finest.parts:
            self._team.check()
            channels = [channel[rows] for channel in finest.smooth]
            channels += [expanded_rows(channel, rows, shape) for channel in further]
            part = np.clip(merged(channels), *self._range.stack)  # new: `brightness` is in use
            part[~self.recorded[rows]] = np.nan
            image[rows] = as_dtype(part, dtype)
        return image
