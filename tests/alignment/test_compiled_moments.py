"""The compiled kernel sums the same moments of motion as NumPy and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from napari_focus_stack._compiled.library import library
from napari_focus_stack.alignment import motion_evidence
from napari_focus_stack.alignment.motion_evidence import compare_pair

pytestmark = pytest.mark.skipif(library() is None, reason="the kernels are not compiled")

MOTION = np.array([[1.01, 0.003, 0.7], [-0.003, 1.01, -1.4], [0, 0, 1]])


@pytest.mark.parametrize("shape", [(12, 12), (49, 193), (84, 84), (85, 99), (30, 385), (201, 387)])
@pytest.mark.parametrize("partial", [False, True])
def test_moments_are_those_of_numpy(
    shape: tuple[int, int], partial: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(1)
    fixed = cv2.GaussianBlur(random.standard_normal(shape).astype(np.float32), (0, 0), 1.5)
    noise = random.standard_normal(shape).astype(np.float32)
    moving = cv2.GaussianBlur(fixed, (0, 0), 0.7) + np.float32(0.02) * noise
    region = random.random(shape) > 0.2 if partial else None
    compiled = compare_pair(fixed, moving, MOTION, region)
    monkeypatch.setattr(motion_evidence, "library", lambda: None)
    plain = compare_pair(fixed, moving, MOTION, region)
    assert compiled is not None
    assert plain is not None
    np.testing.assert_array_equal(compiled.x, plain.x)
    np.testing.assert_array_equal(compiled.y, plain.y)
    largest = np.abs(plain.moments).max()
    np.testing.assert_allclose(compiled.moments, plain.moments, rtol=0, atol=3e-6 * largest)
