"""A small plate of epithelia, one well after the other, with what goes wrong on real plates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_focus_stack.simulation.epithelium import (
    NUCLEI_BELOW,
    Epithelium,
    Tissue,
    draw_epithelium,
    record_sections,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

WELLS = ("B02", "B03", "B04", "B05", "C02", "C03", "C04", "C05")
SITES = 2
PLANES, SIDES = 10, (160, 208)
CELLS_IN_COLUMN = {"02": 90, "03": 70, "04": 45, "05": 25}
"""Cells of a field in each column of the plate: a dose that kills."""
OUT_OF_REACH = ("C05", 1)
"""Well and site whose surface goes on beyond the last plane."""
PHOTONS = 60.0


@dataclass(frozen=True)
class Field:
    """One position of a plate.

    Attributes
    ----------
    well : str
        Well, such as "B02".
    site : int
        Field of the well, from 1.
    nuclei, membranes : numpy.ndarray
        (Z, Y, X) uint16 planes of both channels.
    truth : Epithelium
        The cells, with their depth.
    """

    well: str
    site: int
    nuclei: NDArray[np.uint16]
    membranes: NDArray[np.uint16]
    truth: Epithelium


def plate_fields() -> Iterator[Field]:
    """Render the positions of a plate, one after the other.

    Yields
    ------
    Field
        Two fields of eight wells, whose cells get fewer from column to column.
    """
    for number, well in enumerate(WELLS):
        for site in range(1, SITES + 1):
            seed = SITES * number + site
            rise = 4.0 if (well, site) == OUT_OF_REACH else 0.0
            cells = CELLS_IN_COLUMN[well[1:]]
            truth = draw_epithelium(Tissue(*SIDES, cells, 4.5 + rise, 8.0 + rise, seed))
            below = truth.depth - NUCLEI_BELOW
            yield Field(
                well,
                site,
                record_sections(truth.nuclei, below, PLANES, PHOTONS, seed),
                record_sections(truth.membranes, truth.depth, PLANES, PHOTONS, 100 + seed),
                truth,
            )
