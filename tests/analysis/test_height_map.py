"""Height maps: what is no calibrated map is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_focus_stack.analysis import HeightMap, texture
from napari_focus_stack.errors import InputError, SettingsError

HEIGHTS = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"confidence": np.full((3, 4), 200, np.uint8)}, InputError, "confidence of 0 to 200"),
        ({"confidence": np.full((3, 4), -0.5)}, InputError, "confidence of -0.5 to 0"),
        ({"confidence": np.ones((4, 3))}, InputError, "does not fit"),
        ({"pixel_size": (1, 1, 1)}, SettingsError, "pixel_size"),
        ({"z_step": -1.0}, SettingsError, "z_step -1.0"),
        ({"depth_unit": 0.5}, SettingsError, "depth_unit 0.5"),
        ({"scale_uncertainty": np.nan}, SettingsError, "scale_uncertainty nan"),
    ],
)
def test_numbers_out_of_bounds_are_refused(wrong: dict[str, Any], error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        HeightMap(heights=HEIGHTS, **wrong)


def test_an_array_is_no_height_map() -> None:
    with pytest.raises(InputError, match="ndarray has no calibrated heights; give a result"):
        texture(HEIGHTS)  # type: ignore[arg-type]


def test_uncertainty_does_not_depend_on_where_heights_are_counted_from() -> None:
    y, x = np.mgrid[:60, :80]
    hill = (2 * np.exp(-((x - 40) ** 2 + (y - 30) ** 2) / 200)).astype(np.float32)
    hill = np.round(hill * 64) / 64  # exact on both heights
    sure = np.full(hill.shape, 0.95, np.float32)
    low, high = (
        HeightMap(heights=hill + np.float32(offset), confidence=sure).uncertainty
        for offset in (0, 1e5)
    )
    np.testing.assert_allclose(high, low, rtol=0.01)
