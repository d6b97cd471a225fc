"""Series in containers: OME-Zarr, sets of OME-TIFF, NDTiff, CZI, LIF, and folders of files."""

from __future__ import annotations

import json
import os
import shutil
import struct
import time
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from hostile.json_mutations import JSON_MUTATORS
from hostile.kinds import Kind
from hostile.packed_folders import arranged, folder_mutator, packed, packed_folder, unpacked
from hostile.pictures import pixels
from hostile.text_mutations import ABSURD_TEXTS, mutated_lines, mutated_xml, replaced_text_number
from hostile.tiff_mutations import TIFF_MUTATORS
from series.made_files import plane, write_czi, write_lif
from series.made_tiffs import ndtiff, ome_image, ome_set, ome_xml, tiff_data

from napari_focus_stack.series.opening import open_series
from napari_focus_stack.series.own_files import is_own_map

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

    from napari_focus_stack.series.model import Series

_MOST_PLANES = 6
_ENOUGH_SECONDS = 3.0
"""CPU time after which no further plane is read: sound planes of 10^5 chunks take seconds each."""


def opened(path: Path, pattern: str | None = None) -> Iterator[int]:
    """Open a series and read the planes of its first stack and of its last."""
    series = open_series(path, pattern=pattern)
    yield from _read(series)


def _read(series: Series) -> Iterator[int]:
    first, last, started = None, None, time.process_time()
    for index in series:
        first, last = first or index, index
    for index in dict.fromkeys((first, last)):
        if index is None:
            continue
        series.stack_files(index)
        source = series.stack(position=index.position, time=index.time, channel=index.channel)
        for k in range(min(len(source), _MOST_PLANES)):
            if time.process_time() - started > _ENOUGH_SECONDS:
                return
            yield int(np.prod(source.plane_shape, dtype=object)) * source.dtype.itemsize
            source[k]


def _zarr_seeds(folder: Path) -> Iterator[bytes]:
    for version in ("0.4", "0.5"):
        for layout in ("image", "plate", "collection"):
            top = folder / f"{layout}-{version}.zarr"
            _LAYOUTS[layout](top, version)
            yield packed_folder(top)
    for number, codecs in enumerate(_codecs()):
        top = folder / f"coded-{number}.zarr"
        _write_image(top, "0.4" if "zarr_format" in codecs else "0.5", **codecs)
        yield packed_folder(top)


def _codecs() -> list[dict[str, Any]]:
    import numcodecs
    from zarr import codecs

    return [
        {"shards": (1, 1, 2, 24, 20), "chunks": (1, 1, 1, 12, 10)},
        {"compressors": codecs.GzipCodec()},
        {"compressors": codecs.BloscCodec(cname="lz4")},
        *(
            {"compressors": packer, "zarr_format": 2}
            for packer in (numcodecs.Blosc("zstd"), numcodecs.LZ4(), numcodecs.BZ2(), None)
        ),
    ]


def _write_image(top: Path, version: str, **codecs: Any) -> None:
    import zarr

    shape = (2, 2, 3, 24, 20)
    array = zarr.create_array(
        top / "0",
        shape=shape,
        dtype="uint16",
        chunk_key_encoding={"name": "v2" if version == "0.4" else "default", "separator": "/"},
        **{"chunks": (1, 1, 2, 24, 20), "zarr_format": 2 if version == "0.4" else 3, **codecs},
    )
    array[:] = np.arange(np.prod(shape)).reshape(shape).astype(np.uint16)
    axes = [{"name": name, "type": kind} for name, kind in _AXES.items()]
    scale = {"type": "scale", "scale": [2.0, 1.0, 0.5, 0.2, 0.2]}
    moved = {"type": "translation", "translation": [0.0, 0.0, 0.0, 4.0, 5.0]}
    level = {"path": "0", "coordinateTransformations": [scale, moved]}
    channels = [{"label": "DAPI", "color": "00FF00"}, {"label": "GFP", "color": "FF0000"}]
    axes[0]["unit"], axes[2]["unit"], axes[3]["unit"] = "second", "micrometer", "micrometer"
    _write_group(
        top,
        version,
        {
            "multiscales": [{"version": version, "axes": axes, "datasets": [level], "name": "i"}],
            "omero": {"channels": channels},
        },
    )


_AXES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}


def _write_group(top: Path, version: str, ome: dict[str, Any]) -> None:
    top.mkdir(exist_ok=True, parents=True)
    if version == "0.4":
        (top / ".zgroup").write_text('{"zarr_format": 2}')
        (top / ".zattrs").write_text(json.dumps(ome))
    else:
        group = {"zarr_format": 3, "node_type": "group"}
        attributes = {"ome": {"version": version, **ome}}
        (top / "zarr.json").write_text(json.dumps({**group, "attributes": attributes}))


def _write_plate(top: Path, version: str) -> None:
    wells = [{"path": f"A/{k}", "rowIndex": 0, "columnIndex": k - 1} for k in (1, 2)]
    plate = {
        "columns": [{"name": "1"}, {"name": "2"}],
        "rows": [{"name": "A"}],
        "wells": wells,
        "field_count": 1,
        "name": "plate",
    }
    _write_group(top, version, {"plate": plate})
    _write_group(top / "A", version, {})
    for well in wells:
        _write_group(
            top / well["path"],
            version,
            {"well": {"images": [{"path": "0", "acquisition": 0}]}},
        )
        _write_image(top / well["path"] / "0", version)


def _write_collection(top: Path, version: str) -> None:
    _write_group(top, version, {"bioformats2raw.layout": 3})
    _write_group(top / "OME", version, {"series": ["0", "1"]})
    names = "".join(f'<Image ID="Image:{k}" Name="field {k}"/>' for k in range(2))
    (top / "OME" / "METADATA.ome.xml").write_text(ome_xml(names))
    for k in range(2):
        _write_image(top / str(k), version)


_LAYOUTS = {"image": _write_image, "plate": _write_plate, "collection": _write_collection}
_DOCUMENTS = ("zarr.json", ".zattrs", ".zarray", ".zgroup")
_ZARR_TERMS = (
    *("../..", "..", "0", "/etc", "../../../../etc", ".", "", "A/1", "A/../A/1", "file:///etc"),
    *("http://127.0.0.1:9/x.zarr", "zstd", "blosc", "gzip", "crc32c", "sharding_indexed", "nosuch"),
    *("bytes", "transpose", "vlen-utf8", "numcodecs.zlib", "pickle", "object", "|O", "<f16", ">u2"),
    *("|V4", "<M8[ns]", "<U5", "float16", "complex64", "int64", "r16", "string", "struct", "<u8"),
    *("NaN", "Infinity", "0x7fc00000", "AAAA", "z", "y", "x", "t", "c", "furlong", "time", "3"),
)


def _mutated_zarr_term(data: bytes, rng: random.Random) -> bytes:
    """Replace a text of a document by another word of zarr, or a path that leads elsewhere."""
    document = json.loads(data)
    parent, key = rng.choice(list(_texts(document)))
    parent[key] = rng.choice(_ZARR_TERMS)
    return json.dumps(document).encode()


def _texts(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the parent and key of every text."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        if isinstance(inner, str):
            yield value, key
        elif isinstance(inner, dict | list):
            yield from _texts(inner)


def _chunk_bomb(data: bytes, rng: random.Random) -> bytes:
    """Replace a chunk by one that claims or holds far more than its array has."""
    huge = rng.choice((2**31 - 1, 2**32 - 1, 2**30, 10**6))
    wide = rng.choice((2**40, 2**62, 2**32, 2**64 - 1))
    return rng.choice(
        (
            struct.pack("<BBBBIII", 2, 1, 0x21, 2, huge, 65536, len(data) + 16) + data,
            data[:4] + struct.pack("<I", huge) + data[8:],
            struct.pack("<IBQ", 0xFD2FB528, 0xE0, wide) + data,
            struct.pack("<IBI", 0xFD2FB528, 0xA0, huge) + data,
            _BOMB,
            _GZIP_BOMB,
            struct.pack("<I", huge) + data,
            data * 50,
            b"",
        )
    )


_BOMB = zlib.compress(bytes(1 << 28))
_packer = zlib.compressobj(9, zlib.DEFLATED, 31)
_GZIP_BOMB = _packer.compress(bytes(1 << 28)) + _packer.flush()


def _by_zarr_name(name: str) -> tuple:
    if name.endswith(_DOCUMENTS):
        return (*JSON_MUTATORS, _mutated_zarr_term, _mutated_zarr_term)
    if name.endswith(".xml"):
        return (mutated_xml,)
    return (_chunk_bomb,) if "/" in name else ()


def _set_seeds(folder: Path) -> Iterator[bytes]:
    for k, companion in enumerate((False, True)):
        top = folder / f"set{k}"
        top.mkdir()
        _, names = ome_set(top, {"T": 2, "C": 1, "Z": 3}, companion)
        (top / names[0]).rename(top / "first.ome.tif")
        whole = packed_folder(top)
        files = unpacked(whole)
        yield packed({name: data.replace(names[0].encode(), b"first.ome.tif") for name, data in
                      files.items()})  # fmt: skip


def _by_set_name(name: str) -> tuple:
    if name.endswith(".companion.ome"):
        return (mutated_xml, _mutated_file_name, replaced_text_number)
    return (*TIFF_MUTATORS, _mutated_file_name, _mutated_file_name)


def _mutated_file_name(data: bytes, rng: random.Random) -> bytes:
    """Let a name in OME-XML be that of another file, of the same length."""
    start = rng.choice([k for k in range(len(data)) if data.startswith(b'FileName="', k)]) + 10
    end = data.index(b'"', start)
    name = rng.choice(
        (b"/etc/hostname", b"../../../etc/hostname", b"", b".", b"\xff\xfe", b"..\\x")
    )
    return data[:start] + name[: end - start].ljust(end - start, b"/") + data[end:]


def _xml_seeds(_folder: Path) -> Iterator[bytes]:
    """Yield descriptions of a file of four planes, in the ways that programs write them."""
    planes = "".join(
        f'<Plane TheZ="{z}" TheC="0" TheT="0" PositionZ="{z}" PositionX="1" PositionY="2" '
        f'DeltaT="{z}" DeltaTUnit="ms" PositionZUnit="µm"/>'
        for z in range(4)
    )
    channel = '<Channel ID="Channel:0:0" Name="DAPI" Color="-16776961" SamplesPerPixel="1"/>'
    sizes = 'PhysicalSizeX="0.2" PhysicalSizeY="0.2" PhysicalSizeZ="1" PhysicalSizeZUnit="nm"'
    stack = channel + tiff_data(IFD=0, PlaneCount=4) + planes
    yield ome_xml(ome_image("stack", {"Z": 4}, stack, sizes)).encode()
    film = channel * 2 + "".join(
        tiff_data("input.ome.tif", IFD=k, FirstC=k % 2, FirstT=k // 2) for k in range(4)
    )
    yield ome_xml(ome_image("film", {"C": 2, "T": 2}, film, sizes, "XYCZT")).encode()
    two = [ome_image(f"p{k}", {"Z": 2}, tiff_data(IFD=2 * k, PlaneCount=2)) for k in range(2)]
    yield ome_xml(*two).encode()
    module = '<ModuloAlongZ Type="lifetime" Start="0" Step="1" End="1"/>'
    notes = (
        "<StructuredAnnotations><XMLAnnotation ID='Annotation:0' "
        "Namespace='openmicroscopy.org/omero/dimension/modulo'><Value><Modulo>"
        f"{module}</Modulo></Value></XMLAnnotation></StructuredAnnotations>"
    )
    yield ome_xml(ome_image("modulo", {"Z": 4}, stack), notes).encode()


def _imagej_seeds(_folder: Path) -> Iterator[bytes]:
    yield b"ImageJ=1.54f\nimages=4\nslices=4\nunit=um\nspacing=2.0\nloop=false\n"
    yield b"ImageJ=1.54f\nimages=4\nchannels=2\nslices=2\nhyperstack=true\nmode=composite\n"
    yield b"ImageJ=1.54f\nimages=4\nslices=2\nframes=2\nhyperstack=true\nfinterval=0.5\ncf=0\n"


def _described_tiff(place: Path, text: bytes) -> Path:
    """Write a file of four planes with a description."""
    whole = _plain_tiff()
    start = len(whole) + len(whole) % 2
    entry = struct.pack("<HHII", 270, 2, len(text) + 1, start)
    at = whole.index(struct.pack("<HH", 270, 2))
    path = place / "input.ome.tif"
    changed = whole[:at] + entry + whole[at + 12 :]
    path.write_bytes(changed.ljust(start, b"\0") + text + b"\0")
    return path


def _plain_tiff() -> bytes:
    import io

    written = io.BytesIO()
    planes = np.stack([np.full((8, 9), k, np.uint16) for k in range(4)])
    tifffile.imwrite(written, planes, photometric="minisblack", description="x" * 9, metadata=None)
    return written.getvalue()


def _opened_and_looked_at(path: Path) -> Iterator[int]:
    is_own_map(path, "image")
    yield from opened(path)


def _ndtiff_seeds(folder: Path) -> Iterator[bytes]:
    for number, channels in enumerate((["GFP", "DAPI"], ["GFP"])):
        top = folder / f"nd{number}"
        ndtiff(top, 2, channels, 3)
        yield packed_folder(top)


def _by_ndtiff_name(name: str) -> tuple:
    return TIFF_MUTATORS if name.endswith(".tif") else (_mutated_index, replaced_text_number)


def _mutated_index(data: bytes, rng: random.Random) -> bytes:
    """Damage the axes of one plane of an index, whose lengths are set right."""
    at, entries = 0, []
    while at + 4 <= len(data):
        size = struct.unpack_from("<I", data, at)[0]
        axes = data[at + 4 : at + 4 + size]
        at += 4 + size
        name_size = struct.unpack_from("<I", data, at)[0]
        rest = data[at : at + 4 + name_size + 32]
        at += 4 + name_size + 32
        entries.append((axes, rest))
    k = rng.randrange(len(entries))
    axes, rest = entries[k]
    if rng.random() < 0.7:
        axes = rng.choice(JSON_MUTATORS)(axes, rng)
    else:
        value = struct.pack("<I", rng.choice((0, 1, 2**31, 2**32 - 1, 65535)))
        place = len(rest) - 4 * rng.randint(1, 8)
        rest = rest[:place] + value + rest[place + 4 :]
    entries[k] = axes, rest
    return b"".join(struct.pack("<I", len(axes)) + axes + rest for axes, rest in entries)


def _czi_seeds(folder: Path) -> Iterator[bytes]:
    import imagecodecs

    path = folder / "a.czi"
    xml = (
        "<ImageDocument><Metadata><Scaling><Items><Distance Id='X'><Value>2E-07</Value></Distance>"
        "</Items></Scaling><Information><Image><SizeT>2</SizeT><Dimensions><Channels>"
        "<Channel Id='Channel:0' Name='DAPI'><Color>#FF00A1FF</Color></Channel></Channels><S>"
        "<Scenes><Scene Index='0' Name='well'><CenterPosition>7.5,-3</CenterPosition><ArrayName>B2"
        "</ArrayName></Scene></Scenes></S></Dimensions></Image></Information></Metadata>"
        "</ImageDocument>"
    )
    places = [{"T": t, "C": c, "Z": z} for t in range(2) for c in range(1) for z in range(2)]
    for compression, pack in (
        (0, np.ndarray.tobytes),
        (5, imagecodecs.zstd_encode),
        (4, imagecodecs.jpegxr_encode),
    ):
        tiles = [(place, pack(plane(0, **{k.lower(): v for k, v in place.items()})))
                 for place in places]  # fmt: skip
        write_czi(path, tiles, xml, compression=compression)
        yield path.read_bytes()
    scenes = [({"S": s, "Z": z, "X": 20 * s, "M": 0}, plane(s, z=z).tobytes())
              for s in range(2) for z in range(2)]  # fmt: skip
    write_czi(path, scenes, xml)
    yield path.read_bytes()


def _lif_seeds(folder: Path) -> Iterator[bytes]:
    path = folder / "a.lif"
    film = np.stack([[plane(0, t, z=z) for z in range(2)] for t in range(2)])
    colour = np.stack([[plane(0, 0, c, z) for z in range(2)] for c in range(2)])
    write_lif(
        path,
        [("a", "TZYX", film, {"Z": 2e-6, "X": 1e-6}), ("b", "CZYX", colour, {"Z": -2e-6})],
    )
    yield path.read_bytes()


def _mutated_utf16_xml(data: bytes, rng: random.Random) -> bytes:
    """Damage the XML at the head of a LIF, whose length is set right."""
    size = struct.unpack_from("<I", data, 9)[0]
    xml = data[13 : 13 + 2 * size].decode("utf-16-le").encode()
    new = rng.choice((mutated_xml, replaced_text_number))(xml, rng).decode().partition("?>")
    text = (new[2] or new[0]).encode("utf-16-le")
    head = struct.pack("<IIBI", 0x70, 5 + len(text), 0x2A, len(text) // 2)
    return head + text + data[13 + 2 * size :]


def _mutated_czi_xml(data: bytes, rng: random.Random) -> bytes:
    """Damage the XML at the end of a CZI, whose length is set right."""
    start = data.rindex(b"<ImageDocument>")
    new = rng.choice((mutated_xml, replaced_text_number))(data[start:], rng)
    at = start - 256
    return data[:at] + struct.pack("<i", len(new)) + data[at + 4 : start] + new


def _mutated_czi_entry(data: bytes, rng: random.Random) -> bytes:
    """Change a number of an entry of the directory, or of the head of a tile."""
    places = [k for k in range(len(data)) if data.startswith(b"DV", k)]
    at = rng.choice(places) + rng.choice((2, 6, 14, 18, 28, *range(32, 90, 4)))
    number = rng.choice((0, 1, -1, 2, 3, 4, 5, 6, 2**31 - 1, -(2**31), 10**6, 65536, 30000))
    return data[:at] + struct.pack("<i", number) + data[at + 4 :]


_NAMED = {
    "Micro-Manager": [f"img_00000000{t}_GFP_00{z}.tif" for t in range(2) for z in range(3)],
    "CellVoyager": [f"p_B0{k}_T0001F001L01A01Z0{z}C01.tif" for k in (2, 3) for z in (1, 2)],
    "MetaXpress": [f"p_A0{k}_s1_w1_z{z}.tif" for k in (1, 2) for z in (1, 2)],
    "Opera": [f"r01c0{k}f01p0{z}-ch1sk1fk1fl1.tif" for k in (1, 2) for z in (1, 2)],
    "LAS X": [f"a_s{s}_t0_z{z}_ch00.tif" for s in (1, 2) for z in (0, 1)],
    "ZEN": [f"a_s{s}t1z{z}c1_ORG.tif" for s in (1, 2) for z in (1, 2)],
    "plain": [f"slice_{z:03}.tif" for z in range(4)],
    "axes": [f"exp_t{t}_z{z}_c1.tif" for t in range(2) for z in range(3)],
}
_LONG = ("z" + "9" * 200, "t9999999999", "A" * 200, "_z1" * 60, "-" * 100 + "1", "ch00" * 50)
_NUMBERS_IN_NAMES = (
    "999999999",
    "0",
    "-5",
    "1" * 100,
    "\u0663",
    "",
    "1e9",
    "00000000000",
    "4294967296",
)


def _name_seeds(_folder: Path) -> Iterator[bytes]:
    for names in _NAMED.values():
        yield "\n".join(names).encode()


def _mutated_names(data: bytes, rng: random.Random) -> bytes:
    """Change names of files: numbers, repeated parts, other words."""
    import re

    names = data.decode("utf-8", "replace").split("\n")
    k = rng.randrange(len(names))
    found = list(re.finditer(r"\d+|[A-Za-z]+|[_.-]", names[k]))
    match, action = rng.choice(found), rng.randrange(5)
    new = rng.choice(
        (*_NUMBERS_IN_NAMES, *_LONG, *ABSURD_TEXTS[:30], match[0] * 40, match[0].upper())
    )
    if action == 0:
        new = match[0] + new
    names[k] = names[k][: match.start()] + new + names[k][match.end() :]
    if action == 1:
        names += [names[k].replace("1", str(n)) for n in range(rng.choice((3, 300)))]
    return "\n".join(names).encode("utf-8", "replace")


def _files_of_names(place: Path, data: bytes) -> Path:
    """Make files of names, all of one content."""
    top = place / "named"
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir()
    whole = place / "plane.tif"
    tifffile.imwrite(whole, pixels(np.uint8), metadata=None)
    for name in data.replace(b"\0", b"").split(b"\n")[:400]:
        path = os.path.join(os.fsencode(top), name.strip(b"/").replace(b"/", b"_")[:250])
        try:
            os.link(whole, path)
        except OSError:
            continue
    return top


def _pattern_seeds(_folder: Path) -> Iterator[bytes]:
    for pattern in (
        *("{name}_t{t}_z{z}_c{c}.tif", "{name}_t{t}_z{z}", "*_z{z}_*", "exp_t{t}_z{z}_c{c}.tif"),
        *("{name}{z}{z}", "{name}_{name}", "{z}" * 30, "*" * 30 + "{z}", "{c}*{c}*{c}*_z{z}"),
        *("sub/{name}_z{z}.tif", "{p}/{c}/z{z}.tif", "(a+)+{z}", "{well}_{field}_z{z}"),
        "*_*_*_*_*_*_*_*_*_*_*_*z{z}x",
    ):
        yield pattern.encode()


def _mutated_pattern(data: bytes, rng: random.Random) -> bytes:
    text = data.decode("utf-8", "replace")
    at = rng.randrange(len(text) + 1)
    parts = ("{z}", "{t}", "{name}", "{c}", "{p}", "{well}", "{field}", "*", "_", "{", "}", "{}")
    parts += ("\\", "/", "../", "(", "(?:a*)*", "[", "+", "|", "\n", "{x}", "{z:03}", "**", ".")
    inserted = rng.choice(parts) * rng.choice((1, 1, 2, 20))
    removed = rng.choice((0, 0, 1, 5))
    return (text[:at] + inserted + text[at + removed :]).encode()


def _folder_for_patterns(place: Path, data: bytes) -> Path:
    names = "\n".join([*_NAMED["axes"], "exp_" + "_a" * 100 + ".tif", "_" * 200 + "z1.tif"])
    top = _files_of_names(place, names.encode())
    (place / "pattern").write_bytes(data)
    return top


def _opened_by_pattern(path: Path) -> Iterator[int]:
    pattern = (path.parent / "pattern").read_bytes().decode("utf-8", "replace")
    yield from opened(path, pattern)


def _sidecar_seeds(folder: Path) -> Iterator[bytes]:
    tifffile.imwrite(folder / "plane.tif", pixels(np.uint8), metadata=None)
    content = (folder / "plane.tif").read_bytes()
    names = _NAMED["Micro-Manager"]
    summary = {
        "PixelSize_um": 0.2,
        "z-step_um": 0.5,
        "ChNames": ["GFP"],
        "ChColors": [-16711936],
        "Slices": 3,
        "Frames": 2,
    }
    frames = {
        f"FrameKey-{k // 3}-0-{k % 3}": {
            "FileName": name,
            "ElapsedTime-ms": 100 * k,
            "ZPositionUm": 0.5 * (k % 3),
            "YPositionUm": 4.0,
            "XPositionUm": 5,
        }
        for k, name in enumerate(names)
    }
    document = json.dumps({"Summary": summary, **frames}).encode()
    yield packed({"metadata.txt": document, **dict.fromkeys(names, content)})
    names = _NAMED["CellVoyager"]
    space = 'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"'
    records = "".join(
        f'<bts:MeasurementRecord bts:Time="2026-01-02T03:04:0{k}.5+01:00" bts:X="{k}" bts:Y="2" '
        f'bts:Z="{k % 2}">{name}</bts:MeasurementRecord>'
        for k, name in enumerate(names)
    )
    data = f"<?xml version='1.0'?><bts:MeasurementData {space}>{records}</bts:MeasurementData>"
    detail = (
        f"<?xml version='1.0'?><bts:MeasurementDetail {space}><bts:MeasurementChannel "
        'bts:VerticalPixelDimension="0.2" bts:HorizontalPixelDimension="0.3"/>'
        "</bts:MeasurementDetail>"
    )
    yield packed(
        {
            "MeasurementData.mlf": data.encode(),
            "MeasurementDetail.mrf": detail.encode(),
            **dict.fromkeys(names, content),
        }
    )


def _by_sidecar_name(name: str) -> tuple:
    if name.endswith(".txt"):
        return JSON_MUTATORS
    return (mutated_xml, replaced_text_number) if name.endswith((".mlf", ".mrf")) else ()


KINDS = (
    Kind("zarr", ".zip", _zarr_seeds, opened, (folder_mutator(_by_zarr_name, _ZARR_TERMS),),
         arranged("input.zarr"), bytewise=False),
    Kind("ome-set", ".zip", _set_seeds, opened, (folder_mutator(_by_set_name),),
         arranged("input", "first.ome.tif"), bytewise=False),
    Kind("ome-folder", ".zip", _set_seeds, opened, (folder_mutator(_by_set_name),),
         arranged("input"), bytewise=False),
    Kind("ome-xml", ".xml", _xml_seeds, _opened_and_looked_at,
         (mutated_xml, mutated_xml, replaced_text_number), _described_tiff),
    Kind("imagej", ".txt", _imagej_seeds, opened, (mutated_lines, replaced_text_number),
         _described_tiff),
    Kind("ndtiff", ".zip", _ndtiff_seeds, opened, (folder_mutator(_by_ndtiff_name),),
         arranged("input"), bytewise=False),
    Kind("czi", ".czi", _czi_seeds, opened, (_mutated_czi_xml, _mutated_czi_entry)),
    Kind("lif", ".lif", _lif_seeds, opened, (_mutated_utf16_xml,)),
    Kind("names", ".txt", _name_seeds, opened, (_mutated_names,), _files_of_names),
    Kind("pattern", ".txt", _pattern_seeds, _opened_by_pattern, (_mutated_pattern,),
         _folder_for_patterns),
    Kind("sidecar", ".zip", _sidecar_seeds, opened, (folder_mutator(_by_sidecar_name),),
         arranged("input"), bytewise=False),
)  # fmt: skip
