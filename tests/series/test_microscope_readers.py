"""Files of microscopes: every plane comes from its place, and what is unknown stays unknown."""

from __future__ import annotations

import itertools
import struct
import subprocess
import sys
import warnings
from types import ModuleType, SimpleNamespace

import imagecodecs
import numpy as np
import pytest
from series.made_files import SHAPE, plane, write_czi, write_lif
from series.made_nd2 import write_nd2

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.series.model import Channel, StackIndex
from napari_focus_stack.series.readers import nikon_nd2
from napari_focus_stack.series.readers.bioio_files import open_bioio
from napari_focus_stack.series.readers.grid_series import unique_names
from napari_focus_stack.series.readers.held_file import UnsupportedHereError
from napari_focus_stack.series.readers.microscopes import open_microscope_file
from napari_focus_stack.series.readers.nikon_nd2 import open_nd2

ND2 = b"\xda\xce\xbe\x0a" + bytes(20)
CZI_XML = """<ImageDocument><Metadata><Scaling><Items>
<Distance Id="X"><Value>2E-07</Value></Distance><Distance Id="Y"><Value>1E-07</Value></Distance>
<Distance Id="Z"><Value>{z}</Value></Distance></Items></Scaling>
<Information><Image><Dimensions><Channels><Channel Id="Channel:0" Name="DAPI">
<Color>#FF00A1FF</Color></Channel><Channel Id="Channel:1" Name=""/></Channels>
<S><Scenes><Scene Index="0" Name="well"><CenterPosition>7.5,-3</CenterPosition>
<ArrayName>B2</ArrayName></Scene></Scenes></S>
<T><Positions><Interval><Increment>2.5</Increment></Interval></Positions></T>
</Dimensions></Image></Information><DisplaySetting><Channels><Channel Id="Channel:1">
<Color>#FFFF7E00</Color></Channel></Channels></DisplaySetting></Metadata></ImageDocument>"""


def assert_planes_are_in_place(series, without=()):
    """Check every plane of a series, whose pixels were made by `plane`."""
    for index in series:
        if index in without:
            continue
        stack = series.stack(index.position, index.time, index.channel)
        shape = series.positions[index.position].plane_shape
        for z in reversed(range(len(stack))):
            expected = plane(index.position, index.time, index.channel, z, shape)
            np.testing.assert_array_equal(stack[z], expected, str(stack.names[z]))


def tczs(times=2, channels=2, planes=3):
    return [
        {"T": t, "C": c, "Z": z}
        for t, c, z in itertools.product(range(times), range(channels), range(planes))
    ]


def tile(place, compress=lambda pixels: pixels.tobytes()):
    return place, compress(plane(0, place["T"], place["C"], place["Z"]))


def zstd_with_header(pixels):
    """Compress as ZEN does: low bytes first, then high ones."""
    apart = pixels.view(np.uint8).reshape(-1, 2).T.tobytes()
    return bytes((3, 1, 1)) + imagecodecs.zstd_encode(apart)


@pytest.mark.parametrize(
    ("compression", "compress"), [(0, lambda pixels: pixels.tobytes()), (6, zstd_with_header)]
)
def test_czi(tmp_path, compression, compress):
    pytest.importorskip("czifile")
    file = tmp_path / "film.czi"
    tiles = [tile(place, compress) for place in reversed(tczs())]
    write_czi(file, tiles, CZI_XML.format(z="3E-07"), compression=compression)
    series = open_microscope_file(file)
    (position,) = series.positions
    assert (position.times, position.planes, position.plane_shape) == (2, 3, SHAPE)
    assert position.dtype == np.uint16
    assert position.channels == (Channel("DAPI", "#00A1FF"), Channel("", "#FF7E00"))
    spacing = position.spacing
    assert (spacing.y, spacing.x, spacing.z) == pytest.approx((0.1, 0.2, 0.3))
    assert (position.name, position.stage, position.well) == ("well", (-3.0, 7.5), "B02")
    assert position.seconds == (0.0, 2.5)
    assert series.stack(time=1, channel=0).names[2] == "film.czi, time 1, channel DAPI, plane 2"
    assert_planes_are_in_place(series)


def test_czi_without_distances_or_names_and_with_a_missing_plane(tmp_path):
    pytest.importorskip("czifile")
    file = tmp_path / "film.czi"
    places = [place for place in tczs() if place != {"T": 1, "C": 0, "Z": 1}]
    write_czi(file, [tile(place) for place in places], "<ImageDocument>")
    series = open_microscope_file(file)
    (position,) = series.positions
    assert position.spacing == Spacing()
    assert position.channels == (Channel(), Channel())
    assert position.seconds == ()
    with pytest.raises(InputError, match=r"time 1, channel '0' lacks 1 of its 3 planes .*plane 1"):
        series.stack(time=1, channel=0)
    assert_planes_are_in_place(series, without=[StackIndex(0, 1, 0)])


def test_czi_that_is_marked_as_unfinished_has_a_note_and_no_warning(tmp_path):
    pytest.importorskip("czifile")
    file = tmp_path / "film.czi"
    write_czi(file, [tile(place) for place in tczs()], CZI_XML.format(z="3E-07"))
    data = file.read_bytes()
    pending = 32 + struct.calcsize("<iiii16s16siqq")
    file.write_bytes(data[:pending] + b"\1" + data[pending + 1 :])
    series = open_microscope_file(file)
    assert any("marked as unfinished" in note for note in series.notes)
    assert_planes_are_in_place(series)


@pytest.mark.parametrize("kind", ["czifile", "nd2"])
def test_a_file_that_is_opened_makes_python_forget_no_warning(tmp_path, kind):
    pytest.importorskip(kind)
    file = tmp_path / ("film.czi" if kind == "czifile" else "film.nd2")
    if kind == "czifile":
        write_czi(file, [tile(place) for place in tczs()], CZI_XML.format(z="3E-07"))
    else:
        write_nd2(file, np.array([[[[plane(z=z)] for z in range(3)]]]), ("DAPI",))
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        for _ in range(2):
            warnings.warn("of another program", stacklevel=1)
            open_microscope_file(file)
    assert [str(one.message) for one in shown].count("of another program") == 1


SILENT = """
import warnings
import napari_focus_stack
warnings.filterwarnings("error", append=True)
for message, category, module in (
    ("overflow encountered", RuntimeWarning, "zarr.core.dtype.npy.float"),
    ("Numcodecs codecs are not", UserWarning, "zarr.registry"),
    ("no metadata", UserWarning, "czifile.czifile"),
    ("no times", UserWarning, "nd2._parse"),
    ("too many entries", UserWarning, "PIL.TiffImagePlugin"),
):
    warnings.warn_explicit(message, category, "a.py", 1, module)
try:
    warnings.warn_explicit("no metadata", UserWarning, "a.py", 1, "nd2x")
except UserWarning:
    print("the others are shown")
"""


def test_warnings_of_libraries_are_silent_from_the_import_on():
    ended = subprocess.run([sys.executable, "-c", SILENT], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "the others are shown\n"), ended.stderr


def test_czi_of_one_plane_has_no_z_step(tmp_path):
    pytest.importorskip("czifile")
    file = tmp_path / "film.czi"
    write_czi(file, [tile(place) for place in tczs(planes=1)], CZI_XML.format(z="1E-06"))
    series = open_microscope_file(file)
    assert series.positions[0].spacing.z is None
    with pytest.raises(InputError, match="no z axis"):
        series.stack()


def test_czi_scenes_are_positions_or_refused_on_old_python(tmp_path):
    czifile = pytest.importorskip("czifile")
    file = tmp_path / "plate.czi"
    tiles = [
        ({"S": s, **place}, plane(s, place["T"], place["C"], place["Z"]).tobytes())
        for s in range(2)
        for place in tczs()
    ]
    write_czi(file, tiles)
    if hasattr(czifile.CziFile, "scenes"):
        series = open_microscope_file(file)
        assert len(series.positions) == 2
        assert_planes_are_in_place(series)
    else:
        with pytest.raises(UnsupportedHereError, match=r"2 scenes.*Python 3\.12.*bioio"):
            open_microscope_file(file)


def test_czi_mosaic_is_joined_or_refused_on_old_python(tmp_path):
    czifile = pytest.importorskip("czifile")
    file = tmp_path / "mosaic.czi"
    tiles = [
        ({**place, "M": m, "X": m * SHAPE[1]}, tile(place)[1]) for place in tczs() for m in range(2)
    ]
    write_czi(file, tiles[:-1])
    if not hasattr(czifile.CziFile, "scenes"):
        with pytest.raises(UnsupportedHereError, match=r"a mosaic of tiles.*Python 3\.12"):
            open_microscope_file(file)
        return
    series = open_microscope_file(file)
    assert "Tiles of a mosaic" in series.notes[0]
    np.testing.assert_array_equal(series.stack(time=1)[2], np.tile(plane(0, 1, 0, 2), (1, 2)))
    with pytest.raises(InputError, match="lacks 1 of its 3 planes"):
        series.stack(time=1, channel=1)


@pytest.mark.parametrize(
    ("place", "how", "said"),
    [
        ({"H": 1}, {}, "2 phases beside time, channel and z"),
        ({}, {"part": 1}, "one part of an experiment over several files"),
    ],
)
def test_czi_with_other_axes_or_parts_is_refused(tmp_path, place, how, said):
    pytest.importorskip("czifile")
    file = tmp_path / "airy.czi"
    tiles = [({"T": 0, "C": 0, "Z": 0, "H": 0} | at, plane().tobytes()) for at in ({}, place)]
    write_czi(file, tiles, **how)
    with pytest.raises(InputError, match=said):
        open_microscope_file(file)


def lif_pixels(order, p=0, times=2, channels=2, planes=3):
    """Return pixels with the axes T, C and Z in an order."""
    counts = {"T": times, "C": channels, "Z": planes}
    pixels = np.empty((*(counts[axis] for axis in order), *SHAPE), np.uint16)
    for at in np.ndindex(pixels.shape[:-2]):
        place = dict(zip(order, at, strict=True))
        pixels[at] = plane(p, place.get("T", 0), place.get("C", 0), place.get("Z", 0))
    return pixels


def test_lif(tmp_path):
    pytest.importorskip("liffile")
    file = tmp_path / "project.lif"
    lengths = {"X": 11 * 2e-7, "Y": 9 * 1e-7, "Z": -2 * 5e-7, "T": 60.0}
    images = [
        ("film", "TZCYX", lif_pixels("TZC"), lengths),
        ("depths", "ZYX", lif_pixels("Z", 1), {}),
        ("other order", "TCZYX", lif_pixels("TCZ", 2), lengths),
        ("xz", "CZX", lif_pixels("CZ")[:, :, 0].copy(), lengths),
        ("sweep", "λZYX", lif_pixels("TZ"), lengths),
    ]
    write_lif(file, images)
    series = open_microscope_file(file)
    assert [position.name for position in series.positions] == ["film", "depths", "other order"]
    film, depths, _ = series.positions
    assert (film.times, film.planes, film.plane_shape) == (2, 3, SHAPE)
    assert film.channels == (Channel("GFP", "#00FF00"), Channel("", "#FF0000"))
    assert (film.spacing.y, film.spacing.x, film.spacing.z) == pytest.approx((0.1, 0.2, 0.5))
    assert film.seconds == (0.0, 60.0)
    assert (depths.spacing, depths.seconds) == (Spacing(), ())
    assert_planes_are_in_place(series)
    xz, sweep = series.notes
    assert "'xz' has planes of Z and X" in xz
    assert "'sweep' has 2 emission wavelengths" in sweep
    write_lif(file, [images[0], images[0]])
    twins = open_microscope_file(file)
    if len(twins.positions) == 1:  # liffile of 2026.2
        assert twins.notes[0].startswith("1 of the 2 images cannot be reached")
    else:
        assert [position.name for position in twins.positions] == ["film 0", "film 1"]
    write_lif(file, images[3:])
    with pytest.raises(InputError, match=r"no image that can be stacked: 'xz' .*; 'sweep' "):
        open_microscope_file(file)


def test_positions_of_one_name_are_numbered():
    assert unique_names(["a", "b", "a", "", ""]) == ["a 0", "b", "a 2", "", ""]


class FakeNd2:
    """An ND2 file of nd2, whose sizes omit axes of one entry; several may share a file."""

    opened = 0
    loops = (("P", 2), ("T", 2), ("Z", 3))
    channels, rgb, recorded = 2, False, 12

    def __init__(self, path):
        type(self).opened += 1
        orders = [range(count) for _, count in self.loops]
        letters = [letter for letter, _ in self.loops]
        self.loop_indices = tuple(
            dict(zip(letters, at, strict=True)) for at in itertools.product(*orders)
        )
        sizes = {**dict(self.loops), "C": self.channels, "Y": SHAPE[0], "X": SHAPE[1]}
        sizes |= {"S": 3} if self.rgb else {}
        self.sizes = {axis: count for axis, count in sizes.items() if count != 1}
        self.dtype, self.components_per_channel = np.uint16, 3 if self.rgb else 1
        self.attributes = SimpleNamespace(sequenceCount=self.recorded)
        points = [
            SimpleNamespace(name=f"Pos{p}", stagePositionUm=SimpleNamespace(y=p, x=-2.5 * p))
            for p in range(2)
        ]
        self.experiment = [
            SimpleNamespace(type="XYPosLoop", parameters=SimpleNamespace(points=points))
            for letter, _ in self.loops
            if letter == "P"
        ]
        colour = SimpleNamespace(r=255, g=16, b=0)
        channel = SimpleNamespace(name="GFP", color=colour)
        volume = SimpleNamespace(axesCalibrated=(True, True, True))
        entry = SimpleNamespace(channel=channel, volume=volume)
        self.metadata = SimpleNamespace(channels=[entry] * self.channels)

    def unstructured_metadata(self, **_):
        return {"ImageMetadataSeqLV|0": {}}

    def voxel_size(self):
        return SimpleNamespace(x=0.2, y=0.1, z=1.0)

    def frame_metadata(self, number):
        time = SimpleNamespace(relativeTimeMs=500.0 + 1000 * self.loop_indices[number].get("T", 0))
        return SimpleNamespace(channels=[SimpleNamespace(time=time)])

    def read_frame(self, number):
        assert not self.is_closed
        at = self.loop_indices[number]
        place = [at.get(axis, 0) for axis in "PT"]
        grey = np.stack([plane(*place, c, at.get("Z", 0)) for c in range(self.channels)]).squeeze()
        return np.stack([grey] * 3, -1) if self.rgb else grey

    is_closed = is_legacy = False

    def close(self):
        self.is_closed = True


def fake_nd2(monkeypatch, **changes):
    fake = type("Fake", (FakeNd2,), changes)
    monkeypatch.setitem(sys.modules, "nd2", SimpleNamespace(ND2File=fake))
    return fake


@pytest.mark.parametrize("order", ["PTZ", "TPZ", "ZTP", "TZP"])
def test_nd2_axes_in_any_order(tmp_path, monkeypatch, order):
    counts = {"P": 2, "T": 2, "Z": 3}
    fake = fake_nd2(monkeypatch, loops=tuple((axis, counts[axis]) for axis in order))
    file = tmp_path / "film.nd2"
    file.write_bytes(ND2)
    series = open_microscope_file(file)
    assert [position.name for position in series.positions] == ["Pos0", "Pos1"]
    position = series.positions[1]
    assert (position.times, position.planes, len(position.channels)) == (2, 3, 2)
    assert position.channels[1] == Channel("GFP", "#FF1000")
    assert position.spacing == Spacing(0.1, 0.2, 1.0, "micrometer")
    assert (position.seconds, position.stage) == ((0.0, 1.0), (1.0, -2.5))
    assert_planes_are_in_place(series)
    assert fake.opened == 2, "once for the headers, once for all pixels"


@pytest.mark.parametrize("way", [{}, {"lossless": True}, {"packed": True}])
def test_nd2_as_nikon_writes_it(tmp_path, way):
    file = tmp_path / "film.nd2"
    frames = [
        [[[plane(p, t, c, z) for c in range(2)] for z in range(3)] for t in range(2)]
        for p in range(2)
    ]
    write_nd2(file, np.array(frames), **way)
    series = open_microscope_file(file)
    position = series.positions[1]
    assert (position.name, position.times, position.planes) == ("well 1", 2, 3)
    assert position.channels == (Channel("DAPI", "#00FF00"), Channel("GFP", "#00FF00"))
    assert position.spacing == Spacing(0.2, 0.2, 0.5, "micrometer")
    assert position.stage == (5.0, 10.0)
    assert_planes_are_in_place(series)


def test_an_nd2_frame_beyond_the_end_is_no_black_plane(tmp_path):
    """The library returns zeros for it."""
    file = tmp_path / "film.nd2"
    write_nd2(file, np.array([[[[plane(z=z)] for z in range(3)]]]), ("DAPI",))
    data = file.read_bytes()
    entry = data.rindex(b"ImageDataSeq|1!") + len(b"ImageDataSeq|1!")
    file.write_bytes(data[:entry] + struct.pack("<Q", len(data)) + data[entry + 8 :])
    stack = open_nd2(file).stack()
    np.testing.assert_array_equal(stack[2], plane(z=2))
    with pytest.raises(InputError, match=r"plane 1' cannot be read: .*the file ends before it"):
        stack[1]


def test_nd2_of_more_frames_than_the_file_holds_is_refused(tmp_path, monkeypatch):
    """The library makes a dictionary of each frame that the metadata declare."""
    file = tmp_path / "film.nd2"
    file.write_bytes(ND2)
    fake_nd2(monkeypatch)
    monkeypatch.setattr(nikon_nd2, "_MOST_UNRECORDED", 11)
    with pytest.raises(InputError, match="declares 12 frames"):
        open_nd2(file)


def test_nd2_without_z_has_no_z_step_and_one_channel_has_no_axis(tmp_path, monkeypatch):
    file = tmp_path / "film.nd2"
    file.write_bytes(ND2)
    fake_nd2(monkeypatch, loops=(("T", 2),), recorded=2)
    assert open_nd2(file).positions[0].spacing == Spacing(0.1, 0.2, None, "micrometer")
    fake_nd2(monkeypatch, loops=(("Z", 3),), channels=1, recorded=3)
    assert_planes_are_in_place(open_nd2(file))
    fake_nd2(monkeypatch, loops=(("Z", 3),), channels=1, rgb=True, recorded=3)
    series = open_nd2(file)
    assert series.positions[0].plane_shape == (*SHAPE, 3)
    np.testing.assert_array_equal(series.stack()[2][..., 1], plane(z=2))


def test_nd2_that_was_stopped_lacks_its_last_planes(tmp_path, monkeypatch):
    file = tmp_path / "film.nd2"
    file.write_bytes(ND2)
    fake_nd2(monkeypatch, loops=(("T", 2), ("Z", 3)), recorded=5)
    series = open_nd2(file)
    assert len(series.stack(time=0)) == 3
    with pytest.raises(InputError, match=r"time 1.* lacks 1 of its 3 planes"):
        series.stack(time=1)
    fake_nd2(monkeypatch, loops=(("U", 2), ("Z", 3)), recorded=6)
    with pytest.raises(InputError, match="an axis 'U' of 2"):
        open_nd2(file)


def test_a_file_that_is_gone_or_damaged_is_named_by_its_plane(tmp_path, monkeypatch):
    file = tmp_path / "film.nd2"
    file.write_bytes(ND2)
    fake = fake_nd2(monkeypatch)
    stack = open_nd2(file).stack()

    def fail(_self, _number):
        raise RuntimeError("bad chunk")

    fake.read_frame = fail
    with pytest.raises(
        InputError, match=r"'film.nd2, position Pos0, time 0, channel GFP, plane 1' .*bad chunk"
    ):
        stack[1]


@pytest.mark.parametrize(
    ("name", "head", "library"),
    [
        ("a.czi", b"ZISRAWFILE", "czifile"),
        ("a.dat", b"ZISRAWFILE", "czifile"),
        ("a.nd2", ND2, "nd2"),
        ("old.nd2", b"\0\0\0\x0cjP  \r\n\x87\n", "nd2"),
        ("a.lif", b"\x70\0\0\0\x10\0\0\0\x2a", "liffile"),
    ],
)
def test_a_missing_library_is_named_with_the_extra(tmp_path, monkeypatch, name, head, library):
    for absent in (library, "bioio"):
        monkeypatch.setitem(sys.modules, absent, None)
    file = tmp_path / name
    file.write_bytes(head + bytes(50))
    with pytest.raises(UnsupportedHereError) as caught:
        open_microscope_file(file)
    assert f"'{name}'" in str(caught.value)
    assert f"needs {library}; install it with pip install" in str(caught.value)
    assert '"napari-focus-stack[microscopes]"' in str(caught.value)


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a.jp2", b"\0\0\0\x0cjP  \r\n\x87\n"),
        ("a.png", b"\x89PNG"),
        ("a.lof", b"\x70\0\0\0\x10\0\0\0\x2a"),
        ("a.oib", b"\xd0\xcf\x11\xe0"),
        ("named.czi", b"II*\0"),
    ],
)
def test_files_of_other_readers_are_left_to_them(tmp_path, monkeypatch, name, head):
    monkeypatch.setitem(sys.modules, "bioio", None)
    file = tmp_path / name
    file.write_bytes(head + bytes(50))
    assert open_microscope_file(file) is None
    assert open_microscope_file(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.nd2", b"", "is empty"),
        ("a.lif", b"text, no LIF", "is no LIF file"),
        ("a.czi", b"ZISRAWFILE" + bytes(30), "'a.czi' cannot be read: it is damaged"),
        ("b.nd2", ND2, "'b.nd2' cannot be read: it is damaged"),
        ("b.lif", b"\x70\0\0\0\x10\0\0\0\x2a\1\0\0\0", "'b.lif' cannot be read: it is damaged"),
    ],
)
def test_damaged_files_are_refused_in_one_sentence(tmp_path, name, content, said):
    for library in ("czifile", "nd2", "liffile"):
        pytest.importorskip(library)
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(InputError, match=said):
        open_microscope_file(file)


def test_a_czi_that_ends_in_the_middle_is_refused(tmp_path):
    pytest.importorskip("czifile")
    file = tmp_path / "film.czi"
    write_czi(file, [tile(place) for place in tczs()])
    content = file.read_bytes()
    series = open_microscope_file(file)
    file.write_bytes(content[:3000])
    with pytest.raises(InputError, match=r"'film.czi, time 1, channel 1, plane 2' .*damaged"):
        series.stack(time=1, channel=1)[2]
    with pytest.raises(InputError, match=r"'film\.czi' .*(damaged|no image)"):
        open_microscope_file(file)
    far = {"T": 500_000_000, "C": 0, "Z": 0}
    write_czi(file, [tile(tczs()[0]), (far, plane().tobytes())])
    with pytest.raises(InputError, match="2 entries along T at numbers up to 500000000"):
        open_microscope_file(file)


class FakeBioImage:
    """An image of bioio with scenes of different axes."""

    scenes = ("A", "B", "tiles")
    computed = 0
    time_interval = None
    dtype = np.dtype(np.uint16)
    physical_pixel_sizes = SimpleNamespace(Z=0.5, Y=0.0, X=0.0)
    dimension_properties = SimpleNamespace(Z=SimpleNamespace(unit="nanometer"), Y=None, X=None)

    def __init__(self, path):
        if path.suffix != ".oir":
            raise UnsupportedFormatError
        self.number = 0

    def set_scene(self, number):
        self.number = number

    @property
    def dims(self):
        return SimpleNamespace(order="TCZYX", shape=(2, 2, 3, *SHAPE))

    @property
    def reader(self):
        order, shape = "TZCYX", (2, 3, 2, *SHAPE)
        if self.scenes[self.number] == "tiles":
            order, shape = f"H{order}", (4, *shape)
        return SimpleNamespace(dims=SimpleNamespace(order=order, shape=shape))

    @property
    def channel_names(self):
        return [np.str_("DAPI"), np.str_("Channel:0:1")]

    def get_image_dask_data(self, order, T, C):  # noqa: N803 - bioio's names
        assert order == "ZYX"
        pixels = np.stack([plane(self.number, T, C, z) for z in range(3)])

        def compute(scheduler):
            type(self).computed += 1
            return pixels

        return SimpleNamespace(compute=compute)


class UnsupportedFormatError(Exception):
    """Stands for bioio's."""


def test_bioio_reads_what_ours_do_not_one_stack_at_a_time(tmp_path, monkeypatch):
    exceptions = ModuleType("bioio_base.exceptions")
    exceptions.UnsupportedFileFormatError = UnsupportedFormatError
    monkeypatch.setitem(sys.modules, "bioio", SimpleNamespace(BioImage=FakeBioImage))
    monkeypatch.setitem(sys.modules, "bioio_base", ModuleType("bioio_base"))
    monkeypatch.setitem(sys.modules, "bioio_base.exceptions", exceptions)
    monkeypatch.setattr(FakeBioImage, "computed", 0)
    file = tmp_path / "film.oir"
    file.write_bytes(b"OLYMPUSRAWFORMAT")
    series = open_microscope_file(file)
    assert [position.name for position in series.positions] == ["A", "B"]
    assert series.positions[0].channels == (Channel("DAPI"), Channel())
    assert series.positions[0].spacing == Spacing(None, None, 0.0005, "micrometer")
    assert "'tiles' has 4 entries of an axis 'H'" in series.notes[0]
    assert FakeBioImage.computed == 0
    assert_planes_are_in_place(series)
    assert FakeBioImage.computed == 2 * 2 * 2
    (tmp_path / "film.xyz").write_bytes(b"unknown format")
    assert open_microscope_file(tmp_path / "film.xyz") is None
    # what ours cannot read here, such as scenes on an old Python, bioio reads
    monkeypatch.setitem(sys.modules, "czifile", None)
    (tmp_path / "plate.oir").write_bytes(b"ZISRAWFILE" + bytes(20))
    assert open_microscope_file(tmp_path / "plate.oir").kind == "file read by bioio"


def test_without_bioio_nothing_is_opened(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "bioio", None)
    assert open_bioio(tmp_path / "film.oir") is None


def test_readers_import_no_library_before_a_file_needs_it():
    code = (
        "import sys, napari_focus_stack.series.readers.microscopes\n"
        "print({'czifile', 'nd2', 'liffile', 'bioio', 'zarr', 'cv2', 'napari'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("length", ["1e999", "nan", "-1e308"])
def test_lif_lengths_that_are_no_numbers_are_unknown_distances(tmp_path, length):
    pytest.importorskip("liffile")
    pixels = np.stack([plane(z=z) for z in range(2)])
    write_lif(tmp_path / "a.lif", [("a", "ZYX", pixels, {"Z": length, "X": length})])
    (position,) = open_microscope_file(tmp_path / "a.lif").positions
    assert (position.spacing.x, position.spacing.z) == (None, None)


def test_lif_axes_longer_than_the_file_take_no_memory(tmp_path):
    pytest.importorskip("liffile")
    pixels = np.stack([plane(z=z) for z in range(2)])
    write_lif(tmp_path / "a.lif", [("a", "ZYX", pixels, {})])
    data = (tmp_path / "a.lif").read_bytes()
    size = struct.unpack_from("<I", data, 9)[0]
    xml = data[13 : 13 + 2 * size].decode("utf-16-le")
    text = xml.replace('"3" NumberOfElements="2"', '"3" NumberOfElements="4294967296"')
    head = struct.pack("<IIBI", 0x70, 5 + 2 * len(text), 0x2A, len(text))
    (tmp_path / "a.lif").write_bytes(head + text.encode("utf-16-le") + data[13 + 2 * size :])
    with pytest.raises(InputError, match="'a' is damaged: it declares 4294967296 entries of Z"):
        open_microscope_file(tmp_path / "a.lif")
