"""Detection of optical sections, whose light comes and goes with focus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.alignment.brightness import densest
from napari_focus_stack.imgproc.shrinking import reduced_to

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_focus_stack.imgproc.pyramids import Plane

BLACK, DIM, LIT = 0.01, 0.1, 0.2
"""Quantile of all light that is the black level, quantile of a place's light over the planes that
is dim (and, from the other end, bright), and part of the brightest above which a place is lit."""
GONE, MOSTLY = 0.4, 0.75
"""Part of its light below which a place is dark, and part of the lit places that become dark: 0.99
in confocal stacks, 0.2 in a widefield nucleus, 0 to 0.25 where only focus and field move."""
LIGHT_SIDE = 16
"""Places along the longer side: large ones, which the specimen's motion does not darken."""
DARKEST, FEWEST_LIT = 0.02, 12
"""Part of the brightest light above which a place measures the illumination, and the least number
of such places."""
ALL_ALIKE = 0.05
"""Largest width of the densest ratios that is attributed to the illumination."""


def comes_and_goes(lights: Iterable[Plane]) -> bool:
    """Return whether light comes and goes with focus, as in optical sections.

    Most places of optical sections are dark in some planes; in other stacks, defocus only spreads
    their light. Illumination that fades darkens all places alike, which does not count.

    Parameters
    ----------
    lights : iterable of numpy.ndarray
        (y, x) float32 luminance of each plane, reduced.

    Returns
    -------
    bool
        Whether the planes are optical sections.
    """
    small = []
    for light in lights:
        small.append(reduced_to(light, LIGHT_SIDE))
    if not small:
        return False
    light = np.stack(small)
    brightest = light[light.mean((1, 2)).argmax()]
    light *= np.array([_lamp(one, brightest) for one in light], np.float32)[:, None, None]
    light -= np.quantile(light, BLACK)
    dim, bright = np.quantile(light, (DIM, 1 - DIM), axis=0)
    lit = bright >= LIT * bright.max()
    return bool(np.mean(dim[lit] < GONE * bright[lit]) > MOSTLY)


def _lamp(light: Plane, brightest: Plane) -> float:
    """Return the gain to the brightest plane on which places agree; 1 if they do not."""
    least = DARKEST * float(brightest.max())
    known = (light > least) & (brightest > least)
    if np.count_nonzero(known) < FEWEST_LIT:
        return 1.0
    middle, width = densest(np.log(brightest[known] / light[known]))
    return float(np.exp(middle)) if width < ALL_ALIKE else 1.0
