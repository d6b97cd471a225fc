"""Films as they are read back: frames, size, loop, and what remains of one that fails."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from napari_focus_stack.analysis.height_map import HeightMap
from napari_focus_stack.errors import InputError, OutputError, SettingsError
from napari_focus_stack.figures.film import FilmSettings, film_frames, film_steps, write_film

if TYPE_CHECKING:
    from pathlib import Path

SMALL = FilmSettings(seconds=0.5, fps=20, frame=(160, 120))
ENCODES = """
import sys, numpy as np, cv2
if "-encoders" in sys.argv:
    print(" V....D libx264   libx264 H.264")
    raise SystemExit
given = dict(zip(sys.argv, sys.argv[1:]))
width, height = map(int, given["-s"].split("x"))
assert given["-pix_fmt"] == "yuv420p" and sys.argv.index("rgb24") < sys.argv.index("-i")
out = sys.argv[-1].removeprefix("file:")
film = cv2.VideoWriter(out, cv2.VideoWriter.fourcc(*"mp4v"), float(given["-r"]), (width, height))
while frame := sys.stdin.buffer.read(width * height * 3):
    rgb = np.frombuffer(frame, np.uint8).reshape(height, width, 3)
    film.write(np.ascontiguousarray(rgb[..., ::-1]))
film.release()
"""
FAILS = """
import sys
if "-encoders" in sys.argv:
    print("libx264")
else:
    sys.stdin.buffer.read(1000)
    sys.exit("first line\\nout.mp4: No space left on device")
"""


def _hill() -> tuple[HeightMap, np.ndarray]:
    y, x = np.mgrid[:90, :120].astype(np.float32)
    heights = 20 * np.exp(-((x - 60) ** 2 + (y - 45) ** 2) / 500)
    image = np.stack([2 * x, 2 * y, 255 - 2 * x], axis=-1).astype(np.uint8)
    return HeightMap(heights=heights), image


@pytest.fixture
def program(tmp_path: Path, monkeypatch):
    """Return a function that puts a script into the place of ffmpeg, or nothing."""

    def put(script: str | None) -> None:
        folder = tmp_path / "bin"
        folder.mkdir()
        monkeypatch.setenv("PATH", str(folder))
        if script is not None:
            file = folder / "ffmpeg"
            file.write_text(f"#!{sys.executable}\n{script}")
            file.chmod(0o755)

    return put


def _read(path: Path) -> list[np.ndarray]:
    film = cv2.VideoCapture(str(path))
    frames = []
    while (got := film.read())[0]:
        frames.append(got[1][..., ::-1])
    film.release()
    return frames


on_posix = pytest.mark.skipif(os.name == "nt", reason="scripts with #! are run by POSIX alone")


@pytest.mark.parametrize(
    ("script", "codec"),
    [(None, "MPEG-4 Part 2"), pytest.param(ENCODES, "H.264", marks=on_posix)],
)
def test_film_holds_the_frames_that_were_drawn(program, tmp_path, capfd, script, codec) -> None:
    program(script)
    source, image = _hill()
    seen: list[str] = []
    path = tmp_path / "a film.mp4"
    film = write_film(source, image, path, SMALL, lambda step: seen.append(str(step)))
    drawn = list(film_frames(source, image, SMALL))
    read = _read(path)
    assert (film.codec, film.frames, film.path) == (codec, 10, path)
    assert len(read) == len(drawn) == 10
    assert seen == [f"Drawing frame {number} of 10" for number in range(1, 11)]
    for one, other in zip(read, drawn, strict=True):
        assert one.shape == other.shape == (120, 160, 3)
        # a block code at this size: edges differ, areas do not; exchanged channels give 60
        assert np.abs(one.astype(int) - other).mean() < 4
    assert capfd.readouterr() == ("", "")
    assert [file.name for file in tmp_path.iterdir()] in (["a film.mp4", "bin"], ["bin", path.name])


@pytest.mark.parametrize("motion", ["rock", "turn"])
def test_film_is_a_loop_without_a_jump(motion) -> None:
    rotations = [pose.rotation for pose in FilmSettings(motion=motion, seconds=2).poses]
    turns = [
        np.degrees(np.arccos(np.clip((np.trace(a.T @ b) - 1) / 2, -1, 1)))
        for a, b in zip(rotations, rotations[1:] + rotations[:1], strict=True)
    ]
    assert len(turns) == 60
    if motion == "turn":
        assert turns == pytest.approx([6] * 60)
    else:  # the speed of a sine: largest in the middle, at the join as well
        assert turns[-1] == pytest.approx(turns[0]) == pytest.approx(max(turns))
        assert sum(turns) == pytest.approx(4 * 20, rel=2e-3)


def test_rocking_film_looks_from_the_left_first_and_never_turns_the_picture() -> None:
    poses = FilmSettings(motion="rock", angle=30, seconds=4, fps=10).poses
    across = [pose.rotation @ [0, 0, 1] for pose in poses]  # where a high point goes
    assert across[10] == pytest.approx([0.5, 0, 3**0.5 / 2])
    assert across[30] == pytest.approx([-0.5, 0, 3**0.5 / 2])
    assert all(pose.rotation @ [0, 1, 0] == pytest.approx([0, 1, 0]) for pose in poses)


def test_cancelled_film_leaves_the_one_that_was_there(program, tmp_path) -> None:
    program(None)
    path = tmp_path / "film.mp4"
    path.write_bytes(b"before")
    steps = film_steps(*_hill(), path, SMALL)
    for _ in range(3):
        next(steps)
    assert len(list(tmp_path.glob(".*"))) == 1  # the part that is being written
    steps.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bin", "film.mp4"]
    assert path.read_bytes() == b"before"


@on_posix
def test_message_of_ffmpeg_is_passed_on_and_nothing_remains(program, tmp_path) -> None:
    program(FAILS)
    path = tmp_path / "film.mp4"
    with pytest.raises(OutputError, match=r"film\.mp4' cannot be written: out\.mp4: No space left"):
        write_film(*_hill(), path, SMALL)
    assert [file.name for file in tmp_path.iterdir()] == ["bin"]


def test_what_makes_no_film_is_refused_and_nothing_is_written(program, tmp_path, capfd) -> None:
    program(None)
    source, image = _hill()
    with pytest.raises(OutputError, match=r"end in \.mp4"):
        write_film(source, image, tmp_path / "film.avi", SMALL)
    with pytest.raises(OutputError, match="No such file"):
        write_film(source, image, tmp_path / "missing" / "film.mp4", SMALL)
    with pytest.raises(InputError, match="does not fit"):
        write_film(source, image[:50], tmp_path / "film.mp4", SMALL)
    for wrong, named in [
        ({"frame": (161, 120)}, "even sides"),
        ({"tilt": 90.0}, "tilt 90"),
        ({"angle": 0.0}, "angle 0"),
        ({"fps": 0.5}, "fps 0.5"),
        ({"seconds": 1e6}, "seconds 1e"),
        ({"motion": "fly"}, "motion 'fly'"),
    ]:
        with pytest.raises(SettingsError, match=named):
            FilmSettings(**wrong)
    assert [file.name for file in tmp_path.iterdir()] == ["bin"]
    assert capfd.readouterr() == ("", "")
