"""`focusstack measure` as its user calls it: the figures of the library, and files."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
import trimesh

from napari_focus_stack.analysis import (
    HeightMap,
    fit_sphere,
    level,
    open_heights,
    profile,
    step_height,
    texture,
    volumes,
)
from napari_focus_stack.cli.findings import Row, symbol
from napari_focus_stack.io.height_files import read_heights
from napari_focus_stack.io.results_file import SavedResult, write_saved
from napari_focus_stack.io.sources import Spacing
from tests.cli.test_main import assert_one_line, everything_in, run
from tests.scenes import scene

if TYPE_CHECKING:
    from pathlib import Path

Z_STEP, PIXEL = 2.0, 0.5
LOW, HIGH = (0, 90, 0, 50), (0, 90, 80, 120)
"""Regions of both levels of the step."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Planes of a rendered step as a user has them, and the result of the command."""
    where = tmp_path_factory.mktemp("measured")
    (where / "planes").mkdir()
    for k, plane in enumerate(scene("gravel", "step", n=8, size=(96, 128)).planes):
        tifffile.imwrite(
            where / "planes" / f"p{k}.tif",
            plane,
            resolution=(1e4 / PIXEL, 1e4 / PIXEL),
            resolutionunit="CENTIMETER",
        )
    made = run("-i", where / "planes", "-o", where / "r.focusstack", "--z-step", Z_STEP)
    assert made.returncode == 0, made.stderr
    return where


@pytest.fixture(scope="module")
def result(folder: Path) -> Path:
    return folder / "r.focusstack"


@pytest.fixture(scope="module")
def heights(result: Path) -> HeightMap:
    return open_heights(result).height_map


def mask(box: tuple[int, int, int, int]) -> np.ndarray:
    region = np.zeros((96, 128), bool)
    region[box[0] : box[1], box[2] : box[3]] = True
    return region


def measured(*arguments: object) -> dict[str, Any]:
    """The JSON of a call."""
    outcome = run("measure", *arguments, "--json", "-")
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)


def test_two_commands_lead_from_planes_to_the_height_of_the_step(result: Path) -> None:
    found = measured(result, "--step", *LOW, *HIGH)["steps"][0]
    depth = scene("gravel", "step", n=8, size=(96, 128)).depth
    truth = Z_STEP * float(depth[mask(HIGH)].mean() - depth[mask(LOW)].mean())
    assert found["value"] == pytest.approx(truth, abs=Z_STEP / 20)
    assert abs(found["value"] - truth) < 3 * found["uncertainty"]
    assert found["unit"] == "micrometer"
    # the refractive index counts from the planes on, and once
    water = result.with_name("water.focusstack")
    planes = ("-i", result.parent / "planes", "-o", water)
    made = run(*planes, "--z-step", Z_STEP, "--z-factor", "1.33", "--z-uncertainty", "0.1")
    assert "count as 2.66 µm apart" in made.stdout
    higher = measured(water, "--step", *LOW, *HIGH)
    assert higher["steps"][0]["value"] == pytest.approx(1.33 * found["value"])
    assert higher["steps"][0]["uncertainty"] > 0.1 * higher["steps"][0]["value"]
    assert higher["field"]["z_step"] == pytest.approx(2.66)


def test_figures_are_those_of_the_library(result: Path, heights: HeightMap) -> None:
    line = [(40.0, 5.0), (40.0, 120.0), (70.5, 90.0)]
    found = measured(
        *(result, "--level", "plane", "--s-filter", 3, "--l-filter", "20,5"),
        *("--profile", *np.ravel(line), "--width", 3, "--step", *LOW, *HIGH),
        *("--texture", "--texture", *HIGH, "--volume", -1, "--volume", "0.5", *LOW),
    )
    levelled = level(heights, "plane").surface
    assert found["level"] == level(heights, "plane").method
    step = step_height(levelled, mask(LOW), mask(HIGH))
    assert found["steps"] == [
        {"a": list(LOW), "b": list(HIGH), "tilt": True, **dataclasses.asdict(step)},
    ]
    (flat,) = measured(result, "--step", *LOW, *HIGH, "--no-tilt")["steps"]
    assert flat["value"] == step_height(heights, mask(LOW), mask(HIGH), tilt=False).value
    along = profile(levelled, line, width=3)
    (drawn,) = found["profiles"]
    for name, values in drawn["samples"].items():
        expected = {"y": along.points[:, 0], "x": along.points[:, 1]}.get(name)
        np.testing.assert_allclose(
            np.array(values, float), getattr(along, name, expected), equal_nan=True
        )
    assert (drawn["length"], drawn["share"]) == (along.length, along.share)
    for given, region in zip(found["textures"], (None, mask(HIGH)), strict=True):
        wanted = texture(levelled, region, 3, 20.5, levelling="offset")
        assert given.pop("region") == (None if region is None else list(HIGH))
        assert given == json.loads(json.dumps(wanted))
    for given, (at, region) in zip(found["volumes"], ((-1, None), (0.5, mask(LOW))), strict=True):
        volume = volumes(levelled, at, region)
        wanted = dataclasses.asdict(volume)
        assert given["notes"] == volume.notes
        assert {name: given[name] for name in wanted} == pytest.approx(wanted)
    field = found["field"]
    assert field["percentiles"]["50"] == pytest.approx(
        float(np.median(levelled.heights[levelled.counted]))
    )
    assert field["share"] == heights.share_in(None)
    assert measured(result, "--least-confidence", 0)["field"]["share"] == 1


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        (("polynomial", 3), {"method": "polynomial", "degree": 3}),
        (("points", 5, 5, 5, 40, 90, 20), {"points": [(5, 5), (5, 40), (90, 20)]}),
        (("offset",), {"method": "offset"}),
    ],
)
def test_forms_are_subtracted(
    result: Path, heights: HeightMap, option: tuple[Any, ...], wanted: dict[str, Any]
) -> None:
    expected = level(heights, **{"method": "points", **wanted}).surface
    found = measured(result, "--level", *option)["field"]["percentiles"]["95"]
    assert found == pytest.approx(np.percentile(expected.heights[expected.counted], 95), rel=1e-5)


def test_a_sphere_is_fitted_to_heights_that_are_not_levelled(tmp_path: Path) -> None:
    y, x = np.mgrid[-40:41, -50:51] * 1.0
    cap = np.sqrt(200.0**2 - y**2 - x**2).astype(np.float32)
    spacing = Spacing(y=1.0, x=1.0, z=2.0, unit="micrometer")
    write_saved(tmp_path / "cap.focusstack", [SavedResult("height", "cap", cap, spacing)])
    found = measured(tmp_path / "cap.focusstack", "--level", "plane", "--sphere")
    (sphere,) = found["spheres"]
    assert sphere["radius"] == pytest.approx(200, rel=1e-3)
    assert (
        sphere["radius"] == fit_sphere(open_heights(tmp_path / "cap.focusstack").height_map).radius
    )
    assert found["notes"][0].startswith("There is no confidence")


def test_a_table_has_units_uncertainties_and_shares(result: Path, heights: HeightMap) -> None:
    outcome = run("measure", result, "--step", *LOW, *HIGH, "--texture", *HIGH, "--volume", 5)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    printed = outcome.stdout
    assert printed.startswith("r: 96 rows, 128 columns, pixel size 0.5 µm, z step 2 µm\n")
    found = step_height(heights, mask(LOW), mask(HIGH))
    value, error = re.search(r"step height +\((\S+) ± (\S+)\) µm", printed).groups()
    assert float(error) == pytest.approx(found.uncertainty, rel=0.05)
    assert float(value) == pytest.approx(found.value, abs=found.uncertainty / 10)
    assert f"columns 80 to 119; {found.share:.1%} of its heights counted" in printed
    sq = texture(heights, mask(HIGH))["Sq"]
    assert f"Sq  root mean square height{' ' * 12}" in printed
    assert re.search(rf"Sq .* {sq:#.4g} µm\n", printed)
    for what in ("median", "rms"):  # of the field, and of the texture as Sq
        assert f"uncertainty of one height ({what})" in printed
    assert re.search(r"volume above +\(\S+ ± \S+\) µm³\n", printed)
    [note] = volumes(heights, 5).notes
    assert f"{heights.share_in(None):.1%} of the region" in note
    assert f"  Note: {note}\n" in printed


def test_texture_of_levelled_heights_says_what_was_subtracted(result: Path) -> None:
    levelled = run("measure", result, "--level", "plane", "--texture", *HIGH).stdout
    assert "The least-squares plane of the whole field was subtracted before." in levelled
    assert "was subtracted before" not in run("measure", result, "--texture", *HIGH).stdout


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (Row("", 5.9939, "micrometer", 0.0704), "(5.994 ± 0.070) µm"),
        (Row("", 123456.0, "micrometer^3", 1234.0), "(123500 ± 1200) µm³"),
        (Row("", 3e-9, "plane", 2e-10), "(3e-09 ± 2e-10) planes"),
        (Row("", 10.0, "percent"), "10.00 %"),
        (Row("", 1412.2, "micrometer^2"), "1412 µm²"),
        (Row("", 7.8331, ""), "7.833"),
        (Row("", None, "micrometer"), "could not be measured"),
        (Row("", 1.5, "plane", float("inf")), "1.500 planes"),
    ],
)
def test_figures_show_the_digits_that_their_uncertainty_allows(row: Row, text: str) -> None:
    assert str(row) == text
    assert symbol("micrometer pixel^2") == "µm pixels²"


def test_files_hold_what_was_measured(result: Path, heights: HeightMap, tmp_path: Path) -> None:
    files = {name: tmp_path / f"m.{name}" for name in ("json", "csv", "svg", "glb", "gsf")}
    lines = ("--profile", 40, 5, 40, 120, "--profile", 5, 5, 80, 100)
    outcome = run(
        *("measure", result, *lines, "--json", files["json"], "--csv", files["csv"]),
        *("--svg", files["svg"], "--mesh", files["glb"], "--faces", 2000),
        *("--height", files["gsf"]),
    )
    assert outcome.returncode == 0, outcome.stderr
    assert everything_in(tmp_path) == {file.name for file in files.values()}
    drawn = [profile(heights, [(40, 5), (40, 120)]), profile(heights, [(5, 5), (80, 100)])]
    document = json.loads(files["json"].read_text())
    assert [len(one["samples"]["y"]) for one in document["profiles"]] == [
        len(one.distance) for one in drawn
    ]
    with files["csv"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    for number, one in enumerate(drawn, 1):
        cells = [row["height (µm)"] for row in rows if row["profile"] == str(number)]
        np.testing.assert_allclose(np.array(cells, float), one.height, rtol=1e-6)
    texts = [e.text for e in ElementTree.parse(files["svg"]).iter() if e.tag.endswith("text")]
    assert {"Distance (µm)", "Height (µm)"} <= set(texts)
    assert f"B to B': {drawn[1].share:.1%} sure" in texts
    mesh = trimesh.load(files["glb"], force="mesh")
    assert 1000 < len(mesh.faces) <= 2000
    written, scale = read_heights(files["gsf"])
    np.testing.assert_allclose(written, heights.heights, rtol=1e-6)
    assert (scale.y, scale.x) == pytest.approx((PIXEL, PIXEL))
    assert run("measure", result, "--height", files["gsf"], "--sure-only").returncode == 0
    np.testing.assert_array_equal(np.isfinite(read_heights(files["gsf"])[0]), heights.counted)
    # what a plane measures is no longer known, nor what it contributes to an uncertainty
    (step,) = measured(files["gsf"], "--step", *LOW, *HIGH)["steps"]
    assert step["uncertainty"] is None
    assert step["value"] == pytest.approx(
        step_height(heights, mask(LOW), mask(HIGH)).value, abs=Z_STEP / 20
    )


@pytest.mark.parametrize("level", ["-1,5", "-1.5", "-15e-1", "-,15e1"])
def test_numbers_below_0_are_no_options(result: Path, level: str) -> None:
    (found,) = measured(result, "--volume", level)["volumes"]
    assert found["level"] == -1.5


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("--volume", 1, 2, 3), ["--volume", "Y0 Y1 X0 X1"]),
        (("--step", 1, 2, 3), ["--step"]),
        (("--texture", 0, 9, 0, 500), ["0 9 0 500", "96 rows"]),
        (("--texture", 0, 9.5, 0, 50), ["--texture", "whole numbers"]),
        (("--level", "cubic"), ["--level cubic"]),
        (("--level", "plane", 3), ["--level plane 3"]),
        (("--level", "polynomial", "x"), ["--level", "'x'"]),
        (("--level", "polynomial", 2.7), ["--level polynomial 2.7"]),
        (("--level", "points", 1, 2, 3, 4), ["--level points", "3 points"]),
        (("--sure-only",), ["--sure-only", "--mesh"]),
        (("--s-filter", 3), ["--s-filter", "--texture"]),
        (("--csv", "OUT/a.csv"), ["--csv", "--profile"]),
        (("--mesh", "OUT/a.xyz"), ["--mesh", ".glb"]),
        (("--json", "OUT/a.txt"), ["--json", ".json"]),
        (("--json", "OUT/none/a.json"), ["no folder"]),
        (("--profile", 1, 2, 3), ["--profile"]),
        (("--profile", 1, 2, 1, 2), ["profile"]),
        (("--least-confidence", 2), ["least_confidence"]),
        (("--time", 3), ["one height map alone"]),
        (("--sphere", *LOW), ["sphere"]),
        (("--mesh", "OUT/a.glb", "--faces", 1), ["faces"]),
        (("--mesh", "OUT/a.glb", "--mesh", "OUT/a.stl"), ["--mesh may be given once"]),
    ],
)
def test_a_wrong_call_is_named_and_writes_nothing(
    result: Path, tmp_path: Path, wrong: tuple[Any, ...], words: list[str]
) -> None:
    own = [str(one).replace("OUT", str(tmp_path)) for one in wrong]
    files = ("--json", tmp_path / "m.json") if "--json" not in own else ()
    outcome = run("measure", result, *own, *files)
    assert_one_line(outcome, 2, *words)
    assert everything_in(tmp_path) == set()


def test_unsure_heights_that_are_written_are_said(result: Path, tmp_path: Path) -> None:
    share = measured(result)["field"]["share"]
    assert share < 1
    call = ("measure", result, "--height", tmp_path / "a.gsf")
    words = f"{1 - share:.1%} of the heights that were written are not sure"
    assert words in run(*call).stdout
    assert "not sure" not in run(*call, "--sure-only").stdout


def test_no_file_that_is_read_is_replaced(result: Path, folder: Path, tmp_path: Path) -> None:
    made = ("-i", folder / "planes", "-o", tmp_path / "r.tif", "--z-step", Z_STEP)
    assert run(*made, "--height", tmp_path / "r_height.tif").returncode == 0
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    for option, name in (("--height", "r_height.tif"), ("--height", "r.tif")):
        outcome = run("measure", tmp_path / "r.tif", option, tmp_path / name)
        assert_one_line(outcome, 2, name, "is read by this run")
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
