"""Alpha as the mask of what a plane recorded."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scenes import Scene, psnr, scene

from napari_focus_stack import focus_stack
from napari_focus_stack.settings import METHODS


def registered(soft: bool) -> tuple[Scene, np.ndarray]:
    """Planes that another program registered, transparent in their margins."""
    made = scene("brick", "slant", shift=6.0, zoom=0.02)
    found = []
    for plane, matrix in zip(made.planes, made.transforms, strict=True):
        size = plane.shape[::-1]
        colour = cv2.warpPerspective(
            np.dstack([plane] * 3),
            matrix,
            size,
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        alpha = cv2.warpPerspective(
            np.full_like(plane, 255), matrix, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        )
        if soft:
            faded = cv2.GaussianBlur(alpha, (0, 0), 3).astype(int)
            alpha = np.clip((faded - 130) * 2, 0, 255).astype(np.uint8)
        colour[alpha == 0] = 0
        found.append(np.dstack([colour, alpha]))
    return made, np.stack(found)


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
@pytest.mark.parametrize("method", METHODS)
def test_transparent_margins_count_as_not_recorded(method: str, soft: bool) -> None:
    """Counted as black, they gave 9 dB in the margin and a depth that errs by 2.6 planes."""
    made, planes = registered(soft)
    truth = made.truth.astype(float)
    margin = (planes[..., 3] == 0).any(0) & (planes[..., 3] > 0).any(0)
    result = focus_stack(planes, method=method)
    assert np.ptp(result.image[..., :3].astype(int), axis=-1).max() <= 1
    assert psnr(result.image[..., 0][margin].astype(float), truth[margin]) > 39
    if method != "laplacian":
        assert np.abs(result.depth - made.depth)[margin].mean() < 0.2
    assert result.report.align == "none"
    alpha = result.image[..., 3]
    assert (alpha[margin] == 255).all() if not soft else (alpha[margin] > 0).all()


def test_the_weight_of_soft_alpha_decides_between_equal_planes() -> None:
    """Noise alone differs between two flat planes, so each counts by its alpha."""
    planes = np.zeros((2, 64, 64, 4), np.uint8)
    planes[0, ..., :3], planes[1, ..., :3] = 100, 104
    planes[0, ..., 3], planes[1, ..., 3] = 255, 85
    image = focus_stack(planes, align="none", brightness="keep").image
    np.testing.assert_allclose(image[..., :3], 101, atol=1)


def test_a_place_that_no_plane_recorded_is_transparent() -> None:
    planes = np.repeat(scene("gravel").planes[..., None], 4, -1)
    planes[..., 3] = 255
    planes[:, :, :20, 3] = 0
    result = focus_stack(planes, align="none")
    assert not result.image[:, :20].any()
    assert not result.confidence[:, :20].any()
    assert (result.image[:, 20:, 3] == 255).all()
    assert any("was recorded by no plane" in note for note in result.report.notes)


def test_alpha_of_programs_without_transparency_is_ignored() -> None:
    planes = np.repeat(scene("gravel").planes[..., None], 4, -1)
    planes[..., 3] = 0
    opaque = planes.copy()
    opaque[..., 3] = 255
    ignored, shown = (focus_stack(one, align="none") for one in (planes, opaque))
    np.testing.assert_array_equal(ignored.image, shown.image)
    exact = focus_stack(planes.astype(np.float64), values="recorded", align="none")
    assert (exact.image[..., 3] == 1).all()
    assert any("alpha channel is 0 everywhere" in note for note in ignored.report.notes)
    assert not any("alpha" in note for note in shown.report.notes)
