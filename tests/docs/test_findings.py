"""docs/findings.md has every sentence that a run may say, and none that it does not."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

TREE = Path(__file__).parents[2]
SOURCE = TREE / "src" / "napari_focus_stack"
PAGE = (TREE / "docs" / "findings.md").read_text(encoding="utf-8")
NO_NOTES = (
    *("cli", "_napari", "simulation", "_compiled"),
    *("settings.py", "series/series_settings.py", "io/x3p.py"),
)
"""Where sentences are help, tooltips, prompts or parts of a file.

Notes of the command and the docks are checked one way: what the page quotes is said.
"""
HELP = {"help", "tooltip", "description", "epilog"}
FEWEST_WORDS, FEWEST_OF_A_CLAUSE = 4, 12
FAILURES = ("Error", "Unreadable", "Cancelled")


def shown(node: ast.AST) -> str | None:
    """Return a string of the source as a reader meets it, with an ellipsis for what varies."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(shown(part) or "…" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = shown(node.left), shown(node.right)
        return None if parts == (None, None) else "".join(part or "…" for part in parts)
    return None


def strings(node: ast.AST) -> Iterator[str]:
    """Yield the strings below a node, but for docstrings, raised errors and help."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Raise) or (isinstance(child, ast.keyword) and child.arg in HELP):
            continue
        if isinstance(child, ast.Call) and ast.unparse(child.func).endswith(FAILURES):
            continue
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        text = shown(child)
        if text is None:
            yield from strings(child)
        else:
            yield re.sub("…+", "…", text)


def sentences_of(file: Path) -> list[str]:
    """Return what a module says in strings."""
    return list(strings(ast.parse(file.read_text(encoding="utf-8"))))


def is_note(text: str) -> bool:
    """Return whether a string is a sentence, or a long clause that gets its stop elsewhere."""
    words = len(text.split())
    clause = text[:1].isupper() and words >= FEWEST_OF_A_CLAUSE
    return clause or (text.endswith(".") and words >= FEWEST_WORDS)


def notes() -> dict[str, str]:
    """Return every sentence for the user that the engine makes, with its module."""
    files = [
        file
        for file in sorted(SOURCE.rglob("*.py"))
        if not file.relative_to(SOURCE).as_posix().startswith(NO_NOTES)
    ]
    return {
        text: file.relative_to(SOURCE).as_posix()
        for file in files
        for text in sentences_of(file)
        if is_note(text) and not text.startswith("#!")
    }


def quotes() -> list[str]:
    """Return what the first column of the tables quotes."""
    _summary, *subjects = PAGE.split("\n## ")
    rows = re.findall(r"^\| (\".*?\") \|", "\n".join(subjects), re.MULTILINE)
    return [quote for row in rows for quote in re.findall(r'"([^"]+)"', row)]


def test_the_page_has_every_note() -> None:
    found, known = notes(), quotes()
    assert len(found) > 80
    missing = [
        f"{module}: {text}"
        for text, module in found.items()
        if not any(quote in text for quote in known)
    ]
    assert missing == []


def test_the_program_says_what_the_page_quotes() -> None:
    said = [text for file in SOURCE.rglob("*.py") for text in sentences_of(file)]
    assert [quote for quote in quotes() if not any(quote in text for text in said)] == []


@pytest.mark.parametrize("text", ["A new note says … to the user.", "… is no note of this page."])
def test_a_note_that_is_missing_would_be_found(text: str) -> None:
    assert is_note(text)
    assert not any(quote in text for quote in quotes())
