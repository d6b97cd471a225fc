"""What an error says, and what of it stays apart."""

import errno
import json
import pickle
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focus_stack.cli.terminal import printable
from napari_focus_stack.errors import (
    FocusStackError,
    InputError,
    NoImagesError,
    OutputError,
    SettingsError,
    can_be_seen,
    in_words,
    with_escapes,
)
from napari_focus_stack.io.plane_files import reason
from napari_focus_stack.io.replacing import os_errors


def test_a_remedy_follows_the_message_and_stays_apart():
    problem = InputError("'a.tif' cannot be read: bad; worse", "replace it")
    assert str(problem) == "'a.tif' cannot be read: bad; worse; replace it."
    assert (problem.message, problem.remedy) == ("'a.tif' cannot be read: bad; worse", "replace it")


@pytest.mark.parametrize("kind", [FocusStackError, InputError, NoImagesError, SettingsError])
@pytest.mark.parametrize("told", [(), ("Select a layer.",), ("it is empty", "take another")])
def test_errors_survive_the_way_between_processes(kind, told):
    problem = kind(*told)
    again = pickle.loads(pickle.dumps(problem))
    assert (type(again), str(again)) == (kind, str(problem))
    assert (again.message, again.remedy) == (problem.message, problem.remedy)


def test_an_error_without_a_remedy_is_its_message():
    assert str(InputError("Select a layer.")) == "Select a layer."


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (MemoryError(), "There is not enough memory"),
        (OSError(28, "No space left on device", "/a/b.tif"), "'/a/b.tif' cannot be used: No space"),
        (OSError(24, "Too many open files"), "A file cannot be used: Too many open files"),
        (OutputError("own"), "own"),
    ],
)
def test_errors_of_the_system_have_words(problem: Exception, words: str) -> None:
    assert str(in_words(problem)).startswith(words)


@pytest.mark.parametrize(
    ("problem", "remedy"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "the network"),
        (TimeoutError(errno.ETIMEDOUT, "Connection timed out"), "the network"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "the network"),
        (OSError(errno.ENAMETOOLONG, "File name too long"), "shorter name"),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit"),
    ],
)
def test_no_folder_is_blamed_for_the_network_and_for_limits(problem: OSError, remedy: str) -> None:
    with pytest.raises(OutputError) as refused, os_errors(Path("sharp.png")):
        raise problem
    for said in (str(in_words(problem)), str(refused.value)):
        assert remedy in said
        assert "disk" not in said
        assert "another folder" not in said
    assert str(in_words(problem)).startswith("The network") == (remedy == "the network")


def test_the_sentence_on_memory_names_no_option_that_a_window_lacks() -> None:
    assert "--" not in str(in_words(MemoryError()))


@pytest.mark.parametrize("problem", [ValueError("a"), OSError("no number"), KeyError(1)])
def test_defects_have_none(problem: Exception) -> None:
    assert in_words(problem) is None


@pytest.mark.parametrize(
    "odd", ["a\nb", "a\r\x07b", "\u202egnp.exe", "\udcff", "\x1b[2J", "\u2028"]
)
def test_names_of_files_leave_a_message_on_one_readable_line(odd):
    shown = str(InputError(f"'{odd}' cannot be read", f"move '{odd}' away"))
    assert shown.isprintable()
    assert shown.endswith("' away.")
    assert f"'{with_escapes(odd)}' cannot" in shown


@pytest.mark.parametrize(
    "name",
    [
        "Screenshot 3.04.05\u202fPM.png",
        "\u3000顕微鏡\u00a01.tif",
        "\u0646\u0627\u0645\u0647\u200c\u0647\u0627.tif",
    ],
)
def test_a_name_that_a_user_can_search_for_is_left_as_it_is(name: str) -> None:
    assert f"'{name}'" in str(InputError(f"'{name}' is empty."))
    assert printable(name) == name
    assert name in reason(ValueError(f"cannot identify '{name}'"))


@given(st.characters())
def test_an_escape_is_that_character_in_json(letter: str) -> None:
    escaped = with_escapes(letter)
    assert can_be_seen(letter) == (escaped == letter)
    if escaped != letter:
        assert escaped.isascii()
        assert json.loads(f'"{escaped}"') == letter


def test_a_name_longer_than_a_line_can_hold_loses_its_middle():
    name = "/".join(f"folder{k}" for k in range(1000))
    shown = str(InputError(f"'{name}/a.tif' and '{name}/b.tif' differ."))
    assert len(shown) < 500
    assert all(part in shown for part in ("'folder0/folder1", "/a.tif' and '", "/b.tif' differ."))
    short = "/".join(f"folder{k}" for k in range(30))
    assert short in str(InputError(f"'{short}' is empty."))
