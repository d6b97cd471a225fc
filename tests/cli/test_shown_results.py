"""`focusstack figure` and `focusstack film`: what a call writes, and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from napari_focus_stack.cli.main import main
from napari_focus_stack.io.output_formats import Legend
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.io.writing import describe_values, write_image

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """Return the image of a result without distances, with its maps beside it."""
    y, x = np.mgrid[:60, :80].astype(np.float32)
    depth = 8 * np.exp(-((x - 40) ** 2 + (y - 30) ** 2) / 200)
    path = tmp_path / "hill.tif"
    write_image(path, np.stack([3 * x, 4 * y, 0 * x], axis=-1).astype(np.uint8))
    for role, values in (("depth", depth), ("confidence", np.ones_like(depth))):
        legend = Legend(Spacing(), describe_values(role, None))
        write_image(tmp_path / f"hill_{role}.tif", values, legend)
    return path


def test_figure_is_written_with_its_profile_and_contour_lines(result, tmp_path, capsys) -> None:
    out = tmp_path / "f.svg"
    line = ["--profile", "30", "5", "30", "75", "--contours", "2"]
    scale = ["--z-step", "2", "--pixel-size", "0,5"]
    assert main(["figure", str(result), "-o", str(out), *line, *scale]) == 0
    text = out.read_text(encoding="utf-8")
    for wanted in ("Height (µm)", "A to A&apos;: 100.0% sure", "Contour lines every 2 µm", "10 µm"):
        assert wanted in text or wanted.replace("&apos;", "'") in text
    assert capsys.readouterr().out.endswith(f"Wrote {out}\n")


@pytest.mark.parametrize(
    ("options", "frames"),
    [
        ([], 12),
        (["--motion", "turn", "--tilt", "30"], 12),
        (["--fps", "10", "--exaggeration", "-2"], 6),
    ],
)
def test_film_has_its_frames_and_its_size(
    result, tmp_path, capsys, monkeypatch, options, frames
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    out = tmp_path / "f.mp4"
    given = ["--seconds", "0.6", "--fps", "20", "--size", "96x64", *options]
    assert main(["film", str(result), "-o", str(out), *given]) == 0
    film = cv2.VideoCapture(str(out))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == frames
    assert film.read()[1].shape == (64, 96, 3)
    film.release()
    said = capsys.readouterr().out
    assert "a plane counts as a pixel wide" in said
    assert f"Wrote {out} ({frames} frames, MPEG-4 Part 2)" in said


@pytest.mark.parametrize(("option", "width"), [([], 192), (["--anaglyph"], 96)])
def test_stereo_pair_is_two_pictures_or_one_for_glasses(result, tmp_path, option, width) -> None:
    out = tmp_path / "pair.png"
    call = ["film", str(result), "--stereo", str(out), "--size", "96x64", *option]
    assert main(call) == 0
    assert cv2.imread(str(out)).shape == (64, width, 3)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (["figure", "-o", "f.pdf"], "end in .png or .svg"),
        (["figure", "-o", "f.png", "--profile", "1", "2", "3"], "--profile needs pairs"),
        (["figure", "-o", "f.png", "--dpi", "1"], "dpi 1"),
        (["figure", "-o", "f.png", "--contours", "0.0001"], "more than 200 contour lines"),
        (["figure", "-o", "f.png", "--contours", "0"], "--contours 0 must be above 0"),
        (["figure"], "-o/--output"),
        (["film"], "--stereo"),
        (["film", "-o", "f.avi"], "end in .mp4"),
        (["film", "-o", "f.mp4", "--anaglyph"], "--anaglyph goes with --stereo"),
        (["film", "-o", "f.mp4", "--size", "95x64"], "even sides"),
        (["film", "-o", "f.mp4", "--size", "big"], "no size such as 1280x960"),
        (["film", "-o", "f.mp4", "--stereo", "f.png"], "not allowed with"),
        (["film", "--stereo", "f.png", "--fps", "3"], "--fps goes with a film"),
        (["film", "--stereo", "f.tif"], "end in .png"),
        (["film", "-o", "missing/f.mp4"], "cannot be written"),
    ],
)
def test_wrong_call_is_refused_in_one_line_and_writes_nothing(
    result, tmp_path, capsys, monkeypatch, call, named
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert main([call[0], str(result), *call[1:]]) == 2
    said = capsys.readouterr()
    assert named in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert sorted(tmp_path.iterdir()) == before


def test_figure_does_not_replace_what_it_reads(result, tmp_path, capsys) -> None:
    picture = tmp_path / "sharp.png"
    write_image(picture, np.zeros((60, 80), np.uint8))
    before = picture.read_bytes()
    call = ["figure", str(result), "--image", str(picture), "-o", str(picture)]
    assert main(call) == 2
    assert "choose another name" in capsys.readouterr().err
    assert picture.read_bytes() == before


@pytest.mark.parametrize(("least", "said"), [("0.5", True), ("0", False)])
def test_replaced_heights_are_said(result, tmp_path, capsys, least, said) -> None:
    sure = np.ones((60, 80), np.float32)
    sure[:, :20] = 0.1
    legend = Legend(Spacing(), describe_values("confidence", None))
    write_image(tmp_path / "hill_confidence.tif", sure, legend)
    call = ["film", str(result), "--stereo", str(tmp_path / "p.png"), "--size", "96x64"]
    assert main([*call, "--least-confidence", least]) == 0
    assert ("25.0% of the heights are not sure" in capsys.readouterr().out) == said
