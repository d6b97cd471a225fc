"""Heights of results leave with what measurements take of them: unit, pixel size and sureness."""

import numpy as np
import pytest
from scenes import scene

from napari_focus_stack.analysis import HeightMap, save_heights
from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.height_files import read_heights
from napari_focus_stack.pipeline.stack import focus_stack
from napari_focus_stack.settings import Settings

HEIGHTS = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_unsure_heights_are_left_out_if_wanted(tmp_path):
    confidence = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    source = HeightMap(
        heights=HEIGHTS,
        confidence=confidence,
        pixel_size=(0.5, 0.25),
        unit="nanometer",
        pixel_unit="nanometer",
        least_confidence=0.5,
    )
    for only in (False, True):
        save_heights(source, tmp_path / "a.x3p", sure_only=only)
        found, scale = read_heights(tmp_path / "a.x3p")
        counted = (confidence >= 0.5) | (not only)
        np.testing.assert_allclose(found, np.where(counted, HEIGHTS / 1000, np.nan), rtol=1e-6)
        assert (scale.y, scale.x) == pytest.approx((0.5e-3, 0.25e-3))


def test_a_result_without_a_z_step_is_saved_in_planes_and_refused_by_gsf(tmp_path):
    planes = scene(n=5, size=(64, 80)).planes
    result = focus_stack(planes, settings=Settings(method="depth", align="none"))
    save_heights(result, tmp_path / "a.tif")
    found, scale = read_heights(tmp_path / "a.tif")
    np.testing.assert_array_equal(found, result.depth)
    assert (scale.unit, scale.y) == ("plane", None)
    with pytest.raises(OutputError, match="heights in planes"):
        save_heights(result, tmp_path / "a.gsf")
