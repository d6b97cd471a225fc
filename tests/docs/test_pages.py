"""Every command and snippet of every page, in the order of the page, in a folder of its own."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.docs.page_files import PAGES, Page
from tests.docs.pages import Block, blocks, page_names
from tests.docs.running import Run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pages_with_blocks() -> Iterator[object]:
    """Yield the name of each page that shows blocks; object storage needs its server."""
    for name in page_names():
        shown = blocks(name)
        remote = any("s3://" in block.text for block in shown)
        if shown:
            yield pytest.param(name, marks=[pytest.mark.usefixtures("s3")] if remote else [])


@pytest.mark.parametrize("name", list(pages_with_blocks()))
def test_page_does_what_it_says(name: str, tmp_path: Path) -> None:
    page = PAGES.get(name, Page())
    run = Run(page)
    with contextlib.chdir(tmp_path), contextlib.ExitStack() as running:
        page.make(tmp_path)
        for block in blocks(name):
            run.block(block, running)
    page.check(tmp_path, run)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("sh", "convert plane.tif plane.png"),  # a program that is neither run nor listed
        ("sh", "focusstack -i nothing -o sharp.png"),
        ("sh", "focusstack demo | tee log"),
        ("sh", 'pip install "napari-focus-stack[nothing]"'),
        ("sh", "python benchmarks/nothing.py"),
        ("bat", r"py tests\nothing.py"),
        ("text", "$ focusstack demo"),
        ("python", "assert False"),
        ("r", "plot(1)"),
    ],
)
def test_faults_of_a_page_are_found(language: str, text: str, tmp_path: Path) -> None:
    fault = Block("page:1", language, text + "\n")
    with (
        contextlib.chdir(tmp_path),
        contextlib.ExitStack() as running,
        pytest.raises((AssertionError, ValueError)),
    ):
        Run(Page()).block(fault, running)


def test_declared_pages_exist() -> None:
    assert set(PAGES) <= set(page_names())
