"""A run's parts apart: questions change nothing, and progress comes from a plan."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import picture

from napari_focus_stack._utils.steps import drain
from napari_focus_stack.alignment.registered_stack import RegisteredStack
from napari_focus_stack.io.sources import ArraySource
from napari_focus_stack.pipeline import survey
from napari_focus_stack.pipeline.align_only import align_only_steps
from napari_focus_stack.pipeline.progress_plan import ProgressPlan
from napari_focus_stack.pipeline.run import Run
from napari_focus_stack.pipeline.stack import stack_steps
from napari_focus_stack.pipeline.tiling import fusion_rounds, plan_tiling
from napari_focus_stack.settings import Settings


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
