"""OME-Zarr is read as what its metadata say, whatever the order of axes, chunks and version."""

import itertools
import json
import shutil
import subprocess
import sys

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from long_runs import examples

from napari_focus_stack.errors import InputError
from napari_focus_stack.io import zarr_chunks
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.series.model import Channel
from napari_focus_stack.series.readers import zarr_planes
from napari_focus_stack.series.readers.ome_zarr import open_ome_zarr

SIZES = {"t": 3, "c": 2, "z": 4, "y": 9, "x": 11}
TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
UNITS = {"t": "minute", "z": "nanometer", "y": "micrometer", "x": "millimeter"}
STEPS = {"t": 2.0, "c": 1.0, "z": 500.0, "y": 0.25, "x": 0.0005}


def coded(axes, sizes=SIZES, position=0):
    """Return an array whose values name their place: p, t, c, z, y, x."""
    values = np.full((1,) * len(axes), position * 10_000_000)
    for axis, weight in (("t", 100_000), ("c", 10_000), ("z", 1000), ("y", 20), ("x", 1)):
        if axis in axes:
            shape = [sizes[axis] if a == axis else 1 for a in axes]
            values = values + weight * np.arange(sizes[axis]).reshape(shape)
    return values.astype(np.uint32)


def plane_of(t, c, z, sizes=SIZES, position=0):
    rows, columns = np.mgrid[: sizes["y"], : sizes["x"]]
    return position * 10_000_000 + 100_000 * t + 10_000 * c + 1000 * z + 20 * rows + columns


def multiscales(axes, version, **more):
    named = [
        {"name": axis, "type": TYPES.get(axis, "space")}
        | ({"unit": UNITS[axis]} if axis in UNITS else {})
        for axis in axes
    ]
    scale = [STEPS.get(axis, 1.0) for axis in axes]
    datasets = [
        {"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": scale}]},
        {"path": "s1", "coordinateTransformations": [{"type": "scale", "scale": scale}]},
    ]
    return {"version": version, "axes": named, "datasets": datasets, **more}


def group(path, version, ome):
    """Write a group of zarr format 2 (0.4) or 3 (0.5) with OME metadata."""
    attributes = ome if version == "0.4" else {"ome": {"version": "0.5", **ome}}
    zarr_format = 2 if version == "0.4" else 3
    return zarr.create_group(path, zarr_format=zarr_format, attributes=attributes)


def write_image(path, version, array, axes, ome=None, chunks=None, **kind):
    metadata = {"multiscales": [multiscales(axes, version)], **(ome or {})}
    folder = group(path, version, metadata)
    for level in ("s0", "s1"):
        stored = folder.create_array(
            level, shape=array.shape, dtype=array.dtype, chunks=chunks or array.shape, **kind
        )
        stored[...] = array
    return path


def edit(path, change):
    """Change the JSON of a group of version 0.5."""
    file = path / "zarr.json"
    document = json.loads(file.read_text())
    change(document["attributes"]["ome"])
    file.write_text(json.dumps(document))


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    axes=st.sets(st.sampled_from("tcz")).flatmap(lambda a: st.permutations([*sorted(a), "y", "x"])),
    version=st.sampled_from(["0.4", "0.5"]),
    deep=st.booleans(),
)
def test_axes_in_any_order_give_the_planes_they_name(tmp_path_factory, axes, version, deep):
    array = coded(axes)
    chunks = tuple(3 if deep and axis == "z" else 1 if axis in "tcz" else 5 for axis in axes)
    path = tmp_path_factory.mktemp("image") / "a.zarr"
    series = open_ome_zarr(write_image(path, version, array, axes, chunks=chunks))
    position = series.positions[0]
    lengths = {axis: SIZES[axis] if axis in axes else 1 for axis in "tcz"}
    assert (position.times, len(position.channels), position.planes) == tuple(lengths.values())
    assert position.plane_shape == (9, 11)
    assert position.dtype == np.uint32
    z = 0.5 if "z" in axes else None
    assert position.spacing == Spacing(y=0.25, x=pytest.approx(0.5), z=z, unit="micrometer")
    assert position.seconds == ((0.0, 120.0, 240.0) if "t" in axes else ())
    for t, c in itertools.product(range(lengths["t"]), range(lengths["c"])):
        if lengths["z"] == 1:
            with pytest.raises(InputError, match="no z axis"):
                series.stack(0, t, c)
            continue
        stack = series.stack(0, t, c)
        for z in (2, 0, 3, 1):
            assert np.array_equal(stack[z], plane_of(t, c, z))
            assert stack[z].flags.c_contiguous


def test_channels_scale_of_the_whole_and_place(tmp_path):
    omero = {"channels": [{"label": "DAPI", "color": "0000ff"}, {"label": 7, "color": "red"}]}
    path = write_image(tmp_path / "a.zarr", "0.5", coded("tczyx"), "tczyx", {"omero": omero})

    def change(ome):
        image = ome["multiscales"][0]
        image["coordinateTransformations"] = [{"type": "scale", "scale": [0.5, 1, 2, 2, 2]}]
        image["datasets"][0]["coordinateTransformations"].append(
            {"type": "translation", "translation": [0, 0, 0, 10, 0.25]}
        )

    edit(path, change)
    position = open_ome_zarr(path).positions[0]
    assert position.channels == (Channel("DAPI", "#0000FF"), Channel("7", None))
    assert position.spacing == Spacing(y=0.5, x=1.0, z=1.0, unit="micrometer")
    assert position.seconds == (0.0, 60.0, 120.0)
    assert position.stage == (20.0, 500.0)
    assert position.name == ""
    assert open_ome_zarr(path).notes == ()


def test_what_is_missing_is_unknown_and_said_where_it_was_there(tmp_path):
    path = write_image(tmp_path / "a.zarr", "0.5", coded("zyx"), "zyx")

    def set_scale(scale, unit="micrometer"):
        def change(ome):
            image = ome["multiscales"][0]
            for axis in image["axes"]:
                axis.pop("unit", None)
                axis.update({"unit": unit} if unit else {})
            level = image["datasets"][0]
            level["coordinateTransformations"] = [{"type": "scale", "scale": scale}]

        edit(path, change)
        series = open_ome_zarr(path)
        return series.positions[0].spacing, series.notes

    assert set_scale([0.0, 0.5, 0.5])[0] == Spacing(y=0.5, x=0.5, unit="micrometer")
    assert set_scale([1.0, 1.0, 1.0], None) == (Spacing(), ())
    assert set_scale([1.0, 0.5, 0.5], "pixel") == (Spacing(), ())
    spacing, notes = set_scale([0.5, 0.5])
    assert spacing == Spacing()
    assert "scale does not fit its axes" in notes[0]
    edit(path, lambda ome: ome.update(omero={"channels": [{"label": "a"}, {"label": "b"}]}))
    edit(path, lambda ome: ome["multiscales"][0]["datasets"][0].pop("coordinateTransformations"))
    series = open_ome_zarr(path)
    assert series.positions[0].spacing == Spacing()
    assert series.positions[0].channels == (Channel(),)
    assert "2 channels" in series.notes[0]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_plate_with_a_missing_well_and_field(tmp_path, version):
    plate = tmp_path / "plate.zarr"
    wells = [{"path": p, "rowIndex": 0, "columnIndex": 0} for p in ("A/1", "B/2", "B/03", "C/1")]
    group(plate, version, {"plate": {"wells": wells}})
    for row in "AB":
        zarr.create_group(plate / row, zarr_format=2 if version == "0.4" else 3)
    for number, well in enumerate(("A/1", "B/2", "B/03")):
        fields = [{"path": "0"}, {"path": "1"}]
        group(plate / well, version, {"well": {"images": fields}})
        for field in range(2):
            array = coded("zyx", position=2 * number + field)
            write_image(plate / well / str(field), version, array, "zyx", chunks=(1, 9, 11))
    shutil.rmtree(plate / "A/1/1")
    series = open_ome_zarr(plate)
    names = [(position.name, position.well) for position in series.positions]
    assert names == [
        ("A01 field 0", "A01"),
        ("B02 field 0", "B02"),
        ("B02 field 1", "B02"),
        ("B03 field 0", "B03"),
        ("B03 field 1", "B03"),
    ]
    values = [series.stack(p)[1][0, 0] for p in range(5)]
    assert values == [1000, *(10_000_000 * k + 1000 for k in (2, 3, 4, 5))]
    assert series.notes == (
        "1 of the 4 wells of 'plate.zarr' are missing and left out: 'C01'.",
        "1 of the 6 fields of 'plate.zarr' are missing and left out: 'A01 field 1'.",
    )
    assert series.files == (plate,)
    row = open_ome_zarr(plate / "B")
    assert [p.name for p in row.positions] == [n for n, _ in names[1:]]
    well = open_ome_zarr(plate / "B" / "2")
    assert [(p.name, p.well) for p in well.positions] == names[1:3]
    assert open_ome_zarr(plate / "B" / "2" / "1").stack()[1][0, 0] == 30_001_000
    assert well.files == (plate,)
    (plate / "D").mkdir()
    with pytest.raises(InputError, match=r"'D' in 'plate.zarr'"):
        open_ome_zarr(plate / "D")


@pytest.mark.parametrize("listed", [True, False])
def test_collection_of_bioformats2raw(tmp_path, listed):
    store = tmp_path / "many.zarr"
    group(store, "0.4", {"bioformats2raw.layout": 3})
    for number in (0, 1, 3):
        array = coded("zyx", position=number)[: 4 - number // 2]
        write_image(store / str(number), "0.4", array, "zyx")
    if listed:
        group(store / "OME", "0.4", {"series": ["3", "0"]})
        images = '<Image ID="Image:0" Name="left"/><Image ID="Image:1" Name="right"/>'
        (store / "OME" / "METADATA.ome.xml").write_text(f'<OME xmlns="ome">{images}</OME>')
    series = open_ome_zarr(store)
    planes = [(position.name, position.planes) for position in series.positions]
    assert planes == ([("left", 3), ("right", 4)] if listed else [("0", 4), ("1", 4), ("3", 3)])
    firsts = [series.stack(p)[0][0, 0] for p in range(len(planes))]
    assert firsts == [10_000_000 * number for number in ((3, 0) if listed else (0, 1, 3))]
    missing = "1 of the 4 images of 'many.zarr' are missing and left out: '2'."
    assert series.notes == (() if listed else (missing,))
    assert open_ome_zarr(store / "1").stack()[0][0, 0] == 10_000_000


def test_parts_of_an_image_and_other_folders(tmp_path):
    path = write_image(tmp_path / "a.zarr", "0.5", coded("zyx"), "zyx")
    for part in (path / "s0", path / "zarr.json"):
        assert open_ome_zarr(part).positions == open_ome_zarr(path).positions
    with pytest.raises(InputError, match=r"'s1' in 'a.zarr' is no image of the full size"):
        open_ome_zarr(path / "s1")
    for folder in (tmp_path, tmp_path / "nothing"):
        assert open_ome_zarr(folder) is None
    zarr.create_array(tmp_path / "b.zarr", shape=(4, 9, 11), dtype="u2")
    zarr.create_group(tmp_path / "c.zarr")
    for name in ("b.zarr", "c.zarr"):
        with pytest.raises(InputError, match=rf"'{name}' .* focus_series\(array, axes='TCZYX'\)"):
            open_ome_zarr(tmp_path / name)


def _without(key):
    return lambda ome: ome["multiscales"][0].pop(key)


def _with_axis(number, **axis):
    return lambda ome: ome["multiscales"][0]["axes"].__setitem__(number, axis)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without("axes"), "do not name its 4 axes"),
        (_without("datasets"), "name no array"),
        (_with_axis(0, name="angle", type="space"), "axis 'angle' of type 'space' of 3 entries"),
        (_with_axis(0, name="z", type="channel"), "axis 'z' of type 'channel' of 3 entries"),
        (_with_axis(0, name="x", type="space"), "axes x, z, y, x, which must be different"),
        (lambda ome: ome["multiscales"][0]["datasets"][0].update(path="9"), "no array '9'"),
        (lambda ome: ome.update(multiscales=3), "name no array"),
    ],
)
def test_metadata_that_cannot_be_read_are_refused(tmp_path, change, message):
    path = write_image(tmp_path / "a.zarr", "0.5", coded("tzyx"), "tzyx")
    edit(path, change)
    with pytest.raises(InputError, match=message):
        open_ome_zarr(path)


def test_other_axes_of_one_entry_and_names_in_words(tmp_path):
    path = write_image(tmp_path / "a.zarr", "0.5", coded("tzyx")[:, None], "tazyx")
    edit(path, _with_axis(0, name="time", type="time", unit="second"))
    series = open_ome_zarr(path)
    assert series.positions[0].seconds == (0.0, 2.0, 4.0)
    assert np.array_equal(series.stack(0, 2)[3], plane_of(2, 0, 3))


def test_arrays_that_hold_no_planes_are_refused(tmp_path):
    for number, array in enumerate((np.zeros((0, 9, 11)), np.zeros((4, 9, 11), np.complex64))):
        path = write_image(tmp_path / f"{number}.zarr", "0.5", array, "zyx", chunks=(1, 9, 11))
        with pytest.raises(InputError, match=["without any value", "complex64"][number]):
            open_ome_zarr(path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("shape", [4, None, 11], r"shape \[4, null, 11\], which cannot be stacked"),
        ("data_type", None, "type object .*cannot be stacked"),
    ],
)
def test_metadata_of_an_array_without_a_value_are_refused(tmp_path, key, value, message):
    path = write_image(tmp_path / "a.zarr", "0.5", coded("zyx"), "zyx")
    document = json.loads((path / "s0" / "zarr.json").read_text())
    (path / "s0" / "zarr.json").write_text(json.dumps({**document, key: value}))
    with pytest.raises(InputError, match=message):
        open_ome_zarr(path)


def test_damaged_metadata_name_the_file(tmp_path):
    path = write_image(tmp_path / "a.zarr", "0.5", coded("tzyx"), "tzyx")
    (path / "zarr.json").write_text("{")
    with pytest.raises(InputError, match=r"zarr\.json' is damaged"):
        open_ome_zarr(path)


@pytest.mark.parametrize(
    "kind",
    [
        {"version": "0.5"},
        {"version": "0.5", "compressors": zarr.codecs.GzipCodec()},
        {"version": "0.5", "compressors": None},
        {"version": "0.4", "compressors": numcodecs.Zlib()},
        {"version": "0.4", "compressors": numcodecs.Blosc()},
    ],
    ids=["zstd", "gzip", "none", "zlib", "blosc"],
)
def test_a_damaged_chunk_names_its_plane(tmp_path, kind):
    path = write_image(
        tmp_path / "a.zarr", array=coded("zyx"), axes="zyx", chunks=(1, 9, 11), **kind
    )
    separator = "c/2/0/0" if kind["version"] == "0.5" else "2.0.0"
    chunk = path / "s0" / separator
    stack = open_ome_zarr(path).stack()
    chunk.write_bytes(chunk.read_bytes()[:20])
    assert np.array_equal(stack[1], plane_of(0, 0, 1))
    with pytest.raises(InputError, match=r"^'a.zarr, plane 2' cannot be read"):
        stack[2]


def test_unknown_codec_is_named(tmp_path):
    path = write_image(tmp_path / "a.zarr", "0.5", coded("zyx"), "zyx")
    document = json.loads((path / "s0" / "zarr.json").read_text())
    document["codecs"][-1] = {"name": "secret", "configuration": {}}
    (path / "s0" / "zarr.json").write_text(json.dumps(document))
    series = open_ome_zarr(path)
    with pytest.raises(InputError, match=r"s0' cannot be opened: .*secret"):
        series.stack()


def test_nothing_is_imported_to_open_a_series(tmp_path):
    path = write_image(tmp_path / "a.zarr", "0.5", coded("zyx"), "zyx")
    code = (
        "import sys, pathlib\n"
        "from napari_focus_stack.series.readers.ome_zarr import open_ome_zarr\n"
        "import napari_focus_stack.io.ome_zarr_writer\n"
        f"assert len(open_ome_zarr(pathlib.Path({str(path)!r}))) == 1\n"
        "print({'zarr', 'yaozarrs', 'cv2', 'napari', 'dask'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


class _Counting:
    """An array that counts how often it is read."""

    def __init__(self, array):
        self.array, self.reads = array, 0
        self.chunks, self.shape = array.chunks, array.shape

    def __getitem__(self, places):
        self.reads += 1
        return self.array[places]


def test_planes_that_share_chunks_are_decoded_once(tmp_path, monkeypatch):
    path = write_image(tmp_path / "a.zarr", "0.5", coded("zyx"), "zyx", chunks=(3, 9, 11))
    opened, real = [], zarr_chunks.open_bounded

    def counted(*place):
        opened.append(_Counting(real(*place)))
        return opened[-1]

    monkeypatch.setattr(zarr_chunks, "open_bounded", counted)
    stack = open_ome_zarr(path).stack()
    assert not stack.concurrent
    for k in range(4):
        plane = stack[k]
        assert np.array_equal(plane, plane_of(0, 0, k))
        plane[...] = 0
    assert opened[-1].reads == 2
    assert np.array_equal(stack[3], plane_of(0, 0, 3))
    monkeypatch.setattr(zarr_planes, "MOST_KEPT", 3 * 9 * 11 * 4 - 1)
    stack = open_ome_zarr(path).stack()
    assert all(np.array_equal(stack[k], plane_of(0, 0, k)) for k in range(4))
    assert opened[-1].reads == 4
    assert "decoded anew" in stack.notes[0]


def test_big_endian_and_missing_chunks(tmp_path):
    array = coded("zyx").astype(">u2")
    path = write_image(tmp_path / "a.zarr", "0.4", array, "zyx", chunks=(1, 9, 11), fill_value=7)
    (path / "s0" / "1.0.0").unlink()
    stack = open_ome_zarr(path).stack()
    assert stack.concurrent
    assert stack.dtype == np.dtype("u2")
    assert stack[2].dtype.isnative
    assert np.array_equal(stack[2], plane_of(0, 0, 2))
    assert (stack[1] == 7).all()


def write_metadata(folder, axes, shape):
    """Write the metadata of an image without its pixels."""
    scale = {"type": "scale", "scale": [1.0] * len(axes)}
    level = {"path": "0", "coordinateTransformations": [scale]}
    named = [{"name": name, "type": TYPES[name]} for name in axes]
    image = {"multiscales": [{"version": "0.4", "axes": named, "datasets": [level]}]}
    (folder / "0").mkdir()
    (folder / ".zattrs").write_text(json.dumps(image))
    array = {"zarr_format": 2, "shape": shape, "chunks": [1] * len(axes), "dtype": "<u2"}
    (folder / "0" / ".zarray").write_text(json.dumps(array))


@pytest.mark.parametrize("axes", ["tczyx", "yxzct"])
@pytest.mark.parametrize(
    ("axis", "length"),
    [
        *itertools.product("tzx", [2**40, 10**30, float("inf"), -1]),
        *itertools.product("tcz", [2**22]),  # two or more of each: beyond 2**23
    ],
)
def test_lengths_that_no_array_has_are_refused_before_there_is_a_place_for_each(
    tmp_path, axes, axis, length
):
    lengths = {"t": 2, "c": 2, "z": 3, "y": 8, "x": 8, axis: length}
    write_metadata(tmp_path, axes, [lengths[letter] for letter in axes])
    with pytest.raises(InputError, match=r"any array has|without any value|stacked"):
        open_ome_zarr(tmp_path)


@pytest.mark.parametrize("axes", ["zyxc", "xyzc", "yxcz", "czyx"])
def test_large_planes_are_no_many_planes_in_any_order_of_axes(tmp_path, axes):
    lengths = {"c": 2, "z": 800, "y": 12000, "x": 8000}
    write_metadata(tmp_path, axes, [lengths[letter] for letter in axes])
    (position,) = open_ome_zarr(tmp_path).positions
    assert (len(position.channels), position.planes) == (2, 800)
    assert position.plane_shape == (12000, 8000)
