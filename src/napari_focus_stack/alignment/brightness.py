"""How bright planes are against the reference plane: a lamp that drifts, not what is in focus.

Focus moves light about: dark bars blur into what surrounds them, and the mean of texture that was
gamma-encoded changes with its contrast. So a lamp is judged on what focus changes least: on the
largest part of the field whose ratio is the same everywhere, in linear light where that leaves
less to explain, between neighbours and from the reference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack.imgproc.pyramids import reduced_to
from napari_focus_stack.imgproc.transforms import Matrix, rescale, warp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane

    Values = NDArray[np.float64]

COMPARED_SIDE = 128
"""Longer side of the small planes by which the brightness is compared."""
LEAST_DRIFT = 0.003
"""Change in brightness too small to matter: 0.3 % leaves 50 dB."""
SPREADS = 2.0
"""Widths of the densest ratios that a drift must exceed besides: the light that refracting cells
bend away is 1.7 of them (`rims.py`), a lamp 4 to 25 (`bench.py`, moving scenes).
"""
DENSEST = 0.3
"""Part of the field whose ratios lie closest together: where nothing but the lamp changes them.

The middle of the densest part is the mode where others move to one side (Robertson and Cryer,
1974); on `light.py` it errs by 0.1 %, the median of all ratios by 1 to 4 %.
"""
SIGMAS = (1.0, 1.5, 2.0, 3.0, 4.0)
"""Gaussian sigmas, in pixels of the small planes, over which light is averaged: the one counts
that leaves the densest ratios closest together."""
DARK = 0.02
"""Part of the brightest light below which a ratio says nothing."""
RECORDED_SHARE = 0.999
"""Part of a pixel's surroundings that both planes must have recorded."""
FEWEST_PIXELS = 12
MOST_DISAGREEMENT = 0.01
"""By how much the ratio to the reference may differ from that along neighbours, at the least."""
LEAST_LIGHT_SPAN = 0.15
"""Part of the brightest light that it must span, in the plane of more contrast, for an offset to be
told from a gain."""
LEAST_SIDE_FOR_OFFSET = 128
"""Longer side of planes from which on an offset is looked for at all."""
PAYS = 0.7
"""An offset is believed that leaves at most this part of the mean misfit of a gain alone; where
focus alone changed it leaves 0.2 to 1, fluorescence that fades over a black level 0.1 to 0.5."""
BORNE_OUT = 0.5
"""Part of the change of contrast that an offset entails which must show in detail, too: 0.55 and
more where light was added, 0.43 and less where bars or bricks blur."""
SAME_DETAIL = 0.8
"""Correlation from which on the detail of two planes says anything of their contrast."""
UNCHANGED = 0.35
"""Part of the field in which a gain alone fits best, whose detail is looked at."""
ROUNDS = 12
GAMMA = 2.2
"""Exponent of the light behind a value of a photograph."""


@dataclass(frozen=True)
class IlluminationSample:
    """Light of a plane, at most 128 pixels a side.

    Attributes
    ----------
    recorded : numpy.ndarray
        (y, x) float32 luminance.
    decoded : numpy.ndarray or None
        The same in linear light, if the plane is a photograph; None where values are linear.
    shape : tuple of int
        Of the full plane.
    """

    recorded: Plane
    decoded: Plane | None
    shape: tuple[int, int]

    @classmethod
    def of(cls, grey: Plane, photograph: bool, shape: tuple[int, int]) -> IlluminationSample:
        """Reduce the luminance, (y, x) float32, of a plane of this shape."""
        decoded = None
        if photograph:
            decoded = reduced_to(cv2.pow(np.maximum(grey, 0), GAMMA), COMPARED_SIDE)
        return cls(reduced_to(grey, COMPARED_SIDE), decoded, shape)

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.recorded.nbytes + (0 if self.decoded is None else self.decoded.nbytes)


@dataclass(frozen=True)
class Brightness:
    """What brings a plane to the reference's brightness, and how sure it is.

    Attributes
    ----------
    gain, offset : float
        Reference = gain * plane + offset.
    spread : float
        Width of the ratios that lie closest together, or by how much the ratio to the reference
        differs from that along the planes between. It is drift what stands out.
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
        """Compare two planes as they were recorded.

        A gain alone, unless an offset (stray light, another black level) leaves much less misfit
        and detail bears it out.
        """
        pair = _Pair.of(fixed.recorded, moving.recorded, fixed.shape, full_size)
        return (max(fixed.shape) >= LEAST_SIDE_FOR_OFFSET and pair.with_offset()) or pair.gain()

    @classmethod
    def of_gain(
        cls, fixed: IlluminationSample, moving: IlluminationSample, full_size: Matrix
    ) -> Brightness:
        """Compare two planes as they were recorded, by a gain alone."""
        return _Pair.of(fixed.recorded, moving.recorded, fixed.shape, full_size).gain()

    @classmethod
    def of_photographs(
        cls, fixed: IlluminationSample, moving: IlluminationSample, full_size: Matrix
    ) -> Brightness:
        """Compare two photographs in linear light: the gain of their values, without an offset."""
        assert fixed.decoded is not None
        assert moving.decoded is not None
        found = _Pair.of(fixed.decoded, moving.decoded, fixed.shape, full_size).gain()
        return cls(found.gain ** (1 / GAMMA), 0.0, found.spread / GAMMA)


def compare_illumination(
    light: Callable[[int], IlluminationSample],
    paths: Mapping[int, Matrix],
    reference: int,
    of_sections: bool,
    check: Callable[[], None] = lambda: None,
) -> dict[int, Brightness]:
    """Brightness of every plane against the reference plane.

    Parameters
    ----------
    light : callable
        Gives the light of a plane by its number.
    paths : mapping of int to numpy.ndarray
        (3, 3) transforms between full planes, from the reference plane to each, itself among them.
    reference : int
        Number of the reference plane.
    of_sections : bool
        Whether light comes and goes with focus: nothing is said of offsets then.
    check : callable
        Called once in a while; may raise.

    Returns
    -------
    dict of int to Brightness
        Gains that planes between do not bear out count as unsure.
    """
    fixed = light(reference)
    # how planes are compared with the reference, and with their neighbours
    ways = [(Brightness.of_gain if of_sections else Brightness.of, Brightness.of_gain)]
    if fixed.decoded is not None:
        ways.append((Brightness.of_photographs, Brightness.of_photographs))
    found = [{reference: Brightness()} for _ in ways]
    along = [{reference: 0.0} for _ in ways]
    for i, k in _outwards(sorted(paths), reference):
        check()
        before, here = light(i), light(k)
        step = paths[k] @ np.linalg.inv(paths[i])
        for (afar, near), known, so_far in zip(ways, found, along, strict=True):
            so_far[k] = so_far[i] + float(np.log(near(before, here, step).gain))
            known[k] = _agreed(afar(fixed, here, paths[k]), so_far[k])
    if len(found) == 1 or any(known.offset for known in found[0].values()):
        return found[0]
    # focus alone spreads the ratios of gamma-encoded texture twice as far as those of its light,
    # and the other way round: of 34 rendered and real stacks none was taken for the other kind
    return min(found, key=lambda known: sum(one.spread for one in known.values()))


def _outwards(numbers: list[int], start: int) -> Iterator[tuple[int, int]]:
    """Pairs of neighbouring numbers, away from one of them."""
    at = numbers.index(start)
    yield from zip(numbers[at:], numbers[at + 1 :], strict=False)
    yield from zip(numbers[at::-1], numbers[:at][::-1], strict=False)


def _agreed(direct: Brightness, along: float) -> Brightness:
    """The gain, and how unsure it is if the planes between do not bear it out."""
    apart = abs(float(np.log(direct.gain)) - along)
    if direct.offset or apart <= max(MOST_DISAGREEMENT, direct.spread):
        return direct
    return replace(direct, spread=apart)


@dataclass(frozen=True)
class _Pair:
    """Light of two planes over each other, and where both were recorded."""

    fixed: Plane
    moving: Plane
    recorded: Plane

    @classmethod
    def of(cls, fixed: Plane, moving: Plane, shape: tuple[int, int], full_size: Matrix) -> _Pair:
        y, x = fixed.shape
        matrix = rescale(full_size, y / shape[0], x / shape[1])
        moved, valid = warp(moving, matrix, cv2.INTER_LINEAR)
        inside = np.ones(moved.shape, np.float32)
        if valid is not None:
            inside = valid * np.float32(1 / 255)
        return cls(fixed, moved, inside)

    def gain(self) -> Brightness:
        """The gain that most places agree on; none in darkness."""
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
        """A gain and an offset, if that is needed on top of what a gain and blur explain."""
        a, b = self._smoothed(SIGMAS[-1])
        if a.size < FEWEST_PIXELS or max(np.ptp(v) / v.max() for v in (a, b)) < LEAST_LIGHT_SPAN:
            return None
        middle, _ = densest(np.log(a / b))
        gain, offset = _robust_line(a, b)
        left = float(np.abs(a - gain * b - offset).mean())
        before = float(np.abs(a - np.exp(middle) * b).mean())
        if gain <= 0 or left >= PAYS * before or abs(offset) <= LEAST_DRIFT * b.max():
            return None
        if not self._borne_out(float(np.log(gain)) - middle, middle):
            return None
        return Brightness(gain, offset, 2 * left / float(np.median(b)))

    def _borne_out(self, change: float, middle: float) -> bool:
        """Whether detail changed its contrast by as much as an offset entails.

        Where light is added, contrast changes by as much at every scale; by blur, less the coarser
        it is. So what is left at the coarsest is read off the slope of two scales, twice. It is
        read where a gain alone fits, for what moves light about is most of the contrast elsewhere.
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
                return True  # no detail there speaks against it
            contrasts.append(0.5 * float(np.log(powers[0] / powers[1])) - middle)
        steps = range(len(sigmas) - 1)
        limits = [_limit(sigmas[i : i + 2], contrasts[i : i + 2]) / change for i in steps]
        return min(limits) >= BORNE_OUT

    @property
    def _both(self) -> tuple[Plane, Plane]:
        return self.fixed, self.moving

    def _usable(self, a: Plane, b: Plane, sigma: float) -> NDArray[np.bool_]:
        """Where both planes recorded all light around, and it is not dark."""
        inside = cv2.GaussianBlur(self.recorded, (0, 0), sigma)
        usable: NDArray[np.bool_] = np.minimum(a, b) > max(DARK * float(a.max()), 0.0)
        usable &= inside > RECORDED_SHARE
        return usable

    def _smoothed(self, sigma: float) -> tuple[Values, Values]:
        """Light of both planes averaged over `sigma`, at places about as far apart."""
        a, b = (cv2.GaussianBlur(light, (0, 0), sigma) for light in self._both)
        usable = self._usable(a, b, sigma)
        some = np.s_[:: max(1, int(sigma)), :: max(1, int(sigma))]
        a, b, usable = a[some], b[some], usable[some]
        return a[usable].astype(float), b[usable].astype(float)


def _detail(light: Plane, sigma: float) -> Plane:
    fine = cv2.GaussianBlur(light, (0, 0), sigma)
    detail: Plane = cv2.subtract(fine, cv2.GaussianBlur(light, (0, 0), 2 * sigma), dst=fine)
    return detail


def _limit(sigmas: tuple[float, ...], values: list[float]) -> float:
    """Value at the coarsest, of one that changes with the inverse square of the scale."""
    fine, coarse = (1 / sigma**2 for sigma in sigmas)
    return values[1] + (values[1] - values[0]) * coarse / (fine - coarse)


def densest(values: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Middle and width of the part of the values that lie closest together."""
    values = np.sort(values)
    count = max(2, round(DENSEST * len(values)))
    widths = values[count - 1 :] - values[: len(values) - count + 1]
    at = int(widths.argmin())
    return float(np.median(values[at : at + count])), float(widths[at])


def _robust_line(a: Values, b: Values) -> tuple[float, float]:
    """Gain and offset by least absolute residuals: least squares, reweighted."""
    columns = np.stack([b, np.ones_like(b)], axis=1)
    weight = np.ones_like(b)
    gain, offset = 1.0, 0.0
    for _ in range(ROUNDS):
        root = np.sqrt(weight)
        gain, offset = np.linalg.lstsq(columns * root[:, None], a * root, rcond=None)[0]
        miss = np.abs(a - gain * b - offset)
        weight = 1 / (miss + 1e-4 * float(np.median(a)) + 1e-12)
    return float(gain), float(offset)
