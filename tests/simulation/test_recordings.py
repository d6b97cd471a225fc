"""The truth of the tutorials' scenes is true: what a plane in focus shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from napari_focus_stack.simulation import fly
from napari_focus_stack.simulation.epithelium import (
    CAMERA_OFFSET,
    GAIN,
    NUCLEI_BELOW,
    STRAY,
    Tissue,
    draw_epithelium,
    light_in_focus,
    record_sections,
)
from napari_focus_stack.simulation.metrics import score_image
from napari_focus_stack.simulation.plate import CELLS_IN_COLUMN, OUT_OF_REACH, PLANES, plate_fields
from napari_focus_stack.simulation.recordings import (
    FILM_STEP,
    METAL_SQ,
    ground_metal,
    night_film,
)

if TYPE_CHECKING:
    import pytest

    from napari_focus_stack.simulation.scenes import GroundTruthStack


def in_focus(scene: GroundTruthStack, shift: int = 0) -> float:
    """PSNR of the planes that the depth names, or of those beside them."""
    planes = scene.planes
    if scene.transforms is not None:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = scene.depth.shape[::-1]
        pairs = zip(planes, scene.transforms, strict=True)
        planes = np.stack([cv2.warpPerspective(one, m, size, flags=flags) for one, m in pairs])
    index = np.clip(np.rint(scene.depth).astype(int) + shift, 0, len(planes) - 1)
    index = index.reshape(1, *index.shape, *(1,) * (planes.ndim - 3))
    white = float(np.iinfo(planes.dtype).max if planes.dtype == np.uint8 else 4095)
    chosen = np.take_along_axis(planes, index, axis=0)[0]
    return score_image(chosen, scene.image, white=white).psnr


def test_ground_metal_is_sharp_at_its_depth() -> None:
    scene = ground_metal()
    assert in_focus(scene) > in_focus(scene, 1) + 3
    assert in_focus(scene) > in_focus(scene, -1) + 3
    y, x = np.mgrid[: scene.depth.shape[0], : scene.depth.shape[1]]
    plane = np.column_stack([y.ravel(), x.ravel(), np.ones(y.size)])
    fitted = plane @ np.linalg.lstsq(plane, scene.depth.ravel(), rcond=None)[0]
    assert 0.8 * METAL_SQ < np.std(scene.depth.ravel() - fitted) < 1.1 * METAL_SQ


def test_the_fly_is_sharp_at_its_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fly, "SIDES", (160, 224))
    monkeypatch.setattr(fly, "BRISTLES", 6)
    scene = fly.fly_photographs()
    assert in_focus(scene) > max(in_focus(scene, 2), in_focus(scene, -2)) + 1
    assert scene.depth.min() >= 0.5
    assert fly.PLANES - 4 < scene.depth.max() <= fly.PLANES - 1


def test_the_tissue_of_the_film_moves_as_it_says() -> None:
    first, second = night_film(2)
    up, left = FILM_STEP
    np.testing.assert_array_equal(second.image[:-up, :-left], first.image[up:, left:])
    assert in_focus(first) > max(in_focus(first, 2), in_focus(first, -2))
    assert (second.depth[:-up, :-left] >= first.depth[up:, left:]).all(), "it thickens"


def test_sections_are_brightest_at_the_depth() -> None:
    tissue = draw_epithelium(Tissue(96, 120, cells=30, lowest=4.0, highest=9.0))
    planes = record_sections(tissue.membranes, tissue.depth, 12, 5000.0)
    bright = tissue.membranes > 0.6
    brightest = planes.argmax(axis=0)[bright]
    assert np.abs(brightest - tissue.depth[bright]).mean() < 0.5
    assert planes.min() >= CAMERA_OFFSET
    assert len(np.unique(tissue.labels)) == 31


def test_a_section_in_focus_holds_the_light_that_the_truth_states() -> None:
    tissue = draw_epithelium(Tissue(96, 120, cells=30, lowest=4.0, highest=9.0))
    level = np.full_like(tissue.depth, 5.0)
    seen = record_sections(tissue.nuclei, level, 6, 600.0)[5] - CAMERA_OFFSET - GAIN * 600 * STRAY
    inside, truth = tissue.labels > 0, light_in_focus(tissue.nuclei, 600.0)
    np.testing.assert_allclose(seen[inside].mean(), truth[inside].mean(), rtol=2e-3)
    np.testing.assert_allclose(seen[~inside].mean(), truth[~inside].mean(), atol=2)


def test_the_plate_has_fewer_cells_in_each_column() -> None:
    fields = list(plate_fields())
    assert len({(one.well, one.site) for one in fields}) == 16
    for one in fields:
        assert len(np.unique(one.truth.labels)) - 1 <= CELLS_IN_COLUMN[one.well[1:]]
        reached = one.truth.depth.max() < PLANES - 1
        assert reached is np.bool_((one.well, one.site) != OUT_OF_REACH)
        assert one.truth.depth.min() - NUCLEI_BELOW > 0
