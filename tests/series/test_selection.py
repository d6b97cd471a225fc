"""Selection of parts of a series, and names of axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_focus_stack import ArraySource, Channel, Position, Series, SettingsError, StackIndex
from napari_focus_stack.series.axes import axis_lengths, parse_axes
from napari_focus_stack.series.selection import select


def test_numbers_of_thousands_of_digits_are_refused_in_words():
    many = "9" * 5000
    for chosen in ({"positions": [many]}, {"channels": [many]}, {"times": many}):
        with pytest.raises(SettingsError, match=r"no position|no channel|neither a number"):
            select(grid(["p"]), **chosen)


def grid(names, channels=("a", "b", "c"), times=4):
    """A series whose pixels are its position, time and channel."""
    positions = [
        Position(
            name,
            times,
            tuple(Channel(one) for one in channels),
            2,
            (8, 8),
            np.dtype(np.uint16),
            seconds=tuple(10.0 * t for t in range(times)),
            well=name[:3] or None,
        )
        for name in names
    ]

    def read(index):
        value = 100 * index.position + 10 * index.time + index.channel
        return ArraySource(np.full((2, 8, 8), value, np.uint16))

    return Series(Path("grid"), "test", positions, read)


def test_a_part_has_the_stacks_that_were_selected_and_their_numbers_in_the_whole():
    whole = grid(["A01 field 1", "A01 field 2", "B02 field 1"])
    part = select(select(whole, ["A01"], "1:4"), ["A01 field 2"], "1:", ["c", "a"])
    assert [position.name for position in part.positions] == ["A01 field 2"]
    assert [channel.name for channel in part.positions[0].channels] == ["c", "a"]
    assert part.positions[0].seconds == (20.0, 30.0)
    values = [int(part.stack(i.position, i.time, i.channel)[0][0, 0]) for i in part]
    assert values == [122, 120, 132, 130]
    assert part.original(StackIndex(0, 1, 0)) == StackIndex(1, 3, 2)
    place = part.stack(0, 1, 0).place
    assert (place["position"], place["time"], place["channel"]) == (1, 3, 2)
    assert (
        part.describe(StackIndex(0, 1, 0)) == "'grid', position 'A01 field 2', time 3, channel 'c'"
    )


def test_numbers_are_numbers_and_text_is_a_name_first():
    whole = grid(["1", "2", "3"], channels=("1", "0"))

    def only(**selected):
        part = select(whole, **selected, times=0)
        return part.original(StackIndex())

    assert only(positions=[1]) == StackIndex(1, 0, 0)
    assert only(positions=["1"]) == StackIndex(0, 0, 0)
    assert only(channels=[0]) == StackIndex(0, 0, 0)
    assert only(channels=["0"]) == StackIndex(0, 0, 1)


@pytest.mark.parametrize(
    ("selected", "sentence"),
    [
        ({"positions": ["C03"]}, "no position 'C03'; choose from 'A01', 'B02'"),
        ({"positions": [2]}, "no position '2'"),
        ({"channels": ["d"]}, "no channel 'd'; choose from 0 'a', 1 'b', 2 'c'"),
        ({"channels": [-1]}, "no channel '-1'"),
        ({"times": "3:3"}, "not within the 4 time points"),
        ({"times": 4}, "not within the 4 time points"),
        ({"times": "1-3"}, "neither a number nor a span"),
    ],
)
def test_parts_that_do_not_exist_are_refused_with_those_that_do(selected, sentence):
    with pytest.raises(SettingsError, match=sentence):
        select(grid(["A01", "B02"]), **selected)


@pytest.mark.parametrize(
    ("axes", "shape", "lengths"),
    [
        ("TCZYX", (2, 3, 4, 8, 9), "2 3 4 8 9"),
        ("zyx", (4, 8, 9), "4 8 9"),
        ("T2C3ZYX", (24, 8, 9), "2 3 4 8 9"),
        ("T 2, Z 4, YXS", (8, 8, 9, 3), "2 4 8 9 3"),
    ],
)
def test_axes_give_lengths(axes, shape, lengths):
    found = axis_lengths(parse_axes(axes), shape, "the array")
    assert " ".join(str(length) for length in found.values()) == lengths


@pytest.mark.parametrize(
    ("axes", "shape", "sentence"),
    [
        ("TCYX", (2, 3, 8, 9), "must have each letter once, a Z"),
        ("ZZYX", (2, 3, 8, 9), "each letter once"),
        ("ZXY", (4, 9, 8), "end in YX"),
        ("TQZYX", (1, 1, 1, 8, 9), "have 'Q'"),
        ("T-ZYX", (1, 4, 8, 9), "not letters"),
        ("TZYX", (24, 8, 9), "do not fit the array, which is 24 x 8 x 9"),
        ("T5ZYX", (24, 8, 9), "do not fit"),
        ("T3ZYX", (2, 4, 8, 9), "do not fit"),
        ("TZYX", (0, 4, 8, 9), "is empty"),
    ],
)
def test_axes_that_are_wrong_or_do_not_fit_are_refused(axes, shape, sentence):
    with pytest.raises(SettingsError, match=sentence):
        axis_lengths(parse_axes(axes), shape, "the array")
