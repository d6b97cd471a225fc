"""Stereo pairs of a relief: two pictures side by side, or one for red-cyan glasses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import SettingsError
from napari_focus_stack.figures.poses import swung
from napari_focus_stack.figures.relief import SHADING, prepare_relief
from napari_focus_stack.figures.relief_view import Colour, view

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.analysis.height_map import HeightMap

    Picture = NDArray[np.uint8]

ANGLE = 6.0
"""Angle between the views in degrees: that of two eyes 65 mm apart at 62 cm."""
WIDEST = 30.0
_LEFT = np.array([[0.437, 0.449, 0.164], [-0.062, -0.062, -0.024], [-0.048, -0.050, -0.017]])
_RIGHT = np.array([[-0.011, -0.032, -0.007], [0.377, 0.761, 0.009], [-0.026, -0.093, 1.234]])


def stereo_pair(
    source: HeightMap,
    image: NDArray[Any] | None,
    *,
    angle: float = ANGLE,
    tilt: float = 0.0,
    frame: tuple[int, int] = (1280, 960),
    exaggeration: float = 1.0,
    shading: float = SHADING,
    background: Colour = (0, 0, 0),
) -> tuple[Picture, Picture]:
    """Return the views of a relief for the left and the right eye.

    High points come towards the viewer: they lie further to the right in the left view.

    Parameters
    ----------
    source : HeightMap
        Heights; those that are not sure are replaced by smooth ones between those that are.
    image : numpy.ndarray or None
        (Y, X), RGB or RGBA, of any type; None colours the relief by its heights.
    angle : float
        Angle between the two directions of view in degrees, above 0 to 30.
    tilt : float
        Angle between the height axis and the middle direction of view in degrees, 0 to 89.
    frame : tuple of int
        Width and height of each view in pixels.
    exaggeration : float
        Factor on heights; below 0 where heights increase away from the viewer.
    shading : float
        Share of light from the upper left in the brightness, 0 to 1.
    background : tuple of int
        RGB around the relief, 0 to 255.

    Returns
    -------
    tuple of numpy.ndarray
        Left and right view, (Y, X, 3) uint8.

    Raises
    ------
    InputError
        The image does not fit, or no height is sure.
    SettingsError
        A number is out of bounds.
    """
    if not 0 < angle <= WIDEST:
        raise SettingsError(f"angle {angle:g} must be above 0 and at most {WIDEST:g} degrees.")
    poses = [swung(tilt, angle / 2), swung(tilt, -angle / 2)]
    relief = prepare_relief(
        source, image, poses, frame=frame, exaggeration=exaggeration, shading=shading
    )
    left, right = (view(relief, pose, background) for pose in poses)
    return left, right


def side_by_side(left: Picture, right: Picture) -> Picture:
    """Return two views beside each other, the left one on the left.

    Parameters
    ----------
    left, right : numpy.ndarray
        (Y, X, 3) uint8.

    Returns
    -------
    numpy.ndarray
        (Y, 2 X, 3) uint8, for a stereoscope or parallel eyes.
    """
    return np.concatenate([left, right], axis=1)


def anaglyph(left: Picture, right: Picture) -> Picture:
    """Return one picture of two views for red-cyan glasses, the red one on the left eye.

    Colours are those whose appearance through the glasses differs least from the views [1]_,
    computed with linear light.

    Parameters
    ----------
    left, right : numpy.ndarray
        (Y, X, 3) uint8, sRGB.

    Returns
    -------
    numpy.ndarray
        (Y, X, 3) uint8, sRGB.

    References
    ----------
    .. [1] E. Dubois, "A projection method to generate anaglyph stereo images", Proceedings of
       ICASSP 3 (2001), 1661-1664, https://doi.org/10.1109/ICASSP.2001.941256
    """
    light = _LINEAR[left] @ _LEFT.T.astype(np.float32)
    light += _LINEAR[right] @ _RIGHT.T.astype(np.float32)
    return _encoded(light)


def _linear(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return light from sRGB, both 0 to 1 (IEC 61966-2-1)."""
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


_LINEAR = _linear(np.arange(256) / 255).astype(np.float32)


def _encoded(light: NDArray[np.float32]) -> Picture:
    """Return 8-bit sRGB of light from 0 to 1."""
    clipped = np.clip(light, 0, 1)
    code = np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)
    whole: Picture = np.rint(255 * code).astype(np.uint8)
    return whole
