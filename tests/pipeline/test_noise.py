"""Noise of a run: measured on kept parts of planes as on whole ones, and seldom read again."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
from scenes import picture

from napari_focus_stack._utils.steps import drain
from napari_focus_stack.alignment.registered_stack import RegisteredStack
from napari_focus_stack.imgproc import noise as measuring
from napari_focus_stack.imgproc.noise import Noise, NoiseEstimator, middle, noise_pairs
from napari_focus_stack.imgproc.transforms import both_recorded
from napari_focus_stack.io.sources import ArraySource
from napari_focus_stack.pipeline import noise as keeping
from napari_focus_stack.pipeline.noise import CentralParts, measure_noise_steps
from napari_focus_stack.pipeline.run import Run
from napari_focus_stack.settings import Settings

PLANES, SIDE, REACH = 9, 240, 24


def noisy(dtype: str, colour: tuple[int, ...], step: float) -> tuple[np.ndarray, np.ndarray]:
    """Planes that move by a step each, with noise of their own; and their transforms."""
    rng = np.random.default_rng(4)
    whole = picture("gravel", SIDE + 2 * REACH, SIDE + 2 * REACH)
    matrices = np.tile(np.eye(3), (PLANES, 1, 1))
    matrices[:, 0, 2] = step * (np.arange(PLANES) - PLANES // 2)
    planes = []
    for matrix in matrices:
        left = REACH - round(matrix[0, 2])
        seen = whole[REACH : REACH + SIDE, left : left + SIDE] * 180 + 30
        light = np.stack([seen] * 3, -1) if colour else seen
        recorded = light + rng.normal(0, 2, light.shape)
        if colour == (4,):
            recorded = np.dstack([recorded, np.where(np.arange(SIDE) < 20, 0.0, 255.0 + 0 * seen)])
        if dtype == "float32":
            recorded[100:110, 90:130] = np.nan
        planes.append(np.clip(recorded, 0, 255).astype(dtype))
    return np.stack(planes), matrices


def measured(planes: np.ndarray, matrices: np.ndarray) -> tuple[Noise, RegisteredStack, list[int]]:
    """Noise on parts that are kept of all planes, and the planes that are read once more."""
    run, again = Run(ArraySource(planes), Settings()), []

    def read(k: int) -> np.ndarray:
        again.append(k)
        return run.read(k)

    stack = RegisteredStack(run.source, matrices, read=read)
    with closing(CentralParts(run.source)) as parts:
        for k in range(PLANES):
            parts.keep(k, run.read(k))
        noise = drain(measure_noise_steps(run, stack, stack.planes, parts))
    return noise, stack, sorted(again)


def on_whole_planes(stack: RegisteredStack) -> Noise:
    estimator = NoiseEstimator()
    for i in noise_pairs(PLANES):
        pair = [stack.plane(k).colour(middle(stack.field)) for k in (i, i + 1)]
        (first, recorded), (second, too) = pair
        estimator.add(first, second, both_recorded(recorded, too))
    return estimator.noise(1 / 12 if stack.source.dtype.kind in "ui" else 0.0)


@pytest.mark.parametrize(("step", "read"), [(0.0, []), (1.5, []), (6.0, [0, 1, 2, 6, 7, 8])])
@pytest.mark.parametrize(
    ("dtype", "colour"),
    [("uint8", (3,)), ("uint8", (4,)), ("uint16", ()), ("float32", ()), ("float32", (3,))],
)
def test_kept_parts_show_the_noise_of_whole_planes(
    dtype: str,
    colour: tuple[int, ...],
    step: float,
    read: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measuring, "LARGEST_SIDE", 128)
    monkeypatch.setattr(keeping, "MARGIN", 16)  # the outer planes of the last stack move farther
    noise, stack, again = measured(*noisy(dtype, colour, step))
    assert again == read
    expected = on_whole_planes(stack)
    rel = (
        0.05 if dtype == "float32" else 1e-3
    )  # four blocks, and gaps are filled a little otherwise
    assert noise.deviation(120.0) == pytest.approx(expected.deviation(120.0), rel=rel)
    assert noise.colour == pytest.approx(expected.colour, rel=rel)
    for found, level in zip(noise.opponent, expected.opponent, strict=True):
        assert found == pytest.approx(level, rel=rel)


def test_planes_are_read_again_where_another_took_no_part() -> None:
    source, matrices = noisy("uint16", (), 0.0)
    matrices[0] = np.nan
    noise, _, again = measured(source, matrices)
    needed = {k + 1 for first in noise_pairs(PLANES - 1) for k in (first, first + 1)}
    kept = {k for first in noise_pairs(PLANES) for k in (first, first + 1)}
    assert again == sorted(needed - kept) != []
    assert noise.deviation(120.0) == pytest.approx(2.0, rel=0.3)
