"""TIFF: plain pages in every compression, and files as microscopes and programs write them."""

from __future__ import annotations

import itertools
import json
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from hostile.kinds import Kind
from hostile.pictures import SIZE, opened_planes, pixels
from hostile.tiff_mutations import TIFF_MUTATORS, directories, layout_of

from napari_focus_stack.series.opening import open_series

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_COMPRESSIONS = (
    *("lzw", "deflate", "adobe_deflate", "packbits", "jpeg", "zstd", "webp", "jpeg2000", "png"),
    *("lzma", "lerc", "jpegxl", "jpegxr"),
)
_STACK = np.stack([pixels(np.uint16) + k for k in range(4)])
_OME = {
    "axes": "TCZYX",
    "PhysicalSizeX": 0.2,
    "PhysicalSizeY": 0.2,
    "PhysicalSizeZ": 1.0,
    "Plane": {"PositionZ": [0.0, 1.0] * 4, "TheZ": [0, 1] * 4},
    "Channel": {"Name": ["red", "green"]},
}
_METASERIES = (
    "<MetaData>\r\n"
    '<prop id="MetaDataVersion" type="float" value="1"/>\r\n'
    '<prop id="ApplicationName" type="string" value="MetaMorph"/>\r\n<PlaneInfo>\r\n'
    '<prop id="spatial-calibration-x" type="float" value="1.3668"/>\r\n'
    '<prop id="spatial-calibration-y" type="float" value="1.5"/>\r\n'
    '<prop id="spatial-calibration-units" type="string" value="um"/>\r\n'
    '<prop id="z-position" type="float" value="3"/>\r\n'
    '<prop id="stage-position-x" type="float" value="3"/>\r\n'
    '<prop id="_IllumSetting_" type="string" value="DAPI"/>\r\n</PlaneInfo>\r\n</MetaData>\r\n'
)


def written(folder: Path, planes: np.ndarray, **options: Any) -> bytes:
    """Return the content of a TIFF."""
    path = folder / "seed.tif"
    if planes.shape == _STACK.shape:
        options.setdefault("photometric", "minisblack")
    tifffile.imwrite(path, planes, **options)
    data = path.read_bytes()
    path.unlink()
    return data


def _plain_seeds(folder: Path) -> Iterator[bytes]:
    for compression in _COMPRESSIONS:
        picture = pixels(np.uint8, 3) if compression in ("jpeg", "webp") else pixels(np.uint16)
        yield written(folder, picture, compression=compression, metadata=None)
    for picture in (pixels(np.uint8), pixels(np.uint8) > 99, pixels(np.uint16).astype(np.float32)):
        yield written(folder, picture, metadata=None)
    for channels in ((2,), (3,), (4,)):
        picture = pixels(np.uint8, *channels)
        extra = {2: [2], 3: [], 4: [1]}[channels[-1]]
        kind = "minisblack" if channels == (2,) else "rgb"
        yield written(folder, picture, photometric=kind, extrasamples=extra, metadata=None)
    yield written(folder, pixels(np.uint8, 3).transpose(2, 0, 1), planarconfig="separate")
    colours = np.arange(768, dtype=np.uint16).reshape(3, 256) * 85
    yield written(folder, pixels(np.uint8), colormap=colours, photometric="palette")
    for options in (
        {"byteorder": ">"},
        {"bigtiff": True},
        {"tile": (16, 16), "compression": "zlib", "predictor": True},
        {"rowsperstrip": 3, "compression": "lzw", "predictor": True},
        {"photometric": "miniswhite"},
        {"compression": "jpeg2000", "tile": (16, 16)},
        {"extratags": [(274, "H", 1, 8, True)], "resolution": (5000, 5000), "resolutionunit": 3},
    ):
        yield written(folder, _STACK, metadata=None, **options)


def _tagged(folder: Path, code: int, kind: str, count: int, value: Any, **more: Any) -> bytes:
    tag = (code, kind, count, value, True)
    return written(folder, _STACK, metadata=None, extratags=[tag], **more)


def _vendor_seeds(folder: Path) -> Iterator[bytes]:
    yield _tagged(folder, 34412, "B", 512, _lsm_header())
    yield _stk(folder)
    stamps = [(34361, "B", 1000, _fluoview_header(), True), (34362, "d", 4, (0.0,) * 4, True)]
    yield written(folder, _STACK, metadata=None, extratags=stamps)
    yield _tagged(folder, 34118, "s", 0, b"\0AP_PIXEL_SIZE\r\nPixel Size = 24.0 nm\r\n")
    yield _tagged(folder, 34682, "s", 0, b"[Scan]\r\nPixelWidth=1e-9\r\nPixelHeight=2e-9\r\n")
    yield _tagged(
        folder, 51123, "s", 0, json.dumps({"PixelSizeUm": 0.3, "ZPositionUm": 2}).encode()
    )
    yield _tagged(folder, 33560, "B", 60, b"SIS0" + struct.pack("<4xHHHHH6x32s", *[1] * 5, b"n"))
    yield written(folder, _STACK[0], metadata=None, description=_METASERIES, software="MetaSeries")
    scan = "SI.hStackManager.stackZStepSize = 3\nSI.hFastZ.enable = true\nSI.VERSION_MAJOR = '5'"
    yield written(folder, _STACK, metadata=None, software=scan, description=scan)
    yield written(folder, _STACK, description="Aperio Image\n24x20 |MPP = 0.5|AppMag = 20")
    yield _tagged(folder, 37706, "B", 512, bytes(512))
    yield _tagged(
        folder, 50839, "B", 40, bytes(40), description="ImageJ=1.54f\nimages=4\nslices=4\n"
    )
    yield _tagged(folder, 33550, "d", 3, (1.0, 1.0, 0.0))
    yield written(folder, _STACK, software="NIH", metadata={"axes": "ZYX", "a": 1})


def _lsm_header() -> bytes:
    header = np.zeros(1, np.dtype([*tifffile.TIFF.CZ_LSMINFO]).newbyteorder("<"))
    values = {"MagicNumber": 67127628, "StructureSize": 512, "DimensionX": SIZE[1]}
    values |= {"DimensionY": SIZE[0], "DimensionZ": 4, "DimensionChannels": 1, "DimensionTime": 1}
    for name, value in values.items():
        header[name] = value
    for axis in "XYZ":
        header[f"VoxelSize{axis}"] = 2e-7
    return header.tobytes().ljust(512, b"\0")[:512]


def _stk(folder: Path) -> bytes:
    """Return a stack of MetaMorph: one page, and the other planes behind its pixels."""
    planes = struct.pack("<24I", *(1, 2, 2451545, 0, 2451545, 0) * 4)
    tags = [
        (33629, "2I", 12, struct.unpack("<24I", planes), True),
        (33628, "I", 4, (4, 1, 5, 1), True),
    ]
    data = bytearray(written(folder, _STACK[:1], metadata=None, extratags=tags))
    entry = next(entry for entry in directories(bytes(data))[0][0] if entry.code == 33629)
    struct.pack_into(layout_of(bytes(data)).offset, data, entry.at + 4, 4)
    return bytes(data) + _STACK[1:].tobytes()


def _fluoview_header() -> bytes:
    """Return the header of FluoView, of a fixed layout: flags, and ten dimensions."""
    names = [("x", SIZE[1], 0.1), ("y", SIZE[0], 0.1), ("z", 4, 0.5)]
    rows = b"".join(
        struct.pack("<16sIddd64s", name.encode(), length, 0.0, step, 0.0, b"um")[:104]
        for name, length, step in names
    )
    return (struct.pack("<HB257sII", 100, 1, b"name", 0, 0) + rows).ljust(1000, b"\0")


def _series_seeds(folder: Path) -> Iterator[bytes]:
    film = np.stack([_STACK, _STACK]).reshape(2, 2, 2, *SIZE)
    yield written(folder, film, ome=True, metadata=_OME)
    yield written(folder, film[0, 0], ome=True, metadata={"axes": "ZYX"}, bigtiff=True)
    yield written(folder, film[:, 0, ..., None].astype(np.uint8).repeat(3, -1), imagej=True)
    yield written(
        folder,
        film.swapaxes(1, 2),
        imagej=True,
        metadata={"axes": "TZCYX", "spacing": 2, "unit": "um"},
    )
    yield written(folder, film, metadata={"axes": "TCZYX"})
    yield _ome_of_set(folder, film)
    yield from _vendor_seeds(folder)


def _ome_of_set(folder: Path, film: np.ndarray) -> bytes:
    """Return a file of a set, whose XML names another file."""
    data = written(folder, film[0], ome=True, metadata={"axes": "CZYX"})
    path = folder / "set.ome.tif"
    path.write_bytes(data)
    with tifffile.TiffFile(path) as tif:
        xml = tif.ome_metadata or ""
    named = xml.replace('IFD="0"', 'IFD="0" FirstZ="0"').replace(
        "</TiffData>", '<UUID FileName="other.ome.tif">urn:uuid:1</UUID></TiffData>'
    )
    tifffile.tiffcomment(path, named.encode())
    return path.read_bytes()


def _opened_series(path: Path) -> Iterator[int]:
    """Open a file as a series, and read planes of its first stacks."""
    series = open_series(path)
    for index in itertools.islice(series, 3):
        source = series.stack(position=index.position, time=index.time, channel=index.channel)
        for k in range(min(len(source), 8)):
            yield int(np.prod(source.plane_shape, dtype=object)) * source.dtype.itemsize
            source[k]


KINDS = (
    Kind("tiff", ".tif", _plain_seeds, opened_planes, TIFF_MUTATORS),
    Kind("tiff-vendor", ".tif", _vendor_seeds, opened_planes, TIFF_MUTATORS),
    Kind("tiff-series", ".tif", _series_seeds, _opened_series, TIFF_MUTATORS),
)
