"""Names of wells and their groups in a plate are each other's inverse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.well_names import row_letters, row_number, well_name, well_path


@given(row=st.integers(0, 2000), column=st.integers(1, 200))
def test_a_name_comes_back_from_its_path(row, column):
    letters = row_letters(row)
    assert row_number(letters) == row
    path = f"{letters}/{column}"
    assert well_path(well_name(path)) == path
    assert well_name(path) == f"{letters}{column:02}"


def test_rows_go_on_after_z():
    assert [row_letters(number) for number in (0, 25, 26, 31, 702)] == ["A", "Z", "AA", "AF", "AAA"]


@pytest.mark.parametrize("name", ["", "B", "02", "B0", "b02", "B/2", "B-2"])
def test_other_names_are_refused(name):
    with pytest.raises(OutputError, match=f"Well '{name}' has no place in a plate"):
        well_path(name)
