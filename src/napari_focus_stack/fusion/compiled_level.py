"""One level of a fusion's pyramid, squared and folded by compiled kernels (`bands.c`)."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._compiled.library import Plane as Described
from napari_focus_stack._compiled.library import address, kernels, library
from napari_focus_stack.fusion.focus_measure import (
    CORE_SIZE,
    ENERGY_FLOOR,
    NO_SCORE,
    TOTAL,
    UNRECORDED,
    WINDOW_CORE,
    WINDOW_TAIL,
    selectivity,
)
from napari_focus_stack.fusion.pyramid_level import (
    ALPHA,
    LARGEST_EXPONENT,
    LEAST_COVERAGE,
    Level,
)
from napari_focus_stack.imgproc.alpha import alpha_weight
from napari_focus_stack.imgproc.colour import GREY
from napari_focus_stack.imgproc.resampling import scratch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_focus_stack.fusion.focus_prior import PlanePrior
    from napari_focus_stack.imgproc.noise import Noise
    from napari_focus_stack.imgproc.pyramids import Plane

MOST_CHANNELS = 4
ROWS = 15
"""Rows that `fold` works in: five of squared bands, two of energies, and at half the size four of
each map of the prior and of the tail of the window."""


class _Variance(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_float) for name in ("constant", "slope", "least"))


class _Prior(ctypes.Structure):
    _fields_ = (
        ("maps", Described * 3),
        ("present", ctypes.c_int32),
        ("steps", ctypes.c_int32),
    )


class _Bands(ctypes.Structure):
    _fields_ = (
        ("smooth", ctypes.POINTER(Described)),
        ("above", ctypes.POINTER(Described)),
        ("channels", ctypes.c_int32),
        ("counting", ctypes.c_int32),
        ("noise", _Variance),
        ("own", _Variance),
        ("differs", ctypes.c_int32),
        ("factor", ctypes.c_float),
    )


class _Fold(ctypes.Structure):
    _fields_ = (
        ("bands", _Bands),
        ("means", ctypes.c_void_p * MOST_CHANNELS),
        ("weight", ctypes.c_void_p),
        ("squares", ctypes.c_void_p),
        ("power", Described),
        ("wide", Described),
        ("recorded", ctypes.c_void_p),
        ("alpha", ctypes.c_void_p),
        ("scored", ctypes.c_void_p),
        ("energy", ctypes.c_void_p),
        ("halved", ctypes.c_void_p),
        ("prior", _Prior),
        ("core", ctypes.c_float * 3),
        *(
            (name, ctypes.c_float)
            for name in (
                *("near_tail", "scale", "samples", "floor", "variance", "limit"),
                *("no_score", "unrecorded"),
            )
        ),
        ("least_coverage", ctypes.c_int32),
        ("first", ctypes.c_int32),
    )


class CompiledLevel(Level):
    """Level whose loops over all pixels of a plane are compiled.

    The same as `Level` within the rounding of float32, but that planes whose share is below it are
    left out of the mean.
    """

    def __init__(
        self, level: int, shape: tuple[int, int], channels: int, noise: Noise, colour: bool
    ) -> None:
        super().__init__(level, shape, channels, noise, colour)
        self._power = np.empty((0, 0), np.float32)
        self._squares = np.empty(shape, np.uint16)

    def gather(self, rows: slice) -> None:
        """Do nothing: `reduce` and `fold` square the bands.

        Parameters
        ----------
        rows : slice
            Rows of the level.
        """

    def reduce(self, rows: slice) -> None:
        """Square the bands, and reduce them to some rows of the level above.

        Parameters
        ----------
        rows : slice
            Rows of the level above.
        """
        width, half = self.shape[1], self._halved.shape[1]
        kernels().reduce_squares(
            ctypes.byref(self._bands()),
            ctypes.c_int64(rows.start),
            ctypes.c_int64(rows.stop),
            ctypes.c_void_p(self._halved.ctypes.data),
            ctypes.c_void_p(scratch("rows", (width + 5 * half,)).ctypes.data),
        )

    def prepare(self, count: int, prior: PlanePrior | None) -> None:
        """Prepare what all rows of the current plane share, before they are folded.

        Parameters
        ----------
        count : int
            Number of planes added before.
        prior : PlanePrior or None
            Prior of the current plane.
        """
        super().prepare(count, prior)
        self._alpha: Plane | None = None
        if self.opaque is not None:
            self._alpha = np.log(alpha_weight(self.smooth[ALPHA], self.opaque))
        self._maps, weights = None, _Prior()
        if prior is not None:
            self._maps, steps = prior.maps(self.level)
            weights = _Prior(_planes(self._maps), 1, steps)
        self._state = self._described(weights)

    def fold(self, rows: slice) -> None:
        """Add some rows of the current plane to the mean.

        Parameters
        ----------
        rows : slice
            Rows of the level, starting at an even one.
        """
        kernels().fold(
            ctypes.byref(self._state),
            ctypes.c_int64(rows.start),
            ctypes.c_int64(rows.stop),
            ctypes.c_void_p(address(scratch("rows", (ROWS, self.shape[1] + 1)))),
        )

    def _squared_shares(self, rows: slice) -> Plane:
        """Unpack the sums of squared shares; see `packed` in `bands.c`."""
        bits = self._squares[rows].astype(np.int32)
        bits <<= 12
        bits += 111 << 23
        return bits.view(np.float32)

    def _described(self, weights: _Prior) -> _Fold:
        """Describe the level and the current plane, whose arrays the level keeps."""
        core = cv2.getGaussianKernel(CORE_SIZE, WINDOW_CORE).ravel()[CORE_SIZE // 2 :]
        finest = self.level == 0
        return _Fold(
            self._bands(),
            (ctypes.c_void_p * MOST_CHANNELS)(*(address(mean) for mean in self._means)),
            address(self._weight),
            address(self._squares),
            Described.of(self._halved),
            Described.of(self._wide),
            address(self.recorded),
            address(self._alpha),
            address(self.scored),
            address(self.full_energy if finest else self.energy),
            address(self.energy if finest else None),
            weights,
            (ctypes.c_float * 3)(*core),
            WINDOW_TAIL[0],
            1 / TOTAL,
            selectivity(self.level),
            ENERGY_FLOOR,
            self._variance if self.brightness.gain != 1 else 1.0,
            LARGEST_EXPONENT,
            NO_SCORE,
            UNRECORDED,
            LEAST_COVERAGE,
            self._count == 0,
        )

    def _bands(self) -> _Bands:
        """Describe the current plane."""
        counting, own = self._energy_channels, self._own_noise
        parts = sum(self._noise.opponent_at(self.level)[:counting]) if self._colour else 1.0
        return _Bands(
            _planes(self.smooth),
            _planes(self.above),
            len(self._means),
            counting,
            self._variance_in_band(self._noise),
            self._variance_in_band(own or self._noise),
            own is not None,
            1 / parts,
        )

    def _variance_in_band(self, noise: Noise) -> _Variance:
        """Return the noise of a band, by the brightness of the first channel."""
        unit = 1 / GREY if self._colour else 1.0
        gain = noise.gain_in_band(self.level)
        least = noise.least if noise.slope else 0.0
        return _Variance(gain * noise.constant, gain * noise.slope * unit, gain * least)


def level_type() -> type[Level]:
    """Return the type of a fusion's levels.

    Returns
    -------
    type
        `CompiledLevel`, or `Level` where nothing was compiled.
    """
    return Level if library() is None else CompiledLevel


def _planes(channels: Sequence[Plane]) -> Any:
    return (Described * len(channels))(*(Described.of(channel) for channel in channels))
