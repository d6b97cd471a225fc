"""Imaging model of the planes, and a part of the field in all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.imgproc.defocus import to_linear
from napari_focus_stack.imgproc.pyramids import luminance
from napari_focus_stack.occlusion.boundaries import BOUNDARY_EDGE, LEAST_JUMP, NOISY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.noise import Noise
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.occlusion.lens import Lens

LEAST_BLUR = 2.7
"""Least blur, in pixels, of a foreground object in the plane that shows the hidden background in
focus."""
LEAST_LEFT = 0.35
"""Least transmitted share of the background's light by which planes are divided: with 0.25
`strands-still` loses 0.35 dB."""
MOST_LEFT_NOISE = 0.06
"""Largest noise after that division, as a part of the image's range."""
LARGEST_REACH = 96.0
"""Largest distance, in pixels, over which blur is removed."""
WIDE = 128
"""Distance from a discontinuity, in pixels, over which depth may have been continued wrongly where
no plane shows detail."""


@dataclass(frozen=True)
class ImagingModel:
    """Imaging model of a stack: lens, noise and range of brightness.

    Attributes
    ----------
    lens : Lens
        Blur of the planes.
    noise : Noise
        Noise of one channel.
    span, level : float
        Range of brightness, and its usual value.
    jump : float
        Planes by which a foreground object lies in front of the background at least, so that it
        hides it visibly.
    reach : float
        Distance, in pixels, over which the frontmost objects blur.
    """

    lens: Lens
    noise: Noise
    span: float
    level: float
    jump: float
    reach: float

    @classmethod
    def of(cls, lens: Lens, noise: Noise, span: float, level: float) -> ImagingModel:
        """Create the model of all planes of a stack.

        Parameters
        ----------
        lens : Lens
            Blur of the planes.
        noise : Noise
            Noise of one channel.
        span, level : float
            Range of brightness, and its usual value.

        Returns
        -------
        ImagingModel
            With the `jump` and the `reach` that follow from the lens.
        """
        reach = min(float(lens.places[-1]), LARGEST_REACH)
        return cls(lens, noise, span, level, max(LEAST_JUMP, LEAST_BLUR / lens.blur), reach)

    @property
    def halved(self) -> ImagingModel:
        """Model of the planes at half their size; `jump`, which counts planes, stays."""
        return replace(self, lens=self.lens.halved, reach=self.reach / 2)

    def averaged(self, count: int) -> ImagingModel:
        """Return the model of means over some pixels or channels.

        Parameters
        ----------
        count : int
            Number of values in a mean.

        Returns
        -------
        ImagingModel
            With less noise.
        """
        return replace(self, noise=self.noise.averaged(1 / count))

    @property
    def deviation(self) -> float:
        """Standard deviation of the noise at the usual brightness."""
        return self.noise.deviation(self.level)

    @property
    def edge(self) -> float:
        """Step of brightness that counts as an edge of the image."""
        return BOUNDARY_EDGE * self.span + 2 * self.deviation

    @property
    def least_left(self) -> float:
        """Least transmitted share of the background's light, so that noise remains low."""
        return max(LEAST_LEFT, self.deviation / (MOST_LEFT_NOISE * self.span))

    @property
    def noisy(self) -> bool:
        """Whether noise must be smoothed before detail is measured."""
        return self.deviation >= NOISY * self.span


@dataclass(frozen=True)
class Patch:
    """Part of the field in all its planes, with its image and depth.

    Attributes
    ----------
    planes : list of numpy.ndarray
        (Y, X[, C]) float32 each, the frontmost last.
    image : numpy.ndarray
        (Y, X[, C]) float32: image fused from them.
    depth, confidence : numpy.ndarray
        (Y, X) float32: depth counted in these planes, and its confidence.
    lowest : numpy.ndarray
        (Y, X) float32: rearmost depth within `WIDE` pixels.
    discontinuities : numpy.ndarray
        (Y, X) bool: depth discontinuities that count.
    recorded : numpy.ndarray
        (Y, X) bool: pixels that all of these planes recorded; no other is changed.
    light : ImagingModel
        Imaging model of these planes.
    """

    planes: list[Plane]
    image: Plane
    depth: Plane
    confidence: Plane
    lowest: Plane
    discontinuities: NDArray[np.bool_]
    recorded: NDArray[np.bool_]
    light: ImagingModel

    @cached_property
    def lights(self) -> list[Plane]:
        """Light of the planes, which adds up where their values do not."""
        return [to_linear(plane, self.light.lens.gamma) for plane in self.planes]

    @cached_property
    def bright(self) -> list[Plane]:
        """Brightness of the planes, (Y, X) float32 each."""
        return [luminance(plane) for plane in self.planes]

    @property
    def above(self) -> NDArray[np.bool_]:
        """Pixels that may be foreground: their depth lies far in front of another one nearby."""
        return np.asarray(self.depth - self.lowest > self.light.jump)
