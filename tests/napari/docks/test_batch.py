"""The batch dock: a real process on small stacks, its table, and what is opened from it."""

import gc
import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
import zarr
from qtpy.QtCore import Qt, QTimer
from stacks import banded_planes, in_a_window, in_one_unit

from napari_focus_stack._napari.docks import batch as room
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.workers import batch_process
from napari_focus_stack._napari.workers.batch_process import command_arguments
from napari_focus_stack.batch.call import BatchCall
from napari_focus_stack.batch.records import BatchRecord, Figures, StackName
from napari_focus_stack.batch.tasks import BatchOrder
from napari_focus_stack.io.recipe import Recipe
from napari_focus_stack.series.series_settings import SeriesSettings
from napari_focus_stack.settings import Settings

LONGEST_PAUSE = 1.0
"""Seconds by the clock, which nothing but waiting in the main thread reaches."""
STACKS = ("A/leaf.tif", "A/stem.tif", "B/root.tif")


def write(path, stack, axes="ZYX"):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": axes})
    os.utime(path, (1e9, 1e9))  # not still being written


@pytest.fixture
def root(tmp_path):
    """Three stacks of six planes and, beside them, a file that is none."""
    root = tmp_path / "stacks"
    for name in STACKS:
        write(root / name, banded_planes())
    (root / "B" / "broken.tif").write_bytes(b"II*\0nothing")
    os.utime(root / "B" / "broken.tif", (1e9, 1e9))
    return root


@pytest.fixture
def widget(dock, root):
    widget = dock("Batch")
    widget.form.root.value = str(root)
    return widget


@pytest.fixture
def press(qtbot, widget):
    """Press a button and wait for the end of its job; the sentence that is shown."""

    def wait(button):
        button.native.click()
        qtbot.waitUntil(lambda: not (widget.job.running or widget.opening.running), timeout=30_000)
        return widget.job.status.value

    return wait


def cells(widget, column):
    """What the table shows in a column, from the top down."""
    model = widget.table.view.model()
    titles = [model.headerData(k, Qt.Orientation.Horizontal) for k in range(model.columnCount())]
    at = titles.index(column)
    return [model.index(row, at).data() for row in range(model.rowCount())]


def open_row(qtbot, widget, stack):
    """Select a row and press Enter; the layers that come."""
    view = widget.table.view
    view.setCurrentIndex(view.model().index(cells(widget, "Stack").index(stack), 0))
    before = list(widget._viewer.layers)
    widget.table.opened.emit(widget.table.current)
    qtbot.waitUntil(lambda: not widget.opening.running, timeout=10_000)
    return [layer for layer in widget._viewer.layers if layer not in before]


def test_look_lists_what_is_there_and_writes_nothing(widget, press, root):
    assert widget.form.out.value == f"{root} fused"
    said = press(widget.look_button)
    assert said.startswith("3 stacks to do, 1 failed; results take"), said
    assert cells(widget, "Stack") == ["B/broken.tif", *STACKS]
    assert cells(widget, "State") == ["failed"] + ["to do"] * 3
    assert cells(widget, "What it is")[1] == "6 planes of 64 x 48 uint8, z step unknown"
    for name, notes in zip(STACKS, cells(widget, "Notes")[1:], strict=True):
        assert name.replace(".tif", ".ome.tif") in notes
    assert "broken.tif" in cells(widget, "Notes")[0]
    assert not os.path.exists(widget.form.out.value)
    assert not widget.sheet_button.enabled


def test_stacks_that_are_being_written_wait_and_are_listed_once(widget, press, tmp_path):
    write_film(tmp_path / "films")
    for k in range(3):
        write(tmp_path / "films" / f"stack_{k}.tif", banded_planes())
        if k:
            os.utime(tmp_path / "films" / f"stack_{k}.tif")
    os.utime(tmp_path / "films" / "film.tif")
    widget.form.root.value = str(tmp_path / "films")
    said = press(widget.look_button)
    assert said.startswith("7 stacks to do, of which 6 wait for 10 s until"), said
    states = dict(zip(cells(widget, "Stack"), cells(widget, "State"), strict=True))
    assert states == {
        "film.tif": "waits",
        "stack_0.tif": "to do",
        "stack_1.tif": "waits",
        "stack_2.tif": "waits",
    }


def test_a_batch_fills_the_table_opens_and_goes_on(qtbot, viewer, widget, press, root, monkeypatch):
    said = press(widget.run_button)
    assert said.startswith("3 stacks done, 1 "), said
    assert widget.job.progress.value == widget.job.progress.max == 3
    assert cells(widget, "Stack") == ["B/broken.tif", *STACKS]
    assert cells(widget, "State") == ["failed"] + ["done"] * 3
    assert all(text.endswith("%") for text in cells(widget, "Sure")[1:])
    depth, confidence, image = open_row(qtbot, widget, "A/leaf.tif")
    names = [layer.name for layer in (depth, confidence, image)]
    assert names == ["leaf [depth]", "leaf [confidence]", "leaf [sharp]"]
    assert viewer.layers.selection.active is image
    written = tifffile.imread(f"{widget.form.out.value}/A/leaf.ome.tif")
    np.testing.assert_array_equal(image.data, written)
    for band in range(6):
        assert np.median(depth.data[8 * band + 2 : 8 * band + 6]) == pytest.approx(band, abs=0.3)
    assert image.metadata[METADATA_KEY]["inputs"] == [str(root / "A" / "leaf.tif")]
    root_layers = open_row(qtbot, widget, "B/root.tif")
    assert [layer.visible for layer in (depth, confidence, image)] == [False] * 3
    assert open_row(qtbot, widget, "A/leaf.tif") == []
    assert viewer.layers.selection.active is image
    assert [layer.visible for layer in (depth, confidence, image)] == [True] * 3
    assert not any(layer.visible for layer in root_layers)
    assert open_row(qtbot, widget, "B/broken.tif") == []
    assert "broken.tif" in widget.opening.status.value
    opened = []
    monkeypatch.setattr(room.QDesktopServices, "openUrl", lambda url: opened.append(url))
    widget.sheet_button.native.click()
    assert [url.toLocalFile() for url in opened] == [f"{root} fused/index.html"]

    open_row(qtbot, widget, "A/stem.tif")
    os.remove(f"{widget.form.out.value}/A/stem.ome.tif")
    said = press(widget.run_button)
    assert said.startswith("1 stack done, 2 done before, 1 "), said
    states = dict(zip(cells(widget, "Stack"), cells(widget, "State"), strict=True))
    assert [states[name] for name in STACKS] == ["done before", "done", "done before"]
    assert open_row(qtbot, widget, "A/stem.tif")[-1].name == "stem [sharp 2]"  # done anew
    said = press(widget.look_button)
    assert said.startswith("0 stacks to do, 3 done before, 1 failed."), said
    assert cells(widget, "State") == ["failed"] + ["done before"] * 3
    assert open_row(qtbot, widget, "B/root.tif") == []
    assert viewer.layers.selection.active is root_layers[-1]


def test_other_settings_are_refused_until_all_is_to_be_done_again(dock, widget, press, qtbot):
    press(widget.run_button)
    dock("Focus Stack").form.parameters["method"].value = "depth"
    said = press(widget.look_button)
    assert "0 stacks to do, 3 done before" in said
    assert "'Run' refuses" in said
    assert "tick 'Do all again'" in said
    assert open_row(qtbot, widget, "A/leaf.tif")[-1].name == "leaf [sharp]"
    said = press(widget.run_button)
    assert "method 'pyramid' instead of 'depth'" in said
    assert "tick 'Do all again'" in said
    assert widget.redo.native.isVisibleTo(widget.native)
    assert cells(widget, "Stack") == []
    assert not widget.open_button.enabled
    assert "method depth" in widget.used.value
    widget.redo.value = True
    assert press(widget.run_button).startswith("3 stacks done,")
    assert not widget.redo.native.isVisibleTo(widget.native)
    assert press(widget.run_button).startswith("0 stacks done, 3 done before")


def test_a_batch_that_is_stopped_goes_on(qtbot, widget, press, root, tmp_path):
    for k in range(30):
        write(root / "many" / f"stack_{k}.tif", banded_planes())
    started = []
    watched = batch_process.subprocess.Popen

    class Noted(watched):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            started.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", Noted)
        widget.run_button.native.click()
        qtbot.waitUntil(lambda: widget.table.model.rowCount() > 0, timeout=30_000)
        assert not widget.run_button.enabled
        assert "of 33 stacks done" in widget.job.status.value
        widget.job.cancel_button.native.click()
        qtbot.waitUntil(lambda: not widget.job.running, timeout=15_000)
    assert widget.job.status.value.startswith("Stopped: ")
    [process] = started
    assert process.returncode is not None
    done = widget.table.model.rowCount()
    assert 0 < done < 33
    said = press(widget.run_button)
    kept = int(said.split(" done, ")[1].split()[0])
    assert done <= kept < 33
    assert said.startswith(f"{33 - kept} stacks done, ")


def test_a_dock_that_is_closed_ends_the_process(qtbot, widget, root, monkeypatch):
    for k in range(60):
        write(root / "many" / f"stack_{k}.tif", banded_planes())
    started = []
    end = batch_process.end

    def noted(process):
        started.append(process)
        end(process)

    monkeypatch.setattr(batch_process, "end", noted)
    widget.run_button.native.click()
    qtbot.waitUntil(lambda: widget.table.model.rowCount() > 0, timeout=30_000)
    widget.native.setParent(None)  # as napari closes it
    qtbot.waitUntil(lambda: not widget.job.running, timeout=15_000)
    [process] = started
    assert process.returncode is not None


def test_what_the_command_refuses_is_one_sentence(widget, press, root, notifications):
    widget.form.out.value = str(root / "inside")
    for button in (widget.look_button, widget.run_button):
        said = press(button)
        assert said.count("\n") == 0
        assert "choose a folder outside of it" in said
    assert len(notifications) == 2
    widget.form.out.value = f"{root} fused"
    widget.form.root.value = str(root / "nowhere")
    assert "nowhere" in press(widget.run_button)
    widget.form.workers.value = "many"
    assert "'many' is no number of workers" in press(widget.run_button)
    widget.form.workers.value = ""
    widget.form.z_step.value = "thick"
    assert "'thick' is no number" in press(widget.run_button)


def test_the_first_stack_is_previewed_as_the_stack_dock_does_it(dock, viewer, widget, press, qtbot):
    widget.preview_button.native.click()
    qtbot.waitUntil(lambda: widget.job.status.value.startswith("Stacked"), timeout=20_000)
    assert [layer.name for layer in viewer.layers] == ["leaf", "leaf [depth index]", "leaf [sharp]"]
    by_preview = viewer.layers["leaf [sharp]"]
    stack = dock("Focus Stack")
    stack.stack_button.native.click()
    qtbot.waitUntil(lambda: not stack.job.running, timeout=20_000)
    by_hand = viewer.layers["leaf [sharp 2]"]
    np.testing.assert_array_equal(by_preview.data, by_hand.data)
    assert by_preview.metadata[METADATA_KEY].keys() == by_hand.metadata[METADATA_KEY].keys()
    for key in ("sources", "source_ids", "settings", "inputs", "cut"):
        assert by_preview.metadata[METADATA_KEY][key] == by_hand.metadata[METADATA_KEY][key], key


def test_the_row_that_is_selected_is_previewed(viewer, widget, press, qtbot):
    press(widget.look_button)
    view = widget.table.view
    view.setCurrentIndex(view.model().index(cells(widget, "Stack").index("B/root.tif"), 0))
    widget.preview_button.native.click()
    qtbot.waitUntil(lambda: widget.job.status.value.startswith("Stacked"), timeout=20_000)
    assert [layer.name for layer in viewer.layers] == ["root", "root [depth index]", "root [sharp]"]


def on_disk(place, written):
    """(T, C, Y, X), read without us."""
    if written == "tif":
        return tifffile.imread(f"{place}.ome.tif")
    return np.asarray(zarr.open_group(f"{place}.ome.zarr", mode="r")["0"])


def write_film(folder):
    """Two times of two channels: band b of time t is sharp in plane b + t, modulo the count."""
    film = np.stack([np.stack([np.roll(banded_planes(), t, 0)] * 2, 1) for t in range(2)])
    write(folder / "film.tif", film, "TZCYX")


def test_the_first_time_of_a_film_is_previewed_with_its_channels(viewer, widget, qtbot, tmp_path):
    write_film(tmp_path / "films")
    widget.form.root.value = str(tmp_path / "films")
    widget.preview_button.native.click()
    qtbot.waitUntil(lambda: widget.job.status.value.startswith("Stacked 2"), timeout=20_000)
    added = [layer.name for layer in viewer.layers]
    assert [name for name in added if name.endswith("[sharp]")] == [
        "film channel 0 t=0 [sharp]",
        "film channel 1 t=0 [sharp]",
    ]


@pytest.mark.parametrize("written", ["tif", "zarr"])
def test_the_pixels_of_a_film_are_those_of_each_time(
    viewer, widget, press, qtbot, tmp_path, written, notifications
):
    write_film(tmp_path / "films")
    widget.form.root.value = str(tmp_path / "films")
    widget.form.format.value = written
    press(widget.run_button)
    assert sorted(cells(widget, "Stack")) == [
        f"film.tif, time {time}, channel {channel}" for time in range(2) for channel in range(2)
    ]
    added = open_row(qtbot, widget, "film.tif, time 1, channel 1")
    depth, image = added[0], added[-1]
    assert (depth.name, image.name) == ("film channel 1 [depth]", "film channel 1 [sharp]")
    assert viewer.dims.point[viewer.dims.ndim - 3] == 1
    assert open_row(qtbot, widget, "film.tif, time 0, channel 1") == []
    assert viewer.dims.point[viewer.dims.ndim - 3] == 0
    assert image.metadata[METADATA_KEY]["channel"] == 1
    pixels, depths = np.asarray(image.data), np.asarray(depth.data)
    for shown, name in ((pixels, "film"), (depths, "film_depth")):
        np.testing.assert_array_equal(
            shown, on_disk(f"{widget.form.out.value}/{name}", written)[:, 1]
        )
    for time_point in range(2):
        for band in range(6):
            rows = slice(8 * band + 2, 8 * band + 6)
            assert round(float(np.median(depths[time_point, rows]))) == (band + time_point) % 6
            sharp = np.roll(banded_planes(), time_point, 0)[(band + time_point) % 6, rows]
            assert np.corrcoef(pixels[time_point, rows].ravel(), sharp.ravel())[0, 1] > 0.95
    assert notifications == []


def test_the_view_fits_what_is_opened_and_not_what_is_hidden(viewer, widget, press, qtbot):
    press(widget.run_button)
    camera = getattr(viewer, "scene", viewer).camera
    open_row(qtbot, widget, "A/leaf.tif")
    alone = camera.zoom, camera.center
    other = viewer.add_image(np.zeros((3, 480, 640)))
    viewer.reset_view()
    assert camera.zoom < alone[0] / 5
    viewer.layers.selection.active = other
    assert open_row(qtbot, widget, "A/leaf.tif") == []
    assert camera.zoom == pytest.approx(alone[0], rel=0.03)  # napari counts half pixels
    assert camera.center == pytest.approx(alone[1])


def test_a_film_takes_the_steps_and_units_of_planes_beside_it(
    viewer, widget, press, qtbot, tmp_path
):
    """One slider moves both, and napari draws without units if a time meets a length."""
    write_film(tmp_path / "films")
    widget.form.root.value = str(tmp_path / "films")
    press(widget.run_button)
    place = {
        "scale": (1, 0.5, 1, 1),
        "units": ("pixel", "um", "pixel", "pixel"),
        "axis_labels": ("t", "z", "y", "x"),
    }
    viewer.add_image(np.zeros((2, 9, 48, 64)), **place)
    added = open_row(qtbot, widget, "film.tif, time 1, channel 0")
    assert "moved by the slider" in widget.opening.status.value
    assert in_one_unit(viewer)
    assert {float(layer.scale[0]) for layer in added} == {0.5}
    assert viewer.dims.current_step[1] == 1


@pytest.mark.parametrize(
    ("settings", "of_series"),
    [
        (Settings(), SeriesSettings()),
        (
            Settings(
                method="laplacian",
                align="affine",
                reference=2,
                crop=True,
                laplacian=7,
                z_step=0.25,
                threads=3,
                memory=10**9,
            ),
            SeriesSettings(
                lead_channel="-a",
                follow="surface:-2",
                slab=3,
                slab_method="mean",
                smooth_time=5,
                drift=True,
            ),
        ),
    ],
)
def test_no_setting_is_lost_on_the_way_to_the_process(settings, of_series, tmp_path):
    from napari_focus_stack.cli.batch import _batch_call, batch_parser

    recipe = tmp_path / "settings.json"
    Recipe(settings=settings).write(recipe)
    order = BatchOrder(
        root=str(tmp_path / "-odd root"),
        out=str(tmp_path / "out"),
        settings=settings,
        series_settings=of_series,
        pattern="-{z}.tif",
        format="zarr",
    )
    call = BatchCall(order=order, workers=3, redo=True, quiet=0.5)
    command, *arguments = command_arguments(call, recipe)
    assert command == "batch"
    assert _batch_call(batch_parser().parse_args(arguments)) == call


def record(k):
    return BatchRecord(
        name=StackName(source=f"plate/stack_{k:04}.tif"),
        state="failed" if k % 50 == 7 else "done",
        why="It is damaged." if k % 50 == 7 else "",
        seconds=k % 13 / 3,
        figures=Figures(
            planes=9,
            left_out=0,
            align="shift",
            motion=k % 17 / 3,
            share_sure=k % 101 / 101,
            depth=None,
        ),
        notes=("The z step is coarse.",) * 3,
        results={"image": f"plate/stack_{k:04}.ome.tif"},
    )


PRINTING = """
import json, sys, time
lines = open(sys.argv[1]).read().splitlines()
for k, line in enumerate(lines):
    print(line, flush=True)
    if k % 4 == 3:
        time.sleep(0.02 * float(sys.argv[2]))
"""


@in_a_window
def test_thousands_of_rows_do_not_stop_the_window(qtbot, widget, tmp_path, monkeypatch):
    """5,000 records at once, as of a batch that is done already, into a sorted table in sight.

    Work is counted, because seconds are those of the machine: the window has a turn after each lot
    of rows, and reads the cells in sight. A proxy that sorts reads 120,000 for each click.
    """
    count, file, script = 5000, tmp_path / "lines", tmp_path / "print.py"
    state = {"done": 1, "failed": 0, "total": count, "seconds_left": 1.0, "workers": {"one": "x"}}
    news = [{"record": record(k).as_dict()} for k in range(count)]
    news[::7] = [{"progress": state} | one for one in news[::7]]
    file.write_text("\n".join(map(json.dumps, [*news, {"end": "All is done."}])))
    script.write_text(PRINTING)
    popen = subprocess.Popen
    monkeypatch.setattr(
        subprocess,
        "Popen",
        lambda _, **options: popen([sys.executable, script, file, "0"], **options),
    )
    model, view, read = widget.table.model, widget.table.view, [0]
    data = type(model).data

    def counted(self, *cell):
        read[0] += 1
        return data(self, *cell)

    monkeypatch.setattr(type(model), "data", counted)
    widget.native.window().show()
    qtbot.waitUntil(view.isVisible)
    gc.collect()  # of what other tests have left: 0.1 s
    qtbot.wait(500)  # until the window is painted and laid out
    rows, cells_read, pauses = [0], [], []
    last = [time.perf_counter()]

    def tick():
        pauses.append(time.perf_counter() - last[0])
        rows.append(model.rowCount())
        cells_read.append(read[0])
        last[0], read[0] = time.perf_counter(), 0

    widget.run_button.native.click()
    view.sortByColumn(3, Qt.SortOrder.AscendingOrder)
    last[0], read[0] = time.perf_counter(), 0
    timer = QTimer(interval=1)
    timer.timeout.connect(tick)
    timer.start()
    qtbot.waitUntil(lambda: not widget.job.running, timeout=60_000)
    timer.stop()
    tick()
    for column in (0, 5, 3):
        view.sortByColumn(column, Qt.SortOrder.DescendingOrder)
        view.grab()
        tick()
    view.sortByColumn(3, Qt.SortOrder.AscendingOrder)
    widget.native.window().hide()
    assert sum(cells_read) > 0
    assert max(cells_read) < count
    assert max(np.diff(rows)) <= count // 10
    assert max(pauses) < LONGEST_PAUSE, f"{max(pauses):.3f} s"
    assert model.rowCount() == count
    sure = [int(text.rstrip("%")) for text in cells(widget, "Sure")]
    assert sure == sorted(sure)
    widget.table.words.setText("FAILED")
    assert set(cells(widget, "State")) == {"failed"}
    assert len(cells(widget, "State")) == count // 50
