"""A report as a plain dictionary, and back."""

import dataclasses
import json

import numpy as np
import pytest

from napari_focus_stack.errors import InputError
from napari_focus_stack.result import LeftOut, Report


def made_report():
    transforms = np.stack([np.eye(3), np.diag([1.5, 1.25, 1.0]), np.full((3, 3), np.nan)])
    return Report(
        version="1.2.3",
        settings={"method": "pyramid", "align": "auto"},
        planes=["a", "b", "c"],
        shape=[3, 20, 24],
        dtype="uint8",
        reference=1,
        align="affine",
        transforms=transforms,
        residuals=[0.25, 0.0, None],
        gains=[1.0, 0.5, None],
        offsets=[0.0, -3.0, None],
        gains_applied=True,
        in_order=False,
        motion={"neighbours": {"regions": 3}},
        gain_spreads=[0.0, 0.125, None],
        left_out=[LeftOut(2, "c", "it fits nowhere")],
        marks=[[1, 2]],
        dust=[[0, 4, 5, 9]],
        specks=[[0, 3, 4]],
        intensities={"clipped": 0.1},
        crop=[0, 18, 2, 24],
        spacing={"y": 0.5, "x": 0.5, "z": None, "unit": "micrometer"},
        z_calibration={"factor": 1.33, "uncertainty": 0.01, "drive_step": 0.5},
        depth_unit=2.5,
        health={"noise": 1.5},
        occlusion={"found": False, "why": "not looked"},
        advice={"focus": ["Step less."]},
        notes=["Step less."],
        inputs=["/data/a.tif"],
        place={"series": "/data/film.tif", "time": 3},
        series={"lead": "DAPI"},
    )


def assert_same(report, expected):
    for field in dataclasses.fields(Report):
        here, there = getattr(report, field.name), getattr(expected, field.name)
        assert type(here) is type(there), field.name
        if field.name == "transforms":
            assert here.dtype == np.float64
            np.testing.assert_array_equal(here, there)
        else:
            assert here == there, field.name


def test_a_report_comes_back_from_json():
    report = made_report()
    assert all(
        getattr(report, field.name)
        for field in dataclasses.fields(Report)
        if field.name not in ("transforms", "in_order")
    )  # so nothing is there by default
    assert_same(Report.from_dict(json.loads(json.dumps(report.as_dict()))), report)
    assert_same(Report.from_dict(report.as_dict()), report)


def test_a_report_does_not_share_lists_with_the_dictionary():
    plain = made_report().as_dict()
    report = Report.from_dict(plain)
    report.notes.append("more")
    report.gains[0] = 7.0
    assert (plain["notes"], plain["gains"][0]) == (["Step less."], 1.0)


def test_unknown_keys_are_ignored_and_missing_ones_have_their_defaults():
    plain = made_report().as_dict()
    needed = {
        field.name
        for field in dataclasses.fields(Report)
        if field.default is field.default_factory is dataclasses.MISSING
    }
    known = {key: plain[key] for key in needed - {"residuals"}}
    report = Report.from_dict({**known, "role": "stacked", "sources": ["cells"]})
    assert report.residuals == [None] * 3
    assert (report.crop, report.left_out, report.dust, report.health) == (None, [], [], {})
    assert report.gains == [1.0, 0.5, None]


@pytest.mark.parametrize(
    ("key", "damaged"),
    [("left_out", [{"plane": 1}]), ("left_out", [3]), ("transforms", [[1, 2]]), ("transforms", 5)],
)
def test_a_damaged_field_is_an_input_error(key, damaged):
    with pytest.raises(InputError, match="The report is damaged"):
        Report.from_dict({**made_report().as_dict(), key: damaged})


@pytest.mark.parametrize("key", ["transforms", "reference", "planes"])
def test_what_a_report_cannot_be_without_is_named(key):
    plain = made_report().as_dict()
    del plain[key]
    with pytest.raises(InputError, match=f"The report lacks {key}"):
        Report.from_dict(plain)
