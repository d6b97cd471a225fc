"""Whether depth jumps because something lies before something else, or because blur has spread.

Where a thing is plain, the blur of its edges is the only detail, and depth is read from it: from
planes in which the thing itself is out of focus. So its depth jumps though nothing lies before
anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.imgproc.pyramids import luminance
from napari_focus_stack.occlusion.boundaries import picked, sides_of, widened
from napari_focus_stack.occlusion.lens import DISCS, OutOfFocus, to_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.occlusion.patch import View

WINDOW = 4.0
"""Gaussian sigma, in pixels, over which planes are compared."""
SAME = 0.2
"""Part of the squared difference between two planes up to which blur explains it: where something
lies before something else, at 1 to 15 % of the jumps of a picture (`strands`, `coins-step`); in the
bar code of `pcb`, which is flat, at 91 to 100 %."""
ONE_WAY = 0.3
"""Part of what is left the other way round: a plane in focus explains one that is not, and is not
explained by it."""
LUMINANCE_NOISE = 0.375
"""Variance of the brightness of a colour, over that of a channel."""


def occluding(view: View) -> NDArray[np.bool_]:
    """Jumps of the depth that no single surface explains, (Y, X) bool.

    If all that is around a jump lies at one of its two depths, then the plane that is in focus
    there, seen through a disc, is what the plane in focus at the other depth shows (re-blurring:
    Ens and Lawrence, "An investigation of methods for determining depth from focus", PAMI 1993).
    If something lies before something else neither plane is in focus everywhere, and neither
    explains the other.

    Parameters
    ----------
    view : View
        A part of the field.
    """
    if not view.jumps.any():
        return view.jumps
    light, lens = view.light, view.light.lens
    depths = [np.rint(depth) for depth in sides_of(view.depth)]
    near, far = (luminance(picked(view.lights, depth)) for depth in depths)
    radius = lens.place(depths[0]) - lens.place(depths[1])
    step = max(lens.blur, float(radius.max()) / DISCS)
    where = widened(view.jumps, int(2 * WINDOW))
    noise = light.deviation**2 * (1 if view.image.ndim == 2 else LUMINANCE_NOISE)

    def difference(one: Plane, other: Plane, expected: float) -> Plane:
        squared = np.zeros(where.shape, np.float32)
        squared[where] = np.square(to_values(one, lens.gamma) - to_values(other, lens.gamma))
        squared[where] -= np.float32(expected)
        windowed: Plane = cv2.GaussianBlur(squared, (0, 0), WINDOW)
        return np.maximum(windowed, 0, out=windowed)

    plain = difference(near[where], far[where], 2 * noise)
    by_near = difference(OutOfFocus(near, step).seen(radius, where), far[where], noise)
    by_far = difference(OutOfFocus(far, step).seen(radius, where), near[where], noise)
    least, most = np.minimum(by_near, by_far), np.maximum(by_near, by_far)
    single = (least <= SAME * plain) & (least <= ONE_WAY * most)
    return view.jumps & ~single
