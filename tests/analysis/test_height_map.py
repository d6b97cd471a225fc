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
