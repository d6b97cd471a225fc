"""`focusstack demo --scene` writes recordings that open as the tutorials say, and their truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import tifffile

from napari_focus_stack import open_series, read_stack
from napari_focus_stack.cli import demo_scenes
from napari_focus_stack.cli.demo_scenes import DAMAGED, SCENES, write_scene
from napari_focus_stack.cli.main import main
from napari_focus_stack.errors import InputError, OutputError
from napari_focus_stack.simulation import fly

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "stacks", "planes", "truth"),
    [
        ("metal", 1, 20, {"height.tif", "image.png"}),
        ("epithelium", 2, 16, {"membranes-depth.tif", "nuclei-labels.tif", "nuclei-light.tif"}),
        ("night", 8, 10, {"depth.ome.tif"}),
        ("plate", 32, 10, {"cells.csv", DAMAGED}),
        ("fly", 1, fly.PLANES, {"depth.tif", "image.png"}),
    ],
)
def test_scenes_open(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    stacks: int,
    planes: int,
    truth: set[str],
) -> None:
    monkeypatch.setattr(fly, "SIDES", (96, 128))
    said = write_scene(name, tmp_path / name)
    series = open_series(tmp_path / name / SCENES[name][0])
    assert len(list(series)) == stacks
    assert len(series.stack(0)) == planes
    assert {file.name for file in (tmp_path / name / "truth").iterdir()} == truth
    assert str(tmp_path / name) in said


def test_one_file_of_the_plate_is_cut_off_and_its_copy_whole(tmp_path: Path) -> None:
    write_scene("plate", tmp_path)
    whole, cut = tmp_path / "truth" / DAMAGED, tmp_path / "plate" / DAMAGED
    assert whole.read_bytes().startswith(cut.read_bytes())
    assert tifffile.imread(whole).shape == (160, 208)
    with pytest.raises(InputError, match=DAMAGED):
        read_stack([cut, whole])[0]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        write_scene("metal", tmp_path / "file" / "folder")


def test_nothing_is_left_where_a_scene_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo_scenes, "_write", full)
    with pytest.raises(OutputError, match="No space"):
        write_scene("plate", tmp_path)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


@pytest.mark.parametrize("other", ["--napari", "histology"])
def test_a_scene_stands_alone(capsys: pytest.CaptureFixture[str], other: str) -> None:
    assert main(["demo", "--scene", "metal", other]) == 2
    assert "--scene" in capsys.readouterr().err
