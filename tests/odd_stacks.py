"""Stacks that are odd in their numbers or their shape, for properties that hold for all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from scenes import picture
from skimage.filters import gaussian

FLOATS = ("float16", "float32", "float64")
WHOLE = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
SIDES = (8, 9, 13, 31, 64)
"""Sides in pixels: the least, odd ones, and one of four levels of a pyramid."""
FLAWS = ("none", "zero plane", "all zero", "saturated", "hot pixel", "stripe of zeros")
NOT_FINITE = ("one NaN", "one infinite", "NaN region", "NaN plane", "never recorded")
WILD = ("negative", "huge pixel")

HUGE = 1e12
"""Multiple of the usual value that is out of the range of sensors."""


@dataclass(frozen=True)
class OddStack:
    """A stack with the words that say what is odd about it."""

    planes: np.ndarray
    flaw: str

    @property
    def is_one_plane(self) -> bool:
        """Whether one of two planes shows nothing beside the other, so that none can be aligned."""
        flaw = self.flaw.split(",")[0]
        blank = ("zero plane", "NaN plane", "NaN region", "stripe of zeros")
        return len(self.planes) == 2 and flaw in blank

    @property
    def has_one_that_varies(self) -> bool:
        """Whether all planes but one have a single value, or none that is finite."""
        finite = [plane[np.isfinite(plane)] for plane in self.planes.reshape(len(self.planes), -1)]
        return sum(one.size > 0 and one.min() < one.max() for one in finite) == 1

    @property
    def in_range(self) -> np.ndarray:
        """Where a value is finite and no more than any sensor records beside the others."""
        if self.planes.dtype.kind != "f":
            return np.ones(self.planes.shape, bool)
        sizes = np.abs(self.planes.astype(np.float64))
        finite = np.isfinite(sizes)
        usual = np.median(sizes[finite & (sizes > 0)]) if (sizes[finite] > 0).any() else 1.0
        return finite & (sizes < HUGE * usual)

    def __repr__(self) -> str:
        """Return what it takes to find the stack again."""
        planes = self.planes
        finite = planes[np.isfinite(planes)] if planes.dtype.kind == "f" else planes
        span = (finite.min(), finite.max()) if finite.size else ()
        return f"<{planes.dtype} {planes.shape}, {self.flaw}, {span}>"


def textured(n: int, height: int, width: int, seed: int) -> np.ndarray:
    """Return planes, 0 to 1, each sharp in its own part of the field; (n, Y, X) float64."""
    rng = np.random.default_rng(seed)
    y, x = rng.integers(0, 512 - 64, 2)
    part = picture("gravel", 64, 64, y, x)
    sharp = np.tile(part, (-(-height // 64), -(-width // 64)))[:height, :width].astype(np.float64)
    sharp = 0.1 + 0.8 * sharp
    soft = gaussian(sharp, 2.0, mode="nearest")
    along = np.linspace(0, n - 1, max(height, width))
    where = along[:height, None] if height >= width else along[None, :width]
    planes = np.empty((n, height, width))
    for k in range(n):
        share = np.exp(-((where - k) ** 2) / 2)
        planes[k] = share * sharp + (1 - share) * soft
    return planes + rng.normal(0, 0.002, planes.shape)


def flawed(planes: np.ndarray, flaw: str, seed: int) -> np.ndarray:
    """Return float64 planes with a flaw."""
    planes = planes.copy()
    rng = np.random.default_rng(seed)
    n, height, width = planes.shape[:3]
    k, y, x = rng.integers(n), rng.integers(height), rng.integers(width)
    if flaw == "zero plane":
        planes[k] = 0
    elif flaw == "all zero":
        planes[:] = 0
    elif flaw == "saturated":
        planes[:] = 1
    elif flaw == "hot pixel":
        planes[:, y, x] = 1
    elif flaw == "stripe of zeros":
        planes[:, y:, x:] = 0
    elif flaw == "one NaN":
        planes[k, y, x] = np.nan
    elif flaw == "one infinite":
        planes[k, y, x] = rng.choice([-np.inf, np.inf])
    elif flaw == "NaN region":
        planes[k, : y + 1, : x + 1] = np.nan
    elif flaw == "NaN plane":
        planes[k] = np.nan
    elif flaw == "never recorded":
        planes[:, y, x] = np.nan
    elif flaw == "huge pixel":
        planes[k, y, x] = rng.choice([1e3, 1e6, 2 * HUGE, 1e25])
    elif flaw == "negative":
        planes -= 0.7
    return planes


def typed(planes: np.ndarray, dtype: str, exponent: float) -> np.ndarray:
    """Return planes of 0 to 1 over the range of a type, or times a power of ten of a float."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return planes > 0.45
    if kind.kind == "f":
        with np.errstate(over="ignore"):
            return (planes * 10.0**exponent).astype(kind)
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    high = min(high, 2**32 - 1) if kind.itemsize == 8 else high
    low = max(low, -(2**32)) if kind.itemsize == 8 else low
    return np.clip(np.rint(low + planes * (float(high) - low)), low, high).astype(kind)


EXPONENTS = {"float16": (-3, 4), "float32": (-40, 36), "float64": (-310, 300)}


@st.composite
def odd_stacks(
    draw, *, dtypes: tuple[str, ...] = (*FLOATS, *WHOLE, "bool"), finite=False, ordinary=False
):
    """Draw an `OddStack`: small, of any type, shape and flaw; `ordinary` ones are within 0 to 1."""
    dtype = draw(st.sampled_from(dtypes))
    is_float = np.dtype(dtype).kind == "f"
    flaws = FLAWS + (WILD * (not ordinary) + NOT_FINITE * (not finite)) * is_float
    flaw = draw(st.sampled_from(flaws))
    height, width = draw(st.sampled_from(SIDES)), draw(st.sampled_from(SIDES))
    n, seed = draw(st.integers(2, 6)), draw(st.integers(0, 2**16))
    colour = draw(st.sampled_from([0, 0, 0, 3, 4])) if dtype not in ("int8", "bool") else 0
    low, high = EXPONENTS.get(dtype, (0, 0))
    exponent = draw(st.integers(low, high)) if not ordinary and draw(st.booleans()) else 0
    planes = flawed(textured(n, height, width, seed), flaw, seed)
    if colour:
        planes = np.stack([planes] * colour, -1) * np.linspace(1, 0.8, colour)
    return OddStack(typed(planes, dtype, exponent), f"{flaw}, 1e{exponent}")
