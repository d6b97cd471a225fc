"""`focus_series`: lead and followers, failures, drift, and files that hold what memory holds."""

from __future__ import annotations

import dataclasses
import json
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
import zarr

from napari_focus_stack import (
    ArraySource,
    Cancelled,
    Channel,
    FocusStackError,
    InputError,
    OutputError,
    Series,
    SettingsError,
    StackIndex,
    focus_series,
    focus_stack,
    open_series,
)
from napari_focus_stack.analysis import project
from tests.scenes import picture, psnr, scene
from tests.series.experiments import SPACING, as_series, two_channels


@pytest.fixture(scope="module")
def experiment():
    return two_channels()


@pytest.fixture(scope="module")
def focused(experiment):
    return focus_series(as_series(experiment))


def test_the_channel_with_texture_leads_and_the_other_takes_its_transforms(experiment, focused):
    assert focused.lead == "bright"
    lead = focus_stack(experiment[0, 1])
    follower = focus_stack(experiment[0, 0], transforms=lead)
    assert lead.report.align != "none"
    for channel, alone in ((1, lead), (0, follower)):
        np.testing.assert_array_equal(focused.image[0, channel], alone.image)
        np.testing.assert_array_equal(focused.depth[0, channel], alone.depth)
        np.testing.assert_array_equal(focused.confidence[0, channel], alone.confidence)
    np.testing.assert_allclose(focused.height, 2.0 * focused.depth, rtol=1e-6)
    assert focused.reports[StackIndex(0, 0, 0)].series["lead"] == "bright"


def test_copies_of_one_image_do_not_lead(experiment):
    copied = experiment.copy()
    copied[0, 1] = copied[0, 1, 2]
    assert focus_series(as_series(copied), align="none").lead == "dim"


@pytest.mark.parametrize(("follow", "offset"), [("surface", 0), ("surface:-1", -1)])
def test_a_channel_that_follows_the_surface_is_projected_through_it(experiment, follow, offset):
    found = focus_series(
        as_series(experiment), lead_channel="bright", follow=follow, slab=3, slab_method="mean"
    )
    lead = focus_stack(experiment[0, 1])
    expected = project(experiment[0, 0], lead, offset=offset, half_slab=1, how="mean")
    np.testing.assert_array_equal(found.image[0, 0], expected)
    np.testing.assert_array_equal(found.depth[0, 0], lead.depth)


def test_each_channel_by_itself(experiment):
    found = focus_series(as_series(experiment), lead_channel="each", align="none")
    for channel in range(2):
        alone = focus_stack(experiment[0, channel], align="none")
        np.testing.assert_array_equal(found.image[0, channel], alone.image)
    assert found.lead is None


def test_a_stack_that_fails_is_named_and_empty_and_the_rest_goes_on():
    film = two_channels(3)[:, 1:]
    found = focus_series(as_series(film, broken={(0, 0)}), align="none")
    assert found.failed == {StackIndex(0, 0, 0): "planes are missing at time 0."}
    assert not found.image[0].any()
    assert not found.confidence[0].any()
    assert np.isnan(found.depth[0]).all()
    for time in (1, 2):
        alone = focus_stack(film[time, 0], align="none")
        np.testing.assert_array_equal(found.image[time, 0], alone.image)
    assert sorted(found.reports) == [StackIndex(0, 1, 0), StackIndex(0, 2, 0)]


def test_the_followers_of_a_lead_that_failed_fail_with_it(experiment):
    with pytest.raises(InputError, match="none of the 2 stacks could be fused"):
        focus_series(as_series(experiment, broken={(0, 1)}), lead_channel=1)


def test_files_hold_what_memory_holds_and_name_their_axes(tmp_path):
    film = two_channels(2)
    series = as_series(film, broken={(1, 0)}, seconds=(0.0, 12.5))
    expected = focus_series(series, align="none", lead_channel="bright")
    out = tmp_path / "film.ome.tif"
    found = focus_series(series, align="none", lead_channel="bright", out=out)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "film.ome.tif",
        "film_confidence.ome.tif",
        "film_depth.ome.tif",
        "film_height.ome.tif",
        "film_reports",
    ]
    assert sorted(found.files) == sorted(tmp_path.iterdir())
    for role in ("image", "depth", "height", "confidence"):
        path = out if role == "image" else tmp_path / f"film_{role}.ome.tif"
        with tifffile.TiffFile(path) as tif:
            assert tif.series[0].axes == "TCYX"
            np.testing.assert_array_equal(tif.asarray(), getattr(expected, role))
            pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
        assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeX"]) == (SPACING.y, SPACING.x)
        assert "PhysicalSizeZ" not in pixels
        assert [channel["Name"] for channel in pixels["Channel"]] == ["dim", "bright"]
        assert [plane["DeltaT"] for plane in pixels["Plane"]] == [0, 0, 12.5, 12.5]
        np.testing.assert_array_equal(getattr(found, role), getattr(expected, role))
    reports = {
        path.name: json.loads(path.read_text()) for path in (tmp_path / "film_reports").iterdir()
    }
    assert sorted(reports) == [
        "p0_t0000_c0_dim.json",
        "p0_t0000_c1_bright.json",
        "p0_t0001_c1_bright.json",
    ]
    place = reports["p0_t0001_c1_bright.json"]["place"]
    assert (place["time"], place["channel"], place["channel_name"]) == (1, 1, "bright")


def test_zarr_holds_what_memory_holds_and_is_read_as_a_series(tmp_path):
    film = two_channels(2)
    series = as_series(film, broken={(1, 0)}, seconds=(0.0, 12.5))
    options = {"align": "none", "lead_channel": "bright"}
    expected, out = focus_series(series, **options), tmp_path / "film.ome.zarr"
    found = focus_series(series, **options, out=out)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "film.ome.zarr",
        "film_confidence.ome.zarr",
        "film_depth.ome.zarr",
        "film_height.ome.zarr",
        "film_reports",
    ]
    for role in ("image", "depth", "height", "confidence"):
        np.testing.assert_array_equal(getattr(found, role)[:], getattr(expected, role))
    position = open_series(out).positions[0]
    assert [channel.name for channel in position.channels] == ["dim", "bright"]
    assert (position.times, position.planes, position.seconds) == (2, 1, (0.0, 12.5))
    assert (position.spacing.y, position.spacing.x) == (SPACING.y, SPACING.x)


def test_results_of_before_are_replaced_whole_and_a_cancelled_run_leaves_nothing(tmp_path):
    film, out = two_channels(2)[:, 1:], tmp_path / "film.ome.tif"
    focus_series(as_series(film), align="none", out=out)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    cancel = threading.Event()

    def stop_in_the_second(progress):
        if progress.done == 1:
            cancel.set()

    with pytest.raises(Cancelled):
        focus_series(
            as_series(film), align="none", out=out, progress=stop_in_the_second, cancel=cancel
        )
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    focus_series(as_series(film[:1]), align="none", out=out)
    assert tifffile.imread(out).shape == film.shape[3:]
    assert len(list((tmp_path / "film_reports").iterdir())) == 1
    assert len(list(tmp_path.iterdir())) == len(before)


@pytest.mark.parametrize(
    ("name", "made", "sentence"),
    [
        ("film.png", None, "cannot hold a series"),
        ("nowhere/film.ome.tif", None, "There is no folder"),
        ("film.ome.tif", "film_depth.ome.tif/", "is a folder"),
        ("film.ome.tif", "film_reports/notes.txt", "holds other files"),
    ],
)
def test_outputs_that_cannot_be_written_are_refused_before_the_work(tmp_path, name, made, sentence):
    if made is not None:
        place = tmp_path / made
        (place if made.endswith("/") else place.parent).mkdir()
        if not made.endswith("/"):
            place.touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match=sentence):
        focus_series(
            as_series(two_channels()), out=tmp_path / name, progress=lambda _: pytest.fail("began")
        )
    assert sorted(tmp_path.rglob("*")) == before


def test_drift_is_removed_and_reported():
    step, times = (3.0, -2.0), 4
    image = picture("gravel", 200, 240)
    depth = np.full(image.shape, 2.0, np.float32)
    from napari_focus_stack.simulation.rendering import render_stack

    film = []
    for t in range(times):
        moved = np.eye(3)
        moved[:2, 2] = step[0] * t + 0.25 * (t > 0), step[1] * t
        film.append(render_stack(image, depth, 5, 1.5, margin=20, transforms=[moved] * 5, seed=t))
    film = np.stack(film)
    still = focus_series(film, axes="TZYX", align="none")
    found = focus_series(film, axes="TZYX", align="none", drift=True)
    inner = np.s_[20:-20, 20:-20]
    first = still.image[0, 0].astype(float)[inner]
    for t in range(1, times):
        moved = found.reports[StackIndex(0, t, 0)].series["drift"]
        assert moved == pytest.approx({"x": step[0] * t + 0.25, "y": step[1] * t}, abs=0.1)
        assert psnr(found.image[t, 0].astype(float)[inner], first) > 30
        assert psnr(still.image[t, 0].astype(float)[inner], first) < 25
        assert np.isnan(found.depth[t, 0]).any()
        assert not np.isnan(found.confidence[t, 0]).any()
    recorded = focus_series(film, axes="TZYX", align="none", drift=True, method="depth")
    assert set(np.unique(recorded.image[2, 0])) <= set(np.unique(film[2])) | {0}


def test_arrays_need_names_for_more_than_three_axes_and_take_those_of_xarray(experiment):
    with pytest.raises(InputError, match="axes='TCZYX'"):
        focus_series(experiment)

    def labelled(dims, planes):
        coords = {"c": np.array(["dim", "bright"])}
        return SimpleNamespace(
            dims=dims, shape=planes.shape, ndim=4, dtype=planes.dtype, coords=coords, data=planes
        )

    with pytest.raises(SettingsError, match="end in YX"):
        focus_series(labelled(tuple("cyxz"), np.moveaxis(experiment[0], 1, -1)))
    found = focus_series(labelled(tuple("czyx"), experiment[0]), align="none")
    assert [one.name for one in found.positions[0].position.channels] == ["dim", "bright"]
    np.testing.assert_array_equal(
        found.image[0, 1], focus_stack(experiment[0, 1], align="none").image
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"lead_channel": "DAPI"}, "There is no channel 'DAPI'; choose from 0 'dim', 1 'bright'"),
        ({"follow": "lead"}, "follow 'lead' is not known"),
        ({"slab": 3}, "add follow 'surface'"),
        ({"slab": 2, "follow": "surface"}, "must be an odd whole number"),
        ({"slab_method": "sum"}, "give max or mean"),
        ({"smooth_time": 3}, "needs several time points"),
        ({"drift": True}, "needs several time points"),
        ({"follow": "surface", "lead_channel": "each"}, "needs a lead channel"),
        ({"reference": 17}, "not in the stack of 6 planes"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_sentence(experiment, options, sentence):
    with pytest.raises(SettingsError, match=sentence):
        focus_series(as_series(experiment), **options)


def test_a_film_is_not_cropped_to_sizes_of_its_frames():
    with pytest.raises(SettingsError, match="another size"):
        focus_series(as_series(two_channels(2)), crop=True)


def test_colour_and_one_channel_of_every_type(tmp_path):
    colour = np.stack([scene(n=4).planes] * 3, axis=-1)
    found = focus_series(colour[None], axes="TZYXS", align="none", out=tmp_path / "rgb.ome.tif")
    expected = focus_stack(colour, align="none").image
    np.testing.assert_array_equal(found.image[0, 0], expected)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "rgb.ome.tif"), expected)


def test_the_lead_is_found_where_names_repeat_and_where_the_first_place_is_broken():
    film = two_channels(3)
    position = dataclasses.replace(
        as_series(film).positions[0], channels=(Channel("GFP"), Channel("GFP"))
    )

    def read(index):
        if index.time == 1:
            raise InputError("broken")
        return ArraySource(film[index.time, index.channel])

    series = Series(Path("film"), "test", [position], read)
    found = focus_series(series)
    assert found.lead == 1
    assert found.reports[StackIndex(0, 0, 1)].align != "given"
    assert found.reports[StackIndex(0, 0, 0)].align == "given"
    assert set(found.failed) == {StackIndex(0, 1, 0), StackIndex(0, 1, 1)}


def test_positions_without_the_lead_channel_are_noted_or_refused():
    planes = two_channels()
    first = as_series(planes).positions[0]
    second = dataclasses.replace(
        first, name="b", channels=(Channel("GFP"), Channel("RFP"), Channel("CFP"))
    )

    def read(index):
        return ArraySource(planes[0, min(index.channel, 1)])

    series = Series(Path("film"), "test", [dataclasses.replace(first, name="a"), second], read)
    found = focus_series(series, lead_channel="bright", align="none")
    assert any("There is no channel 'bright' in 'b'" in note for note in found.notes)
    surface = focus_series(series, lead_channel="bright", align="none", follow="surface")
    assert set(surface.failed) == {StackIndex(1, 0, c) for c in range(3)}
    assert [sorted(one.maps) for one in surface.positions][1] == []
    with pytest.raises(SettingsError, match="2 positions"):
        _ = surface.image


def test_drift_of_channels_by_themselves_is_that_of_the_field():
    film = np.stack([np.roll(two_channels()[0], (4 * t, -6 * t), (2, 3)) for t in range(3)])
    found = focus_series(
        as_series(film, broken={(1, 1)}), lead_channel="each", align="none", drift=True
    )
    for index, report in found.reports.items():
        if index.channel == 1:
            expected = {"x": -6.0 * index.time, "y": 4.0 * index.time}
            assert report.series["drift"] == pytest.approx(expected, abs=0.1)
    assert any("drift of the field over time was removed" in note for note in found.notes)
    noise = np.random.default_rng(0).integers(90, 110, (2, 3, 64, 64), np.uint8)
    lost = focus_series(noise, axes="TZYX", align="none", drift=True)
    report = lost.reports[StackIndex(0, 1, 0)]
    assert "drift" not in report.series
    assert any("could not be found" in note for note in report.notes)


def test_the_share_of_the_picture_that_an_offset_leads_out_of_the_stack_is_noted(experiment):
    found = focus_series(
        as_series(experiment), lead_channel="bright", align="none", follow="surface:3"
    )
    lead = focus_stack(experiment[0, 1], align="none")
    share = (lead.depth_index + 3 >= 6).mean()
    note = found.reports[StackIndex(0, 0, 0)].notes[1]
    assert note.startswith(f"{share:.1%} of the picture")
    assert ((found.image[0, 0] == 0) >= (lead.depth_index + 3 >= 6)).all()
    with pytest.raises(SettingsError, match="leads out of every stack"):
        focus_series(as_series(experiment), follow="surface:-6")


def test_crop_is_common_to_channels_that_share_transforms_and_refused_to_others(experiment):
    found = focus_series(as_series(experiment), crop=True)
    alone = focus_stack(experiment[0, 1], crop=True)
    np.testing.assert_array_equal(found.image[0, 1], alone.image)
    assert found.image.shape[2:] == alone.image.shape
    with pytest.raises(SettingsError, match="every channel another size"):
        focus_series(as_series(experiment), crop=True, lead_channel="each")


def test_a_zarr_array_is_read_plane_by_plane(tmp_path):
    film = two_channels(2)
    path = str(tmp_path / "a.zarr")
    array = zarr.create_array(path, shape=film.shape, dtype=film.dtype, chunks=(1, 1, 1, 160, 192))
    array[:] = film
    read = []

    class Counted:
        shape, ndim, dtype = array.shape, array.ndim, array.dtype

        def __getitem__(self, key):
            read.append(np.shape(array[key]))
            return array[key]

    found = focus_series(Counted(), axes="TCZYX", align="none", lead_channel=1)
    np.testing.assert_array_equal(found.image[1, 0], focus_stack(film[1, 0], align="none").image)
    assert set(read) == {(160, 192)}


def test_a_list_of_planes_is_one_stack_and_no_stack_is_refused(experiment):
    found = focus_series(list(experiment[0, 1]), align="none")
    expected = focus_stack(experiment[0, 1], align="none")
    np.testing.assert_array_equal(found.image[0, 0], expected.image)
    for nothing, axes in ((None, None), ([], None), (np.zeros((0, 3, 32, 32)), "TZYX")):
        with pytest.raises(FocusStackError):
            focus_series(nothing, axes=axes)


def test_a_stack_of_another_size_fails_and_the_rest_is_whole(tmp_path):
    film = two_channels(3)[:, 1:]
    position = as_series(film).positions[0]

    def read(index):
        planes = film[index.time, 0]
        return ArraySource(planes[:, :100] if index.time == 1 else planes)

    series = Series(Path("film"), "test", [position], read)
    found = focus_series(series, align="none", out=tmp_path / "film.ome.tif")
    assert set(found.failed) == {StackIndex(0, 1, 0)}
    assert not found.image[1].any()
    expected = focus_stack(film[2, 0], align="none")
    np.testing.assert_array_equal(found.image[2, 0], expected.image)
