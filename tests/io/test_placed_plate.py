"""Plates that grow, whose wells and fields are read by the names that they were created by."""

import numpy as np
import pytest
import yaozarrs

from napari_focus_stack import open_series
from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.placed_image import create_placed_image, open_placed_image
from napari_focus_stack.io.placed_plate import create_plate, field_place
from napari_focus_stack.io.places import as_place
from napari_focus_stack.io.sources import Spacing
from tests.cloud import BUCKET


def fill(plate, wells):
    """Write images whose values are their number."""
    create_plate(plate, wells)
    names = [(well, field) for well, count in wells.items() for field in range(count)]
    for number, (well, field) in enumerate(names):
        place = field_place(plate, well, field)
        create_placed_image(
            place, (1, 1, 20, 30), np.dtype("u1"), Spacing(), channels=[("a", None)]
        )
        open_placed_image(place).write(0, 0, np.full((20, 30), number + 1, np.uint8))


def names_in(plate):
    series = open_series(plate)
    assert series.notes == ()
    return [(position.well, position.name) for position in series.positions]


@pytest.fixture(params=["disk", "s3"])
def plate(request, tmp_path, s3):
    if request.param == "disk":
        return tmp_path / "plate.ome.zarr"
    return as_place(f"s3://{BUCKET}/{tmp_path.name}/plate.ome.zarr")


def test_wells_and_fields_come_back_by_their_names_and_are_never_lost(plate):
    wells = {"B02": 2, "A11": 1, "AA03": 1}
    fill(plate, wells)
    found = [
        ("A11", "A11 field 0"), ("B02", "B02 field 0"), ("B02", "B02 field 1"),
        ("AA03", "AA03 field 0"),
    ]  # fmt: skip
    assert names_in(plate) == found
    create_plate(plate, {"B02": 1})
    assert names_in(plate) == found
    assert open_placed_image(field_place(plate, "B02", 1)).read(0, 0)[0, 0] == 2
    fill(plate, wells | {"B1": 1})
    assert names_in(plate) == [found[0], ("B01", "B01 field 0"), *found[1:]]


def test_the_standard_and_others_read_the_same(tmp_path):
    plate = tmp_path / "plate.ome.zarr"
    fill(plate, {"B02": 2, "C03": 1})
    ome = yaozarrs.validate_zarr_store(str(plate))
    assert ome is not None
    group = yaozarrs.open_group(str(plate)).ome_metadata()
    assert isinstance(group, yaozarrs.v05.Plate)
    assert [row.name for row in group.plate.rows] == ["A", "B", "C"]
    assert [column.name for column in group.plate.columns] == ["1", "2", "3"]
    places = [(well.path, well.rowIndex, well.columnIndex) for well in group.plate.wells]
    assert places == [("B/2", 1, 1), ("C/3", 2, 2)]
    assert group.plate.field_count == 2


def test_napari_ome_zarr_finds_the_fields(tmp_path):
    package = pytest.importorskip("napari_ome_zarr")
    plate = tmp_path / "plate.ome.zarr"
    fill(plate, {"A01": 1, "A02": 1})
    [(levels, *_)] = list(package.napari_get_reader(str(plate))())
    full = np.asarray(levels[0]).squeeze()
    assert full.shape == (20, 60)
    assert (full[:, :30] == 1).all()
    assert (full[:, 30:] == 2).all()


def test_names_that_are_no_wells_and_twins_are_refused(tmp_path):
    for wells in ({"left": 1}, {"B2": 1, "B02": 1}):
        with pytest.raises(OutputError):
            create_plate(tmp_path / "plate.ome.zarr", wells)
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_written_here_stays(tmp_path):
    (tmp_path / "plate.ome.zarr").mkdir()
    with pytest.raises(OutputError, match="not written here"):
        create_plate(tmp_path / "plate.ome.zarr", {"B02": 1})
