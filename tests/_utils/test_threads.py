"""Threads that share work: each part done once, errors and stops come through, order is kept."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import closing

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focus_stack._utils import threads as teams
from napari_focus_stack._utils.threads import (
    ThreadTeam,
    block_grid,
    opencv_on_one_thread,
    prefetch,
    row_bands,
)

sides = st.integers(1, 5000)
WAIT = 10.0
"""Seconds after which a thread that should have come is missed."""


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(0, 60))
def test_every_part_is_done_once(threads: int, count: int) -> None:
    done: Counter[int] = Counter()
    with ThreadTeam(threads) as team:
        for _ in range(3):  # one team does many works
            team.map(lambda part: done.update([part]), range(count))
    assert done == Counter(dict.fromkeys(range(count), 3))


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_work_side_by_side_and_no_more_of_them(threads: int) -> None:
    together = threading.Barrier(threads)
    seen: set[int] = set()

    def work(_: int) -> None:
        seen.add(threading.get_ident())
        together.wait(WAIT)  # or the barrier breaks, and the test with it

    with ThreadTeam(threads) as team:
        team.map(work, range(threads))
        assert len(seen) == threads
        assert threading.get_ident() in seen
        assert team.threads == threads


def test_one_thread_is_the_callers() -> None:
    seen: list[int] = []
    with ThreadTeam(1) as team:
        team.map(lambda _: seen.append(threading.get_ident()), range(5))
    assert seen == [threading.get_ident()] * 5


def test_by_default_there_are_no_more_threads_than_processors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(teams.os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    assert ThreadTeam().threads == 3
    monkeypatch.setattr(teams.os, "sched_getaffinity", lambda _: set(range(64)))
    assert ThreadTeam().threads == teams.MOST_BY_DEFAULT
    monkeypatch.delattr(teams.os, "sched_getaffinity")  # macOS, Windows
    monkeypatch.setattr(teams.os, "cpu_count", lambda: 5)
    assert ThreadTeam().threads == 5
    monkeypatch.setattr(teams.os, "cpu_count", lambda: None)
    assert ThreadTeam().threads == 1


class TornError(Exception):
    """What a part raises."""


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_an_error_is_raised_and_the_rest_is_left(threads: int) -> None:
    done: list[int] = []

    def work(part: int) -> None:
        if part == 3:
            raise TornError(part)
        time.sleep(0.002)
        done.append(part)

    with ThreadTeam(threads) as team:
        with pytest.raises(TornError, match="3"):
            team.map(work, range(1000))
        ended = list(done)
        assert {0, 1, 2} <= set(ended)
        assert len(ended) < 500  # a thread may be slow to hear of it
        time.sleep(0.02)
        assert done == ended  # nothing goes on behind the caller's back
        team.map(done.append, range(2000, 2010))  # and the team is good for more
    assert set(done) - set(ended) == set(range(2000, 2010))


def test_an_error_of_a_helper_is_raised_too() -> None:
    met = threading.Barrier(2)

    def work(_: int) -> None:
        met.wait(WAIT)
        if threading.current_thread() is not threading.main_thread():
            raise TornError

    with ThreadTeam(2) as team, pytest.raises(TornError):
        team.map(work, range(2))


@pytest.mark.parametrize("threads", [1, 3])
def test_it_looks_before_each_part_whether_it_is_still_wanted(threads: int) -> None:
    looks: list[int] = []
    done: list[int] = []

    def check() -> None:
        looks.append(len(done))
        if len(done) >= 10:
            raise TornError

    with ThreadTeam(threads, check) as team:
        team.map(done.append, range(8))
        assert len(looks) == 8
        with pytest.raises(TornError):
            team.map(done.append, range(8, 1000))
        assert 10 <= len(done) < 10 + threads


def test_something_goes_on_meanwhile() -> None:
    begun = threading.Event()

    def work() -> str:
        begun.set()
        return "done"

    for threads in (1, 2):
        begun.clear()
        with ThreadTeam(threads) as team:
            future = team.submit(work)
            assert begun.wait(WAIT)
            done: list[int] = []
            team.map(done.append, range(20))
            assert sorted(done) == list(range(20))
            assert future.result(WAIT) == "done"


def test_work_goes_on_while_the_helper_is_busy_with_something_else() -> None:
    """Or a team of two would wait for itself."""
    go = threading.Event()
    with ThreadTeam(2) as team:
        future = team.submit(lambda: go.wait(WAIT))
        done: list[int] = []
        team.map(done.append, range(20))
        assert done == list(range(20))
        assert not future.done()
        go.set()
        assert future.result(WAIT)


# parts


@settings(max_examples=60, deadline=None)
@given(sides, sides)
def test_parts_and_tiles_cover_an_area_once(height: int, width: int) -> None:
    rows = [r for part in row_bands((height, width)) for r in range(part.start, part.stop)]
    assert rows == list(range(height))
    covered = np.zeros((height, width), np.uint8)
    for tile in block_grid((height, width)):
        covered[tile] += 1
        assert tile[0].stop - tile[0].start <= teams.BLOCK_SHAPE[0]
        assert tile[1].stop - tile[1].start <= teams.BLOCK_SHAPE[1]
    assert (covered == 1).all()
    # levels of the pyramid meet at even rows and columns
    assert all(part.start % 2 == 0 for part in row_bands((height, width)))
    assert all(side.start % 2 == 0 for tile in block_grid((height, width)) for side in tile)


# reading ahead


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 99), max_size=12), st.integers(0, 3))
def test_what_is_read_ahead_comes_once_and_in_its_order(order: list[int], threads: int) -> None:
    read: list[int] = []

    def number(k: int) -> str:
        read.append(k)
        return f"plane {k}"

    assert list(prefetch(number, order, threads)) == [(k, f"plane {k}") for k in order]
    assert sorted(read) == sorted(order)


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_no_more_is_read_ahead_than_there_are_threads(threads: int) -> None:
    read: list[int] = []
    with closing(prefetch(lambda k: read.append(k), range(20), threads)) as planes:
        for i, (k, _) in enumerate(planes):
            assert k == i
            deadline = time.monotonic() + WAIT
            wanted = min(20, i + 1 + threads)
            while len(read) < wanted and time.monotonic() < deadline:
                time.sleep(0.001)
            assert len(read) == wanted  # read on while this one is worked on, and no farther


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_reading_ahead_stops_when_it_is_closed(threads: int) -> None:
    read: list[int] = []
    before = threading.active_count()
    planes = prefetch(lambda k: read.append(k), range(20), threads)
    next(planes)
    next(planes)
    planes.close()
    assert threading.active_count() == before
    assert len(read) <= 2 + threads
    ended = list(read)
    time.sleep(0.01)
    assert read == ended


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_an_error_while_reading_ahead_comes_in_its_turn(threads: int) -> None:
    def read(k: int) -> int:
        if k == 3:
            raise TornError(k)
        return k

    with closing(prefetch(read, range(9), threads)) as planes:
        assert [next(planes)[0] for _ in range(3)] == [0, 1, 2]
        with pytest.raises(TornError):
            next(planes)


def test_what_was_handed_out_is_not_kept() -> None:
    import gc
    import weakref

    class Plane:
        pass

    alive: weakref.WeakSet[Plane] = weakref.WeakSet()

    def read(_: int) -> Plane:
        plane = Plane()
        alive.add(plane)
        return plane

    with closing(prefetch(read, range(9), threads=0)) as planes:
        for _, plane in planes:
            assert len(alive) == 1
            del plane
    gc.collect()
    assert not alive


# OpenCV


def test_opencv_is_on_one_thread_until_the_last_one_ends() -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        first, second = opencv_on_one_thread(), opencv_on_one_thread()
        with pytest.raises(TornError, match=r"^1$"), opencv_on_one_thread():
            raise TornError(cv2.getNumThreads())
        assert cv2.getNumThreads() == 2
        first.__enter__()
        second.__enter__()
        assert cv2.getNumThreads() == 1
        first.__exit__(None, None, None)  # runs end in any order
        assert cv2.getNumThreads() == 1
        second.__exit__(None, None, None)
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(before)
