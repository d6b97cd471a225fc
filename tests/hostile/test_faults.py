"""Faults of disk and memory in the middle of a run: nothing is lost, and one line says why."""

from __future__ import annotations

import sys

import pytest

if sys.platform == "win32":
    pytest.skip("accesses to files have no such limits on Windows", allow_module_level=True)

from tests.hostile.fault_injection import FAULTS, Fault, Injector
from tests.hostile.fault_operations import OPERATIONS
from tests.hostile.faults import Trial

INJECTOR = Injector()
BRIEF = ("disk fills up", "i/o error", "handles", "no memory", "plane shrinks")
"""Faults of the second operation; `.ci/long faults` runs all operations under all faults."""


def _trial(name: str, factory: pytest.TempPathFactory) -> Trial:
    operation = next(one for one in OPERATIONS if one.name == name)
    return Trial(operation, factory.mktemp("faults"), INJECTOR)


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return _trial("maps and report", tmp_path_factory)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return _trial("series, tif", tmp_path_factory)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_while_maps_are_written_loses_nothing(maps: Trial, fault: Fault) -> None:
    outcome = maps.under(fault, at=3)
    assert outcome.struck
    assert outcome.complaints == [], outcome.said


@pytest.mark.parametrize("name", BRIEF)
def test_a_fault_in_a_series_loses_nothing(film: Trial, name: str) -> None:
    outcome = film.under(next(one for one in FAULTS if one.name == name), at=2)
    assert outcome.struck
    assert outcome.complaints == [], outcome.said
