"""Batches in one folder one after the other: what a later run may rely on, and what it must not."""

from __future__ import annotations

import csv
import os
import sys
from typing import TYPE_CHECKING

import pytest
from batch.experiment import batch, maps, same, write_film, write_film_of_files, write_stack

from napari_focus_stack import InputError, OutputError, SettingsError, focus_batch, focus_series
from napari_focus_stack.batch import choice, results
from napari_focus_stack.batch.films import working_name
from napari_focus_stack.cli.main import main
from napari_focus_stack.series import steps

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

QUICK = {"occlusion": "off"}


def times_done(records) -> list[int]:
    return sorted(r.name.time for r in records if r.state == "done" and not r.kept)


def alone(root: Path, place: Path, **options: object) -> dict[str, np.ndarray]:
    """Return what a series gives by itself."""
    focus_series(root, out=place, **QUICK, **options)
    return maps(place)


@pytest.mark.parametrize("wanted", [{"time": "2:4"}, {"channel": [1]}, {}])
def test_results_of_another_part_of_the_series_are_not_mixed(tmp_path, wanted):
    root, out = tmp_path / "root", tmp_path / "out"
    write_film(root / "film.tif", 4)
    batch(root, out, time="0:2", channel=[0], **QUICK)
    before = maps(out / "film.ome.tif")
    with pytest.raises(SettingsError, match=r"made otherwise.*(time|channel)"):
        batch(root, out, **wanted, **QUICK)
    assert same(maps(out / "film.ome.tif"), before)


def test_all_done_again_goes_on_after_an_interruption(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    write_film_of_files(root / "film", range(3))
    write_stack(root / "s.tif", 0)
    batch(root, out, method="depth", **QUICK)
    again = focus_batch(root, out, quiet=0, redo=True, **QUICK)
    next(again)
    again.close()
    rest = batch(root, out, **QUICK)
    assert sum(r.kept for r in rest) == 1
    assert len(rest) == 4
    assert same(maps(out / "film.ome.tif"), alone(root / "film", tmp_path / "alone.ome.tif"))
    assert not [file for file in out.rglob(".*") if file.name.endswith(".working")]


def test_a_run_that_ends_between_two_names_of_a_film_is_gone_on_with(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    write_film_of_files(root / "film", range(2))
    batch(root, out, **QUICK)
    before = maps(out / "film.ome.tif")
    for name in ("film.ome.tif", "film_confidence.ome.tif"):
        (out / name).rename(working_name(out / name))
    assert all(r.kept for r in batch(root, out, **QUICK))
    assert same(maps(out / "film.ome.tif"), before)


def test_a_series_that_grows_is_listed_once(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    write_film_of_files(root / "film", range(1))
    batch(root, out, **QUICK)
    write_film_of_files(root / "film", range(1, 3))
    assert times_done(batch(root, out, **QUICK)) == [0, 1, 2]
    with (out / "summary.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row["time"] for row in csv.DictReader(file)] == ["0", "1", "2"]


def test_stacks_of_another_root_are_not_replaced(tmp_path):
    for k in (1, 2):
        write_stack(tmp_path / f"root{k}" / "a.tif", k)
    batch(tmp_path / "root1", tmp_path / "out", **QUICK)
    before = maps(tmp_path / "out" / "a.ome.tif")
    with pytest.raises(OutputError, match=r"of a stack in .*root1"):
        batch(tmp_path / "root2", tmp_path / "out", **QUICK)
    assert same(maps(tmp_path / "out" / "a.ome.tif"), before)


def test_a_defect_after_the_first_channel_marks_nothing_as_done(tmp_path, monkeypatch):
    root, out = tmp_path / "root", tmp_path / "out"
    write_film(root / "a.tif", 1)
    made, calls = results.pictures_of, []

    def defect(*maps_of_one):
        calls.append(1)
        if len(calls) == 2:
            raise ValueError("a defect")
        return made(*maps_of_one)

    monkeypatch.setattr(results, "pictures_of", defect)
    failed = batch(root, out, **QUICK)
    assert [r.state for r in failed] == ["failed", "failed"]
    assert "Internal error (ValueError: a defect)" in failed[0].why
    monkeypatch.undo()
    assert [r.state for r in batch(root, out, **QUICK)] == ["done", "done"]


def test_every_stack_of_a_task_that_fails_has_its_reason(tmp_path, monkeypatch):
    root, out = tmp_path / "root", tmp_path / "out"
    write_film_of_files(root / "film", range(3))
    (root / "film" / "img_channel000_position000_time000000001_z002.tif").unlink()

    def no_drift(*_):
        raise InputError("The drift cannot be found.")

    monkeypatch.setattr(steps, "film_drift", no_drift)
    records = batch(root, out, drift=True, **QUICK)
    assert sorted(r.name.time for r in records) == [0, 1, 2]
    assert {r.state for r in records} == {"failed"}
    assert sum("drift cannot be found" in r.why for r in records) == 2


def test_what_has_failed_is_not_tried_again_while_watching(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_focus_stack.batch.focus.LOOK", 0.05)
    root, out = tmp_path / "root", tmp_path / "out"
    write_film_of_files(root / "film", range(2))
    (root / "film" / "img_channel000_position000_time000000001_z002.tif").unlink()
    found = list(focus_batch(root, out, quiet=0, watch=0.02, **QUICK))
    assert [(r.name.time, r.state) for r in found] == [(0, "done"), (1, "failed")]


def test_settings_that_fit_no_stack_are_refused_and_those_that_fit_some_are_named(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    write_film_of_files(root / "film", range(2))
    with pytest.raises(SettingsError, match="crop would give every time point another size"):
        batch(root, out, crop=True, **QUICK)
    with pytest.raises(SettingsError, match="no channel 'nope'"):
        batch(root, out, channel=["nope"], **QUICK)
    with pytest.raises(SettingsError, match=r"memory 300.* is too little .* give at least"):
        batch(root, out, memory="300MB", **QUICK)
    write_stack(root / "s.tif", 0)
    records = batch(root, out, crop=True, **QUICK)
    assert {r.name.source: r.state for r in records} == {"s.tif": "done", "film": "failed"}


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text elsewhere")
def test_names_of_any_bytes_reach_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "WORTH_WORKERS", 0.0)
    root, out = tmp_path / "root", tmp_path / "out"
    for k in range(2):
        write_stack(root / f"s{k}.tif", k)
    os.rename(os.fsencode(root / "s1.tif"), os.fsencode(root) + b"/b\xe9.tif")
    records = batch(root, out, workers=2, **QUICK)
    assert [r.state for r in records] == ["done", "done"]
    assert len(list(out.glob("*.ome.tif"))) == 8


def test_what_a_reader_leaves_out_stands_with_every_stack(tmp_path, capsys):
    root, out = tmp_path / "root", tmp_path / "out"
    write_film_of_files(root / "film", range(2))
    (root / "film" / "odd.tif").write_bytes((root / "film").glob("*.tif").__next__().read_bytes())
    records = batch(root, out, **QUICK)
    assert all(any("odd.tif" in note for note in r.notes) for r in records)
    assert main(["batch", str(root), "-o", str(out), "--occlusion", "off", "--dry-run"]) == 0
    assert "odd.tif" in capsys.readouterr().out


def test_a_stack_that_fails_names_the_older_result_that_remains(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    write_film_of_files(root / "film", range(1))
    batch(root, out, **QUICK)
    (root / "film" / "img_channel000_position000_time000000000_z002.tif").write_bytes(b"torn")
    [record] = batch(root, out, **QUICK)
    assert record.state == "failed"
    assert record.why.endswith("The result of an earlier run is still there.")


def test_a_channel_that_fails_beside_another_has_no_older_result(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    write_film_of_files(root / "film", range(1))
    for file in sorted((root / "film").glob("*.tif")):
        file.with_name(file.name.replace("channel000", "channel001")).write_bytes(file.read_bytes())
    (root / "film" / "img_channel001_position000_time000000000_z002.tif").write_bytes(b"torn")
    for _ in range(2):  # the second run finds the image of the first, without this channel
        [failed] = [r for r in batch(root, out, **QUICK) if r.state == "failed"]
        assert failed.name.channel == 1
        assert "earlier run" not in failed.why


def test_a_file_that_is_torn_and_young_is_waited_for(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    write_stack(root / "good.tif", 0)
    (root / "torn.tif").write_bytes((root / "good.tif").read_bytes()[:5000])
    later = (root / "torn.tif").stat().st_mtime + 3600
    os.utime(root / "torn.tif", (later, later))
    records = list(focus_batch(root, out, quiet=0.3, **QUICK))
    assert {r.name.source: r.state for r in records} == {"good.tif": "done", "torn.tif": "left"}
    assert "still being written" in records[-1].why
