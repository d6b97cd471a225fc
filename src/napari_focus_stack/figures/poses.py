"""Directions from which a relief is seen, without perspective."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEEPEST = 89.0
"""Largest tilt in degrees: at 90 a surface is a line."""


@dataclass(frozen=True)
class Pose:
    """How a relief is turned before it is seen from above.

    The relief turns about its height axis, tilts about the horizontal axis of the picture, and the
    picture turns in its plane. Vectors have the components x (right), y (down) and height (towards
    the viewer).

    Attributes
    ----------
    azimuth : float
        Turn about the height axis in degrees, clockwise as seen from above.
    tilt : float
        Angle between the height axis and the direction of view in degrees, 0 (from above) to 89.
        The lower edge of the picture comes towards the viewer, and high points move up.
    roll : float
        Turn of the picture in degrees, clockwise.
    """

    azimuth: float = 0.0
    tilt: float = 0.0
    roll: float = 0.0

    @property
    def rotation(self) -> NDArray[np.float64]:
        """(3, 3) float64: rotation of vectors x, y, height."""
        return _about_height(self.roll) @ _about_x(self.tilt) @ _about_height(self.azimuth)

    @classmethod
    def of_rotation(cls, rotation: NDArray[np.float64]) -> Pose:
        """Return the pose of a rotation.

        Parameters
        ----------
        rotation : numpy.ndarray
            (3, 3) float64, which keeps the upper side of the relief in view.

        Returns
        -------
        Pose
            With a tilt of 0 or more.
        """
        (x, y, upright), across, down = rotation[2], rotation[0, 2], rotation[1, 2]
        tilt = math.degrees(math.atan2(math.hypot(x, y), upright))
        if math.hypot(x, y) < 1e-12:  # from above, only the sum of azimuth and roll is defined
            return cls(math.degrees(math.atan2(rotation[1, 0], rotation[0, 0])))
        azimuth, roll = math.atan2(x, y), math.atan2(across, -down)
        return cls(math.degrees(azimuth), tilt, math.degrees(roll))


def swung(tilt: float, angle: float) -> Pose:
    """Return a relief that is tilted and then swung about the vertical axis of the picture.

    Parameters
    ----------
    tilt : float
        Tilt in degrees, as that of `Pose`.
    angle : float
        Angle of the swing in degrees. Above 0, the viewer is on the left of the relief, and high
        points move to the right.

    Returns
    -------
    Pose
        The pose.
    """
    return Pose.of_rotation(_about_y(angle) @ _about_x(tilt))


def _about_height(degrees: float) -> NDArray[np.float64]:
    c, s = _cosine_and_sine(degrees)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _about_x(degrees: float) -> NDArray[np.float64]:
    c, s = _cosine_and_sine(degrees)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(degrees: float) -> NDArray[np.float64]:
    c, s = _cosine_and_sine(degrees)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _cosine_and_sine(degrees: float) -> tuple[float, float]:
    angle = math.radians(degrees)
    return math.cos(angle), math.sin(angle)
