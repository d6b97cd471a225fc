"""Which part of a small motion the texture of two planes follows."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from motion import about_centre, shifted
from scenes import QUIET, SensorNoise, scene

from napari_focus_stack.alignment.followed_motion import FollowedMotion
from napari_focus_stack.alignment.reduced_planes import ReducedPlane
from napari_focus_stack.alignment.texture import Texture, texture_noise

SIZE = (240, 300)
NOISE = {"quiet": QUIET, "noisy": SensorNoise(read=0.02, shot=1 / 2000)}


def zoomed(scale: float) -> np.ndarray:
    return about_centre(np.diag([scale, scale, 1.0]), SIZE)


@cache
def textures(zoom: float, noise: str) -> list[Texture]:
    """Neighbours that differ in focus, noise, and by a magnification."""
    planes = scene("gravel", "slant", size=SIZE, zoom=zoom, noise=NOISE[noise]).planes
    reduced = [ReducedPlane.of(plane) for plane in planes]
    quiet = texture_noise(reduced)
    return [Texture.of(plane, quiet) for plane in reduced]


def followed(textures: list[Texture], after: np.ndarray) -> FollowedMotion:
    pairs = pairwise(textures)
    return FollowedMotion.together(FollowedMotion.of(*pair, np.eye(3), after) for pair in pairs)


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("zoom", [0.001, 0.003])
def test_texture_follows_the_magnification_and_neither_none_nor_its_opposite(
    zoom: float, noise: str
) -> None:
    """Neighbours differ by 0.001: a fifth of a pixel at the corners."""
    moved = followed(textures(zoom, noise), zoomed(1 + zoom))
    assert moved.part == pytest.approx(1, abs=0.25)
    assert moved.is_followed
    opposite = followed(textures(zoom, noise), zoomed(1 - zoom))
    assert opposite.part == pytest.approx(-1, abs=0.25)
    assert not opposite.is_followed


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("after", [zoomed(1.001), zoomed(0.996), shifted(0.3, -0.4)])
def test_what_stands_still_follows_nothing(after: np.ndarray, noise: str) -> None:
    """Resampling smoothes noise, which must not count in favour of a motion."""
    still = followed(textures(0.0, noise), after)
    assert still.part == pytest.approx(0, abs=0.2)
    assert still.votes < 0.5
    assert not still.is_followed


def test_few_regions_and_none_are_inconclusive() -> None:
    assert not FollowedMotion.together([]).is_followed
    assert not FollowedMotion(np.ones(12), np.ones(12)).is_followed
    assert FollowedMotion(np.ones(60), np.ones(60)).is_followed
    assert not FollowedMotion(np.ones(60), np.zeros(60)).is_followed
    assert not FollowedMotion(np.full(60, 2.0), np.ones(60)).is_followed
