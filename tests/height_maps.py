"""Height maps of known surfaces, shared by the tests of measurements."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_focus_stack.analysis import HeightMap

UNIT = "micrometer"


def places(shape: tuple[int, int], pixel_size: tuple[float, float] = (1.0, 1.0)) -> Any:
    """Positions (y, x) of pixels in the unit of the pixel size."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    return y * pixel_size[0], x * pixel_size[1]


def height_map(
    heights: np.ndarray, pixel_size: tuple[float, float] = (1.0, 1.0), **more: Any
) -> HeightMap:
    """A height map in micrometres."""
    return HeightMap(
        heights=heights.astype(np.float32),
        pixel_size=pixel_size,
        **{"unit": UNIT, "pixel_unit": UNIT} | more,
    )


def with_gaps(heights: np.ndarray, seed: int = 0, share: float = 0.3) -> np.ndarray:
    """Heights of which a share is missing at random."""
    return np.where(np.random.default_rng(seed).random(heights.shape) < share, np.nan, heights)


def with_unsure(heights: np.ndarray, seed: int = 0, share: float = 0.3) -> dict[str, np.ndarray]:
    """Heights of which a share is wild, and their confidence."""
    random = np.random.default_rng(seed)
    wild = random.random(heights.shape) < share
    return {
        "heights": np.where(wild, random.normal(0, 1e3, heights.shape), heights),
        "confidence": np.where(wild, 0.2, 0.9).astype(np.float32),
    }
