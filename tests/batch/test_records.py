"""Records go through JSON unchanged, and those of earlier versions are still read."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from made_records import done, failed, left

from napari_focus_stack.batch.plain_types import checked
from napari_focus_stack.batch.records import BatchRecord


@pytest.mark.parametrize(
    "record",
    [
        done("a", notes=("One.", "Two.")),
        done("b", depth=None),
        failed("c", "Torn."),
        left("d", "Young."),
    ],
    ids=lambda record: record.name.source,
)
def test_a_record_comes_back_from_json(record: BatchRecord) -> None:
    assert BatchRecord.from_dict(json.loads(json.dumps(record.as_dict()))) == record


def test_a_record_without_the_range_of_its_colours_is_read() -> None:
    plain = done("a").as_dict()
    del plain["figures"]["colours"]
    assert BatchRecord.from_dict(plain) == done("a", colours=None)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("results", {"image": {}}),
        ("results", []),
        ("seconds", "1"),
        ("seconds", float("inf")),
        ("seconds", True),
        ("state", []),
        ("notes", [1]),
        ("report", None),
        ("name.time", 1.5),
        ("name.position", 10**30),
        ("name.source", 3),
        ("figures.depth", [1.0, 2.0]),
        ("figures.planes", "12"),
    ],
)
def test_a_record_with_a_value_of_another_type_is_refused(place: str, value: object) -> None:
    plain = done("a").as_dict()
    owner = plain
    *parents, key = place.split(".")
    for parent in parents:
        owner = owner[parent]
    owner[key] = value
    with pytest.raises(ValueError, match=r"wrong|\[\]"):
        BatchRecord.from_dict(plain)


def test_whole_numbers_beyond_any_float_are_no_record() -> None:
    @dataclass
    class Shown:
        seconds: float

    assert checked(Shown(3)).seconds == 3
    with pytest.raises(ValueError, match="seconds"):
        checked(Shown(10**400))
