"""Links, pictures and anchors of every page lead somewhere, as GitHub resolves them."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import TREE, page_names, page_text, prose

if TYPE_CHECKING:
    from pathlib import Path

LINK = re.compile(r"\]\(([^()\s]+(?:\([^()]*\)[^()\s]*)?)\)")
TREES = re.compile(r"```\{toctree\}\n(.*?)```", re.DOTALL)
DOI = re.compile(r"10\.\d{4,9}/[-._;()/:A-Za-z0-9]+")


@cache
def anchors(file: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    found: set[str] = set()
    text = re.sub(r"^```.*?^```", "", file.read_text(encoding="utf-8"), flags=re.S | re.M)
    for heading in re.findall(r"^#+ +(.*)$", text, re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).strip().replace(" ", "-")
        number = 0
        while (anchor := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(anchor)
    return found


def dead(page: Path, target: str) -> bool:
    """Return whether a link of a page leads nowhere; addresses of others are taken as they are."""
    if target.startswith(("https://doi.org/", "http://doi.org/")):
        return DOI.fullmatch(target.partition("doi.org/")[2]) is None
    if target.startswith(("https://", "mailto:")):
        return False
    path, _, anchor = target.partition("#")
    file = page.parent / path if path else page
    return not file.exists() or (bool(anchor) and anchor not in anchors(file))


@pytest.mark.parametrize("name", page_names())
def test_every_link_leads_somewhere(name: str) -> None:
    text = re.sub(r"`[^`\n]*`", "", prose(name))
    page = TREE / name
    assert [target for target in LINK.findall(text) if dead(page, target)] == []


def test_every_page_stands_in_one_table_of_contents() -> None:
    docs = TREE / "docs"
    listed = []
    for page in docs.rglob("*.md"):
        for tree in TREES.findall(page.read_text(encoding="utf-8")):
            entries = [line for line in tree.splitlines() if line and not line.startswith(":")]
            listed += [(page.parent / f"{entry}.md").relative_to(docs) for entry in entries]
    pages = sorted(page.relative_to(docs) for page in docs.rglob("*.md"))
    assert sorted(listed) == [page for page in pages if page.as_posix() != "index.md"]


def test_the_description_at_pypi_has_no_relative_link() -> None:
    project = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))
    hook = project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    text = page_text("README.md")
    for change in hook["substitutions"]:
        text = re.sub(change["pattern"], change["replacement"], text)
    links = LINK.findall(text)
    assert len(links) > 20
    assert all(link.startswith("https://") for link in links)


def test_readme_is_read_in_three_minutes() -> None:
    assert len(page_text("README.md").split()) <= 700  # 230 words a minute


def test_dead_links_are_found() -> None:
    page = TREE / "docs" / "heights.md"
    for target in (
        "nothing.md",
        "#nothing",
        "files.md#nothing",
        "http://example.org",
        "https://doi.org/11.1/x",
    ):
        assert dead(page, target), target
    for target in ("files.md#order-of-the-planes", "#what-counts-and-what--means", "../src"):
        assert not dead(page, target), target
