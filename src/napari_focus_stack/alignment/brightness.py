"""Brightness of one plane relative to another: illumination drift, not a change of focus.

Focus redistributes light: dark bars blur into their surroundings, and the mean of gamma-encoded
texture changes with its contrast. The illumination is therefore compared where focus changes it
least: on the largest part of the field with one and the same ratio. `illumination_drift` compares
all planes of a stack in this way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack.imgproc.shrinking import reduced_to
from napari_focus_stack.imgproc.transforms import Matrix, rescale, warp

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane

    Values = NDArray[np.float64]

COMPARED_SIDE = 128
"""Longer side of the reduced planes in which brightness is compared."""
LEAST_DRIFT = 0.003
"""Largest negligible change in brightness: 0.3 % leaves 50 dB."""
SPREADS = 2.0
"""Widths of the densest ratios that a drift must exceed in addition: light that refracting cells
deflect amounts to 1.7 (`rims.py`), illumination drift to 4 to 25 (`bench.py`, moving scenes)."""
DENSEST = 0.3
"""Part of the field with the densest ratios, where only the illumination changes them.

The middle of the densest part is the mode where the other ratios move to one side (Robertson and
Cryer, 1974); on `light.py` it errs by 0.1 %, the median of all ratios by 1 to 4 %.
"""
SIGMAS = (1.0, 1.5, 2.0, 3.0, 4.0)
"""Gaussian sigmas, in pixels of the reduced planes, over which light is averaged; the sigma with
the narrowest densest ratios is used."""
DARK = 0.02
"""Part of the brightest light below which a ratio is meaningless."""
RECORDED_SHARE = 0.999
"""Part of a pixel's surroundings that both planes must have recorded."""
FEWEST_PIXELS = 12
LEAST_LIGHT_SPAN = 0.15
"""Range of light, as a part of the brightest, that the plane of more contrast must span to
distinguish an offset from a gain."""
LEAST_SIDE_FOR_OFFSET = 128
"""Longer side of the smallest planes in which an offset is estimated at all."""
PAYS = 0.7
"""An offset is accepted if it leaves at most this part of the mean misfit of a gain alone: where
only focus changed it leaves 0.2 to 1, for fluorescence that fades over a black level 0.1 to 0.5."""
BORNE_OUT = 0.5
"""Part of the change of contrast entailed by an offset that detail must confirm: 0.55 and more
where light was added, 0.43 and less where bars or bricks blur."""
SAME_DETAIL = 0.8
"""Least correlation at which the detail of two planes is evidence of their contrast."""
UNCHANGED = 0.35
"""Part of the field, where a gain alone fits best, in which detail is compared."""
ROUNDS = 12
GAMMA = 2.2
"""Exponent from the value of a photograph to linear light."""


@dataclass(frozen=True)
class IlluminationSample:
    """Luminance of a plane, reduced to at most 128 pixels a side.

    Attributes
    ----------
    recorded : numpy.ndarray
        (y, x) float32 luminance as recorded.
    decoded : numpy.ndarray or None
        (y, x) float32 luminance in linear light if the plane is a photograph; None where values
        are linear.
    shape : tuple of int
        (Y, X) of the full plane.
    """

    recorded: Plane
    decoded: Plane | None
    shape: tuple[int, int]

    @classmethod
    def of(cls, grey: Plane, photograph: bool, shape: tuple[int, int]) -> IlluminationSample:
        """Reduce the luminance of a plane.

        Parameters
        ----------
        grey : numpy.ndarray
            (y, x) float32 luminance.
        photograph : bool
            Whether values are gamma-encoded.
        shape : tuple of int
            (Y, X) of the full plane.

        Returns
        -------
        IlluminationSample
            The luminance, in linear light as well for photographs.
        """
        decoded = None
        if photograph:
            decoded = reduced_to(cv2.pow(np.maximum(grey, 0), GAMMA), COMPARED_SIDE)
        return cls(reduced_to(grey, COMPARED_SIDE), decoded, shape)

    @property
    def nbytes(self) -> int:
        """Memory of all arrays, in bytes."""
        return self.recorded.nbytes + (0 if self.decoded is None else self.decoded.nbytes)


@dataclass(frozen=True)
class Brightness:
    """Gain and offset from a plane to the reference's brightness, with their uncertainty.

    Attributes
    ----------
    gain, offset : float
        Reference = gain * plane + offset.
    spread : float
        Width of the densest ratios, or the difference between the ratio to the reference and that
        composed along the planes between. Only a change well beyond it counts as drift.
    """

    gain: float = 1.0
    offset: float = 0.0
    spread: float = 0.0

    @property
    def drifts(self) -> bool:
        """Whether focus alone cannot explain the change."""
        return self.offset != 0 or abs(self.gain - 1) > LEAST_DRIFT + SPREADS * self.spread

    @classmethod
    def of(
        cls, fixed: IlluminationSample, moving: IlluminationSample, full_size: Matrix
    ) -> Brightness:
        """Compare two planes as recorded, by a gain and possibly an offset.

        An offset (stray light, another black level) is included only if it leaves much less misfit
        than a gain alone and is confirmed by texture.

        Parameters
        ----------
        fixed, moving : IlluminationSample
            The reference plane and the plane that is compared with it.
        full_size : numpy.ndarray
            (3, 3) transform between the full planes, from `fixed` to `moving`.

        Returns
        -------
        Brightness
            Gain and offset from `moving` to `fixed`.
        """
        pair = _Pair.of(fixed.recorded, moving.recorded, fixed.shape, full_size)
        return (max(fixed.shape) >= LEAST_SIDE_FOR_OFFSET and pair.with_offset()) or pair.gain()

    @classmethod
    def of_gain(
        cls, fixed: IlluminationSample, moving: IlluminationSample, full_size: Matrix
    ) -> Brightness:
        """Compare two planes as recorded, by a gain alone.

        Parameters
        ----------
        fixed, moving : IlluminationSample
            The reference plane and the plane that is compared with it.
        full_size : numpy.ndarray
            (3, 3) transform between the full planes, from `fixed` to `moving`.

        Returns
        -------
        Brightness
            Gain from `moving` to `fixed`.
        """
        return _Pair.of(fixed.recorded, moving.recorded, fixed.shape, full_size).gain()

    @classmethod
    def of_photographs(
        cls, fixed: IlluminationSample, moving: IlluminationSample, full_size: Matrix
    ) -> Brightness:
        """Compare two photographs in linear light, by a gain alone.

        Parameters
        ----------
        fixed, moving : IlluminationSample
            The reference plane and the plane that is compared with it; both have `decoded`.
        full_size : numpy.ndarray
            (3, 3) transform between the full planes, from `fixed` to `moving`.

        Returns
        -------
        Brightness
            Gain between the gamma-encoded values, from `moving` to `fixed`.
        """
        assert fixed.decoded is not None
        assert moving.decoded is not None
        found = _Pair.of(fixed.decoded, moving.decoded, fixed.shape, full_size).gain()
        return cls(found.gain ** (1 / GAMMA), 0.0, found.spread / GAMMA)


@dataclass(frozen=True)
class _Pair:
    """Light of two registered planes, and the area that both recorded."""

    fixed: Plane
    moving: Plane
    recorded: Plane

    @classmethod
    def of(cls, fixed: Plane, moving: Plane, shape: tuple[int, int], full_size: Matrix) -> _Pair:
        """Resample `moving` to `fixed` by a transform between full planes of a shape."""
        y, x = fixed.shape
        matrix = rescale(full_size, y / shape[0], x / shape[1])
        moved, recorded = warp(moving, matrix, cv2.INTER_LINEAR)
        inside = np.ones(moved.shape, np.float32)
        if recorded is not None:
            inside = recorded * np.float32(1 / 255)
        return cls(fixed, moved, inside)

    def gain(self) -> Brightness:
        """Return the gain with the narrowest densest ratios; the identity in darkness."""
        narrowest, found = np.inf, Brightness()
        for sigma in SIGMAS:
            a, b = self._smoothed(sigma)
            if a.size < FEWEST_PIXELS:
                continue
            middle, width = densest(np.log(a / b))
            if width < narrowest:
                narrowest, found = width, Brightness(float(np.exp(middle)), 0.0, width)
        return found

    def with_offset(self) -> Brightness | None:
        """Return a gain and an offset; None where a gain and blur explain the planes as well."""
        a, b = (light.astype(float) for light in self._smoothed(SIGMAS[-1]))
        if a.size < FEWEST_PIXELS or max(np.ptp(v) / v.max() for v in (a, b)) < LEAST_LIGHT_SPAN:
            return None
        middle, _ = densest(np.log(a / b))
        gain, offset = _robust_line(a, b)
        left = float(np.abs(a - gain * b - offset).mean())
        before = float(np.abs(a - np.exp(middle) * b).mean())
        if gain <= 0 or left >= PAYS * before or abs(offset) <= LEAST_DRIFT * b.max():
            return None
        if not self._confirmed_by_texture(float(np.log(gain)) - middle, middle):
            return None
        return Brightness(gain, offset, 2 * left / float(np.median(b)))

    def _confirmed_by_texture(self, change: float, middle: float) -> bool:
        """Return whether detail changed its contrast by as much as an offset entails.

        Added light changes contrast equally at every scale; blur changes it less, the coarser the
        scale. The change at the coarsest scale is therefore extrapolated from two scales, twice.
        It is measured where a gain alone fits, because elsewhere most of the contrast comes from
        light that focus redistributes.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            a, b = (cv2.GaussianBlur(light, (0, 0), SIGMAS[-1]) for light in self._both)
            off = np.abs(np.log(a / b) - middle)
        off[~self._usable(a, b, SIGMAS[-1])] = np.nan
        if np.isnan(off).all():
            return False
        places = off <= np.nanquantile(off, UNCHANGED)
        contrasts, sigmas = [], (1.5, 2.0, 3.0)
        for sigma in sigmas:
            fine = [_detail(light, sigma)[places].astype(float) for light in self._both]
            powers = [float(one @ one) for one in fine]
            if min(powers) <= 0 or float(fine[0] @ fine[1]) < SAME_DETAIL * np.sqrt(
                powers[0] * powers[1]
            ):
                return True  # no detail there contradicts the offset
            contrasts.append(0.5 * float(np.log(powers[0] / powers[1])) - middle)
        steps = range(len(sigmas) - 1)
        limits = [_limit(sigmas[i : i + 2], contrasts[i : i + 2]) / change for i in steps]
        return min(limits) >= BORNE_OUT

    @property
    def _both(self) -> tuple[Plane, Plane]:
        return self.fixed, self.moving

    def _usable(self, a: Plane, b: Plane, sigma: float) -> NDArray[np.bool_]:
        """Return a mask of the pixels that are not dark and whose surroundings both recorded."""
        inside = cv2.GaussianBlur(self.recorded, (0, 0), sigma)
        usable: NDArray[np.bool_] = np.minimum(a, b) > max(DARK * float(a.max()), 0.0)
        usable &= inside > RECORDED_SHARE
        return usable

    def _smoothed(self, sigma: float) -> tuple[Plane, Plane]:
        """Average the light of both planes over `sigma`, sampled about `sigma` apart."""
        a, b = (cv2.GaussianBlur(light, (0, 0), sigma) for light in self._both)
        usable = self._usable(a, b, sigma)
        some = np.s_[:: math.ceil(sigma), :: math.ceil(sigma)]
        return a[some][usable[some]], b[some][usable[some]]


def _detail(light: Plane, sigma: float) -> Plane:
    fine = cv2.GaussianBlur(light, (0, 0), sigma)
    detail: Plane = cv2.subtract(fine, cv2.GaussianBlur(light, (0, 0), 2 * sigma), dst=fine)
    return detail


def _limit(sigmas: tuple[float, ...], values: list[float]) -> float:
    """Extrapolate a value that changes with the inverse square of the scale to the coarsest."""
    fine, coarse = (1 / sigma**2 for sigma in sigmas)
    return values[1] + (values[1] - values[0]) * coarse / (fine - coarse)


def densest(values: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Return the middle and the width of the densest part of some values.

    Parameters
    ----------
    values : numpy.ndarray
        (n,) floating-point values; the densest `DENSEST` of them count.

    Returns
    -------
    middle : float
        Median of the densest values.
    width : float
        Range of the densest values.

    References
    ----------
    .. [1] T. Robertson and J. D. Cryer, "An iterative procedure for estimating the mode", Journal
       of the American Statistical Association 69, 1974,
       https://doi.org/10.1080/01621459.1974.10480246
    """
    values = np.sort(values)
    count = max(2, round(DENSEST * len(values)))
    widths = values[count - 1 :] - values[: len(values) - count + 1]
    at = int(widths.argmin())
    return float(np.median(values[at : at + count])), float(widths[at])


def _robust_line(a: Values, b: Values) -> tuple[float, float]:
    """Fit a gain and an offset by least absolute residuals (iteratively reweighted squares)."""
    weight, least = np.ones_like(b), 1e-4 * float(np.median(a)) + 1e-12
    for _ in range(ROUNDS):
        total = weight.sum()
        middle, level = weight @ b / total, weight @ a / total
        apart = b - middle
        gain = float(weight * apart @ a / max(weight * apart @ apart, 1e-300))
        offset = float(level - gain * middle)
        weight = 1 / (np.abs(a - gain * b - offset) + least)
    return gain, offset
