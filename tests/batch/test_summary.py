"""The table of a batch, read back as a spreadsheet or a script reads it."""

from __future__ import annotations

import csv
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_records import FIGURES, done, failed, left

from napari_focus_stack.batch.summary import COLUMNS, in_order, write_summary
from napari_focus_stack.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

    from napari_focus_stack.batch.records import BatchRecord


def rows(out: Path, records: list[BatchRecord]) -> list[dict[str, str]]:
    path = write_summary(out, records)
    assert path == out / "summary.csv"
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")  # by which Excel sees UTF-8
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file)
        assert tuple(table.fieldnames or ()) == COLUMNS
        return list(table)


def test_every_figure_is_where_its_column_says(tmp_path: Path) -> None:
    record = done(
        "A/leaf",
        position=2,
        position_name="B02 field 1",
        well="B02",
        time=3,
        channel=1,
        channel_name="DAPI µ",
        notes=("First.", "Second."),
        seconds=1.25,
    )
    (row,) = rows(tmp_path, [record])
    assert row["path"] == "A/leaf"
    assert [row[name] for name in ("position", "well", "time", "channel")] == [
        "B02 field 1",
        "B02",
        "3",
        "DAPI µ",
    ]
    assert [row[name] for name in ("status", "why", "notes")] == ["done", "", "First. | Second."]
    assert row["result"] == "A/leaf.ome.tif"
    assert row["report"] == "reports/A/leaf.focusstack.json"
    assert [int(row[name]) for name in ("planes", "planes left out")] == [12, 1]
    assert (row["align"], row["unit"]) == ("similarity", "µm")
    figures = [
        *(record.seconds, FIGURES.motion, FIGURES.share_sure),
        *(*FIGURES.depth, *FIGURES.height, FIGURES.share_at_ends, FIGURES.saturated),
    ]
    read = [
        *("seconds", "motion px", "share sure (0-1)", "depth p5", "depth median", "depth p95"),
        *("height p5", "height median", "height p95", "share at ends (0-1)", "saturated (0-1)"),
    ]
    assert [float(row[name]) for name in read] == figures


def test_stacks_without_figures_have_empty_cells(tmp_path: Path) -> None:
    records = [failed("a", "It is torn."), left("b", "Still written."), done("c", depth=None)]
    torn, waiting, unsure = rows(tmp_path, records)
    assert (torn["status"], torn["why"]) == ("failed", "It is torn.")
    assert (waiting["status"], waiting["why"]) == ("left out", "Still written.")
    assert torn["planes"] == waiting["motion px"] == torn["depth median"] == ""
    assert unsure["depth p5"] == unsure["depth median"] == unsure["depth p95"] == "no depth is sure"


@given(depth=st.floats(0, 1e4), height=st.floats(1e-9, 1e-3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_figures_are_short_but_those_in_metres_are_not_lost(
    tmp_path: Path, depth: float, height: float
) -> None:
    (row,) = rows(tmp_path, [done("a", depth=(depth,) * 3, height=(height,) * 3)])
    assert float(row["depth median"]) == pytest.approx(depth, abs=0.00501)
    assert len(row["depth median"].partition(".")[2]) <= 2
    assert float(row["height median"]) == pytest.approx(height, rel=0.005)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=[])))
def test_any_text_is_one_line_and_no_formula(tmp_path: Path, text: str) -> None:
    (row,) = rows(tmp_path, [done(text, channel_name=text, why=text, notes=(text,))])
    one_line = text.encode("utf-8", "replace").decode()
    for name in ("path", "why", "notes"):
        assert row[name].splitlines() == ([row[name]] if row[name] else [])
        assert not row[name].startswith(("=", "+", "-", "@", "\t"))
        if not row[name].startswith("'") and len(one_line.splitlines()) == 1:
            assert row[name].rstrip() == one_line.rstrip()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
def test_a_formula_has_an_apostrophe_before_it(tmp_path: Path, text: str) -> None:
    (row,) = rows(tmp_path, [done(text)])
    assert row["path"] == f"'{text}"


def test_order_is_that_in_which_a_person_counts() -> None:
    names = [("a/2", 0, 0, 0), ("a/10", 0, 0, 0), ("a/10", 0, 0, 1), ("a/10", 0, 2, 0)]
    names += [("a/10", 0, 10, 0), ("a/10", 1, 0, 0), ("b", 0, 0, 0)]
    records = [
        done(source, position=position, time=time, channel=channel)
        for source, position, time, channel in names
    ]
    shuffled = random.Random(3).sample(records, len(records))
    assert in_order(shuffled) == records


def test_a_table_that_cannot_be_written_names_itself(tmp_path: Path) -> None:
    before = rows(tmp_path, [done("a")])
    with pytest.raises(OutputError, match=r"missing.summary\.csv"):
        write_summary(tmp_path / "missing", [done("b")])
    assert [path.name for path in tmp_path.iterdir()] == ["summary.csv"]
    assert before[0]["path"] == "a"
