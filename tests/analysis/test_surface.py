"""Meshes of results: as near to the heights as fewer triangles allow, borders and holes kept."""

import sys

import fast_simplification
import numpy as np
import pytest
from scipy.interpolate import LinearNDInterpolator

from napari_focus_stack.analysis import HeightMap, surface_mesh
from napari_focus_stack.analysis.mesh import grid_mesh
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.io.sources import Spacing

SHAPE, PIXEL = (200, 260), (0.5, 0.25)
FACES = 13_000
"""An eighth of the triangles of `SHAPE`, so that pixels are vertices before decimation."""


def rows_and_columns() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.indices(SHAPE)
    return y * PIXEL[0], x * PIXEL[1]


def terrain() -> np.ndarray:
    """A cap of a sphere and a ridge on a tilted plane, with a hole."""
    y, x = rows_and_columns()
    square = 30.0**2 - (y - 40) ** 2 - (x - 30) ** 2
    heights = np.maximum(0.1 * x, np.sqrt(np.maximum(square, 0)) - 10)
    heights[150:160] += 4
    heights[70:90, 180:230] = np.nan
    return heights.astype(np.float32)


def calibrated(heights: np.ndarray, scale: float = 1.0, **known) -> HeightMap:
    size = (PIXEL[0] * scale, PIXEL[1] * scale)
    unit = "micrometer"
    return HeightMap(
        heights=heights * np.float32(scale), pixel_size=size, unit=unit, pixel_unit=unit, **known
    )


def areas_from_above(mesh) -> np.ndarray:
    a, b, c = (mesh.vertices[mesh.faces[:, i], 1:].astype(float) for i in range(3))
    (y, x), (v, u) = (b - a).T, (c - a).T
    return (y * u - x * v) / 2


def covered(heights: np.ndarray) -> float:
    """Area of the cells whose four corners have heights."""
    known = np.isfinite(heights)
    cells = known[1:, 1:] & known[:-1, :-1] & known[1:, :-1] & known[:-1, 1:]
    return cells.sum() * PIXEL[0] * PIXEL[1]


def test_fewer_triangles_stay_nearer_than_means_do_and_keep_borders_and_holes():
    heights = terrain()
    mesh = surface_mesh(calibrated(heights), most_faces=FACES)
    assert FACES * 0.95 < len(mesh.faces) <= FACES
    assert mesh.unit == "micrometer"
    # borders are the same polygons, hence the area over them is the same
    areas = areas_from_above(mesh)
    assert (areas > 0).all()
    assert areas.sum() == pytest.approx(covered(heights), rel=1e-5)
    np.testing.assert_array_equal(np.unique(mesh.faces), np.arange(len(mesh.vertices)))
    y, x = rows_and_columns()
    # a triangle away from the hole and the ends, where Delaunay's triangles are not the mesh's
    near = np.isfinite(heights) & (x < 40) & (x > 2) & (y > 2) & (y < 70)
    spacing = Spacing(y=PIXEL[0], x=PIXEL[1])
    means = grid_mesh(heights, heights, spacing, most_vertices=FACES // 2)
    off, off_by_means = (
        LinearNDInterpolator(one.vertices[:, 1:], one.vertices[:, 0])(y[near], x[near])
        - heights[near]
        for one in (mesh, means)
    )
    assert np.sqrt(np.mean(off**2)) < 0.5 * np.sqrt(np.mean(off_by_means**2))


def test_the_unit_does_not_change_the_mesh():
    one, other = (
        surface_mesh(calibrated(terrain(), scale), most_faces=FACES) for scale in (1, 1024)
    )
    np.testing.assert_array_equal(one.faces, other.faces)
    np.testing.assert_array_equal(one.vertices * 1024, other.vertices)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_colours_lie_where_the_image_has_them(channels):
    y, x = np.indices(SHAPE)
    image = np.stack([x / 2 + 50, y, 200 - x / 2, np.full(SHAPE, 255)], axis=-1)[..., :channels]
    image = np.rint(image).astype(np.uint8)[..., : channels if channels > 1 else 1]
    image = image[..., 0] if channels == 1 else image
    mesh = surface_mesh(calibrated(terrain()), image, most_faces=FACES)
    rows, columns = (mesh.vertices[:, 1:] / PIXEL).T
    shown = mesh.values if channels == 1 else mesh.colors[:, 0] * 255
    np.testing.assert_allclose(shown, columns / 2 + 50, atol=0.6)
    if channels > 1:
        np.testing.assert_allclose(mesh.colors[:, 1] * 255, rows, atol=0.6)
        assert mesh.colors.shape[1] == channels
    across, up = mesh.texcoords.T
    np.testing.assert_allclose(across * SHAPE[1] - 0.5, columns, atol=1e-3)
    np.testing.assert_allclose((1 - up) * SHAPE[0] - 0.5, rows, atol=1e-3)


def test_only_sure_heights_if_wanted():
    confidence = np.ones(SHAPE, np.float32)
    confidence[:100] = 0.1
    source = calibrated(terrain(), confidence=confidence)
    whole, sure = (surface_mesh(source, most_faces=FACES, sure_only=only) for only in (False, True))
    assert whole.vertices[:, 1].min() == pytest.approx(0, abs=1e-6)
    assert sure.vertices[:, 1].min() == pytest.approx(100 * PIXEL[0])


def test_a_map_that_is_border_everywhere_is_averaged_only():
    heights = terrain()
    heights[::4] = heights[:, ::4] = np.nan
    mesh = surface_mesh(calibrated(heights), most_faces=FACES)
    assert 0 < len(mesh.faces) <= FACES


def test_a_library_that_cannot_keep_borders_closes_no_hole(monkeypatch):
    newer = fast_simplification.simplify

    def older(points, faces, *, target_count):
        return newer(points, faces, target_count=target_count)

    monkeypatch.setattr(fast_simplification, "simplify", older)
    mesh = surface_mesh(calibrated(terrain()), most_faces=FACES)
    assert len(mesh.faces) <= FACES
    assert areas_from_above(mesh).sum() == pytest.approx(covered(terrain()), rel=2e-3)


def test_a_small_map_needs_no_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "fast_simplification", None)
    heights = np.arange(12, dtype=np.float32).reshape(3, 4)
    mesh = surface_mesh(calibrated(heights))
    np.testing.assert_array_equal(mesh.vertices[:, 0], heights.ravel())
    assert mesh.limits == (0, 11)
    with pytest.raises(InputError, match=r'pip install "napari-focus-stack\[heights\]"'):
        surface_mesh(calibrated(terrain()), most_faces=FACES)


def test_what_makes_no_mesh_is_refused():
    with pytest.raises(InputError, match="A mesh needs heights and pixels in one unit"):
        surface_mesh(HeightMap(heights=terrain(), unit="micrometer"))
    with pytest.raises(InputError, match="in planes and µm; give the z step"):
        surface_mesh(HeightMap(heights=terrain(), pixel_unit="micrometer"))
    for most in (7, 1e5):
        with pytest.raises(SettingsError, match="must be a whole number, 8 or more"):
            surface_mesh(calibrated(terrain()), most_faces=most)
    with pytest.raises(InputError, match="no heights side by side"):
        surface_mesh(calibrated(np.full((5, 5), np.nan, np.float32)))
