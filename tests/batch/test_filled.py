"""Batches of series whose names count time points on from position to position."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from batch.experiment import batch, maps, pixels

from napari_focus_stack import SettingsError
from napari_focus_stack.batch import filled
from napari_focus_stack.batch.filled import filled_spans, within
from napari_focus_stack.errors import InputError
from napari_focus_stack.series.model import Channel, Position, Series, StackIndex
from napari_focus_stack.series.selection import select

PATTERN = "{well}_t{t}_z{z}.tif"
QUICK = {"occlusion": "off", "pattern": PATTERN}


def write_well(folder: Path, number: int, time: int) -> None:
    """Write the stack of a well as files of one plane each."""
    folder.mkdir(parents=True, exist_ok=True)
    for z, plane in enumerate(pixels(number)):
        tifffile.imwrite(folder / f"B{number + 1:02d}_t{time}_z{z}.tif", plane)


def images(out: Path, kind: str, number: int) -> dict[str, np.ndarray]:
    """Return all maps of a well."""
    if kind == "tif":
        return maps(out / f"plate_B{number + 1:02d}.ome.tif")
    return {
        role: found
        for role in ("image", "depth")
        for part in [f"plate{'' if role == 'image' else '_depth'}.ome.zarr"]
        for found in [maps(out / part / "B" / str(number + 1) / "0")["image"]]
    }


@pytest.mark.parametrize("kind", ["tif", "zarr"])
def test_a_plate_with_a_time_for_each_well_is_a_batch_of_its_stacks(tmp_path, kind):
    root, out = tmp_path / "root", tmp_path / "out"
    for k in range(4):
        write_well(root / "plate", k, 10 + k)
    records = batch(root, out, format=kind, **QUICK)
    assert [(r.state, r.name.position, r.name.time) for r in records] == [
        ("done", k, k) for k in range(4)
    ]
    assert all("12 stacks lack planes and are not stacked" in r.notes[0] for r in records)
    for k in range(4):
        write_well(tmp_path / "alone" / "plate", k, 0)
    batch(tmp_path / "alone", tmp_path / "other", format=kind, **QUICK)
    for k in range(4):
        found, alone = images(out, kind, k), images(tmp_path / "other", kind, k)
        assert found.keys() == alone.keys()
        for role in alone:
            assert found[role].shape[:2] == (1, 1)
            np.testing.assert_array_equal(found[role], alone[role])
    write_well(root / "plate", 1, 12)
    again = batch(root, out, format=kind, **QUICK)
    assert [(r.state, r.kept, r.name.position, r.name.time) for r in again if not r.kept] == [
        ("done", False, 1, 2)
    ]
    assert len(again) == 5
    assert not np.isnan(images(out, kind, 1)["depth"][:2, 0]).all(axis=(1, 2)).any()
    assert len(batch(root, tmp_path / "one", time="2", format=kind, **QUICK)) == 2


def test_stacks_without_files_that_would_fill_the_memory_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(filled, "_MOST_PLANNED", 12)
    for k in range(6):
        write_well(tmp_path / "root" / "plate", k, 0)
        write_well(tmp_path / "root" / "plate", k, k)
    with pytest.raises(SettingsError, match="count 36 stacks, of which 11 have files"):
        batch(tmp_path / "root", tmp_path / "out", **QUICK)


def sparse_series(files: np.ndarray) -> Series:
    """Return a series of which some stacks (position, time, channel) have files."""
    _, times, channels = files.shape
    place = Position("", times, (Channel(),) * channels, 2, (8, 8), np.dtype("uint8"))
    return Series(
        Path("sparse"),
        "test",
        [place] * len(files),
        lambda _: pytest.fail("nothing is read"),
        stack_files=lambda index: (
            [Path("file")] if files[index.position, index.time, index.channel] else []
        ),
    )


@pytest.mark.parametrize("seed", range(20))
def test_no_stack_with_files_is_left_out_and_others_only_where_they_are_most(seed):
    rng = np.random.default_rng(seed)
    files = rng.random((5, 9, 2)) < rng.choice([0.03, 0.08, 0.3])
    series = sparse_series(files)
    part = within(series, filled_spans(series))
    planned = {part.original(index) for index in part}
    with_files = {StackIndex(*map(int, place)) for place in np.argwhere(files)}
    assert with_files <= planned
    assert len(part) == len(series) or 2 * len(part) <= len(series)
    ends = [position.times for position in part.positions]
    assert len(ends) == 5  # one without any file fails, with its reason
    times = slice(2, 7)
    selected = select(series, times="2:7")
    within_both = {one for one in planned if one.time in range(9)[times]}
    if within_both:
        some = within(selected, filled_spans(series))
        assert {some.original(index) for index in some} == within_both
    else:
        with pytest.raises(InputError, match="None of its stacks"):
            within(selected, filled_spans(series))
