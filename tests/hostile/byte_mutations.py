"""Damages of any file: flipped bits, lost and repeated parts, numbers of absurd size."""

from __future__ import annotations

import random
from collections.abc import Callable

Mutator = Callable[[bytes, random.Random], bytes]

_LONGEST = 64
"""Bytes of the longest part that is repeated, replaced or lost, but for truncation."""
MOST_BYTES = 1 << 20
"""Bytes up to which repeated damages may make an input grow."""


def absurd_number(rng: random.Random, size: int) -> int:
    """Return an unsigned number of `size` bytes that breaks arithmetic more often than most."""
    bits = 8 * size
    power = 1 << rng.randrange(bits)
    chosen = rng.choice((0, 1, 2, 3, 7, 255, power, power - 1, power + 1, -1, -2, -power))
    return chosen % (1 << bits)


def flipped_bits(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16)) if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def replaced_bytes(data: bytes, rng: random.Random) -> bytes:
    start, end = _part(data, rng)
    fill = rng.choice((b"\0", b"\xff", b"\x7f", b"\x80", None))
    new = rng.randbytes(end - start) if fill is None else fill * (end - start)
    return data[:start] + new + data[end:]


def replaced_number(data: bytes, rng: random.Random) -> bytes:
    """Write an absurd number, most often near the head, where headers have theirs."""
    size = rng.choice((1, 2, 4, 8))
    reach = min(len(data), rng.choice((64, 256, len(data))))
    start = rng.randrange(max(1, reach - size))
    number = absurd_number(rng, size).to_bytes(size, rng.choice(("little", "big")))
    return data[:start] + number + data[start + size :]


def truncated(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def without_part(data: bytes, rng: random.Random) -> bytes:
    start, end = _part(data, rng)
    return data[:start] + data[end:]


def repeated_part(data: bytes, rng: random.Random) -> bytes:
    start, end = _part(data, rng)
    times = rng.choice((2, 2, 3, 100))
    return (data[:start] + data[start:end] * times + data[end:])[:MOST_BYTES]


def inserted_bytes(data: bytes, rng: random.Random) -> bytes:
    start, _ = _part(data, rng)
    return (data[:start] + rng.randbytes(rng.randint(1, _LONGEST)) + data[start:])[:MOST_BYTES]


def spliced(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return the beginning of one file and the end of another."""
    return (data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :])[
        :MOST_BYTES
    ]


def _part(data: bytes, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.randint(1, _LONGEST))


BYTE_MUTATORS: tuple[Mutator, ...] = (
    flipped_bits,
    flipped_bits,
    replaced_bytes,
    replaced_number,
    replaced_number,
    truncated,
    without_part,
    repeated_part,
    inserted_bytes,
)
