"""How planes were recorded, and a part of the field in all of them."""

from __future__ import annotations

from dataclasses import dataclass
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
"""Pixels by which something must be out of focus where it hides what is in focus."""
LEAST_LEFT = 0.35
"""Share of the ground's light that must have come through to be divided by: with 0.25
`strands-still` loses 0.35 dB."""
MOST_LEFT_NOISE = 0.06
"""Noise that may be left then, as a part of the picture's range."""
LARGEST_REACH = 96.0
"""Pixels over which blur is undone at most."""
WIDE = 128
"""Pixels from a jump over which depth may have gone on where nothing is to be seen."""


@dataclass(frozen=True)
class ImagingModel:
    """How planes were recorded.

    Attributes
    ----------
    lens : Lens
        How planes see what they are not focused on.
    noise : Noise
        Of one channel.
    span, level : float
        Range of brightness, and the usual one.
    jump : float
        Planes by which one thing must be before another to hide it visibly.
    reach : float
        Pixels over which the nearest things blur.
    """

    lens: Lens
    noise: Noise
    span: float
    level: float
    jump: float
    reach: float

    @classmethod
    def of(cls, lens: Lens, noise: Noise, span: float, level: float) -> ImagingModel:
        """Of all planes."""
        reach = min(float(lens.places[-1]), LARGEST_REACH)
        return cls(lens, noise, span, level, max(LEAST_JUMP, LEAST_BLUR / lens.blur), reach)

    @property
    def deviation(self) -> float:
        """Standard deviation of the usual pixel's noise."""
        return self.noise.deviation(self.level)

    @property
    def edge(self) -> float:
        """Step of brightness that is an edge of the picture."""
        return BOUNDARY_EDGE * self.span + 2 * self.deviation

    @property
    def least_left(self) -> float:
        """Share of the ground's light that must have come through, so that noise stays low."""
        return max(LEAST_LEFT, self.deviation / (MOST_LEFT_NOISE * self.span))

    @property
    def noisy(self) -> bool:
        """Whether detail must be smoothed to be seen."""
        return self.deviation >= NOISY * self.span


@dataclass(frozen=True)
class Patch:
    """A part of the field in all its planes, and what is known of it.

    Attributes
    ----------
    planes : list of numpy.ndarray
        (Y, X[, C]) float32 each, the nearest last.
    image : numpy.ndarray
        (Y, X[, C]) float32: what they were fused into.
    depth, confidence : numpy.ndarray
        (Y, X) float32, the depth counted in these planes.
    lowest : numpy.ndarray
        (Y, X) float32: the farthest depth within `WIDE` pixels.
    discontinuities : numpy.ndarray
        (Y, X) bool: jumps of the depth that count.
    recorded : numpy.ndarray
        (Y, X) bool: where all of these planes have recorded; nothing else is believed.
    light : ImagingModel
        How these planes were recorded.
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
        """The planes as light, which adds up where values do not."""
        return [to_linear(plane, self.light.lens.gamma) for plane in self.planes]

    @cached_property
    def bright(self) -> list[Plane]:
        """Brightness of the planes, (Y, X) float32 each."""
        return [luminance(plane) for plane in self.planes]

    @property
    def above(self) -> NDArray[np.bool_]:
        """What may be near: far before something else."""
        return np.asarray(self.depth - self.lowest > self.light.jump)
