"""Batches in the calling process: results, resuming, refusals."""

from __future__ import annotations

import itertools
import json
import math
import os
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from batch.experiment import (
    batch,
    maps,
    same,
    write_film,
    write_film_of_files,
    write_plate,
    write_stack,
)

from napari_focus_stack import OutputError, SettingsError, focus_batch, focus_series, open_series
from napari_focus_stack.analysis import open_heights
from napari_focus_stack.batch import stacking
from napari_focus_stack.batch.films import working_name
from napari_focus_stack.cli.main import main
from napari_focus_stack.io.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path

QUICK = {"occlusion": "off"}


def states(records) -> dict[tuple[str, int, int], str]:
    """Return state, or "kept", by source, time and channel."""
    return {
        (r.name.source, r.name.time, r.name.channel): "kept" if r.kept else r.state for r in records
    }


def times_of(folder: Path) -> dict[Path, int]:
    """Return when each file of results was written."""
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*.tif")}


@pytest.mark.parametrize("form", ["tif", "zarr"])
def test_results_are_those_of_each_series_alone(tmp_path, form):
    root, out = tmp_path / "root", tmp_path / "out"
    write_stack(root / "A" / "leaf.tif", 0)
    write_film(root / "film.tif", 3)
    options = {**QUICK, "pixel_size": 0.75}
    records = batch(root, out, format=form, **options)

    assert set(states(records).values()) == {"done"}
    assert len(records) == 7
    for source in ("A/leaf", "film"):
        alone = tmp_path / f"alone.ome.{form}"
        lead = focus_series(root / f"{source}.tif", out=alone, **options).lead
        assert same(maps(out / f"{source}.ome.{form}"), maps(alone))
        for place in (out / f"{source}.ome.{form}", alone):
            chosen = {"time": 1, "channel": 0} if source == "film" else {}
            found = open_heights(place, **chosen).height_map
            assert (found.pixel_size, found.pixel_unit) == ((0.75, 0.75), "micrometer")
    # all time points have the lead channel that the whole film has
    leads = {json.loads((out / r.report).read_text())["series"].get("lead") for r in records}
    assert leads == {None, str(lead)}
    assert (out / "index.html").exists()
    assert len((out / "summary.csv").read_text("utf-8-sig").splitlines()) == 8
    assert {file.suffix for file in out.rglob(".*")} == {".lock", ".run"}


def test_a_second_run_does_what_is_missing_changed_or_failed(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    for k in range(3):
        write_stack(root / f"s{k}.tif", k)
    whole = (root / "s2.tif").read_bytes()
    (root / "s2.tif").write_bytes(whole[: len(whole) // 2])
    first = batch(root, out, **QUICK)
    assert states(first) == {
        ("s0.tif", 0, 0): "done",
        ("s1.tif", 0, 0): "done",
        ("s2.tif", 0, 0): "failed",
    }
    assert "s2.tif" in first[-1].why

    written = times_of(out)
    (root / "s2.tif").write_bytes(whole)
    write_stack(root / "s1.tif", 4)
    write_stack(root / "s3.tif", 5)
    (out / "s3_depth.ome.tif").unlink(missing_ok=True)
    again = states(batch(root, out, **QUICK))
    assert again == {
        ("s0.tif", 0, 0): "kept",
        ("s1.tif", 0, 0): "done",
        ("s2.tif", 0, 0): "done",
        ("s3.tif", 0, 0): "done",
    }
    assert {f.name for f in written if f.stat().st_mtime_ns == written[f]} == {
        f"s0{role}.ome.tif" for role in ("", "_depth", "_height", "_confidence")
    }

    (
        out / "s0_depth.ome.tif"
    ).unlink()  # a result that is gone is missing, whatever the marker says
    os.truncate(out / "s1.ome.tif", 1000)
    assert [k for k, v in states(batch(root, out, **QUICK)).items() if v == "done"] == [
        ("s0.tif", 0, 0),
        ("s1.tif", 0, 0),
    ]
    assert set(states(batch(root, out, redo=True, **QUICK)).values()) == {"done"}


def test_a_film_goes_on_where_it_stopped_and_grows(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    write_film_of_files(root / "film", range(3))
    steps = focus_batch(root, out, quiet=0, **QUICK)
    next(steps)
    steps.close()
    place = out / "film.ome.tif"
    assert not place.exists()
    assert working_name(place).exists()

    assert states(batch(root, out, **QUICK)) == {
        ("film", 0, 0): "kept",
        ("film", 1, 0): "done",
        ("film", 2, 0): "done",
    }
    assert not working_name(place).exists()
    write_film_of_files(root / "film", range(3, 4))
    assert [v for _, v in sorted(states(batch(root, out, **QUICK)).items())] == [
        *["kept"] * 3,
        "done",
    ]
    focus_series(root / "film", out=tmp_path / "alone.ome.tif", **QUICK)
    assert same(maps(place), maps(tmp_path / "alone.ome.tif"))


def test_a_time_point_that_fails_is_blank_and_tried_again(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    write_film_of_files(root / "film", range(3))
    lost = root / "film" / "img_channel000_position000_time000000001_z002.tif"
    shutil.move(lost, tmp_path / lost.name)
    records = batch(root, out, **QUICK)
    assert [v for _, v in sorted(states(records).items())] == ["done", "failed", "done"]
    found = maps(out / "film.ome.tif")
    assert np.isnan(found["depth"][1]).all()
    assert not found["image"][1].any()
    assert not found["confidence"][1].any()
    assert np.isfinite(found["depth"][[0, 2]]).all()

    shutil.move(tmp_path / lost.name, lost)
    assert [v for _, v in sorted(states(batch(root, out, **QUICK)).items())] == [
        "kept",
        "done",
        "kept",
    ]
    focus_series(root / "film", out=tmp_path / "alone.ome.tif", **QUICK)
    assert same(maps(out / "film.ome.tif"), maps(tmp_path / "alone.ome.tif"))


def test_a_plate_remains_a_plate(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    write_plate(root / "plate.ome.zarr", {"B/2": 2, "C/10": 1})
    records = batch(root, out, format="zarr", **QUICK)
    assert [r.name.well for r in records] == ["B02", "B02", "C10"]
    for role in ("", "_depth", "_height", "_confidence"):
        plate = open_series(out / f"plate{role}.ome.zarr")
        assert [(p.well, p.name) for p in plate.positions] == [
            ("B02", "B02 field 0"),
            ("B02", "B02 field 1"),
            ("C10", "C10 field 0"),
        ]
    alone = focus_series(root / "plate.ome.zarr", **QUICK)
    plate = open_series(out / "plate.ome.zarr")
    for number, result in enumerate(alone.positions):
        image = plate.planes(next(i for i in plate if i.position == number))[0]
        assert np.array_equal(image, result.maps["image"][0, 0])


def test_files_that_change_while_they_are_read_fail(tmp_path, monkeypatch):
    root, out = tmp_path / "root", tmp_path / "out"
    write_stack(root / "s.tif", 0)
    stack = stacking.focus_series_steps

    def write_meanwhile(*args, **kwargs):
        write_stack(root / "s.tif", 1)
        return stack(*args, **kwargs)

    monkeypatch.setattr(stacking, "focus_series_steps", write_meanwhile)
    [record] = batch(root, out, **QUICK)
    assert record.state == "failed"
    assert "changed while" in record.why
    monkeypatch.undo()
    [record] = batch(root, out, **QUICK)
    assert record.state == "done"


def test_files_that_are_being_written_are_waited_for_once_and_left(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    write_stack(root / "old.tif", 0)
    write_stack(root / "young.tif", 1)
    write_stack(root / "younger.tif", 2)
    os.utime(root / "old.tif", (1e9, 1e9))
    later = (root / "younger.tif").stat().st_mtime + 3600
    os.utime(root / "younger.tif", (later, later))
    records = list(focus_batch(root, out, quiet=0.5, **QUICK))
    assert states(records) == {
        ("old.tif", 0, 0): "done",
        ("young.tif", 0, 0): "done",
        ("younger.tif", 0, 0): "left",
    }
    assert "still being written" in records[-1].why


def test_the_command_says_once_that_it_waits_and_how_many_have_notes(tmp_path, capsys):
    root, out = tmp_path / "root", tmp_path / "out"
    write_stack(root / "old.tif", 0)
    os.utime(root / "old.tif", (1e9, 1e9))
    write_stack(root / "copies.tif", 1)
    planes = tifffile.imread(root / "copies.tif")
    planes[1] = planes[0]  # which a note names
    tifffile.imwrite(root / "copies.tif", planes, photometric="minisblack")
    call = ["batch", str(root), "-o", str(out), "--quiet-time", "2", "--occlusion", "off"]
    assert main(call) == 0
    said = capsys.readouterr().out
    assert said.count("1 stack waits for 2 s until nothing is written to the files.") == 1
    noted = sum(bool(json.loads(file.read_text())["notes"]) for file in out.rglob("*.json"))
    assert (
        f"\n2 stacks done. {noted} ha{'s' if noted == 1 else 've'} notes (see index.html)." in said
    )
    assert main([*call, "--records"]) == 0
    [*_, last] = capsys.readouterr().out.splitlines()
    assert json.loads(last) == {"end": "0 stacks done, 2 done before."}


def test_watching_takes_stacks_that_come_and_ends(tmp_path, monkeypatch):
    from napari_focus_stack.batch import focus

    monkeypatch.setattr(focus, "LOOK", 0.05)
    root, out = tmp_path / "root", tmp_path / "out"
    root.mkdir()
    found = []
    write_stack(root / "first.tif", 0)
    for record in focus_batch(root, out, quiet=0, watch=0.03, **QUICK):
        found.append(record.name.source)
        if len(found) == 1:
            write_stack(root / "second.tif", 1)
    assert found == ["first.tif", "second.tif"]


def test_other_settings_are_refused_before_any_work(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    write_stack(root / "s.tif", 0)
    batch(root, out, **QUICK)
    before = times_of(out)
    with pytest.raises(SettingsError, match=r"s\.focusstack\.json.*method.*redo"):
        batch(root, out, method="depth", **QUICK)
    assert times_of(out) == before
    batch(root, out, threads=1, memory="3GB", **QUICK)  # neither changes a result
    assert times_of(out) == before


def test_clashes_are_refused_before_any_work(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    write_stack(root / "leaf.tif", 0)
    with pytest.raises(SettingsError, match="lies in"):
        batch(root, root / "out", **QUICK)
    out.mkdir()
    (out / "leaf_depth.ome.tif").write_bytes(b"of somebody else")
    with pytest.raises(OutputError, match="no earlier run wrote it"):
        batch(root, out, **QUICK)
    (out / "leaf_depth.ome.tif").unlink()
    write_stack(root / "LEAF.tiff", 1)
    with pytest.raises(SettingsError, match=r"'LEAF\.tiff' and 'leaf\.tif' .*upper and lower case"):
        batch(root, out, **QUICK)
    assert not list(out.rglob("*.tif"))


def test_litter_of_a_run_that_died_is_swept_and_one_batch_writes_at_a_time(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    write_stack(root / "s.tif", 0)
    write_stack(root / "t.tif", 1)
    (out / "A").mkdir(parents=True)
    (out / "A" / ".s.ome.tif.0123abcd.part").write_bytes(b"half")
    steps = focus_batch(root, out, quiet=0, **QUICK)
    next(steps)
    assert not list(out.rglob("*.part"))
    with pytest.raises(OutputError, match="Another batch is writing"):
        batch(root, out, **QUICK)
    steps.close()
    assert len(batch(root, out, **QUICK)) == 2


def test_the_report_of_a_stack_makes_it_again(tmp_path, capsys):
    root, out = tmp_path / "root", tmp_path / "out"
    write_film(root / "film.tif", 2)
    records = batch(root, out, method="depth", **QUICK)
    moved = tmp_path / "elsewhere"
    (tmp_path / "moved").mkdir()
    shutil.move(root, tmp_path / "moved" / "root")
    shutil.move(out, tmp_path / "moved" / "out")
    report = tmp_path / "moved" / "out" / records[-1].report
    assert Recipe.read(report).place["series"].endswith("film.tif")
    assert main(["--recipe", str(report), "-o", f"{moved}.tif"]) == 0


def test_what_is_excluded_is_neither_stacked_nor_named(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    for name in ("a/leaf.tif", "a/overview_1.tif", "old/leaf.tif"):
        write_stack(root / name, 0)
    (root / "torn").mkdir()
    (root / "torn" / "a.tif").write_bytes((root / "a/leaf.tif").read_bytes()[:5000])
    records = batch(root, out, exclude=["overview*", "old", "torn"], **QUICK)
    assert states(records) == {("a/leaf.tif", 0, 0): "done"}


def test_exit_codes_and_lines_of_the_command(tmp_path, capsys):
    root, out = tmp_path / "root", tmp_path / "out"
    root.mkdir()
    call = ["batch", str(root), "-o", str(out), "--quiet-time", "0", "--occlusion", "off"]
    assert main(call) == 2
    assert "no stack below" in capsys.readouterr().err
    write_stack(root / "good.tif", 0)
    assert main([*call, "--dry-run"]) == 0
    assert not list(out.rglob("*.tif"))
    listed = capsys.readouterr().out
    assert "good.tif: 6 planes of 80 x 64 uint16, z step 2 µm -> good.ome.tif" in listed
    assert "1 stack to do" in listed
    assert main(call) == 0
    (root / "bad.tif").write_bytes((root / "good.tif").read_bytes()[:5000])
    assert main([*call, "--records"]) == 3
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line[0] == "{"]
    assert [line["record"]["state"] for line in lines if "record" in line] == ["done", "failed"]
    assert "end" in lines[-1]
    assert main([*call, "--slab", "3"]) == 2
    assert "--slab" in capsys.readouterr().err


def test_a_root_that_is_one_stack_has_its_name(tmp_path, capsys):
    file = tmp_path / "leaf.tif"
    write_stack(file, 0)
    call = ["batch", str(file), "-o", str(tmp_path / "out"), "--quiet-time", "0"]
    assert main([*call, "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("leaf.tif: 6 planes")
    assert main([*call, "--occlusion", "off"]) == 0
    assert capsys.readouterr().out.startswith("1 of 1 leaf.tif (")


@pytest.mark.parametrize(
    ("name", "value"),
    [("quiet", 1e20), *itertools.product(("quiet", "watch"), (-1, math.nan, math.inf))],
)
def test_a_batch_waits_for_a_time_that_clocks_have(tmp_path, name: str, value: float) -> None:
    """A wait beyond the range of a system's clock raises OverflowError."""
    with pytest.raises(SettingsError, match=f"{name} .* must be"):
        focus_batch(tmp_path, tmp_path / "out", **{name: value})
