"""Small ND2 files, made byte by byte since no library writes them."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np

_MAGIC = 0x0ABECEDA
_MAP, _ENTRIES = b"ND2 CHUNK MAP SIGNATURE 0000001!", b"ND2 FILEMAP SIGNATURE NAME 0001!"
_SIGNATURE = b"ND2 FILE SIGNATURE CHUNK NAME01!"
_ALIGNED = 4096
"""Bytes between chunks; the pixels of a frame begin as many after the start of its chunk."""
_TYPES = {bool: (1, "<?"), int: (2, "<i"), float: (6, "<d")}
TIME_LOOP, POSITION_LOOP, Z_LOOP = 1, 2, 4


def record(name: str, value: Any) -> bytes:
    """Return a value with its name, as Nikon's metadata hold it; mappings hold further records."""
    text = f"{name}\0".encode("utf-16-le") if name else b""
    if type(value) in _TYPES:
        kind, form = _TYPES[type(value)]
        content = struct.pack(form, value)
    elif isinstance(value, str):
        kind, content = 8, f"{value}\0".encode("utf-16-le")
    elif isinstance(value, bytes):
        kind, content = 9, struct.pack("<Q", len(value)) + value
    else:
        kind = 11
        items = [record(key, inner) for key, inner in value.items()]
        length = 2 + len(text) + 12 + sum(map(len, items))
        content = struct.pack("<IQ", len(items), length) + b"".join(items) + bytes(8 * len(items))
    return bytes([kind, len(text) // 2]) + text + content


def packed_record(whole: bytes) -> bytes:
    """Return records deflated, as newer files have them."""
    return b"L" + bytes(11) + zlib.compress(whole)


def _loop(kind: int, values: Mapping[str, Any], inner: Mapping[str, Any] | None) -> dict[str, Any]:
    loop: dict[str, Any] = {"eType": kind, "uLoopPars": dict(values)}
    if inner is not None:
        loop |= {"uiNextLevelCount": 1, "ppNextLevelEx": {"i0000000000": dict(inner)}}
    return loop


def _experiment(positions: int, times: int, planes: int) -> dict[str, Any]:
    points = {
        f"i{p:010}": {"dPosX": 10.0 * p, "dPosY": 5.0 * p, "dPosZ": 0.0, "dPosName": f"well {p}"}
        for p in range(positions)
    }
    z_stack = {"uiCount": planes, "dZLow": 0.0, "dZHigh": 0.5 * planes, "dZStep": 0.5, "iType": 0}
    stack = _loop(Z_LOOP, z_stack, None)
    film = _loop(
        TIME_LOOP, {"uiCount": times, "dStart": 0.0, "dPeriod": 6e4, "dDuration": 0.0}, stack
    )
    return _loop(POSITION_LOOP, {"uiCount": positions, "Points": points}, film)


def _picture(names: tuple[str, ...]) -> dict[str, Any]:
    probe = {"m_ExcitationSpectrum": {"uiCount": 0}, "m_EmissionSpectrum": {"uiCount": 0}}
    planes = {
        f"a{c}": {
            "uiCompCount": 1,
            "uiSampleIndex": c,
            "pFluorescentProbe": probe,
            "sDescription": name,
            "uiColor": 255 << 8,
        }
        for c, name in enumerate(names)
    }
    return {
        "dTimeMSec": 0.0,
        "bCalibrated": True,
        "dCalibration": 0.2,
        "sPicturePlanes": {"uiCount": len(names), "sPlaneNew": planes},
    }


def write_nd2(
    path: Path,
    frames: np.ndarray,
    names: tuple[str, ...] = ("DAPI", "GFP"),
    *,
    lossless: bool = False,
    packed: bool = False,
) -> None:
    """Write (P, T, Z, C, Y, X) uint16 in version 3.0, of 0.2 um a pixel and 0.5 um a plane.

    Parameters
    ----------
    path : pathlib.Path
        File.
    frames : numpy.ndarray
        Pixels.
    names : tuple of str
        Channels.
    lossless : bool
        Whether frames are deflated.
    packed : bool
        Whether metadata are.
    """
    positions, times, planes, channels, height, width = frames.shape
    attributes = {
        "uiWidth": width,
        "uiWidthBytes": 2 * width * channels,
        "uiHeight": height,
        "uiComp": channels,
        "uiBpcInMemory": 16,
        "uiBpcSignificant": 12,
        "uiSequenceCount": positions * times * planes,
        "uiTileWidth": width,
        "uiTileHeight": height,
        "eCompression": 0 if lossless else 2,
        "dCompressionParam": 0.0,
    }
    metadata = {
        b"ImageAttributesLV!": record("SLxImageAttributes", attributes),
        b"ImageMetadataLV!": record("SLxExperiment", _experiment(positions, times, planes)),
        b"ImageMetadataSeqLV|0!": record("SLxPictureMetadata", _picture(names)),
    }
    chunks = {name: packed_record(data) if packed else data for name, data in metadata.items()}
    count = positions * times * planes
    chunks[b"CustomData|AcqTimesCache!"] = struct.pack(f"<{count}d", *range(count))
    inner = frames.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
    for number, frame in enumerate(inner):
        pixels = frame.astype("<u2").tobytes()
        content = zlib.compress(pixels) if lossless else pixels
        chunks[b"ImageDataSeq|%d!" % number] = bytes(8) + content
    whole = bytearray(struct.pack("<IIQ32s64s", _MAGIC, 32, 64, _SIGNATURE, b"Ver3.0"))
    entries = b""
    for name, content in chunks.items():
        whole += bytes(-len(whole) % _ALIGNED)
        entries += name + struct.pack("<QQ", len(whole), len(content))
        whole += _chunk(name, content)
    whole += bytes(-len(whole) % _ALIGNED)
    start = len(whole)
    end = _MAP + struct.pack("<Q", start)
    whole += _chunk(_ENTRIES, entries + end) + end
    path.write_bytes(whole)


def _chunk(name: bytes, content: bytes) -> bytes:
    # the name of a frame is filled so that its pixels, after a time of 8 bytes, are aligned
    reserved = _ALIGNED - 24 if name.startswith(b"ImageDataSeq") else -(-len(name) // 32) * 32
    return (
        struct.pack("<IIQ", _MAGIC, reserved, len(content)) + name.ljust(reserved, b"\0") + content
    )
