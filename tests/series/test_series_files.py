"""Files of a series: nothing of the user's is replaced, names fit, and few files are open."""

from __future__ import annotations

import gc
import json
import os
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile

from napari_focus_stack import (
    ArraySource,
    Channel,
    InputError,
    OutputError,
    Position,
    Series,
    Spacing,
    StackIndex,
    focus_stack,
    open_series,
)
from napari_focus_stack.series.destinations import InMemory
from napari_focus_stack.series.files import OnDisk
from napari_focus_stack.series.selection import select
from tests.scenes import scene

UNIT = Spacing(y=0.5, x=0.5, z=2.0, unit="micrometer")
MAPS = ("depth", "height", "confidence")


@pytest.fixture(scope="module")
def fused():
    source = ArraySource(scene(n=4).planes[:, :40, :56], spacing=UNIT)
    return focus_stack(source, align="none")


def plate(fused, names=("",), channels=("",), times=1):
    """Series whose every stack gives the same result."""
    positions = [
        Position(
            name,
            times,
            tuple(map(Channel, channels)),
            4,
            fused.image.shape,
            fused.image.dtype,
            UNIT,
        )
        for name in names
    ]
    return Series(Path("plate"), "test", positions, lambda _: pytest.fail("nothing is read"))


def run(destination, series, result):
    """Write a result as every stack of a series; return files and arrays."""
    with destination:
        filled = {}
        for number, position in enumerate(series.positions):
            filled[number] = destination.open(number, position, result)
            for index in [one for one in series if one.position == number]:
                filled[number].write(index.time, index.channel, result)
                destination.report(position, index, result.report)
            filled[number].close()
        files = destination.finish()
        return files, [destination.arrays(maps, number) for number, maps in filled.items()]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def open_here(folder):
    gc.collect()
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    targets = [os.readlink(link) for link in links if os.path.exists(link)]
    return sum(target.startswith(str(folder)) for target in targets)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="open files are counted on Linux")
def test_a_position_that_is_complete_keeps_no_file_open(tmp_path, fused):
    series = plate(fused, [f"B{n:02}" for n in range(5)])
    destination = OnDisk(tmp_path / "film.ome.tif", series)
    with destination:
        filled = []
        for number, position in enumerate(series.positions):
            filled.append(destination.open(number, position, fused))
            filled[-1].write(0, 0, fused)
            assert open_here(tmp_path) > 0
            filled[-1].close()
            assert open_here(tmp_path) == 0
        np.testing.assert_array_equal(filled[0].read("image", 0, 0), fused.image)
        filled[0].write(0, 0, fused)
        destination.finish()
    arrays = [destination.arrays(maps, number) for number, maps in enumerate(filled)]
    assert open_here(tmp_path) == 0
    assert list(arrays[4]) == ["image", *MAPS]
    for role in arrays[4]:
        np.testing.assert_array_equal(arrays[4][role][0, 0], getattr(fused, role))
    assert open_here(tmp_path) == 0
    (tmp_path / "film_B04_depth.ome.tif").unlink()
    with pytest.raises(InputError, match=r"film_B04_depth.ome.tif' cannot be read"):
        arrays[4]["depth"]


@pytest.mark.parametrize("name", [None, "film.ome.tif", "film.ome.zarr"])
def test_a_stack_of_another_size_is_refused_before_any_of_it_is_written(tmp_path, fused, name):
    series = plate(fused, times=2)
    destination = InMemory() if name is None else OnDisk(tmp_path / name, series)
    with destination:
        maps = destination.open(0, series.positions[0], fused)
        maps.write(0, 0, fused)
        for other, sentence in (
            (replace(fused, depth=fused.depth[:-1]), "depth map is 56 x 39 float32, but 56 x 40"),
            (replace(fused, image=fused.image[:, 1:]), "image is 55 x 40 uint8, but 56 x 40 uint8"),
            (replace(fused, image=fused.image.astype("u2")), "image is 56 x 40 uint16"),
        ):
            with pytest.raises(InputError, match=sentence):
                maps.write(1, 0, other)
        with pytest.raises(InputError, match="confidence map is"):
            maps.write_map("confidence", 1, 0, fused.confidence[1:])
        np.testing.assert_array_equal(maps.read("image", 0, 0), fused.image)
        assert not maps.read("image", 1, 0).any()
        maps.write_failed(1, 0)
        destination.discard()
    assert names(tmp_path) == []


def test_reports_replace_only_reports(tmp_path, fused):
    series, out = plate(fused, times=2), tmp_path / "film.ome.tif"
    run(OnDisk(out, series), series, fused)
    run(OnDisk(out, plate(fused)), plate(fused), fused)
    assert names(tmp_path / "film_reports") == ["p0_t0000_c0.json"]
    for content in ('{"version": "1", "settings": {}}', "[1]", "no JSON"):
        mine = tmp_path / "film_reports" / "mine.json"
        mine.write_text(content)
        with pytest.raises(OutputError, match=r"mine.json' is not"):
            OnDisk(out, series)
        mine.unlink()
    (tmp_path / "film_reports" / "more").mkdir()
    with pytest.raises(OutputError, match=r"more' is not"):
        OnDisk(out, series)


@pytest.mark.parametrize("role", MAPS)
@pytest.mark.parametrize("suffix", [".ome.tif", ".tif", ".ome.zarr"])
def test_maps_replace_only_maps_of_ours(tmp_path, fused, role, suffix):
    series, out = plate(fused), tmp_path / f"film{suffix}"
    run(OnDisk(out, series), series, fused)
    run(OnDisk(out, series), series, fused)
    place = tmp_path / f"film_{role}{suffix}"
    if suffix == ".ome.zarr":
        document = json.loads((place / "zarr.json").read_text())
        del document["attributes"]["napari_focus_stack"]
        (place / "zarr.json").write_text(json.dumps(document))
    else:
        tifffile.imwrite(place, fused.depth, ome=True)
    with pytest.raises(OutputError, match=f"film_{role}{suffix}"):
        OnDisk(out, series)


@pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr"])
def test_an_image_of_ours_is_no_map_and_is_not_replaced_by_one(tmp_path, fused, suffix):
    series = plate(fused)
    other = OnDisk(tmp_path / f"film_depth{suffix}", series)
    run(other, series, fused)
    with pytest.raises(OutputError, match="film_depth"):
        OnDisk(tmp_path / f"film{suffix}", series)


def test_an_image_that_the_user_named_is_replaced_and_one_of_a_position_only_if_ours(
    tmp_path, fused
):
    out = tmp_path / "film.ome.tif"
    out.write_text("mine, and named")
    run(OnDisk(out, plate(fused)), plate(fused), fused)
    assert tifffile.imread(out).shape == fused.image.shape
    (tmp_path / "film_B02.ome.tif").write_text("mine, and not named")
    with pytest.raises(OutputError, match=r"film_B02.ome.tif"):
        OnDisk(out, plate(fused, ["B02", "B03"]))


@pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr"])
def test_maps_of_an_earlier_run_do_not_stay_beside_a_new_film(tmp_path, fused, suffix, monkeypatch):
    series, out = plate(fused), tmp_path / f"film{suffix}"
    run(OnDisk(out, series), series, fused)
    before = names(tmp_path)
    flat = replace(fused, height=None)

    def fail(*_, **__):
        raise OutputError("full")

    with monkeypatch.context() as patched:
        patched.setattr("napari_focus_stack.io.replacing._name_aside", fail)
        with pytest.raises(OutputError, match="full"):
            run(OnDisk(out, series), series, flat)
    assert names(tmp_path) == before
    files, _ = run(OnDisk(out, series), series, flat)
    assert names(tmp_path) == sorted(file.name for file in files)
    assert f"film_height{suffix}" not in names(tmp_path)


@pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr"])
@pytest.mark.parametrize(
    "name", ["a\x00b", "\x1b[31m<&>\"'", "odd \ud800 end", "\uffff", "é\u4e2d"]
)
def test_names_that_xml_cannot_hold_are_cleaned(tmp_path, fused, suffix, name):
    series, out = plate(fused, [name, "other"], [name], 2), tmp_path / f"film{suffix}"
    files, _ = run(OnDisk(out, series), series, fused)
    images = [file for file in files if file.name.endswith(suffix)]
    assert len(images) == 8
    for image in images:
        [channel] = open_series(image).positions[0].channels
        assert len(channel.name) == len(name)
        channel.name.encode()
        if suffix == ".ome.tif":
            with tifffile.TiffFile(image) as tif:
                ElementTree.fromstring(tif.ome_metadata)


def test_long_names_are_cut_to_what_a_file_may_be_called(tmp_path, fused):
    long = "\u4e2d" * 120
    series = plate(fused, [f"{long}a", f"{long}b"], [long])
    for stem in ("film", "s" * 200):
        folder = tmp_path / stem[:1]
        folder.mkdir()
        files, _ = run(OnDisk(folder / f"{stem}.ome.tif", series), series, fused)
        assert len({file.name for file in files}) == 9
        reports = names(folder / f"{stem}_reports")
        assert len(reports) == 2
        assert max(len(name.encode()) for name in [*names(folder), *reports]) <= 255
    wide = "\U0001d54f" * 55  # 220 bytes
    run(OnDisk(tmp_path / f"{wide}.ome.tif", plate(fused)), plate(fused), fused)
    for stem in ("s" * 240, "s" * 5000):
        with pytest.raises(OutputError, match="too long"):
            OnDisk(tmp_path / f"{stem}.ome.tif", plate(fused))
    with pytest.raises(OutputError, match="too long"):
        OnDisk(tmp_path / f"{'s' * 225}.ome.tif", series)


def test_names_that_no_file_can_have_are_refused_in_a_sentence(tmp_path, fused):
    for stem in ("a\0b", "a\ud800b"):
        with pytest.raises(OutputError, match="no name that a file can have"):
            OnDisk(tmp_path / f"{stem}.ome.tif", plate(fused))
    # from Python 3.14 on, a folder of too long a name is none that is missing
    with pytest.raises(OutputError, match=r"cannot be written|There is no folder"):
        OnDisk(tmp_path / "/".join(["deep" * 50] * 30) / "film.ome.tif", plate(fused))


@pytest.mark.parametrize("pair", [("Pos1", "pos1"), ("a b", "a/b"), ("E\u0301", "\u00e9")])
def test_two_positions_of_one_file_are_refused_whatever_the_case(tmp_path, fused, pair):
    with pytest.raises(OutputError, match="Two positions"):
        OnDisk(tmp_path / "film.ome.tif", plate(fused, pair))


def test_files_of_a_part_have_the_numbers_of_the_whole(tmp_path, fused):
    whole = plate(fused, [""] * 4, ["dim", "bright"], times=5)
    part = select(whole, positions=[1, 3], times="3:5", channels=["bright"])
    run(OnDisk(tmp_path / "film.ome.tif", part), part, fused)
    assert names(tmp_path / "film_reports") == [
        f"p{p}_t{t:04d}_c1_bright.json" for p in (1, 3) for t in (3, 4)
    ]
    assert {"film_p1.ome.tif", "film_p3_depth.ome.tif"} < set(names(tmp_path))
    assert part.original(StackIndex(1, 1, 0)) == StackIndex(3, 4, 1)


@pytest.mark.parametrize("name", [None, "film.ome.tif", "film.ome.zarr"])
@pytest.mark.parametrize("samples", [3, 4])
def test_colour_has_one_shape_wherever_it_goes(tmp_path, fused, name, samples):
    image = np.arange(40 * 56 * samples, dtype=np.uint16).reshape(40, 56, samples)
    colour = replace(fused, image=image)
    series = plate(colour, times=2)
    destination = InMemory() if name is None else OnDisk(tmp_path / name, series)
    _, [arrays] = run(destination, series, colour)
    found = arrays["image"]
    expected = np.stack([image[None]] * 2)
    assert (found.shape, found.dtype, found.ndim) == (expected.shape, np.uint16, 5)
    np.testing.assert_array_equal(np.asarray(found), expected)
    places = np.s_[:], np.s_[1], np.s_[-1], np.s_[1:], np.s_[...], np.s_[1, 0], np.s_[-1, ..., 0]
    parts = np.s_[:, 0, 3:9, ::2], np.s_[::-1, 0], np.s_[..., 2], np.s_[[0, 1]], np.s_[5:]
    for key in (*places, *parts):
        np.testing.assert_array_equal(found[key], expected[key])
    with pytest.raises(IndexError):
        found[2]


def test_two_channels_in_colour_are_refused_before_the_work(tmp_path, fused):
    series = plate(replace(fused, image=np.stack([fused.image] * 3, -1)), channels=("a", "b"))
    with pytest.raises(OutputError, match="2 channels in colour"):
        OnDisk(tmp_path / "film.ome.zarr", series)
    OnDisk(tmp_path / "film.ome.tif", series)


@pytest.mark.parametrize("name", [None, "film.ome.tif", "film.ome.zarr"])
@pytest.mark.parametrize("dtype", ["bool", ">u2", "float32"])
def test_values_come_back_in_their_type(tmp_path, fused, name, dtype):
    image = (fused.image > 99).astype(dtype)
    result = replace(fused, image=image)
    series = plate(result)
    destination = InMemory() if name is None else OnDisk(tmp_path / name, series)
    _, [arrays] = run(destination, series, result)
    assert arrays["image"].dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(arrays["image"][0, 0], image)
