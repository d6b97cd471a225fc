"""A surface to look at: where its vertices lie, how its triangles turn, what colour it has."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_focus_stack.analysis.mesh import TriangleMesh, grid_mesh
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.io.sources import Spacing

UM = Spacing(y=0.5, x=0.25, z=3.0, unit="micrometer")


def slope(shape: tuple[int, int], rise: tuple[float, float] = (0.4, -0.7)) -> np.ndarray:
    y, x = np.indices(shape)
    return 5 + rise[0] * y * UM.y + rise[1] * x * UM.x


def normals(surface: TriangleMesh) -> np.ndarray:
    """Cross products of two edges of every face, as z, y, x: twice its area long."""
    a, b, c = (surface.vertices[surface.faces[:, i]].astype(float) for i in range(3))
    return np.cross(b - a, c - a)


@given(st.integers(2, 90), st.integers(2, 90), st.integers(4, 3000), st.floats(0.1, 20))
@settings(max_examples=60, deadline=None)
def test_tilted_plane_stays_where_it_is_however_few_vertices_there_are(
    height: int, width: int, most: int, exaggeration: float
) -> None:
    shape = (height, width)
    surface = grid_mesh(
        slope(shape), np.zeros(shape), UM, most_vertices=most, exaggeration=exaggeration
    )
    z, y, x = surface.vertices.T
    np.testing.assert_allclose(z, exaggeration * (5 + 0.4 * y - 0.7 * x), rtol=1e-4, atol=1e-3)
    assert len(z) <= most
    assert z.dtype == np.float32
    rows, cols = (np.unique(side) for side in (y, x))
    assert len(rows) * len(cols) == len(z)
    # areas of equal length, but for what counts of pixels that two of them share
    for places, side, size in ((rows, height, UM.y), (cols, width, UM.x)):
        middle = (np.arange(len(places)) + 0.5) * side / len(places) - 0.5
        np.testing.assert_allclose(places / size, middle, atol=0.26)
    assert len(surface.faces) == 2 * (len(rows) - 1) * (len(cols) - 1)
    up = normals(surface)
    assert (up[:, 0] > 0).all()
    np.testing.assert_allclose(up[:, 0].sum() / 2, np.ptp(y) * np.ptp(x), rtol=1e-4)
    np.testing.assert_allclose(up[:, 1] / up[:, 0], -0.4 * exaggeration, rtol=0.02, atol=0.02)


def test_few_pixels_are_taken_as_they_are() -> None:
    rng = np.random.default_rng(0)
    height, image = rng.normal(0, 1, (20, 30)), rng.integers(0, 4000, (20, 30), np.uint16)
    surface = grid_mesh(height, image, UM)
    y, x = np.indices((20, 30)).reshape(2, -1)
    np.testing.assert_allclose(
        surface.vertices, np.stack([height.ravel(), y * 0.5, x * 0.25], axis=1), rtol=1e-6
    )
    np.testing.assert_array_equal(surface.values, image.ravel())
    assert surface.colors is None
    assert surface.limits == (image.min(), image.max())
    u, v = surface.texcoords.T * [[30], [20]]
    np.testing.assert_array_equal(image[::-1][np.floor(v).astype(int), np.floor(u).astype(int)],
                                  image.ravel())  # fmt: skip
    assert grid_mesh(height, image, Spacing()).vertices[:, 1:].max(0).tolist() == [19, 29]


def test_vertices_keep_pixels_square() -> None:
    surface = grid_mesh(np.zeros((600, 1500)), np.zeros((600, 1500)), Spacing(), most_vertices=999)
    rows, cols = (np.unique(surface.vertices[:, i]) for i in (1, 2))
    assert 900 < len(rows) * len(cols) <= 999
    assert np.diff(rows).mean() == pytest.approx(np.diff(cols).mean(), rel=0.05)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64", "int32"])
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_colours_are_means_of_areas(dtype: str, channels: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    white = {"u": 255 if dtype == "uint8" else 4000, "i": 4000, "f": 1.0}[np.dtype(dtype).kind]
    image = (rng.random((40, 60, *channels)) * white).astype(dtype)
    if channels == (4,):
        image[..., 3] = 1 if white == 1 else np.iinfo(dtype).max
    surface = grid_mesh(np.zeros((40, 60)), image, UM, most_vertices=150, limits=(0, white))
    means = image.reshape(10, 4, 15, 4, *channels).astype(float).mean((1, 3))
    level = 0.51 if np.dtype(dtype).kind != "f" else 1e-6
    if not channels:
        np.testing.assert_allclose(surface.values.reshape(10, 15), means, atol=level)
        return
    assert surface.values is None
    assert surface.colors.dtype == np.float32
    assert surface.colors.shape == (150, *channels)
    light = surface.colors[:, :3].reshape(10, 15, 3)
    np.testing.assert_allclose(light, means[..., :3] / white, atol=level / white)
    if channels == (4,):
        assert (surface.colors[:, 3] == 1).all()


def test_limits_of_colour_end_where_the_picture_does_but_for_8_bits() -> None:
    image = np.full((10, 10, 3), 100, np.uint8)
    flat = np.zeros((10, 10))
    assert grid_mesh(flat, image, UM).colors.max() == np.float32(100 / 255)
    camera = grid_mesh(flat, image.astype(np.uint16) * 40, UM)
    assert camera.limits == (0, 4000)
    assert camera.colors.max() == 1
    shown = grid_mesh(flat, image, UM, limits=(50, 90))
    assert (shown.colors == 1).all()


def test_nothing_hangs_over_what_has_no_height() -> None:
    height = slope((40, 50))
    height[10:20, 10:30] = np.nan
    height[30:, 40] = np.inf
    height[:, 47:] = np.nan
    height[5, 48] = 1.0  # alone
    surface = grid_mesh(height, np.zeros((40, 50)), UM)
    at = np.rint(surface.vertices[:, 1:] / [UM.y, UM.x]).astype(int)
    assert np.isfinite(surface.vertices).all()
    assert np.isfinite(height[at[:, 0], at[:, 1]]).all()
    assert len(at) == np.isfinite(height).sum() - 1
    np.testing.assert_array_equal(np.unique(surface.faces), np.arange(len(at)))
    known = np.isfinite(height)
    cells = known[1:, 1:] & known[:-1, :-1] & known[1:, :-1] & known[:-1, 1:]
    assert len(surface.faces) == 2 * cells.sum()
    edges = np.ptp(at[surface.faces], axis=1)
    assert (edges == 1).all()  # none reaches across


def test_heights_beside_gaps_are_not_pulled_down() -> None:
    height = np.full((40, 40), 9.0)
    height[:, 17:] = np.nan
    image = np.full((40, 40), np.nan, np.float32)
    image[:, :18] = 3.0
    surface = grid_mesh(height, image, UM, most_vertices=100)
    np.testing.assert_allclose(surface.vertices[:, 0], 9, rtol=1e-6)
    np.testing.assert_allclose(surface.values, 3, rtol=1e-6)
    # areas of 4 columns: of the fifth, one column in four has heights
    assert len(np.unique(surface.vertices[:, 2])) == 4


def test_whole_numbers_are_averaged_to_fractions_of_a_plane() -> None:
    index = np.tile(np.array([[1, 2], [2, 2]], np.uint16), (10, 10))
    surface = grid_mesh(index, index, UM, most_vertices=100)
    np.testing.assert_allclose(surface.vertices[:, 0], 1.75)


@pytest.mark.parametrize(
    ("changed", "kind", "words"),
    [
        ({"height": np.zeros((5, 5, 5))}, InputError, "makes no surface"),
        ({"height": np.zeros((1, 5)), "image": np.zeros((1, 5))}, InputError, "makes no surface"),
        ({"image": np.zeros((10, 9))}, InputError, "does not fit"),
        ({"image": np.zeros((10, 10, 2))}, InputError, "does not fit"),
        ({"height": np.full((10, 10), np.nan)}, InputError, "no heights side by side"),
        ({"most_vertices": 3}, SettingsError, "most_vertices 3 must be 4 or more"),
        ({"exaggeration": 0}, SettingsError, "exaggeration 0 must be"),
        ({"exaggeration": math.nan}, SettingsError, "exaggeration nan must be"),
        ({"limits": (2.0, 2.0)}, SettingsError, "two rising numbers"),
    ],
)
def test_what_does_not_fit_is_refused(
    changed: dict[str, Any], kind: type[Exception], words: str
) -> None:
    call = {"height": np.zeros((10, 10)), "image": np.zeros((10, 10)), "spacing": UM, **changed}
    with pytest.raises(kind, match=words):
        grid_mesh(**call)
