"""Images of an earlier run outlive a run in which their stack fails."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from batch.experiment import (
    batch,
    maps,
    pixels,
    results,
    same,
    write_film_of_files,
    write_stack,
)

from napari_focus_stack.batch import stacking
from napari_focus_stack.batch.folder import claim, own_folder
from napari_focus_stack.batch.planning import plan_batch
from napari_focus_stack.batch.results import TaskResults
from napari_focus_stack.batch.tasks import BatchOrder
from napari_focus_stack.series.series_settings import SeriesSettings
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from napari_focus_stack.batch.tasks import StackTask

QUICK: dict[str, Any] = {"occlusion": "off"}
STAYS = "The result of an earlier run is still there."
GONE = "What an earlier run made of it, with other settings or not to its end, is blank now,"


def write_two_channels(folder: Path) -> list[Path]:
    """Write one time point of two channels; return the planes of the second."""
    write_film_of_files(folder, range(1))
    for file in sorted(folder.glob("*.tif")):
        file.with_name(file.name.replace("channel000", "channel001")).write_bytes(file.read_bytes())
    return sorted(folder.glob("*channel001*.tif"))


def write_other_planes(folder: Path) -> None:
    """Record the first channel anew, so that its time point is stacked again."""
    for z, plane in enumerate(pixels(1)):
        tifffile.imwrite(folder / f"img_channel000_position000_time000000000_z{z:03d}.tif", plane)


@pytest.mark.parametrize("kind", ["tif", "zarr"])
@pytest.mark.parametrize("redo", [False, True])
def test_a_channel_that_fails_beside_another_keeps_its_older_result(tmp_path, kind, redo):
    root, out = tmp_path / "root", tmp_path / "out"
    planes = write_two_channels(root / "film")
    assert [record.state for record in batch(root, out, format=kind, **QUICK)] == ["done", "done"]
    before = maps(out / f"film.ome.{kind}")
    planes[2].write_bytes(b"torn")
    write_other_planes(root / "film")
    for _ in range(2):
        records = batch(root, out, format=kind, redo=redo, **QUICK)
        assert [record.state for record in records] == ["failed", "done"]
        assert records[0].name.channel == 1
        assert records[0].why.endswith(STAYS)
        after = maps(out / f"film.ome.{kind}")
        for role in before:
            np.testing.assert_array_equal(after[role][0, 1], before[role][0, 1], err_msg=role)
        assert not np.array_equal(after["image"][0, 0], before["image"][0, 0])


@pytest.mark.parametrize("kind", ["tif", "zarr"])
@pytest.mark.parametrize("others", [{"z_step": 3.0}, {"method": "depth"}, {"moved": True}], ids=str)
def test_a_channel_that_fails_keeps_nothing_that_was_made_otherwise(tmp_path, kind, others):
    """A file says of all of its channels what it says of one: settings, and what was recorded."""
    root, out = tmp_path / "root", tmp_path / "out"
    planes = write_two_channels(root / "film")
    batch(root, out, format=kind, **{"z_step": 1.0} | QUICK)
    if "moved" in others:
        root = (tmp_path / "root").rename(tmp_path / "elsewhere")
        planes = [root / "film" / plane.name for plane in planes]
    now = {"format": kind, "z_step": 1.0} | QUICK | others
    now.pop("moved", None)
    planes[2].write_bytes(b"torn")
    [failed] = [one for one in batch(root, out, redo=True, **now) if one.state == "failed"]
    assert failed.name.channel == 1
    assert STAYS not in failed.why
    assert GONE in failed.why
    after = maps(out / f"film.ome.{kind}")
    assert np.isnan(after["depth"][0, 1]).all()
    assert np.isnan(after["height"][0, 1]).all()
    assert not after["image"][0, 1].any()
    assert not np.isnan(after["depth"][0, 0]).all()


def test_a_failure_of_all_channels_gives_their_older_result_no_other_settings(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    write_two_channels(root / "film")
    batch(root, out, **QUICK)
    before = maps(out / "film.ome.tif")
    for file in (root / "film").glob("*z002.tif"):
        file.write_bytes(b"torn")
    for settings in ({}, {"method": "depth"}):
        records = batch(root, out, redo=True, **settings, **QUICK)
        assert all(record.why.endswith(STAYS) for record in records)
        assert same(maps(out / "film.ome.tif"), before)
    write_other_planes(root / "film")
    [failed] = [one for one in batch(root, out, method="depth", **QUICK) if one.state == "failed"]
    assert STAYS not in failed.why
    assert np.isnan(maps(out / "film.ome.tif")["depth"][0, 1]).all()


def die(*_: object) -> None:
    """End a task as the death of its process does: nothing is caught, nothing completed."""
    raise KeyboardInterrupt


@pytest.mark.parametrize("kind", ["tif", "zarr"])
@pytest.mark.parametrize("redo", [False, True])
@pytest.mark.parametrize("lost", ["reports", "at the start", "before the end", "twice"])
def test_no_image_goes_with_the_report_that_told_how_it_was_made(
    tmp_path, monkeypatch, kind, redo, lost
):
    root, out = tmp_path / "root", tmp_path / "out"
    planes = write_two_channels(root / "film")
    now = {"format": kind, "redo": redo} | QUICK
    batch(root, out, **now)
    before = maps(out / f"film.ome.{kind}")
    planes[2].write_bytes(b"torn")
    write_other_planes(root / "film")
    if lost == "reports":
        shutil.rmtree(out / "reports")
    else:
        steps = {"at the start": ["open"], "before the end": ["finish"], "twice": ["finish"] * 2}
        for step in steps[lost]:
            with monkeypatch.context() as patched:
                patched.setattr(TaskResults, step, die)
                with pytest.raises(KeyboardInterrupt):
                    batch(root, out, **now)
    for _ in range(2):
        [failed] = [one for one in batch(root, out, **now) if one.state == "failed"]
        assert failed.name.channel == 1
        assert failed.why.endswith(STAYS)
        after = maps(out / f"film.ome.{kind}")
        for role in before:
            np.testing.assert_array_equal(after[role][0, 1], before[role][0, 1], err_msg=role)
        assert not np.array_equal(after["image"][0, 0], before["image"][0, 0])


@pytest.mark.parametrize("others", [{}, {"method": "depth"}], ids=["same", "others"])
def test_half_a_channel_of_a_dead_process_is_no_result_of_an_earlier_run(
    tmp_path, monkeypatch, others
):
    """A store is written in its place: what a process began to write is neither old nor whole."""
    root, out = tmp_path / "root", tmp_path / "out"
    planes = write_two_channels(root / "film")
    now = {"format": "zarr", "redo": True} | QUICK
    batch(root, out, **now)
    with monkeypatch.context() as patched:
        patched.setattr(TaskResults, "finish", die)
        with pytest.raises(KeyboardInterrupt):
            batch(root, out, **now, **others)
    planes[2].write_bytes(b"torn")
    [failed] = [one for one in batch(root, out, **now) if one.state == "failed"]
    assert GONE in failed.why
    assert np.isnan(maps(out / "film.ome.zarr")["depth"][0, 1]).all()
    [failed] = [one for one in batch(root, out, **now) if one.state == "failed"]
    assert GONE not in failed.why
    assert STAYS not in failed.why


def interrupted(order: BatchOrder, monkeypatch: pytest.MonkeyPatch) -> StackTask:
    """Let a process die when all images of a batch of one task are written; return the task."""
    [task] = plan_batch(order, redo=True).tasks
    claim(order)
    with monkeypatch.context() as patched:
        patched.setattr(TaskResults, "finish", die)
        with pytest.raises(KeyboardInterrupt):
            stacking.stack_task(order, task)
    return task


@pytest.mark.parametrize("kind", ["tif", "zarr"])
def test_what_a_dead_process_left_is_no_result_of_an_earlier_run(tmp_path, monkeypatch, kind):
    root, out = tmp_path / "root", tmp_path / "out"
    write_stack(root / "s.tif", 0)
    order = BatchOrder(
        root=str(root),
        out=str(out),
        settings=Settings(),
        series_settings=SeriesSettings(),
        format=kind,
        run="one",
    )
    with own_folder(out):
        task = interrupted(order, monkeypatch)
        [lost] = stacking.lost_task(order, task, 3)
        assert lost.why.endswith("whether its files are sound.")
        whole = (root / "s.tif").read_bytes()
        (root / "s.tif").write_bytes(whole[:-9000])
        [failed] = stacking.stack_task(order, task)
        assert failed.state == "failed"
        assert STAYS not in failed.why
        (root / "s.tif").write_bytes(whole)
        [task] = plan_batch(order, redo=True).tasks
        [done] = stacking.stack_task(order, task)
        assert done.state == "done"
        [lost] = stacking.lost_task(order, task, 3)  # of workers that died before they wrote
        assert lost.why.endswith(STAYS)
        [lost] = stacking.lost_task(order, interrupted(order, monkeypatch), 3)
        assert lost.why.endswith(STAYS) == (kind == "tif")  # a store is written in its place


def test_an_image_of_another_channel_is_not_kept(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    planes = write_two_channels(root / "film")
    for plane in planes:
        plane.with_name(plane.name.replace("channel001", "channel002")).write_bytes(
            plane.read_bytes()
        )
    batch(root, out, channel=[0, 1], **QUICK)
    for plane in (root / "film").glob("*channel002*z002.tif"):
        plane.write_bytes(b"torn")
    records = batch(root, out, redo=True, channel=[0, 2], **QUICK)
    [failed] = [record for record in records if record.state == "failed"]
    assert STAYS not in failed.why
    assert np.isnan(maps(out / "film.ome.tif")["depth"][0, 1]).all()


def test_files_that_change_while_they_are_read_leave_the_older_result(tmp_path, monkeypatch):
    root, out = tmp_path / "root", tmp_path / "out"
    write_stack(root / "s.tif", 0)
    batch(root, out, **QUICK)
    before = results(out)
    steps = stacking.focus_series_steps

    def write_meanwhile(*args, **kwargs):
        write_stack(root / "s.tif", 1)
        return steps(*args, **kwargs)

    monkeypatch.setattr(stacking, "focus_series_steps", write_meanwhile)
    [record] = batch(root, out, redo=True, **QUICK)
    assert "changed while" in record.why
    assert record.why.endswith(STAYS)
    assert results(out) == before
