"""A batch that cannot begin leaves what earlier ones made, and what they said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_focus_stack.batch import running
from napari_focus_stack.errors import OutputError
from tests.batch.experiment import batch, write_stack

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_that_takes_no_file_keeps_reports_and_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = tmp_path / "in", tmp_path / "out"
    write_stack(root / "a.tif", 0)
    batch(root, out)
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}

    def full(_order: object) -> None:
        raise OutputError("no room")

    monkeypatch.setattr(running, "claim", full)
    with pytest.raises(OutputError, match="no room"):
        batch(root, out, redo=True)
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before
