"""An OME-TIFF that is written image by image."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_focus_stack.io.hyperstack_writer import HyperstackLegend, HyperstackWriter
from napari_focus_stack.io.sources import Spacing

LEGEND = HyperstackLegend(Spacing(), [("", None)])


def test_an_image_of_another_size_is_refused_and_the_rest_stays(tmp_path):
    path = tmp_path / "a.tif"
    image = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30)
    writer = HyperstackWriter(path, (3, 1, 20, 30), image.dtype, LEGEND)
    writer.write(0, 0, image)
    writer.close()
    writer.close()
    writer.write(2, 0, image[::-1])
    for wrong in (image[:, :-1], image.T, image.astype(np.float32), image[None]):
        with pytest.raises(ValueError, match="for"):
            writer.write(1, 0, wrong)
    np.testing.assert_array_equal(writer.read(0, 0), image)
    writer.close()
    np.testing.assert_array_equal(tifffile.imread(path), [image, 0 * image, image[::-1]])


def test_yes_and_no_is_read_back_as_such(tmp_path):
    path, image = tmp_path / "a.tif", np.eye(20, dtype=bool)
    writer = HyperstackWriter(path, (1, 1, 20, 20), image.dtype, LEGEND)
    writer.write(0, 0, image)
    np.testing.assert_array_equal(writer.read(0, 0), image)
    assert writer.read(0, 0).dtype == bool
    writer.close()
    found = np.array(np.memmap(path, mode="r", **writer.layout))
    np.testing.assert_array_equal(found[0, 0], image)
    assert tifffile.imread(path).dtype == np.uint8
