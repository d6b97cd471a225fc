"""Layers of files of which one cannot be read: named and refused, whatever became of the layer."""

import copy
import gc
import pickle
import threading
import weakref
from typing import TYPE_CHECKING

import dask
import dask.array
import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.layers._layer_actions import _duplicate_layer, _split_stack
from stacks import banded_planes

from napari_focus_stack._napari.io.folder_reader import read_layers
from napari_focus_stack._napari.io.writers import write_picture, write_results
from napari_focus_stack._napari.layers.lazy_planes import LazyPlanes, lazy_array
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.planes import planes_of
from napari_focus_stack._napari.layers.result_sets import result_sets
from napari_focus_stack._napari.layers.results import SourceInfo, result_layers
from napari_focus_stack._napari.layers.stack_slice import StackSlice, stack_in
from napari_focus_stack._napari.workers.projection import ProjectionOptions, transfer_job
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.sources import ArraySource
from napari_focus_stack.pipeline.stack import focus_stack
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    from napari_focus_stack._napari.docks.stack import FocusStackWidget

COUNT, GONE = 9, 4
ALL = ("depth-index", "depth", "confidence")
NAMED = (
    r"^'img_5\.tif' cannot be read: it is gone; repair or remove the file, then open the folder "
    r"again\.$"
)


@pytest.fixture
def folder(tmp_path):
    """Plane k is filled with k + 1, its file numbered so."""
    for k in range(COUNT):
        plane = np.full((20, 24), k + 1, np.uint8)
        tifffile.imwrite(tmp_path / f"img_{k + 1}.tif", plane, photometric="minisblack")
    return tmp_path


@pytest.fixture
def opened(folder):
    """The layer of the folder, a file of which goes while it is open."""
    [(data, arguments, _)] = read_layers(str(folder))
    (folder / f"img_{GONE + 1}.tif").unlink()
    return Image(data, **arguments)


def read_all(source):
    return [int(source[k][3, 3]) for k in range(len(source))]


def shown(layer):
    """What napari draws: every plane, kept in its cache."""
    viewer = ViewerModel()
    viewer.add_layer(layer)
    for k in range(layer.data.shape[0]):
        viewer.dims.set_current_step(0, k)
    return layer


WAYS = {
    "sliced": lambda data: data[2:9],
    "every second": lambda data: data[::2],
    "cut out": lambda data: data[:, 2:18, 3:20],
    "axis moved": lambda data: np.moveaxis(data, 0, 2),
    "axis moved twice": lambda data: np.moveaxis(np.moveaxis(data, 0, 2)[:9], 2, 0),
    "backwards": lambda data: data[::-1],
    "in another order": lambda data: data[[5, 4, 3, 8]],
    "taken": lambda data: np.take(data, [4, 1], axis=0),
    "stacked again": lambda data: dask.array.stack([data[4], data[0]]),
    "joined": lambda data: dask.array.concatenate([data[:3], data[3:]]),
    "computed with": lambda data: data.astype(np.float32) + 10,
    "chunked otherwise": lambda data: data.rechunk((3, 20, 24)),
    "delayed": lambda data: dask.array.from_delayed(
        dask.delayed(np.asarray)(data[:, ::2]), (COUNT, 10, 24), data.dtype
    ),
    "optimized": lambda data: dask.optimize(data[2:9])[0],
}


@pytest.mark.parametrize("seen", [False, True], ids=["unseen", "seen"])
@pytest.mark.parametrize("way", WAYS)
def test_a_changed_layer_with_an_unreadable_plane_is_refused_by_name(opened, way, seen):
    opened.data = WAYS[way](opened.data)
    if seen:
        shown(opened)
    with pytest.raises(InputError, match=NAMED):
        read_all(planes_of([opened]))


@pytest.mark.parametrize("way", WAYS)
def test_a_changed_layer_is_what_is_stacked(folder, way):
    [(data, arguments, _)] = read_layers(str(folder))
    recorded = dask.array.from_array(np.asarray(data))
    layer, expected = Image(data, **arguments), WAYS[way](recorded).compute()
    layer.data = WAYS[way](data)
    source = planes_of([layer])
    np.testing.assert_array_equal([source[k] for k in range(len(source))], expected)


def test_a_part_without_the_unreadable_plane_is_stacked(opened):
    opened.data = shown(opened).data[[8, 5, 0, 1]]
    assert read_all(planes_of([opened])) == [9, 6, 1, 2]


@pytest.mark.parametrize("seen", [False, True], ids=["unseen", "seen"])
def test_a_copy_is_refused_by_name_too_and_reads_the_files(opened, seen):
    viewer = ViewerModel()
    viewer.add_layer(opened)
    if seen:
        viewer.dims.set_current_step(0, GONE)
    _duplicate_layer(viewer.layers)
    source = planes_of([viewer.layers[f"{opened.name} copy"]])
    assert source.names[0] == "img_1.tif"
    with pytest.raises(InputError, match=NAMED):
        source[GONE]


def test_a_stack_split_by_napari_is_refused_by_name(opened):
    viewer = ViewerModel()
    viewer.add_layer(opened)
    _split_stack(viewer.layers)
    assert len(viewer.layers) == COUNT
    with pytest.raises(InputError, match=NAMED):
        read_all(planes_of(list(viewer.layers)))


@pytest.mark.parametrize("z", [1, 2])
def test_planes_across_the_files_are_refused_by_name(opened, z):
    with pytest.raises(InputError, match=NAMED):
        read_all(planes_of([stack_in(opened, StackSlice(z))]))


def test_a_multiscale_layer_is_refused_by_name(opened):
    data = opened.data[:, ::-1]
    layer = Image([data, data[:, ::2, ::2]], multiscale=True, contrast_limits=(0, 9))
    with pytest.raises(InputError, match=NAMED):
        read_all(planes_of([layer]))


def test_other_data_are_not_read_from_the_files(opened):
    for other in (
        np.full((COUNT, 20, 24), 7, np.uint8),
        dask.array.full((COUNT, 20, 24), 7, chunks=(1, 20, 24), dtype=np.uint8),
    ):
        opened.data = other
        assert read_all(planes_of([opened])) == [7] * COUNT
    other = Image(np.full((3, 20, 24), 7), metadata=opened.metadata)
    assert read_all(planes_of([other])) == [7] * 3


def test_scrolling_shows_zeros_while_planes_are_read(opened):
    opened.data = opened.data[2:9]
    source = planes_of([opened])
    with pytest.raises(InputError):
        source[2]
    assert not np.asarray(opened.data[2]).any()


def test_a_dask_array_of_others_is_computed_as_they_have_it():
    """By the scheduler that is set, which may be a cluster's."""
    names = []

    def scheduler(graph, keys, **options):
        names.append("theirs")
        return dask.get(graph, keys)

    layer = Image(dask.array.zeros((3, 20, 24), chunks=(1, 20, 24)), contrast_limits=(0, 1))
    source = planes_of([layer])
    names.clear()
    with dask.config.set(scheduler=scheduler):
        source[1]
    assert names == ["theirs"]


def test_a_damaged_plane_of_an_aligned_layer_is_not_saved_as_zeros(opened, tmp_path):
    data = lazy_array(LazyPlanes(planes_of([opened])))
    layer = Image(data, contrast_limits=(0, 9), metadata={METADATA_KEY: {"role": "aligned"}})
    file = tmp_path / "aligned.focusstack"
    with pytest.raises(InputError, match=NAMED):
        write_results(str(file), [layer.as_layer_data_tuple()])
    assert not file.exists()


def test_a_damaged_plane_is_not_saved_as_a_picture_of_zeros(opened, tmp_path):
    file = tmp_path / "plane.png"
    with pytest.raises(InputError, match=NAMED):
        write_picture(str(file), opened.data[GONE], {"name": "plane", "rgb": False})
    assert not file.exists()


def test_labels_that_napari_made_of_the_files_are_refused_by_name(tmp_path):
    planes = banded_planes(COUNT, (90, 64))
    for k, plane in enumerate(planes):
        tifffile.imwrite(tmp_path / f"img_{k + 1}.tif", plane, photometric="minisblack")
    [(data, arguments, _)] = read_layers(str(tmp_path))
    (tmp_path / f"img_{GONE + 1}.tif").unlink()
    result = focus_stack(ArraySource(planes), align="none")
    origin = SourceInfo.of([Image(data, **arguments)], Settings())
    layers = [Image(array, **shown) for array, shown in result_layers(result, ALL, origin)]
    [found] = result_sets(layers)
    steps, _ = transfer_job(Labels(data), found, ProjectionOptions(), layers)
    with pytest.raises(InputError, match=NAMED):
        list(steps(threading.Event()))


def test_closed_stacks_are_forgotten(folder):
    [(data, arguments, _)] = read_layers(str(folder))
    layer = Image(data, **arguments)
    source = weakref.ref(planes_of([layer])._source)
    assert source() is not None
    del data, arguments, layer, _
    gc.collect()
    assert source() is None


def test_metadata_of_a_layer_can_be_copied_and_pickled(opened):
    for copied, first in (
        (copy.deepcopy(opened.metadata), "img_1.tif"),
        (pickle.loads(pickle.dumps(opened.metadata)), "plane 0 of other"),
    ):
        source = planes_of([Image(opened.data, name="other", metadata=copied)])
        assert source.names[0] == first
        with pytest.raises(InputError, match=NAMED):
            source[GONE]


def test_the_dock_names_the_file_of_a_sliced_layer(qtbot, viewer, dock, opened, notifications):
    viewer.add_layer(opened)
    opened.data = opened.data[2:9]
    widget: FocusStackWidget = dock("Focus Stack")
    notifications.clear()
    widget.stack_button.native.click()
    qtbot.waitUntil(lambda: not widget.job.cancel_button.enabled, timeout=10_000)
    assert "'img_5.tif' cannot be read" in widget.job.status.value
    assert len(viewer.layers) == 1
