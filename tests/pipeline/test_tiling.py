"""Tiles cover the field once, fit into the memory that was given, and leave no seams."""

from __future__ import annotations

import dataclasses
import math
import re
import tracemalloc
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from long_runs import examples
from scenes import picture

from napari_focus_stack import Settings, focus_stack, stack_steps
from napari_focus_stack._utils.steps import drain
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.io.sources import ArraySource
from napari_focus_stack.pipeline import tiling as tilings
from napari_focus_stack.pipeline.memory_needs import (
    THREAD_BYTES,
    MemoryNeeds,
    PlaneKind,
    memory_needs,
    pixel_bytes,
    with_threads,
)
from napari_focus_stack.pipeline.occlusion_memory import PatchMemory
from napari_focus_stack.pipeline.run import Run
from napari_focus_stack.pipeline.tiles import (
    GRID,
    TILE_MARGIN,
    Tiling,
    cut,
    least_memory,
    needed_memory,
)
from napari_focus_stack.pipeline.tiling import plan_tiling

PIXEL = 60.0


def area_of(window: tuple[slice, slice]) -> int:
    return (window[0].stop - window[0].start) * (window[1].stop - window[1].start)


@settings(deadline=None)
@given(
    st.tuples(st.integers(8, 9000), st.integers(8, 9000)),
    st.integers(60 * 10**6, 3 * 10**9),
)
def test_tiles_cover_the_field_once_and_fit(shape: tuple[int, int], limit: int) -> None:
    alone = 10**6
    tiling = cut(shape, limit, MemoryNeeds(PIXEL, 5 * 10**6, alone, alone))
    covered = np.zeros([-(-side // GRID) for side in shape], int)
    for tile in tiling.tiles:
        for inner, outer, side in zip(tile.inner, tile.outer, shape, strict=True):
            assert outer.start == max(0, inner.start - TILE_MARGIN) or tiling.whole
            assert outer.stop == min(side, inner.stop + TILE_MARGIN) or tiling.whole
            assert inner.start % GRID == 0
            assert inner.stop % GRID == 0 or inner.stop == side
        rows, cols = (slice(s.start // GRID, -(-s.stop // GRID)) for s in tile.inner)
        covered[rows, cols] += 1
        assert alone + PIXEL * area_of(tile.outer) <= limit
    assert (covered == 1).all()


def test_what_fits_is_not_cut() -> None:
    needs = MemoryNeeds(PIXEL, 4 * 10**7, 10**7, 10**7)
    whole = with_threads(10**8)
    assert cut((1000, 1000), whole, needs).whole
    assert not cut((1000, 1000), whole - 10**6, needs).whole
    assert cut((1000, 1000), whole - 10**6, needs).untiled == 10**8


@settings(deadline=None)
@given(st.tuples(st.integers(1000, 9000), st.integers(1000, 9000)))
def test_too_little_memory_names_the_figure_that_is_enough(shape: tuple[int, int]) -> None:
    needs = MemoryNeeds(PIXEL, 10**9, 26 * 10**6, 25 * 10**6)
    with pytest.raises(SettingsError, match="memory 30 MB is too little for planes") as caught:
        cut(shape, 30 * 10**6, needs)
    figures = re.search(r"give about (\S+ [GM]B), or (\S+ [GM]B) to", str(caught.value))
    assert figures is not None
    least, most = (Settings(memory=figure).memory for figure in figures.groups())
    assert not cut(shape, least, needs).whole
    assert cut(shape, most, needs).whole


@pytest.fixture
def in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fuse in tiles whatever the memory."""

    def always(shape, limit, needs) -> Tiling:
        few = dataclasses.replace(needs, ahead=10**15)
        pixels = max(500 * 800, shape[0] * shape[1] // 2)
        return cut(shape, with_threads(needs.alone + needs.pixel * pixels), few)

    monkeypatch.setattr(tilings, "cut", always)


@cache
def moving(name: str, times: int = 1) -> np.ndarray:
    """Six planes of 500 x 1000 pixels, uint8, that are sharp from left to right and grow by 2 %."""
    height, width, n = 500 * times, 1000 * times, 6
    whole = np.tile(picture(name, 500, 500), (times, 2 * times) + (1,) * (name == "retina"))
    sharp = np.abs(np.linspace(0, n - 1, width)[None] - np.arange(n)[:, None])
    blurred = [cv2.GaussianBlur(whole, (0, 0), 0.3 + sigma) for sigma in range(n)]
    planes = []
    for k in range(n):
        nearest = np.rint(sharp[k]).astype(int)
        plane = np.stack([blurred[b][:, x] for x, b in enumerate(nearest)], axis=1)
        zoom = 1 + 0.004 * (k - n // 2)
        matrix = np.array([[zoom, 0, k], [0, zoom, -k]], np.float64)
        grown = cv2.warpAffine(plane, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
        planes.append(np.rint(255 * grown).astype(np.uint8))
    return np.stack(planes)


def test_tiles_agree_where_planes_are_transparent(request: pytest.FixtureRequest) -> None:
    """Also in a tile that some planes did not record at all."""
    grey = moving("gravel")
    planes = np.stack([grey, grey, grey, np.full_like(grey, 255)], -1)
    planes[4:, :, :600] = 0
    planes[:, :40] = 0
    whole = focus_stack(planes, align="none", occlusion="off")
    request.getfixturevalue("in_tiles")
    tiled = focus_stack(planes, align="none", occlusion="off")
    assert np.abs(tiled.image.astype(int) - whole.image).max() <= 1
    assert np.abs(tiled.depth - whole.depth).max() < 0.1


@pytest.mark.parametrize(
    ("name", "times"),
    [
        ("gravel", 1),
        ("retina", 1),
        ("gravel", 2),
        pytest.param("retina", 2, marks=pytest.mark.long),
    ],
)
def test_tiles_leave_no_seams(name: str, times: int, request: pytest.FixtureRequest) -> None:
    planes = moving(name, times)
    if times == 2:  # light from the side that is bright in focus: coarse levels count
        colour = (1,) * (planes.ndim - 3)
        slope = np.linspace(0.5, 1, planes.shape[2]).reshape(-1, *colour)
        glow = 1 + 0.2 * np.cos(np.arange(6) - 3).reshape(-1, 1, 1, *colour) * (slope > 0.75)
        planes = np.clip(planes * slope * glow, 0, 255).astype(np.uint8)
    whole = focus_stack(planes)
    request.getfixturevalue("in_tiles")
    tiled = focus_stack(planes)
    assert np.abs(tiled.image.astype(int) - whole.image).max() <= 1
    assert np.abs(tiled.depth - whole.depth).max() < 0.1
    assert np.abs(tiled.confidence - whole.confidence).max() < 0.02
    assert (tiled.depth_index == whole.depth_index).mean() > 0.999
    np.testing.assert_array_equal(tiled.transforms, whole.transforms)
    for name in ("trusted", "guessed", "at_first", "at_last", "peak_width"):
        assert tiled.report.health[name] == pytest.approx(whole.report.health[name], abs=0.01)


@pytest.mark.parametrize(
    "options", [{"method": "depth"}, {"method": "laplacian"}, {"values": "recorded"}]
)
def test_every_method_works_in_tiles(options, request: pytest.FixtureRequest) -> None:
    planes = moving("gravel")
    whole = focus_stack(planes, z_step=0.5, crop=True, **options)
    request.getfixturevalue("in_tiles")
    tiled = focus_stack(planes, z_step=0.5, crop=True, **options)
    assert tiled.report.crop == whole.report.crop
    assert (tiled.image == whole.image).mean() > 0.999
    assert whole.height is not None
    assert tiled.height is not None
    np.testing.assert_allclose(tiled.height, tiled.depth * np.float32(0.5))
    assert tiled.image.shape == whole.image.shape


def test_progress_counts_every_tile(in_tiles: None) -> None:
    seen = []
    focus_stack(moving("gravel"), progress=seen.append)
    assert all(after.done == before.done + 1 for before, after in pairwise(seen))
    assert len({step.total for step in seen}) == 1
    assert seen[-1].done == seen[-1].total - 1
    assert sum(step.step == "fuse" for step in seen) > 6


def test_whole_planes_are_refused_where_they_do_not_fit(in_tiles: None) -> None:
    steps = stack_steps(ArraySource(moving("gravel")), Settings(), on_plane=lambda *_: None)
    with pytest.raises(SettingsError, match="too little for whole planes"):
        drain(steps)


def test_too_little_memory_is_said_before_the_work_begins() -> None:
    seen = []
    with pytest.raises(SettingsError, match=r"memory 20 MB is too little for planes of 1000 x 500"):
        focus_stack(moving("gravel"), memory="20MB", progress=seen.append)
    assert not seen


KINDS = st.tuples(
    st.sampled_from([(300, 400), (2000, 2000), (700, 5000, 3)]),
    st.sampled_from(["uint8", "uint16", "float32", "float64"]),
)


@settings(deadline=None, max_examples=examples(40))
@example(((300, 400), "float64"), 2, 1, "auto")  # its least was refused by a rounding
@given(KINDS, st.integers(2, 40), st.integers(1, 64), st.sampled_from(["auto", "off"]))
def test_a_stack_is_whole_with_the_memory_needed_and_refused_below_the_least(
    kind: tuple[tuple[int, ...], str], planes: int, threads: int, occlusion: str
) -> None:
    shape, dtype = kind[0], np.dtype(kind[1])
    source = ArraySource([np.broadcast_to(dtype.type(0), shape)] * planes)
    chosen = Settings(occlusion=occlusion, threads=threads)
    needed = needed_memory(planes, shape, dtype, chosen)
    least = least_memory(shape, dtype, chosen)
    enough = Run(source, dataclasses.replace(chosen, memory=needed))
    assert plan_tiling(enough).whole
    assert not enough.frugal
    assert enough.threads >= min(threads, 2)
    fewest = Run(source, dataclasses.replace(chosen, memory=least))
    plan_tiling(fewest)
    assert fewest.threads == 1
    with pytest.raises(SettingsError, match="too little"):
        plan_tiling(Run(source, dataclasses.replace(chosen, memory=least - 2)))


@settings(deadline=None, max_examples=examples(60))
@given(
    KINDS,
    st.sampled_from(["pyramid", "depth"]),
    st.floats(0.0, 1.5),
    st.tuples(st.integers(1, 64), st.integers(1, 64)),
)
def test_threads_divide_no_field_otherwise_and_fit_beside_the_tiles(
    kind: tuple[tuple[int, ...], str], method: str, part: float, threads: tuple[int, int]
) -> None:
    shape, dtype = kind[0], np.dtype(kind[1])
    source = ArraySource([np.broadcast_to(dtype.type(0), shape)] * 9)
    chosen = Settings(method=method)
    least, needed = least_memory(shape, dtype, chosen), needed_memory(9, shape, dtype, chosen)
    memory = math.ceil(least + part * (needed - least))
    runs = [Run(source, dataclasses.replace(chosen, memory=memory, threads=t)) for t in threads]
    one, other = (plan_tiling(run) for run in runs)
    assert one == other
    for area in (runs[0].kind.pixels, 512 * 512):
        held = {PatchMemory(run.kind, run.n, area).pixels_within(run.limit) for run in runs}
        assert len(held) == 1
    needs = memory_needs(runs[0].kind, chosen)
    for run in runs:
        largest = max(area_of(tile.outer) for tile in one.tiles)
        beside = needs.ahead if one.whole else needs.alone if run.threads > 1 else needs.least
        assert beside + needs.pixel * largest + THREAD_BYTES * (run.threads - 1) <= run.limit


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
@pytest.mark.parametrize("method", ["pyramid", "depth"])
def test_the_memory_that_is_planned_with_is_enough(colour: bool, method: str) -> None:
    """What NumPy takes at most, against the plan by which fields are cut."""
    shape = (4, 1200, 1000, 3) if colour else (4, 1200, 1000)
    planes = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    settings = Settings(align="none", method=method)
    planned = pixel_bytes(PlaneKind.of(ArraySource(planes)), settings) * 1200 * 1000
    focus_stack(planes[:, :64, :64], align="none")  # what is imported and kept for good
    tracemalloc.start()
    try:
        focus_stack(planes, settings=settings)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    threads = 2 * THREAD_BYTES
    assert 0.6 * planned < peak < planned + 4 * planes[0].nbytes + threads
