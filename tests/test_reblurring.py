"""What blur alone explains is told from what lies before something else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scenes import picture

from napari_focus_stack.blurring import Lens
from napari_focus_stack.noise import Noise
from napari_focus_stack.outlining import LEAST_JUMP, fine_energy, jumps, outline, peak
from napari_focus_stack.reblurring import occluding
from napari_focus_stack.recorded import Light, View
from napari_focus_stack.rendering import render_stack

SIDE, PLANES, BLUR = 160, 8, 2.0
Y, X = np.mgrid[:SIDE, :SIDE]
BAR = np.abs(X - SIDE // 2) < 14
NEAR, FAR = 6.0, 1.0


def view(
    image: np.ndarray,
    depth: np.ndarray,
    believed: np.ndarray,
    noise: float = 0.0,
    gamma: float = 1.0,
    finer: int = 1,
) -> View:
    """A part rendered with one depth, of which another is believed.

    In so many times as many planes, each with as much less blur.
    """
    count, blur = finer * PLANES, BLUR / finer
    light = image.astype(np.float32) ** gamma
    planes = render_stack(light, finer * depth.astype(np.float32), count, blur, dtype=np.float32)
    planes = 255 * np.clip(planes, 0, 1) ** np.float32(1 / gamma)
    planes += np.random.default_rng(3).normal(0, noise, planes.shape).astype(np.float32)
    believed = finer * believed.astype(np.float32)
    everywhere = np.ones_like(believed)
    return View(
        list(planes),
        (255 * image).astype(np.float32),
        believed,
        everywhere,
        everywhere * believed.min(),
        jumps(believed, LEAST_JUMP),
        everywhere > 0,
        Light.of(Lens(blur * np.arange(count), gamma), Noise(noise**2), 255.0, 128.0),
    )


def colours(image: np.ndarray) -> np.ndarray:
    return np.dstack([image, 0.8 * image, 1 - image])


def share_of_jumps(shown: View) -> float:
    assert shown.jumps.any()
    return np.count_nonzero(occluding(shown)) / np.count_nonzero(shown.jumps)


WAYS: list[tuple[bool, dict[str, Any]]] = [
    (False, {}),
    (True, {"noise": 3.0}),
    (True, {"gamma": 2.2}),
    (False, {"finer": 6}),
]


@pytest.mark.parametrize(("colour", "how"), WAYS)
@pytest.mark.parametrize(("flat", "wrong"), [(NEAR, FAR), (FAR, NEAR), (NEAR, 3.0)])
def test_a_plain_bar_of_a_flat_pattern_lies_before_nothing(
    flat: float, wrong: float, colour: bool, how: dict[str, Any]
) -> None:
    image = np.where(BAR, 0.1, 0.5 + 0.4 * picture("gravel", SIDE, SIDE)).astype(np.float32)
    depth, believed = np.full_like(image, flat), np.where(BAR, wrong, flat)
    shown = view(colours(image) if colour else image, depth, believed, **how)
    assert share_of_jumps(shown) < 0.05


@pytest.mark.parametrize(("colour", "how"), WAYS)
@pytest.mark.parametrize(("bar", "rest"), [(NEAR, FAR), (FAR, NEAR)])
def test_things_before_each_other_are(
    bar: float, rest: float, colour: bool, how: dict[str, Any]
) -> None:
    image = np.where(BAR, picture("gravel", SIDE, SIDE), picture("brick", SIDE, SIDE))
    depth = np.where(BAR, bar, rest)
    shown = view(colours(image) if colour else image, depth, depth, **how)
    assert share_of_jumps(shown) > 0.4


def test_what_is_near_is_outlined_at_the_depth_of_its_own_detail() -> None:
    image = np.where(BAR, picture("gravel", SIDE, SIDE), picture("camera", SIDE, SIDE, 300, 100))
    depth = np.where(BAR, NEAR, FAR)
    halfway = np.where(BAR, NEAR - 1.6, FAR)  # as it is read where windows see the ground, too
    shown = view(image.astype(np.float32), depth, halfway, 3.0)
    light = shown.light
    energies = [fine_energy(bright, light.noisy) for bright in shown.bright]
    edge = outline(energies, shown.depth, shown.jumps, shown.bright, light.jump, light.edge)
    near = edge.band & BAR
    assert np.abs(edge.nearest[near] - NEAR).mean() < 0.3
    assert (edge.share[near] > 0.5).mean() > 0.9


def bumps(*heights: float) -> list[np.ndarray]:
    """Detail that is the same all over each plane."""
    return [np.full((20, 30), height, np.float32) for height in heights]


def level(value: float) -> np.ndarray:
    return np.full((20, 30), value, np.float32)


def test_a_peak_lies_between_planes_where_its_neighbours_differ() -> None:
    curve = [np.exp(-((k - 3.3) ** 2) / 2) for k in range(8)]
    found = peak(bumps(*curve), level(1), (level(0), level(7)))
    assert found.clear.all()
    np.testing.assert_allclose(found.depth, 3.3, atol=0.03)


def test_a_peak_is_looked_for_between_depths_only() -> None:
    energies = bumps(1, 9, 1, 1, 4, 1, 1, 8)
    found = peak(energies, level(1), (level(2.5), level(6)))
    assert found.clear.all()
    np.testing.assert_allclose(found.depth, 4, atol=0.5)
    falling = peak(bumps(1, 9, 8, 7, 6, 5, 4, 3), level(1), (level(3), level(6)))
    assert not falling.clear.any()
    none = peak(energies, level(1), (level(2.2), level(2.8)))
    assert (none.depth < 0).all()
    assert not none.clear.any()


def test_the_last_plane_may_be_the_peak() -> None:
    found = peak(bumps(1, 1, 1, 2, 3, 9), level(1), (level(2), level(7)))
    assert found.clear.all()
    np.testing.assert_array_equal(found.depth, 5)
