"""How planes moved against each other: planes in, transforms out.

Neighbours look alike even where the focus differs, so each plane is compared with its neighbour
nearer to the reference, and the steps are composed. What moved is decided for the stack as a whole:
the least model that explains the motion, and no motion where none is worth a resampling.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.features import homography
from napari_focus_stack.registration import correlation, search
from napari_focus_stack.transforms import (
    Matrix,
    Model,
    corner_distance,
    is_plausible,
    only_shift,
)
from napari_focus_stack.views import Brightness, View

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from numpy.typing import NDArray

    from napari_focus_stack.settings import Align

LEAST_CORRELATION = 0.2
"""Foreign pictures stay under 0.1; 70 of 72 neighbours in the real stacks tried are above 0.27."""
BLANK = 0.03
"""A plane with less than this part of the reference's contrast shows nothing to align."""
MOST_DRIFT = 2.0
"""Gain beyond which brightness follows the focus, as in optical sections, and is no lamp's."""
STILL = 0.5
"""Motion that stays under this many pixels at every corner is left alone: resampling costs more."""
NOT_FINITE = "it holds no finite value"
EXPLAINED = 0.07
"""Part of the mismatch between neighbours, or from the reference, that a model must remove.

Real motion removed 9 % (a zoom of 0.2 % a plane on 128 x 160 pixels) to 90 %, noise and changing
content (light-sheet, confocal) at most 6 %.
"""


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
    holds_together : bool
        Whether more than half of the planes were found to show what the reference shows.
    left_out : dict of int to str
        Planes that fit nowhere, and why.
    """

    reference: int
    model: Model
    transforms: NDArray[np.float64]
    residuals: list[float | None]
    gains: list[float | None]
    brightness_drifts: bool = False
    holds_together: bool = True
    left_out: dict[int, str] = field(default_factory=dict)

    @property
    def fitting(self) -> list[int]:
        """Numbers of the planes that take part."""
        return [k for k in range(len(self.residuals)) if k not in self.left_out]


@dataclass(frozen=True)
class Link:
    """How a plane lies over its neighbour: a transform and what mismatch it leaves, per model."""

    transforms: dict[Model, Matrix]
    mismatches: dict[Model, float]

    @property
    def fits(self) -> bool:
        """Whether both planes show the same thing."""
        return 1 - min(self.mismatches.values()) >= LEAST_CORRELATION


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
    yield reference
    fixed = View.of(read(reference))
    chain = _Chain(fixed, n, reference, align)
    if fixed.contrast < 0:
        chain.unfit[reference] = NOT_FINITE
    for outward in (range(reference + 1, n), range(reference - 1, -1, -1)):
        walk = _Walk(chain, fixed, reference)
        for k in outward:
            yield k
            walk.step(k, View.of(read(k)))
    return chain.decide()


def follow_steps(
    read: Callable[[int], NDArray[Any]], transforms: NDArray[np.float64], reference: int
) -> Generator[int, None, Alignment]:
    """Take transforms as given and compare the brightness only; yields each plane it reads.

    Parameters
    ----------
    read : callable
        Gives plane k as (Y, X[, C]) uint8, uint16 or float32.
    transforms : numpy.ndarray
        (n, 3, 3) float64; NaN for a plane to leave out.
    reference : int
        Plane whose brightness counts.

    Returns
    -------
    Alignment
        Through ``StopIteration.value`` (or ``yield from``).
    """
    left_out = {
        k: "the given transforms leave it out"
        for k in range(len(transforms))
        if not np.isfinite(transforms[k]).all()
    }
    yield reference
    fixed = View.of(read(reference))
    known: list[Brightness | None] = [None] * len(transforms)
    for k in range(len(transforms)):
        if k not in left_out:
            yield k
            known[k] = Brightness.of(fixed, View.of(read(k)), transforms[k])
    # TODO
    return Alignment(reference, "given", transforms, [None] * len(known), [None if b is None else b.gain for b in known], False, True, left_out)


class _Chain:
    """Transforms from the reference to every plane that was linked so far, one a model."""

    def __init__(self, fixed: View, n: int, reference: int, align: Align) -> None:
        self.fixed = fixed
        self.align = align
        self.models: tuple[Model, ...] = (
            ("none", "shift", "similarity", "affine") if align == "auto" else (align,)
        )
        self._n = n
        self._reference = reference
        self._paths: dict[int, dict[Model, Matrix]] = {
            reference: {model: np.eye(3) for model in self.models}
        }
        self._links: dict[int, Link] = {}
        self._from_reference: list[dict[Model, float]] = []
        self._brightness = {reference: Brightness(1.0, 0.0)}
        self.unfit: dict[int, str] = {}
        self.groups: list[list[int]] = []

    def append(self, k: int, here: View, before: int, link: Link) -> None:
        """Take in plane `k`, linked to a plane taken in before."""
        self._links[k] = link
        self._paths[k] = {
            model: link.transforms[model] @ so_far for model, so_far in self._paths[before].items()
        }
        self._from_reference.append(
            {m: 1 - self.fixed.correlation(here, path) for m, path in self._paths[k].items()}
        )
        likely = self._paths[k][self.models[-2] if len(self.models) > 1 else self.models[0]]
        self._brightness[k] = Brightness.of(self.fixed, here, likely)

    def decide(self) -> Alignment:
        """Choose the model, and what to do with planes that fit nowhere."""
        model = self._least_model()
        fit = len(self._paths.keys() - self.unfit.keys())
        together = 2 * fit > self._n - len(self.unfit)
        transforms = np.full((self._n, 3, 3), np.nan)
        for k, path in self._paths.items():
            transforms[k] = path[model]
        left_out = dict(self.unfit)
        for group in self.groups:
            # several sections unlike the rest but like each other are part of a still stack
            if model == "none" and together and len(group) > 1:
                transforms[group] = np.eye(3)
            else:
                left_out |= dict.fromkeys(group, "it does not show what its neighbours show")
        known = [self._brightness.get(k) for k in range(self._n)]
        links = [self._links.get(k) for k in range(self._n)]
        return Alignment(
            self._reference,
            model,
            transforms,
            residuals=[None if link is None else link.mismatches[model] for link in links],
            gains=[None if b is None else b.gain for b in known],
            brightness_drifts=self._brightness_drifts(),
            holds_together=together,
            left_out=left_out,
        )

    def _brightness_drifts(self) -> bool:
        """Whether the lamp changed; light that comes and goes with focus changes by more."""
        known = self._brightness.values()
        lamp = all(1 / MOST_DRIFT < b.gain < MOST_DRIFT for b in known)
        return lamp and any(b.drifts for b in known)

    def _least_model(self) -> Model:
        """The model with the fewest parameters that explains as much as the richer ones."""
        best = self.models[0]
        for model in self.models[1:]:
            if self._explains(model, best):
                best = model
        return next(model for model in self.models if not self._apart(model, best))

    def _explains(self, model: Model, lesser: Model) -> bool:
        """Whether a model removes mismatch between neighbours, or, of slow motion, from afar."""
        neighbours = [link.mismatches for link in self._links.values()]
        return any(
            sum(left[model] for left in seen) < (1 - EXPLAINED) * sum(left[lesser] for left in seen)
            for seen in (neighbours, self._from_reference)
        )

    def _apart(self, a: Model, b: Model) -> bool:
        shape = self.fixed.shape
        return any(corner_distance(p[a], p[b], shape) > STILL for p in self._paths.values())


class _Walk:
    """The way outward from the reference; planes that fit nowhere are stepped over."""

    def __init__(self, chain: _Chain, fixed: View, reference: int) -> None:
        self._chain = chain
        self._inner = reference, fixed
        self._astray: View | None = None

    def step(self, k: int, here: View) -> None:
        """Link plane `k` to the last plane that fitted, or put it with those gone astray."""
        chain = self._chain
        inner, before = self._inner
        if here.contrast < 0:
            chain.unfit[k] = NOT_FINITE
            return
        link = _link(before, here, chain.models)
        if chain.align == "none" or (link.fits and not self._is_blank(here)):
            chain.append(k, here, inner, link)
            self._inner, self._astray = (k, here), None
        elif self._is_blank(here):
            chain.unfit[k] = "it shows nothing (blank)"
        elif self._astray is not None and _link(self._astray, here, chain.models).fits:
            chain.groups[-1].append(k)
            self._astray = here
        else:
            chain.groups.append([k])
            self._astray = here

    def _is_blank(self, here: View) -> bool:
        return here.contrast < BLANK * self._chain.fixed.contrast


def _link(fixed: View, moving: View, models: tuple[Model, ...]) -> Link:
    """Compare two neighbours; a model that fits no better than a lesser one keeps its find."""
    found = _finds(fixed, moving, models)
    best, reached = np.eye(3), correlation(fixed.levels[0], moving.levels[0], np.eye(3))
    transforms: dict[Model, Matrix] = {}
    mismatches: dict[Model, float] = {}
    for model in models:
        if model != "none":
            full = fixed.full_size(found[model])
            here = correlation(fixed.levels[0], moving.levels[0], found[model])
            if here > reached and is_plausible(full, fixed.shape):
                best, reached = full, here
        transforms[model], mismatches[model] = best, 1 - reached
    return Link(transforms, mismatches)


def _finds(fixed: View, moving: View, models: tuple[Model, ...]) -> dict[Model, Matrix]:
    """What each model's search finds, at the working size; a richer one starts from the lesser."""
    if models[-1] == "none":
        return {}
    if models[-1] == "homography":
        return {"homography": homography(fixed.grey, moving.grey)}
    if len(models) == 1:
        return {models[0]: search(fixed.levels, moving.levels, models[0])}
    similarity = search(fixed.levels, moving.levels, "similarity")
    return {
        "shift": only_shift(similarity, fixed.grey.shape),
        "similarity": similarity,
        "affine": search(fixed.levels, moving.levels, "affine", start=similarity),
    }
