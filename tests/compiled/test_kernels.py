"""Kernels in C compute what NumPy and OpenCV compute, within the rounding of float32."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from unittest import mock

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import BAR, FAR, NEAR, SIDE, patch
from scenes import QUIET, STEP, over_a_step, picture, scene

from napari_focus_stack import focus_stack
from napari_focus_stack._compiled.library import SWITCH, library
from napari_focus_stack._utils.threads import ThreadTeam, row_bands
from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.alignment.registered_plane import RegisteredPlane
from napari_focus_stack.depth.peak_fitting import FocusPeak, PeakError
from napari_focus_stack.fusion.compiled_level import CompiledLevel, level_type
from napari_focus_stack.fusion.focus_prior import DepthRange, FocusPrior, Surface
from napari_focus_stack.fusion.pyramid import PyramidFusion
from napari_focus_stack.fusion.recorded_range import RecordedRange
from napari_focus_stack.imgproc.morphology import dilate, without_small_regions
from napari_focus_stack.imgproc.noise import Noise
from napari_focus_stack.imgproc.pyramids import shapes_of
from napari_focus_stack.imgproc.selection import pick_plane
from napari_focus_stack.imgproc.smoothing import EdgeAwareMean
from napari_focus_stack.occlusion.background import explain_planes, restore_background
from napari_focus_stack.occlusion.foreground_blur import ForegroundBlur

pytestmark = pytest.mark.skipif(library() is None, reason="no kernels were compiled here")

SIDES = st.integers(20, 150)


@contextlib.contextmanager
def without_kernels():
    """Let NumPy and OpenCV compute."""
    library.cache_clear()
    with mock.patch.dict(os.environ, {SWITCH: "0"}):
        yield
    library.cache_clear()


def both(compute):
    """Return what a function computes with the kernels, and without them."""
    with_them = compute()
    with without_kernels():
        return with_them, compute()


def detail(shape, seed, dtype) -> np.ndarray:
    """Return random detail, as sharp as an image of a lens, that fills the range of a type."""
    noise = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.0)
    top = 200.0 if dtype == np.uint8 else 50000.0
    scaled = (smooth - smooth.min()) / max(float(np.ptp(smooth)), 1e-6) * top
    return scaled.astype(dtype)


def shift(rng: np.random.Generator) -> np.ndarray:
    """Return a shift by parts of a pixel; one in three is none at all."""
    matrix = np.eye(3)
    if rng.random() > 1 / 3:
        matrix[:2, 2] = rng.normal(0, 3, 2)
    return matrix


def small_motion(rng: np.random.Generator, shape) -> np.ndarray:
    """Return a transform as a focusing lens and a hand make it."""
    matrix = np.eye(3)
    height, width = shape[:2]
    centre = width / 2, height / 2
    matrix[:2] = cv2.getRotationMatrix2D(centre, rng.normal(0, 0.3), 1 + rng.normal(0, 0.01))
    matrix[:2, 2] += rng.normal(0, 3, 2)
    if rng.random() < 0.5:
        matrix[2, :2] = rng.normal(0, 1e-5, 2)
    return matrix


def half_a_step(plane: np.ndarray) -> float:
    """By how much OpenCV errs at most: it rounds places, and that on twice as many pixels."""
    return over_a_step(plane) / 4


def any_prior(rng: np.random.Generator, shape) -> FocusPrior:
    """Return a prior whose maps are smooth and otherwise arbitrary."""
    y, x = shapes_of(shape, 2)[-1]

    def smooth(low: float, high: float) -> np.ndarray:
        return cv2.resize(rng.uniform(low, high, (3, 3)).astype(np.float32), (x, y))

    depth = smooth(0, 3)
    surface = Surface(depth, smooth(0.1, 1), smooth(0, 1), depth, depth - 1, depth + 1)
    others = DepthRange(depth - smooth(0, 1), depth + smooth(0, 1), smooth(0, 1))
    own = tuple(smooth(0, 1) for _ in range(3))
    return FocusPrior(1.0, surface, others, smooth(0, 1), own, smooth(0, 1), 2)


@given(SIDES, SIDES, st.sampled_from([1, 3, 4]), st.sampled_from([np.uint8, np.uint16]), st.data())
def test_fusion(height, width, channels, dtype, data):
    """Energies and the image are the same: planes that move, fade, have gaps, alpha and noise."""
    seed = data.draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    shape = (height, width) if channels == 1 else (height, width, channels)
    noise = Noise(4.0, slope=float(rng.choice([0, 0.1])), least=1.0)
    planes = [detail(shape, seed + k, dtype) for k in range(4)]
    motions = [shift(rng) for _ in planes]
    changes = [Brightness(*pair) for pair in rng.choice([(1.0, 0.0), (1.1, 3.0)], 4)]
    prior = any_prior(rng, shape[:2]) if data.draw(st.booleans()) else None
    halved = channels == 3 and data.draw(st.booleans())

    def fuse():
        everything = slice(0, height), slice(0, width)
        window = None if prior is None else prior.within(everything)
        found = []
        with ThreadTeam(2) as team:
            pyramid = PyramidFusion(
                shape, np.dtype(dtype), noise, team, colour_halved=halved, prior=window
            )
            assert (type(pyramid._levels[0]) is CompiledLevel) == (library() is not None)
            for plane, motion, change in zip(planes, motions, changes, strict=True):
                pyramid.add(RegisteredPlane.of(plane, motion, change))
                found.append([energy.copy() for energy in pyramid.energies])
            pyramid.build()
            return found, pyramid.image(np.dtype(np.float32)), pyramid.averaged

    (energies, image, averaged), (expected, wanted, average) = both(fuse)
    for plane, other in zip(energies, expected, strict=True):
        for level, reference in zip(plane, other, strict=True):
            near = 1e-4 * reference.max()
            np.testing.assert_allclose(level, reference, rtol=1e-3 + STEP, atol=near)
    # a recorded value is one of two whole numbers; where planes are sharp alike, a step decides
    near = 1.1 * (1 if dtype == np.uint8 else 257) + half_a_step(planes[0])
    assert np.nanquantile(np.abs(image - wanted), 0.95 if STEP else 1) < near
    assert averaged == pytest.approx(average, rel=0.01)


@given(SIDES, SIDES, st.sampled_from([1, 3, 4]), st.sampled_from(["u1", "u2", "f4"]), st.data())
def test_resampling(height, width, channels, dtype, data):
    """Windows of a plane, also beyond its edges, are the same within 1.5 grey levels in 255.

    A turned plane is resampled along rows and columns one after the other, and random detail is
    sharper than any image of a lens.
    """
    seed = data.draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    shape = (height, width) if channels == 1 else (height, width, channels)
    plane = detail(shape, seed, np.dtype(dtype))
    motion = small_motion(rng, shape)
    top, left = data.draw(st.integers(0, height - 4)), data.draw(st.integers(0, width - 4))
    window = slice(top, height), slice(left, width)

    def resampled():
        out = [np.zeros((height - top, width - left), np.float32) for _ in range(channels)]
        RegisteredPlane.of(plane, motion, Brightness()).channels(window, out)
        return out

    for found, expected in zip(*both(resampled), strict=True):
        near = 1.5 / 255 * float(np.ptp(plane)) + over_a_step(plane)
        assert np.abs(found - expected).max() <= near


def test_resampling_a_shift_is_the_same_to_a_thousandth():
    plane, motion = detail((90, 300), 0, np.uint16), np.eye(3)
    motion[:2, 2] = 3.7, -2.4

    def resampled():
        out = [np.zeros(plane.shape, np.float32)]
        RegisteredPlane.of(plane, motion, Brightness()).channels(np.s_[0:90, 0:300], out)
        return out[0]

    found, expected = both(resampled)
    assert np.abs(found - expected).max() < 1e-3 * 257 + half_a_step(plane)


@pytest.mark.parametrize(("x", "y"), [(-700, 3), (700, 3), (3, -200), (3, 200), (-2e5, 2e5)])
def test_windows_wholly_beside_a_plane_repeat_its_edge(x, y):
    plane, motion = detail((90, 300), 0, np.uint8), np.eye(3)
    motion[:2, 2] = x, y

    def resampled():
        out = [np.zeros(plane.shape, np.float32)]
        RegisteredPlane.of(plane, motion, Brightness()).channels(np.s_[0:90, 0:300], out)
        return out[0]

    found, expected = both(resampled)
    np.testing.assert_allclose(found, expected, atol=1e-2)


def test_parts_of_a_perspective_are_resampled_as_the_whole():
    """Their matrices differ in scale, which changes nothing."""
    plane, motion = detail((900, 900), 0, np.uint8), np.eye(3)
    motion[2, :2] = 2e-6, -1e-6
    far = motion @ np.array([[1, 0, 600], [0, 1, 600], [0, 0, 1]], np.float64)
    whole, part = np.zeros((300, 300), np.float32), np.zeros((300, 300), np.float32)
    for matrix, corner, out in ((motion, 600, whole), (far, 0, part)):
        window = slice(corner, corner + 300), slice(corner, corner + 300)
        RegisteredPlane.of(plane, matrix, Brightness()).channels(window, [out])
    np.testing.assert_allclose(part, whole, atol=1e-2)


@given(SIDES, SIDES, st.booleans(), st.integers(0, 2**16))
def test_peaks(height, width, weighed, seed):
    rng = np.random.default_rng(seed)
    energies = rng.uniform(-0.2, 30, (5, height, width)).astype(np.float32)
    weights = rng.uniform(0, 1, (5, height, width)).astype(np.float32)

    def peaks():
        peak = FocusPeak((height, width), 9.0, PeakError(0.1, 0.1), weighed)
        for k, (energy, weight) in enumerate(zip(energies, weights, strict=True)):
            for rows in row_bands(energy.shape):
                peak.add(energy[rows], rows, k, weight[rows] if weighed else None)
        return [*peak.read(slice(0, height), 5), peak.best, peak.beside(5)]

    for found, expected in zip(*both(peaks), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**16))
def test_edge_aware_mean(height, width, seed):
    rng = np.random.default_rng(seed)
    guide, *maps = rng.uniform(0, 1, (3, height, width)).astype(np.float32)
    for found, expected in zip(*both(lambda: EdgeAwareMean(guide, 30, 0.1)(*maps)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_recorded_range(dtype):
    bright = np.random.default_rng(0).uniform(-20, 300, (3, 64, 101)).astype(np.float32)
    tile = slice(10, 60), slice(3, 100)

    def limited():
        recorded_range = RecordedRange((64, 101), np.dtype(dtype), np.float32(1.5))
        for plane in bright:
            recorded_range.add_tile(plane[tile], tile, None)
        image, recorded = np.full((64, 101), 1e4, np.float32), np.empty((64, 101), np.uint8)
        count = recorded_range.limit(image, recorded, slice(0, 64))
        return image, recorded, count

    (image, recorded, count), (expected, where, limit) = both(limited)
    np.testing.assert_allclose(image, expected, atol=1e-2)
    np.testing.assert_array_equal(recorded, where)
    assert count == limit == 50 * 97


@pytest.mark.parametrize(("name", "dtype"), [("gravel", "uint16"), ("astronaut", "uint8")])
def test_whole_stacks_differ_by_less_than_a_grey_level(name, dtype):
    planes = scene(name, noise=QUIET, zoom=0.004, angle=0.1, shift=1.5, dtype=dtype).planes
    found, expected = both(lambda: focus_stack(planes))
    step = 1 if dtype == "uint8" else 257
    assert np.abs(found.image.astype(float) - expected.image).max() <= step
    sure = expected.confidence > 0.5
    assert sure.mean() > 0.5
    assert np.abs(found.depth - expected.depth)[sure].max() < 0.05 + 2 * STEP


def test_switch_turns_the_kernels_off():
    with without_kernels():
        assert library() is None
        assert level_type() is not CompiledLevel
    assert level_type() is CompiledLevel


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**16), st.data())
def test_masks(height, width, seed, data):
    """Dilated masks, and masks without their small groups, are the same."""
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) < rng.choice([0, 0.002, 0.03, 0.3, 0.6, 1])
    radius, smallest = data.draw(st.integers(0, 100)), data.draw(st.integers(1, 30))
    for compute in (lambda: dilate(mask, radius), lambda: without_small_regions(mask, smallest)):
        found, expected = both(compute)
        np.testing.assert_array_equal(found, expected)


@given(SIDES, SIDES, st.integers(1, 12), st.booleans(), st.integers(0, 2**16))
def test_selection(height, width, count, colour, seed):
    """Each pixel is taken from the same plane, halves between two planes included."""
    rng = np.random.default_rng(seed)
    shape = (height, width, 3) if colour else (height, width)
    planes = list(rng.random((count, *shape), np.float32))
    depth = np.round(rng.uniform(-2, count + 2, (height, width)) * 4).astype(np.float32) / 4
    found, expected = both(lambda: pick_plane(planes, depth))
    np.testing.assert_array_equal(found, expected)


@given(SIDES, SIDES, st.booleans(), st.integers(0, 2**16))
def test_removed_blur(height, width, colour, seed):
    """What is left without foreground blur is the same, and filled at the same pixels."""
    rng = np.random.default_rng(seed)
    shape = (height, width, 3) if colour else (height, width)
    cover = cv2.GaussianBlur(rng.uniform(-1, 2, (height, width)), (0, 0), 2).clip(0, 1)
    plane, light = (rng.uniform(0, 255, shape).astype(np.float32) for _ in range(2))
    light *= cover[..., None] if colour else cover
    blur = ForegroundBlur(light.astype(np.float32), cover.astype(np.float32))
    where = rng.random((height, width)) < 0.7
    found, expected = both(lambda: blur.removed_from(plane, where, (0.0, 255.0), 0.35))
    np.testing.assert_allclose(found, expected, atol=1e-2)


@pytest.mark.parametrize("gamma", [1.0, 2.2])
@pytest.mark.parametrize("colour", [False, True])
def test_restored_background(gamma, colour):
    """The background of a bar, the depth beside it and the errors of the check are the same."""
    image = np.where(BAR, picture("gravel", SIDE, SIDE), picture("camera", SIDE, SIDE, 300, 100))
    depth = np.where(BAR, NEAR, FAR)
    shown = patch(image, depth, depth, 2.0, gamma)
    if colour:
        planes, image = ([np.dstack([p] * 3) for p in q] for q in (shown.planes, [shown.image]))
        shown = replace(shown, planes=planes, image=image[0])

    def restored():
        with ThreadTeam(1) as team:
            return explain_planes(shown, team), restore_background(shown, team)

    (errors, background), (expected, wanted) = both(restored)
    assert errors.lead == pytest.approx(expected.lead, rel=0.01)
    assert errors.opaque / errors.clear == pytest.approx(expected.opaque / expected.clear, rel=0.01)
    assert (wanted.weight > 0.5).any()
    for found, reference, most in (
        (background.weight, wanted.weight, 0.02),
        (background.image, wanted.image, 0.5),
        (background.depth, wanted.depth, 0.02),
    ):
        assert np.quantile(np.abs(found - reference), 0.999) < most
