"""A plane as alignment sees it, and the cache on which long stacks wait."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motion import SHAPE, TRUE, error, pair
from scenes import QUIET, scene

from napari_focus_stack._utils import spilled_cache as cache_module
from napari_focus_stack._utils.spilled_cache import SpilledCache
from napari_focus_stack.alignment.gauss_newton import pyramid, register_pair
from napari_focus_stack.alignment.reduced_planes import ReducedPlane


def looked_at(n: int = 4) -> list[ReducedPlane]:
    return [ReducedPlane.of(plane) for plane in scene("gravel", "slant", n=n, noise=QUIET).planes]


def assert_equal(one: ReducedPlane, other: ReducedPlane) -> None:
    for field in dataclasses.fields(ReducedPlane):
        here, there = getattr(one, field.name), getattr(other, field.name)
        if field.name == "levels":
            assert len(here) == len(there)
            for a, b in zip(here, there, strict=True):
                np.testing.assert_array_equal(a, b)
        elif field.name == "light":
            np.testing.assert_array_equal(here.recorded, there.recorded)
            np.testing.assert_array_equal(here.decoded, there.decoded)
            assert here.shape == there.shape
        else:
            np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize(
    ("shape", "working"),
    [((160, 192), (112, 134)), ((3000, 4000), (581, 775)), ((8, 8), (6, 6))],
)
def test_planes_are_reduced(shape: tuple[int, int], working: tuple[int, int]) -> None:
    reduced = ReducedPlane.of(np.random.default_rng(0).integers(0, 255, shape, np.uint8))
    assert reduced.shape == shape
    assert reduced.levels[0].shape == working
    assert reduced.levels[0].dtype == np.float32
    assert min(reduced.levels[-1].shape) < 96
    assert max(reduced.light.recorded.shape) <= 128
    assert max(reduced.detail().shape) <= 16


@settings(deadline=None)
@given(st.sampled_from([np.uint8, np.uint16, np.float32]), st.sampled_from([(), (3,), (4,)]))
def test_type_and_colour_change_nothing(dtype: type, colour: tuple[int, ...]) -> None:
    plane = scene("gravel", "slant", n=4, noise=QUIET).planes[1].astype(dtype)
    grey = ReducedPlane.of(plane.astype(np.float32))
    if colour:
        plane = np.repeat(plane[..., None], colour[0], -1)
        plane[..., 3:] = 255  # alpha has no part in it
    seen = ReducedPlane.of(plane)
    for a, b in zip(seen.levels, grey.levels, strict=True):
        assert np.abs(a - b).max() < 0.05 * b.std()  # integers are rounded once more
    np.testing.assert_allclose(seen.light.recorded, grey.light.recorded, atol=0.6)
    assert seen.contrast == pytest.approx(grey.contrast, rel=0.001)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 100), st.floats(-50, 50))
def test_gain_and_offset_are_not_seen(gain: float, offset: float) -> None:
    plane = scene("gravel", "slant", n=4, noise=QUIET, dtype="float32").planes[1] * 100
    one, other = (
        ReducedPlane.of(plane),
        ReducedPlane.of(plane * np.float32(gain) + np.float32(offset)),
    )
    np.testing.assert_allclose(other.levels[0], one.levels[0], atol=0.01)
    assert other.contrast == pytest.approx(gain * one.contrast, rel=0.001)


def test_a_plane_without_a_finite_value_says_so() -> None:
    for value in (np.nan, np.inf):
        reduced = ReducedPlane.of(np.full((40, 50), value, np.float32))
        assert reduced.contrast == -1
        assert all(np.isfinite(level).all() for level in reduced.levels)


def test_missing_values_do_not_spread() -> None:
    plane = np.array(scene("gravel", "slant", n=4, noise=QUIET, dtype="float32").planes[1])
    plane[50:60, 40:70] = np.nan
    reduced = ReducedPlane.of(plane)
    assert reduced.contrast > 0
    for part in (*reduced.levels, reduced.light.recorded, reduced.energy):
        assert np.isfinite(part).all()


@settings(max_examples=40, deadline=None)
@given(st.floats(50, 1e9), st.integers(0, 2**16), st.integers(1, 3))
def test_values_of_single_pixels_do_not_count_as_contrast(height: float, seed: int, count) -> None:
    """Beside the contrast of one reference plane with such a pixel all others looked blank."""
    plane = np.array(scene("gravel", "slant", n=4, noise=QUIET, dtype="float32").planes[1])
    spiky, rng = plane.copy(), np.random.default_rng(seed)
    apart = np.arange(plane.size).reshape(plane.shape)[::3, ::3]  # no two of them touch
    places = rng.choice(apart.ravel(), count, replace=False)
    spiky.flat[places] += height * np.std(plane) * rng.choice([-1, 1])
    assert ReducedPlane.of(spiky).contrast < 1.5 * ReducedPlane.of(plane).contrast


def test_the_narrowest_point_of_light_is_kept() -> None:
    """A lone bead must not be taken for the pixel of a faulty sensor."""
    y, x = np.mgrid[:96, :96]
    for sigma in (0.6, 0.85, 1.5):
        bead = np.exp(-((y - 40) ** 2 + (x - 50) ** 2) / (2 * sigma**2)).astype(np.float32)
        np.testing.assert_array_equal(ReducedPlane.of(bead).fine, bead)


@pytest.mark.parametrize("model", TRUE)
def test_transforms_are_between_the_full_planes(model: str) -> None:
    fixed, moving = (ReducedPlane.of(plane) for plane in pair("gravel", TRUE[model]))
    small, _ = register_pair(fixed.levels, moving.levels, model)
    assert error(fixed.full_size(small), TRUE[model]) < 0.07
    assert error(fixed.full_size(fixed.working_size(TRUE[model])), TRUE[model]) < 1e-9
    assert fixed.correlation(moving, TRUE[model]) > 0.99
    assert fixed.correlation(moving, np.eye(3)) < 0.9
    np.testing.assert_array_equal(fixed.full_size(np.eye(3)), np.eye(3))


def test_correlation_looks_where_it_may() -> None:
    fixed, moving = pair("gravel", np.eye(3))
    moving = moving.copy()
    moving[:, : SHAPE[1] // 2] = pair("coins", np.eye(3))[0][:, : SHAPE[1] // 2]
    one, other = ReducedPlane.of(fixed), ReducedPlane.of(moving)
    region = np.zeros(one.levels[0].shape, bool)
    region[:, region.shape[1] // 2 + 8 :] = True
    assert one.correlation(other, np.eye(3)) < 0.8
    assert one.correlation(other, np.eye(3), region) > 0.99


def test_planes_that_were_reduced_before_lie_where_they_lay() -> None:
    whole = np.random.default_rng(3).integers(0, 255, (64, 80)).repeat(8, 0).repeat(8, 1)
    whole = whole.astype(np.float32)
    reduced = whole.reshape(256, 2, 320, 2).mean((1, 3))
    one, other = ReducedPlane.of(whole), ReducedPlane.of(reduced, 2)
    assert other.shape == one.shape
    assert other.levels[0].shape == one.levels[0].shape
    np.testing.assert_allclose(other.levels[0], one.levels[0], atol=0.05)


# the cache


@pytest.mark.parametrize("kept", [0, 1, 3, 8])
def test_reduced_planes_come_back_as_they_were(monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    known = looked_at(8)
    monkeypatch.setattr(cache_module, "MOST_CACHED", kept * known[0].nbytes)
    cache = SpilledCache()
    for k, reduced in enumerate(known):
        cache.put(k, reduced)
    for k in (5, 0, 7, 0, 3, 1, 2, 6, 4):
        assert_equal(cache[k], known[k])
        assert (cache[k] is known[k]) is (k < kept)
    cache.close()


def test_pyramids_are_what_takes_the_memory() -> None:
    reduced = looked_at()[0]
    levels = sum(level.nbytes for level in reduced.levels)
    assert levels < reduced.nbytes < 4 * levels
    assert levels == sum(level.nbytes for level in pyramid(reduced.levels[0]))


@pytest.mark.parametrize("kept", [0, 2**30])
def test_a_view_that_was_never_put_there_is_missed(
    monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(cache_module, "MOST_CACHED", kept)
    cache = SpilledCache()
    cache.put(2, looked_at()[0])
    with pytest.raises(KeyError):
        cache[1]
    cache.close()


def test_the_file_is_closed_and_gone(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    opened = []
    temporary = cache_module.tempfile.TemporaryFile

    def open_here(**options):
        opened.append(temporary(dir=tmp_path, **options))
        return opened[-1]

    monkeypatch.setattr(cache_module.tempfile, "TemporaryFile", open_here)
    monkeypatch.setattr(cache_module, "MOST_CACHED", 0)
    cache = SpilledCache()
    cache.close()
    assert opened == []  # short stacks need none
    for k, reduced in enumerate(looked_at()):
        cache.put(k, reduced)
    assert len(opened) == 1
    cache.close()
    assert opened[0].closed
    assert list(tmp_path.iterdir()) == []
