"""`focusstack bench`: what it prints is what it measured, and what it measures is true."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_focus_stack.cli.main import main
from napari_focus_stack.simulation import benchmark as bench
from napari_focus_stack.simulation import scenes as truth
from napari_focus_stack.simulation.benchmark import Bench, camera
from napari_focus_stack.simulation.metrics import score_confidence, score_depth, score_image
from napari_focus_stack.simulation.optics import Optics
from napari_focus_stack.simulation.scenes import (
    FIELD_MARGIN,
    FIELD_SIDES,
    SCENES,
    Camera,
    render_ground_truth,
)

FIELDS = ("psnr", "ssim", "depth_error", "depth_error_um", "share_off", "trusted", "trusted_error")
SHORT = ["--scene", "gravel-hills", "--variant", "noisy", "--planes", "5", "--method", "pyramid"]
OPTICS = ["--na", "0.3", "--wavelength", "0.5", "--pixel-size", "0.5", "--z-step", "2"]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "FIELD_SIDES", (128, 160))


@pytest.fixture
def perfect(monkeypatch: pytest.MonkeyPatch):
    """A method that knows the truth, but is unsure of the upper half, where it errs by a plane."""
    known = {}

    def render(*call, **options):
        known["truth"] = render_ground_truth(*call, **options)
        return known["truth"]

    def stack(planes, **_):
        shown = known["truth"]
        assert planes is shown.planes
        depth, confidence = shown.depth.copy(), np.ones_like(shown.depth)
        depth[:64] += 1.5
        confidence[:64] = 0.4
        return type("Result", (), {"image": shown.image, "depth": depth, "confidence": confidence})

    monkeypatch.setattr(bench, "render_ground_truth", render)
    monkeypatch.setattr(bench, "focus_stack", stack)


@pytest.mark.parametrize("variant", ["still", "moving"])
def test_a_perfect_method_is_scored_as_such(perfect, variant: str) -> None:
    wanted = Bench(scenes=("histology-relief",), variants=(variant,), methods=("depth",))
    plane, row = wanted.rows()
    assert plane.method.startswith("plane ")
    assert plane.psnr < 35
    assert plane.depth_error is None
    assert row.psnr is None  # equal
    assert row.ssim == pytest.approx(1)
    assert row.depth_error == pytest.approx(0.75, abs=0.02)
    assert row.share_off == row.trusted == pytest.approx(0.5, abs=0.01)
    assert row.trusted_error == pytest.approx(0, abs=1e-6)
    assert "equal" in str(row)


def test_error_in_micrometres_counts_the_step(perfect) -> None:
    optics = Optics(na=0.3, wavelength=0.5, pixel_size=0.5, z_step=2)
    wanted = Bench(
        scenes=("brick-dome",), variants=("still",), methods=("pyramid",), optics=optics, planes=6
    )
    row = list(wanted.rows())[1]
    assert row.depth_error_um == pytest.approx(2 * row.depth_error)
    assert wanted.as_dict([row])["optics"]["blur_per_plane"] == optics.blur_per_plane


def test_json_equals_the_table_and_the_next_run(tmp_path, capsys) -> None:
    file = tmp_path / "scores.json"
    assert main(["bench", *SHORT, *OPTICS, "--json", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"Wrote {file}"
    scores = json.loads(file.read_text())
    assert [row["method"].split()[0] for row in scores["rows"]] == ["plane", "pyramid"]
    words = lines[-2].split()
    assert words[:3] == ["gravel-hills", "noisy", "pyramid"]
    shown = [float(w.rstrip("%")) / (100 if w.endswith("%") else 1) for w in words[3:]]
    found = [scores["rows"][1][name] for name in FIELDS]
    np.testing.assert_allclose(shown, found, atol=0.006)
    assert main(["bench", *SHORT, *OPTICS, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == scores


def test_the_table_is_aligned(perfect, capsys) -> None:
    assert main(["bench", "--scene", "coins-step", "motorcycle", "--variant", "still"]) == 0
    header, names, *rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 2 * (1 + 3)
    full = {len(row) for row in rows if " plane " not in row}
    assert full == {len(names)} == {len(header)}
    ends = {row[:43].rstrip().__len__() for row in rows}
    assert ends == {43}  # PSNR ends in one column


@pytest.mark.parametrize("variant", ["still", "noisy", "moving"])
def test_pyramid_beats_a_single_plane_and_depth_is_sub_plane(variant: str) -> None:
    wanted = Bench(scenes=("gravel-hills",), variants=(variant,), methods=("pyramid",))
    plane, row = wanted.rows()
    assert row.depth_error < 0.25
    assert row.trusted > 0.5
    assert row.psnr > plane.psnr + 10


@pytest.mark.parametrize("scene", SCENES)
def test_a_scene_is_what_it_says(scene: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "FIELD_SIDES", FIELD_SIDES)  # the size that users get
    picture, relief = SCENES[scene].make(
        FIELD_SIDES[0] + 2 * FIELD_MARGIN, FIELD_SIDES[1] + 2 * FIELD_MARGIN
    )
    assert picture.dtype == np.uint8
    assert picture.shape[:2] == relief.shape == (FIELD_SIDES[0] + 32, FIELD_SIDES[1] + 32)
    assert (relief.min(), relief.max()) == pytest.approx((0, 1))


def test_a_still_scene_in_focus_is_the_picture() -> None:
    shown = render_ground_truth("coins-step", "still", 4, 1.0, Camera(bench.SENSOR.noise, 12))
    assert shown.planes.dtype == shown.image.dtype == np.uint16
    assert 255 < shown.image.max() <= 4095
    assert shown.transforms is None
    assert set(np.unique(shown.depth)) <= {0.5, 2.5}


def test_electrons_make_the_noise() -> None:
    own = camera(read_noise=5.0, photons=1000.0, bits=12)
    assert (own.noise.read, own.noise.shot) == (0.005, 0.001)
    assert (own.white, own.dtype) == (4095, np.uint16)
    still, noisy = (render_ground_truth("brick-dome", v, 4, 0.5, own) for v in ("still", "noisy"))
    noise = (noisy.planes.astype(float) - still.planes) / 4095
    expected = 0.005**2 + 0.001 * still.planes.mean() / 4095
    assert noise.var() == pytest.approx(expected, rel=0.05)
    assert camera(None, None, 8).noise == bench.SENSOR.noise


def test_a_lens_blurs_what_is_in_focus_too() -> None:
    quiet = camera(None, None, 8)
    sharp, soft = (
        render_ground_truth("gravel-hills", "still", 4, 1.0, quiet, blur_in_focus=b)
        for b in (0.0, 1.5)
    )
    assert np.diff(soft.image.astype(float)).std() < 0.6 * np.diff(sharp.image.astype(float)).std()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (["--scene", "moon"], "'moon' is unknown; choose from gravel-hills"),
        (["--variant", "blue"], "--variant 'blue'"),
        (["--method", "best"], "--method 'best'"),
        (["--planes", "2"], "--planes 2"),
        (["--na", "0.5"], "--wavelength, --pixel-size, --z-step"),
        (["--refractive-index", "1.5"], "--na, --wavelength"),
        ([*OPTICS[:-1], "1000"], "smaller --z-step"),
        (["--bits", "7"], "--bits 7"),
        (["--read-noise", "3"], "--photons"),
        (["--photons", "-3"], "--photons"),
        (["--photons", "100", "--read-noise", "-1"], "--read-noise"),
        (["--json", "scores.txt"], ".json"),
        (["--na", "wide"], "--na"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_call_is_one_line(call: list[str], words: str, capsys) -> None:
    assert main(["bench", *call]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert words in said.err


def test_confidence_is_scored_where_it_is_high() -> None:
    true = np.zeros((100, 100))
    depth = np.repeat(np.linspace(0, 1, 100)[None], 100, 0)
    score = score_confidence(1 - depth, depth, true, border=0)
    assert score.share == 0.5
    assert score.mean_error == pytest.approx(depth[depth <= 0.5].mean())
    assert np.isnan(score_confidence(true, depth, true).mean_error)


def test_bench_scores_as_scoring_does() -> None:
    """The row holds the very figures of `scoring`, for the planes that the same call renders."""
    from napari_focus_stack import focus_stack

    wanted = Bench(scenes=("brick-dome",), variants=("noisy",), methods=("depth",), planes=5)
    row = list(wanted.rows())[1]
    shown = render_ground_truth("brick-dome", "noisy", 5, SCENES["brick-dome"].blur, bench.SENSOR)
    result = focus_stack(shown.planes, method="depth")
    assert row.psnr == score_image(result.image, shown.image).psnr
    assert row.depth_error == score_depth(result.depth, shown.depth).mean_error
