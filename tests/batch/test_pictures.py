"""Pictures for the contact sheet, decoded, against images and depths of known truth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import picture

from napari_focus_stack.batch.pictures import pictures_of

JPEG = 6
"""Grey levels by which JPEG may change a smooth picture."""


def decoded(
    image: np.ndarray, depth: np.ndarray | None = None, sure: float | np.ndarray = 1.0
) -> dict[str, np.ndarray]:
    """All pictures as RGB; the inputs may not be written to."""
    depth = np.zeros(image.shape[:2], np.float32) if depth is None else depth
    confidence = np.full(depth.shape, sure, np.float32)
    for array in (image, depth, confidence):
        array.setflags(write=False)
    files = pictures_of(image, depth, confidence).files
    assert all(file.startswith(b"\xff\xd8") for file in files.values())
    return {
        role: cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)
        for role, file in files.items()
    }


def ramp(low: float, high: float, shape: tuple[int, int] = (64, 256)) -> np.ndarray:
    return np.tile(np.linspace(low, high, shape[1]), (shape[0], 1))


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 500),
    width=st.integers(1, 500),
    channels=st.sampled_from([(), (3,), (4,)]),
    dtype=st.sampled_from(["bool", "uint8", "uint16", "int32", "float32", "float64"]),
)
def test_every_image_has_pictures_that_fit(
    height: int, width: int, channels: tuple[int, ...], dtype: str
) -> None:
    shown = decoded(np.ones((height, width, *channels), dtype))
    longest = max(height, width)
    for role, side in (("image", 240), ("depth", 240), ("image_view", 1600), ("depth_view", 1600)):
        shrink = max(1, longest / side)
        high, wide = shown[role].shape[:2]
        assert max(high, wide) == min(longest, side)
        assert high == pytest.approx(height / shrink, abs=1.5)
        assert wide == pytest.approx(width / shrink, abs=1.5)


def test_a_large_image_fits_the_full_view_by_area_means() -> None:
    rows, columns = np.indices((1000, 4100))
    board = np.where((rows // 2 + columns // 2) % 2, 200, 100).astype(np.uint8)
    board[:, :5] = 0  # black and white of the contrast
    board[:, -5:] = 255
    view = decoded(board)["image_view"]
    assert view.shape == (390, 1600, 3)
    assert view[20:-20, 20:-20].mean() == pytest.approx(150, abs=2)
    assert view[20:-20, 20:-20].std() < 25


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64", "int16"])
def test_contrast_spans_the_values_but_for_a_few(dtype: str) -> None:
    image = ramp(50, 120)
    image[0, :8], image[1, :8] = 0, 127  # 0.05 % each
    shown = decoded(image.astype(dtype))["image_view"][8:]
    middle = shown.mean(axis=(0, 2))
    assert middle[0] < 8
    assert middle[-1] > 247
    assert np.abs(middle - np.linspace(0, 255, 256)).max() < JPEG


@settings(max_examples=25, deadline=None)
@given(gain=st.floats(0.1, 1e3), offset=st.floats(-100, 100))
def test_contrast_depends_on_neither_gain_nor_offset(gain: float, offset: float) -> None:
    image = picture("gravel", 96, 128).astype(np.float64) * 255
    plain, changed = (decoded(one)["image_view"] for one in (image, image * gain + offset))
    assert np.abs(plain - changed).mean() < 1  # JPEG turns one level into twelve here and there


def test_colour_of_8_bits_stays_as_it_is() -> None:
    colour = np.stack([ramp(90, 140), ramp(60, 60), ramp(150, 100)], axis=-1).astype(np.uint8)
    assert np.abs(decoded(colour)["image_view"] - colour).max() <= JPEG


def test_colour_of_16_bits_keeps_its_hue() -> None:
    colour = np.stack([ramp(0, 4000), ramp(0, 2000), ramp(0, 0)], axis=-1).astype(np.uint16)
    red, green, blue = decoded(colour)["image_view"][:, 200].mean(axis=0)
    assert green / red == pytest.approx(0.5, abs=0.04)
    assert blue < JPEG


def test_what_was_not_recorded_is_dark_and_does_not_count() -> None:
    image = ramp(1000, 2000).astype(np.float32)
    image[:32] = np.nan
    image[32, 0] = np.inf
    shown = decoded(image)["image_view"]
    assert np.abs(shown[:24] - 24).max() <= JPEG
    assert np.abs(shown[48:].mean(axis=(0, 2)) - np.linspace(0, 255, 256)).max() < JPEG


def test_transparent_pixels_are_dark_and_do_not_count() -> None:
    grey = ramp(1000, 2000).astype(np.uint16)
    alpha = np.full(grey.shape, 65535, np.uint16)
    image = np.stack([grey, grey, grey, alpha], axis=-1)
    image[:32] = [60000, 0, 60000, 0]
    shown = decoded(image)["image_view"]
    assert np.abs(shown[:24] - 24).max() <= JPEG
    assert np.abs(shown[48:].mean(axis=(0, 2)) - np.linspace(0, 255, 256)).max() < JPEG


def test_depth_runs_through_viridis_over_the_sure_range() -> None:
    depth = ramp(3, 9).astype(np.float32)
    shown = decoded(np.zeros(depth.shape, np.uint8), depth)["depth_view"].mean(axis=0)
    assert shown[0] == pytest.approx([68, 1, 84], abs=10)
    assert shown[128] == pytest.approx([33, 145, 140], abs=10)
    assert shown[-1] == pytest.approx([253, 231, 37], abs=10)


@settings(max_examples=20, deadline=None)
@given(low=st.floats(0, 20), deep=st.just(0.0) | st.floats(1e-3, 100), unsure=st.integers(0, 255))
def test_colours_are_given_in_planes(low: float, deep: float, unsure: int) -> None:
    depth = ramp(low, low + deep).astype(np.float32)
    confidence = np.ones(depth.shape, np.float32)
    confidence[:, :unsure] = 0.49
    colours = pictures_of(np.zeros(depth.shape, np.uint8), depth, confidence).colours
    assert colours == pytest.approx(np.percentile(depth[:, unsure:], (1, 99)), rel=1e-5, abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(sure=st.floats(0, 0.49))
def test_a_map_without_sure_depth_is_grey_and_has_no_colours(sure: float) -> None:
    depth = ramp(0, 9).astype(np.float32)
    depth[:32] = np.nan
    confidence = np.full(depth.shape, sure, np.float32)
    made = pictures_of(np.zeros(depth.shape, np.uint8), depth, confidence)
    assert made.colours is None
    shown = decoded(np.zeros(depth.shape, np.uint8), depth, sure)["depth_view"]
    assert np.abs(shown[48:] - 118).max() <= JPEG
    assert np.abs(shown[:16] - 24).max() <= JPEG


@settings(max_examples=20, deadline=None)
@given(confidence=st.floats(0, 1))
def test_depth_turns_grey_as_confidence_falls(confidence: float) -> None:
    depth = ramp(0, 9).astype(np.float32)
    sure = np.full(depth.shape, confidence, np.float32)
    sure[:8] = 1  # without a sure pixel all would be grey
    shown = decoded(np.zeros(depth.shape, np.uint8), depth, sure)["depth_view"][32, 250]
    share = np.clip((confidence - 0.1) / 0.4, 0, 1)
    expected = share * np.array([246, 229, 37]) + (1 - share) * 118
    assert shown == pytest.approx(expected, abs=16)


def test_depth_range_is_that_of_sure_pixels() -> None:
    depth = ramp(3, 9).astype(np.float32)
    depth[:20] = 500
    confidence = np.ones(depth.shape, np.float32)
    confidence[:20] = 0
    shown = decoded(np.zeros(depth.shape, np.uint8), depth, confidence)["depth_view"]
    assert shown[50, 250] == pytest.approx([246, 229, 37], abs=12)
    assert shown[8, 250] == pytest.approx([118] * 3, abs=JPEG)


def test_depth_that_is_no_number_is_dark() -> None:
    depth = ramp(3, 9).astype(np.float32)
    depth[:32] = np.nan
    shown = decoded(np.zeros(depth.shape, np.uint8), depth)["depth_view"]
    assert np.abs(shown[:16] - 24).max() <= JPEG
    assert shown[48, 250] == pytest.approx([246, 229, 37], abs=12)
