"""OME-Zarr that is written here is whole or not there, and others read the same from it."""

import asyncio
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import yaozarrs
import zarr

from napari_focus_stack.errors import InputError, OutputError
from napari_focus_stack.io.ome_zarr_store import open_level
from napari_focus_stack.io.ome_zarr_writer import create_ome_zarr
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.series.model import Channel
from napari_focus_stack.series.readers.ome_zarr import open_ome_zarr

SHAPE = (3, 2, 601, 1100)
SPACING = Spacing(y=0.25, x=0.5, z=2.0, unit="micrometer")
_COLOURS = ("#FF0000", "#00FF00", "#0000FF")
CHANNELS = (("DAPI", "#0000FF"), ("GFP", "#00FF00"))


def plane(t, c):
    rows, columns = np.mgrid[: SHAPE[2], : SHAPE[3]]
    return (1000 * t + 5000 * c + (rows + 2 * columns) % 777).astype(np.uint16)


def write(path, **changes):
    given = {"channels": CHANNELS, "seconds_step": 30.0, "name": "film", "about": "sharp"}
    with create_ome_zarr(path, SHAPE, np.dtype("u2"), SPACING, **(given | changes)) as image:
        places = [(t, c) for t in range(SHAPE[0]) for c in range(SHAPE[1])]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda place: image.write(*place, plane(*place)), places))
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write(tmp_path_factory.mktemp("film") / "film.ome.zarr")


def test_all_planes_at_all_levels_and_nothing_beside(film):
    assert os.listdir(film.parent) == ["film.ome.zarr"]
    group = zarr.open_group(film, mode="r")
    shapes = [group[str(level)].shape[2:] for level in range(3)]
    assert shapes == [(601, 1100), (301, 550), (151, 275)]
    assert sorted(group.array_keys()) == ["0", "1", "2"]
    assert group["0"].chunks == (1, 1, 601, 1100)
    for t, c in np.ndindex(3, 2):
        assert np.array_equal(group["0"][t, c], plane(t, c))
        below = group["1"][t, c].astype(float)
        exact = plane(t, c)[:600].astype(float).reshape(300, 2, 550, 2).mean((1, 3))
        assert np.abs(below[:300] - exact).max() <= 0.5
        last = plane(t, c)[600].astype(float).reshape(550, 2).mean(1)
        assert np.abs(below[300] - last).max() <= 0.5


def test_the_standard_and_our_reader_agree(film):
    document = json.loads((film / "zarr.json").read_text())
    ome = yaozarrs.validate_ome_object(document["attributes"]["ome"], yaozarrs.v05.Image)
    levels = ome.multiscales[0].datasets
    assert [level.scale_transform.scale for level in levels] == [
        [30.0, 1.0, 0.25 * factor, 0.5 * factor] for factor in (1, 2, 4)
    ]
    # the centre of the first 2 x 2 (4 x 4) pixels
    assert [level.translation_transform.translation for level in levels[1:]] == [
        [0, 0, 0.125, 0.25],
        [0, 0, 0.375, 0.75],
    ]
    windows = [channel.window for channel in ome.omero.channels]
    assert [(w.start, w.end, w.min, w.max) for w in windows] == [
        (0, 2776, 0, 65535),
        (5000, 7776, 0, 65535),
    ]
    series = open_ome_zarr(film)
    position = series.positions[0]
    assert position.spacing == Spacing(y=0.25, x=0.5, unit="micrometer")
    assert position.seconds == (0.0, 30.0, 60.0)
    assert position.channels == tuple(Channel(*channel) for channel in CHANNELS)
    assert (position.planes, position.plane_shape, position.dtype) == (1, SHAPE[2:], np.uint16)
    yaozarrs.validate_zarr_store(str(film))


def test_napari_ome_zarr_reads_the_same(film):
    reader = pytest.importorskip("napari_ome_zarr").napari_get_reader(str(film))
    [(levels, known, kind)] = list(reader())
    assert kind == "image"
    assert known["channel_axis"] == 1
    assert known["axis_labels"] == ("t", "y", "x")
    assert known["units"] == ("second", "micrometer", "micrometer")
    assert known["scale"] == pytest.approx([30.0, 0.25, 0.5])
    assert known["name"] == ["film: DAPI", "film: GFP"]
    assert known["contrast_limits"] == [[0, 2776], [5000, 7776]]
    assert [colormap.colors[-1].tolist()[:3] for colormap in known["colormap"]] == [
        [0, 0, 1],
        [0, 1, 0],
    ]
    assert [level.shape[2:] for level in levels] == [(601, 1100), (301, 550), (151, 275)]
    assert np.array_equal(np.asarray(levels[0][2, 1]), plane(2, 1))


def test_bioio_reads_the_same(film):
    image = pytest.importorskip("bioio").BioImage(
        film, reader=pytest.importorskip("bioio_ome_zarr").Reader
    )
    assert image.reader.dims.order == "TCYX"
    assert image.reader.dims.shape == SHAPE
    assert (image.scale.T, image.scale.Y, image.scale.X) == (30.0, 0.25, 0.5)
    units = image.dimension_properties
    assert [str(axis.unit) for axis in (units.T, units.Y, units.X)] == [
        "second",
        "micrometer",
        "micrometer",
    ]
    assert image.channel_names == ["DAPI", "GFP"]
    assert np.array_equal(image.get_image_data("YX", T=2, C=1), plane(2, 1))


def test_maps_keep_their_values_and_gaps(tmp_path):
    depth = np.full((1000, 600), np.nan, np.float32)
    depth[:, :301] = 3.5
    depth[:, 401:] = 8.25
    path = tmp_path / "depth.ome.zarr"
    given = {"channels": [("depth", None)], "averaged": False}
    unknown = Spacing(y=2.0, x=2.0)
    with create_ome_zarr(path, (2, 1, 1000, 600), depth.dtype, unknown, **given) as image:
        image.write(1, 0, depth)
    group = zarr.open_group(path, mode="r")
    assert np.isnan(group["0"][0]).all()
    for level, factor in (("0", 1), ("1", 2)):
        assert np.array_equal(group[level][1, 0], depth[::factor, ::factor], equal_nan=True)
    ome = group.attrs["ome"]
    assert all("unit" not in axis for axis in ome["multiscales"][0]["axes"])
    assert ome["omero"]["channels"][0]["window"] == {
        "min": 3.5, "max": 8.25, "start": 3.5, "end": 8.25
    }  # fmt: skip
    position = open_ome_zarr(path).positions[0]
    assert position.spacing == Spacing()
    assert position.seconds == ()


def test_colour_becomes_channels(tmp_path):
    picture = np.arange(20 * 30 * 3, dtype=np.uint16).reshape(20, 30, 3).astype(np.uint8)
    path = tmp_path / "a.ome.zarr"
    given = {"channels": [("", None)]}
    with create_ome_zarr(path, (1, 1, 20, 30, 3), picture.dtype, SPACING, **given) as image:
        image.write(0, 0, picture)
    channels = open_ome_zarr(path).positions[0].channels
    assert channels == (
        Channel("red", "#FF0000"),
        Channel("green", "#00FF00"),
        Channel("blue", "#0000FF"),
    )
    assert np.array_equal(zarr.open_array(path / "0", mode="r")[0], np.moveaxis(picture, 2, 0))
    window = zarr.open_group(path, mode="r").attrs["ome"]["omero"]["channels"][0]["window"]
    assert (window["start"], window["end"]) == (0, 255)
    with pytest.raises(OutputError, match="2 channels in colour"):
        create_ome_zarr(
            tmp_path / "b.ome.zarr", (1, 2, 20, 30, 3), picture.dtype, SPACING, channels=CHANNELS
        )


def test_a_grey_channel_may_be_called_red(tmp_path):
    values = np.arange(600, dtype=np.uint8).reshape(20, 30)
    for count, names in ((1, ["red"]), (3, ["red", "green", "blue"])):
        path = tmp_path / f"{count}.ome.zarr"
        given = [(name, colour) for name, colour in zip(names, _COLOURS, strict=False)]
        with create_ome_zarr(
            path, (1, count, 20, 30), values.dtype, SPACING, channels=given
        ) as image:
            for c in range(count):
                image.write(0, c, values + c)
            for c in range(count):
                assert np.array_equal(image.read(0, c), values + c)
        assert open_level(path).shape == (1, count, 20, 30)


def test_a_failed_run_leaves_nothing_and_keeps_what_was_there(tmp_path):
    path = write(tmp_path / "film.ome.zarr")
    small = ((1, 1, 20, 30), np.dtype("u1"), SPACING)

    def fail():
        with create_ome_zarr(path, *small, channels=[("a", None)]) as image:
            image.write(0, 0, np.ones((20, 30), np.uint8))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert os.listdir(tmp_path) == ["film.ome.zarr"]
    assert open_ome_zarr(path).positions[0].times == 3
    with create_ome_zarr(path, *small, channels=[("a", None)]) as image:
        assert open_ome_zarr(path).positions[0].times == 3
        image.write(0, 0, np.ones((20, 30), np.uint8))
    assert os.listdir(tmp_path) == ["film.ome.zarr"]
    assert open_ome_zarr(path).positions[0].plane_shape == (20, 30)
    assert sorted(zarr.open_group(path, mode="r").array_keys()) == ["0"]


def test_what_was_not_written_here_is_not_replaced(tmp_path):
    small = ((1, 1, 20, 30), np.dtype("u1"), SPACING)
    (tmp_path / "file.zarr").write_text("mine")
    (tmp_path / "folder.zarr").mkdir()
    zarr.create_group(tmp_path / "foreign.zarr")
    before = sorted(os.listdir(tmp_path))
    for name, what in (
        ("file.zarr", "is a file"),
        ("folder.zarr", "is a folder that was not written here"),
        ("foreign.zarr", "is a folder that was not written here"),
        ("gone/film.zarr", "there is no folder"),
    ):
        with pytest.raises(OutputError, match=what):
            create_ome_zarr(tmp_path / name, *small, channels=[("a", None)])
    image = create_ome_zarr(tmp_path / "late.zarr", *small, channels=[("a", None)])
    (tmp_path / "late.zarr").mkdir()
    with pytest.raises(OutputError, match="not written here"), image:
        image.write(0, 0, np.ones((20, 30), np.uint8))
    assert sorted(os.listdir(tmp_path)) == sorted([*before, "late.zarr"])


def test_a_flipped_bit_is_seen(tmp_path):
    path = tmp_path / "a.ome.zarr"
    noise = np.random.default_rng(0).integers(0, 60000, (2, 40, 50)).astype(np.uint16)
    given = {"channels": [("", None)]}
    with create_ome_zarr(path, (2, 1, 40, 50), noise.dtype, SPACING, **given) as image:
        for t in range(2):
            image.write(t, 0, noise[t])
    document = json.loads((path / "zarr.json").read_text())
    # the axis of time as z, so that there is a stack
    document["attributes"]["ome"]["multiscales"][0]["axes"][0] = {"name": "z", "type": "space"}
    (path / "zarr.json").write_text(json.dumps(document))
    chunk = path / "0/c/0/0/0/0"
    stored = bytearray(chunk.read_bytes())
    stored[len(stored) // 2] ^= 1
    chunk.write_bytes(stored)
    stack = open_ome_zarr(path).stack()
    assert np.array_equal(stack[1], noise[1])
    with pytest.raises(InputError, match=r"^'a.ome.zarr, plane 0' cannot be read"):
        stack[0]


def test_a_chunk_that_is_being_written_leaves_nothing_of_a_discarded_image(tmp_path):
    """After an interrupt zarr's thread went on, and made the folder that was removed anew."""
    image = create_ome_zarr(
        tmp_path / "film.ome.zarr", SHAPE, np.dtype("u2"), SPACING, channels=CHANNELS
    )
    begun = threading.Event()

    async def write_chunk():
        begun.set()
        await asyncio.sleep(0.2)
        (image.temporary / "0").mkdir(parents=True, exist_ok=True)

    written = asyncio.run_coroutine_threadsafe(write_chunk(), zarr.core.sync.loop[0])
    assert begun.wait(10)
    image.discard()
    written.result(10)
    assert os.listdir(tmp_path) == []
