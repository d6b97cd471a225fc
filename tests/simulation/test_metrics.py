"""Scores whose value is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_focus_stack.simulation.metrics import score_depth, score_image


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.1, 0.9, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(50, 60), (50, 60, 3)])
def test_a_known_difference_has_its_known_ratio(shape: tuple[int, ...]) -> None:
    truth = noise(*shape)
    assert score_image(truth + np.float32(0.1), truth).psnr == pytest.approx(20, abs=1e-4)
    assert score_image(truth + np.float32(0.1), truth, white=10).psnr == pytest.approx(40, abs=1e-4)


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535)])
def test_integers_count_against_their_largest_value(dtype: type, white: int) -> None:
    truth = np.full((40, 40), 10, dtype)
    expected = 20 * np.log10(white / 4)
    assert score_image(truth - dtype(4), truth).psnr == pytest.approx(expected)
    assert score_image(truth + dtype(4), truth).psnr == pytest.approx(expected)


def test_the_truth_itself_is_perfect() -> None:
    truth = noise(40, 40)
    score = score_image(truth, truth)
    assert score.psnr == np.inf
    assert score.ssim == pytest.approx(1)


def test_similarity_sees_structure_and_not_brightness() -> None:
    truth = noise(40, 40)
    assert score_image(truth + np.float32(0.05), truth).ssim > 0.95
    assert score_image(truth.T, truth).ssim < 0.2


def test_depth_errors() -> None:
    truth = np.zeros((50, 50), np.float32)
    depth = truth.copy()
    depth[:25] = 0.5
    depth[25:] = -2.0
    score = score_depth(depth, truth)
    assert score.mean_error == pytest.approx(1.25)
    assert score.share_off == pytest.approx(0.5)
    assert score_depth(np.uint16(1) + truth.astype(np.uint16), truth).share_off == 0


def test_the_border_does_not_count() -> None:
    truth, damaged = np.zeros((100, 100), np.float32), np.zeros((100, 100), np.float32)
    damaged[:6] = damaged[-6:] = damaged[:, :6] = damaged[:, -6:] = 9
    assert score_depth(damaged, truth).mean_error == 0
    assert score_image(damaged, truth).psnr == np.inf
    assert score_depth(damaged, truth, border=0.05).mean_error > 0
    damaged[6, 50] = 9
    assert score_depth(damaged, truth).mean_error == pytest.approx(9 / 88**2)


def test_what_does_not_fit_is_refused() -> None:
    image = noise(40, 40)
    with pytest.raises(ValueError, match="shape"):
        score_image(image, image[:-1])
    with pytest.raises(ValueError, match="float32, truth uint8"):
        score_image(image, image.astype(np.uint8))
