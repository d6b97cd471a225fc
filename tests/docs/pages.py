"""Pages of the project: their fenced blocks, and the commands in them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TREE = Path(__file__).parents[2]
_FENCE = re.compile(r"^( *)(```+|~~~+)(.*?)\n(.*?)^\1\2 *$", re.DOTALL | re.MULTILINE)
_FILLED = re.compile(r"\{(toctree|include|eval-rst|settings-table|command-reference)\}")
"""Directives of the site, whose content is made there."""
_SHELL_SIGNS = ("&&", "|", ";", ">", "<", "&")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes
    ----------
    place : str
        Page and line, such as "docs/batch.md:5".
    language : str
        Word behind the fence; empty without one.
    text : str
        Its lines, without the indentation of the fence.
    """

    place: str
    language: str
    text: str


def page_names() -> list[str]:
    """Return every page, relative to the repository."""
    found = [TREE / "README.md", TREE / "CONTRIBUTING.md", TREE / "benchmarks" / "README.md"]
    found += sorted((TREE / "docs").rglob("*.md"))
    return [file.relative_to(TREE).as_posix() for file in found]


@cache
def page_text(name: str) -> str:
    """Return the text of a page."""
    return (TREE / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[Block]:
    """Return the fenced blocks of a page, in order; those that Sphinx fills are none."""
    text = page_text(name)
    return [
        Block(
            f"{name}:{text.count(chr(10), 0, found.start()) + 1}",
            found[3].strip(),
            re.sub(rf"^{found[1]}", "", found[4], flags=re.MULTILINE),
        )
        for found in _FENCE.finditer(text)
        if not _FILLED.match(found[3].strip())
    ]


def prose(name: str) -> str:
    """Return the text of a page without its fenced blocks."""
    return _FENCE.sub("", page_text(name))


def commands(block: Block) -> Iterator[list[str]]:
    """Yield the commands of a block of shell, without remarks; `&&` separates two."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        command: list[str] = []
        for word in words:
            if word == "&&":
                yield command
                command = []
            elif word in _SHELL_SIGNS:
                raise ValueError(f"{block.place}: the runner of pages has no '{word}'")
            else:
                command.append(word)
        if command:
            yield command
