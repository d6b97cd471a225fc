"""The compiled kernel measures the same power of regions as NumPy and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from napari_focus_stack._compiled.library import library
from napari_focus_stack.fusion import regional_energy
from napari_focus_stack.fusion.regional_energy import RegionalEnergy

pytestmark = pytest.mark.skipif(library() is None, reason="the kernels are not compiled")


@pytest.mark.parametrize(
    "shape", [(32, 32), (33, 35), (77, 79), (130, 1001), (1001, 130), (513, 700, 3)]
)
def test_power_is_that_of_numpy(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    plane = np.random.default_rng(0).integers(0, 65535, shape, dtype=np.uint16)
    compiled = RegionalEnergy.of(plane)
    monkeypatch.setattr(regional_energy, "library", lambda: None)
    plain = RegionalEnergy.of(plane)
    assert compiled.unit == pytest.approx(plain.unit, rel=1e-6)
    np.testing.assert_array_equal(compiled.light, plain.light)
    for found, expected in zip(
        (compiled.fine, *compiled.coarse), (plain.fine, *plain.coarse), strict=True
    ):
        # halves round by up to 2 ** -12
        np.testing.assert_allclose(found, expected, atol=5e-4)


@pytest.mark.parametrize("shape", [(33, 47), (130, 1001)])
def test_windows_mirror_the_plane_at_its_edges(shape: tuple[int, int]) -> None:
    """Every value is the mean of the squared band over five by five pixels."""
    plane = np.random.default_rng(1).random(shape).astype(np.float32)
    found = RegionalEnergy.of(plane)
    band = plane - cv2.pyrUp(cv2.pyrDown(plane), dstsize=shape[::-1])
    expected = cv2.sqrBoxFilter(band, cv2.CV_32F, (5, 5), normalize=True)[::4, ::4]
    power = np.square(found.fine.astype(np.float32) * np.float32(found.unit))
    np.testing.assert_allclose(power, expected, rtol=5e-3)
