"""Results found in the viewer: the layers of one run, and the result they still tell of."""

from dataclasses import fields, replace

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from stacks import banded_planes

from napari_focus_stack._napari.io.folder_reader import read_layers
from napari_focus_stack._napari.io.results_reader import reopen
from napari_focus_stack._napari.io.writers import write_results
from napari_focus_stack._napari.layers.appearance import OUTPUTS
from napari_focus_stack._napari.layers.lying_over import results_over
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.planes import planes_of
from napari_focus_stack._napari.layers.result_sets import (
    as_result,
    known_sources,
    newest_result,
    relief_of,
    result_sets,
)
from napari_focus_stack._napari.layers.results import SourceInfo, result_layers
from napari_focus_stack.analysis import HeightMap, open_heights
from napari_focus_stack.correction.retouch import apply_correction
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.result_outputs import write_outputs
from napari_focus_stack.io.sources import ArraySource, Spacing
from napari_focus_stack.pipeline.stack import focus_stack
from napari_focus_stack.settings import Settings

UM = Spacing(y=0.5, x=0.5, z=2.0, unit="micrometer")


@pytest.fixture
def viewer():
    return ViewerModel()


def run(planes, spacing=UM, **settings):
    return focus_stack(ArraySource(planes, spacing=spacing), align="none", **settings)


def add(viewer, result, source, wanted=tuple(OUTPUTS)):
    made = result_layers(result, wanted, SourceInfo.of([source], Settings()))
    return [viewer.add_image(array, **arguments) for array, arguments in made]


def test_a_result_that_the_command_wrote_is_a_result_in_the_viewer(viewer, planes, tmp_path):
    made = run(planes, z_factor=1.33, z_uncertainty=0.02)
    write_outputs({"image": tmp_path / "cells.focusstack"}, made)
    for data, arguments, _ in reopen(str(tmp_path / "cells.focusstack")):
        viewer.add_image(data, **arguments)
    (found,) = result_sets(viewer.layers)
    again = as_result(found)
    for name in ("image", "depth", "depth_index", "height", "confidence"):
        np.testing.assert_array_equal(getattr(again, name), getattr(made, name))
    assert again.report.z_calibration == made.report.z_calibration
    assert again.report.depth_unit == made.report.depth_unit
    assert again.report.spacing == made.report.spacing
    assert viewer.layers[-1] is found.image  # on top
    np.testing.assert_array_equal(found.image.scale, (0.5, 0.5))


@pytest.mark.parametrize("unit", ["um", "nm"])
def test_heights_saved_from_the_viewer_are_measured_as_they_are(viewer, planes, tmp_path, unit):
    source = viewer.add_image(planes, name="cells", scale=(2, 0.5, 0.5), units="um")
    made = run(planes, z_factor=1.33, z_uncertainty=0.02)
    layers = add(viewer, made, source)
    if unit == "nm":  # another unit for the same size
        for layer in layers:
            layer.scale, layer.units = (500, 500), ("nm", "nm")
    write_results(str(tmp_path / "r.focusstack"), [layer.as_layer_data_tuple() for layer in layers])
    opened = open_heights(tmp_path / "r.focusstack")
    expected = HeightMap.of_result(made)
    for field in fields(HeightMap):
        one, other = (getattr(each, field.name) for each in (opened.height_map, expected))
        np.testing.assert_allclose(one, other, rtol=1e-6) if field.type != "str" else None
        assert field.type != "str" or one == other
    np.testing.assert_array_equal(opened.image, made.image)


def test_layers_of_a_run_are_found_together_and_tell_its_result(viewer, planes):
    source = viewer.add_image(planes, name="cells", scale=(2, 0.5, 0.5), units="um")
    result = run(planes)
    *maps, image = add(viewer, result, source)
    maps[0].name = "renamed"
    [found] = result_sets(viewer.layers)
    assert found.image == image
    assert found.name == "cells"
    assert dict(found.maps) == {layer.metadata[METADATA_KEY]["role"]: layer for layer in maps}
    told = as_result(found)
    for name in ("image", "depth_index", "depth", "height", "confidence", "transforms"):
        np.testing.assert_array_equal(getattr(told, name), getattr(result, name))
    for name in ("shape", "crop", "in_order", "reference", "spacing", "left_out", "planes"):
        assert getattr(told.report, name) == getattr(result.report, name)


def test_saved_layers_tell_the_result_as_well(viewer, planes, tmp_path):
    source = viewer.add_image(planes, name="cells", scale=(2, 0.5, 0.5), units="um")
    result = run(planes, crop=True)
    made = [layer.as_layer_data_tuple() for layer in add(viewer, result, source)]
    [file] = write_results(str(tmp_path / "cells.focusstack"), made)
    viewer.layers.clear()
    for data, arguments, _ in reopen(file):
        viewer.add_image(data, **arguments)
    [found] = result_sets(viewer.layers)
    told = as_result(found)
    for name in ("image", "depth_index", "depth", "height", "confidence", "transforms"):
        np.testing.assert_array_equal(getattr(told, name), getattr(result, name))
    assert relief_of(found).unit == "micrometer"


def test_every_result_has_the_maps_of_its_own_run(viewer, planes):
    source = viewer.add_image(planes, name="cells")
    first = add(viewer, run(planes), source, ["depth-index"])
    other = add(viewer, run(planes, method="laplacian"), source, ["depth-index"])
    again = add(viewer, run(planes), source, ["depth-index"])
    found = result_sets(viewer.layers)
    assert [one.image for one in found] == [again[-1], other[-1], first[-1]]
    for one, (index, _) in zip(found, (again, other, first), strict=True):
        assert one.maps["depth-index"] == index


def test_relief_is_the_height_or_as_many_steps_as_the_depth(viewer, planes):
    source = viewer.add_image(planes, name="cells", scale=(2, 0.5, 0.5), units="um")
    result = run(planes)
    index, depth, height, _confidence, _ = add(viewer, result, source)
    for layer, heights in ((height, result.height), (depth, 2 * result.depth),
                           (index, 2.0 * result.depth_index)):  # fmt: skip
        [found] = result_sets(viewer.layers)
        relief = relief_of(found)
        np.testing.assert_allclose(relief.heights, heights)
        assert relief.unit == "micrometer"
        viewer.layers.remove(layer)
    [found] = result_sets(viewer.layers)
    assert list(found.maps) == ["confidence"]
    with pytest.raises(InputError, match=r"No depth of 'cells \[sharp\]' is in the viewer"):
        relief_of(found)
    with pytest.raises(InputError, match=r"depth index of 'cells \[sharp\]' is not in the viewer"):
        as_result(found)


def test_without_a_z_step_heights_are_planes(viewer, planes):
    result = run(planes, Spacing())
    add(viewer, result, viewer.add_image(planes, name="cells"), ["depth-index"])
    relief = relief_of(result_sets(viewer.layers)[0])
    assert relief.unit is None
    np.testing.assert_array_equal(relief.heights, result.depth_index)


def test_layers_that_do_not_say_enough_are_named(viewer, planes):
    add(viewer, run(planes), viewer.add_image(planes, name="cells"), ["depth-index"])
    for layer in list(viewer.layers)[1:]:
        del layer.metadata[METADATA_KEY]["in_order"]
    [found] = result_sets(viewer.layers)
    with pytest.raises(InputError, match="The report lacks in_order; stack again"):
        as_result(found)


def test_marks_of_the_sensor_come_back(viewer, planes):
    result = run(planes)
    report = replace(result.report, marks=[[3, 4]], dust=[[5, 9, 6, 12]], specks=[[2, 7, 8]])
    add(viewer, replace(result, report=report), viewer.add_image(planes, name="cells"))
    told = as_result(result_sets(viewer.layers)[0]).report
    assert (told.marks, told.dust, told.specks) == (report.marks, report.dust, report.specks)


def test_a_plane_left_out_and_a_crop_come_back(viewer):
    planes = banded_planes()
    matrices = np.tile(np.eye(3), (6, 1, 1))
    matrices[2] = np.nan
    matrices[5, 0, 2] = 6
    result = focus_stack(planes, crop=True, transforms=matrices)
    source = viewer.add_image(planes, name="cells")
    add(viewer, result, source, ["depth-index"])
    told = as_result(result_sets(viewer.layers)[0])
    assert told.report.crop == result.report.crop == [0, 48, 0, 58]
    np.testing.assert_array_equal(told.transforms, matrices)
    assert told.report.left_out == result.report.left_out


def test_planes_are_shown_as_bright_as_the_run_saw_them(viewer):
    """A plane that is painted in would stand out where the light had flickered."""
    planes = banded_planes()
    planes[1::2] = (planes[1::2] * 0.7).astype(np.uint8)
    source = viewer.add_image(planes, name="cells")
    result = run(planes, brightness="match")
    assert result.report.gains_applied
    assert min(result.report.gains) < 0.8
    add(viewer, result, source)
    [found] = result_sets(viewer.layers)
    labels = np.full(result.depth_index.shape, 2, np.uint16)
    stack = ArraySource(planes, spacing=UM)
    shown = [apply_correction(stack, one, labels).image for one in (as_result(found), result)]
    np.testing.assert_array_equal(*shown)


def opened(viewer, folder):
    [(data, arguments, _)] = read_layers(str(folder))
    return viewer.add_image(data, **arguments)


def test_another_folder_of_the_same_name_is_another_stack(viewer, planes, tmp_path):
    days = [tmp_path / day / "stack" for day in ("monday", "tuesday")]
    for day in days:
        day.mkdir(parents=True)
        for k, plane in enumerate(planes):
            tifffile.imwrite(day / f"{k}.tif", plane)
    source = opened(viewer, days[0])
    made = add(viewer, focus_stack(planes_of([source]), align="none"), source, ["depth-index"])
    [found] = result_sets(viewer.layers)
    [file] = write_results(
        str(tmp_path / "a.focusstack"), [one.as_layer_data_tuple() for one in made]
    )
    assert results_over([source], viewer.layers) == made

    viewer.layers.remove(source)
    other = opened(viewer, days[1])
    assert other.name == "stack"
    assert known_sources(found, viewer.layers) == []
    assert results_over([other], viewer.layers) == []

    viewer.layers.remove(other)
    again = opened(viewer, days[0])
    assert known_sources(found, viewer.layers) == [again]
    assert results_over([again], viewer.layers) == made

    viewer.layers.clear()  # another day, the folder has been moved
    moved = opened(viewer, days[1])
    for data, arguments, _ in reopen(file):
        viewer.add_image(data, **arguments)
    [found] = result_sets(viewer.layers)
    assert known_sources(found, viewer.layers) == [moved]


def test_the_newest_result_has_the_maps_of_its_own_run_alone(viewer, planes):
    source = viewer.add_image(planes, name="cells")
    add(viewer, run(planes, method="laplacian"), source, ["depth", "depth-index"])
    newest = add(viewer, run(planes), source, ["depth-index"])
    assert newest_result(viewer.layers) == newest
    viewer.layers.remove(newest[-1])
    viewer.layers.remove("cells [sharp]")
    assert source not in newest_result(viewer.layers)
    assert newest[0] in newest_result(viewer.layers)
