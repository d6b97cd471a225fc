"""`focus_stack` whole: types, what must hold for any stack, progress, memory, bad input."""

from __future__ import annotations

import json
import threading
import time
import tracemalloc
import weakref
from functools import cache
from typing import TYPE_CHECKING

import dask
import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from long_runs import examples, only_long
from scenes import QUIET, Scene, picture, psnr, scene, surface

from napari_focus_stack import Settings, focus_stack, read_stack, stack_steps
from napari_focus_stack._utils import spilled_cache as cache_module
from napari_focus_stack._utils.steps import drain
from napari_focus_stack.analysis import surface_mesh
from napari_focus_stack.errors import Cancelled, FocusStackError, InputError, SettingsError
from napari_focus_stack.imgproc.transforms import corner_distance
from napari_focus_stack.io.sources import ArraySource, PlaneSource, Spacing
from napari_focus_stack.pipeline.run import READERS
from napari_focus_stack.settings import METHODS
from napari_focus_stack.simulation.metrics import score_depth, score_image
from napari_focus_stack.simulation.rendering import render_stack

if TYPE_CHECKING:
    from napari_focus_stack.result import Progress

DRIFTING = (1.1, 1.07, 1.04, 1.02, 1.0, 0.98, 0.95, 0.9)
DTYPES = ["uint8", "uint16", "float32", "float64", "int16", "int32", "bool"]
COLOURS = {"grey": (), "RGB": (3,), "RGBA": (4,)}


class Watched(PlaneSource):
    """A source that notes what is read, and how many of its planes are held while it reads."""

    def __init__(self, planes: np.ndarray, spacing: Spacing | None = None) -> None:
        self.planes, self.plane_shape, self.dtype = planes, planes.shape[1:], planes.dtype
        self.names = tuple(f"plane {k}" for k in range(len(planes)))
        self.spacing = spacing or Spacing()
        self.read: list[int] = []
        self.alive = self.most_alive = 0
        self._counting = threading.RLock()

    def __getitem__(self, k: int) -> np.ndarray:
        self.read.append(k)
        plane = np.array(self.planes[k])
        with self._counting:
            self.alive += 1
            self.most_alive = max(self.most_alive, self.alive)
        weakref.finalize(plane, self._forget)
        return plane

    def _forget(self) -> None:
        with self._counting:
            self.alive -= 1


def still(**options) -> Scene:
    return scene("gravel", "dome", noise=QUIET, **options)


def typed(dtype: str, colour: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, float]:
    """A small rendered stack in any type, its truth, and the value of white."""
    image = picture("gravel", 72, 88) if not colour else picture("immunohistochemistry", 72, 88)
    if colour == (4,):
        image = np.dstack([image, np.ones(image.shape[:2], np.float32)])
    both = render_stack(image, surface("slant", 4, 72, 88), 4, 1.5, dtype=np.float32)
    scale, offset = {
        "uint8": (255, 0),
        "uint16": (65535, 0),
        "int16": (4000, -1500),
        "int32": (1_000_000, -400_000),
        "bool": (2, -0.5),
    }.get(dtype, (1, 0))
    planes, truth = (a * scale + offset for a in (both, image))
    if dtype == "bool":
        return planes > 0.5, truth > 0.5, 1
    whole = np.dtype(dtype).kind in "ui"
    planes, truth = ((np.rint(a) if whole else a).astype(dtype) for a in (planes, truth))
    return planes, truth, scale


@pytest.mark.parametrize("colour", COLOURS.values(), ids=COLOURS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", METHODS)
def test_what_comes_out_has_the_type_that_went_in(method, dtype, colour) -> None:
    planes, truth, white = typed(dtype, colour)
    result = focus_stack(planes, method=method, align="none")
    assert (result.image.dtype, result.image.shape) == (planes.dtype, planes.shape[1:])
    flat = planes.shape[1:3]
    assert (result.depth_index.dtype, result.depth_index.shape) == (np.uint16, flat)
    assert (result.depth.dtype, result.depth.shape) == (np.float32, flat)
    assert (result.confidence.dtype, result.confidence.shape) == (np.float32, flat)
    assert (result.transforms.dtype, result.transforms.shape) == (np.float64, (4, 3, 3))
    converted = [note for note in result.report.notes if "float32" in note]
    rounded = method == "pyramid" and dtype in ("int32", "float64")  # others fit into 24 bits
    assert [dtype in note for note in converted] == [True] * rounded
    assert (result.report.dtype, result.report.shape) == (dtype, list(planes.shape))
    if dtype == "bool":
        assert (result.image == truth).mean() > np.mean(planes == truth)
        return
    best = max(psnr(plane.astype(float), truth.astype(float), white) for plane in planes)
    gain = psnr(result.image.astype(float), truth.astype(float), white) - best
    assert gain > (0.5 if method == "laplacian" else 4)
    if colour == (4,):  # an even alpha stays even
        np.testing.assert_array_equal(result.image[..., 3], truth[..., 3])


kinds = st.tuples(
    st.sampled_from(["uint8", "uint16", "float32", "float64", "int16", "int32", "bool"]),
    st.sampled_from([(), (3,), (4,)]),
    st.sampled_from(METHODS),
    st.sampled_from(["none", "auto"]),
)


@settings(max_examples=examples(30), deadline=None)
@given(kinds, st.integers(-30_000, 60_000), st.integers(2, 4))
def test_a_constant_stack_returns_itself(kind, value: int, n: int) -> None:
    dtype, colour, method, align = kind
    if np.dtype(dtype).kind in "ui":
        value = int(np.clip(value, np.iinfo(dtype).min, np.iinfo(dtype).max))
    planes = np.full((n, 66, 70, *colour), value, dtype)
    if colour == (4,):
        planes[..., 3] = max(value, 1)  # nothing is recorded where alpha is 0
    result = focus_stack(planes, method=method, align=align)
    np.testing.assert_allclose(result.image, planes[0], rtol=1e-6)
    assert result.confidence.max() < 0.1
    assert result.report.align == "none"


@settings(max_examples=examples(30), deadline=None)
@given(kinds, st.integers(0, 2**16), st.integers(2, 4))
def test_equal_planes_return_that_plane(kind, seed: int, n: int) -> None:
    dtype, colour, method, align = kind
    rng = np.random.default_rng(seed)
    plane = rng.integers(0, 256 if dtype != "bool" else 2, (66, 70, *colour)).astype(dtype)
    if colour == (4,):
        plane[plane[..., 3] <= 0] = 0  # transparent pixels have no colour
    result = focus_stack(np.stack([plane] * n), method=method, align=align)
    if plane.dtype.kind == "f":
        np.testing.assert_allclose(result.image, plane, atol=1e-3)
    else:
        np.testing.assert_array_equal(result.image, plane)


@settings(max_examples=examples(10), deadline=None)
@given(
    st.sampled_from(["gravel", "brick", "coins"]),
    st.sampled_from(["slant", "dome", "step"]),
    st.sampled_from(METHODS),
)
def test_the_order_reversed_reverses_the_index(name: str, kind: str, method: str) -> None:
    planes = scene(name, kind, noise=QUIET).planes
    forth = focus_stack(planes, method=method, align="none")
    back = focus_stack(planes[::-1], method=method, align="none")
    mirrored = 7 - back.depth_index.astype(int)
    if method == "laplacian":  # equal energies: the first wins either way
        same = (mirrored == forth.depth_index).mean()
        assert same > 0.98
        return
    np.testing.assert_allclose(7 - back.depth, forth.depth, atol=1e-3)
    unique = np.abs(forth.depth % 1 - 0.5) > 2e-3
    np.testing.assert_array_equal(mirrored[unique], forth.depth_index[unique])


@cache
def stacked_grey(kind: str, method: str):
    return focus_stack(scene("gravel", kind, noise=QUIET).planes, method=method)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("kind", ["slant", *only_long("dome")])
def test_three_equal_channels_equal_grey(kind: str, channels: int, method: str) -> None:
    planes = scene("gravel", kind, noise=QUIET).planes
    colour = np.repeat(planes[..., None], channels, axis=-1)
    colour[..., 3:] = 255
    grey = stacked_grey(kind, method)
    found = focus_stack(colour, method=method)
    for channel in range(3):
        # OpenCV's pyramids of three channels round some pixels another way in the last bit, and
        # one in a hundred thousand then falls on the other side of a half grey level
        apart = np.abs(found.image[..., channel].astype(int) - grey.image)
        assert apart.max() <= 1
        assert apart.mean() < 1e-4
    assert (found.image[..., 3:] == 255).all()
    np.testing.assert_allclose(found.depth, grey.depth, atol=1e-3)
    np.testing.assert_allclose(found.confidence, grey.confidence, atol=1e-3)


@pytest.mark.parametrize("method", ["pyramid", "depth"])
def test_a_moving_stack_is_sharp_and_its_depth_true(method: str) -> None:
    moved = scene("gravel", "slant", noise=QUIET, zoom=0.004, angle=0.05, shift=0.7)
    result = focus_stack(moved.planes, method=method)
    assert result.report.align == "similarity"
    best = max(score_image(plane, moved.truth).psnr for plane in moved.planes)
    assert score_image(result.image, moved.truth).psnr > best + 6
    assert score_depth(result.depth, moved.depth).mean_error < 0.15
    for found, true in zip(result.transforms, moved.transforms, strict=True):
        assert corner_distance(found, true, moved.image.shape) < 0.3
    assert result.report.transforms is result.transforms


def test_a_still_stack_is_fused_from_the_planes_as_read() -> None:
    planes = still().planes
    seen = {}
    steps = stack_steps(
        ArraySource(planes), Settings(), on_plane=lambda k, plane, energy: seen.update({k: plane})
    )
    result = drain(steps)
    np.testing.assert_array_equal(result.transforms, np.tile(np.eye(3), (8, 1, 1)))
    assert sorted(seen) == list(range(8))
    for k, plane in seen.items():
        np.testing.assert_array_equal(plane, planes[k])


@pytest.mark.parametrize(
    "dtype",
    [">u2", ">f8", *only_long(">f4", ">i4")],
)
def test_the_order_of_bytes_does_not_matter(dtype: str) -> None:
    """TIFF as microscopes write it is big-endian, and OpenCV does not look."""
    planes = scene("gravel", "slant", noise=QUIET, zoom=0.004, shift=0.7, dtype="uint16").planes
    native = focus_stack(planes.astype(np.dtype(dtype).newbyteorder("=")))
    assert native.report.align == "similarity"
    found = focus_stack(planes.astype(dtype))
    np.testing.assert_array_equal(found.image, native.image)
    np.testing.assert_array_equal(found.depth, native.depth)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("colour", [False, True])
def test_on_plane_gets_every_plane_and_its_energy(colour: bool, method: str) -> None:
    planes = still().planes
    planes = np.repeat(planes[..., None], 3, -1) if colour else planes
    got = []

    def note(k, plane, energy) -> None:
        got.append(k)
        np.testing.assert_array_equal(plane, planes[k])
        assert plane.dtype == planes.dtype
        assert (energy.dtype, energy.shape) == (np.float32, planes.shape[1:3])
        assert energy.min() >= 0
        assert energy.max() > 0

    drain(stack_steps(ArraySource(planes), Settings(method=method), on_plane=note))
    assert got == list(range(8))


# brightness


@pytest.mark.parametrize(
    ("dtype", "brightness", "applied"),
    [
        ("uint8", "auto", True),
        ("uint8", "match", True),
        ("uint8", "keep", False),
        ("uint16", "auto", False),
        ("uint16", "match", True),
        ("float32", "auto", False),
    ],
)
def test_drifting_brightness_is_evened_out_where_it_may_be(dtype, brightness, applied) -> None:
    drifting = still(gains=DRIFTING, dtype=dtype)
    result = focus_stack(drifting.planes, brightness=brightness)
    report = result.report
    np.testing.assert_allclose(report.gains, 1 / np.array(DRIFTING), atol=0.003)
    assert report.gains_applied is applied
    assert any("'match'" in note for note in report.notes) is not applied
    white = 1.0 if dtype == "float32" else float(np.iinfo(dtype).max)
    error = psnr(result.image.astype(float), drifting.image * white, white)
    assert (error > 41) is applied  # 43 against 38.6 dB


LAMP = (0.9, 1.1, 1.0, 0.95, 1.0, 1.05, 0.9, 1.0)
STRAY = (0.08, 0.05, 0.1, 0.02, 0.0, 0.06, 0.12, 0.09)


def under_stray_light(dtype: str, **motion) -> tuple[np.ndarray, np.ndarray]:
    """Planes from a lamp that drifts while stray light comes and goes; the image without either."""
    lit = scene("gravel", "slant", noise=QUIET, dtype="float32", **motion)
    lamp, stray = (np.array(part)[:, None, None] for part in (LAMP, STRAY))
    white = 1.0 if dtype == "float32" else float(np.iinfo(dtype).max)
    planes = white * (0.6 * lamp * lit.planes + stray)
    whole = np.rint(planes) if dtype != "float32" else planes
    return whole.astype(dtype), 0.6 * white * lit.image


@pytest.mark.parametrize("motion", [{}, {"zoom": 0.003, "shift": 0.7}], ids=["still", "moving"])
@pytest.mark.parametrize(
    ("dtype", "brightness", "applied"),
    [
        ("uint8", "auto", True),
        ("uint8", "keep", False),
        ("uint16", "auto", False),
        ("uint16", "match", True),
        ("float32", "auto", False),
    ],
)
def test_stray_light_is_taken_away_where_it_may_be(dtype, brightness, applied, motion) -> None:
    planes, truth = under_stray_light(dtype, **motion)
    white = 1.0 if dtype == "float32" else float(np.iinfo(dtype).max)
    result = focus_stack(planes, brightness=brightness)
    report = result.report
    assert report.gains_applied is applied
    wanted = -white * np.array(STRAY) / np.array(LAMP)
    np.testing.assert_allclose(report.offsets, wanted, atol=0.035 * white)
    assert json.loads(json.dumps(report.as_dict()))["offsets"] == report.offsets
    inner = np.s_[14:-14, 14:-14]
    error = psnr(result.image[inner].astype(float), truth[inner], white)
    assert error > 40 if applied else error < 30  # 45 to 48 against 22 dB


def test_measured_intensities_are_not_touched_without_asking() -> None:
    planes, _ = under_stray_light("uint16")
    seen = {}
    steps = stack_steps(
        ArraySource(planes), Settings(), on_plane=lambda k, plane, _: seen.update({k: plane})
    )
    drain(steps)
    np.testing.assert_array_equal([seen[k] for k in range(8)], planes)


# planes in any order

PASSES = [0, 2, 4, 6, 7, 5, 3, 1]
SHUFFLED = [6, 7, 2, 1, 4, 5, 3, 0]


def in_any_order(order: list[int], method: str, name: str, motion: dict):
    """What comes of a stack in order, and of its planes in another one, with one reference."""
    moved = tuple(motion.items())
    mixed = focus_stack(planes_of(name, moved)[order], method=method, reference=order.index(4))
    return in_order(name, moved, method), mixed


def planes_of(name: str, motion: tuple) -> np.ndarray:
    moved = dict(motion)
    return (still(**moved) if name == "gravel" else scene(name, "slant", **moved)).planes


@cache
def in_order(name: str, motion: tuple, method: str):
    return focus_stack(planes_of(name, motion), method=method)


@pytest.mark.parametrize("motion", [{}, {"zoom": 0.004, "shift": 0.7}], ids=["still", "moving"])
@pytest.mark.parametrize("name", ["gravel", *only_long("brick")])
@pytest.mark.parametrize("order", [PASSES, SHUFFLED], ids=["two passes", "shuffled"])
@pytest.mark.parametrize("method", ["pyramid", "laplacian"])
def test_the_order_of_the_files_does_not_matter_to_the_image(order, method, name, motion) -> None:
    forth, mixed = in_any_order(order, method, name, motion)
    assert psnr(mixed.image.astype(float), forth.image.astype(float)) > 50
    assert mixed.report.align == forth.report.align == ("similarity" if motion else "none")
    assert mixed.report.left_out == []
    said = [
        [note for note in r.report.notes if "order of the files" in note] for r in (forth, mixed)
    ]
    assert [len(notes) for notes in said] == [0, 1]
    assert ("in 2 passes: planes 0 to 4 forth and planes 5 to 7 back" in said[1][0]) == (
        order is PASSES
    )
    assert ("shuffled" in said[1][0]) == (order is SHUFFLED)
    assert [r.report.as_dict()["in_order"] for r in (forth, mixed)] == [True, False]


@pytest.mark.parametrize("name", ["gravel", "brick"])
@pytest.mark.parametrize("order", [PASSES, SHUFFLED], ids=["two passes", "shuffled"])
@pytest.mark.parametrize(
    "method",
    [
        "laplacian",
    ],
)
def test_depth_follows_the_order_of_the_files(order: list[int], method: str, name: str) -> None:
    forth, mixed = in_any_order(order, method, name, {})
    assert (np.array(order)[mixed.depth_index] == forth.depth_index).mean() > 0.97  # or as sharp


@pytest.mark.parametrize("order", [PASSES, SHUFFLED], ids=["two passes", "shuffled"])
def test_method_depth_picks_the_same_planes_in_any_order(order: list[int]) -> None:
    forth, mixed = in_any_order(order, "depth", "gravel", {})
    assert psnr(mixed.image.astype(float), forth.image.astype(float)) > 45


# planes that do not fit


def test_a_foreign_plane_keeps_its_number_and_takes_no_part() -> None:
    planes = np.array(still().planes)
    planes[3] = np.rint(picture("coins", 160, 192) * 255)
    result = focus_stack(planes)
    assert np.isnan(result.transforms[3]).all()
    assert 3 not in result.depth_index
    assert {2, 4} <= set(np.unique(result.depth_index))
    report = result.report
    assert [(p.plane, p.name) for p in report.left_out] == [(3, "plane 3")]
    assert any("'plane 3'" in note for note in report.notes)
    written = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert written["transforms"][3] is None
    assert [t is None for t in written["transforms"]].count(True) == 1
    assert written["left_out"][0]["plane"] == 3
    assert written["residuals"][3] is None
    assert written["gains"][3] is None


def test_a_stack_without_two_planes_that_fit_says_so() -> None:
    """Nothing is guessed: planes are stacked unmoved, with a note."""
    planes = [
        np.rint(picture(name, 160, 192) * 255).astype(np.uint8)
        for name in ("gravel", "brick", "coins")
    ]
    result = focus_stack(np.stack(planes))
    assert any("left where they are" in note for note in result.report.notes)
    np.testing.assert_array_equal(result.transforms, np.tile(np.eye(3), (3, 1, 1)))


def test_missing_values_do_not_spread() -> None:
    planes = np.array(still(dtype="float32").planes)
    truth = focus_stack(planes).image
    planes[2, 40:60, 50:70] = np.nan
    planes[5, 100, 100] = np.inf
    planes[:, 0, 0] = np.nan  # never recorded
    for method in METHODS:
        result = focus_stack(planes, method=method)
        assert not np.isfinite(result.image[0, 0]) or 0 <= result.image[0, 0] <= 1
        finite = np.isfinite(result.image)
        finite[0, 0] = True
        assert finite.all()
        assert np.isfinite(result.depth).all()
        assert np.isfinite(result.confidence).all()
        assert result.depth_index.max() <= 7
        if method == "pyramid":
            away = np.ones(truth.shape, bool)
            away[20:80, 30:90] = away[80:120, 80:120] = away[:20, :20] = False
            np.testing.assert_allclose(result.image[away], truth[away], atol=0.02)


# progress, cancelling, memory


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("foreign", [False, True])
def test_progress_is_monotonic_and_complete(foreign: bool, method: str) -> None:
    planes = np.array(still().planes)
    if foreign:
        planes[3] = np.rint(picture("coins", 160, 192) * 255)
    said: list[Progress] = []
    focus_stack(planes, method=method, progress=said.append)
    assert len({step.total for step in said if step.step != "align"}) == 1
    done = [step.done for step in said]
    assert done == sorted(set(done))
    assert done[0] == 0
    assert done == list(range(said[-1].total))
    aligned = [step.plane for step in said if step.step == "align"]
    fused = [step.plane for step in said if step.step == "fuse"]
    assert sorted(aligned) == list(range(8))
    rounds = 2 if method == "depth" else 1
    assert fused == [k for k in range(8) if not (foreign and k == 3)] * rounds
    assert {step.planes for step in said} == {8}
    assert str(said[0]) == f"Aligning plane {aligned[0]} of 0 to 7"
    assert str(said[-1]) == "Fusing plane 7 of 0 to 7"


@pytest.mark.parametrize("after", [0, 1, 5, 9, 14])
def test_cancelling_stops_at_the_next_plane(after: int) -> None:
    cancel, source = threading.Event(), Watched(still().planes)
    steps = stack_steps(source, Settings(), cancel=cancel)
    for _ in range(after):
        next(steps)
    read = len(source.read)
    cancel.set()
    with pytest.raises(Cancelled):
        next(steps)
    assert len(source.read) <= read + 2 * READERS  # planes, or pairs of them, on their way
    with pytest.raises(StopIteration):
        next(steps)


@pytest.mark.parametrize("after", [1, 5, 10, 18])
def test_a_run_that_is_closed_ends_there(after: int) -> None:
    source = Watched(still().planes)
    steps = stack_steps(source, Settings())
    for _ in range(after):
        next(steps)
    read = len(source.read)
    steps.close()
    at_end = list(source.read)
    assert len(at_end) <= read + 2 * READERS  # planes, or pairs of them, on their way
    time.sleep(0.05)
    assert source.read == at_end
    del steps
    assert source.alive == 0


def test_an_error_while_reading_comes_through() -> None:
    class Torn(Watched):
        def __getitem__(self, k: int) -> np.ndarray:
            if k == 6:
                raise InputError("'plane 6' cannot be read.")
            return super().__getitem__(k)

    with pytest.raises(InputError, match="plane 6"):
        focus_stack(Torn(still().planes))


def reads(method: str) -> int:
    source = Watched(still().planes)
    focus_stack(source, method=method)
    return len(source.read)


def test_only_method_depth_reads_the_planes_once_more() -> None:
    assert reads("laplacian") == reads("pyramid")
    assert reads("depth") == reads("pyramid") + 8


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_few_planes_are_held_at_a_time(dtype: str, method: str) -> None:
    source = Watched(still().planes.astype(dtype))
    # one thread: what a busy one has not begun yet keeps its plane a little longer
    focus_stack(source, method=method, threads=1)
    assert source.most_alive <= 5  # one in hand, two read ahead, and what readers just handed over
    assert source.alive == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_one_plane_is_held_at_a_time_where_memory_is_short(
    dtype: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_focus_stack.pipeline.memory_needs.ROOMY", 10**9)
    source = Watched(still().planes.astype(dtype))
    focus_stack(source, method=method, threads=1)
    assert source.most_alive == 1
    assert source.alive == 0


def peak_memory(n: int) -> float:
    """Largest memory during a run, in planes of float32."""
    planes = np.tile(scene("gravel", "slant", noise=QUIET, size=(256, 256)).planes, (4, 1, 1))[:n]
    source = Watched(planes)
    tracemalloc.start()
    try:
        focus_stack(source, align="none")
        return tracemalloc.get_traced_memory()[1] / (planes[0].size * 4)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kept", [0, 3])
def test_memory_does_not_grow_with_the_number_of_planes(
    kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for views, which stay in memory as long as they take no more than is planned.

    The lesser of two runs, for threads that happen to work at the same moment add to a peak.
    """
    monkeypatch.setattr(cache_module, "MOST_CACHED", kept * 256 * 256 * 4)
    peak_memory(4)  # imports
    few, many = (min(peak_memory(n), peak_memory(n)) for n in (4, 16))
    assert many < 1.1 * few
    assert many < 25 + kept


class Fragile(Watched):
    """A source over one handle: two threads at a time would mix up its planes."""

    def __getitem__(self, k: int) -> np.ndarray:
        assert self._handle.acquire(blocking=False), "two planes are read at a time"
        try:
            time.sleep(0.002)
            return super().__getitem__(k)
        finally:
            self._handle.release()

    _handle = threading.Lock()


def test_planes_are_read_one_at_a_time_unless_the_source_says_otherwise() -> None:
    planes = still().planes
    np.testing.assert_array_equal(
        focus_stack(Fragile(planes)).image, focus_stack(planes, threads=1).image
    )
    assert ArraySource(planes).concurrent
    assert ArraySource(list(planes)).concurrent
    assert ArraySource(da.from_array(planes)).concurrent
    assert not ArraySource([memoryview(plane) for plane in planes]).concurrent


def test_one_thread_is_one_thread() -> None:
    at_work: list[int] = []
    source = Watched(still().planes)
    before = threading.active_count()
    for _ in stack_steps(source, Settings(threads=1)):
        at_work.append(threading.active_count())
    assert max(at_work) == before


def test_lazy_planes_are_computed_one_by_one() -> None:
    planes, computed = still().planes, []

    def compute(k: int) -> np.ndarray:
        computed.append(k)
        return planes[k]

    lazy = da.stack(
        [
            da.from_delayed(dask.delayed(compute)(k), planes.shape[1:], planes.dtype)
            for k in range(8)
        ]
    )
    result = focus_stack(lazy)
    np.testing.assert_array_equal(result.image, focus_stack(planes).image)
    assert sorted(computed[:8]) == computed[-8:] == list(range(8))  # aligned, at last fused
    assert len(computed) == reads("pyramid")


# height, spacing, report


def test_height_is_depth_times_the_z_step() -> None:
    planes = still().planes
    assert focus_stack(planes).height is None
    given = focus_stack(planes, z_step=0.4)
    assert given.height.dtype == np.float32
    np.testing.assert_allclose(given.height, given.depth * 0.4, rtol=1e-6)
    known = Spacing(y=0.1, x=0.2, z=2.5, unit="micrometer")
    from_source = focus_stack(ArraySource(planes, spacing=known))
    np.testing.assert_allclose(from_source.height, from_source.depth * 2.5, rtol=1e-6)
    assert from_source.report.spacing == {"y": 0.1, "x": 0.2, "z": 2.5, "unit": "micrometer"}
    told = focus_stack(ArraySource(planes, spacing=known), z_step=3)
    np.testing.assert_allclose(told.height, told.depth * 3, rtol=1e-6)
    assert told.report.spacing["z"] == 3


def test_a_pixel_size_that_is_given_has_priority() -> None:
    planes = still().planes
    bare = focus_stack(planes, z_step=3)
    with pytest.raises(InputError, match="give the pixel size"):
        surface_mesh(bare)
    given = focus_stack(planes, z_step=3, pixel_size=0.5)
    assert given.report.spacing == {"y": 0.5, "x": 0.5, "z": 3, "unit": "micrometer"}
    assert surface_mesh(given).vertices[:, 1:].max() == pytest.approx(
        0.5 * (max(planes[0].shape[:2]) - 1)
    )
    known = ArraySource(planes, spacing=Spacing(y=0.1, x=0.2, z=2.5, unit="nanometer"))
    report = focus_stack(known, pixel_size=0.5).report
    assert report.spacing == {"y": 0.5, "x": 0.5, "z": 2.5, "unit": "nanometer"}
    assert (
        "The pixel size of 0.5 nm was given; that in the files, 0.1 x 0.2 nm, does not count."
        in report.notes
    )
    same = ArraySource(planes, spacing=Spacing(y=0.499, x=0.5, unit="micrometer"))
    assert not focus_stack(same, pixel_size=0.5).report.notes
    counted = ArraySource(planes, spacing=Spacing(y=1, x=1, z=1, unit="pixel"))
    found = focus_stack(counted, pixel_size=0.5).report
    assert found.spacing == {"y": 0.5, "x": 0.5, "z": None, "unit": "micrometer"}
    assert not found.notes


def test_the_report_says_what_was_done() -> None:
    result = focus_stack(still().planes, reference=2, method="depth", z_step=0.5)
    report = result.report
    assert Settings(**report.settings) == Settings(reference=2, method="depth", z_step=0.5)
    assert report.reference == 2
    assert report.align == "none"
    assert report.planes == [f"plane {k}" for k in range(8)]
    assert report.left_out == []
    assert report.notes == []
    written = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert written["transforms"] == np.tile(np.eye(3), (8, 1, 1)).tolist()
    assert written["settings"]["method"] == "depth"


def test_a_folder_and_its_planes_stack_alike(tmp_path) -> None:
    import cv2

    planes = still().planes
    for k, plane in enumerate(planes):
        cv2.imwrite(str(tmp_path / f"z{k}.png"), plane)
    expected = focus_stack(planes)
    paths = [tmp_path / f"z{k}.png" for k in range(8)]
    for source in (tmp_path, str(tmp_path), paths, read_stack(tmp_path), list(planes)):
        np.testing.assert_array_equal(focus_stack(source).image, expected.image)


def test_the_example_in_the_documentation() -> None:
    from doctest import DocTestFinder, DocTestRunner

    examples = [e for e in DocTestFinder().find(focus_stack, "focus_stack") if e.examples]
    assert examples
    for example in examples:
        assert DocTestRunner().run(example, clear_globs=False).failed == 0


# what is refused


@pytest.mark.parametrize(
    ("planes", "options", "error", "says"),
    [
        (np.zeros((3, 16, 16)), {"reference": 3}, SettingsError, "choose 0 to 2"),
        (np.zeros((3, 16, 16)), {"reference": -1}, SettingsError, "reference -1"),
        (np.zeros((3, 16, 16)), {"metod": "depth"}, SettingsError, "'metod'"),
        (np.zeros((3, 16, 16)), {"method": "magic"}, SettingsError, "'magic'"),
        (np.zeros((3, 16, 16)), {"gaussian": 4}, SettingsError, "gaussian 4"),
        (np.zeros((3, 16, 16)), {"laplacian": 33}, SettingsError, "laplacian 33"),
        (np.zeros((3, 16, 16)), {"z_step": 0}, SettingsError, "z_step 0"),
        (
            np.zeros((3, 16, 16)),
            {"settings": Settings(), "method": "depth"},
            SettingsError,
            "not both",
        ),
        (np.zeros((1, 16, 16)), {}, InputError, "at least two planes"),
        (np.zeros((0, 16, 16)), {}, InputError, "at least two planes"),
        ([], {}, InputError, "at least two planes"),
        (np.zeros((16, 16)), {}, InputError, "axes"),
        (np.zeros((2, 3, 16, 16)), {}, InputError, "axes beyond"),
        (np.zeros((3, 16, 16, 2)), {}, InputError, "axes beyond"),
        (np.zeros((16, 16, 3)), {}, InputError, "may be the rows of one picture"),
        ([np.zeros((16, 16)), np.zeros((16, 17))], {}, InputError, "'plane 1' is 17 x 16"),
        (
            [np.zeros((16, 16), np.uint8), np.zeros((16, 16), np.uint16)],
            {},
            InputError,
            "'plane 1' is 16 x 16 uint16",
        ),
        ("no such folder", {}, InputError, "no such folder"),
    ],
)
def test_what_cannot_be_stacked_is_refused_in_one_sentence(planes, options, error, says) -> None:
    with pytest.raises(error, match=says) as refused:
        focus_stack(planes, **options)
    assert isinstance(refused.value, FocusStackError)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) > 20


@pytest.mark.parametrize(
    "planes",
    [np.float64(3), None, np.zeros((3, 16, 16), np.complex64), np.full((3, 16, 16), "a")],
    ids=["number", "None", "complex", "text"],
)
def test_what_is_no_array_of_numbers_is_refused_in_one_sentence(planes) -> None:
    with pytest.raises(InputError):
        focus_stack(planes)


# found by reviewers


@pytest.mark.parametrize("foreign", ["picture", "blank", "missing"])
def test_an_odd_plane_in_the_middle_does_not_stop_the_alignment(foreign: str) -> None:
    planes = scene("brick", "slant", shift=3.0).planes.astype(np.float32)
    odd = {"picture": 255 * picture("coins", 160, 192), "blank": 0.0, "missing": np.nan}
    planes[4] = odd[foreign]
    result = focus_stack(planes)
    assert result.report.align != "none"
    assert [left.plane for left in result.report.left_out] == [4]
    assert result.report.reference == 3
    assert any("middle" in note for note in result.report.notes)
    with pytest.raises(InputError, match=r"plane 4.*choose another reference"):
        focus_stack(planes, reference=4)


@pytest.mark.parametrize(("dtype", "most"), [("uint8", 150), ("uint16", 15_000)])
def test_light_that_lives_in_few_planes_stays_as_bright(dtype: str, most: float) -> None:
    y, x = np.mgrid[:256, :256] - 128
    blob = np.exp(-(x**2 + y**2) / 2 / 60**2)
    section = np.exp(-((np.arange(9) - 4) ** 2) / 2 / 1.5**2)
    noise = np.random.default_rng(0).normal(0, most * 0.005, (9, 256, 256))
    planes = (most * (section[:, None, None] * blob + 0.05) + noise).clip(0).astype(dtype)
    centre = np.s_[118:138, 118:138]
    result = focus_stack(planes)
    assert result.image[centre].mean() == pytest.approx(planes[4][centre].mean(), rel=0.01)
    assert not result.report.gains_applied


def test_neighbours_without_any_energy_are_still_neighbours() -> None:
    texture = np.random.default_rng(0).normal(10, 2, (128, 128))
    planes = np.full((5, 128, 128), 10, np.float32)
    planes[3, :, :64], planes[1, :, 64:] = texture[:, :64], texture[:, 64:]
    index = focus_stack(planes, align="none").depth_index
    assert (index[:, :60] == 3).all()
    assert (index[:, 68:] == 1).all()


def test_alpha_is_not_brightness() -> None:
    rendered = scene("gravel", "slant", n=4, size=(96, 112)).planes
    lamp = np.array([1.0, 0.9, 1.1, 1.2])[:, None, None]
    grey = np.clip(rendered * 0.8 * lamp, 0, 255).round().astype(np.uint8)
    planes = np.stack([grey, grey, grey, np.full_like(grey, 255)], -1)
    for method in METHODS:
        result = focus_stack(planes, method=method, align="none")
        assert result.report.gains_applied
        assert (result.image[..., 3] == 255).all()


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_invented_where_no_plane_has_a_value(method: str) -> None:
    planes = np.random.default_rng(0).random((4, 64, 64)).astype(np.float32)
    planes[:, 5, 7] = np.nan
    image = focus_stack(planes, method=method, align="none").image
    assert np.argwhere(np.isnan(image)).tolist() == [[5, 7]]


@pytest.mark.parametrize("method", METHODS)
def test_warped_planes_stay_within_what_was_recorded(method: str) -> None:
    planes = scene("brick", "slant", shift=1.5, dtype="uint16", white=4095).planes
    planes = np.where(planes > 2000, 4095, planes).astype(np.uint16)
    result = focus_stack(planes, method=method, align="shift")
    assert result.image.max() == 4095


@settings(max_examples=examples(20), deadline=None)
@given(st.integers(-9, 9))
def test_the_unit_of_the_values_does_not_matter(exponent: int) -> None:
    planes = still(n=3).planes[:, :48, :48].astype(np.float32)
    one, other = focus_stack(planes), focus_stack(planes * np.float32(10.0**exponent))
    np.testing.assert_allclose(other.image / 10.0**exponent, one.image, rtol=1e-4)
    np.testing.assert_allclose(other.confidence, one.confidence, atol=1e-3)


def test_whole_numbers_near_their_types_end_come_back() -> None:
    most = np.iinfo(np.int64).max
    image = focus_stack(np.full((3, 64, 64), most, np.int64)).image
    assert image.dtype == np.int64
    assert (image > most * 0.999).all()


OTHERS = ("uint16", "uint32", "uint64", "int8", "int16", "int32", "float16", "float64")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "bool", *only_long(*OTHERS)])
def test_recorded_values_are_those_of_planes_to_the_last_bit(dtype: str, method: str) -> None:
    """Also beyond the 24 bits of float32, and where a cosmic ray hit a plane."""
    kind = np.dtype(dtype)
    sharp = still().planes.astype(np.float64) / 255
    if kind.kind == "b":
        planes = sharp > 0.4
    elif kind.kind == "f":
        planes = (sharp / 3).astype(kind)
    else:
        planes = (sharp * 0.9 * min(np.iinfo(kind).max, 2**52)).astype(kind)
        planes += np.random.default_rng(1).integers(0, 3, planes.shape).astype(kind)
        planes[2, 40, 50] = np.iinfo(kind).max
    result = focus_stack(planes, method=method, values="recorded", align="none", brightness="keep")
    assert result.image.dtype == kind
    assert (planes == result.image).any(0).all()
    changes = result.report.intensities
    assert changes["selected"]
    assert not any(changes[key] for key in ("interpolated", "evened_out", "clipped", "replaced"))
    assert changes["averaged_planes"] == 1


def test_recorded_values_were_there() -> None:
    planes = still().planes
    result = focus_stack(planes, values="recorded", align="none")
    assert (planes == result.image).any(0).all()
    free = focus_stack(planes, align="none")
    assert np.abs(result.image.astype(int) - free.image).mean() < 1
    assert not (planes == free.image).any(0).all()
