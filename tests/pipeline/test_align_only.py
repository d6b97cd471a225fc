"""A stack that is aligned and nothing else."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import tifffile
from scenes import picture

from napari_focus_stack import align_stack, focus_stack
from napari_focus_stack._utils.steps import drain
from napari_focus_stack.errors import Cancelled
from napari_focus_stack.io.sources import ArraySource, Spacing
from napari_focus_stack.pipeline.align_only import align_only_steps
from napari_focus_stack.settings import Settings

SHAPE, ROOM = (160, 200), 12
SHIFTS = ((3, -4), (0, 0), (-5, 2), (7, 6))
"""Of planes against plane 1, in whole pixels (y, x)."""


def moved_planes(dtype=np.uint16, colour=False):
    """One picture, seen from where the camera had moved to; every plane as sharp."""
    whole = picture("brick", *(side + 2 * ROOM for side in SHAPE)) * 20_000
    planes = [
        whole[ROOM + y : ROOM + y + SHAPE[0], ROOM + x : ROOM + x + SHAPE[1]] for y, x in SHIFTS
    ]
    stack = np.stack(planes)
    return (np.stack([stack, stack / 2, stack / 4], -1) if colour else stack).astype(dtype)


def aligned(planes, **options):
    steps = align_only_steps(
        ArraySource(planes, spacing=Spacing(1.0, 1.0, 2.0, "um")),
        Settings(align="shift", reference=1, **options),
    )
    seen = []
    return drain(steps, seen.append), seen


def recorded(k):
    """Rows and columns of the reference that plane `k` shows, a pixel less on each side."""
    return tuple(
        slice(max(s, 0) + 1, side + min(s, 0) - 1) for s, side in zip(SHIFTS[k], SHAPE, strict=True)
    )


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_planes_lie_over_the_reference_and_keep_their_type(dtype, colour):
    planes = moved_planes(dtype, colour)
    result, _ = aligned(planes)
    np.testing.assert_array_equal(result[1], planes[1])
    contrast = planes[1].std()
    for k in (0, 2, 3):
        found = result[k]
        assert found.dtype == dtype
        assert found.shape == planes[1].shape
        here = recorded(k)
        off = found[here].astype(float) - planes[1][here]
        before = planes[k][here].astype(float) - planes[1][here]
        assert off.std() < 0.02 * contrast < before.std()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_what_a_plane_did_not_record_is_empty(dtype):
    result, _ = aligned(moved_planes(dtype) + dtype(100))
    (y, x), found = SHIFTS[3], result[3]
    for empty in (found[: y - 1], found[:, : x - 1]):
        assert np.isnan(empty).all() if dtype == np.float32 else not empty.any()
    assert (found[recorded(3)] >= 100).all()


def test_a_plane_of_something_else_is_empty_and_named():
    planes = moved_planes()
    planes[2] = np.random.default_rng(0).integers(0, 20_000, SHAPE)
    result, _ = aligned(planes)
    assert not result[2].any()
    assert any(note.startswith("Plane 2 ('plane 2') was left out") for note in result.notes)
    assert result[0].any()


def test_progress_counts_the_planes_to_its_end():
    result, seen = aligned(moved_planes())
    assert len(result) == len(SHIFTS)
    assert result.spacing == Spacing(1.0, 1.0, 2.0, "um")
    assert {step.step for step in seen} == {"align"}
    assert [step.done for step in seen] == list(range(len(seen)))
    assert seen[-1].done == seen[-1].total - 1


def test_it_can_be_cancelled():
    cancel = threading.Event()
    steps = align_only_steps(ArraySource(moved_planes()), Settings(), cancel=cancel)
    next(steps)
    cancel.set()
    with pytest.raises(Cancelled):
        list(steps)


def test_files_of_the_planes_do_not_count_as_files_of_the_aligned_ones(tmp_path):
    """A recipe of what was stacked from aligned planes would fuse the planes as recorded."""
    for k, plane in enumerate(moved_planes()):
        tifffile.imwrite(tmp_path / f"{k}.tif", plane)
    planes = align_stack(tmp_path, align="shift", reference=1)
    assert len(planes.inputs) == len(SHIFTS)
    assert focus_stack(planes, align="none").report.inputs == []
    assert any("not record are 0" in note for note in planes.notes)
    again = align_stack(tmp_path, transforms=planes.transforms)
    np.testing.assert_array_equal(again.transforms, planes.transforms)
    np.testing.assert_array_equal(again[0], planes[0])
