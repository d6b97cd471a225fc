"""Planes compared while they are read: which with which, what is looked at twice, what ends."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
import pytest
from motion import MOVING, foreign
from scenes import Scene, scene

from napari_focus_stack._utils import spilled_cache as cache_module
from napari_focus_stack.alignment import scheduler as scheduling
from napari_focus_stack.alignment.pairwise import PairAlignment, align_pair, models_of
from napari_focus_stack.alignment.reduced_planes import ReducedPlane
from napari_focus_stack.alignment.scheduler import PairScheduler
from napari_focus_stack.alignment.stack import align_steps
from napari_focus_stack.imgproc.transforms import corner_distance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_focus_stack.imgproc.transforms import Model

AUTO = models_of("auto")


@pytest.fixture(autouse=True)
def no_thread_is_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def moved(**options) -> Scene:
    return scene("gravel", "slant", **(MOVING | options))


def looked_at(planes: Sequence[np.ndarray], reference: int, models: Sequence[Model] = AUTO):
    """A scheduler that has all planes; closed by whoever enters it."""
    scheduler = PairScheduler(models, reference, None)
    for k, plane in enumerate(planes):
        scheduler.add_plane(k, plane)
    scheduler.finish()
    return scheduler


def off(
    found: PairAlignment, stack: Scene, inner: int, outer: int, model: Model = "similarity"
) -> float:
    true = stack.transforms[outer] @ np.linalg.inv(stack.transforms[inner])
    return corner_distance(found.transforms[model], true, stack.planes.shape[1:])


@pytest.mark.parametrize("reference", [0, 4, 7])
def test_neighbours_are_aligned_away_from_the_reference(reference: int) -> None:
    stack = moved()
    with looked_at(stack.planes, reference) as scheduler:
        pairs = [(k, k + 1) if k >= reference else (k + 1, k) for k in range(7)]
        for pair in pairs:
            assert off(scheduler.pair(*pair), stack, *pair) < 0.15


def test_neighbours_are_aligned_while_planes_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with looked_at(moved().planes, 4) as scheduler:
        monkeypatch.delattr(scheduling, "align_pair")
        for pair in ((1, 0), (2, 1), (3, 2), (4, 3), (4, 5), (5, 6), (6, 7)):
            assert scheduler.pair(*pair).fits
        with pytest.raises(NameError):
            scheduler.pair(3, 4)


def test_without_workers_planes_are_compared_as_they_come() -> None:
    planes = moved().planes
    with looked_at(planes, 4) as helped, PairScheduler(AUTO, 4, None, workers=0) as alone:
        before = threading.active_count()
        for k, plane in enumerate(planes):
            alone.add_plane(k, plane)
        assert threading.active_count() == before
        alone.finish()
        for pair in ((4, 5), (2, 1)):
            assert alone.pair(*pair).mismatches == helped.pair(*pair).mismatches


def test_what_waits_to_be_compared_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planes are reduced faster than compared: each that waits holds a reduced plane in memory."""
    planes, done, ahead = moved().planes, [], []
    quick = scheduling.align_pair

    def slow(*args, **options) -> PairAlignment:
        time.sleep(0.03)
        done.append(1)
        return quick(*args, **options)

    monkeypatch.setattr(scheduling, "align_pair", slow)
    with PairScheduler(AUTO, 0, None) as scheduler:
        for k in range(24):
            scheduler.add_plane(k, planes[k % 8])
            ahead.append(k - len(done))
    # one that was finished need not be the oldest
    assert max(ahead) <= scheduling.MOST_WAITING + scheduling.WORKERS


def test_any_two_planes_can_be_aligned() -> None:
    stack = moved()
    with looked_at(stack.planes, 4) as scheduler:
        for pair in ((2, 4), (4, 2), (5, 7), (3, 4)):
            found = scheduler.pair(*pair)
            assert off(found, stack, *pair) < 0.3
            assert scheduler.pair(*pair) is found  # nothing is compared twice


def test_what_was_seen_of_every_plane_is_known() -> None:
    planes = moved().planes
    with looked_at(planes, 4) as scheduler:
        assert sorted(scheduler.contrasts) == sorted(scheduler.details) == list(range(8))
        for k, plane in enumerate(planes):
            reduced = ReducedPlane.of(plane)
            assert scheduler.contrasts[k] == reduced.contrast
            np.testing.assert_array_equal(scheduler.details[k], reduced.detail())
            np.testing.assert_array_equal(scheduler.reduced_plane(k).levels[0], reduced.levels[0])


def test_planes_in_a_file_are_aligned_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    planes = moved().planes
    with ExitStack() as both:
        kept = both.enter_context(looked_at(planes, 4))
        monkeypatch.setattr(cache_module, "MOST_CACHED", 0)
        filed = both.enter_context(looked_at(planes, 4))
        assert filed.reduced_plane(3) is not filed.reduced_plane(3)
        for pair in ((4, 5), (2, 1), (4, 6)):
            one, other = kept.pair(*pair), filed.pair(*pair)
            assert one.mismatches == other.mismatches
            for model in AUTO:
                np.testing.assert_array_equal(one.transforms[model], other.transforms[model])


@pytest.mark.parametrize("kept", [0, 2**30])
def test_the_shelf_is_closed_in_the_end(monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    opened = []
    temporary = cache_module.tempfile.TemporaryFile

    def note(**options):
        opened.append(temporary(**options))
        return opened[-1]

    monkeypatch.setattr(cache_module.tempfile, "TemporaryFile", note)
    monkeypatch.setattr(cache_module, "MOST_CACHED", kept)
    with looked_at(moved().planes, 4):
        assert not any(file.closed for file in opened)
    assert [file.closed for file in opened] == ([True, True] if kept == 0 else [])


def test_a_region_is_looked_at_alone() -> None:
    """A clip over the left half of every plane, which does not move."""
    stack = moved()
    planes = np.array(stack.planes)
    planes[:, :, :96] = foreign()[:, :96]
    region = np.zeros(planes.shape[1:], bool)
    region[:, 100:] = True
    with PairScheduler(AUTO, 4, region) as scheduler:
        assert scheduler.regions is None
        for k, plane in enumerate(planes):
            scheduler.add_plane(k, plane)
        scheduler.finish()
        assert scheduler.regions[0].shape == scheduler.reduced_plane(0).levels[0].shape
        assert scheduler.regions[0].mean() == pytest.approx(92 / 192, abs=0.01)
        assert all(off(scheduler.pair(k, k + 1), stack, k, k + 1) < 0.15 for k in (4, 5, 6))
    with looked_at(planes, 4) as scheduler:
        assert all(off(scheduler.pair(k, k + 1), stack, k, k + 1) > 0.3 for k in (4, 5, 6))


# steps that break the trend


class Astray:
    """`pair`, which at first finds a wrong transform from plane 5 to 6; and its arguments."""

    def __init__(self, correlation: float, magnification: float, rescued: bool) -> None:
        self.correlation, self.rescued = correlation, rescued
        self.wrong = np.diag([magnification, magnification, 1.0])
        self.expected: list[np.ndarray] = []

    def __call__(self, fixed, moving, models, region=None, expected=None) -> PairAlignment:
        found = align_pair(fixed, moving, models, region, expected)
        if (fixed.contrast, moving.contrast) != self.pair:
            return found
        if expected is not None:
            self.expected.append(expected)
            if self.rescued:
                return found
        wrong = dict.fromkeys(models, self.wrong)
        return PairAlignment(
            wrong, dict.fromkeys(models, 1 - self.correlation), dict.fromkeys(models, 0.0), True
        )

    def spoil(self, planes: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> PairScheduler:
        self.pair = (ReducedPlane.of(planes[5]).contrast, ReducedPlane.of(planes[6]).contrast)
        monkeypatch.setattr(scheduling, "align_pair", self)
        return looked_at(planes, 2)


def breathing() -> Scene:
    return scene("gravel", "slant", **(MOVING | {"zoom": 0.01, "shift": 0.2}))


def test_a_step_that_went_astray_is_found_by_what_the_others_let_expect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack, astray = breathing(), Astray(0.3, 1.04, rescued=True)
    with astray.spoil(stack.planes, monkeypatch) as scheduler:
        assert off(scheduler.pair(5, 6), stack, 5, 6) < 0.15
        assert scheduler.pair(5, 6).fits
    true = stack.transforms[6] @ np.linalg.inv(stack.transforms[5])
    (expected,) = astray.expected
    assert corner_distance(expected, true, (160, 192)) < 1.5


@pytest.mark.parametrize(("correlation", "fits"), [(0.3, False), (0.6, True)])
def test_a_step_that_breaks_the_trend_must_be_sure(
    monkeypatch: pytest.MonkeyPatch, correlation: float, fits: bool
) -> None:
    stack, astray = breathing(), Astray(correlation, 1.04, rescued=False)
    with astray.spoil(stack.planes, monkeypatch) as scheduler:
        found = scheduler.pair(5, 6)
        np.testing.assert_array_equal(found.transforms["similarity"], astray.wrong)
        assert found.fits is fits
        assert all(scheduler.pair(k, k + 1).fits for k in (2, 3, 4, 6))
    assert len(astray.expected) == 1


def test_steps_within_the_trend_are_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, astray = breathing(), Astray(0.3, 1.0, rescued=False)
    astray.wrong = stack.transforms[6] @ np.linalg.inv(stack.transforms[5])
    with astray.spoil(stack.planes, monkeypatch) as scheduler:
        assert scheduler.pair(5, 6).fits
    assert astray.expected == []


# what ends the work


class Torn(Exception):  # noqa: N818 - it says what happened
    pass


def torn_at(k: int):
    planes = moved().planes

    def read(plane: int) -> np.ndarray:
        if plane == k:
            raise Torn
        return planes[plane]

    return read


@pytest.mark.parametrize("k", [0, 1, 5, 7])
def test_a_plane_that_cannot_be_read_stops_the_workers(
    monkeypatch: pytest.MonkeyPatch, k: int
) -> None:
    closed = []
    monkeypatch.setattr(scheduling.SpilledCache, "close", lambda cache: closed.append(cache))
    steps = align_steps(torn_at(k), 8, 4, "auto")
    assert [next(steps) for _ in range(k + 1)] == list(range(k + 1))
    with pytest.raises(Torn):
        next(steps)
    assert len(closed) == len(set(closed)) == 2  # of reduced planes, and of their light


@pytest.mark.parametrize("after", [1, 4, 8])
def test_whoever_stops_asking_stops_the_workers(after: int) -> None:
    planes, read = moved().planes, []
    steps = align_steps(lambda k: (read.append(k), planes[k])[1], 8, 4, "auto")
    for _ in range(after):
        next(steps)
    steps.close()
    assert read == list(range(after - 1))


def test_what_goes_wrong_in_a_worker_comes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_) -> None:
        raise Torn

    monkeypatch.setattr(scheduling, "align_pair", fail)
    with pytest.raises(Torn):
        list(align_steps(torn_at(-1), 8, 4, "auto"))
