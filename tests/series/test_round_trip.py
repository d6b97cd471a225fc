"""Results of a series, read by the readers of others: bioio reads the OME-TIFF that we write."""

from __future__ import annotations

import numpy as np
import pytest

from napari_focus_stack import focus_series, open_series
from tests.series.experiments import SPACING, as_series, two_channels


@pytest.fixture
def written(tmp_path):
    series = as_series(two_channels(2), seconds=(0.0, 12.5))
    out = tmp_path / "film.ome.tif"
    result = focus_series(series, align="none", lead_channel="bright", out=out)
    return out, np.array(result.image)  # without the file held open


@pytest.mark.filterwarnings("ignore:As of version")  # of ome-types, which bioio uses
def test_bioio_reads_the_same_sizes_names_and_pixels(written):
    path, pixels = written
    image = pytest.importorskip("bioio").BioImage(
        path, reader=pytest.importorskip("bioio_ome_tiff").Reader
    )
    assert image.dims.order == "TCZYX"
    assert image.channel_names == ["dim", "bright"]
    assert (SPACING.y, SPACING.x) == (image.physical_pixel_sizes.Y, image.physical_pixel_sizes.X)
    pixels_read = image.ome_metadata.images[0].pixels
    assert (pixels_read.time_increment, pixels_read.time_increment_unit.value) == (12.5, "s")
    np.testing.assert_array_equal(image.get_image_data("TCYX", Z=0), pixels)


@pytest.mark.parametrize("role", ["image", "depth"])
def test_our_own_reader_does_too(written, role):
    path, _ = written
    if role != "image":
        path = path.with_name(f"film_{role}.ome.tif")
    position = open_series(path).positions[0]
    assert [(one.name, one.colour) for one in position.channels] == [
        ("dim", "#0000FF"),
        ("bright", "#00FF00"),
    ]
    assert (position.times, position.planes, position.seconds) == (2, 1, (0.0, 12.5))
    known = position.spacing
    assert (known.y, known.x, known.z) == (SPACING.y, SPACING.x, None)
