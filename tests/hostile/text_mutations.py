"""Damages of text by its structure: JSON, XML, and numbers wherever they stand."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    import random

ABSURD_TEXTS = (
    *("", " ", "0", "-1", "1e999", "nan", "inf", "-0", "0x10", "1,5", "1_000", "4294967296"),
    *(
        "9" * 400,
        "9" * 5000,
        "1e-320",
        "\u0663",
        "%d%s%n",
        "<b>&amp;</b>",
        "a\nb",
        "\u202e",
        "\x07",
    ),
    *("../../../etc/hostname", "/etc/hostname", "http://127.0.0.1:9/x", "file:///etc/hostname"),
    *("C:\\x", "\u202e", "x" * 5000, "null", "true", "[]", "{}", "\ud7ff\uffff", "\U0001f52c"),
)
_ABSURD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**400, 1e308, -1e308, 0.5),
    *(float("nan"), float("inf"), -float("inf"), [], {}, [[]], [None], {"": None}, [0] * 1000),
)
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "0123456789"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">'
    '<!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;"><!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;">'
    '<!ENTITY g "&f;&f;&f;&f;&f;&f;&f;&f;"><!ENTITY h "&g;&g;&g;&g;&g;&g;&g;&g;">]>'
)
FETCHES = (
    '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    '<!DOCTYPE x [<!ENTITY h SYSTEM "file:///etc/hostname">]>',
    '<!DOCTYPE x [<!ENTITY h SYSTEM "http://127.0.0.1:9/x">]>',
    '<!DOCTYPE x [<!ENTITY % p SYSTEM "/etc/hostname">%p;]>',
)


def replaced_text_number(data: bytes, rng: random.Random) -> bytes:
    """Replace a number in text by an absurd one."""
    found = list(_NUMBER.finditer(data[: 1 << 16]))
    match = rng.choice(found)
    new = rng.choice(ABSURD_TEXTS[:14]).encode()
    return data[: match.start()] + new + data[match.end() :]


def mutated_json(data: bytes, rng: random.Random) -> bytes:
    """Change, remove, add or nest one value of a JSON document."""
    document = json.loads(data)
    parents = list(_containers(document))
    parent = rng.choice(parents)
    keys = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
    key = rng.choice(keys)
    action = rng.randrange(6)
    if action == 0:
        del parent[key]
    elif action == 1:
        parent[key] = rng.choice(ABSURD_TEXTS)
    elif action == 2:
        parent[key] = _copied(rng.choice(parents))
    elif action == 3 and isinstance(parent, dict):
        parent[rng.choice((*keys, *ABSURD_TEXTS))] = parent.pop(key)
    elif action == 4 and isinstance(parent, list):
        parent += parent[key : key + 1] * rng.choice((1, 2, 1000))
    else:
        parent[key] = rng.choice(_ABSURD_VALUES)
    if rng.random() < 0.01:
        return b"[" * 100_000 + json.dumps(document).encode()
    return json.dumps(document).encode()


def _copied(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _containers(value: Any) -> Any:
    """Yield all objects and arrays with content."""
    if isinstance(value, dict | list) and value:
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _containers(inner)


def mutated_xml(data: bytes, rng: random.Random) -> bytes:
    """Change, remove, repeat, rename or nest one element of an XML document, or add a type."""
    chance = rng.random()
    if chance < 0.1:
        return with_document_type(data, rng)
    root = ElementTree.fromstring(data)
    elements = list(root.iter())
    element, action = rng.choice(elements), rng.randrange(7)
    if action == 0 and len(element):
        element.remove(rng.choice(list(element)))
    elif action == 1 and len(element):
        element.extend([rng.choice(list(element))] * rng.choice((1, 2, 1000)))
    elif action == 2 and element.attrib:
        del element.attrib[rng.choice(list(element.attrib))]
    elif action == 3:
        element.append(ElementTree.fromstring(ElementTree.tostring(rng.choice(elements))))
    elif action == 4:
        element.tag = rng.choice(elements).tag
    elif action == 5:
        element.text = _xml_text(rng.choice(ABSURD_TEXTS))
    elif element.attrib:
        element.set(rng.choice(list(element.attrib)), _xml_text(rng.choice(ABSURD_TEXTS)))
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def _xml_text(text: str) -> str:
    """Return text without characters that XML has not, as a careful forger would write it."""
    return "".join(letter for letter in text if letter >= " " and letter != "\uffff")


def with_document_type(data: bytes, rng: random.Random) -> bytes:
    """Declare entities that fill the memory or fetch a file, and use one where text may stand."""
    text = data.decode("utf-8")
    declaration, middle, rest = text.partition("?>")
    head, body = (declaration + middle, rest) if middle else ("", text)
    places = [match.end() for match in re.finditer(r">", body)]
    at = rng.choice(places)
    used = "&h;" if rng.random() < 0.8 else ""
    kind = rng.choice((ENTITIES, *FETCHES))
    return (head + kind + body[:at] + used + body[at:]).encode()


def mutated_lines(data: bytes, rng: random.Random) -> bytes:
    """Remove, repeat or swap lines, or replace the value of a `name = value`."""
    lines = data.split(b"\n")
    k, action = rng.randrange(len(lines)), rng.randrange(4)
    if action == 0:
        del lines[k]
    elif action == 1:
        lines[k:k] = [lines[k]] * rng.choice((1, 2, 1000))
    elif action == 2:
        other = rng.randrange(len(lines))
        lines[k], lines[other] = lines[other], lines[k]
    else:
        name, equals, _ = lines[k].partition(b"=")
        lines[k] = name + equals + rng.choice(ABSURD_TEXTS).encode("utf-8", "replace")
    return b"\n".join(lines)
