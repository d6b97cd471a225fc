"""TIFF files as series: axes, names, distances, and that each stack has its own planes."""

from __future__ import annotations

import itertools
import json
import math
import struct
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from series.made_tiffs import (
    SIDE,
    ndtiff,
    numbered,
    ome_image,
    ome_set,
    ome_xml,
    tiff_data,
    write_page,
)

from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.io.reading import read_stack
from napari_focus_stack.series.readers.tiff import open_tiff_series


def assert_numbered(series, lengths):
    """Each stack has its planes, in the order of z."""
    t, c, z = (lengths.get(axis, 1) for axis in "TCZ")
    assert len(series.positions) == lengths.get("P", 1)
    for index in series:
        position = series.positions[index.position]
        assert (position.times, len(position.channels), position.planes) == (t, c, z)
        if z < 2:
            with pytest.raises(InputError, match="no z axis"):
                series.stack(index.position, index.time, index.channel)
            continue
        source = series.stack(index.position, index.time, index.channel)
        base = index.position * 1000 + index.time * 100 + index.channel * 10
        assert [int(source[k].min()) for k in range(len(source))] == [base + k for k in range(z)]
        assert source[0].shape == source.plane_shape == position.plane_shape
        assert source[0].dtype == source.dtype == position.dtype
        assert source.spacing == position.spacing


AXES = st.permutations("TCZ").flatmap(
    lambda order: st.tuples(
        st.just("".join(order)), st.tuples(*[st.integers(1, 4)] * 3), st.booleans()
    )
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(form=st.sampled_from(["imagej", "ome", "shaped", "list"]), case=AXES)
def test_each_stack_of_any_order_of_axes_has_its_own_planes(tmp_path, form, case):
    axes, lengths, compressed = case
    if form == "imagej":
        axes, compressed = "TZC", False
    by_letter = dict(zip(axes, lengths, strict=True))
    planes = numbered(axes, lengths)
    file = tmp_path / ("a.ome.tif" if form == "ome" else "a.tif")
    options = {"compression": "zlib"} if compressed else {}
    given_axes = None
    if form in ("imagej", "ome"):
        options[form] = True
    if form == "list":
        planes, metadata = planes.reshape(-1, *SIDE), None
        given_axes = "".join(f"{axis}{length}" for axis, length in by_letter.items()) + "YX"
    else:
        metadata = {"axes": f"{axes}YX"}
    tifffile.imwrite(file, planes, photometric="minisblack", metadata=metadata, **options)
    series = open_tiff_series(file, given_axes)
    assert series.axes == given_axes
    assert series.files == (file,)
    assert_numbered(series, by_letter)


def test_no_tiff_is_none_and_a_plain_file_is_one_z_stack(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert open_tiff_series(tmp_path / "a.png") is None
    plain = tmp_path / "plain.tif"
    tifffile.imwrite(plain, numbered("Z", (4,)), metadata=None, photometric="minisblack")
    series = open_tiff_series(plain)
    assert_numbered(series, {"Z": 4})
    alone, same = series.stack(), read_stack(plain)
    assert (alone.names, alone.spacing, alone.notes) == (same.names, same.spacing, same.notes)
    picture = tmp_path / "picture.tif"
    tifffile.imwrite(picture, np.zeros((20, 30, 3), np.uint8), photometric="rgb")
    assert open_tiff_series(picture).positions[0].plane_shape == (20, 30, 3)
    assert open_tiff_series(picture).positions[0].planes == 1


def test_wrong_names_are_replaced_and_must_fit(tmp_path):
    file = tmp_path / "film.tif"
    tifffile.imwrite(
        file,
        numbered("Z", (6,)),
        imagej=True,
        metadata={"axes": "TYX", "finterval": 2.0},
        photometric="minisblack",
    )
    film = open_tiff_series(file)
    assert (film.positions[0].times, film.positions[0].planes) == (6, 1)
    assert film.positions[0].seconds == (0, 2, 4, 6, 8, 10)
    stack = open_tiff_series(file, "zyx")
    assert_numbered(stack, {"Z": 6})
    assert stack.positions[0].seconds == ()
    assert len(open_tiff_series(file, "T2ZYX").stack(time=1)) == 3
    for wrong in ("TZYX", "T4ZYX", "ZYXS", "T2Z2YX", "ZCYX"):
        with pytest.raises(SettingsError, match=r"'film\.tif'"):
            open_tiff_series(file, wrong)
    swapped = tmp_path / "swapped.tif"
    tifffile.imwrite(
        swapped, numbered("ZT", (3, 3)), imagej=True, metadata={"axes": "TZYX", "finterval": 1}
    )
    series = open_tiff_series(swapped, "ZTYX")
    assert_numbered(series, {"T": 3, "Z": 3})
    assert series.positions[0].seconds == ()
    for mixed in ("ZYX", "T9ZYX"):
        with pytest.raises(SettingsError, match="3 x 3"):
            open_tiff_series(swapped, mixed)


def test_axes_without_name_or_place_are_refused(tmp_path):
    unnamed = tmp_path / "unnamed.tif"
    tifffile.imwrite(unnamed, numbered("TZ", (2, 3)), photometric="minisblack")
    with pytest.raises(InputError, match=r"without a name \(2 x 3 planes\); name .*axes='TZYX'"):
        open_tiff_series(unnamed)
    assert_numbered(open_tiff_series(unnamed, "TZYX"), {"T": 2, "Z": 3})
    lifetimes = tmp_path / "lifetimes.tif"
    tifffile.imwrite(
        lifetimes, numbered("TZ", (2, 3)), photometric="minisblack", metadata={"axes": "HZYX"}
    )
    with pytest.raises(InputError, match=r"axis 'H' \(lifetime\) of length 2"):
        open_tiff_series(lifetimes)
    modulo = tmp_path / "modulo.ome.tif"
    tifffile.imwrite(modulo, numbered("TZ", (2, 3)), photometric="minisblack", metadata=None)
    xml = ome_xml(ome_image("a", {"T": 2, "Z": 3}, tiff_data())).replace(
        "</OME>",
        '<StructuredAnnotations><XMLAnnotation ID="A" Namespace="openmicroscopy.org/omero/'
        'dimension/modulo"><Value><Modulo><ModuloAlongT Type="lifetime" Start="0" End="1" '
        'Step="1"/></Modulo></Value></XMLAnnotation></StructuredAnnotations></OME>',
    )
    tifffile.tiffcomment(modulo, xml)
    with pytest.raises(InputError, match="2 entries of 'lifetime' along T"):
        open_tiff_series(modulo)
    saved = tmp_path / "a.focusstack"
    saved.write_bytes(unnamed.read_bytes())
    with pytest.raises(InputError, match="holds results"):
        open_tiff_series(saved)


def test_colours_of_pixels_are_kept_and_other_samples_are_channels(tmp_path):
    colour = np.repeat(numbered("TZ", (2, 3), np.uint8)[..., None], 3, axis=-1)
    for form in ("imagej", "ome", "shaped"):
        file = tmp_path / f"{form}.tif"
        options = {} if form == "shaped" else {form: True}
        tifffile.imwrite(file, colour, photometric="rgb", metadata={"axes": "TZYXS"}, **options)
        series = open_tiff_series(file)
        assert series.positions[0].plane_shape == (*SIDE, 3)
        assert_numbered(series, {"T": 2, "Z": 3})
    for planar in ("contig", "separate"):
        planes = np.moveaxis(numbered("ZC", (3, 5)), 1, -1 if planar == "contig" else 1)
        file = tmp_path / f"{planar}.ome.tif"
        axes = "ZYXS" if planar == "contig" else "ZSYX"
        tifffile.imwrite(
            file,
            planes,
            photometric="minisblack",
            planarconfig=planar,
            ome=True,
            metadata={"axes": axes},
        )
        assert_numbered(open_tiff_series(file), {"C": 5, "Z": 3})


def test_imagej_keeps_distances_names_colours_and_times(tmp_path):
    file = tmp_path / "ij.tif"
    tables = [np.zeros((3, 256), np.uint8) for _ in range(2)]
    tables[0][0], tables[1][1:] = np.arange(256), np.arange(256)
    tifffile.imwrite(
        file,
        numbered("TZC", (2, 3, 2)),
        imagej=True,
        resolution=(4.0, 5.0),
        metadata={
            "axes": "TZCYX",
            "spacing": 1.5,
            "unit": "um",
            "finterval": 500,
            "tunit": "ms",
            "Labels": [
                f"c:{c + 1}/2 z:{z + 1}/3 - {name}"
                for z in range(6)
                for c, name in enumerate(["DAPI", "GFP"])
            ],
            "LUTs": tables,
        },
    )
    series = open_tiff_series(file)
    assert_numbered(series, {"T": 2, "Z": 3, "C": 2})
    (position,) = series.positions
    assert series.kind == "ImageJ TIFF"
    assert [(c.name, c.colour) for c in position.channels] == [
        ("DAPI", "#FF0000"),
        ("GFP", "#00FFFF"),
    ]
    assert position.seconds == (0, 0.5)
    assert (position.spacing.y, position.spacing.x) == pytest.approx((0.2, 0.25))
    assert position.spacing.z == 1.5
    assert series.stack(0, 1, 1).names[2] == "ij.tif, time 1, channel GFP, plane 2"


def test_an_imagej_hyperstack_that_ends_early_keeps_its_axes(tmp_path):
    file = tmp_path / "cut.tif"
    tifffile.imwrite(
        file, numbered("TZC", (4, 3, 2)), imagej=True, byteorder=">", metadata={"axes": "TZCYX"}
    )
    data = bytearray(file.read_bytes())
    with tifffile.TiffFile(file) as tif:
        start, size = tif.pages[0].dataoffsets[0], tif.pages[0].nbytes
    # as ImageJ writes it above 4 GB: the header of one page, then all pixels
    (first,) = struct.unpack(">I", data[4:8])
    (tags,) = struct.unpack(">H", data[first : first + 2])
    data[first + 2 + 12 * tags : first + 6 + 12 * tags] = bytes(4)
    file.write_bytes(data)
    assert_numbered(open_tiff_series(file), {"T": 4, "Z": 3, "C": 2})
    file.write_bytes(data[: start + 13 * size + 7])
    series = open_tiff_series(file)
    assert len(series) == 8
    assert [int(series.stack(0, 1, 1)[k].min()) for k in range(3)] == [110, 111, 112]
    with pytest.raises(InputError, match=r"time 2, channel 0: 2 of 3 planes .* truncated"):
        series.stack(0, 2, 0)


# --- OME


def write_pages(file, planes, xml):
    """Write each page before the next, as an acquisition does, with the XML in the first."""
    with tifffile.TiffWriter(file) as writer:
        for k, plane in enumerate(planes):
            writer.write(plane, description="" if k else xml, metadata=None, contiguous=False)


def test_ome_keeps_distances_names_colours_times_and_stage(tmp_path):
    file = tmp_path / "cells.ome.tif"
    channels = (
        f'<Channel ID="C:0" Name="DAPI" Color="{0x0000FFFF}"/>'
        f'<Channel ID="C:1" Name="GFP" Color="{0x00FF00FF}"/>'
        '<Channel ID="C:2" Color="-1"/>'
    )
    planes = "".join(
        f'<Plane TheT="{t}" TheC="{c}" TheZ="{z}" DeltaT="{60000 + 250 * t + z}" DeltaTUnit="ms" '
        f'PositionX="2" PositionXUnit="mm" PositionY="-30" PositionYUnit="µm" '
        f'PositionZ="{100 + 0.5 * z}" PositionZUnit="µm"/>'
        for t, c, z in itertools.product(range(2), range(3), range(4))
    )
    xml = ome_xml(
        ome_image(
            "cells",
            {"T": 2, "C": 3, "Z": 4},
            channels + tiff_data() + planes,
            'PhysicalSizeX="200" PhysicalSizeXUnit="nm" PhysicalSizeY="0.3"',
        )
    )
    write_page(file, numbered("TCZ", (2, 3, 4)).reshape(-1, *SIDE), xml)
    series = open_tiff_series(file)
    assert series.kind == "OME-TIFF"
    assert_numbered(series, {"T": 2, "C": 3, "Z": 4})
    (position,) = series.positions
    assert [(c.name, c.colour) for c in position.channels] == [
        ("DAPI", "#0000FF"),
        ("GFP", "#00FF00"),
        ("", "#FFFFFF"),
    ]
    assert position.seconds == pytest.approx((0, 0.25))
    assert position.stage == (-30, 2000)
    spacing = position.spacing
    assert (spacing.y, spacing.x, spacing.z) == pytest.approx((0.3, 0.2, 0.5))
    interval = xml.replace("DeltaT", "Other").replace("PhysicalSizeY", 'TimeIncrement="3" P')
    tifffile.tiffcomment(file, interval.encode())
    assert open_tiff_series(file).positions[0].seconds == (0, 3)


def test_ome_images_are_positions_with_sizes_of_their_own(tmp_path):
    file = tmp_path / "scenes.ome.tif"
    cases = [("A", "ZCT", (3, 2, 2)), ("A", "TCZ", (1, 1, 5)), ("B", "CZ", (2, 3))]
    with tifffile.TiffWriter(file, ome=True) as writer:
        for p, (name, axes, lengths) in enumerate(cases):
            planes = numbered(axes, lengths) + 1000 * p
            if p == 1:
                planes = np.pad(planes, [(0, 0)] * 3 + [(0, 4), (0, 2)], mode="edge")
            writer.write(
                planes.astype(np.uint16),
                photometric="minisblack",
                metadata={
                    "axes": f"{axes}YX",
                    "Name": name,
                    "PhysicalSizeX": 0.1 + p,
                    "PhysicalSizeY": 0.2,
                },
            )
    series = open_tiff_series(file)
    assert [p.name for p in series.positions] == ["A", "A (2)", "B"]
    sizes = [(p.times, len(p.channels), p.planes) for p in series.positions]
    assert sizes == [(2, 2, 3), (1, 1, 5), (1, 2, 3)]
    assert [p.plane_shape for p in series.positions] == [SIDE, (SIDE[0] + 4, SIDE[1] + 2), SIDE]
    assert [p.spacing.x for p in series.positions] == pytest.approx([0.1, 1.1, 2.1])
    for index in series:
        source = series.stack(index.position, index.time, index.channel)
        base = index.position * 1000 + index.time * 100 + index.channel * 10
        assert [int(source[k].max()) for k in range(len(source))] == [
            base + k for k in range(len(source))
        ]


@pytest.mark.parametrize("companion", [False, True])
def test_a_set_opens_by_any_of_its_files(tmp_path, companion):
    lengths = {"T": 2, "C": 2, "Z": 3}
    holder, names = ome_set(tmp_path, lengths, companion)
    for name in dict.fromkeys([holder, names[0], names[-1]]):
        series = open_tiff_series(tmp_path / name)
        assert series.kind == "set of OME-TIFF"
        assert {file.name for file in series.files} == {holder, *names}
        assert_numbered(series, lengths)


def test_a_set_with_missing_files_gives_the_other_stacks(tmp_path):
    holder, names = ome_set(tmp_path, {"T": 2, "C": 2, "Z": 3})
    (tmp_path / names[4]).unlink()  # t 0, c 1, z 1
    (tmp_path / names[8]).write_bytes(b"II*\0")  # t 1, c 0, z 2
    series = open_tiff_series(tmp_path / names[-1])
    assert series.notes == ("'t0_c1_z1.ome.tif' of the set is missing; its stacks cannot be read.",)
    assert int(series.stack(0, 1, 1)[2].min()) == 112
    with pytest.raises(InputError, match=r"1 of 3 planes .*'t0_c1_z1\.ome\.tif' is missing"):
        series.stack(0, 0, 1)
    with pytest.raises(InputError, match=r"'t1_c0_z2\.ome\.tif'.* damaged TIFF"):
        series.stack(0, 1, 0)
    (tmp_path / holder).unlink()
    with pytest.raises(InputError, match=rf"described in '{holder}', which is missing"):
        open_tiff_series(tmp_path / names[-1])


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("../out/", "out"),
        ("..\\out\\", "out"),
        ("../gone/", "set"),
        ("../set/12:30/../../gone/", "set"),
        ("/", "set"),
        ("C:\\data\\", "set"),
        ("./C:/data/", "set"),
        ("file:///data/", "set"),
        ("//server/share/", "set"),
    ],
)
def test_names_of_a_set_are_relative_and_absolute_ones_count_by_their_last_part(
    tmp_path, place, found
):
    for folder in (tmp_path / "set", tmp_path / "out"):
        folder.mkdir()
        for z in range(2):
            content = "".join(
                tiff_data(f"{place}z{k}.ome.tif", FirstZ=k, IFD=0, PlaneCount=1) for k in range(2)
            )
            xml = ome_xml(ome_image("a", {"Z": 2}, content))
            value = 10 * (folder.name == "set") + z
            write_page(folder / f"z{z}.ome.tif", np.full(SIDE, value, np.uint16), xml)
    stack = open_tiff_series(tmp_path / "set" / "z0.ome.tif").stack()
    first = 10 if found == "set" else 0
    assert [int(stack[k].max()) for k in range(2)] == [first, first + 1]


@pytest.mark.skipif(sys.platform == "win32", reason="no colon may be in a name")
@pytest.mark.parametrize("folder", ["12:30", "day 1: first", "in/12:30"])
def test_a_folder_of_a_set_may_have_a_colon_in_its_name(tmp_path, folder):
    content = "".join(
        tiff_data(f"{folder}/z{k}.ome.tif", FirstZ=k, IFD=0, PlaneCount=1) for k in range(2)
    )
    (tmp_path / folder).mkdir(parents=True)
    for z in range(2):
        write_page(tmp_path / folder / f"z{z}.ome.tif", np.full(SIDE, z, np.uint16), "")
    companion = tmp_path / "a.companion.ome"
    companion.write_text(ome_xml(ome_image("a", {"Z": 2}, content)))
    stack = open_tiff_series(companion).stack()
    assert [int(stack[k].max()) for k in range(2)] == [0, 1]


def test_a_name_that_leads_to_another_kind_of_file_is_not_followed(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "secret").write_text("of somebody")
    content = tiff_data("../secret", FirstZ=1, IFD=0, PlaneCount=1)
    content += tiff_data("a.ome.tif", FirstZ=0, IFD=0, PlaneCount=1)
    file = tmp_path / "set" / "a.ome.tif"
    write_page(file, np.full(SIDE, 1, np.uint16), ome_xml(ome_image("a", {"Z": 2}, content)))
    with pytest.raises(InputError, match=r"'\.\./secret' is missing"):
        open_tiff_series(file).stack()


def test_a_renamed_or_truncated_ome_file(tmp_path):
    file = tmp_path / "old.ome.tif"
    content = tiff_data("old.ome.tif", "urn:uuid:own", IFD=0, PlaneCount=12)
    write_pages(
        file,
        numbered("TZ", (4, 3)).reshape(-1, *SIDE),
        ome_xml(ome_image("a", {"T": 4, "Z": 3}, content)),
    )
    data = file.read_bytes()
    renamed = tmp_path / "new.ome.tif"
    file.rename(renamed)
    assert_numbered(open_tiff_series(renamed), {"T": 4, "Z": 3})
    with tifffile.TiffFile(renamed) as tif:
        end = tif.pages[7].dataoffsets[0] + 10
    renamed.write_bytes(data[:end])
    series = open_tiff_series(renamed)
    assert len(series) == 4
    assert int(series.stack(time=1)[2].max()) == 102
    for time in (2, 3):
        with pytest.raises(InputError, match=rf"time {time}: . of 3 planes .* truncated"):
            series.stack(time=time)


def test_unreadable_xml_is_noted(tmp_path):
    file = tmp_path / "broken.ome.tif"
    write_page(file, numbered("Z", (3,)), "<OME><Image></OME>")
    series = open_tiff_series(file)
    assert_numbered(series, {"Z": 3})
    assert series.notes[0].startswith("Its OME-XML cannot be read")


# --- Micro-Manager


def test_ndtiff(tmp_path, monkeypatch):
    file = ndtiff(tmp_path / "run", 2, ["GFP", "DAPI"], 3)
    monkeypatch.setattr(
        tifffile.TiffFile, "micromanager_metadata", {"MajorVersion": 3, "Summary": {}}
    )
    series = open_tiff_series(file)
    assert series.kind == "NDTiff"
    assert {f.name for f in series.files} == {"run_NDTiffStack.tif", "NDTiff.index"}
    assert_numbered(series, {"T": 2, "C": 2, "Z": 3})
    (position,) = series.positions
    assert [channel.name for channel in position.channels] == ["GFP", "DAPI"]
    assert (position.seconds, position.stage, position.spacing.z) == ((0, 0.5), (4, 3), 0.25)


# --- reading on demand


def test_stacks_are_read_by_several_threads_and_no_file_stays_open(tmp_path):
    holder, _ = ome_set(tmp_path, {"T": 2, "C": 2, "Z": 3})
    single = tmp_path / "single.ome.tif"
    planes = numbered("TCZ", (2, 2, 3))
    tifffile.imwrite(single, planes, ome=True, metadata={"axes": "TCZYX"})
    for file in (tmp_path / holder, single):
        series = open_tiff_series(file)
        jobs = list(itertools.product(range(2), range(2), range(3))) * 5

        def value(job, series=series):
            t, c, z = job
            return int(series.stack(0, t, c)[z].max())

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(value, jobs)) == [100 * t + 10 * c + z for t, c, z in jobs]
        file.rename(tmp_path / "moved.tif")


def test_a_set_of_many_files_is_opened_by_one(tmp_path, monkeypatch):
    holder, _ = ome_set(tmp_path, {"T": 4, "C": 2, "Z": 3})
    opened = []
    original = tifffile.TiffFile.__init__

    def counted(self, file, *args, **kwargs):
        opened.append(str(file))
        original(self, file, *args, **kwargs)

    monkeypatch.setattr(tifffile.TiffFile, "__init__", counted)
    series = open_tiff_series(tmp_path / holder)
    assert set(opened) == {str(tmp_path / holder)}
    series.stack(0, 3, 1)
    assert len(set(opened)) == 1 + 3
    assert math.prod((4, 2)) == len(series)


def mmstack(folder, positions, summary):
    """Write one MMStack file for each position, with Micro-Manager's index in front."""
    files = []
    lengths = summary["Frames"], summary["Slices"], summary["Channels"]
    for p in range(positions):
        file = folder / f"run_MMStack_Pos{p}.ome.tif"
        places = list(itertools.product(*(range(length) for length in lengths)))
        text = json.dumps(summary).encode()
        values = (numbered("TZC", lengths) + 1000 * p).astype("<u2").reshape(-1, *SIDE)
        size, start = values[0].nbytes, 40 + len(text) + 2000
        # header of 162 bytes, then the pixels, as tifffile takes it to be
        step = 162 + size
        offsets = [start + k * step for k in range(len(places))]
        index = struct.pack("<II", 3453623, len(places)) + b"".join(
            struct.pack("<5I", c, z, t, p, offset)
            for (t, z, c), offset in zip(places, offsets, strict=True)
        )
        data = bytearray(start + len(places) * step + len(index))
        data[:8] = struct.pack("<2sHI", b"II", 42, start)
        end = start + len(places) * step
        data[8:40] = struct.pack("<8I", 54773648, end, 0, 0, 0, 0, 2355492, len(text))
        data[40 : 40 + len(text)] = text
        data[end:] = index
        for k, offset in enumerate(offsets):
            data[offset : offset + 162] = mm_header(offset, size, offsets[k + 1 : k + 2], text)
            data[offset + 162 : offset + step] = values[k].tobytes()
        file.write_bytes(data)
        files.append(file)
    return files


def mm_header(offset, size, following, text):
    """Return the header of one page: tags, and the tag 51123 that marks Micro-Manager."""
    y, x = SIDE
    tags = [
        (256, 4, 1, x),
        (257, 4, 1, y),
        (258, 3, 1, 16),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, offset + 162),
        (277, 3, 1, 1),
        (278, 4, 1, y),
        (279, 4, 1, size),
        (51123, 2, len(text), 40),
    ]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    header = struct.pack("<H", len(tags)) + entries + struct.pack("<I", *(following or [0]))
    return header.ljust(162, b"\0")


def test_mmstack_of_several_positions(tmp_path):
    summary = {
        "MicroManagerVersion": "2.0",
        "Prefix": "run",
        "Frames": 2,
        "Slices": 3,
        "Channels": 2,
        "Positions": 2,
        "TimeFirst": False,
        "SlicesFirst": False,
        "PixelSize_um": 0.25,
        "z-step_um": 0.5,
        "Interval_ms": 1500,
        "ChNames": ["DAPI", "GFP"],
        "ChColors": [-16776961, -16711936],
        "StagePositions": [
            {
                "Label": f"site {p}",
                "DefaultXYStage": "XY",
                "DevicePositions": [{"Device": "XY", "Position_um": [p + 0.5, -3]}],
            }
            for p in range(2)
        ],
    }
    files = mmstack(tmp_path, 2, summary)
    series = open_tiff_series(files[0])
    assert series.kind == "Micro-Manager MMStack"
    assert set(series.files) == set(files)
    assert_numbered(series, {"P": 2, "T": 2, "C": 2, "Z": 3})
    assert [position.name for position in series.positions] == ["site 0", "site 1"]
    position = series.positions[1]
    assert [(c.name, c.colour) for c in position.channels] == [
        ("DAPI", "#0000FF"),
        ("GFP", "#00FF00"),
    ]
    assert (position.seconds, position.stage) == ((0, 1.5), (-3, 1.5))
    assert (position.spacing.y, position.spacing.z) == (0.25, 0.5)
    files[0].unlink()
    alone = open_tiff_series(files[1])
    assert int(alone.stack(0, 1, 1)[2].max()) == 1112
    assert alone.positions[0].stage == (-3, 1.5)
    assert alone.notes == ("Some positions of the acquisition are missing from its files.",)
