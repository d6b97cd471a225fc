"""Cells hold what their pixels hold, at the borders too."""

from __future__ import annotations

import numpy as np
import pytest

from napari_focus_stack.occlusion.patch_grid import CELL, DepthGrid


@pytest.mark.parametrize("shape", [(64, 48), (61, 50), (5, 9)])
def test_the_rearmost_depth_is_found_in_cells_that_are_cut_off(shape: tuple[int, int]) -> None:
    depth = np.full(shape, 5, np.float32)
    depth[-1, -1] = 2
    sure, nothing = np.ones(shape, np.float32), np.zeros(shape, bool)
    lowest = DepthGrid.of(depth, sure, nothing).lowest((slice(0, shape[0]), slice(0, shape[1])))
    assert lowest.shape == shape
    assert (lowest == 2).all()


def test_samples_begin_at_even_pixels_and_lie_around_discontinuities() -> None:
    depth, sure = np.zeros((400, 300), np.float32), np.ones((400, 300), np.float32)
    edges = np.zeros(depth.shape, bool)
    edges[203:207, 31:271] = True
    samples = DepthGrid.of(depth, sure, edges).samples(8, 192)
    assert samples
    for part in samples:
        assert all(side.start % CELL == 0 for side in part.outer)
        assert edges[part.outer].any()


def test_a_turned_grid_is_that_of_the_turned_depth() -> None:
    rng = np.random.default_rng(0)
    depth, sure = rng.uniform(0, 9, (61, 50)).astype(np.float32), np.ones((61, 50), np.float32)
    edges = rng.random(depth.shape) < 0.01
    everywhere = slice(0, 61), slice(0, 50)
    turned = DepthGrid.of(depth, sure, edges).turned(9)
    grid = DepthGrid.of(np.float32(9) - depth, sure, edges)
    np.testing.assert_array_equal(turned.least, grid.least)
    np.testing.assert_array_equal(turned.lowest(everywhere), grid.lowest(everywhere))


@pytest.mark.parametrize(("left", "right", "parts"), [(480, 560, 1), (40, 960, 2)])
def test_parts_are_joined_where_their_margins_overlap(left: int, right: int, parts: int) -> None:
    depth, edges = np.zeros((200, 1000), np.float32), np.zeros((200, 1000), bool)
    depth[:, left:right] = 5
    for side in (left, right):
        edges[:, side - 2 : side + 2] = True
    grid = DepthGrid.of(depth, np.ones_like(depth), edges)
    found = grid.parts(2.0, 20.0, 1e6)
    assert len(found) == parts
    assert sum(part.discontinuities for part in found) == np.count_nonzero(edges)
    changed = np.zeros_like(edges)
    for part in found:
        assert not changed[part.inner].any()
        changed[part.inner] = True
    assert changed[edges].all()
