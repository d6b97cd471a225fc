"""The demonstration writes what it says, and what it says is so."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from napari_focus_stack import read_stack
from napari_focus_stack.cli import demo
from napari_focus_stack.cli.demo import DemoResult, run_demo
from napari_focus_stack.errors import OutputError, SettingsError
from napari_focus_stack.simulation.metrics import score_image
from napari_focus_stack.simulation.samples import SAMPLES, render_sample

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module", params=SAMPLES)
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    return run_demo(tmp_path_factory.mktemp("demo") / "new" / "folder", request.param)


def test_the_planes_open_again_with_their_spacing(shown: DemoResult) -> None:
    source = read_stack(shown.planes)
    assert len(source) == len(shown.sample.planes)
    np.testing.assert_array_equal(source[3], shown.sample.planes[3])
    assert source.spacing == shown.sample.spacing


def test_the_files_hold_the_result(shown: DemoResult) -> None:
    written = cv2.imread(str(shown.image))[..., ::-1]
    np.testing.assert_array_equal(written, shown.result.image)
    index = cv2.imread(str(shown.depth_index), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(index, shown.result.depth_index)
    assert index.dtype == np.uint16
    files = {shown.planes, shown.image, shown.depth_index, shown.depth_map}
    assert set(shown.image.parent.iterdir()) == files


def test_the_depth_map_runs_from_blue_to_red(shown: DemoResult) -> None:
    colours = cv2.imread(str(shown.depth_map))[..., ::-1].astype(int)
    depth = shown.result.depth
    low, high = depth < np.percentile(depth, 5), depth > np.percentile(depth, 95)
    red, blue = colours[..., 0], colours[..., 2]
    assert (blue[low] > red[low]).all()
    assert (red[high] > blue[high]).all()


def test_the_result_is_near_the_truth(shown: DemoResult) -> None:
    assert shown.score.psnr > shown.plane_score.psnr + 6
    assert shown.score.ssim > 0.95 > shown.plane_score.ssim
    assert shown.depth_score.mean_error < 1
    assert shown.score == score_image(shown.result.image, shown.sample.image)


def test_a_good_stack_gives_no_note(shown: DemoResult) -> None:
    report = shown.result.report
    done = [note for note in report.notes if "objects in front blur" in note]  # no complaint
    assert report.notes == done
    assert report.occlusion["found"] is bool(done) is (shown.sample.name == "motorcycle")


def test_the_best_plane_is_judged_without_its_motion(shown: DemoResult) -> None:
    as_it_is = shown.sample.planes[shown.best_plane]
    difference = shown.plane_score.psnr - score_image(as_it_is, shown.sample.image).psnr
    assert difference > 0.1 if shown.sample.transforms is not None else difference == 0


def test_the_text_says_where_and_how_near(shown: DemoResult) -> None:
    text = str(shown)
    for path in (shown.planes, shown.image, shown.depth_index, shown.depth_map):
        assert str(path) in text
    for figure in (f"{shown.score.psnr:.1f} dB", f"{shown.plane_score.psnr:.1f} dB"):
        assert figure in text
    error = shown.depth_score.mean_error
    assert f"{error:.2f} planes" in text
    assert (f"({error * 2:.2f} µm)" in text) == (shown.sample.name == "histology")
    if str(shown.image).isascii():
        text.encode("cp437")  # the oldest console of Windows, which has a micro sign


def test_it_runs_without_arguments_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, again = run_demo(), run_demo()
    assert first.sample is render_sample("histology")
    assert first.image == demo.FOLDER / "histology-stacked.png"
    assert len(list((tmp_path / "focusstack-demo").iterdir())) == 4
    np.testing.assert_array_equal(first.result.image, again.result.image)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here first")
    with pytest.raises(OutputError, match="file'"):
        run_demo(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "here first"


def test_an_unknown_sample_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="wasp"):
        run_demo(tmp_path / "out", "wasp")
    assert not (tmp_path / "out").exists()


def test_all_files_or_none(tmp_path: Path) -> None:
    (tmp_path / "histology-depth.png").mkdir()  # in the way of the last file
    with pytest.raises(OutputError, match="histology-depth"):
        run_demo(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["histology-depth.png"]


def test_the_demo_in_the_viewer_without_qt_is_one_sentence() -> None:
    """The first install of the README has no Qt."""
    code = (
        "import sys\n"
        "for name in ('PyQt5', 'PyQt6', 'PySide2', 'PySide6'): sys.modules[name] = None\n"
        "from napari_focus_stack.cli.main import main\n"
        "sys.exit(main(['demo', '--napari']))"
    )
    environment = {**os.environ, "DISPLAY": ":0"}
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert ended.returncode == 2
    assert "install napari-focus-stack[all]" in ended.stderr
