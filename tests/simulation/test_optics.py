"""Optics against figures worked out by hand."""

from __future__ import annotations

import pytest

from napari_focus_stack.errors import SettingsError
from napari_focus_stack.simulation.optics import Optics

DRY = Optics(na=0.6, wavelength=0.5, pixel_size=0.25, z_step=1.0)
OIL = Optics(na=1.2, wavelength=0.5, pixel_size=0.1, z_step=0.3, refractive_index=1.5)


def test_blur_grows_by_the_cone_of_light() -> None:
    """A sine of 0.6 is a tangent of 0.75, one of 0.8 (1.2 in oil of 1.5) a tangent of 4/3."""
    assert DRY.blur_per_plane == pytest.approx(0.75 / 0.25)
    assert OIL.blur_per_plane == pytest.approx(0.3 * 4 / 3 / 0.1)


def test_resolution_is_rayleighs() -> None:
    assert DRY.resolution == pytest.approx(0.61 * 0.5 / 0.6 / 0.25)  # 0.508 um
    assert OIL.resolution == pytest.approx(2.5417, abs=1e-4)


def test_a_point_in_focus_is_as_wide_as_the_airy_pattern() -> None:
    assert DRY.blur_in_focus == pytest.approx(0.225 * 0.5 / 0.6 / 0.25, rel=1e-3)


def test_depth_of_field_is_that_of_diffraction_and_pixels() -> None:
    assert DRY.depth_of_field == pytest.approx(0.5 / 0.36 + 0.25 / 0.6)  # 1.389 + 0.417 um
    assert OIL.depth_of_field == pytest.approx(0.75 / 1.44 + 0.15 / 1.2)


def test_the_summary_tells_the_figures() -> None:
    text = DRY.summary()
    assert "grows by 3.00 px per plane" in text
    assert "0.51 µm, 2.03 px" in text
    assert "Depth of field 1.81 µm; a z step of 1 µm is 0.55 of it: well sampled." in text


@pytest.mark.parametrize(("z_step", "verdict"), [(4.0, "smaller steps"), (0.1, "larger steps")])
def test_the_summary_judges_the_step(z_step: float, verdict: str) -> None:
    assert verdict in Optics(na=0.6, wavelength=0.5, pixel_size=0.25, z_step=z_step).summary()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"na": 0}, "--na"),
        ({"na": 1.0}, "--refractive-index"),
        ({"wavelength": float("nan")}, "--wavelength"),
        ({"pixel_size": -1}, "--pixel-size"),
        ({"z_step": float("inf")}, "--z-step"),
        ({"refractive_index": 0.5}, "--refractive-index"),
    ],
)
def test_what_no_microscope_has_is_refused(wrong: dict[str, float], named: str) -> None:
    good = {"na": 0.6, "wavelength": 0.5, "pixel_size": 0.25, "z_step": 1.0}
    with pytest.raises(SettingsError, match=named):
        Optics(**(good | wrong))
