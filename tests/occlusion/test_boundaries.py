"""What is near is found at its own depth, and where it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from parts import BAR, FAR, NEAR, SIDE, patch
from scenes import picture

from napari_focus_stack.occlusion.boundaries import (
    OcclusionBoundary,
    detail_peak,
    find_boundary,
    fine_energy,
)

if TYPE_CHECKING:
    from napari_focus_stack.occlusion.patch import Patch


def outlined(shown: Patch) -> OcclusionBoundary:
    light = shown.light
    energies = [fine_energy(bright, light.noisy) for bright in shown.bright]
    return find_boundary(
        energies, shown.depth, shown.discontinuities, shown.bright, light.jump, light.edge
    )


def test_what_is_near_is_outlined_at_the_depth_of_its_own_detail() -> None:
    image = np.where(BAR, picture("gravel", SIDE, SIDE), picture("camera", SIDE, SIDE, 300, 100))
    depth = np.where(BAR, NEAR, FAR)
    halfway = np.where(BAR, NEAR - 1.6, FAR)  # as it is read where windows see the ground, too
    edge = outlined(patch(image, depth, halfway, 3.0))
    near = edge.band & BAR
    assert np.abs(edge.nearest[near] - NEAR).mean() < 0.3
    assert (edge.share[near] > 0.5).mean() > 0.9


def test_a_plain_part_of_what_is_near_stays_near() -> None:
    image = np.where(BAR, 0.1, picture("gravel", SIDE, SIDE))
    depth = np.where(BAR, NEAR, FAR)
    edge = outlined(patch(image, depth, depth, 5.0))
    assert edge.near[edge.band & BAR].mean() > 0.7
    assert edge.near[edge.band & ~BAR].mean() < 0.15


ALL = np.ones((20, 30), bool)


def bumps(*heights: float) -> list[np.ndarray]:
    """Detail that is the same all over each plane."""
    return [np.full((20, 30), height, np.float32) for height in heights]


def level(value: float) -> np.ndarray:
    return np.full((20, 30), value, np.float32)


def test_a_peak_lies_between_planes_where_its_neighbours_differ() -> None:
    curve = [np.exp(-((k - 3.3) ** 2) / 2) for k in range(8)]
    found = detail_peak(bumps(*curve), level(1), (level(0), level(7)), ALL)
    assert found.clear.all()
    np.testing.assert_allclose(found.depth, 3.3, atol=0.03)


def test_a_peak_is_looked_for_between_depths_only() -> None:
    energies = bumps(1, 9, 1, 1, 4, 1, 1, 8)
    found = detail_peak(energies, level(1), (level(2.5), level(6)), ALL)
    assert found.clear.all()
    np.testing.assert_allclose(found.depth, 4, atol=0.5)
    falling = detail_peak(bumps(1, 9, 8, 7, 6, 5, 4, 3), level(1), (level(3), level(6)), ALL)
    assert not falling.clear.any()
    none = detail_peak(energies, level(1), (level(2.2), level(2.8)), ALL)
    assert (none.depth < 0).all()
    assert not none.clear.any()


def test_the_last_plane_may_be_the_peak() -> None:
    found = detail_peak(bumps(1, 1, 1, 2, 3, 9), level(1), (level(2), level(7)), ALL)
    assert found.clear.all()
    np.testing.assert_array_equal(found.depth, 5)
