"""Images that several processes write in their final place, on disk and on a server."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import yaozarrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_focus_stack import open_series
from napari_focus_stack.errors import InputError, OutputError
from napari_focus_stack.io.ome_zarr_writer import create_ome_zarr
from napari_focus_stack.io.placed_image import (
    complete_placed_image,
    create_placed_image,
    open_placed_image,
)
from napari_focus_stack.io.places import as_place, read_bytes_of, write_bytes_to
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.series.model import Channel
from tests.cloud import BUCKET, assert_one_sentence
from tests.long_runs import examples

SHAPE = (4, 2, 301, 550)
SPACING = Spacing(y=0.25, x=0.5, unit="micrometer")
GIVEN = {
    "channels": (("DAPI", "#0000FF"), ("GFP", "#00FF00")),
    "seconds_step": 30.0,
    "name": "film",
    "about": "sharp",
}
WRITER = """
import sys
import numpy as np
from napari_focus_stack.io.placed_image import open_placed_image
from napari_focus_stack.io.places import as_place

image = open_placed_image(as_place(sys.argv[1]))
for t in map(int, sys.argv[2:]):
    for c in range(2):
        image.write(t, c, np.full((301, 550), 10 * t + c + 1, np.uint16))
"""


def create(place, shape=SHAPE, dtype="u2", **changes):
    create_placed_image(place, shape, np.dtype(dtype), SPACING, **(GIVEN | changes))


def plane(t, c):
    return np.full(SHAPE[2:], 10 * t + c + 1, np.uint16)


def document(place):
    return json.loads(read_bytes_of(place / "zarr.json"))["attributes"]


@pytest.fixture(params=["disk", "s3"])
def place(request, tmp_path, s3):
    if request.param == "disk":
        return tmp_path / "film.ome.zarr"
    return as_place(f"s3://{BUCKET}/{tmp_path.name}/film.ome.zarr")


def test_two_processes_write_one_image(place):
    create(place)
    command = [sys.executable, "-W", "error", "-c", WRITER, str(place)]
    parts = [
        subprocess.Popen([*command, *times], stderr=subprocess.PIPE, text=True)
        for times in (["0", "2"], ["1", "3"])
    ]
    assert [(part.communicate()[1], part.returncode) for part in parts] == [("", 0)] * 2
    image = open_placed_image(place)
    for t, c in np.ndindex(4, 2):
        assert np.array_equal(image.read(t, c), plane(t, c))
    assert document(place)["napari_focus_stack"]["complete"] is False
    complete_placed_image(place, {0: (1, 31), 1: (2, 32)})
    found = document(place)
    assert found["napari_focus_stack"]["complete"] is True
    ome = yaozarrs.validate_ome_object(found["ome"], yaozarrs.v05.Image)
    assert [(one.window.start, one.window.end) for one in ome.omero.channels] == [(1, 31), (2, 32)]
    [position] = open_series(place).positions
    assert position.channels == tuple(Channel(*channel) for channel in GIVEN["channels"])
    assert (position.times, position.plane_shape, position.spacing) == (4, SHAPE[2:], SPACING)
    assert position.seconds == (0.0, 30.0, 60.0, 90.0)


def test_an_image_of_the_same_kind_keeps_its_pixels_whatever_its_length(place):
    create(place)
    image = open_placed_image(place)
    for t in range(4):
        image.write(t, 1, plane(t, 1))
    complete_placed_image(place, {1: (2, 32)})
    create(place)
    assert np.array_equal(open_placed_image(place).read(3, 1), plane(3, 1))
    create(place, (6, *SHAPE[1:]), name="longer")
    assert document(place)["ome"]["multiscales"][0]["name"] == "longer"
    assert document(place)["ome"]["omero"]["channels"][1]["window"]["end"] == 32
    assert document(place)["napari_focus_stack"]["complete"] is False
    image = open_placed_image(place)
    assert np.array_equal(image.read(3, 1), plane(3, 1))
    assert not image.read(5, 1).any()
    image.write(5, 1, plane(5, 1))
    create(place, (2, *SHAPE[1:]))
    assert open_series(place).positions[0].times == 2
    create(place)
    image = open_placed_image(place)
    assert np.array_equal(image.read(1, 1), plane(1, 1))
    assert not image.read(2, 1).any()  # the pixels that were cut off do not come back


@pytest.mark.parametrize(
    "change",
    [{"dtype": "f4"}, {"shape": (4, 2, 301, 551)}, {"about": "depth"}, {"averaged": False},
     {"mode": "replace"}, {"shape": (4, 1, 301, 550), "channels": GIVEN["channels"][:1]}],
)  # fmt: skip
def test_an_image_of_another_kind_is_replaced(place, change):
    create(place)
    open_placed_image(place).write(0, 0, plane(0, 0))
    create(place, **change)
    image = open_placed_image(place).read(0, 0)
    assert not np.nan_to_num(image).any()
    assert np.isnan(image).all() == (image.dtype.kind == "f")
    assert [one.name for one in place.parent.iterdir()] == ["film.ome.zarr"]


def test_what_was_not_written_here_stays(place):
    if isinstance(place, os.PathLike):
        place.mkdir()
    write_bytes_to(place / "notes.txt", b"mine")
    with pytest.raises(OutputError, match="not written here"):
        create(place)
    assert [one.name for one in place.iterdir()] == ["notes.txt"]
    with pytest.raises(OutputError, match="There is no image at"):
        open_placed_image(place)
    with pytest.raises(OutputError, match="There is no image at"):
        complete_placed_image(place, {})


def test_its_pixels_are_those_of_an_image_that_is_written_at_once(tmp_path):
    values = np.random.default_rng(0).integers(0, 60000, SHAPE[2:]).astype(np.uint16)
    create(tmp_path / "placed.zarr")
    open_placed_image(tmp_path / "placed.zarr").write(2, 1, values)
    with create_ome_zarr(tmp_path / "once.zarr", SHAPE, values.dtype, SPACING, **GIVEN) as image:
        image.write(2, 1, values)
    for file in ("0/zarr.json", "1/zarr.json", "0/c/2/1/0/0", "1/c/2/1/0/0"):
        one, other = (tmp_path / name / file for name in ("placed.zarr", "once.zarr"))
        assert one.read_bytes() == other.read_bytes()
    yaozarrs.validate_zarr_store(str(tmp_path / "placed.zarr"))


@pytest.mark.parametrize("samples", [3, 4])
def test_colour_comes_back(tmp_path, samples):
    picture = np.random.default_rng(0).integers(0, 255, (20, 30, samples)).astype(np.uint8)
    place = tmp_path / "a.zarr"
    create(place, (2, 1, 20, 30, samples), "u1", channels=[("", None)])
    open_placed_image(place).write(1, 0, picture)
    assert np.array_equal(open_placed_image(place).read(1, 0), picture)
    complete_placed_image(place, {0: (3, 250)})
    windows = [one["window"] for one in document(place)["ome"]["omero"]["channels"]]
    assert windows == [{"min": 0, "max": 255, "start": 0, "end": 255}] * samples


@settings(
    max_examples=examples(15),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_chunk_that_was_cut_short_is_refused_and_can_be_written_again(tmp_path, share):
    place = tmp_path / "a.zarr"
    values = np.random.default_rng(0).integers(0, 60000, (301, 550)).astype(np.uint16)
    create(place, (1, 1, 301, 550), channels=[("", None)])
    image = open_placed_image(place)
    image.write(0, 0, values)
    chunk = place / "0/c/0/0/0/0"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"Time 0 of .* is damaged"):
        image.read(0, 0)
    image.write(0, 0, values)
    assert np.array_equal(image.read(0, 0), values)


def test_a_chunk_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    """Whatever ends a write before its last step leaves the former chunk: zarr renames."""
    place = tmp_path / "a.zarr"
    create(place, (1, 1, 301, 550), channels=[("", None)])
    image = open_placed_image(place)
    image.write(0, 0, plane(0, 0))
    before = (place / "0/c/0/0/0/0").read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OutputError, match="No space left"):
        image.write(0, 0, plane(1, 1))
    assert (place / "0/c/0/0/0/0").read_bytes() == before


def test_failures_of_a_server_are_one_sentence(s3, tmp_path):
    place = as_place(f"s3://{BUCKET}/{tmp_path.name}/a.zarr")
    create(place)
    image = open_placed_image(place)
    with s3.denying():
        for work in (
            lambda: create(place),
            lambda: open_placed_image(place),
            lambda: image.write(0, 0, plane(0, 0)),
        ):
            with pytest.raises(OutputError, match=r"access is denied.*credentials") as caught:
                work()
            assert_one_sentence(str(caught.value))
        with pytest.raises(InputError, match="access is denied"):
            image.read(0, 0)
    with pytest.raises(OutputError, match="no such bucket"):
        create(as_place("s3://nowhere/a.zarr"))
