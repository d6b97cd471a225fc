"""The renderer against what a thin lens does, computed without it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focus_stack.imgproc.defocus import disc_kernel
from napari_focus_stack.simulation import rendering
from napari_focus_stack.simulation.rendering import SensorNoise, drift, render_stack

LAYER = 0.5 / rendering.LAYERS_PER_PLANE
"""A layer stands for distances this far to both sides: in planes in focus, in parts far from it."""


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.2, 0.8, (height, width)).astype(np.float32)


def render(image: np.ndarray, depth: np.ndarray | float, planes: int, blur: float, **options):
    surface = np.broadcast_to(np.asarray(depth, np.float32), image.shape[:2])
    options.setdefault("dtype", np.float32)
    return render_stack(image, surface, planes, blur, **options)


@settings(deadline=None)
@given(st.floats(0, 25))
def test_disc_has_the_ideal_discs_variance(radius: float) -> None:
    kernel = disc_kernel(radius)
    half = len(kernel) // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    assert (kernel * x**2).sum() == pytest.approx(radius**2 / 4, rel=1e-3, abs=1e-5)
    assert (kernel * y**2).sum() == pytest.approx(radius**2 / 4, rel=1e-3, abs=1e-5)
    assert kernel[np.hypot(x, y) > radius + 1].max(initial=0) == 0


def test_a_plane_in_focus_is_the_image_and_its_neighbours_are_not() -> None:
    image = texture(150, 170)  # more than one tile
    stack = render(image, 2.0, 5, 1.5)
    np.testing.assert_array_equal(stack[2], image)
    contrast = stack.std(axis=(1, 2))
    assert contrast[2] > 2 * contrast[1] > 3 * contrast[0]
    np.testing.assert_allclose(stack[1], stack[3], atol=1e-6)


@pytest.mark.parametrize("distance", [1, 2, 5, 9])
def test_a_point_out_of_focus_becomes_a_disc_of_the_promised_radius(distance: int) -> None:
    image = np.zeros((41, 41), np.float32)
    image[20, 20] = 1.0
    seen = render(image, 0.0, distance + 1, 1.3)[distance]
    y, x = np.mgrid[-20:21, -20:21]
    radius = 2 * np.sqrt((seen * (x**2 + y**2)).sum() / 2 / seen.sum())
    assert seen.sum() == pytest.approx(1, abs=1e-4)
    assert radius == pytest.approx(1.3 * distance, rel=1.05 * LAYER * np.sqrt(2))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**16), st.floats(0, 4), st.integers(2, 6))
def test_whatever_the_depth_a_uniform_scene_stays_uniform(seed: int, blur: float, n: int) -> None:
    depth = np.random.default_rng(seed).uniform(-1, n, (40, 50))
    image = np.full((40, 50, 3), (0.2, 0.5, 1.0), np.float32)
    np.testing.assert_allclose(render(image, depth, n, blur), np.stack([image] * n), atol=1e-3)


def half_plane_share(distance: np.ndarray, radius: float) -> np.ndarray:
    """Share of a disc that lies beyond a straight edge at `distance` from its centre."""
    t = np.clip(distance / radius, -1, 1)
    return (np.arccos(t) - t * np.sqrt(1 - t**2)) / np.pi


def step(near: float, far: float) -> tuple[np.ndarray, np.ndarray]:
    """A bright near half on the right of a dark far half, and its depth."""
    right = np.broadcast_to(np.arange(80) >= 40, (60, 80))
    return np.where(right, 0.9, 0.1).astype(np.float32), np.where(right, near, far)


def test_near_blur_spills_over_the_far_ground() -> None:
    image, depth = step(near=6, far=0)
    seen = render(image, depth, 7, 1.5)[0, 30]  # ground in focus, edge blurred by 9 px
    share = half_plane_share(39.5 - np.arange(80), 9.0)
    np.testing.assert_allclose(seen, 0.1 + 0.8 * share, atol=0.02)
    assert seen[36] > 0.3


def test_far_blur_does_not_spill_over_what_is_near() -> None:
    image, depth = step(near=6, far=0)
    seen = render(image, depth, 7, 1.5)[6]  # edge in focus, ground blurred by 9 px
    np.testing.assert_allclose(seen, image, atol=1e-3)


def test_a_strand_out_of_focus_lets_the_ground_through() -> None:
    strand = np.zeros((60, 60), bool)
    strand[:, 29:31] = True
    depth = np.where(strand, 8.0, 0.0)
    share = render(strand.astype(np.float32), depth, 9, 1.0)[0]
    ground = texture(60, 60)
    seen = render(np.where(strand, 1.0, ground).astype(np.float32), depth, 9, 1.0)[0]
    assert share.sum(axis=1) == pytest.approx(2, abs=0.02)  # its light is all there
    assert 0.1 < share[30, 30] < 0.3
    np.testing.assert_allclose(seen[~strand], (share + (1 - share) * ground)[~strand], atol=1e-3)


def test_a_slope_is_what_rays_through_the_aperture_see() -> None:
    """The mean, over the aperture, of where each ray hits a slanted plane: in closed form."""
    blur, slope, n = 1.2, 0.06, 8
    x = np.arange(120, dtype=np.float64)

    def light(at: np.ndarray) -> np.ndarray:
        return 0.5 + 0.4 * np.sin(2 * np.pi * at / 14)

    v, u = np.mgrid[-1:1:201j, -1:1:201j]
    u = u[u**2 + v**2 <= 1]
    image = np.broadcast_to(light(x), (40, 120)).astype(np.float32)
    stack = render(image, slope * x, n, blur)
    for k in range(n):
        hit = (x[:, None] - blur * k * u) / (1 - blur * slope * u)
        error = np.abs(stack[k, 20] - light(hit).mean(axis=1))[15:-15]
        assert error.max() < 0.05
        assert error.mean() < 0.012


def test_no_seam_between_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    y, x = np.mgrid[:90, :100]
    depth = np.where((x + y) % 40 < 12, 7.0, 3 + 2 * np.sin(x / 20))
    whole = render(texture(90, 100), depth, 8, 1.0)
    monkeypatch.setattr(rendering, "_TILE", 32)
    np.testing.assert_allclose(render(texture(90, 100), depth, 8, 1.0), whole, atol=3e-4)


@pytest.mark.parametrize(
    "noise", [SensorNoise(0.03, 0), SensorNoise(0, 0.004), SensorNoise(0.01, 0.001)]
)
def test_noise_has_the_variance_asked_for(noise: SensorNoise) -> None:
    image = np.repeat(np.float32([0.1, 0.4, 0.9]), 100)[None].repeat(100, axis=0)
    clean, noisy = (render(image, 0.0, 4, 0.0, noise=this) for this in (None, noise))
    for level in (0.1, 0.4, 0.9):
        error = (noisy - clean)[:, image == np.float32(level)]
        assert error.var() == pytest.approx(noise.read**2 + noise.shot * level, rel=0.05)
        assert abs(error.mean()) < 4 * error.std() / np.sqrt(error.size)
    assert np.corrcoef((noisy - clean).reshape(4, -1))[0, 1] == pytest.approx(0, abs=0.03)


def test_noise_comes_from_the_seed() -> None:
    image = texture(20, 20)
    one, same, other = (
        render(image, 0.0, 2, 0.0, noise=SensorNoise(0.1), seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).mean() > 0.9


def blobs(height: int, width: int, centres: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    peaks = [np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 8) for cx, cy in centres]
    return np.sum(peaks, axis=0).astype(np.float32)


def test_transforms_take_the_reference_planes_pixels_to_each_planes() -> None:
    margin, n = 12, 5
    centres = np.array([[25.0, 22], [80, 30], [30, 70], [75, 75]])
    motion = drift(n, (100, 110), zoom=0.01, angle=0.5, shift=1.5, seed=3)
    scene = blobs(100 + 2 * margin, 110 + 2 * margin, centres + margin)
    stack = render(scene, 0.0, n, 0.0, margin=margin, transforms=motion)
    assert stack.shape == (n, 100, 110)
    y, x = np.mgrid[:100, :110]
    for plane, matrix in zip(stack, motion, strict=True):
        expected = (matrix @ np.column_stack([centres, np.ones(4)]).T)[:2].T
        for cx, cy in expected:
            near = plane * (np.hypot(x - cx, y - cy) < 10)
            found = np.array([(near * x).sum(), (near * y).sum()]) / near.sum()
            np.testing.assert_allclose(found, (cx, cy), atol=0.05)


def test_what_moves_into_the_field_comes_from_the_margin() -> None:
    image = texture(60, 70)
    motion = np.stack([np.eye(3)] * 2)
    motion[1, :2, 2] = 3, -2
    stack = render(image, 0.0, 2, 0.0, margin=5, transforms=motion)
    np.testing.assert_array_equal(stack[0], image[5:-5, 5:-5])
    np.testing.assert_allclose(stack[1], image[7:-3, 2:-8], atol=1e-5)


def test_drift_stays_at_the_reference_and_grows_from_it() -> None:
    motion = drift(7, (101, 201), zoom=0.01, angle=1.0, reference=2)
    np.testing.assert_array_equal(motion[2], np.eye(3))
    scale = np.sqrt(np.linalg.det(motion[:, :2, :2]))
    np.testing.assert_allclose(scale, 1 + 0.01 * (np.arange(7) - 2))
    turn = np.rad2deg(np.arctan2(motion[:, 1, 0], motion[:, 0, 0]))
    np.testing.assert_allclose(turn, np.arange(7) - 2.0, atol=1e-9)
    np.testing.assert_allclose(motion @ [100, 50, 1], [[100, 50, 1]] * 7)


def test_gains_change_the_brightness_of_their_plane() -> None:
    image = texture(20, 20)
    stack = render(image, 0.0, 3, 0.0, gains=[1.0, 0.9, 1.1])
    np.testing.assert_allclose(stack, np.stack([image, 0.9 * image, 1.1 * image]), rtol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "white", "top"),
    [(np.uint8, None, 255), (np.uint16, None, 65535), (np.uint16, 4095, 4095), (np.float32, 2, 2)],
)
def test_white_is_the_full_scale(dtype: type, white: float | None, top: float) -> None:
    image = np.linspace(0, 1, 400, dtype=np.float32).reshape(20, 20)
    stack = render(image, 0.0, 2, 0.0, dtype=dtype, white=white)
    assert stack.dtype == dtype
    np.testing.assert_allclose(stack[0], image * top, atol=1e-6 if dtype == np.float32 else 0.51)
    assert stack.max() == top


def test_integers_are_clipped_and_do_not_wrap() -> None:
    image = np.repeat(np.float32([0, 1]), 200).reshape(20, 20)
    stack = render(image, 0.0, 2, 0.0, dtype=np.uint8, noise=SensorNoise(0.1))
    assert np.abs(stack.astype(float) - 255 * image).max() < 255 * 0.6


def test_what_does_not_fit_is_refused() -> None:
    image = texture(20, 20)
    with pytest.raises(ValueError, match="depth"):
        render_stack(image, np.zeros((20, 21)), 2, 1.0)
    with pytest.raises(ValueError, match="transforms"):
        render(image, 0.0, 2, 1.0, transforms=np.eye(3)[None])
    with pytest.raises(ValueError, match="gains"):
        render(image, 0.0, 2, 1.0, gains=[1.0])
