"""A run's parts apart: questions change nothing, and progress comes from a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from scenes import picture

from napari_focus_stack._utils.steps import drain
from napari_focus_stack.alignment.registered_stack import RegisteredStack
from napari_focus_stack.io.file_source import FileSource
from napari_focus_stack.io.reading import read_stack
from napari_focus_stack.io.sources import ArraySource
from napari_focus_stack.pipeline import run as run_module
from napari_focus_stack.pipeline import survey
from napari_focus_stack.pipeline.align_only import align_only_steps
from napari_focus_stack.pipeline.progress_plan import ProgressPlan
from napari_focus_stack.pipeline.run import Run
from napari_focus_stack.pipeline.stack import stack_steps
from napari_focus_stack.pipeline.tiling import fusion_rounds, plan_tiling
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def source(count: int = 6, side: int = 96) -> ArraySource:
    plane = np.rint(picture("gravel", side, side) * 255).astype(np.uint8)
    return ArraySource(np.stack([plane] * count))


def test_the_question_of_tiles_changes_no_progress() -> None:
    run = Run(source(), Settings(values="recorded", memory=10**9))
    first = run.begin("align", 0)
    for _ in range(3):
        assert fusion_rounds(run, plan_tiling(run)) == 2
    assert run.begin("align", 1).total == max(first.total, 2)


@pytest.mark.parametrize("picks", [False, True])
def test_every_planned_plane_comes_and_no_other(picks: bool) -> None:
    settings = Settings(align="none", values="recorded" if picks else "fused", occlusion="off")
    seen = list(stack_steps(source(), settings))
    assert [step.done for step in seen] == list(range(len(seen)))
    assert seen[-1].total == len(seen)
    assert sum(step.step == "fuse" for step in seen) == 6 * (2 if picks else 1)


def test_an_alignment_alone_plans_no_fusion() -> None:
    seen = list(align_only_steps(source(), Settings()))
    assert {step.step for step in seen} == {"align"}
    assert seen[-1].total == len(seen)


def test_a_plan_that_changes_keeps_what_is_done() -> None:
    plan = ProgressPlan(4)
    plan.plan_fusion(2)
    plan.expect(4)
    assert plan.begin("align", 0).total == 12
    plan.continue_with(3, measured=1)  # one plane was left out
    assert plan.begin("measure", 0).total == 1 + 2 * 3 + 1
    plan.plan_fusion(5)
    assert plan.begin("fuse", 0).total == 1 + 5 * 3 + 1


def test_a_survey_is_made_once_with_the_noise_that_was_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = []

    class Noted(survey.Survey):
        def __init__(self, *found: object) -> None:
            made.append(found)
            super().__init__(*found)

    monkeypatch.setattr(survey, "Survey", Noted)
    rng = np.random.default_rng(1)
    planes = [np.rint(source()[0] + rng.normal(0, 3, (96, 96))) for _ in range(6)]
    noisy = ArraySource(np.clip(planes, 0, 255).astype(np.uint8))
    drain(stack_steps(noisy, Settings(align="none", occlusion="off")))
    [(_, stack, noise, *_)] = made
    assert isinstance(stack, RegisteredStack)
    assert noise.deviation(128.0) == pytest.approx(3, rel=0.2)


@pytest.mark.parametrize(("most", "memory", "times"), [(None, None, 1), (0, None, 2), (None, 1, 2)])
def test_small_stacks_of_files_are_decoded_once_where_memory_allows(
    most: int | None,
    memory: int | None,
    times: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for k in range(3):
        tifffile.imwrite(tmp_path / f"plane{k}.tif", np.full((64, 64), k, np.uint8))
    decoded: list[int] = []
    decode = FileSource.__getitem__
    monkeypatch.setattr(FileSource, "__getitem__", lambda s, k: decoded.append(k) or decode(s, k))
    if most is not None:
        monkeypatch.setattr(run_module, "MOST_KEPT", most)
    run = Run(read_stack(tmp_path), Settings(memory=memory))
    first, second = ([run.read(k) for k in range(3)] for _ in range(2))
    assert decoded == list(range(3)) * times
    np.testing.assert_array_equal(first, second)


def test_planes_of_the_caller_stay_writable() -> None:
    planes = [np.zeros((32, 32), np.uint8) for _ in range(3)]
    read = Run(ArraySource(planes), Settings()).read(0)
    with pytest.raises(ValueError, match="read-only"):
        read[0] = 1
    planes[0][0] = 1
