"""The dock on layers of channels and times: what it offers, adds, keeps and goes on with."""

import copy
import gc
import tempfile

import numpy as np
import pytest
from napari.layers import Layer
from scenes import QUIET, scene
from stacks import banded_planes, in_a_window

from napari_focus_stack import focus_stack
from napari_focus_stack._napari.docks import series_stacking as room
from napari_focus_stack._napari.io.results_reader import reopen
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.result_sets import result_sets
from napari_focus_stack._napari.layers.series_maps import StackDone
from napari_focus_stack._napari.workers.series_stacking import series_run_steps

TIMES, CHANNELS, PLANES = 3, 2, 6
EVERYTHING, BOTH = frozenset({"time", "channel"}), frozenset({"channel"})


@pytest.fixture(scope="module")
def film():
    """(T, C, Z, Y, X); band b of time t and channel c is sharp in plane b + t, modulo the count."""
    steady = banded_planes(dtype=np.uint16)
    times = [np.roll(steady, t, axis=0) for t in range(TIMES)]
    return np.stack([np.stack([one, one // 2]) for one in times])


@pytest.fixture(autouse=True)
def _results_beside_other_files(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def widget(dock):
    widget = dock("Focus Stack")
    widget.form.parameters["align"].value = "none"
    return widget


@pytest.fixture
def press(qtbot, viewer, widget):
    """Press Stack and wait for the end; the layers that were added, by name."""

    def stack():
        before = list(viewer.layers)
        widget.stack_button.native.click()
        qtbot.waitUntil(lambda: not widget.job.running, timeout=20_000)
        return {layer.name: layer for layer in viewer.layers if layer not in before}

    return stack


def scopes(widget):
    return [text for text, _ in widget.input.scope._widget._mgui_get_choices()]


def assert_bands(index, time):
    for band in range(PLANES):
        middle = index[8 * band + 2 : 8 * band + 6]
        assert np.median(middle) == (band + time) % PLANES


@in_a_window
def test_a_hyperstack_as_napari_opens_it(viewer, widget, press, film, notifications):
    """(t, z, c) without labels, as from ImageJ: 2-long axes are no z, and one depth serves all."""
    viewer.add_image(np.moveaxis(film, 1, 2), name="film", scale=(1, 2, 1, 0.5, 0.5))
    widget.input.axes.others[0].value = "time"
    assert widget.input.z_axis.value == 1
    assert scopes(widget) == [
        "This stack",
        "All channels (2)",
        "All times (3)",
        "Everything (2 channels, 3 times)",
    ]
    widget.input.scope.value = EVERYTHING
    assert widget.input.summary.value.startswith("2 channels, 3 times: stacks of 6 planes")
    added = press()
    assert list(added) == [
        "film channel=0 [depth index]",
        "film channel=0 [sharp]",
        "film channel=1 [sharp]",
    ]
    index, first, second = added.values()
    assert index.data.shape == first.data.shape == (TIMES, 1, 1, 48, 64)
    assert first.data.dtype == np.uint16
    assert (first.blending, second.blending) == ("translucent_no_depth", "additive")
    for t in range(TIMES):
        assert_bands(np.asarray(index.data[t, 0, 0]), t)
        for z in (0, PLANES - 1):  # seen at every plane and channel, time by time
            viewer.dims.current_step = (t, z, 1, *viewer.dims.current_step[-2:])
            place = (t, 2.0 * z, 1, 10 * 0.5, 7 * 0.5)
            assert first.get_value(place, world=True) == first.data[t, 0, 0, 10, 7]
    assert widget.job.status.value.startswith("Stacked 6 stacks; all channels moved as 'film ")
    assert set(first.metadata[METADATA_KEY]["reports"]) == {f"0,{t}" for t in range(TIMES)}
    assert notifications == []
    assert widget.input.chosen_layers()[0].name == "film", "results are no input"
    assert result_sets(viewer.layers) == [], "the other docks take single stacks"


def test_channels_in_layers_of_their_own_are_one_series(viewer, widget, press, film):
    look = {"scale": (1, 2, 0.5, 0.5), "axis_labels": ("t", "z", "y", "x"), "units": "um"}
    viewer.add_image(film, channel_axis=1, name=["film DAPI", "film GFP"], **look)
    viewer.add_image(film[:, 0, :4], name="another", **look)
    viewer.layers.selection = {viewer.layers["film GFP"]}
    widget.input.scope.value = BOTH
    viewer.dims.set_point(0, 2)
    widget.series_form.lead.value = 1
    added = press()
    assert list(added) == [
        "film GFP t=2 [depth index]",
        "film DAPI t=2 [sharp]",
        "film GFP t=2 [sharp]",
    ]
    index, dapi, gfp = added.values()
    assert_bands(index.data, 2)
    np.testing.assert_allclose(gfp.data, dapi.data / 2, atol=20)
    assert [layer.colormap.name for layer in (dapi, gfp)] == ["magenta", "green"]
    assert gfp.scale.tolist() == [0.5, 0.5]
    [of_gfp, of_dapi] = result_sets(viewer.layers)
    assert (of_gfp.image, list(of_gfp.maps)) == (gfp, ["depth-index"])
    assert list(of_dapi.maps) == [], "the depth is the lead's"


def test_cancel_keeps_what_is_done_and_going_on_does_the_rest(
    monkeypatch, viewer, widget, press, film
):
    viewer.add_image(film, name="film", axis_labels=("t", "c", "z", "y", "x"))
    widget.input.scope.value = EVERYTHING
    widget.series_form.lead.value = "each"
    viewer.dims.set_point(0, 1)

    def cancelled_after_the_first(run, cancel):
        for step in series_run_steps(run, cancel):
            yield step
            if isinstance(step, StackDone):
                cancel.set()

    with monkeypatch.context() as patch:
        patch.setattr(room, "series_run_steps", cancelled_after_the_first)
        added = press()
    kept = widget.job.status.value
    assert kept.startswith("Cancelled. ")
    assert kept.endswith("'Go on' does the others.")
    count = int(kept.split()[1])
    assert widget.stack_button.text == f"Go on ({6 - count} left)"
    image = added["film c=0 [sharp]"]
    assert np.asarray(image.data[1]).any(), "the time of the slider comes first"
    assert not np.asarray(image.data[0]).any()
    widget.form.parameters["method"].value = "depth"
    assert widget.stack_button.text == "Stack anew", "other settings are another run"
    widget.form.parameters["method"].value = "pyramid"
    assert press() == {}, "the same layers go on"
    for t in range(TIMES):
        assert_bands(np.asarray(added["film c=0 [depth index]"].data[t, 0, 0]), t)
    assert widget.stack_button.text == "Stack"
    assert widget.job.status.value.startswith("Stacked 6 stacks; each channel was aligned by its")


def test_failures_are_listed_with_their_reason(viewer, widget, press, film):
    broken = film[:, 0].astype(np.float32)
    broken[1] = np.nan
    viewer.add_image(broken, name="film", axis_labels=("t", "z", "y", "x"))
    widget.input.scope.value = frozenset({"time"})
    added = press()
    lines = widget.job.status.value.splitlines()
    assert [lines[0], lines[2]] == ["Stacked 2 stacks.", "1 stack failed and stays blank:"]
    assert lines[3].startswith("time 1: ")
    assert np.isnan(np.asarray(added["film [sharp]"].data[1])).all()


def test_notes_of_one_kind_are_shown_once_though_their_figures_differ(viewer, widget, press):
    recorded = scene("gravel", "slant", size=(96, 128), noise=QUIET).planes
    noisy = [
        np.clip(recorded + np.random.default_rng(0).normal(0, noise, recorded.shape), 0, 255)
        for noise in (15, 16)
    ]
    film = np.array(noisy).astype(np.uint8)
    viewer.add_image(film, name="film", axis_labels=("t", "z", "y", "x"))
    widget.input.scope.value = frozenset({"time"})
    press()
    own = [set(focus_stack(one, align="none").report.notes) for one in film]
    assert own[0].isdisjoint(own[1])
    [said] = [line for line in widget.job.status.value.splitlines() if "Hardly any" in line]
    assert said.split(" (2 of 2 stacks")[0] in own[0]


def test_another_run_may_fill_the_layers_of_the_last_one(viewer, widget, press, film):
    viewer.add_image(film[:, 0], name="film", axis_labels=("t", "z", "y", "x"))
    widget.input.scope.value = frozenset({"time"})
    first = press()
    assert widget.form.target.enabled
    widget.form.parameters["method"].value = "depth"
    widget.form.target.value = "update the last ones"
    assert press() == {}
    settings = first["film [sharp]"].metadata[METADATA_KEY]["settings"]
    assert settings["method"] == "depth"
    widget.form.target.value = "new layers"
    assert list(press()) == ["film [depth index 2]", "film [sharp 2]"]


def test_what_makes_no_series_is_said(viewer, widget, press, film, notifications):
    viewer.add_image(film[:, 0], name="film", axis_labels=("t", "z", "y", "x"))
    widget.input.scope.value = frozenset({"time"})
    widget.form.parameters["crop"].value = True
    assert press() == {}
    assert notifications[-1].startswith("Cropping would give each time another size")


@pytest.mark.parametrize("scope", [EVERYTHING, BOTH])
def test_all_layers_of_a_run_are_saved_and_open_as_they_were(
    qtbot, viewer, widget, press, film, tmp_path, scope
):
    viewer.add_image(film, name="film", axis_labels=("t", "c", "z", "y", "x"))
    widget.input.scope.value = scope
    added = press()
    file = tmp_path / "film.focusstack"
    widget.saving.save(str(file))
    qtbot.waitUntil(lambda: not widget.saving.job.running, timeout=20_000)
    opened = reopen(str(file))
    assert [arguments["name"] for _, arguments, _ in opened] == list(added)
    for data, arguments, kind in opened:
        before = added[arguments["name"]]
        layer = Layer.create(data, arguments, kind)
        assert layer.data.shape == before.data.shape
        np.testing.assert_array_equal(np.asarray(layer.data), np.asarray(before.data))
        np.testing.assert_allclose(layer.scale, before.scale)
        np.testing.assert_allclose(layer.translate, before.translate)
        assert layer.metadata[METADATA_KEY]["role"] == before.metadata[METADATA_KEY]["role"]


def test_a_cancel_that_comes_late_shows_what_was_done(monkeypatch, viewer, widget, press, film):
    """What the worker finishes after Cancel was pressed is in the layers, too."""
    viewer.add_image(film, name="film", axis_labels=("t", "c", "z", "y", "x"))
    widget.input.scope.value = EVERYTHING

    def unheard(run, cancel):
        for step in series_run_steps(run, cancel):
            if isinstance(step, StackDone):
                cancel.set()
            else:
                yield step

    with monkeypatch.context() as patch:
        patch.setattr(room, "series_run_steps", unheard)
        added = press()
    assert list(added) == ["film c=0 [depth index]", "film c=0 [sharp]", "film c=1 [sharp]"]
    assert widget.stack_button.text == "Go on (4 left)"


def test_a_typed_spacing_reaches_all_channels_and_their_results(viewer, widget, press, film):
    """Axes (z, t, y, x): z is not the third from last."""
    swapped = np.moveaxis(film, 0, 2)
    layers = viewer.add_image(swapped, channel_axis=0, axis_labels=("z", "t", "y", "x"))
    widget.input.scope.value = EVERYTHING
    earlier = press()
    widget.form.z_step.value, widget.form.pixel_size.value = "2", "0.5"
    later = press()
    for layer in layers:
        np.testing.assert_allclose(layer.scale, (2, 1, 0.5, 0.5))
    for layer in (*earlier.values(), *later.values()):
        np.testing.assert_allclose(layer.scale, (2 * PLANES, 1, 0.5, 0.5))
        assert [str(unit) for unit in layer.units[-2:]] == ["micrometer"] * 2
        assert layer.translate[0] == pytest.approx(2 * (PLANES - 1) / 2)


def test_an_update_keeps_its_layers_wherever_the_slider_stands(viewer, widget, press, film):
    layer = viewer.add_image(film[:, 0], name="film", axis_labels=("t", "z", "y", "x"))
    widget.input.scope.value = frozenset({"time"})
    first = press()
    viewer.dims.set_point(0, 2)
    widget.form.target.value = "update the last ones"
    assert press() == {}
    copied = type(layer).create(*first["film [sharp]"].as_layer_data_tuple())
    kept = np.asarray(copied.data[2]).copy()
    assert kept.any()
    del first
    viewer.layers.clear()
    twin = copy.deepcopy(copied.data)
    del copied
    gc.collect()
    np.testing.assert_array_equal(np.asarray(twin[2]), kept)
