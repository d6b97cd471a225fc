"""Damages of TIFF by its structure: entries of directories, their values, the chain of pages."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostile.byte_mutations import absurd_number
from hostile.text_mutations import mutated_xml, replaced_text_number

if TYPE_CHECKING:
    import random

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}
_CODES = (
    *(254, 255, 256, 257, 258, 259, 262, 270, 273, 274, 277, 278, 279, 282, 283, 284, 296, 305),
    *(317, 320, 322, 323, 324, 325, 330, 338, 339, 347, 530, 33550, 33628, 33629, 33560, 34118),
    *(34361, 34412, 34665, 34675, 34680, 34853, 37706, 42112, 50838, 50839, 51023, 51123, 65000),
)
"""Tags that change what a page is, and those of vendors."""
_COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34712, 34887, 34925, 50000, 50001, 50002)
_CHOSEN = {
    254: (0, 1, 2, 4),
    258: (1, 2, 4, 7, 8, 12, 16, 24, 31, 32, 64, 128),
    259: _COMPRESSIONS,
    262: (0, 1, 2, 3, 4, 5, 6, 8, 32803, 34892),
    274: tuple(range(10)),
    277: (0, 1, 2, 3, 4, 5, 255, 65535),
    284: (1, 2, 3),
    296: (0, 1, 2, 3, 4),
    317: (1, 2, 3, 34892, 34894),
    338: (0, 1, 2, 3),
    339: (1, 2, 3, 4, 5, 6),
}
"""Values that have a meaning, by tag."""
_SIDES = (256, 257, 278, 322, 323, 32997, 32998)


@dataclass(frozen=True)
class Entry:
    """An entry of a directory: where it stands, and where its value does."""

    at: int
    code: int
    kind: int
    count: int
    value_at: int


@dataclass(frozen=True)
class Layout:
    """Byte order and sizes of a TIFF."""

    order: str
    big: bool

    @property
    def offset(self) -> str:
        return self.order + ("Q" if self.big else "I")

    @property
    def head(self) -> int:
        return 8 if self.big else 2

    @property
    def entry(self) -> int:
        return 20 if self.big else 12


def layout_of(data: bytes) -> Layout:
    order = {b"II": "<", b"MM": ">"}[data[:2]]
    return Layout(order, struct.unpack(f"{order}H", data[2:4])[0] == 43)


def directories(data: bytes) -> list[tuple[list[Entry], int]]:
    """Return the entries of each directory in the chain, and where the place of the next stands."""
    layout = layout_of(data)
    size = struct.calcsize(layout.offset)
    at = 8 if layout.big else 4
    found: list[tuple[list[Entry], int]] = []
    seen = set()
    while (start := struct.unpack_from(layout.offset, data, at)[0]) and start not in seen:
        seen.add(start)
        count = struct.unpack_from(layout.order + ("Q" if layout.big else "H"), data, start)[0]
        entries = [
            _entry(data, layout, start + layout.head + k * layout.entry)
            for k in range(min(count, 200))
        ]
        at = start + layout.head + count * layout.entry
        found.append((entries, at))
        if at + size > len(data) or len(found) > 100:
            break
    return found


def _entry(data: bytes, layout: Layout, at: int) -> Entry:
    code, kind = struct.unpack_from(f"{layout.order}HH", data, at)
    count = struct.unpack_from(layout.offset, data, at + 4)[0]
    inline = at + (12 if layout.big else 8)
    if _SIZES.get(kind, 1) * count > struct.calcsize(layout.offset):
        return Entry(at, code, kind, count, struct.unpack_from(layout.offset, data, inline)[0])
    return Entry(at, code, kind, count, inline)


def mutated_entry(data: bytes, rng: random.Random) -> bytes:
    """Change code, type, count, offset or value of one entry."""
    changed, layout = bytearray(data), layout_of(data)
    entry = rng.choice(rng.choice(directories(data))[0])
    field = rng.randrange(10)
    if field == 0:
        struct.pack_into(f"{layout.order}H", changed, entry.at, rng.choice(_CODES))
    elif field == 1:
        kind = rng.choice((*_SIZES, 0, 14, 255))
        struct.pack_into(f"{layout.order}H", changed, entry.at + 2, kind)
    elif field == 2:
        count = rng.choice((0, 1, 2, entry.count + 1, absurd_number(rng, 4)))
        struct.pack_into(layout.offset, changed, entry.at + 4, count)
    elif field == 3:
        inline = entry.at + (12 if layout.big else 8)
        place = rng.choice((0, entry.at, len(data) - 1, absurd_number(rng, 4)))
        struct.pack_into(layout.offset, changed, inline, place)
    else:
        _write_value(changed, layout, entry, rng)
    return bytes(changed)


def mutated_side(data: bytes, rng: random.Random) -> bytes:
    """Change width, length, tile or rows of a strip."""
    changed, layout = bytearray(data), layout_of(data)
    entries = [entry for found, _ in directories(data) for entry in found if entry.code in _SIDES]
    entry = rng.choice(entries)
    wide = entry.kind in (4, 13, 16)
    form = {16: "Q", 4: "I", 13: "I"}.get(entry.kind, "H")
    most = 2**32 - 1 if wide else 65535
    side = rng.choice((0, 1, rng.randrange(1, 64), 30000, 65535, 10**6, 2**31, most)) & most
    struct.pack_into(layout.order + form, changed, entry.value_at, side)
    return bytes(changed)


def _write_value(changed: bytearray, layout: Layout, entry: Entry, rng: random.Random) -> None:
    """Write one of the values of an entry: a meaningful one, or an absurd one."""
    size = _SIZES.get(entry.kind, 1)
    at = entry.value_at + size * rng.randrange(max(1, min(entry.count, 100)))
    number = rng.choice(_CHOSEN.get(entry.code, (absurd_number(rng, size),)))
    new = (number % (1 << 8 * size)).to_bytes(size, "little" if layout.order == "<" else "big")
    if at + size <= len(changed):
        changed[at : at + size] = new


def mutated_chain(data: bytes, rng: random.Random) -> bytes:
    """Let the chain of pages end early, loop, or lead beyond the file."""
    changed, layout = bytearray(data), layout_of(data)
    found = directories(data)
    places = [entries[0].at - layout.head for entries, _ in found if entries]
    at = rng.choice([8 if layout.big else 4, *(following for _, following in found)])
    aim = rng.choice((0, 1, len(data), len(data) - 3, *places, absurd_number(rng, 4)))
    struct.pack_into(layout.offset, changed, at, aim)
    return bytes(changed)


def mutated_description(data: bytes, rng: random.Random) -> bytes:
    """Damage a text of a page by its structure: XML, or numbers in ImageJ's lines."""
    texts = [
        entry
        for entries, _ in directories(data)
        for entry in entries
        if entry.kind in (2, 1, 7) and entry.count > 8
    ]
    entry = rng.choice(texts)
    old = data[entry.value_at : entry.value_at + entry.count]
    text = old.rstrip(b"\0")
    mutate = mutated_xml if text.lstrip().startswith(b"<") and rng.random() < 0.8 else None
    new = (mutate or replaced_text_number)(text, rng) + b"\0"
    layout = layout_of(data)
    changed = bytearray(data)
    struct.pack_into(layout.offset, changed, entry.at + 4, len(new))
    struct.pack_into(layout.offset, changed, entry.at + (12 if layout.big else 8), len(data))
    return bytes(changed) + new


TIFF_MUTATORS = (
    mutated_entry,
    mutated_entry,
    mutated_side,
    mutated_chain,
    mutated_description,
)
