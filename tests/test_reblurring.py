"""What blur alone explains is told from what lies before something else."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import picture

from napari_focus_stack.blurring import Lens
from napari_focus_stack.noise import Noise
from napari_focus_stack.outlining import LEAST_JUMP, fine_energy, jumps, outline
from napari_focus_stack.reblurring import occluding
from napari_focus_stack.recorded import Light, View
from napari_focus_stack.rendering import render_stack

SIDE, PLANES, BLUR = 160, 8, 2.0
Y, X = np.mgrid[:SIDE, :SIDE]
BAR = np.abs(X - SIDE // 2) < 14
NEAR, FAR = 6.0, 1.0


def view(image: np.ndarray, depth: np.ndarray, believed: np.ndarray, noise: float = 0.0) -> View:
    """A part rendered with one depth, of which another is believed."""
    planes = 255 * render_stack(image, depth.astype(np.float32), PLANES, BLUR, dtype=np.float32)
    planes += np.random.default_rng(3).normal(0, noise, planes.shape).astype(np.float32)
    believed = believed.astype(np.float32)
    everywhere = np.ones_like(believed)
    return View(
        list(planes),
        (255 * image).astype(np.float32),
        believed,
        everywhere,
        everywhere * believed.min(),
        jumps(believed, LEAST_JUMP),
        everywhere > 0,
        Light.of(Lens(BLUR * np.arange(PLANES)), Noise(noise**2), 255.0, 128.0),
    )


@pytest.mark.parametrize("noise", [0.0, 3.0])
@pytest.mark.parametrize(("flat", "wrong"), [(NEAR, FAR), (FAR, NEAR), (NEAR, 3.0)])
def test_a_plain_bar_of_a_flat_pattern_lies_before_nothing(
    flat: float, wrong: float, noise: float
) -> None:
    image = np.where(BAR, 0.1, 0.5 + 0.4 * picture("gravel", SIDE, SIDE)).astype(np.float32)
    shown = view(image, np.full_like(image, flat), np.where(BAR, wrong, flat), noise)
    assert shown.jumps.any()
    assert np.count_nonzero(occluding(shown)) < 0.05 * np.count_nonzero(shown.jumps)


@pytest.mark.parametrize("noise", [0.0, 3.0])
@pytest.mark.parametrize(("bar", "rest"), [(NEAR, FAR), (FAR, NEAR)])
def test_things_before_each_other_are(bar: float, rest: float, noise: float) -> None:
    image = np.where(BAR, picture("gravel", SIDE, SIDE), picture("brick", SIDE, SIDE))
    depth = np.where(BAR, bar, rest)
    shown = view(image.astype(np.float32), depth, depth, noise)
    assert np.count_nonzero(occluding(shown)) > 0.4 * np.count_nonzero(shown.jumps)


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
