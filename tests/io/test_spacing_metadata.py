"""Units of length as files spell them."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_focus_stack import read_stack
from napari_focus_stack.io.spacing_metadata import micrometres

SPELLINGS = {
    1.0: [
        "um",
        "UM",
        "\u00b5m",
        "\u03bcm",
        "\\u00B5m",
        "\\u03bcm",
        "\u00c2\u00b5m",
        "micron",
        "Microns",
    ],
    1e-6: ["pm", "picometers"],
    1e-4: ["\u00c5", "\u00e5", "\u00c5ngstr\u00f6m", "Angstrom"],
    1e-3: ["nm", "NM", "nanometre"],
    1e3: ["mm", "MM", " millimeter "],
    1e4: ["cm", "centimetres"],
    1e6: ["m", "Meter"],
    25400.0: ["in", "inch", "Inches", '"'],
}
NO_LENGTHS = ["", None, "px", "pixel", "pixels", "sec", "reference frame", "um/px", "2 um", "none"]


@pytest.mark.parametrize(
    ("unit", "size"), [(unit, size) for size, units in SPELLINGS.items() for unit in units]
)
def test_units_of_length(unit: str, size: float) -> None:
    assert micrometres(2.5, unit) == pytest.approx(2.5 * size)
    assert micrometres("-2.5", unit) == pytest.approx(2.5 * size)


@pytest.mark.parametrize("unit", NO_LENGTHS)
def test_other_units_give_no_distance(unit: str | None) -> None:
    assert micrometres(1.0, unit) is None


@pytest.mark.parametrize("value", [0, "0", "nan", "inf", "wide", None])
def test_no_distance(value: object) -> None:
    assert micrometres(value, "um") is None


def test_positions_that_scatter_give_their_mean_with_a_note(tmp_path):
    for scatter, step in ((0.05, 5.0), (0.3, None)):
        folder = tmp_path / str(scatter)
        folder.mkdir()
        for k in range(6):
            position = 9000 + 5.0 * k + 5.0 * scatter * (k in (2, 3)) * (-1) ** k * 0.5
            metadata = {"axes": "YX", "Plane": {"PositionZ": position, "PositionZUnit": "µm"}}
            tifffile.imwrite(
                folder / f"z{k}.ome.tif", np.zeros((16, 20), np.uint16), metadata=metadata
            )
        source = read_stack(folder)
        if step is None:
            assert source.spacing.z is None
        else:
            assert source.spacing.z == pytest.approx(step, rel=1e-6)
            assert any("heights count with their mean, 5 µm" in note for note in source.notes)
