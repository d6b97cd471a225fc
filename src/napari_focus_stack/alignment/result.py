"""Result of aligning a stack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_focus_stack.result import LeftOut

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_focus_stack.alignment.brightness import Brightness
    from napari_focus_stack.alignment.motion_support import MotionSupport
    from napari_focus_stack.imgproc.transforms import Matrix

MOST_LAMP_GAIN, MOST_ODD_GAINS = 2.0, 0.25
"""Largest gain that is attributed to the illumination, and part of the planes that may exceed it,
one in any case, because of another exposure. If more do, brightness follows the focus."""


@dataclass
class Alignment:
    """Registration of every plane to the reference plane.

    Attributes
    ----------
    reference : int
        Number of the plane that the others were aligned to.
    model : str
        Motion model of all transforms; "given" if they were not estimated.
    transforms : numpy.ndarray
        (n, 3, 3) float64, reference pixel (x, y, 1) to pixel of plane k; NaN for a plane left out.
    residuals : list of float or None
        1 minus the correlation of each plane with the neighbour it was compared with.
    brightness : list of Brightness or None
        Gain and offset from each plane to the reference plane's brightness.
    of_sections : bool
        Whether planes are optical sections: brightness then says nothing about the illumination.
    holds_together : bool
        Whether more than half of the planes show the same as the reference.
    support : MotionSupport or None
        Support of the motion by texture; None where nothing moved or no motion was estimated.
    refused : float
        Largest corner motion, in pixels, that intensities suggested and texture did not confirm.
    doubted : float
        Largest corner distance, in pixels, of a magnification that texture follows as a whole, but
        in too few regions to be applied.
    order : list of int
        The planes that take part, in the order of focus: that of the files, unless that is
        impossible.
    left_out : dict of int to str
        Planes that are left out, with the reason.
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
    doubted: float = 0.0
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
        """Whether the illumination drifts, as opposed to light that changes more, with focus."""
        known = [b for b in self.brightness if b is not None]
        usual = sum(1 / MOST_LAMP_GAIN < b.gain < MOST_LAMP_GAIN for b in known)
        odd = len(known) - usual
        lamp = not self.of_sections and odd <= max(1, MOST_ODD_GAINS * len(known))
        return lamp and any(b.drifts for b in known)

    def named_left_out(self, names: Sequence[str]) -> list[LeftOut]:
        """Return the planes that were left out, by number.

        Parameters
        ----------
        names : sequence of str
            Names of all planes.

        Returns
        -------
        list of LeftOut
            Number, name and reason of each.
        """
        return [LeftOut(k, names[k], why) for k, why in sorted(self.left_out.items())]
