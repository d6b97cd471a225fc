"""Units of length as files spell them."""

from __future__ import annotations

import pytest

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
