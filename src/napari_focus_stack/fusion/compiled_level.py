"""One level of a fusion's pyramid, squared and folded by compiled kernels (`bands.c`)."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._compiled.library import Plane as Described
from napari_focus_stack._compiled.library import address, library
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
from napari_focus_stack.imgproc.pyramids import Plane, expand
from napari_focus_stack.imgproc.resampling import scratch

if TYPE_CHECKING:
    from napari_focus_stack.fusion.focus_prior import PlanePrior
    from napari_focus_stack.imgproc.noise import Noise

MOST_CHANNELS = 4


class _Variance(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_float) for name in ("constant", "slope", "least"))


class _Prior(ctypes.Structure):
    _fields_ = (
        *((name, Described) for name in ("energies", "prior", "share")),
        ("present", ctypes.c_int32),
        ("expanded", ctypes.c_int32),
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
        ("tail", Described),
        ("recorded", ctypes.c_void_p),
        ("alpha", ctypes.c_void_p),
        ("scored", ctypes.c_void_p),
        ("prior", _Prior),
        ("core", ctypes.c_float * 3),
        *(
            (name, ctypes.c_float)
            for name in (
                *("scale", "samples", "floor", "variance", "limit"),
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
        _kernels().reduce_squares(
            ctypes.byref(self._bands()),
            ctypes.c_int64(rows.start),
            ctypes.c_int64(rows.stop),
            ctypes.c_void_p(self._halved.ctypes.data),
            ctypes.c_void_p(scratch("squares", (width + 5 * half,)).ctypes.data),
        )

    def widen(self) -> None:
        """Average the reduced squared bands over the tail of the window."""
        super().widen()
        around = expand(self._wide, self._halved.shape)
        self._wide = cv2.scaleAdd(self._halved, WINDOW_TAIL[0], around, dst=around)

    def fold(self, rows: slice, count: int, prior: PlanePrior | None) -> Plane:
        """Add some rows of the current plane to the mean.

        Parameters
        ----------
        rows : slice
            Rows of the level.
        count : int
            Number of planes added before.
        prior : PlanePrior or None
            Prior of the current plane.

        Returns
        -------
        numpy.ndarray
            (rows, x) float32 energy.
        """
        energy = np.empty((rows.stop - rows.start, self.shape[1]), np.float32)
        alpha = None
        if self.opaque is not None:
            alpha = np.log(alpha_weight(self.smooth[ALPHA], self.opaque))
        state, kept = self._state(count, prior, alpha)
        _kernels().fold(
            ctypes.byref(state),
            ctypes.c_int64(rows.start),
            ctypes.c_int64(rows.stop),
            ctypes.c_void_p(energy.ctypes.data),
            ctypes.c_void_p(scratch("squares", (5 * self.shape[1],)).ctypes.data),
        )
        del kept
        outside = None if self.recorded is None else self.recorded[rows] < LEAST_COVERAGE
        self._keep_energy(energy, outside, rows)
        return energy

    def _state(
        self, count: int, prior: PlanePrior | None, alpha: Plane | None
    ) -> tuple[_Fold, list[Any]]:
        """Describe the level and the current plane; return also the arrays that must be kept."""
        kept: list[Any] = [alpha]
        weights = _Prior()
        if prior is not None:
            maps, expanded = prior.maps(self.level)
            weights = _Prior(*(Described.of(found) for found in maps), 1, expanded)
            kept.append(maps)
        core = cv2.getGaussianKernel(CORE_SIZE, WINDOW_CORE).ravel()[CORE_SIZE // 2 :]
        means = [mean.ctypes.data for mean in self._means]
        return _Fold(
            self._bands(),
            (ctypes.c_void_p * MOST_CHANNELS)(*means),
            self._weight.ctypes.data,
            self._squares.ctypes.data,
            Described.of(self._wide),
            address(self.recorded),
            address(alpha),
            address(self.scored),
            weights,
            (ctypes.c_float * 3)(*core),
            1 / TOTAL,
            selectivity(self.level),
            ENERGY_FLOOR,
            self._variance if self.brightness.gain != 1 else 1.0,
            LARGEST_EXPONENT,
            NO_SCORE,
            UNRECORDED,
            LEAST_COVERAGE,
            count == 0,
        ), kept

    def _bands(self) -> _Bands:
        """Describe the current plane."""
        counting, own = self._energy_channels, self._own_noise
        parts = sum(self._noise.opponent_at(self.level)[:counting]) if self._colour else 1.0
        return _Bands(
            _described(self.smooth),
            _described(self.above),
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


def _kernels() -> ctypes.CDLL:
    found = library()
    assert found is not None
    return found


def _described(channels: list[Plane]) -> Any:
    return (Described * len(channels))(*(Described.of(channel) for channel in channels))
