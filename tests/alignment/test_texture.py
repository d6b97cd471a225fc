"""What texture says of a motion: borne out where it is real, refused where light moves."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from motion import aligned, shifted, worst_of
from scenes import QUIET, picture, scene
from scipy.ndimage import shift

from napari_focus_stack import focus_stack
from napari_focus_stack.alignment.motion_support import Mismatches, MotionSupport
from napari_focus_stack.alignment.optical_sections import comes_and_goes

N, SIDE = 14, 224


def dome(n: int = N, side: int = SIDE) -> np.ndarray:
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    return 1.5 + (n - 3) * np.clip(1 - (x**2 + y**2) / 1.3, 0, 1)


@cache
def sections(drift: tuple[float, float] = (0.0, 0.0), photons: int = 400) -> np.ndarray:
    """Optical sections of a textured dome: a place is lit in two or three planes only."""
    random = np.random.default_rng(5)
    texture = 0.15 + picture("gravel", SIDE, SIDE)
    planes = []
    for k in range(N):
        lit = np.exp(-((dome() - k) ** 2) / 2)
        light = texture * lit + 0.1 * cv2.GaussianBlur(texture * lit, (0, 0), 6)
        # OpenCV 4 would round the shifts to 1/32 pixel
        moved = shift(light, (drift[1] * (k - N // 2), drift[0] * (k - N // 2)), mode="mirror")
        planes.append(random.poisson(photons * np.clip(moved, 0, None)))
    return np.stack(planes).astype(np.uint16)


def test_sections_that_stand_still_stay_where_they_are() -> None:
    """The lit ring grows with every plane, as a magnification would."""
    found = aligned(sections())
    assert found.model == "none"
    assert found.of_sections
    np.testing.assert_array_equal(found.transforms, np.tile(np.eye(3), (N, 1, 1)))


@pytest.mark.parametrize(
    ("drift", "photons"),
    [
        ((0.8, -0.5), 400),
        ((0.3, -0.3), 40),
        pytest.param((-1.3, 0.4), 400, marks=pytest.mark.long),
        pytest.param((0.2, 0.35), 100, marks=pytest.mark.long),
    ],
)
def test_sections_that_drift_are_shifted(drift: tuple[float, float], photons: int) -> None:
    found = aligned(sections(drift, photons))
    true = np.stack([shifted(drift[0] * (k - N // 2), drift[1] * (k - N // 2)) for k in range(N)])
    assert found.model == "shift"
    apart = np.hypot(*(found.transforms - true)[:, :2, 2].T)
    assert apart.mean() < 0.5


def test_sections_are_nearer_to_the_truth_than_a_maximum_projection() -> None:
    photons = 60
    planes = sections(photons=photons)
    truth = photons * (0.15 + picture("gravel", SIDE, SIDE))
    inner = np.s_[20:-20, 20:-20]

    def error(image: np.ndarray) -> float:
        seen, wanted = image[inner].astype(float), truth[inner]
        gain = (seen * wanted).sum() / (seen**2).sum()
        return float(np.mean((gain * seen - wanted) ** 2))

    result = focus_stack(planes)
    assert error(result.image) < 0.7 * error(planes.max(0))
    sure = result.confidence[inner] >= 0.5
    assert sure.mean() > 0.2
    assert np.abs(result.depth - dome())[inner][sure].mean() < 0.22


@pytest.mark.parametrize("end", [1.0, 0.9, 0.6, 0.3])
@pytest.mark.parametrize("tones", [(0.1, 0.8), (0.7, 0.2)], ids=["dark", "bright"])
def test_a_lamp_that_fades_makes_no_sections(tones: tuple[float, float], end: float) -> None:
    planes = scene("gravel", "dome", n=10, noise=QUIET, dtype="float32").planes
    fading = np.linspace(1, end, 10, dtype=np.float32)[:, None, None]
    assert not comes_and_goes((tones[0] + tones[1] * planes) * fading)
    assert comes_and_goes(sections().astype(np.float32))
    one_dark = np.ones((10, 1, 1), np.float32)
    one_dark[3] = 0.4
    assert not comes_and_goes((tones[0] + tones[1] * planes) * one_dark)


def test_a_bright_field_under_a_fading_lamp_is_magnified_as_it_was() -> None:
    lit = scene(
        "brick", "slant", n=10, zoom=0.004, noise=QUIET, gains=tuple(np.linspace(1, 0.85, 10))
    )
    found = aligned(lit.planes)
    assert found.model == "similarity"
    assert worst_of(found.transforms, lit.transforms, 5, lit.planes.shape[1:]) < 0.4
    assert found.brightness_drifts


@pytest.mark.parametrize(("n", "side"), [(5, 64), (2, 96), (4, 40), (10, 48)])
def test_small_fields_that_move_are_aligned(n: int, side: int) -> None:
    whole = picture("gravel", 200, 300)
    blurred = [cv2.GaussianBlur(whole, (0, 0), 0.6 + 0.3 * abs(k - n // 2)) for k in range(n)]
    planes = [b[50 : 50 + side, 100 + 3 * k : 100 + 3 * k + side] for k, b in enumerate(blurred)]
    found = aligned(np.rint(255 * np.stack(planes)).astype(np.uint8))
    assert found.model == "shift"
    np.testing.assert_allclose(found.transforms[:, 0, 2], -3.0 * (np.arange(n) - n // 2), atol=0.4)


@pytest.mark.parametrize("side", [64, 96, 160])
def test_cells_whose_contrast_vanishes_in_focus_stand_still(side: int) -> None:
    """Halos that grow on both sides of focus, inverted, are neither a motion nor foreign."""
    random = np.random.default_rng(2)
    y, x = np.mgrid[:side, :side]
    body = np.hypot(y - side * 0.5, x - side * 0.45) < side * 0.2
    edge = cv2.GaussianBlur(body.astype(np.float32), (0, 0), 1) - cv2.GaussianBlur(
        body.astype(np.float32), (0, 0), 2
    )
    planes = [
        0.5 + 0.04 * (k - 5) * cv2.GaussianBlur(edge, (0, 0), 0.3 + 0.5 * abs(k - 5))
        for k in range(11)
    ]
    noisy = np.stack(planes) + random.normal(0, 0.006, (11, side, side))
    found = aligned(np.rint(255 * noisy).clip(0, 255).astype(np.uint8))
    kept = found.transforms[found.fitting]
    np.testing.assert_array_equal(kept, np.tile(np.eye(3), (len(kept), 1, 1)))
    assert found.left_out == {}


def mismatches(before: float, after: float, better: float, regions: int) -> Mismatches:
    """Regions of which a part is better off, and what is left in all."""
    sign = np.where(np.arange(regions) < better * regions, -1.0, 1.0)
    left = np.full(regions, after) + 1e-3 * sign
    left += (sign > 0) * max(0.0, before - after)
    return Mismatches(np.full(regions, before), left)


@pytest.mark.parametrize(
    ("near", "afar", "borne_out"),
    [
        ((1, 0.3, 0.95, 60), (1, 0.5, 0.9, 60), True),
        ((1, 0.3, 0.95, 60), (1, 1.2, 0.3, 60), False),  # worse from the reference
        ((1, 0.3, 0.95, 60), (1, 1.2, 0.3, 3), True),  # of which next to nothing is known
        ((1, 0.3, 0.6, 20), (1, 0.3, 0.6, 20), False),  # by chance
        ((1, 0.96, 0.7, 130), (1, 0.9, 0.9, 100), True),  # both together
        ((1, 0.96, 0.4, 130), (1, 0.4, 1.0, 100), False),  # halos: neighbours disagree
        ((0, 0, 0, 0), (0, 0, 0, 0), False),  # no texture at all
    ],
)
def test_what_bears_a_motion_out(near: tuple, afar: tuple, borne_out: bool) -> None:
    support = MotionSupport(mismatches(*near), mismatches(*afar))
    assert support.bears_out is borne_out
    assert set(support.as_dict()) >= {"regions_neighbours", "better_reference"}
