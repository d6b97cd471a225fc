"""Whether depth jumps because something lies before something else, or because blur has spread.

Where a thing is plain, the blur of its edges is the only detail, and depth is read from it: from
planes in which the thing itself is out of focus. So its depth jumps though nothing lies before
anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.bands import luminance
from napari_focus_stack.blurring import OutOfFocus, to_values
from napari_focus_stack.outlining import picked, sides_of, widened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.bands import Plane
    from napari_focus_stack.recorded import View

WINDOW = 4.0
"""Gaussian sigma, in pixels, over which planes are compared."""
EXPLAINED = 0.2
"""Part of the squared difference between two planes up to which blur explains it. Where something
lies before something else it does so at a twentieth of the jumps (`strands`) to a fifth
(`coins-step`); in the bar code of `pcb`, which is flat, at 91 to 100 %."""
PLAINLY = 0.3
"""Part of what the opposite explanation leaves."""
LUMINANCE_NOISE = 0.375
"""Variance of the brightness of a colour, over that of a channel."""


def occluding(view: View) -> NDArray[np.bool_]:
    """Jumps of the depth that no single surface explains, (Y, X) bool.

    If all that is around lies at one depth, then what any other plane shows is what the plane in
    focus there shows, through a disc (re-blurring: Ens and Lawrence, "An investigation of methods
    for determining depth from focus", PAMI 1993). At a jump there are two depths to try, each of
    which must leave much less than the other: what is before something else explains neither it
    nor is explained by it.

    Parameters
    ----------
    view : View
        A part of the field.
    """
    light, lens = view.light, view.light.lens
    depths = [np.rint(depth) for depth in sides_of(view.depth)]
    near, far = (picked([luminance(shown) for shown in view.lights], depth) for depth in depths)
    radius = lens.place(depths[0]) - lens.place(depths[1])
    where = widened(view.jumps, int(2 * WINDOW))
    noise = light.deviation**2 * (1 if view.image.ndim == 2 else LUMINANCE_NOISE)

    def difference(one: Plane, other: Plane, noise: float) -> Plane:
        values = (to_values(a, lens.gamma) for a in (one, other))
        squared = np.zeros(where.shape, np.float32)
        squared[where] = np.square(next(values) - next(values)) - np.float32(noise)
        windowed: Plane = cv2.GaussianBlur(squared, (0, 0), WINDOW)
        return np.maximum(windowed, 0, out=windowed)

    plain = difference(near[where], far[where], 2 * noise)
    by_near, by_far = (
        difference(OutOfFocus(one, lens.blur).seen(radius, where), other[where], noise)
        for one, other in ((near, far), (far, near))
    )
    least, most = np.minimum(by_near, by_far), np.maximum(by_near, by_far)
    single = (least <= EXPLAINED * plain) & (least <= PLAINLY * most)
    return view.jumps & ~single
