"""Every parameter is checked against the bounds that its field gives."""

from __future__ import annotations

import dataclasses
import json
import reprlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focus_stack.errors import FocusStackError, SettingsError
from napari_focus_stack.settings import Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("method", "sharpest"),
        ("align", "optical-flow"),
        ("brightness", "yes"),
        ("reference", -1),
        ("reference", "last"),
        ("reference", True),
        ("reference", 1.0),
        ("gaussian", 10**20 + 1),
        ("gaussian", 0),
        ("gaussian", 4),
        ("gaussian", -3),
        ("gaussian", 5.0),
        ("gaussian", True),
        ("laplacian", 33),
        ("laplacian", 2),
        ("z_step", 0),
        ("z_step", -0.5),
        ("z_step", float("nan")),
        ("z_step", float("inf")),
        ("z_step", "0.5"),
        ("z_step", np.float32(-1)),
        ("z_step", np.bool_(True)),
        ("z_step", 10**400),
        ("z_step", np.array([1.0, 2.0])),
        ("reference", np.array([1, 2])),
        ("reference", np.int64(-1)),
        ("method", np.array(["depth", "pyramid"])),
        ("gaussian", np.array([3, 5])),
        ("gaussian", np.int16(4)),
        ("crop", 1),
        ("crop", "yes"),
        ("crop", None),
        ("align_region", (0, 40, 0)),
        ("align_region", (0, 40, 0, 40, 0)),
        ("align_region", (0, 40, 0, 40.0)),
        ("align_region", (0, 40, 0, True)),
        ("align_region", (-1, 40, 0, 40)),
        ("align_region", (40, 40, 0, 40)),
        ("align_region", (0, 40, 40, 0)),
        ("align_region", "0123"),
        ("align_region", 40),
    ],
)
def test_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings(**{name: value})
    message = str(refused.value)
    assert message.startswith(f"{name} {reprlib.repr(value)} ")
    assert "\n" not in message
    assert len(message) < 200
    assert isinstance(refused.value, FocusStackError)


@settings(deadline=None)
@given(st.integers(min_value=-50, max_value=50))
def test_kernels_are_odd_and_bounded(size: int) -> None:
    for name, most in [("gaussian", 50), ("laplacian", 31)]:
        if size % 2 == 1 and 1 <= size <= most:
            assert getattr(Settings(**{name: size}), name) == size
        else:
            with pytest.raises(SettingsError):
                Settings(**{name: size})


@settings(deadline=None)
@given(st.integers(2, 500), st.integers(0, 600))
def test_reference_is_one_of_the_planes(planes: int, number: int) -> None:
    assert Settings().reference_plane(planes) == planes // 2
    assert Settings(reference="first").reference_plane(planes) == 0
    if number < planes:
        assert Settings(reference=number).reference_plane(planes) == number
    else:
        with pytest.raises(SettingsError, match=f"choose 0 to {planes - 1}"):
            Settings(reference=number).reference_plane(planes)


@pytest.mark.parametrize(
    ("options", "method"),
    [
        ({}, "pyramid"),
        ({"gaussian": 3}, "laplacian"),
        ({"laplacian": 3}, "laplacian"),
        ({"gaussian": 3, "method": "depth"}, "depth"),
        ({"gaussian": None, "method": None}, "pyramid"),
    ],
)
def test_kernel_chooses_its_method(options: dict[str, Any], method: str) -> None:
    assert Settings.from_options(**options).method == method


def test_unknown_option_is_named() -> None:
    with pytest.raises(SettingsError, match="'gausian'"):
        Settings.from_options(gausian=3)


def test_options_on_top_of_settings_leave_the_rest() -> None:
    before = Settings(method="depth", crop=True, reference=2)
    assert before.updated(z_step=2, crop=None) == Settings(
        method="depth", crop=True, reference=2, z_step=2
    )
    assert before.updated(gaussian=3, crop=False) == Settings(
        method="laplacian", gaussian=3, reference=2
    )
    with pytest.raises(SettingsError, match="'sharpness'"):
        before.updated(sharpness=1)


def test_every_field_explains_itself() -> None:
    for field in dataclasses.fields(Settings):
        assert field.metadata["help"].endswith("."), field.name


def test_numpy_scalars_become_plain_numbers() -> None:
    settings = Settings(
        method=np.str_("laplacian"),
        reference=np.int64(1),
        gaussian=np.uint8(3),
        laplacian=np.int32(7),
        z_step=np.float32(0.5),
    )
    plain = Settings(method="laplacian", reference=1, gaussian=3, laplacian=7, z_step=0.5)
    assert settings == plain
    kinds = [type(value) for value in settings.as_dict().values()]
    assert kinds == [type(value) for value in plain.as_dict().values()]
    assert json.loads(json.dumps(settings.as_dict())) == plain.as_dict()


def test_dictionary_makes_the_same_settings() -> None:
    settings = Settings(method="depth", reference=3, z_step=0.25)
    assert Settings(**settings.as_dict()) == settings


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 300), min_size=4, max_size=4),
    st.booleans(),
    st.sampled_from([list, tuple, np.array]),
)
def test_what_json_keeps_makes_the_same_settings(box, crop: bool, kind) -> None:
    """JSON knows no tuples, and a box of NumPy's numbers is no JSON."""
    rows, columns = sorted(box[:2]), sorted(box[2:])
    if rows[0] == rows[1] or columns[0] == columns[1]:
        with pytest.raises(SettingsError, match="align_region"):
            Settings(align_region=kind([*rows, *columns]))
        return
    settings = Settings(align_region=kind([*rows, *columns]), crop=np.bool_(crop))
    assert settings.align_region == (*rows, *columns)
    assert settings.crop is crop
    assert Settings(**json.loads(json.dumps(settings.as_dict()))) == settings


def test_an_array_that_is_no_box_is_refused_in_one_line() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings(align_region=np.array([[0, 40], [0, 40]]))
    assert "\n" not in str(refused.value)


edges = st.lists(st.integers(0, 120), min_size=2, max_size=2, unique=True).map(sorted)


@settings(deadline=None)
@given(edges, edges, st.integers(40, 100), st.integers(40, 100))
def test_the_region_lies_in_the_field_and_shows_enough(rows, columns, height, width) -> None:
    (y0, y1), (x0, x1) = rows, columns
    settings = Settings(align_region=(y0, y1, x0, x1))
    if y1 <= height and x1 <= width and y1 - y0 >= 32 and x1 - x0 >= 32:
        assert settings.region_in((height, width, 3)) == (y0, y1, x0, x1)
    else:
        with pytest.raises(SettingsError, match=f"^align_region {y0} {y1} {x0} {x1} "):
            settings.region_in((height, width))


def test_without_a_region_any_field_will_do() -> None:
    assert Settings().region_in((8, 8)) is None
