"""Damages of JSON that only its text can have, and of numbers that metadata depend on."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from hostile.text_mutations import ABSURD_TEXTS, mutated_json

if TYPE_CHECKING:
    import random

_RAW = (
    *(b"1" * 5000, b"1e999", b"-1e999", b"NaN", b"-Infinity", b"1E400", b"0.1e-400", b"-0"),
    *(b'"\\ud800"', b'"\\u0000"', b'"\\udcff"', b'"\\u202e\\n"', b"18446744073709551616", b"1e18"),
    *(b"[" * 3000 + b"]" * 3000, b'{"a":' * 3000 + b"1" + b"}" * 3000, b"[1,2", b"nul", b"''"),
)
_VALUE = re.compile(rb'-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|"(?:[^"\\]|\\.)*"|true|false|null')
_LENGTHS = (0, 1, -1, 2, 3, 255, 10**4, 10**6, 2**31, 2**40, 2**62, 2**63, 10**30, 1.5, "4", None)


def mutated_json_text(data: bytes, rng: random.Random) -> bytes:
    """Replace a value by one that a serialiser would not write, or change the encoding."""
    action = rng.randrange(12)
    if action == 0:
        return rng.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0")) + data
    if action == 1:
        return data.decode("utf-8", "replace").encode(rng.choice(("utf-16", "utf-32", "utf-16-le")))
    if action == 2:
        return _with_repeated_key(data, rng)
    if action == 3:
        depth = rng.choice((500, 1500, 100_000))
        opened, closed = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
        return opened * depth + data + closed * depth
    if action == 4 and rng.random() < 0.05:
        return data + b" " * 5_000_000
    match = rng.choice(list(_VALUE.finditer(data)))
    return data[: match.start()] + rng.choice(_RAW) + data[match.end() :]


def _with_repeated_key(data: bytes, rng: random.Random) -> bytes:
    """Give an object one of its keys twice."""
    document = json.loads(data)
    key = rng.choice(list(document))
    other = json.dumps({key: rng.choice((*ABSURD_TEXTS, None, 1, [], {}))}).encode()
    return other[:-1] + b"," + json.dumps(document).encode()[1:]


def mutated_lengths(data: bytes, rng: random.Random) -> bytes:
    """Change one number, or one of a list of numbers, to a length that no array has."""
    document = json.loads(data)
    places = list(_numbers(document))
    parent, key = rng.choice(places)
    parent[key] = rng.choice(_LENGTHS)
    return json.dumps(document).encode()


def _numbers(value: Any) -> Any:
    """Yield the parent and key of every number."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        if isinstance(inner, int | float):
            yield value, key
        elif isinstance(inner, dict | list):
            yield from _numbers(inner)


JSON_MUTATORS = (mutated_json, mutated_json, mutated_lengths, mutated_json_text)
