"""A batch from object storage to object storage, on a real server and a real cluster."""

from __future__ import annotations

import numpy as np
import pytest
from batch.experiment import batch, write_plate
from batch.test_earlier_maps import STAYS, die, write_other_planes, write_two_channels
from cloud import BUCKET, assert_one_sentence
from long_runs import only_long

from napari_focus_stack import FocusStackError, OutputError, focus_series, open_series
from napari_focus_stack.batch import choice
from napari_focus_stack.batch.markers import read_markers
from napari_focus_stack.batch.results import TaskResults
from napari_focus_stack.io.placed_image import open_placed_image
from napari_focus_stack.io.places import as_place

QUICK = {"occlusion": "off"}


@pytest.mark.parametrize("work", ["in this process", *only_long("in workers")])
def test_a_plate_on_object_storage_becomes_a_plate_there(tmp_path, s3, monkeypatch, work):
    if work == "in workers":
        monkeypatch.setattr(choice, "WORTH_WORKERS", 0.0)
    write_plate(tmp_path / "plate.ome.zarr", {"B/2": 1, "C/3": 2})
    root, out = f"s3://{BUCKET}/{work}/in", f"s3://{BUCKET}/{work}/out"
    copied = as_place(root)
    copied.fs.put(str(tmp_path), copied.path, recursive=True)

    records = batch(root, out, format="zarr", workers=2, **QUICK)
    assert [r.why for r in records if r.state != "done"] == []
    assert [r.name.well for r in sorted(records, key=lambda r: r.report)] == ["B02", "C03", "C03"]
    alone = focus_series(tmp_path / "plate.ome.zarr", **QUICK)
    for role in ("image", "depth", "height", "confidence"):
        name = "plate.ome.zarr" if role == "image" else f"plate_{role}.ome.zarr"
        plate = open_series(f"{out}/{name}")
        for place, result in zip(plate, alone.positions, strict=True):
            found = plate.planes(place)[0]
            assert np.array_equal(found, result.maps[role][0, 0], equal_nan=True)
    names = {one.name for one in as_place(out).iterdir()}
    assert {"index.html", "summary.csv", "reports", "thumbs"} <= names

    as_place(f"{out}/{records[0].report}").unlink()  # as if it had died before its marker
    again = batch(root, out, format="zarr", **QUICK)
    assert sum(r.kept for r in again) == 2
    assert len(again) == 3


def test_what_object_storage_refuses_is_said_in_one_sentence(tmp_path, s3):
    root = f"s3://{BUCKET}/none"
    with pytest.raises(FocusStackError) as nothing:
        batch(root, f"s3://{BUCKET}/out", format="zarr", **QUICK)
    assert "none" in str(nothing.value)
    with pytest.raises(FocusStackError) as no_bucket:
        batch("s3://nobodys/in", f"s3://{BUCKET}/out", format="zarr", **QUICK)
    assert_one_sentence(str(no_bucket.value))
    write_plate(tmp_path / "plate.ome.zarr", {"B/2": 1})
    with pytest.raises(OutputError) as nowhere:
        batch(tmp_path, "s3://nobodys/out", format="zarr", **QUICK)
    assert_one_sentence(str(nowhere.value))
    with s3.denying(), pytest.raises(FocusStackError, match="access is denied") as denied:
        read_markers(as_place(f"s3://{BUCKET}/out"))
    assert_one_sentence(str(denied.value))
    with pytest.raises(FocusStackError, match="--format zarr"):
        batch(tmp_path, f"s3://{BUCKET}/out", **QUICK)


def test_an_image_on_object_storage_outlives_a_run_that_died(tmp_path, s3, monkeypatch):
    root, out = tmp_path / "root", f"s3://{BUCKET}/kept"
    planes = write_two_channels(root / "film")
    batch(root, out, format="zarr", **QUICK)
    depth = open_placed_image(as_place(f"{out}/film_depth.ome.zarr"))
    before = depth.read(0, 1)
    planes[2].write_bytes(b"torn")
    write_other_planes(root / "film")
    with monkeypatch.context() as patched:
        patched.setattr(TaskResults, "finish", die)
        with pytest.raises(KeyboardInterrupt):
            batch(root, out, format="zarr", **QUICK)
    [failed] = [r for r in batch(root, out, format="zarr", **QUICK) if r.state == "failed"]
    assert failed.why.endswith(STAYS)
    np.testing.assert_array_equal(depth.read(0, 1), before)
