"""Result of aligning a stack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_focus_stack.alignment.brightness import (
        Brightness,
    )
    from napari_focus_stack.alignment.motion_support import (
        MotionSupport,
    )
    from napari_focus_stack.imgproc.transforms import Matrix

MOST_LAMP_GAIN, MOST_ODD_GAINS = 2.0, 0.25
"""Gain up to which brightness is a lamp's, and the part of the planes that may go farther, one in
any case: exposed otherwise. If more do, brightness follows the focus."""


@dataclass
class Alignment:
    """Where every plane lies over the reference plane.

    Attributes
    ----------
    reference : int
        Number of the plane the others were aligned to.
    model : str
        The model all transforms follow; "given" if they were not estimated.
    transforms : numpy.ndarray
        (n, 3, 3) float64, reference pixel (x, y, 1) to pixel of plane k; NaN for a plane left out.
    residuals : list of float or None
        1 minus the correlation of each plane with the neighbour it was compared with.
    brightness : list of Brightness or None
        What brings each plane to the reference plane's brightness.
    of_sections : bool
        Whether light comes and goes with focus: then brightness is no lamp's.
    holds_together : bool
        Whether more than half of the planes were found to show what the reference shows.
    support : MotionSupport or None
        What texture says of the motion; None where nothing moved or nothing was looked for.
    refused : float
        Pixels that intensities would have moved a corner by, if texture did not bear that out.
    order : list of int
        The planes that take part in the order of focus: that of the files, unless it cannot be.
    left_out : dict of int to str
        Planes that fit nowhere, and why.
    """

    reference: int
    model: str
    transforms: NDArray[np.float64]
    residuals: list[float | None]
    brightness: list[Brightness | None]
    of_sections: bool = False
    holds_together: bool = True
    support: MotionSupport | None = None
    refused: float = 0.0
    order: list[int] = field(default_factory=list)
    left_out: dict[int, str] = field(default_factory=dict)

    @property
    def fitting(self) -> list[int]:
        """Numbers of the planes that take part."""
        return [k for k in range(len(self.residuals)) if k not in self.left_out]

    @property
    def taking_part(self) -> dict[int, Matrix]:
        """Transforms of the planes that take part, in the order of focus."""
        return {k: self.transforms[k] for k in self.order}

    @property
    def in_order(self) -> bool:
        """Whether planes that follow each other are neighbours in focus."""
        return self.order == self.fitting

    @property
    def brightness_drifts(self) -> bool:
        """Whether the lamp changed, and not what is in focus, by which light changes by more."""
        known = [b for b in self.brightness if b is not None]
        usual = sum(1 / MOST_LAMP_GAIN < b.gain < MOST_LAMP_GAIN for b in known)
        odd = len(known) - usual
        lamp = not self.of_sections and odd <= max(1, MOST_ODD_GAINS * len(known))
        return lamp and any(b.drifts for b in known)
