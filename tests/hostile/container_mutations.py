"""Damages of files that are lists of named parts: PNG, JPEG, RIFF, ISO boxes, zip.

Lengths and checksums are set right again, so that the damage reaches what reads the parts.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

from hostile.byte_mutations import (
    MOST_BYTES,
    absurd_number,
    flipped_bits,
    inserted_bytes,
    replaced_bytes,
    replaced_number,
    truncated,
    without_part,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from hostile.byte_mutations import Mutator

_PNG = b"\x89PNG\r\n\x1a\n"
_PAYLOAD: tuple[Mutator, ...] = (
    flipped_bits,
    replaced_bytes,
    replaced_number,
    truncated,
    without_part,
    inserted_bytes,
)
Parts = list[tuple[bytes, bytes]]
"""Names and contents in their order."""


def mutated_parts(parts: Parts, rng: random.Random, extra: Sequence[tuple[bytes, bytes]]) -> Parts:
    """Damage the content of a part, or remove, repeat, move or add one."""
    k, action = rng.randrange(len(parts)), rng.randrange(8)
    name, payload = parts[k]
    if action == 0:
        return parts[:k] + parts[k + 1 :]
    if action == 1:
        return parts[:k] + [parts[k]] * rng.choice((2, 3, 200)) + parts[k + 1 :]
    if action == 2:
        rest = parts[:k] + parts[k + 1 :]
        at = rng.randrange(len(rest) + 1)
        return [*rest[:at], parts[k], *rest[at:]]
    if action == 3 and extra:
        return [*parts[:k], rng.choice(extra), *parts[k:]]
    return [*parts[:k], (name, rng.choice(_PAYLOAD)(payload, rng)), *parts[k + 1 :]]


def png_parts(data: bytes) -> Parts:
    """Return the chunks of a PNG."""
    parts, at = [], len(_PNG)
    while at + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        parts.append((name, data[at + 8 : at + 8 + length]))
        at += 12 + length
    return parts


def png_of(parts: Parts, most: int = MOST_BYTES) -> bytes:
    """Return a PNG of chunks with the right checksums, cut off at `most` bytes."""
    chunks = []
    for name, payload in parts:
        checksum = struct.pack(">I", zlib.crc32(name + payload))
        chunks.append(struct.pack(">I", len(payload)) + name + payload + checksum)
    return (_PNG + b"".join(chunks))[:most]


def _compressed_bomb(size: int) -> bytes:
    return zlib.compress(bytes(size), 9)


PNG_EXTRA: tuple[tuple[bytes, bytes], ...] = (
    (b"tRNS", bytes(6)),
    (b"tRNS", b""),
    (b"PLTE", bytes(range(30))),
    (b"eXIf", b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"),
    (b"eXIf", b"MM\0*\0\0\0\x08"),
    (b"iCCP", b"x\0\0" + _compressed_bomb(1 << 22)),
    (b"iCCP", b"x"),
    (b"zTXt", b"x\0\0" + _compressed_bomb(1 << 22)),
    (b"iTXt", b"x\0\1\0\0\0" + _compressed_bomb(1 << 20)),
    (b"acTL", struct.pack(">II", 2**31 - 1, 0)),
    (b"fcTL", struct.pack(">IIIIIHHBB", 0, 60000, 60000, 0, 0, 1, 1, 0, 0)),
    (b"gAMA", bytes(4)),
    (b"sBIT", b"\xff\xff\xff"),
    (b"pHYs", b"\xff" * 9),
    (b"ZZZZ", b"x" * 100),
)


def mutated_png(data: bytes, rng: random.Random) -> bytes:
    return png_of(mutated_parts(png_parts(data), rng, PNG_EXTRA))


def mutated_png_header(data: bytes, rng: random.Random) -> bytes:
    """Change size, depth, colour or interlacing, with the right checksum."""
    (name, header), *rest = png_parts(data)
    field = rng.randrange(6)
    if field < 2:
        size = rng.choice((absurd_number(rng, 4), rng.randrange(1, 64), 20000, 65500, 2**31 - 1))
        header = header[: 4 * field] + struct.pack(">I", size) + header[4 * field + 4 :]
    else:
        at = rng.randrange(8, 13)
        header = (
            header[:at] + bytes([rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))]) + header[at + 1 :]
        )
    return png_of([(name, header), *rest])


def mutated_png_pixels(data: bytes, rng: random.Random) -> bytes:
    """Change the pixels before their compression: filters, missing and surplus rows."""
    parts = png_parts(data)
    at = next(k for k, (name, _) in enumerate(parts) if name == b"IDAT")
    raw = zlib.decompress(b"".join(payload for name, payload in parts if name == b"IDAT"))
    changed = rng.choice(_PAYLOAD)(raw, rng) + bytes(rng.choice((0, 0, 0, 1, 1 << 20)))
    rest = [part for part in parts if part[0] != b"IDAT"]
    return png_of([*rest[:at], (b"IDAT", zlib.compress(changed)), *rest[at:]])


def mutated_jpeg(data: bytes, rng: random.Random) -> bytes:
    """Damage the segments of a JPEG, whose lengths are set right."""
    parts, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        length = struct.unpack(">H", data[at + 2 : at + 4])[0]
        parts.append((data[at : at + 2], data[at + 4 : at + 2 + length]))
        at += 2 + length
    coded = data[at:]
    if rng.random() < 0.3:
        frame = next(k for k, (name, _) in enumerate(parts) if name[1] in range(0xC0, 0xC4))
        name, payload = parts[frame]
        field = rng.choice((1, 3))
        size = rng.choice((0, 1, 65500, 65535, rng.randrange(1, 64)))
        payload = payload[:field] + struct.pack(">H", size) + payload[field + 2 :]
        parts[frame] = name, payload
    else:
        parts = mutated_parts(parts, rng, JPEG_EXTRA)
    segments = [
        name + struct.pack(">H", (len(payload) + 2) % 65536) + payload for name, payload in parts
    ]
    return data[:2] + b"".join(segments) + coded


JPEG_EXTRA: tuple[tuple[bytes, bytes], ...] = (
    (b"\xff\xe1", b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"),
    (b"\xff\xe1", b"Exif\0\0MM\0*\xff\xff\xff\xff"),
    (b"\xff\xe2", b"ICC_PROFILE\0\x01\xff" + bytes(200)),
    (b"\xff\xe2", b"ICC_PROFILE\0"),
    (b"\xff\xee", b"Adobe\0\x64\0\0\0\0\x02"),
    (b"\xff\xdd", b"\0\x01"),
    (b"\xff\xdc", b"\xff\xff"),
    (b"\xff\xfe", b"comment"),
)


def riff_parts(data: bytes) -> Parts:
    """Return the chunks of a RIFF file."""
    parts, at = [], 12
    while at + 8 <= len(data):
        name, length = struct.unpack("<4sI", data[at : at + 8])
        parts.append((name, data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return parts


def mutated_riff(data: bytes, rng: random.Random) -> bytes:
    """Damage the chunks of a RIFF file such as WebP."""
    extra = (
        (b"VP8X", b"\xff" * 10),
        (b"EXIF", b"Exif\0\0II*\0\x08\0\0\0"),
        (b"ICCP", bytes(200)),
        (b"ANIM", bytes(6)),
    )
    body = b"".join(
        struct.pack("<4sI", name, len(payload)) + payload + bytes(len(payload) % 2)
        for name, payload in mutated_parts(riff_parts(data), rng, extra)
    )
    return (b"RIFF" + struct.pack("<I", len(body) + 4) + data[8:12] + body)[:MOST_BYTES]


_BOXES = frozenset(
    (b"moov", b"mdia", b"minf", b"stbl", b"iprp", b"ipco", b"jp2h", b"res ", b"uinf")
)
_FULL_BOXES = {b"meta": 4}
"""Boxes that hold boxes, and bytes before the first of them."""


def mutated_boxes(data: bytes, rng: random.Random) -> bytes:
    """Damage a box of ISO media (HEIC) or JPEG 2000, at any depth; lengths are set right."""
    parts = _box_parts(data)
    k = rng.randrange(len(parts))
    name, payload = parts[k]
    start = _FULL_BOXES.get(name, 0)
    if (name in _BOXES or name in _FULL_BOXES) and rng.random() < 0.8:
        parts[k] = name, payload[:start] + mutated_boxes(payload[start:], rng)
    else:
        parts = mutated_parts(parts, rng, ())
    return b"".join(
        struct.pack(">I4s", len(payload) + 8, name) + payload for name, payload in parts
    )[:MOST_BYTES]


def _box_parts(data: bytes) -> Parts:
    parts, at = [], 0
    while at + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        length = len(data) - at if length == 0 else max(8, length)
        parts.append((name, data[at + 8 : at + length]))
        at += length
    return parts


def zip_mutator(by_name: Callable[[str], Sequence[Mutator]]) -> Mutator:
    """Return a mutator of zips, which damages one file inside by the mutators for its name."""

    def mutated_zip(data: bytes, rng: random.Random) -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        name, action = rng.choice(list(files)), rng.randrange(12)
        if action == 0:
            del files[name]
        elif action == 1:
            files[name] = bytes(rng.choice((0, 1, 1 << 26)))
        elif action == 2:
            files[rng.choice(("../x", "/etc/x", "x" * 300, name.upper()))] = files.pop(name)
        else:
            files[name] = rng.choice((*by_name(name), *_PAYLOAD))(files[name], rng)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry, content in files.items():
                archive.writestr(entry, content)
        return packed.getvalue()

    return mutated_zip
