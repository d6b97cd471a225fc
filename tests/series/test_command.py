"""The command on series: info, selection, exit codes, recipes, transforms of another run."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pytest
import tifffile

from napari_focus_stack import focus_series, focus_stack
from napari_focus_stack.cli.main import main
from tests.series.experiments import two_channels


@pytest.fixture(scope="module")
def film():
    return two_channels(2)


@pytest.fixture
def file(tmp_path, film):
    path = tmp_path / "film.ome.tif"
    metadata = {
        "axes": "TCZYX",
        "PhysicalSizeX": 0.5,
        "PhysicalSizeY": 0.5,
        "PhysicalSizeZ": 2.0,
        "Channel": {"Name": ["dim", "bright"]},
        "TimeIncrement": 30.0,
        "TimeIncrementUnit": "s",
    }
    tifffile.imwrite(path, film, metadata=metadata, photometric="minisblack")
    return path


def test_info_shows_axes_names_and_distances_as_text_and_json(file, capsys):
    assert main(["info", str(file)]) == 0
    shown = capsys.readouterr().out
    for part in ("T2 C2 Z6 Y160 X192", "0.5 µm, z step 2 µm", "0 'dim', 1 'bright'", "0 to 30 s"):
        assert part in shown
    assert main(["info", str(file), "--json", "--channel", "bright"]) == 0
    position = json.loads(capsys.readouterr().out)["positions"][0]
    assert position["spacing"] == {"z": 2.0, "y": 0.5, "x": 0.5, "unit": "micrometer"}
    assert position["channels"] == [{"name": "bright", "colour": None}]
    assert (position["times"], position["planes"], position["seconds"]) == (2, 6, [0.0, 30.0])


def test_a_series_is_written_whole_and_its_reports_repeat_any_stack(file, film, tmp_path, capsys):
    out = tmp_path / "out.ome.tif"
    assert main(["-i", str(file), "-o", str(out), "--lead-channel", "bright"]) == 0
    shown = capsys.readouterr().out
    assert "Fused 4 of 4 stacks of 'film.ome.tif' (lead channel 'bright')." in shown
    image = tifffile.imread(out)
    expected = focus_series(film, axes="TCZYX", lead_channel=1)
    np.testing.assert_array_equal(image, expected.image)

    report = tmp_path / "out_reports" / "p0_t0001_c0_dim.json"
    again = tmp_path / "again.tif"
    assert main(["--recipe", str(report), "-o", str(again)]) == 0
    np.testing.assert_array_equal(tifffile.imread(again), image[1, 0])

    reports = str(tmp_path / "out_reports")
    other = tmp_path / "other.ome.tif"
    call = ["-i", str(file), "-o", str(other), "--time", "1", "--transforms-from", reports]
    assert main(call) == 0
    np.testing.assert_array_equal(tifffile.imread(other), image[1])


def test_one_stack_of_a_series_is_a_stack_with_all_its_outputs(file, film, tmp_path):
    out, depth = tmp_path / "one.png", tmp_path / "depth.tif"
    selected = ["--time", "1", "--channel", "bright"]
    assert main(["-i", str(file), *selected, "-o", str(out), "--depth", str(depth)]) == 0
    expected = focus_stack(film[1, 1])
    np.testing.assert_array_equal(tifffile.imread(depth), expected.depth)


def test_a_stack_that_fails_is_named_with_exit_code_3(tmp_path, film, capsys):
    folder = tmp_path / "film"
    folder.mkdir()
    for t in range(2):
        for z in range(6):
            if (t, z) != (1, 3):
                tifffile.imwrite(folder / f"a_t{t}_z{z}.tif", film[t, 1, z])
    call = ["-i", str(folder), "--pattern", "{name}_t{t}_z{z}.tif"]
    out = tmp_path / "out.ome.tif"
    assert main([*call, "-o", str(out), "--align", "none"]) == 3
    shown = capsys.readouterr().out
    assert "Fused 1 of 2 stacks" in shown
    assert "Failed: Planes are missing in 'film', time 1: z 3 of 6" in shown
    image = tifffile.imread(out)
    np.testing.assert_array_equal(image[0], focus_stack(film[0, 1], align="none").image)
    assert not image[1].any()
    assert main([*call, "-o", str(folder / "out.ome.tif")]) == 2
    assert "lies in the folder of the series" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--channel", "DAPI"], "There is no channel 'DAPI'; choose from 0 'dim', 1 'bright'."),
        (["--position", "B02"], "There is no position 'B02'"),
        (["--time", "1:9"], "not within the 2 time points, 0 to 1"),
        (["--time", "late"], "neither a number nor a span such as 10:20"),
        (["--axes", "TQZYX"], "have 'Q'"),
        (["--pattern", "{t}_{z}.tif"], "pattern names the files of a folder"),
        (["--depth", "d.tif"], "--depth is for one stack"),
        (["--slab", "3"], "--slab is for channels that follow"),
        (["--time", "0", "--channel", "0", "--drift"], "--drift is for a series"),
        (["--smooth-time", "4"], "--smooth-time 4 must be an odd whole number"),
    ],
)
def test_wrong_calls_are_refused_in_one_sentence(file, tmp_path, capsys, options, sentence):
    assert main(["-i", str(file), "-o", str(tmp_path / "out.ome.tif"), *options]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.ome.tif"]


def test_a_folder_that_is_refused_for_its_names_opens_by_the_option_that_is_named(
    tmp_path, film, capsys
):
    folder = tmp_path / "film"
    folder.mkdir()
    for c in range(2):
        for z in range(6):
            tifffile.imwrite(folder / f"pos1_z{z:02d}_c{c}.tif", film[0, c, z])
    out = tmp_path / "out.ome.tif"
    refused = []
    for call in (["-i", str(folder), "-o", str(out)], ["info", str(folder)]):
        assert main(call) == 2
        refused.append(capsys.readouterr().err)
    assert refused[0] == refused[1]
    option = shlex.split(refused[0].split("give ")[1])[:2]
    assert option == ["--pattern", "pos1_z{z}_c{c}.tif"]
    assert main(["-i", str(folder), "-o", str(out), "--align", "none", *option]) == 0
    expected = focus_series(film[:1], axes="TCZYX", align="none").image[0]
    np.testing.assert_array_equal(tifffile.imread(out), expected)


def test_a_folder_as_output_gets_the_name_of_the_series(file, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    assert main(["-i", str(file), "-o", str(folder), "--align", "none", "--time", "0"]) == 0
    assert (folder / "film.ome.tif").is_file()
    assert tifffile.imread(folder / "film.ome.tif").shape == (2, 160, 192)
