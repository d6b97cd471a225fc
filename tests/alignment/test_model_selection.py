"""Slow magnification of photographs, and what only looks like it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from motion import aligned, worst_corner
from scenes import QUIET, scene

from napari_focus_stack import align_stack
from napari_focus_stack.imgproc.transforms import corner_distance
from napari_focus_stack.simulation.fly import fly_photographs

LONG = pytest.mark.long
N, SIZE = 12, (200, 260)


@pytest.mark.parametrize(
    ("name", "kind", "zoom", "shift"),
    [
        ("gravel", "step", 0.001, 0.6),
        ("gravel", "slant", 0.001, 0.6),
        ("coins", "slant", 0.001, 0.6),
        pytest.param("gravel", "slant", 0.0015, 0.6, marks=LONG),
        pytest.param("gravel", "slant", 0.001, 0.0, marks=LONG),
        pytest.param("gravel", "step", 0.0015, 0.6, marks=LONG),
        pytest.param("coins", "slant", 0.0015, 0.6, marks=LONG),
        pytest.param("gravel", "dome", 0.0015, 0.6, marks=LONG),
        pytest.param("gravel", "dome", 0.003, 0.6, marks=LONG),
        pytest.param("coins", "slant", 0.003, 0.6, marks=LONG),
    ],
)
def test_a_slow_zoom_is_no_shift(name: str, kind: str, zoom: float, shift: float) -> None:
    """Zoom moves the corners by 0.16 pixels a plane, less than the shift and defocus hide."""
    moved = scene(name, kind, n=N, size=SIZE, zoom=zoom, shift=shift, noise=QUIET)
    found = aligned(moved.planes)
    assert found.model == "similarity"
    assert worst_corner(found.transforms, moved, N // 2) < 0.5


@pytest.mark.parametrize("shift", [0.0, 0.6])
@pytest.mark.parametrize(
    ("name", "kind"),
    [("gravel", "step"), ("coins", "dome"), pytest.param("brick", "slant", marks=LONG)],
)
def test_what_does_not_zoom_is_not_resized(name: str, kind: str, shift: float) -> None:
    found = aligned(scene(name, kind, n=N, size=SIZE, shift=shift, noise=QUIET).planes)
    assert found.model == ("shift" if shift else "none")


@pytest.mark.parametrize(("zoom", "noted"), [(0.0, False), (0.002, True)])
def test_a_likely_zoom_that_is_not_taken_is_named(zoom: float, noted: bool) -> None:
    """What a brick dome shows sharp lies on a ring of few regions."""
    size = (240, 320)
    planes = scene("brick", "dome", n=20, size=size, zoom=zoom, shift=0.6, noise=QUIET).planes
    assert aligned(planes).model in ("none", "shift")
    notes = align_stack(planes).notes
    assert noted is any("may zoom" in note and "'similarity'" in note for note in notes)


@pytest.mark.parametrize("side", [160, pytest.param(320, marks=LONG)])
@pytest.mark.parametrize("slope", [0.04, 0.1])
def test_a_growing_halo_is_no_zoom(side: int, slope: float) -> None:
    """The best magnification for the rim of an unstained cell moves the corners by 2 to 29 px."""
    y, x = np.mgrid[:side, :side]
    body = (np.hypot(y - side * 0.5, x - side * 0.45) < side * 0.2).astype(np.float32)
    edge = cv2.GaussianBlur(body, (0, 0), 1) - cv2.GaussianBlur(body, (0, 0), 2)
    grown = [cv2.GaussianBlur(edge, (0, 0), 0.3 + 0.5 * k) * (k + 1) for k in range(11)]
    noise = np.random.default_rng(2).normal(0, 0.006, (11, side, side))
    planes = np.rint(255 * (0.5 + slope * np.stack(grown) + noise)).clip(0, 255).astype(np.uint8)
    found = aligned(planes)
    assert found.model == "none"
    np.testing.assert_array_equal(found.transforms, np.tile(np.eye(3), (11, 1, 1)))


@LONG
def test_photographs_of_a_deep_subject_are_resized() -> None:
    """The eye and the leaf behind it are hardly ever sharp in the same plane."""
    fly = fly_photographs()
    found = aligned(fly.planes)
    assert found.model == "similarity"
    middle = len(fly.planes) // 2
    to_middle = fly.transforms @ np.linalg.inv(fly.transforms[middle])
    shape = fly.planes.shape[1:3]
    apart = [corner_distance(a, b, shape) for a, b in zip(found.transforms, to_middle, strict=True)]
    assert max(apart) < 0.7
