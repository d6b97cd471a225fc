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
