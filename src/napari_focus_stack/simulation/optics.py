"""Optics of a microscope: blur from plane to plane, depth of field, resolution."""

from __future__ import annotations

import math
from dataclasses import dataclass

from napari_focus_stack.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class Optics:
    """A microscope and its z drive.

    Attributes
    ----------
    na : float
        Numerical aperture of the objective.
    wavelength : float
        Wavelength of the light, in micrometres.
    pixel_size : float
        Side of a pixel in the specimen, in micrometres.
    z_step : float
        Distance between planes, in micrometres.
    refractive_index : float
        Refractive index of the medium between objective and specimen.

    Raises
    ------
    SettingsError
        A value is impossible for a microscope.
    """

    na: float
    wavelength: float
    pixel_size: float
    z_step: float
    refractive_index: float = 1.0

    def __post_init__(self) -> None:
        """Check that the values are possible."""
        for name in ("na", "wavelength", "pixel_size", "z_step"):
            if not 0 < getattr(self, name) < math.inf:
                raise SettingsError(f"{_flag(name)} must be a number above 0.")
        if not 1 <= self.refractive_index < math.inf:
            raise SettingsError("--refractive-index must be 1 (air) or more.")
        if self.na >= self.refractive_index:
            raise SettingsError(
                f"--na {self.na:g} needs a medium of a higher --refractive-index than "
                f"{self.refractive_index:g}."
            )

    @property
    def blur_per_plane(self) -> float:
        """Radius of the blur one plane out of focus, in pixels.

        By geometrical optics, the cone of light that the objective accepts, of half angle asin(NA /
        n), has a radius of ``z * tan(asin(NA / n))`` at a distance z from focus, as in section 2 of
        S. Pertuz, D. Puig and M. A. Garcia, "Analysis of focus measure operators for
        shape-from-focus", Pattern Recognition 46:1415, 2013,
        https://doi.org/10.1016/j.patcog.2012.11.011.
        """
        return self.z_step * math.tan(math.asin(self.na / self.refractive_index)) / self.pixel_size

    @property
    def resolution(self) -> float:
        """Smallest distance resolved in focus, in pixels: Rayleigh's 0.61 wavelength / NA.

        Born and Wolf, "Principles of Optics", 7th edition, 1999, section 8.6.
        """
        return 0.61 * self.wavelength / self.na / self.pixel_size

    @property
    def blur_in_focus(self) -> float:
        """Standard deviation of the Gaussian nearest to the Airy pattern, in pixels.

        0.225 wavelength / NA: B. Zhang, J. Zerubia and J.-C. Olivo-Marin, "Gaussian approximations
        of fluorescence microscope point-spread function models", Applied Optics 46:1819, 2007,
        https://doi.org/10.1364/AO.46.001819.
        """
        return math.sqrt(0.5) / math.pi * self.wavelength / self.na / self.pixel_size

    @property
    def depth_of_field(self) -> float:
        """Depth of field, in micrometres: wavelength n / NA^2 + n pixel / NA.

        S. Inoue and K. R. Spring, "Video Microscopy", 2nd edition, 1997, as quoted by Nikon's
        MicroscopyU. The pixel size, which is already in micrometres of the specimen, takes the
        place of the smallest distance that the detector resolves divided by the magnification.
        """
        n = self.refractive_index
        return self.wavelength * n / self.na**2 + n * self.pixel_size / self.na

    def summary(self) -> str:
        """Describe the sampling in focus and in z.

        Returns
        -------
        str
            Lines for a terminal: blur, depth of field, and advice on the z step.
        """
        ratio = self.z_step / self.depth_of_field
        if ratio > 1:
            verdict = "detail between planes is sharp in none; take smaller steps"
        elif ratio < 0.25:
            verdict = "finer than needed; larger steps would do"
        else:
            verdict = "well sampled"
        return "\n".join(
            [
                f"Blur grows by {self.blur_per_plane:.2f} px per plane (radius, geometrical "
                "optics).",
                f"Diffraction limit 0.61 lambda / NA: {self.resolution * self.pixel_size:.2f} µm, "
                f"{self.resolution:.2f} px (rendered as a Gaussian).",
                f"Depth of field {self.depth_of_field:.2f} µm; a z step of {self.z_step:g} µm is "
                f"{ratio:.2f} of it: {verdict}.",
            ]
        )


def _flag(name: str) -> str:
    """Return the name of the command's option."""
    return "--" + name.replace("_", "-")
