"""What the fields give back of what a layer filled in and a user typed."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from magicgui.widgets import Container
from qtpy.QtTest import QTest

from napari_focus_stack._napari.widgets.settings_form import WHOLE_FIELD, SettingsForm
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.io.sources import Spacing

THIRDS = Spacing(1 / 3, 2 / 3, 4 / 3, "nanometer")


@pytest.fixture
def form(qapp):
    return SettingsForm()


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("z_step", "5", Spacing(1 / 3, 2 / 3, 5.0, "nanometer")),
        ("z_step", "", Spacing(1 / 3, 2 / 3, None, "nanometer")),
        ("pixel_size", "0.5", Spacing(0.5, 0.5, 4 / 3, "nanometer")),
        ("unit", "micrometer", Spacing(1 / 3, 2 / 3, 4 / 3, "micrometer")),
    ],
)
def test_a_field_that_was_not_edited_keeps_what_the_layer_has(form, field, text, expected):
    form.fill(THIRDS)
    assert form.spacing() == THIRDS
    getattr(form, field).value = text
    assert form.edited
    assert form.spacing() == expected


@pytest.mark.parametrize(
    ("text", "y", "x"),
    [
        ("0.5", 0.5, 0.5),
        ("0,5", 0.5, 0.5),
        (" ,5 ", 0.5, 0.5),
        ("1, 2", 1, 2),
        ("1 2", 1, 2),
        ("0.5,0.25", 0.5, 0.25),
        ("0,5 0,25", 0.5, 0.25),
        ("0,5, 0,25", 0.5, 0.25),
        ("0,5;0,25", 0.5, 0.25),
        ("0,5 ; 0,25", 0.5, 0.25),
        ("6,5e-1", 0.65, 0.65),
    ],
)
def test_a_decimal_comma_is_read(form, text, y, x):
    form.pixel_size.value = text
    assert form.spacing() == Spacing(y, x, None, "micrometer")


@pytest.mark.parametrize(
    "text", ["far", "0", "-1", "inf", "nan", "1,000.5", "1 2 3", "1,2,3", "1;"]
)
def test_what_is_no_length_is_named(form, text):
    form.pixel_size.value = text
    with pytest.raises(SettingsError, match=f"Pixel size '{text}' is no length"):
        form.spacing()


def test_a_z_step_is_one_number(form):
    form.z_step.value = "1 2"
    with pytest.raises(SettingsError, match="z step '1 2'"):
        form.spacing()
    form.z_step.value = "1,5"
    assert form.settings().z_step == 1.5


def test_a_pixel_size_that_is_typed_is_in_the_recipe(form):
    form.fill(Spacing(0.5, 0.5, 2.0, "micrometer"))
    assert form.settings().pixel_size is None
    form.pixel_size.value = "0.25"
    assert form.settings().pixel_size == 0.25
    form.pixel_size.value = "0.25 0.3"
    assert form.settings().pixel_size is None


@settings(max_examples=15, deadline=None)  # a form takes 30 ms
@given(y=st.floats(1e-6, 1e6), x=st.floats(1e-6, 1e6))
def test_what_a_layer_fills_in_can_be_typed_again(qapp, y, x):
    filled, typed = SettingsForm(), SettingsForm()
    filled.fill(Spacing(y, x, x, "micrometer"))
    typed.pixel_size.value = filled.pixel_size.value
    typed.z_step.value = filled.z_step.value
    read = typed.spacing()
    for found, expected in ((read.y, y), (read.x, x), (read.z, x)):
        assert math.isclose(found, expected, rel_tol=1e-5)


def test_a_tick_at_height_leads_to_the_z_step_it_needs(form, qtbot):
    window = Container(widgets=form.widgets, labels=False).native
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    form.checks["height"].native.click()
    assert window.focusWidget() is form.z_step.native
    assert "Height needs it" in form.z_step.native.placeholderText()
    with pytest.raises(SettingsError, match="type the z step"):
        form.settings()
    QTest.keyClicks(window.focusWidget(), "2")
    assert form.settings().z_step == 2
    assert "height" in form.outputs()
    form.checks["height"].value = False
    form.fill(Spacing())
    assert form.settings().z_step is None


def test_alignment_goes_by_the_whole_field_or_by_a_region_that_is_there(form):
    choice = form.align_on
    assert [name for name, _ in choice._widget._mgui_get_choices()] == [WHOLE_FIELD]
    assert form.region is None
    form.offer_regions([("clip", 1), ("bubble", 2)])
    assert form.region is None
    choice.value = 2
    form.offer_regions([("the bubble", 2), ("clip", 1)])
    names = [name for name, _ in choice._widget._mgui_get_choices()]
    assert names == [WHOLE_FIELD, "the bubble", "clip"]
    assert form.region == 2
    form.parameters["align"].value = "none"
    assert form.region is None
    assert not choice.enabled
    form.parameters["align"].value = "shift"
    assert form.region == 2
    form.offer_regions([("clip", 1)])
    assert form.region is None
    assert choice.value == WHOLE_FIELD


def test_the_crop_is_a_setting(form):
    assert form.settings().crop is False
    form.parameters["crop"].value = True
    assert form.settings().crop is True
    assert "some planes do not show" in form.parameters["crop"].tooltip


def test_only_the_user_edits(form):
    seen = []
    form.on_edit(lambda: seen.append(1))
    form.fill(THIRDS)
    form.offer_planes(7)
    form.offer_regions([("clip", 1)])
    assert seen == []
    form.z_step.value = "2"
    form.parameters["method"].value = "depth"
    form.checks["confidence"].value = True
    form.align_on.value = 1
    form.parameters["crop"].value = True
    assert len(seen) == 5
    form.offer_regions([])
    assert len(seen) == 5


def test_nothing_is_restored_where_values_are_recorded_ones(form):
    occlusion = form.parameters["occlusion"]
    assert occlusion.enabled
    for values, enabled in (("recorded", False), ("fused", True)):
        form.parameters["values"].value = values
        assert occlusion.enabled is enabled


def test_what_is_seldom_changed_is_folded_away(form):
    shown = [control for line in form.widgets[:-2] for control in line[1:]]
    assert [control.name for control in shown[:2]] == ["method", "align"]
    assert set(shown[2:6]) == set(form.checks.values())
    assert {form.z_step, form.unit, form.pixel_size} <= set(shown[6:])
    folded = {control.name for line in form.fold for control in line[1:]}
    assert folded >= {
        "reference",
        "crop",
        "brightness",
        "values",
        "occlusion",
        "gaussian",
        "laplacian",
    }
    assert form.widgets[-1] is form.fold
    assert not form.fold.visible
    for unfolded in (True, False):
        form.more.changed.emit(True)
        assert form.fold.native.isVisibleTo(form.fold.native.parentWidget()) is unfolded
        assert form.more.text.endswith("More")


def test_values_go_to_another_session_and_strange_ones_change_nothing(qapp):
    before, after = SettingsForm(), SettingsForm()
    before.parameters["method"].value = "depth"
    before.parameters["crop"].value = True
    before.checks["confidence"].value = True
    before.offer_planes(5)
    before.reference.value = 3
    values = json.loads(json.dumps(before.values()))
    after.take(values)
    assert after.values() == before.values() | {"reference": "middle"}
    assert after.outputs() == ["depth-index", "confidence"]
    assert values.keys() == after.values().keys() - {"reference"}
    strange = {"method": "magic", "align": 7, "crop": "yes", "gaussian": -5, "other": 1}
    after.take(strange)
    after.take({"gaussian": 10**400, "laplacian": 2**31})
    assert after.values() == before.values() | {"reference": "middle"}
