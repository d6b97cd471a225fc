"""Distances that microscopes write in their own ways."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

from napari_focus_stack.io.reading import read_stack
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.io.vendor_spacing import vendor_spacing

PLANE = np.arange(12 * 16, dtype=np.uint16).reshape(12, 16)
METASERIES = (
    '<MetaData>\r\n<prop id="Description" type="string" value="x"/>\r\n'
    '<prop id="MetaDataVersion" type="float" value="1"/>\r\n'
    '<prop id="ApplicationName" type="string" value="MetaMorph"/>\r\n<PlaneInfo>\r\n'
    '<prop id="plane-type" type="string" value="plane"/>\r\n'
    '<prop id="spatial-calibration-x" type="float" value="1.3668"/>\r\n'
    '<prop id="spatial-calibration-y" type="float" value="{y}"/>\r\n'
    '<prop id="spatial-calibration-units" type="string" value="um"/>\r\n'
    '<prop id="z-position" type="float" value="{z}"/>\r\n</PlaneInfo>\r\n</MetaData>\r\n'
)


CODES = {
    "stk": 33629,
    "lsm": 34412,
    "fluoview": 34361,
    "sis": 33560,
    "fei": 34682,
    "sem": 34118,
    "tvips": 37706,
}


class Tags(dict):
    def valueof(self, code, default=None):
        return self.get(code, default)


def vendor(kind, found):
    """Stand-in for an open TIFF of one vendor: what tifffile gives of it."""
    texts = {f"is_{name}": name == kind for name in ("metaseries", "scanimage")}
    tags = Tags({CODES.get(kind): None, 305: "SI." if kind == "scanimage" else ""})
    pages = SimpleNamespace(first=SimpleNamespace(tags=tags))
    return SimpleNamespace(**texts, pages=pages, **{f"{kind}_metadata": found})


def um(y=None, x=None, z=None):
    return Spacing(y, x, z, "micrometer")


@pytest.mark.parametrize(
    ("kind", "found", "spacing"),
    [
        ("lsm", {"VoxelSizeX": 2e-7, "VoxelSizeY": 3e-7, "VoxelSizeZ": 1e-6}, um(0.3, 0.2, 1.0)),
        (
            "stk",
            {
                "XCalibration": 0.1,
                "YCalibration": 0.2,
                "CalibrationUnits": "um",
                "ZDistance": [0.5] * 3,
            },
            um(0.2, 0.1, 0.5),
        ),
        ("stk", {"AbsoluteZ": np.array([8.0, 6.0, 4.0]), "ZDistance": [0.0, 1.0, 7.0]}, um(z=2.0)),
        (
            "fluoview",
            {
                "Dimensions": [
                    ["x", 9, 0, 0.1, "um"],
                    ["y", 9, 0, 0.2, "um"],
                    ["z", 5, 0, 400, "nm"],
                ]
            },
            um(0.2, 0.1, 0.4),
        ),
        ("sis", {"pixelsizex": 1e-7, "pixelsizey": 2e-7}, um(0.2, 0.1)),
        ("fei", {"Scan": {"PixelWidth": 1e-9, "PixelHeight": 2e-9}}, um(0.002, 0.001)),
        ("sem", {"ap_image_pixel_size": ("Image Pixel Size", 24.0, "nm")}, um(0.024, 0.024)),
        ("scanimage", {"FrameData": {"SI.hStackManager.stackZStepSize": -3}}, um(z=3.0)),
        ("tvips", {"PixelSizeX": 0.5, "PixelSizeY": 0.25}, um(0.00025, 0.0005)),
        ("lsm", {"VoxelSizeX": 0.0, "VoxelSizeZ": "none"}, Spacing()),
        ("lsm", None, Spacing()),
        ("sem", {"ap_image_pixel_size": 5}, Spacing()),
        ("", {}, Spacing()),
    ],
)
def test_distances_of_vendors_are_in_micrometres(kind, found, spacing):
    result, position = vendor_spacing(vendor(kind, found))
    for axis in "yxz":
        assert getattr(result, axis) == pytest.approx(getattr(spacing, axis))
    assert (result.unit, position) == (spacing.unit, None)


def write(path, z, kind):
    if kind == "metaseries":
        options = {"description": METASERIES.format(y=1.5, z=z), "software": "MetaSeries"}
    else:
        text = f'{{"PixelSizeUm": 0.325, "ZPositionUm": {z}}}'.encode()
        options = {"extratags": [(51123, "s", 0, text, True)]}
    tifffile.imwrite(path, PLANE, metadata=None, **options)


@pytest.mark.parametrize(
    ("kind", "spacing"),
    [("metaseries", um(1.5, 1.3668, 5.0)), ("micromanager", um(0.325, 0.325, 5.0))],
)
def test_single_files_have_the_step_of_their_positions(tmp_path, kind, spacing):
    for k in range(4):
        write(tmp_path / f"z{k}.tif", 9350 - 5 * k, kind)
    assert read_stack(tmp_path).spacing == spacing


def test_recorded_positions_order_planes_whose_names_go_another_way(tmp_path):
    for name, z in {"a": 30.0, "b": 10.0, "c": 20.0, "d": 0.0}.items():
        write(tmp_path / f"{name}.tif", z, "micromanager")
    source = read_stack(tmp_path)
    assert source.names == ("d.tif", "b.tif", "c.tif", "a.tif")
    assert source.spacing.z == 10.0
    [note] = [note for note in source.notes if "z positions in the files" in note]
    assert "'d.tif', 'b.tif', 'c.tif', 'a.tif'" in note


def test_a_drive_that_stands_still_orders_nothing(tmp_path):
    for name, z in {"a": 0.01, "b": 10.0, "c": 0.0, "d": 10.02}.items():
        write(tmp_path / f"{name}.tif", z, "micromanager")
    source = read_stack(tmp_path)
    assert source.names == ("a.tif", "b.tif", "c.tif", "d.tif")
    assert source.notes == ()
