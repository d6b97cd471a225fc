"""Fluorescence that fades, on a dark background and a camera's black level."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.alignment.reduced_planes import ReducedPlane

SIDE, PLANES, REFERENCE = 320, 13, 6
BLACK_LEVEL, PER_PHOTON, PEAK = 100, 2.0, 100
FADING = np.linspace(1, 0.5, PLANES)


@cache
def filaments() -> tuple[np.ndarray, ...]:
    """Photons of each plane: filaments on darkness, sharp at planes that rise to the right."""
    random = np.random.default_rng(3)
    sharp = np.zeros((SIDE, SIDE), np.float32)
    for _ in range(24):
        angles = random.uniform(0, 2 * np.pi) + np.cumsum(random.normal(0, 0.15, 50))
        steps = 5 * np.stack([np.cos(angles), np.sin(angles)], 1)
        path = random.uniform(0, SIDE, 2) + np.cumsum(steps, 0)
        one = np.zeros_like(sharp)
        cv2.polylines(one, [path.astype(np.int32)], False, 1.0, 2, cv2.LINE_AA)
        sharp = np.maximum(sharp, one * random.uniform(0.3, 1))
    blurred = np.stack(
        [sharp, *(cv2.GaussianBlur(sharp, (0, 0), 0.5 * apart) for apart in range(1, PLANES))]
    )
    depth = np.linspace(0, PLANES - 1, SIDE)
    columns = np.arange(SIDE)
    return tuple(blurred[np.rint(abs(depth - k)).astype(int), :, columns].T for k in range(PLANES))


def recorded(photons: np.ndarray, seed: int) -> np.ndarray:
    """As a 16-bit camera with a black level of 100 records them, with two of stray light."""
    random = np.random.default_rng(seed)
    counts = random.poisson(PEAK * photons + 2) * PER_PHOTON
    read = random.normal(BLACK_LEVEL, 3, photons.shape)
    return np.rint(counts + read).clip(0, 65535).astype(np.uint16)


def test_fading_is_distinguished_from_the_black_level() -> None:
    """Most of the field is background, which fits whatever the gain is; the rest tells it."""
    seen = [
        ReducedPlane.of(recorded(plane * fade, k)).light
        for k, (plane, fade) in enumerate(zip(filaments(), FADING, strict=True))
    ]
    dark = BLACK_LEVEL + 2 * PER_PHOTON
    for k, fade in enumerate(FADING):
        found = Brightness.of(seen[REFERENCE], seen[k], np.eye(3))
        gain = FADING[REFERENCE] / fade
        if abs(gain - 1) < 0.1:
            continue
        assert found.gain == pytest.approx(gain, rel=0.05), k
        assert found.offset == pytest.approx(dark * (1 - gain), abs=5), k
        assert found.drifts


def test_focus_alone_gives_neither_gain_nor_offset() -> None:
    seen = [ReducedPlane.of(recorded(plane, k)).light for k, plane in enumerate(filaments())]
    for k in range(PLANES):
        found = Brightness.of(seen[REFERENCE], seen[k], np.eye(3))
        assert found.offset == 0, k
        assert found.gain == pytest.approx(1, abs=0.01), k
        assert not found.drifts, k


def test_a_small_offset_under_even_tones_is_found() -> None:
    """The ratio of two planes is nearly even there: it spreads by 0.2 %."""
    tones = np.tile(np.linspace(0.4, 0.6, 160, dtype=np.float32), (120, 1))
    seen = ReducedPlane.of(tones).light, ReducedPlane.of(2 * tones + np.float32(0.03)).light
    found = Brightness.of(*seen, np.eye(3))
    assert found.gain == pytest.approx(0.5, rel=0.001)
    assert found.offset == pytest.approx(-0.015, abs=0.0005)
