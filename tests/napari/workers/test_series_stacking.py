"""A run on a series into the data of layers: order, cancelling, going on, failures."""

import threading

import numpy as np
import pytest
from stacks import banded_planes

from napari_focus_stack._napari.layers.series_maps import MapAxes, SeriesMaps, StackDone
from napari_focus_stack._napari.workers.series_stacking import SeriesRun, series_run_steps
from napari_focus_stack.errors import Cancelled
from napari_focus_stack.series.arrays import series_of_array
from napari_focus_stack.series.model import StackIndex
from napari_focus_stack.series.series_settings import SeriesSettings
from napari_focus_stack.settings import Settings

TIMES, CHANNELS = 4, 2
SETTINGS = Settings(align="none", occlusion="off")
ROLES = ("image", "depth_index", "confidence", "depth")


@pytest.fixture(scope="module")
def film():
    """(T, C, Z, Y, X); every time and channel has its own order of sharp bands."""
    steady = banded_planes()
    times = [np.stack([np.roll(steady, t + c, axis=0) for c in range(CHANNELS)]) for t in range(4)]
    return np.stack(times)


def run_of(film, folder, first_time=0):
    axes = MapAxes(("time", "channel", "z", "y", "x"), times=TIMES)
    maps = SeriesMaps(folder, axes, ROLES)
    series = series_of_array(film, "TCZYX")
    return SeriesRun(series, SETTINGS, SeriesSettings(lead_channel="each"), maps, first_time)


def done_in(run, cancel=None, most=None):
    """Run to the end, or cancel after some stacks; return what was announced."""
    cancel, done = cancel or threading.Event(), []
    try:
        for step in series_run_steps(run, cancel):
            if isinstance(step, StackDone):
                done.append(step.index)
                if most is not None and len(done) >= most:
                    cancel.set()
    except Cancelled:
        pass
    return done


@pytest.mark.parametrize("kept", ["files", "memory"])
def test_a_cancelled_run_keeps_what_is_done_and_goes_on_with_the_rest(film, tmp_path, kept):
    whole, parts = (
        run_of(film, tmp_path / name if kept == "files" else None, first_time=2)
        for name in ("whole", "parts")
    )
    order = [index.time for index in done_in(whole)]
    assert order == [2, 2, 3, 3, 0, 0, 1, 1], "the time that is shown comes first"
    before = done_in(parts, most=3)
    assert parts.left == len(parts.series) - len(before) > 0
    blank = parts.maps.arrays_of["depth", 1][1]
    assert np.isnan(blank).all(), "what is not done is blank"
    assert not np.asarray(parts.maps.arrays_of["image", 1][1]).any()
    after = done_in(parts)
    assert not set(before) & set(after), "nothing is done twice"
    assert parts.left == 0
    for key, array in whole.maps.arrays_of.items():
        np.testing.assert_array_equal(np.asarray(array), np.asarray(parts.maps.arrays_of[key]))
    for t, c in np.ndindex(TIMES, CHANNELS):
        wanted = (np.arange(6) + t + c) % 6
        index = whole.maps.picture("depth_index", c, StackIndex(0, t, c))
        assert [np.median(index[8 * k + 2 : 8 * k + 6]) for k in range(6)] == list(wanted)


def test_channels_share_the_depth_of_their_lead(film, tmp_path):
    run = run_of(film, tmp_path)
    run.series_settings = SeriesSettings(lead_channel=1, follow="surface")
    done_in(run)
    assert {key for key in run.maps.arrays_of if key[0] == "depth"} == {("depth", 1)}
    assert {key for key in run.maps.arrays_of if key[0] == "image"} == {("image", 0), ("image", 1)}


def test_a_failure_is_announced_with_its_reason_and_stays_blank(film, tmp_path):
    broken = film.astype(np.float32)
    broken[1, 0] = np.nan
    run = run_of(broken, tmp_path)
    done_in(run)
    [(index, reason)] = run.maps.failed.items()
    assert (index.time, index.channel) == (1, 0)
    assert reason.endswith(".")
    assert len(run.maps.reports) == TIMES * CHANNELS - 1
    assert np.isnan(run.maps.picture("image", 0, index)).all()
    assert (run.maps.picture("confidence", 0, index) == 0).all()


def test_files_go_with_the_last_array_that_is_used(film, tmp_path):
    folder = tmp_path / "maps"
    run = run_of(film, folder)
    done_in(run, most=1)
    assert folder.is_dir()
    del run
    import gc

    gc.collect()
    assert not folder.exists()


def test_drift_is_removed_once_though_the_run_goes_on(tmp_path):
    """Two positions; the first is done, and moved back, when the run is cancelled."""
    rng = np.random.default_rng(1)
    wide = rng.integers(40, 216, (2, 96, 160)).astype(np.uint8)
    times = [[wide[p, :, 10 + 6 * t : 106 + 6 * t] for t in range(3)] for p in range(2)]
    film = np.array([[[plane, plane // 2] for plane in position] for position in times])
    series = series_of_array(film, "PTZYX")
    axes = MapAxes(("position", "time", "z", "y", "x"), positions=2, times=3)

    def begin(name):
        maps = SeriesMaps(tmp_path / name, axes, ("image",))
        return SeriesRun(series, SETTINGS, SeriesSettings(drift=True), maps)

    whole, parts = begin("whole"), begin("parts")
    done_in(whole)
    moved = whole.maps.reports[StackIndex(0, 2)].series["drift"]["x"]
    assert abs(moved) == pytest.approx(12, abs=0.5)
    done_in(parts, most=5)
    done_in(parts)
    assert parts.maps.reports[StackIndex(0, 2)].series["drift"]["x"] == pytest.approx(moved)
    for key, array in whole.maps.arrays_of.items():
        np.testing.assert_array_equal(np.asarray(array), np.asarray(parts.maps.arrays_of[key]))
