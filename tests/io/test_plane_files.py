"""Reasons of libraries, as a user reads them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from long_runs import examples

from napari_focus_stack.errors import can_be_seen
from napari_focus_stack.io.plane_files import reason


@settings(max_examples=examples(100))
@given(st.text(), st.sampled_from((ValueError, RuntimeError, OSError, KeyError, SyntaxError)))
def test_a_reason_is_one_short_printable_line(text: str, kind: type[Exception]) -> None:
    line = reason(kind(text))
    assert line.strip()
    assert all(map(can_be_seen, line))
    assert 0 < len(line) <= 201
    assert not line.endswith((" ", "."))


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (ValueError("invalid iloc\n(beyond 12)\n"), "invalid iloc (beyond 12)"),
        (ValueError("<tifffile.TiffPage 0 @8> corrupted"), "corrupted"),
        (ValueError("invalid literal for int() with base 10: b'\\x01'"), "its parts contradict"),
        (TypeError("'<' not supported between 'bytes' and 'int'"), "its parts contradict"),
        (KeyError("Dimensions"), "its parts contradict"),
        (MemoryError("Unable to allocate 160. GiB"), "more memory than there is"),
        (FileNotFoundError(2, "No such file or directory"), "No such file"),
    ],
)
def test_reasons(problem: Exception, words: str) -> None:
    assert reason(problem).startswith(words) or words in reason(problem)
