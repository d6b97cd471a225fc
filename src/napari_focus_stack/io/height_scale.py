"""Calibration of a height map that goes to a file or comes from one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.spacing_metadata import micrometres

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PLANES = "plane"
"""Unit of heights whose z step is unknown."""
_METRE = 1e6


@dataclass(frozen=True)
class HeightScale:
    """Pixel size and unit of a height map.

    Attributes
    ----------
    y, x : float or None
        Pixel size in `pixel_unit`; None where it is unknown.
    pixel_unit : str or None
        Unit of the pixel size, for example "micrometer".
    unit : str or None
        Unit of the heights, for example "micrometer", or "plane"; None where it is unknown.
    """

    y: float | None = None
    x: float | None = None
    pixel_unit: str | None = None
    unit: str | None = None

    @property
    def pixel_micrometres(self) -> tuple[float, float] | None:
        """Pixel size along y and x in micrometres; None where it is unknown."""
        y, x = (micrometres(size, self.pixel_unit) for size in (self.y, self.x))
        return None if y is None or x is None else (y, x)

    def metres(self, path: Path) -> tuple[float, float, float]:
        """Return the calibration for a format whose only unit is the metre.

        Parameters
        ----------
        path : pathlib.Path
            The file, for messages.

        Returns
        -------
        y, x : float
            Pixel size in metres.
        unit : float
            Metres of one unit of height.

        Raises
        ------
        OutputError
            The heights are in planes or in no unit of length, or the pixel size is unknown.
        """
        unit, pixels = micrometres(1, self.unit), self.pixel_micrometres
        if unit is None:
            words = "planes" if self.unit in (PLANES, None) else self.unit
            raise OutputError(
                f"'{path}' cannot hold heights in {words}, because its unit is the metre; stack "
                "with the z step, or end the name in .tif."
            )
        if pixels is None:
            raise OutputError(
                f"'{path}' cannot hold heights whose pixel size is unknown, because its unit is "
                "the metre; give the pixel size, or end the name in .tif."
            )
        return pixels[0] / _METRE, pixels[1] / _METRE, unit / _METRE


def single_precision(heights: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return heights as float32, without those that are infinite or too large for it.

    Parameters
    ----------
    heights : numpy.ndarray
        (...) float64.

    Returns
    -------
    numpy.ndarray
        (...) float32; NaN where there is no height.
    """
    most = np.finfo(np.float32).max
    with np.errstate(invalid="ignore"):  # comparisons of NaN
        known = np.abs(heights) <= most
    return np.where(known, heights, np.nan).astype(np.float32)
