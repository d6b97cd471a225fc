"""Plates of OME-Zarr whose images are written one by one."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any, TypeVar

from napari_focus_stack._version import __version__
from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.ome_zarr_store import OURS, check_place, clear_place
from napari_focus_stack.io.well_names import (
    row_and_column,
    row_letters,
    row_number,
    well_name,
    well_path,
)
from napari_focus_stack.io.zarr_documents import group_document, write_documents

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Place = TypeVar("Place", bound=PurePath)
_PLATE = "plate"
"""What the attributes of a plate that was written here say it is."""


def create_plate(place: Path, wells: Mapping[str, int]) -> None:
    """Create the groups of a plate and of its wells; images are created by `create_placed_image`.

    The image of a field is in the group `field_place`. A plate that was written here gets what it
    has not yet: wells and fields are added and never removed. One process at a time may do so.

    Parameters
    ----------
    place : pathlib.Path
        Folder of the plate, whose own folder exists, or its URL.
    wells : mapping of str to int
        Number of fields of each well, such as {"B02": 4}.

    Raises
    ------
    OutputError
        The place is taken by what was not written here, or cannot be written; or a name is no row
        and column.
    """
    own = check_place(place)
    is_plate = own is not None and own.get("about") == _PLATE
    if own is not None and not is_plate:
        clear_place(place)
    before: dict[str, int] = own["fields"] if own is not None and is_plate else {}
    given = {well_name(well_path(well)): count for well, count in wells.items()}
    if len(given) < len(wells):
        raise OutputError(f"Two of the wells of '{place}' are the same; give each one name.")
    fields = {
        well: max(before.get(well, 0), given.get(well, 0)) for well in before.keys() | given.keys()
    }
    rows = sorted({row_and_column(well)[0] for well in fields}, key=row_number)
    # the plate first: by its document the rest is recognised as written here
    write_documents({place: group_document(_attributes(place.name, fields))})
    write_documents({place / row: group_document({}) for row in rows})
    write_documents(
        {place / well_path(well): _well_document(count) for well, count in fields.items()}
    )


def field_place(plate: Place, well: str, field: int) -> Place:
    """Return the place of the image of a field.

    Parameters
    ----------
    plate : pathlib.PurePath
        Place of the plate, or its name in a folder.
    well : str
        Name of the well, such as "B02".
    field : int
        Counted from 0.

    Returns
    -------
    pathlib.PurePath
        Such as "plate.ome.zarr/B/2/0", which is read as "B02 field 0".

    Raises
    ------
    OutputError
        The name is no row and column.
    """
    return plate / well_path(well) / str(field)


def _attributes(file: str, fields: Mapping[str, int]) -> dict[str, Any]:
    """Return the attributes of a plate; it has every row and column up to the last one in use."""
    places = {well: row_and_column(well) for well in fields}
    numbers = {well: (row_number(row), int(column)) for well, (row, column) in places.items()}
    ordered = sorted(fields, key=numbers.__getitem__)
    last_row = max((row for row, _ in numbers.values()), default=-1)
    last_column = max((column for _, column in numbers.values()), default=0)
    plate = {
        "name": file.removesuffix(".zarr").removesuffix(".ome"),
        "rows": [{"name": row_letters(number)} for number in range(last_row + 1)],
        "columns": [{"name": str(number + 1)} for number in range(last_column)],
        "wells": [
            {
                "path": well_path(well),
                "rowIndex": numbers[well][0],
                "columnIndex": numbers[well][1] - 1,
            }
            for well in ordered
        ],
        "field_count": max(fields.values(), default=0),
    }
    own = {"version": __version__, "about": _PLATE, "fields": dict(sorted(fields.items()))}
    return {"ome": {"version": "0.5", "plate": plate}, OURS: own}


def _well_document(fields: int) -> dict[str, Any]:
    """Return the document of a well."""
    images = [{"path": str(number)} for number in range(fields)]
    return group_document({"ome": {"version": "0.5", "well": {"images": images}}})
