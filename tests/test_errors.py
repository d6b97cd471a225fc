"""What an error says, and what of it stays apart."""

import pickle

import pytest

from napari_focus_stack.errors import FocusStackError, InputError, NoImagesError, SettingsError


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
