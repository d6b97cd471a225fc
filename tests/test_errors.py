"""What an error says, and what of it stays apart."""

import pickle

import pytest

from napari_focus_stack.errors import (
    FocusStackError,
    InputError,
    NoImagesError,
    OutputError,
    SettingsError,
    in_words,
)


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


def test_a_name_longer_than_a_line_can_hold_loses_its_middle():
    name = "/".join(f"folder{k}" for k in range(1000))
    shown = str(InputError(f"'{name}/a.tif' and '{name}/b.tif' differ."))
    assert len(shown) < 500
    assert all(part in shown for part in ("'folder0/folder1", "/a.tif' and '", "/b.tif' differ."))
    short = "/".join(f"folder{k}" for k in range(30))
    assert short in str(InputError(f"'{short}' is empty."))
