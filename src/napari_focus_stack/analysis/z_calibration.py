"""The z scale: its factor by refraction, and its calibration with a step of known height."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from napari_focus_stack.errors import InputError, SettingsError

LEAST_INDEX = 1.0
"""Refractive index of air."""


@dataclass(frozen=True)
class ZCalibration:
    """Scale of distances along z, as settings take it.

    Attributes
    ----------
    factor : float
        Factor on distances along z: `z_factor`.
    uncertainty : float
        Its relative standard uncertainty: `z_uncertainty`.
    """

    factor: float
    uncertainty: float


class Measured(Protocol):
    """A measured height, as `step_height` returns it."""

    @property
    def value(self) -> float:
        """The height."""

    @property
    def uncertainty(self) -> float | None:
        """Its standard uncertainty in the same unit."""


def focus_factor(
    medium_index: float, immersion_index: float = LEAST_INDEX, na: float | None = None
) -> float:
    """Return the ratio of the way of the focus in a medium to the way of the focus drive.

    Parameters
    ----------
    medium_index : float
        Refractive index of the medium that is focused through, such as 1.33 for water.
    immersion_index : float
        Refractive index of the medium before the objective: 1 for air, 1.518 for oil.
    na : float, optional
        Numerical aperture of the objective; without it the factor is that of a small one.

    Returns
    -------
    float
        `z_factor` for the settings: above 1 where the medium has the larger index.

    Raises
    ------
    SettingsError
        An index is below 1, or the numerical aperture is not above 0 and below the immersion's
        index.

    Notes
    -----
    For small apertures the ratio is ``medium_index / immersion_index`` [1]_. A ray at half the
    numerical aperture, as in the formula "median" of Diel et al. [2]_, gives
    ``tan(asin(na / 2 / immersion_index)) / tan(asin(na / 2 / medium_index))``. Ratios are of planes
    in the medium, far from its border: near it, within some wavelengths, they depend on the depth
    [3]_. A step of known height in the same medium tells the true one; see `calibrate_z`.

    References
    ----------
    .. [1] Carlsson, "The influence of specimen refractive index, detector signal integration, and
       non-uniform scan speed on the imaging properties in confocal microscopy", Journal of
       Microscopy 1991, https://doi.org/10.1111/j.1365-2818.1991.tb03169.x
    .. [2] Diel, Lichtman and Richardson, "Tutorial: avoiding and correcting sample-induced
       spherical aberration artifacts in 3D fluorescence microscopy", Nature Protocols 2020,
       https://doi.org/10.1038/s41596-020-0360-2; formula as in the software of [3].
    .. [3] Loginov et al., "Depth-dependent scaling of axial distances in light microscopy", Optica
       2024, https://doi.org/10.1364/OPTICA.520595, https://github.com/hoogenboom-group/SF

    Examples
    --------
    >>> from napari_focus_stack.analysis import focus_factor
    >>> focus_factor(1.33)
    1.33
    >>> round(focus_factor(1.33, na=0.8), 3)
    1.384
    """
    for name, index in (("medium_index", medium_index), ("immersion_index", immersion_index)):
        if not LEAST_INDEX <= index < math.inf:
            raise SettingsError(f"{name} {index:g} must be a refractive index of 1 or more.")
    if na is None:
        return medium_index / immersion_index
    if not 0 < na < immersion_index:
        raise SettingsError(
            f"na {na:g} must be above 0 and below the refractive index before the objective, "
            f"{immersion_index:g}."
        )
    drive, focus = (math.tan(math.asin(na / 2 / n)) for n in (immersion_index, medium_index))
    return drive / focus


def calibrate_z(
    measured: Measured | tuple[float, float], certified: tuple[float, float]
) -> ZCalibration:
    """Calibrate the z scale with a step of known height.

    Parameters
    ----------
    measured : Measurement or tuple of float
        Measured height of the step and its standard uncertainty, from a stack that was made
        without a factor on z; `step_height` returns it.
    certified : tuple of float
        Height and standard uncertainty by the certificate, in the same unit. A certificate often
        states the expanded uncertainty; divide it by its coverage factor (2).

    Returns
    -------
    ZCalibration
        Factor and uncertainty for `z_factor` and `z_uncertainty` of later runs.

    Raises
    ------
    InputError
        The measured height has no uncertainty.
    SettingsError
        A height is 0 or no number, or an uncertainty is negative.

    Notes
    -----
    The factor is the ratio of both heights, and its relative variance the sum of theirs (JCGM
    100:2008, section 5.1.6). Signs of heights do not count.
    """
    height, error = (
        measured if isinstance(measured, tuple) else (measured.value, measured.uncertainty)
    )
    if error is None:
        raise InputError(
            "The measured step has no uncertainty, because the confidence of its heights is "
            "unknown; measure it on a result that has a confidence map."
        )
    relative = [
        _relative(height, error, "measured"),
        _relative(*certified, name="certified"),
    ]
    return ZCalibration(abs(certified[0] / height), math.hypot(*relative))


def _relative(height: float, error: float, name: str) -> float:
    """Return a relative uncertainty."""
    if not 0 < abs(height) < math.inf or not 0 <= error < math.inf:
        raise SettingsError(
            f"{name} ({height:g}, {error:g}) must be a height other than 0 and its standard "
            "uncertainty, 0 or more."
        )
    return error / abs(height)
