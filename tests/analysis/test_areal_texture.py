"""Texture of surfaces whose parameters follow from their formula."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from height_maps import height_map, places, with_gaps, with_unsure
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focus_stack.analysis import texture
from napari_focus_stack.errors import SettingsError

SIZES = (0.5, 0.8)
HEIGHTS = ("Sa", "Sq", "Sz", "Sp", "Sv")


@pytest.mark.parametrize("axis", [0, 1])
def test_sine_has_the_texture_of_its_formula(axis: int) -> None:
    amplitude, wavelength = 3.0, 40.0
    place = places((320, 400), SIZES)[axis]  # whole wavelengths
    found = texture(
        height_map(amplitude * np.sin(2 * math.pi * place / wavelength), SIZES), levelling="offset"
    )
    assert found["Sa"] == pytest.approx(2 * amplitude / math.pi, rel=2e-3)
    assert found["Sq"] == pytest.approx(amplitude / math.sqrt(2), rel=1e-6)
    for name, height in {"Sp": amplitude, "Sv": amplitude, "Sz": 2 * amplitude}.items():
        assert found[name] == pytest.approx(height, rel=2.1e-3)  # 50 pixels miss the crest by half
    assert found["Ssk"] == pytest.approx(0, abs=1e-6)
    assert found["Sku"] == pytest.approx(1.5, rel=1e-6)
    steepest = 2 * math.pi * amplitude / wavelength
    assert found["Sdq"] == pytest.approx(steepest / math.sqrt(2), rel=2e-3)
    phase = np.linspace(0, 2 * math.pi, 4096, endpoint=False)
    stretch = np.sqrt(1 + (steepest * np.cos(phase)) ** 2).mean()
    assert found["Sdr"] == pytest.approx(100 * (stretch - 1), rel=4e-3)
    assert (found["share"], found["unit"]) == (1, "micrometer")


def test_tilted_plane_has_the_area_of_a_plane_and_no_texture_once_it_is_level() -> None:
    y, x = places((60, 80), SIZES)
    source = height_map(1.5 * x - 0.7 * y, SIZES)
    tilted = texture(source, levelling="offset")
    assert tilted["Sdq"] == pytest.approx(math.hypot(1.5, 0.7), rel=1e-5)
    assert tilted["Sdr"] == pytest.approx(100 * (math.sqrt(1 + 1.5**2 + 0.7**2) - 1), rel=1e-5)
    flat = texture(source)
    assert flat["Sz"] < 1e-4
    assert flat["Ssk"] is None  # the rounding of float32 has no skewness
    assert flat["Sku"] is None


@pytest.mark.parametrize("filters", [{}, {"s_filter": 8.0}, {"l_filter": 60.0}])
def test_random_gaps_and_wild_unsure_heights_move_nothing(filters: dict) -> None:
    y, x = places((300, 400), SIZES)
    surface = np.sin(x / 7) * np.cos(y / 5) + 0.2 * np.exp(np.sin(x / 3 + y / 4)) + 0.1 * x
    whole = texture(height_map(surface, SIZES), **filters)
    gaps = texture(height_map(with_gaps(surface), SIZES), **filters)
    wild = with_unsure(surface)
    unsure = texture(height_map(wild["heights"], SIZES, confidence=wild["confidence"]), **filters)
    for found in (gaps, unsure):
        assert found["share"] == pytest.approx(0.7, abs=0.01)
        for name in ("Sa", "Sq", "Sdq", "Sdr", "Sku"):
            assert found[name] == pytest.approx(whole[name], rel=0.015), name
    assert any("no fair sample" in note for note in unsure["notes"])
    assert not any("no fair sample" in note for note in gaps["notes"])


@given(st.floats(0.01, 100), st.floats(-1e3, 1e3), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_scale_offset_and_sign_of_heights(scale: float, offset: float, seed: int) -> None:
    surface = np.random.default_rng(seed).exponential(size=(40, 50))
    plain = texture(height_map(surface), levelling="offset")
    moved = texture(height_map(scale * surface), levelling="offset")
    turned = texture(height_map(offset - surface), levelling="offset")
    for name in HEIGHTS:
        assert moved[name] == pytest.approx(scale * plain[name], rel=1e-5)
    for name, other in {"Sa": "Sa", "Sq": "Sq", "Sp": "Sv", "Sv": "Sp", "Sdr": "Sdr"}.items():
        assert turned[name] == pytest.approx(plain[other], rel=1e-3)
    assert turned["Ssk"] == pytest.approx(-plain["Ssk"], rel=1e-3)
    assert moved["Sku"] == pytest.approx(plain["Sku"], rel=1e-4)


def test_filters_take_what_lies_beyond_them_around_the_form() -> None:
    y, x = places((480, 480))
    waves = {wavelength: np.sin(2 * math.pi * x / wavelength) for wavelength in (8, 40, 160)}
    form = 5e-4 * (y - 240) ** 2 + 0.3 * y
    source = height_map(sum(waves.values()) + form)
    found = texture(source, None, 18.0, 98.0, levelling="polynomial", degree=2)
    passed = [2 ** -((18 / w) ** 2) * (1 - 2 ** -((98 / w) ** 2)) for w in waves]
    expected = math.sqrt(sum(p**2 for p in passed) / 2)
    assert found["Sq"] == pytest.approx(expected, rel=0.04)  # 3 % is lost within 50 of the border
    assert found["surface"] == (
        "S-L surface of the pixels that are finite, 100.0% of the region: S-filter of 18 "
        "µm, least-squares polynomial of degree 2 subtracted, L-filter of 98 µm "
        "(Gaussian, ISO 16610-61)."
    )
    alone = texture(source, x > 120, 18.0)
    assert alone["surface"].startswith("S-F surface")


def test_noise_is_the_root_mean_square_of_the_uncertainty_and_a_note_says_if_it_matters() -> None:
    random = np.random.default_rng(2)
    surface = random.normal(0, 0.1, (60, 60))
    confidence = random.uniform(0.5, 1, (60, 60)).astype(np.float32)
    source = height_map(surface, confidence=confidence, z_step=2.0)
    assert source.uncertainty is not None
    expected = math.sqrt(float(np.mean(source.uncertainty.astype(float) ** 2)))
    noisy = texture(source)
    assert noisy["noise"] == pytest.approx(expected, rel=1e-6)
    assert any("a good part of it may be noise" in note for note in noisy["notes"])
    hills = 1000 * cv2.GaussianBlur(surface, (0, 0), 12)
    rough = texture(height_map(hills, confidence=confidence, z_step=2.0))
    assert not any("may be noise" in note for note in rough["notes"])
    assert texture(height_map(surface))["noise"] is None


def test_area_is_missing_with_a_word_where_it_has_no_meaning() -> None:
    surface = np.random.default_rng(0).normal(size=(30, 30))
    mixed = texture(height_map(surface, unit="plane"))
    dotted = texture(height_map(np.where(np.indices((30, 30)).sum(0) % 2, surface, np.nan)))
    for found, word in ((mixed, "z step"), (dotted, "four neighbours")):
        assert found["Sdr"] is None
        assert found["Sdq"] is None
        assert any(word in note for note in found["notes"])


def test_wrong_choices_are_refused() -> None:
    source = height_map(np.zeros((30, 30)))
    with pytest.raises(SettingsError, match="must be one of offset, plane, polynomial"):
        texture(source, levelling="points")
    with pytest.raises(SettingsError, match="shorter than the L-filter"):
        texture(source, s_filter=20, l_filter=10)


def test_roughness_below_the_rounding_of_high_heights_is_said() -> None:
    rough = np.random.default_rng(3).normal(0, 1e-3, (80, 80))
    said = {
        offset: [note for note in texture(height_map(rough + offset))["notes"] if "32-bit" in note]
        for offset in (0, 1e3, 1e5)
    }
    assert said[0] == said[1e3] == []
    assert "only known to 0.0078 µm" in said[1e5][0]


def test_an_unknown_noise_names_what_is_missing() -> None:
    rough = np.random.default_rng(3).normal(0, 1, (40, 40))
    sure = np.ones(rough.shape, np.float32)
    for more, word in (({}, "no confidence map"), ({"confidence": sure}, "no z step")):
        assert any(word in note for note in texture(height_map(rough, **more))["notes"])
