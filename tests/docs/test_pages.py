"""Every command and snippet of every page, in the order of the page, in a folder of its own."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from napari_focus_stack.cli.parsers import every_parser
from tests.docs.page_files import PAGES, Page
from tests.docs.pages import Block, blocks, commands, page_names
from tests.docs.running import Run, program_of
from tests.long_runs import only_long

if TYPE_CHECKING:
    from pathlib import Path


REMOTE = [name for name in page_names() if any("s3://" in block.text for block in blocks(name))]
"""Pages with commands on object storage."""


def follow(name: str, folder: Path) -> None:
    """Do everything that a page shows, in an empty folder."""
    page = PAGES.get(name, Page())
    run = Run(page)
    with contextlib.chdir(folder):
        page.make(folder)
        for block in blocks(name):
            with contextlib.ExitStack() as running:
                run.block(block, running)
    page.check(folder, run)


QUICK = [
    name
    for name in page_names()
    if blocks(name) and name not in REMOTE and not PAGES.get(name, Page()).slow
]
SLOW = [name for name, page in PAGES.items() if page.slow]


@pytest.mark.parametrize("name", [*QUICK, *only_long(*SLOW)])
def test_page_does_what_it_says(name: str, tmp_path: Path) -> None:
    follow(name, tmp_path)


@pytest.mark.long
@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("name", REMOTE)
def test_page_with_object_storage_does_what_it_says(name: str, tmp_path: Path) -> None:
    follow(name, tmp_path)


def test_every_command_of_the_pages_is_understood() -> None:
    parsers = every_parser()
    understood = 0
    for name in page_names():
        for block in blocks(name):
            for command in commands(block) if block.language == "sh" else ():
                program, arguments = program_of(command)
                if program == "focusstack":
                    own = arguments[0] in parsers
                    parser = parsers[arguments[0] if own else ""]
                    parser.parse_args(arguments[own:])
                    understood += 1
    assert understood > 50


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
