"""Options and messages on the pages are those of the program."""

from __future__ import annotations

import re

import pytest

from napari_focus_stack.cli import main
from napari_focus_stack.cli.parsers import every_parser
from tests.docs.messages import is_message
from tests.docs.pages import page_names, page_text

USERS_PAGES = [name for name in page_names() if name.startswith(("README", "docs/"))]
OF_OTHERS = {
    *(
        "--ntasks",
        "--mem-per-cpu",
        "--time",
        "--signal",
        "--partition",
        "--account",
        "--cpus-per-task",
    ),  # SLURM
    *("--scheduler-file", "--nworkers", "--nthreads", "--memory-limit"),  # dask
    *("--extras", "--editable"),  # tests/run.py and pip
    "--wait-images",  # focus-stack
}
"""Options of other programs, which pages name."""
QUOTED = re.compile(r"`([^`]+)`|\"([^\"]+)\"")
OF_MESSAGES = re.compile(r"^\| *(message|note|finding)", re.IGNORECASE)


def options() -> set[str]:
    """Return every option of the command and its subcommands."""
    return {
        option
        for parser in every_parser().values()
        for action in parser._actions
        for option in action.option_strings
    }


def test_every_subcommand_has_its_parser_in_the_reference() -> None:
    assert set(every_parser()) == {"", *main._COMMANDS}


@pytest.mark.parametrize("name", USERS_PAGES)
def test_options_on_a_page_exist(name: str) -> None:
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", page_text(name)))
    assert named - options() - OF_OTHERS == set()


def test_options_of_others_are_on_a_page() -> None:
    text = "".join(page_text(name) for name in page_names())
    assert [option for option in OF_OTHERS if option not in text] == []


def messages(name: str) -> list[str]:
    """Return what the first columns of the tables of messages of a page quote."""
    found, inside = [], False
    for line in page_text(name).splitlines():
        inside = line.startswith("|") and (inside or OF_MESSAGES.match(line) is not None)
        if inside and not OF_MESSAGES.match(line):
            cell = line.split(" | ")[0]
            found += ["".join(quoted) for quoted in QUOTED.findall(cell)]
    return found


@pytest.mark.parametrize("name", [name for name in USERS_PAGES if messages(name)])
def test_messages_on_a_page_are_those_of_the_program(name: str) -> None:
    assert [message for message in messages(name) if not is_message(message)] == []


def test_tables_of_messages_are_found() -> None:
    assert len(messages("docs/batch.md")) > 25


def test_a_message_with_other_words_is_none() -> None:
    assert is_message("There is no stack below")
    assert not is_message("There is no stack above")
    assert not is_message("of a stack nothing is")
