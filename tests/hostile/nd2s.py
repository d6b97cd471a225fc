"""ND2 files as seeds, and damages of their metadata and of the map of their chunks."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

import numpy as np
from hostile.byte_mutations import absurd_number
from hostile.containers import opened
from hostile.kinds import Kind
from series.made_files import plane
from series.made_nd2 import write_nd2

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

_NAME = re.compile(rb"(?:[ -~]\0){3,}\0\0")
_ENTRY = re.compile(rb"Image[A-Za-z|0-9]+!(?=.{16}(?:Image|Custom|ND2))", re.DOTALL)
_ABSURD = (0.0, -1.0, 1e300, -1e-300, float("nan"), float("inf"))


def _seeds(folder: Path) -> Iterator[bytes]:
    path = folder / "a.nd2"
    film = np.stack([[plane(0, t, 0, z), plane(0, t, 1, z)] for t in range(2) for z in range(2)])
    frames = film.reshape(1, 2, 2, 2, *film.shape[2:])
    for positions, lossless, packed in ((1, False, False), (2, True, False), (1, False, True)):
        write_nd2(path, np.repeat(frames, positions, 0), lossless=lossless, packed=packed)
        yield path.read_bytes()


def _damaged_record(data: bytes, rng: random.Random) -> bytes:
    """Change the value, the type or the length of a name in the metadata."""
    names = [match.span() for match in _NAME.finditer(data)]
    if not names:
        return data
    start, end = rng.choice(names)
    action = rng.randrange(4)
    if action == 0:
        new = struct.pack("<d", rng.choice(_ABSURD))
    elif action == 1:
        start, end, new = start - 2, start - 2, bytes([rng.choice((0, 1, 3, 6, 8, 9, 11, 76, 200))])
    elif action == 2:
        size = rng.choice((1, 4, 8))
        new = absurd_number(rng, size).to_bytes(size, "little")
    else:
        start, end, new = start - 1, start - 1, bytes([rng.randrange(256)])
    return data[:end] + new + data[end + len(new) :]


def _damaged_map(data: bytes, rng: random.Random) -> bytes:
    """Change the place or the size of a chunk, or the number of a frame."""
    entries = [match.end() for match in _ENTRY.finditer(data)]
    if not entries:
        return data
    at = rng.choice(entries)
    if rng.randrange(4) == 0:
        return data[: at - 2] + bytes([rng.choice(b"09-x")]) + data[at - 1 :]
    at += rng.choice((0, 8))
    number = rng.choice((absurd_number(rng, 8), rng.randrange(len(data)), 4096))
    return data[:at] + struct.pack("<Q", number) + data[at + 8 :]


KINDS = (Kind("nd2", ".nd2", _seeds, opened, (_damaged_record, _damaged_record, _damaged_map)),)
