"""Small CZI and LIF files, made byte by byte since no library writes them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SHAPE = (10, 12)


def plane(p: int = 0, t: int = 0, c: int = 0, z: int = 0, shape=SHAPE) -> np.ndarray:
    """Return pixels of which each says where it belongs."""
    inside = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape) % 10
    return (inside + 10 * z + 100 * c + 1000 * t + 10000 * p).astype(np.uint16)


def _segment(name: bytes, data: bytes) -> bytes:
    return struct.pack("<16sqq", name, len(data), len(data)) + data


def _entry(place: dict[str, int], sizes: dict[str, int], at: int, how: dict[str, int]) -> bytes:
    axes = [
        ("X", sizes["X"]),
        ("Y", sizes["Y"]),
        *((axis, 1) for axis in place if axis not in "XY"),
    ]
    fields = (how.get("type", 1), at, how.get("part", 0), how.get("compression", 0))
    head = struct.pack("<2siqiiBB4si", b"DV", *fields, 0, 0, b"", len(axes))
    return head + b"".join(
        struct.pack("<4siifi", axis.encode(), place.get(axis, 0), size, 0.0, size)
        for axis, size in axes
    )


def write_czi(
    path: Path, tiles: Iterable[tuple[dict[str, int], bytes]], xml: str = "", **how: int
) -> None:
    """Write a CZI file of tiles of `SHAPE` at places such as {"T": 0, "C": 1, "Z": 4}."""
    sizes = dict(zip("YX", SHAPE, strict=True))
    body, entries = b"", []
    start = 32 + 512
    for place, data in tiles:
        entry = _entry(place, sizes, start + len(body), how)
        entries.append(entry)
        head = struct.pack("<iiq", 0, 0, len(data)) + entry
        body += _segment(b"ZISRAWSUBBLOCK", head + bytes(256 - len(head)) + data)
    directory = _segment(
        b"ZISRAWDIRECTORY", struct.pack("<i", len(entries)) + bytes(124) + b"".join(entries)
    )
    text = xml.encode()
    metadata = _segment(b"ZISRAWMETADATA", struct.pack("<ii", len(text), 0) + bytes(248) + text)
    after = start + len(body)
    header = struct.pack(
        "<iiii16s16siqqiq", 1, 0, 0, 0, b"", b"", 0, after, after + len(directory), 0, 0
    )
    header = _segment(b"ZISRAWFILE", header + bytes(512 - len(header)))
    path.write_bytes(header + body + directory + metadata)


_IMAGE = """<Element Name="{name}"><Data><Image><ImageDescription><Channels>{channels}</Channels>
<Dimensions>{dimensions}</Dimensions></ImageDescription></Image></Data>
<Memory Size="{size}" MemoryBlockID="MemBlock_{number}"/></Element>"""
_CHANNEL = """<ChannelDescription DataType="0" ChannelTag="0" Resolution="16" Min="0" Max="1"
NameOfMeasuredQuantity="" Unit="" LUTName="{lut}" IsLUTInverted="0" BytesInc="{step}" BitInc="0">
<ChannelProperty><Key>DyeName</Key><Value>{dye}</Value></ChannelProperty></ChannelDescription>"""
_DIMENSION = """<DimensionDescription DimID="{number}" NumberOfElements="{count}" Origin="0"
Length="{length}" Unit="{unit}" BitInc="0" BytesInc="{step}"/>"""
_NUMBERS = {"X": 1, "Y": 2, "Z": 3, "T": 4, "λ": 5}


def write_lif(path: Path, images: list[tuple[str, str, np.ndarray, dict[str, float]]]) -> None:
    """Write a LIF file of images given by name, axes, pixels and lengths of axes."""
    elements, blocks = "", b""
    for number, (name, axes, pixels, lengths) in enumerate(images):
        steps = dict(zip(axes, pixels.strides, strict=True))
        counts = dict(zip(axes, pixels.shape, strict=True))
        channels = "".join(
            _CHANNEL.format(lut=("Green", "Red")[c], dye=("GFP", "")[c], step=c * steps.get("C", 0))
            for c in range(counts.get("C", 1))
        )
        dimensions = "".join(
            _DIMENSION.format(
                number=_NUMBERS[axis],
                count=counts[axis],
                length=lengths.get(axis, 0),
                unit="s" if axis == "T" else "m",
                step=steps[axis],
            )
            for axis in reversed(axes)
            if axis != "C"
        )
        data = pixels.tobytes()
        elements += _IMAGE.format(
            name=name, channels=channels, dimensions=dimensions, size=len(data), number=number
        )
        block = f"MemBlock_{number}".encode("utf-16-le")
        blocks += struct.pack(
            "<IIBQBI", 0x70, 14 + len(block), 0x2A, len(data), 0x2A, len(block) // 2
        )
        blocks += block + data
    xml = (
        '<LMSDataContainerHeader Version="2"><Element Name="project"><Children>'
        f"{elements}</Children></Element></LMSDataContainerHeader>"
    )
    text = xml.encode("utf-16-le")
    path.write_bytes(
        struct.pack("<IIBI", 0x70, 5 + len(text), 0x2A, len(text) // 2) + text + blocks
    )
