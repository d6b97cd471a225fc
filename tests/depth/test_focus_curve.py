"""Focus curves of single pixels, against the fusion's own energies and rendered surfaces."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from scenes import MARGIN, QUIET, picture, scene

from napari_focus_stack import ArraySource, InputError, SettingsError, focus_stack, read_stack
from napari_focus_stack._utils.threads import ThreadTeam
from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.alignment.registered_plane import RegisteredPlane
from napari_focus_stack.depth.estimation import WIDENED_SIGMA
from napari_focus_stack.depth.focus_curve import TILE_SIDE, FocusProbe
from napari_focus_stack.depth.local_energies import energies
from napari_focus_stack.fusion.pyramid import PyramidFusion
from napari_focus_stack.imgproc.noise import Noise
from napari_focus_stack.simulation.rendering import SensorNoise as SensorNoise
from napari_focus_stack.simulation.rendering import render_stack

if TYPE_CHECKING:
    from pathlib import Path

    from napari_focus_stack import StackResult

NOISY = SensorNoise(read=0.02, shot=1 / 2000)
MOVED = np.array([[1.01, 0.01, -3.2], [-0.01, 1.01, 2.7], [0, 0, 1]])
TRUSTED = 0.75


def probed(rendered, **options) -> tuple[FocusProbe, StackResult]:
    source = ArraySource(rendered.planes)
    options = options or {"align": "none"}
    result = focus_stack(source, **options)
    return FocusProbe(source, result), result


def some_pixels(confidence: np.ndarray, count: int = 150) -> list[tuple[int, int]]:
    """Pixels whose depth is trusted."""
    trusted = np.argwhere(confidence > TRUSTED)
    chosen = np.random.default_rng(3).choice(len(trusted), count, replace=False)
    return [(int(y), int(x)) for y, x in trusted[chosen]]


# the measure is the fusion's


@pytest.mark.parametrize("kind", ["grey", "RGB", "RGB halved"])
@pytest.mark.parametrize("matrix", [np.eye(3), MOVED], ids=["still", "moved"])
def test_energies_of_a_window_are_those_of_the_fusion(kind: str, matrix) -> None:
    name = "gravel" if kind == "grey" else "immunohistochemistry"
    noise, size = Noise(2.0, 0.01), (200, 256)
    rng = np.random.default_rng(2)
    plane = 255 * cv2.GaussianBlur(picture(name, *size), (0, 0), 1.0)
    plane = np.clip(plane + rng.normal(0, 1.5, plane.shape), 0, 255).astype(np.float32)
    plane[96:104, 150:158] = np.nan
    seen = RegisteredPlane.of(plane, matrix, Brightness(1.1, 2.0))
    halved = kind == "RGB halved"
    with ThreadTeam(1) as team:
        fusion = PyramidFusion(plane.shape, plane.dtype, noise, team, colour_halved=halved)
        fusion.add(seen)
    top, left, side, margin = 96, 128, 32, 32
    around = (
        slice(top - margin, top + side + margin),
        slice(left - margin, left + side + margin),
    )
    found = energies(seen, around, noise, 3, halved)
    for level, (part, whole, step) in enumerate(
        zip(found, fusion.energies, (2, 2, 4), strict=True)
    ):
        shown = part[margin // step : (margin + side) // step, margin // step :][:, : side // step]
        known = whole >= 0
        if level > 0:  # as the depth widens it
            whole = np.where(
                known, cv2.GaussianBlur(np.maximum(whole, 0), (5, 5), WIDENED_SIGMA), -1
            )
        wanted = whole[top // step :, left // step :][: side // step, : side // step]
        np.testing.assert_array_equal(shown < 0, wanted < 0)
        recorded = wanted >= 0
        assert recorded.any()
        assert not recorded.all()
        np.testing.assert_allclose(shown[recorded], wanted[recorded], rtol=0.05)


@pytest.mark.parametrize(
    ("kind", "noise", "motion"),
    [("dome", QUIET, {}), ("dome", NOISY, {}), ("slant", QUIET, {"zoom": 0.02, "shift": 2.0})],
)
def test_the_peak_is_the_depth_that_was_found_and_the_true_one(kind, noise, motion) -> None:
    rendered = scene("gravel", kind, n=12, noise=noise, **motion)
    options = {"transforms": rendered.transforms} if motion else {"align": "none"}
    probe, result = probed(rendered, **options)
    curves = [probe.curve(y, x) for y, x in some_pixels(result.confidence)]
    apart = np.array([abs((c.peak or 0) - (c.depth or 0)) for c in curves])
    wrong = np.array([abs((c.peak or 0) - rendered.depth[c.y, c.x]) for c in curves])
    assert (apart < 0.3).mean() > 0.95
    assert np.median(apart) < 0.12
    assert (wrong < 0.4).mean() > 0.95


def test_a_curve_has_its_highest_energy_at_the_peak() -> None:
    rendered = scene("gravel", "dome", n=12, noise=QUIET)
    probe, result = probed(rendered)
    for y, x in some_pixels(result.confidence, 40):
        curve = probe.curve(y, x)
        assert curve.energies.dtype == curve.score.dtype == np.float32
        assert curve.energies.shape == curve.score.shape == (12,)
        assert curve.peak is not None
        assert abs(curve.energies.argmax() - curve.peak) <= 0.5
        assert (np.diff(curve.score[np.argsort(curve.energies)]) >= 0).all()
        assert (curve.plane, curve.depth, curve.confidence) == (
            result.depth_index[y, x],
            result.depth[y, x],
            result.confidence[y, x],
        )


def test_energies_are_in_units_of_the_noise() -> None:
    """Where there is nothing but noise every plane has 1, and no peak stands out."""
    rng = np.random.default_rng(8)
    planes = (1000 + rng.normal(0, 20, (10, 256, 256))).astype(np.uint16)
    source = ArraySource(planes)
    probe = FocusProbe(source, focus_stack(source, align="none"))
    curves = [probe.curve(y, x) for y in range(40, 200, 16) for x in range(40, 200, 16)]
    assert abs(np.mean([curve.energies for curve in curves]) - 1) < 0.15
    assert np.mean([curve.runner_up is not None for curve in curves]) < 0.2


# maxima


def test_two_surfaces_have_a_peak_and_a_runner_up() -> None:
    """A clean one over another, as under a cover glass: light of both in every plane."""
    size = (160 + 2 * MARGIN, 192 + 2 * MARGIN)
    near, far = picture("gravel", *size), picture("gravel", *size, y=250, x=200)
    flat = np.ones(size, np.float32)
    stacks = [
        render_stack(image, depth * flat, 12, 1.2, margin=MARGIN, noise=QUIET, dtype="uint8")
        for image, depth in ((near, 2.0), (far, 9.0))
    ]
    source = ArraySource((stacks[0] // 2 + stacks[1] // 2).astype(np.uint8))
    probe = FocusProbe(source, focus_stack(source, align="none"))
    curves = [probe.curve(y, x) for y in range(20, 140, 12) for x in range(20, 170, 12)]
    pairs = [{round(c.peak or 0), c.runner_up} for c in curves if c.runner_up is not None]
    assert len(pairs) > 0.5 * len(curves)
    right = [pair for pair in pairs if min(pair) in (1, 2, 3) and max(pair) in (8, 9, 10)]
    assert len(right) > 0.9 * len(pairs)


def test_one_surface_has_no_runner_up() -> None:
    rendered = scene("gravel", "slant", n=8, noise=QUIET)
    probe, result = probed(rendered)
    curves = [probe.curve(y, x) for y, x in some_pixels(result.confidence)]
    assert np.mean([curve.runner_up is None for curve in curves]) > 0.9


# planes that say nothing


def test_planes_left_out_and_unrecorded_pixels_have_no_energy() -> None:
    rendered = scene("gravel", "dome", noise=QUIET)
    planes = rendered.planes.astype(np.float32)
    planes[5, 90:130, 60:120] = np.nan
    given = np.tile(np.eye(3), (8, 1, 1))
    given[2] = np.nan
    given[7, 0, 2] = 30  # it sees what lies 30 pixels to the right
    source = ArraySource(planes)
    probe = FocusProbe(source, focus_stack(source, transforms=given))

    def absent(y: int, x: int) -> list[int]:
        curve = probe.curve(y, x)
        np.testing.assert_array_equal(np.isnan(curve.energies), np.isnan(curve.score))
        assert curve.peak is not None
        assert curve.peak not in np.flatnonzero(np.isnan(curve.energies))
        return np.flatnonzero(np.isnan(curve.energies)).tolist()

    assert absent(30, 60) == [2]
    assert absent(110, 90) == [2, 5]
    assert absent(30, 180) == [2, 7]


def test_a_level_that_a_plane_did_not_record_does_not_count() -> None:
    """Beside a gap, in coarse texture: only the third level would tell the planes apart."""
    rng = np.random.default_rng(4)
    blobs = cv2.GaussianBlur(rng.normal(0, 1, (160, 192)), (0, 0), 9)
    contrast = np.exp(-0.5 * ((np.arange(9) - 4) / 1.5) ** 2)
    planes = 100 + 300 * contrast[:, None, None] * blobs + rng.normal(0, 2, (9, 160, 192))
    planes = planes.astype(np.float32)
    planes[4, :, 98:] = np.nan
    source = ArraySource(planes)
    probe = FocusProbe(source, focus_stack(source, align="none"))
    far = [probe.curve(y, 60) for y in range(20, 140, 8)]
    assert np.mean([c.energies.argmax() == 4 for c in far]) > 0.8
    for y in range(20, 140, 4):
        for x in (96, 97):
            energies = probe.curve(y, x).energies
            assert (energies > 0).all()


def test_a_pixel_that_no_plane_recorded_has_no_peak() -> None:
    planes = scene("gravel", "dome", noise=QUIET).planes.astype(np.float32)
    planes[:, 60:100, 60:100] = np.nan
    source = ArraySource(planes)
    curve = FocusProbe(source, focus_stack(source, align="none")).curve(80, 80)
    assert np.isnan(curve.energies).all()
    assert curve.peak is None
    assert curve.runner_up is None


def test_planes_out_of_order_have_no_depth_between_them() -> None:
    rendered = scene("gravel", "dome", n=8, noise=QUIET)
    shuffled = np.random.default_rng(1).permutation(8)
    source = ArraySource(rendered.planes[shuffled])
    result = focus_stack(source, align="none")
    assert not result.report.in_order
    probe = FocusProbe(source, result)
    curves = [probe.curve(y, x) for y, x in some_pixels(result.confidence, 40)]
    true = [shuffled[int(c.peak or 0)] - rendered.depth[c.y, c.x] for c in curves]
    assert all(c.peak == int(c.energies.argmax()) for c in curves)
    assert np.mean(np.abs(true) < 1) > 0.9


# where


def test_pixels_are_the_reference_planes() -> None:
    rendered = scene("gravel", "dome", noise=QUIET, zoom=0.02, shift=2.5)
    full, _ = probed(rendered, transforms=rendered.transforms)
    probe, cut = probed(rendered, transforms=rendered.transforms, crop=True)
    assert cut.report.crop is not None
    y0, _, x0, _ = cut.report.crop
    curve = probe.curve(y0 + 20, x0 + 30)
    assert curve.depth == cut.depth[20, 30]
    np.testing.assert_array_equal(curve.energies, full.curve(y0 + 20, x0 + 30).energies)
    outside = probe.curve(0, 0)
    assert (outside.plane, outside.depth, outside.confidence) == (None, None, None)
    assert outside.peak is not None


@pytest.mark.parametrize("place", [(-1, 5), (5, -1), (160, 5), (5, 192)])
def test_pixels_beyond_the_field_are_refused(place) -> None:
    probe, _ = probed(scene("gravel", "dome", noise=QUIET))
    with pytest.raises(SettingsError, match="160 rows and 192 columns"):
        probe.curve(*place)


@pytest.mark.parametrize("size", [(8, 8), (9, 33), (65, 31), (33, 64)])
def test_fields_of_any_size_have_curves_everywhere(size: tuple[int, int]) -> None:
    planes = np.random.default_rng(0).integers(0, 255, (4, *size), np.uint8)
    source = ArraySource(planes)
    probe = FocusProbe(source, focus_stack(source, align="none"))
    for y in (0, size[0] // 2, size[0] - 1):
        for x in (0, size[1] // 2, size[1] - 1):
            assert np.isfinite(probe.curve(y, x).energies).all()


def test_another_stack_is_refused() -> None:
    rendered = scene("gravel", "dome", noise=QUIET)
    _, result = probed(rendered)
    with pytest.raises(InputError, match=r"\(8, 160, 192\), not \(7, 160, 192\)"):
        FocusProbe(ArraySource(rendered.planes[:7]), result)


# how often planes are read


class Counting(ArraySource):
    """Decodes planes, as files do."""

    def __init__(self, planes: Any, delay: float = 0) -> None:
        super().__init__(planes)
        self.asked = 0
        self._delay = delay

    def __getitem__(self, k: int):
        self.asked += 1
        time.sleep(self._delay)
        return super().__getitem__(k).copy()


def test_within_a_tile_no_plane_is_read_again() -> None:
    planes = np.random.default_rng(0).integers(0, 255, (5, 2 * TILE_SIDE, 2 * TILE_SIDE), np.uint8)
    source = Counting(planes)
    probe = FocusProbe(source, focus_stack(planes, align="none"))
    probe.curve(3, 3)
    once = source.asked
    for place in range(0, TILE_SIDE, 16):
        probe.curve(place, TILE_SIDE - 1 - place)
    assert source.asked == once
    probe.curve(TILE_SIDE + 3, 3)
    assert source.asked == once + 5
    probe.curve(5, 40)  # the tile before is still there
    assert source.asked == once + 5
    kept = [seen.plane for tile in probe._tiles.values() for seen in tile.planes]
    assert all(part.base is None or part.base.nbytes < planes[0].nbytes for part in kept)


def test_planes_in_memory_are_not_copied() -> None:
    planes = np.random.default_rng(0).integers(0, 255, (5, 200, 200), np.uint8)
    source = ArraySource(planes)
    probe = FocusProbe(source, focus_stack(source, align="none"))
    probe.curve(100, 100)
    (tile,) = probe._tiles.values()
    assert all(np.shares_memory(seen.plane, planes) for seen in tile.planes)


def test_files_give_the_curves_of_their_arrays(tmp_path: Path) -> None:
    rendered = scene("gravel", "dome", noise=QUIET)
    for k, plane in enumerate(rendered.planes):
        cv2.imwrite(str(tmp_path / f"{k}.png"), plane)
    source = read_stack(tmp_path)
    probe, result = probed(rendered)
    from_files = FocusProbe(source, result)
    for y, x in ((5, 5), (80, 100), (159, 191)):
        np.testing.assert_array_equal(from_files.curve(y, x).energies, probe.curve(y, x).energies)
    (tmp_path / "3.png").unlink()
    with pytest.raises(InputError, match=r"3\.png"):
        FocusProbe(source, result).curve(80, 100)


def test_threads_that_share_a_probe_read_once() -> None:
    planes = np.random.default_rng(0).integers(0, 255, (5, TILE_SIDE, TILE_SIDE), np.uint8)
    alone, shared = Counting(planes), Counting(planes, delay=0.002)
    result = focus_stack(planes, align="none")
    FocusProbe(alone, result).curve(100, 100)
    probe = FocusProbe(shared, result)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda place: probe.curve(place, place), range(0, TILE_SIDE, 8)))
    assert shared.asked == alone.asked


def test_threads_may_share_a_probe() -> None:
    rendered = scene("gravel", "dome", noise=QUIET)
    probe, result = probed(rendered)
    places = some_pixels(result.confidence, 60)
    alone = [probe.curve(y, x).energies for y, x in places]
    shared, _ = probed(rendered)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda place: shared.curve(*place).energies, places))
    np.testing.assert_array_equal(together, alone)
