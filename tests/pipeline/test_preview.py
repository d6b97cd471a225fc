"""Previews: the same picture and depth, smaller, and only where they pay."""

from __future__ import annotations

import threading

import cv2
import dask.array as da
import numpy as np
import pytest
from scenes import Scene, scene

from napari_focus_stack import ArraySource, Settings
from napari_focus_stack.errors import Cancelled
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.pipeline import preview as previewing
from napari_focus_stack.pipeline.preview import preview, preview_factor, reduced


@pytest.fixture
def few_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planes of 160 x 192 pixels are reduced by 4."""
    monkeypatch.setattr(previewing, "PIXELS", 160 * 192 // 16)


def large(**options) -> Scene:
    """A smooth scene, so that there is something left of it when it is reduced."""
    return scene("gravel", "slant", **options)


@pytest.mark.parametrize("colour", [(), (3,)], ids=["grey", "colour"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_planes_are_means_over_squares(colour: tuple[int, ...], dtype: str) -> None:
    planes = np.random.default_rng(0).integers(0, 255, (3, 43, 70, *colour)).astype(dtype)
    source = ArraySource(planes, spacing=Spacing(y=0.5, x=0.25, z=2.0, unit="micrometer"))
    small = reduced(source, 4)
    assert small.plane_shape == (10, 17, *colour)
    squares = planes[1, :40, :68].astype(float).reshape(10, 4, 17, 4, *colour)
    assert np.abs(small[1] - squares.mean((1, 3))).max() <= (1 if dtype[0] == "u" else 1e-4)
    assert small.spacing == Spacing(y=2.0, x=1.0, z=2.0, unit="micrometer")


def test_a_preview_is_the_result_made_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    rough = large()
    planes = np.stack([cv2.resize(p, None, fx=4, fy=4) for p in rough.planes])
    monkeypatch.setattr(previewing, "PIXELS", 160 * 192)
    found = preview(ArraySource(planes), Settings(z_step=0.5, pixel_size=0.2))
    assert found is not None
    assert found.factor == 4
    assert found.result.image.shape == (160, 192)
    inner = np.s_[16:-16, 16:-16]
    assert np.abs(found.result.depth - rough.depth)[inner].mean() < 0.3
    assert found.result.height is not None
    np.testing.assert_allclose(found.result.height, found.result.depth * 0.5, rtol=1e-6)
    assert found.result.report.spacing["x"] == pytest.approx(0.8)  # of squares of four


def test_only_large_planes_in_memory_have_one(few_pixels: None) -> None:
    planes = large().planes
    assert preview_factor(ArraySource(planes)) == 4
    assert preview_factor(ArraySource(list(planes))) == 4
    assert preview_factor(ArraySource(da.from_array(planes))) is None
    assert preview_factor(ArraySource(planes[:, :60, :60])) is None


def test_what_makes_no_stack_has_no_preview(few_pixels: None) -> None:
    blank = np.zeros((4, 160, 192), np.uint8)
    assert preview(ArraySource(blank), Settings(align="shift", reference=9)) is None


def test_a_preview_can_be_cancelled(few_pixels: None) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        preview(ArraySource(large().planes), Settings(), cancel=cancel)


@pytest.mark.parametrize("region", [(0, 160, 0, 192), (40, 80, 8, 41), (120, 160, 150, 192)])
def test_the_region_to_align_by_is_reduced_too(monkeypatch: pytest.MonkeyPatch, region) -> None:
    planes = np.stack([cv2.resize(p, None, fx=4, fy=4) for p in large().planes])
    monkeypatch.setattr(previewing, "PIXELS", 160 * 192)
    settings = Settings(align_region=tuple(4 * side for side in region))
    found = preview(ArraySource(planes), settings)
    assert found is not None
    assert found.result.report.settings["align_region"] == region


def test_a_preview_restores_nothing(few_pixels: None, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[Settings] = []

    def steps(source: object, settings: Settings, **_: object) -> object:
        wanted.append(settings)
        raise Cancelled

    monkeypatch.setattr(previewing, "stack_steps", steps)
    with pytest.raises(Cancelled):
        preview(ArraySource(np.zeros((6, 160, 192), np.uint8)), Settings())
    assert [settings.removes_occlusion for settings in wanted] == [False]
