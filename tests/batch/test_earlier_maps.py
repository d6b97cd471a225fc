"""Images of an earlier run outlive a run in which their stack fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from batch.experiment import batch, maps, results, write_film_of_files, write_stack

from napari_focus_stack.batch import stacking

if TYPE_CHECKING:
    from pathlib import Path

QUICK = {"occlusion": "off"}
STAYS = "The result of an earlier run is still there."


def write_two_channels(folder: Path) -> list[Path]:
    """Write one time point of two channels; return the planes of the second."""
    write_film_of_files(folder, range(1))
    for file in sorted(folder.glob("*.tif")):
        file.with_name(file.name.replace("channel000", "channel001")).write_bytes(file.read_bytes())
    return sorted(folder.glob("*channel001*.tif"))


@pytest.mark.parametrize("kind", ["tif", "zarr"])
def test_a_channel_that_fails_beside_another_keeps_its_older_result(tmp_path, kind):
    root, out = tmp_path / "root", tmp_path / "out"
    planes = write_two_channels(root / "film")
    assert [record.state for record in batch(root, out, format=kind, **QUICK)] == ["done", "done"]
    [image] = [place for place in out.glob("film*.ome.*") if "_" not in place.name]
    before = maps(image)
    planes[2].write_bytes(b"torn")
    for _ in range(2):
        records = batch(root, out, format=kind, redo=True, method="depth", **QUICK)
        assert [record.state for record in records] == ["failed", "done"]
        assert records[0].name.channel == 1
        assert records[0].why.endswith(STAYS)
        after = maps(image)
        for role in before:
            np.testing.assert_array_equal(after[role][0, 1], before[role][0, 1], err_msg=role)
        assert not np.array_equal(after["image"][0, 0], before["image"][0, 0])


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
