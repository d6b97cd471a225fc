"""The factor on distances along z: heights are as much higher everywhere, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_focus_stack import ArraySource, Spacing, focus_series, focus_stack
from napari_focus_stack.analysis import (
    HeightMap,
    calibrate_z,
    focus_factor,
    measure_labels,
    open_heights,
)
from napari_focus_stack.correction.retouch import apply_correction
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.io.recipe import Recipe
from napari_focus_stack.io.result_outputs import write_outputs
from napari_focus_stack.settings import Settings
from tests.scenes import scene

if TYPE_CHECKING:
    from pathlib import Path

    from napari_focus_stack import StackResult

SPACING = Spacing(y=0.5, x=0.5, z=2.0, unit="micrometer")
FACTOR = 1.33
SOURCE = ArraySource(scene("gravel", "step", n=6, size=(64, 80)).planes, spacing=SPACING)


def run(**options: Any) -> StackResult:
    return focus_stack(SOURCE, align="none", **options)


def test_heights_are_higher_by_the_factor_and_all_else_is_the_same() -> None:
    plain, scaled = run(), run(z_factor=FACTOR, z_uncertainty=0.01)
    np.testing.assert_allclose(scaled.height, FACTOR * plain.height, rtol=1e-6)
    for same in ("image", "depth", "depth_index", "confidence"):
        np.testing.assert_array_equal(getattr(scaled, same), getattr(plain, same))
    assert scaled.report.spacing == {**plain.report.spacing, "z": pytest.approx(2 * FACTOR)}
    wanted = {"factor": FACTOR, "uncertainty": 0.01, "drive_step": 2.0}
    assert scaled.report.z_calibration == wanted
    assert plain.report.z_calibration == {}
    (note,) = set(scaled.report.notes) - set(plain.report.notes)
    assert note.endswith("2 µm apart by the focus drive count as 2.66 µm apart.")
    before, after = HeightMap.of_result(plain), HeightMap.of_result(scaled)
    np.testing.assert_allclose(after.uncertainty, FACTOR * before.uncertainty, rtol=1e-3)
    assert (after.scale_uncertainty, before.scale_uncertainty) == (0.01, 0)


def test_the_recommended_z_step_is_that_of_the_drive() -> None:
    coarse = scene("gravel", "dome", n=8, blur=5.0).planes
    advice = [
        focus_stack(coarse, align="none", z_step=2.0, z_factor=factor).report.advice["z step"]
        for factor in (1.0, FACTOR)
    ]
    assert advice[0] == advice[1] != []


def test_the_uncertainty_alone_changes_no_height() -> None:
    certain, uncertain = run(), run(z_uncertainty=0.01)
    np.testing.assert_array_equal(uncertain.height, certain.height)
    assert uncertain.report.z_calibration["uncertainty"] == 0.01
    assert uncertain.report.notes == certain.report.notes


def test_a_factor_without_a_z_step_is_said_to_have_no_effect() -> None:
    found = focus_stack(SOURCE[0][None].repeat(3, 0), align="none", z_factor=FACTOR)
    assert found.height is None
    assert found.report.z_calibration == {}
    assert any("no effect, because the z step is unknown" in n for n in found.report.notes)


def test_corrected_and_measured_heights_have_the_factor_once() -> None:
    labels = np.zeros((64, 80), np.uint16)
    labels[10:20, 10:30] = 4  # plane 3
    corrected = apply_correction(SOURCE, run(z_factor=FACTOR), labels)
    np.testing.assert_allclose(corrected.height[10:20, 10:30], 3 * 2 * FACTOR, rtol=1e-6)
    columns = measure_labels(labels, corrected)
    (mean,) = (column for name, column in columns.items() if name.startswith("mean height"))
    assert mean == pytest.approx([3 * 2 * FACTOR])


def test_pooled_heights_of_a_film_have_the_factor_once() -> None:
    film = np.stack([[SOURCE[k] for k in range(6)]] * 3)
    settings = {"axes": "TZYX", "align": "none", "spacing": SPACING, "smooth_time": 3}
    plain, scaled = (focus_series(film, z_factor=f, **settings).height for f in (1.0, FACTOR))
    np.testing.assert_allclose(scaled, FACTOR * plain, rtol=1e-6)


def test_a_saved_result_measured_or_run_again_has_the_factor_once(tmp_path: Path) -> None:
    scaled = run(z_factor=FACTOR, z_uncertainty=0.01)
    write_outputs({"image": tmp_path / "r.focusstack"}, scaled)
    opened = open_heights(tmp_path / "r.focusstack").height_map
    np.testing.assert_allclose(opened.heights, scaled.height, rtol=1e-6)
    assert (opened.z_step, opened.scale_uncertainty) == (pytest.approx(2 * FACTOR), 0.01)
    settings = Recipe.read(tmp_path / "r.focusstack").settings
    assert (settings.z_factor, settings.z_uncertainty) == (FACTOR, 0.01)
    again = focus_stack(SOURCE, settings=settings)
    np.testing.assert_array_equal(again.height, scaled.height)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("z_factor", 0),
        ("z_factor", -1),
        ("z_factor", None),
        ("z_factor", "1.3"),
        ("z_factor", float("inf")),
        ("z_uncertainty", -0.01),
        ("z_uncertainty", 1),
        ("z_uncertainty", None),
        ("z_uncertainty", float("nan")),
    ],
)
def test_scales_out_of_bounds_are_refused(name: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=f"^{name} "):
        Settings(**{name: value})


def test_the_optical_factor_is_that_of_rays_traced_through_the_border() -> None:
    # a point at depth 1 below the border: where its ray would cross the axis in the medium before
    # the objective, by Snell's law; the drive moves by that depth
    for n1, n2, na in ((1.0, 1.33, 0.8), (1.33, 1.515, 1.0), (1.518, 1.33, 1.2)):
        inside = np.arcsin(na / 2 / n2)
        before = np.arcsin(n2 / n1 * np.sin(inside))
        aside = np.tan(inside)
        assert focus_factor(n2, n1, na) == pytest.approx(1 / (aside / np.tan(before)))
        assert focus_factor(n2, n1) == pytest.approx(focus_factor(n2, n1, 1e-4), rel=1e-6)
        assert focus_factor(n1, n1, na) == pytest.approx(1) if na < n1 else True
    for wrong in ({"medium_index": 0.9}, {"medium_index": 1.3, "na": 1.0}):
        with pytest.raises(SettingsError):
            focus_factor(**wrong)


def test_a_calibration_covers_the_true_scale_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    true, height, errors = 1.07, 10.0, (0.04, 0.03)
    hits = 0
    for _ in range(2000):
        measured = random.normal(height / true, errors[0])
        certified = random.normal(height, errors[1])
        found = calibrate_z((measured, errors[0]), (certified, errors[1]))
        hits += abs(found.factor - true) < found.uncertainty * found.factor
    assert hits / 2000 == pytest.approx(0.683, abs=0.03)  # three standard errors
    with pytest.raises(SettingsError, match="measured"):
        calibrate_z((0.0, 0.1), (1.0, 0.1))

    class Unknown:
        value, uncertainty = 1.0, None

    with pytest.raises(InputError, match="no uncertainty"):
        calibrate_z(Unknown(), (1.0, 0.1))
