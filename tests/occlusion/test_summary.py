"""The summary of a run's occlusion is a value: each tile returns another, none changes one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from napari_focus_stack.occlusion.summary import OcclusionSummary, Why


def test_a_tile_adds_its_part_and_leaves_the_summary_before_it() -> None:
    before = OcclusionSummary()
    cover = np.zeros((80, 90), np.float32)
    cover[10:14, 20:26], cover[60:62, 70:73] = 0.5, 1.0
    first = before.with_part(cover, (100, 200))
    second = first.with_part(cover[:20], (300, 0))
    assert before == OcclusionSummary()
    assert (first.pixels, first.removed) == (30, pytest.approx(18))
    assert sorted(first.regions) == [(110, 114, 220, 226), (160, 162, 270, 273)]
    assert (second.pixels, len(second.regions)) == (54, 3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.pixels = 1  # type: ignore[misc]


def test_of_several_tiles_the_reason_that_came_last_counts() -> None:
    stopped = OcclusionSummary().stopped(Why.MEMORY, 2e9).stopped(Why.FLAT)
    assert (stopped.why, stopped.needed) == (Why.MEMORY, 2e9)
    assert stopped.stopped(Why.UNEXPLAINED).why is Why.UNEXPLAINED
    assert stopped.as_dict(7200) == {"found": False, "why": Why.MEMORY.value}
    assert "give about 2 GB" in stopped.notes(7200)[0]
