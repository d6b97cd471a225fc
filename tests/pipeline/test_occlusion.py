"""What lies behind something near is shown as if nothing blurred over it, and nothing else is."""

from __future__ import annotations

import json
import threading
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from scenes import frozen, picture, psnr, surface

from napari_focus_stack import Settings, StackResult, focus_stack, stack_steps
from napari_focus_stack.cli.main import main
from napari_focus_stack.errors import Cancelled
from napari_focus_stack.io.sources import ArraySource
from napari_focus_stack.io.writing import write_image
from napari_focus_stack.occlusion import voting
from napari_focus_stack.occlusion.summary import Why
from napari_focus_stack.occlusion.voting import explain_sample
from napari_focus_stack.pipeline import fuse as fusing
from napari_focus_stack.pipeline import occlusion, occlusion_memory
from napari_focus_stack.pipeline.memory_needs import MemoryNeeds
from napari_focus_stack.pipeline.tiles import Tiling, cut, least_memory, needed_memory
from napari_focus_stack.simulation.fly import fly_photographs
from napari_focus_stack.simulation.rendering import SensorNoise, drift, render_stack

SIDE, PLANES, BLUR = 256, 10, 0.8
NEAR, FAR = 8.0, 1.0


@cache
def mask() -> np.ndarray:
    """Two bars that cross."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return frozen((np.abs(y + 0.4 * x - 180) < 9) | (np.abs(x - 0.3 * y - 70) < 7))


@cache
def bars() -> tuple[np.ndarray, np.ndarray]:
    """Picture and depth of two bars before a slanted ground."""
    background, near = picture("camera", SIDE, SIDE, 200, 200), picture("gravel", SIDE, SIDE)
    image = np.where(mask(), np.clip(1.3 * near + 0.1, 0, 1), background)
    slope = np.linspace(FAR, FAR + 1.5, SIDE, dtype=np.float32)
    depth = np.where(mask(), np.float32(NEAR), slope[None])
    return frozen(image.astype(np.float32)), frozen(depth.astype(np.float32))


@cache
def stack(dtype: str = "uint8", gamma: float = 1.0) -> np.ndarray:
    image, depth = bars()
    planes = render_stack(image**gamma, depth, PLANES, BLUR, dtype=np.float32)
    planes = np.clip(planes, 0, 1) ** (1 / gamma)
    if dtype == "float32":
        return frozen(planes.astype(np.float32))
    return frozen(np.rint(planes * np.iinfo(dtype).max).astype(dtype))


@cache
def stacked(how: str) -> StackResult:
    return focus_stack(stack(), align="none", occlusion=how)


def beside() -> np.ndarray:
    """The ground within reach of the bars' blur."""
    near = cv2.dilate(mask().astype(np.uint8), np.ones((17, 17), np.uint8)) > 0
    return near & ~mask()


def error(result: StackResult, where: np.ndarray, white: float = 255) -> float:
    """Mean squared error of the image, as part of white."""
    image, _ = bars()
    return float(np.square(result.image / white - image)[where].mean())


def test_the_ground_beside_what_is_near_is_shown_as_it_is() -> None:
    without, with_it = stacked("off"), stacked("auto")
    assert error(with_it, beside()) < 0.25 * error(without, beside())
    assert error(with_it, mask()) < 1.5 * error(without, mask())


def test_the_depth_of_both_sides_is_found_again() -> None:
    _, depth = bars()
    off, auto = (np.abs(stacked(how).depth - depth)[beside()].mean() for how in ("off", "auto"))
    assert auto < 0.4 * off
    assert np.abs(stacked("auto").depth - depth)[mask()].mean() < 0.6


def test_the_report_says_where_and_how_much() -> None:
    found = stacked("auto").report.occlusion
    assert found["found"]
    assert found["near_end"] == "last"
    assert found["blur_per_plane"] == pytest.approx(BLUR, rel=0.08)
    assert found["gamma"] == 1
    changed = stacked("auto").image != stacked("off").image
    assert found["share"] == pytest.approx(changed.mean(), rel=0.01)
    assert 0.03 < found["mean_cover"] < 0.75
    inside = np.zeros_like(changed)
    for y0, y1, x0, x1 in found["regions"]:
        inside[y0:y1, x0:x1] = True
    assert not changed[~inside].any()
    assert any("objects in front blur over" in note for note in stacked("auto").report.notes)
    assert json.loads(json.dumps(stacked("auto").report.as_dict()))["occlusion"] == found
    assert stacked("off").report.occlusion == {"found": False, "why": Why.NOT_ASKED.value}


def test_either_end_may_be_near() -> None:
    turned = focus_stack(stack()[::-1], align="none")
    assert turned.report.occlusion["near_end"] == "first"
    assert error(turned, beside()) < 0.25 * error(stacked("off"), beside())
    apart = np.abs(PLANES - 1 - turned.depth - stacked("auto").depth)
    assert np.median(apart[beside()]) < 0.1


@pytest.mark.parametrize("near_end", ["last", "first"])
def test_a_thin_bar_beyond_the_near_end_is_noted_and_one_within_it_is_not(near_end: str) -> None:
    """It covers less of the field than a surface that leaves the range."""
    y, x = np.mgrid[:SIDE, :SIDE]
    thin = np.abs(y + 0.4 * x - 180) < 4
    slope = np.linspace(FAR, FAR + 1.5, SIDE, dtype=np.float32)[None].repeat(SIDE, 0)
    background, near = picture("camera", SIDE, SIDE, 200, 200), picture("gravel", SIDE, SIDE)
    image = np.where(thin, np.clip(1.3 * near + 0.1, 0, 1), background)
    planes = render_stack(image, np.where(thin, np.float32(NEAR), slope), PLANES, BLUR)
    for count, is_cut in ((PLANES, False), (int(NEAR), True)):
        recorded = planes[:count] if near_end == "last" else planes[:count][::-1]
        report = focus_stack(recorded, align="none").report
        assert report.occlusion["near_end"] == near_end
        assert max(report.health["at_first"], report.health["at_last"]) < 0.05
        assert (report.occlusion["share_at_end"] > 0.5) is is_cut
        said = report.advice["range of z"]
        assert [f"sharpest in the {near_end} plane (plane " in one for one in said] == [
            True
        ] * is_cut
        assert set(said) <= set(report.notes)


@pytest.mark.long  # 23 s
@pytest.mark.parametrize(("count", "is_cut"), [(22, False), (16, True)])
def test_bristles_that_are_cut_off_are_noted(count: int, is_cut: bool) -> None:
    """Under 1 % of the picture lies beyond plane 15."""
    fly = fly_photographs()
    assert (fly.depth > 15.5).mean() < 0.01
    report = focus_stack(fly.planes[:count]).report
    assert report.occlusion["found"]
    said = report.advice["range of z"]
    assert [one for one in said if "objects in front are sharpest in the last plane" in one] == said
    assert len(said) == is_cut


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_planes_of_other_types_are_restored_alike(dtype: str) -> None:
    result = focus_stack(stack(dtype), align="none")
    white = 65535 if dtype == "uint16" else 1
    assert result.image.dtype == dtype
    assert error(result, beside(), white) < 0.25 * error(stacked("off"), beside())


def test_alpha_stays_and_colour_is_restored() -> None:
    grey = stack()
    alpha = np.broadcast_to(np.maximum(np.arange(SIDE), 1).astype(np.uint8), grey.shape)
    planes = np.stack([grey, grey, 255 - grey, alpha], -1)
    off, auto = (focus_stack(planes, align="none", occlusion=how) for how in ("off", "auto"))
    assert (auto.image[..., 3] == off.image[..., 3]).all()
    for channel in range(3):
        image = auto.image[..., channel] if channel < 2 else 255 - auto.image[..., channel]
        found = np.square(image / 255 - bars()[0])[beside()].mean()
        assert found < 0.4 * error(stacked("off"), beside())


def test_light_adds_up_where_values_do_not() -> None:
    off, auto = (focus_stack(stack(gamma=2.2), align="none", occlusion=h) for h in ("off", "auto"))
    assert auto.report.occlusion["gamma"] == 2.2
    assert error(auto, beside()) < 0.4 * error(off, beside())


def test_planes_that_moved_are_restored() -> None:
    image, depth = bars()
    matrices = drift(PLANES, (SIDE, SIDE), zoom=0.003, shift=0.5, reference=PLANES // 2, seed=3)
    planes = render_stack(image, depth, PLANES, BLUR, transforms=matrices)
    off, auto = (focus_stack(planes, transforms=matrices, occlusion=how) for how in ("off", "auto"))
    inner = beside()
    inner[:16], inner[-16:], inner[:, :16], inner[:, -16:] = False, False, False, False
    assert error(auto, inner) < 0.5 * error(off, inner)


@pytest.mark.parametrize("kind", ["slant", "dome", "flat"])
def test_a_surface_without_occlusion_is_not_touched(kind: str) -> None:
    planes = render_stack(
        picture("gravel", 192, 192), surface(kind, PLANES, 192, 192), PLANES, BLUR
    )
    off, auto = (focus_stack(planes, align="none", occlusion=how) for how in ("off", "auto"))
    assert auto.report.occlusion == {"found": False, "why": Why.FLAT.value}
    assert (auto.image == off.image).all()
    assert (auto.depth == off.depth).all()


def test_a_flat_pattern_is_not_taken_for_things_before_each_other() -> None:
    stripes = np.repeat(np.random.default_rng(5).integers(0, 2, 16), 16).astype(np.float32)
    image = np.broadcast_to(0.05 + 0.85 * stripes, (SIDE, SIDE)) * np.float32(1)
    planes = render_stack(image, np.full((SIDE, SIDE), 8.0, np.float32), PLANES, 3.0)
    off, auto = (focus_stack(planes, align="none", occlusion=how) for how in ("off", "auto"))
    assert (auto.image == off.image).all()


def test_parts_in_which_only_blur_spreads_do_not_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    side = 2 * SIDE
    plain = np.arange(side) % 64 < 22
    flat = np.where(plain, 0.1, 0.4 + 0.5 * picture("gravel", side, side)).astype(np.float32)
    image, depth = flat.copy(), np.full((side, side), 2, np.float32)
    image[:SIDE, :SIDE], depth[:SIDE, :SIDE] = bars()
    planes = np.rint(255 * render_stack(image, depth, PLANES, BLUR, dtype=np.float32))
    voted = []

    def believe(team: Any, run: Any, survey: Any, maps: Any, known: Any) -> Any:
        wrong = np.broadcast_to(plain, (side, side)).copy()
        wrong[:SIDE, :SIDE] = False
        maps.depth[wrong] = NEAR
        return occlusion.remove_occlusion_steps(team, run, survey, maps, known)

    def explain(sample: Any, *others: Any) -> Any:
        voted.append(sample.part.outer)
        return explain_sample(sample, *others)

    monkeypatch.setattr(fusing, "remove_occlusion_steps", believe)
    monkeypatch.setattr(voting, "explain_sample", explain)
    result = focus_stack(planes.astype(np.uint8), align="none")
    assert result.report.occlusion["found"]
    assert voted
    assert all(rows.start < SIDE and cols.start < SIDE for rows, cols in voted)


def test_what_shines_through_is_not_made_worse() -> None:
    near = np.where(mask(), picture("gravel", SIDE, SIDE), 0).astype(np.float32)
    background = picture("camera", SIDE, SIDE, 200, 200)
    flat = np.ones((SIDE, SIDE), np.float32)
    light = sum(
        render_stack(part, depth * flat, PLANES, BLUR, dtype=np.float32)
        for part, depth in ((0.5 * near, NEAR), (0.5 * background, FAR))
    )
    planes = np.rint(255 * np.clip(light, 0, 1)).astype(np.uint8)
    truth = 255 * (0.5 * near + 0.5 * background)
    off, auto = (focus_stack(planes, align="none", occlusion=how) for how in ("off", "auto"))
    assert psnr(auto.image, truth) > psnr(off.image, truth) - 0.05
    assert auto.report.occlusion == {"found": False, "why": Why.NO_END.value}
    assert any("objects seem to lie in front" in note for note in auto.report.notes)
    assert not any("objects seem to lie in front" in note for note in off.report.notes)


@pytest.mark.parametrize(
    "options",
    [{"method": "depth"}, {"method": "laplacian"}, {"values": "recorded"}, {"occlusion": "off"}],
)
def test_other_methods_show_what_planes_recorded(options: dict[str, Any]) -> None:
    assert not Settings.from_options(**options).removes_occlusion
    report = focus_stack(stack(), align="none", **options).report
    assert report.occlusion == {"found": False, "why": Why.NOT_ASKED.value}


def test_tiles_show_what_the_whole_field_does(monkeypatch: pytest.MonkeyPatch) -> None:
    planes = np.tile(stack(), (1, 2, 4))
    whole = focus_stack(planes, align="none")
    monkeypatch.setattr("napari_focus_stack.pipeline.tiling.cut", in_tiles)
    tiled = focus_stack(planes, align="none")
    assert any("tiles" in note for note in tiled.report.notes)
    found = [result.report.occlusion for result in (whole, tiled)]
    assert found[1]["share"] == pytest.approx(found[0]["share"], rel=0.05)
    apart = np.abs(whole.image.astype(int) - tiled.image)
    assert (apart > 4).mean() < 0.003
    assert len(found[0]["regions"]) <= len(found[1]["regions"])


def in_tiles(shape: tuple[int, int], limit: int | None, needs: MemoryNeeds) -> Tiling:
    """Half a field at a time, as little memory would have it."""
    few = MemoryNeeds(needs.pixel, 10**15, needs.alone, 1)
    return cut(shape, int(needs.alone + needs.pixel * 500 * 800), few)


def test_a_run_can_be_cancelled_while_it_restores_and_counts_its_planes() -> None:
    steps = list(stack_steps(ArraySource(stack()), Settings(align="none")))
    assert "restore" in {step.step for step in steps}
    assert [step.done for step in steps] == list(range(len(steps)))
    assert steps[-1].total == len(steps)
    cancel = threading.Event()
    running = stack_steps(ArraySource(stack()), Settings(align="none"), cancel=cancel)
    while next(running).step != "restore":
        pass
    cancel.set()
    with pytest.raises(Cancelled):
        next(running)


def test_the_command_takes_the_setting_and_reports(tmp_path: Any) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for k, plane in enumerate(stack()):
        write_image(folder / f"{k}.png", plane)
    for how in ("auto", "off"):
        report = tmp_path / f"{how}.json"
        call = ["-i", str(folder), "-o", str(tmp_path / f"{how}.png"), "--align", "none"]
        assert main([*call, "--occlusion", how, "--report", str(report)]) == 0
        assert json.loads(report.read_text())["occlusion"]["found"] is (how == "auto")


def test_what_no_plane_recorded_stays_so() -> None:
    planes = stack("float32").copy()
    hole = np.zeros((SIDE, SIDE), bool)
    hole[150:170, 60:100] = True
    planes[:, hole] = np.nan
    planes[2, 30:60, 20:60] = np.nan
    off, auto = (focus_stack(planes, align="none", occlusion=how) for how in ("off", "auto"))
    assert np.isnan(auto.image[hole]).all()
    assert (auto.confidence[hole] == 0).all()
    assert auto.report.occlusion["found"]
    assert (auto.image[32:58, 22:58] == off.image[32:58, 22:58]).all()
    assert np.isfinite(auto.depth).all()
    assert auto.depth.min() >= 0
    assert auto.depth.max() <= PLANES - 1


def test_little_memory_at_a_time_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    planes = np.tile(stack(), (1, 1, 2))
    whole = focus_stack(planes, align="none")
    monkeypatch.setattr(occlusion_memory, "MOST_PATCH_BYTES", 10**8)
    little = focus_stack(planes, align="none")
    assert little.report.occlusion["share"] == pytest.approx(
        whole.report.occlusion["share"], rel=0.05
    )
    assert (np.abs(little.image.astype(int) - whole.image) > 4).mean() < 0.003


def test_a_plane_left_out_is_a_longer_step() -> None:
    transforms = np.tile(np.eye(3), (PLANES, 1, 1))
    transforms[4] = np.nan
    result = focus_stack(stack(), transforms=transforms)
    assert result.report.occlusion["blur_per_plane"] == pytest.approx(BLUR * 9 / 8, rel=0.1)
    assert error(result, beside()) < 0.35 * error(stacked("off"), beside())


def test_negative_values_are_values() -> None:
    planes = stack("float32") - np.float32(0.5)
    result = focus_stack(planes, align="none")
    assert np.square(result.image + 0.5 - bars()[0])[beside()].mean() < 0.25 * error(
        stacked("off"), beside()
    )


def test_too_little_memory_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(occlusion_memory, "MOST_PATCH_BYTES", 10**6)
    result = focus_stack(stack(), align="none")
    assert result.report.occlusion == {"found": False, "why": Why.MEMORY.value}
    assert (result.image == stacked("off").image).all()
    assert any(note.endswith("may be left in the picture.") for note in result.report.notes)


def test_a_limit_that_leaves_too_little_is_noted_with_one_that_does_not() -> None:
    planes = stack()
    least = least_memory(planes.shape[1:], planes.dtype, Settings())
    result = focus_stack(planes, align="none", memory=least, threads=1)
    assert result.report.occlusion == {"found": False, "why": Why.MEMORY.value}
    told = next(note for note in result.report.notes if "for want of memory" in note)
    enough = Settings(memory=told.removesuffix(".").split("about ")[1]).memory
    assert focus_stack(planes, align="none", memory=enough, threads=1).report.occlusion["found"]


def test_the_memory_that_is_said_to_suffice_changes_no_bit() -> None:
    planes = stack()
    result = focus_stack(planes, align="none", memory=needed(planes, "auto"), threads=1)
    for name in ("image", "depth", "confidence"):
        np.testing.assert_array_equal(getattr(result, name), getattr(stacked("auto"), name))


def needed(planes: np.ndarray, occlusion: str) -> int:
    chosen = Settings(occlusion=occlusion)
    return needed_memory(len(planes), planes.shape[1:], planes.dtype, chosen)


@pytest.mark.parametrize("part", [0.0, 0.5], ids=["in tiles", "less occlusion at a time"])
def test_what_else_the_process_holds_changes_no_result(part: float) -> None:
    planes = np.tile(stack(), (1, 2, 2))
    whole, all_at_once = needed(planes, "off"), needed(planes, "auto")
    limit = int(whole - 10 + part * (all_at_once - whole))
    found = []
    for ballast in (50 * 10**6, 2 * limit):
        held = np.ones(ballast, np.uint8)
        found.append(focus_stack(planes, align="none", memory=limit, threads=1))
        del held
    one, other = found
    assert any("tiles" in note for note in one.report.notes) is (part == 0)
    assert one.report.occlusion["found"] is (part > 0)
    assert one.report.notes == other.report.notes
    assert one.report.occlusion == other.report.occlusion
    for name in ("image", "depth", "confidence", "depth_index"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_too_few_planes_are_noted() -> None:
    report = focus_stack(stack()[:4], align="none").report
    assert report.occlusion == {"found": False, "why": Why.FEW_PLANES.value}


def test_a_foreground_wider_than_the_search_keeps_its_depth_everywhere():
    random = np.random.default_rng(3)
    shape = (300, 300)
    fine, coarse = (
        cv2.GaussianBlur(random.standard_normal(shape), (0, 0), sigma) for sigma in (1.0, 4.0)
    )
    image = np.clip(0.5 + 0.13 * fine / fine.std() + 0.08 * coarse / coarse.std(), 0, 1)
    depth = np.full(shape, 3.3)
    depth[:, 150:] += 4.0
    planes = render_stack(
        image, depth, 12, 1.0, noise=SensorNoise(0.005, 1e-4), layers_per_plane=30
    )
    result = focus_stack(planes)
    assert result.report.occlusion["found"]
    plateau = np.abs(result.depth - 7.3)[:, 170:]
    assert plateau.max() < 0.5, np.unique(np.argwhere(plateau > 0.5)[:, 1] + 170)
