"""How planes moved against each other: planes in, transforms out.

Neighbours look alike even where the focus differs, so each plane is compared with its neighbour
nearer to the reference, and the steps are composed. A plane that fits neither its neighbour nor the
one behind it is left out, and the chain goes on without it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_focus_stack.features import homography
from napari_focus_stack.registration import Plane, correlation, luminance, pyramid, search
from napari_focus_stack.settings import Align
from napari_focus_stack.transforms import (
    Matrix,
    Model,
    corner_distance,
    is_plausible,
    only_shift,
    rescale,
    warp,
)

WORKING_PIXELS = 600_000
"""Planes are compared at this size at most: 0.02 px of it is 0.1 px of a 12-megapixel plane."""
LEAST_CORRELATION = 0.2
"""Foreign pictures stay under 0.1, neighbours of the real stacks tried stay above 0.5."""
BLANK = 0.03
"""A plane with less than this part of the reference's contrast shows nothing to align."""
STILL = 0.5
"""Motion that stays under this many pixels at every corner is left alone: resampling costs more."""
SHEARED = 1.0
"""Pixels at a corner by which an affine chain must leave the similarity's to be believed."""
LEAST_DRIFT = 0.003
"""Change in brightness too small to matter: 0.3 % leaves 50 dB."""
BLOCKS = 16
"""Block means along the longer side whose ratio gives the brightness; blur hardly reaches across."""


@dataclass(frozen=True)
class View:
    """A plane as alignment sees it: reduced, band-passed, with a pyramid over it.

    Attributes
    ----------
    grey : numpy.ndarray
        (y, x) float32 luminance at the working size.
    levels : tuple of numpy.ndarray
        Band-passed, finest first, each half the size of the one before.
    contrast : float
        Standard deviation of the luminance, noise smoothed away.
    shape : tuple of int
        Of the full plane.
    """

    grey: Plane
    levels: tuple[Plane, ...]
    contrast: float
    shape: tuple[int, int]

    @classmethod
    def of(cls, plane: NDArray[Any]) -> View:
        """Reduce a plane to what alignment needs of it."""
        h, w = plane.shape[:2]
        factor = min(1.0, np.sqrt(WORKING_PIXELS / (h * w)))
        size = round(w * factor), round(h * factor)
        small = plane if factor == 1 else cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
        grey = np.nan_to_num(luminance(small), nan=0.0, posinf=0.0, neginf=0.0)
        return cls(grey, pyramid(grey), float(cv2.GaussianBlur(grey, (0, 0), 2.0).std()), (h, w))

    def full_size(self, matrix: Matrix) -> Matrix:
        """A transform at the working size, for the planes themselves."""
        h, w = self.grey.shape
        return rescale(matrix, self.shape[0] / h, self.shape[1] / w)


@dataclass
class Alignment:
    """Where every plane lies over the reference plane.

    Attributes
    ----------
    reference : int
        Number of the plane the others were aligned to.
    model : str
        The model all transforms follow.
    transforms : numpy.ndarray
        (n, 3, 3) float64, reference pixel (x, y, 1) to pixel of plane k; NaN for a plane left out.
    residuals : list of float or None
        1 minus the correlation of each plane with the neighbour it was compared with.
    gains : list of float or None
        Factor that brings each plane to the reference plane's brightness.
    brightness_drifts : bool
        Whether any gain differs from 1 by more than focus alone makes blocks differ.
    left_out : dict of int to str
        Planes that fit nowhere, and why.
    """

    reference: int
    model: Model
    transforms: NDArray[np.float64]
    residuals: list[float | None]
    gains: list[float | None]
    brightness_drifts: bool = False
    left_out: dict[int, str] = field(default_factory=dict)

    @property
    def fitting(self) -> list[int]:
        """Numbers of the planes that take part."""
        return [k for k in range(len(self.residuals)) if k not in self.left_out]


@dataclass(frozen=True)
class Link:
    """How a plane lies over its neighbour: one transform a model, and how well they correlate."""

    transforms: dict[Model, Matrix]
    correlation: float
    unmoved: float


@dataclass(frozen=True)
class Brightness:
    """Brightness of a plane against the reference: the gain that matches it, and the blocks' spread.

    Focus moves light between neighbouring blocks, drift changes all of them alike, so a gain is
    drift where it stands out from the spread.
    """

    gain: float
    spread: float

    @property
    def drifts(self) -> bool:
        """Whether focus alone cannot explain the gain."""
        return abs(self.gain - 1) > LEAST_DRIFT + 0.5 * self.spread

    @classmethod
    def of(cls, fixed: View, moving: View, full_size: Matrix) -> Brightness:
        """Weighted median and quartiles of the ratio of block means, bright blocks first."""
        h, w = fixed.grey.shape
        matrix = rescale(full_size, h / fixed.shape[0], w / fixed.shape[1])
        moved, valid = warp(moving.grey, matrix, cv2.INTER_LINEAR)
        inside = np.ones_like(fixed.grey) if valid is None else valid.astype(np.float32) / 255
        factor = BLOCKS / max(h, w)
        size = max(1, round(w * factor)), max(1, round(h * factor))
        a, b, covered = (
            cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in (fixed.grey, moved, inside)
        )
        weight = np.minimum(a, b)
        usable = (weight > 0.02 * float(a.max())) & (covered > 0.999) & (b > 0)
        if not usable.any():
            return cls(1.0, 0.0)
        ratio, weight = a[usable] / b[usable], weight[usable]
        order = np.argsort(ratio)
        share = np.cumsum(weight[order])
        quartiles = np.searchsorted(share, share[-1] * np.array([0.25, 0.5, 0.75]))
        low, gain, high = (float(q) for q in ratio[order][quartiles])
        return cls(gain, high - low)


def align_steps(
    read: Callable[[int], NDArray[Any]], n: int, reference: int, align: Align
) -> Generator[int, None, Alignment]:
    """Compare all planes; yields the number of each plane before it is read.

    Parameters
    ----------
    read : callable
        Gives plane k as (Y, X[, C]) uint8, uint16 or float32.
    n : int
        How many planes there are.
    reference : int
        Plane the others are aligned to.
    align : str
        `Settings.align`. With "none" only the brightness is compared.

    Returns
    -------
    Alignment
        Through ``StopIteration.value`` (or ``yield from``).
    """
    models = _models(align)
    yield reference
    fixed = View.of(read(reference))
    chains: dict[Model, list[Matrix | None]] = {m: [None] * n for m in models}
    residuals: list[float | None] = [None] * n
    brightness: list[Brightness | None] = [None] * n
    brightness[reference] = Brightness(1.0, 0.0)
    left_out: dict[int, str] = {}
    for chain in chains.values():
        chain[reference] = np.eye(3)
    for direction in (range(reference + 1, n), range(reference - 1, -1, -1)):
        inner, before = reference, fixed
        for k in direction:
            yield k
            here = View.of(read(k))
            link = _link(before, here, models, align)
            reason = _misfit(link, here, fixed) if align != "none" else None
            if reason is not None:
                left_out[k] = reason
                continue
            residuals[k] = 1 - link.correlation
            for model, chain in chains.items():
                step, so_far = link.transforms[model], chain[inner]
                chain[k] = None if so_far is None else step @ so_far
            inner, before = k, here
            richest = chains[_brightness_model(models)][k]
            if richest is not None:
                brightness[k] = Brightness.of(fixed, here, richest)
    model = _least_model(chains, fixed.shape) if align == "auto" else models[-1]
    transforms = np.full((n, 3, 3), np.nan)
    for k, matrix in enumerate(chains[model]):
        if matrix is not None:
            transforms[k] = matrix
    return Alignment(
        reference,
        model,
        transforms,
        residuals,
        gains=[None if b is None else b.gain for b in brightness],
        brightness_drifts=any(b is not None and b.drifts for b in brightness),
        left_out=left_out,
    )


def _brightness_model(models: tuple[Model, ...]) -> Model:
    return "similarity" if "similarity" in models else models[-1]


def _models(align: Align) -> tuple[Model, ...]:
    if align == "auto":
        return ("none", "shift", "similarity", "affine")
    return (align,)


def _link(fixed: View, moving: View, models: tuple[Model, ...], align: Align) -> Link:
    identity = np.eye(3)
    unmoved = correlation(fixed.levels[0], moving.levels[0], identity)
    if align == "none":
        return Link({"none": identity}, unmoved, unmoved)
    found = _ladder(fixed, moving, models)
    best, reached = identity, unmoved
    transforms: dict[Model, Matrix] = {"none": identity}
    for model in models:
        matrix = found.get(model, identity)
        full = fixed.full_size(matrix)
        here = correlation(fixed.levels[0], moving.levels[0], matrix)
        if here > reached and is_plausible(full, fixed.shape):
            best, reached = full, here
        transforms[model] = best if model != "none" else identity
    return Link(transforms, reached, unmoved)


def _ladder(fixed: View, moving: View, models: tuple[Model, ...]) -> dict[Model, Matrix]:
    """The search of each model, at the working size; a greater model starts from the lesser's find."""
    if models == ("homography",):
        return {"homography": homography(fixed.grey, moving.grey)}
    if len(models) == 1:
        return {models[0]: search(fixed.levels, moving.levels, models[0])}
    similarity = search(fixed.levels, moving.levels, "similarity")
    return {
        "shift": only_shift(similarity, fixed.grey.shape),
        "similarity": similarity,
        "affine": search(fixed.levels, moving.levels, "affine", start=similarity),
    }


def _misfit(link: Link, here: View, reference: View) -> str | None:
    """Why a plane fits nowhere, or None."""
    if here.contrast < BLANK * reference.contrast:
        return "it shows nothing (blank)"
    if link.correlation < LEAST_CORRELATION:
        return f"it does not fit its neighbour (correlation {link.correlation:.2f})"
    return None


def _least_model(chains: dict[Model, list[Matrix | None]], shape: tuple[int, int]) -> Model:
    """The model with the fewest parameters whose chain ends where the richer one's does."""

    def apart(a: Model, b: Model) -> float:
        pairs = zip(chains[a], chains[b], strict=True)
        return max(
            corner_distance(p, q, shape) for p, q in pairs if p is not None and q is not None
        )

    richest: Model = "affine" if apart("similarity", "affine") > SHEARED else "similarity"
    for model in ("none", "shift"):
        if apart(model, richest) < STILL:
            return model
    return richest
