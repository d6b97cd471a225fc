"""Planes folded into one image: sharp where any of them is, and nothing that none recorded."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import QUIET, picture, psnr, scene

from napari_focus_stack.fusion.selection import (
    Fusion,
    LaplacianFusion,
    NearestPlaneFusion,
    NearestValueFusion,
)

SHAPE = (160, 192)


def fused(planes, masks=None, *, fusion: Fusion) -> np.ndarray:
    for plane, mask in zip(planes, masks or [None] * len(planes), strict=True):
        fusion.add(plane.astype(np.float32), mask)
    return fusion.image()


def texture(*colour: int) -> np.ndarray:
    if colour:
        return picture("immunohistochemistry", *SHAPE) * np.float32(255)
    return picture("gravel", *SHAPE) * np.float32(255)


def blurred(plane: np.ndarray, sigma: float = 3) -> np.ndarray:
    return cv2.GaussianBlur(plane, (0, 0), sigma)


def edge_mask(columns: int) -> np.ndarray:
    """Recorded everywhere but in the first columns."""
    mask = np.full(SHAPE, 255, np.uint8)
    mask[:, :columns] = 0
    return mask


def new_fusions(shape: tuple[int, ...]) -> list[Fusion]:
    return [
        LaplacianFusion(5, 5),
        NearestPlaneFusion(np.full(shape[:2], 0.3, np.float32)),
    ]


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("colour", [(), (3,)], ids=["grey", "colour"])
def test_equal_planes_come_back(colour: tuple[int, ...], count: int) -> None:
    plane = texture(*colour)
    for fusion in new_fusions(plane.shape):
        image = fused([plane] * count, fusion=fusion)
        np.testing.assert_allclose(image, plane, atol=1e-3)


def test_the_image_is_float32() -> None:
    for fusion in new_fusions(SHAPE):
        assert fused([texture()] * 2, fusion=fusion).dtype == np.float32


@pytest.mark.parametrize("colour", [(), (3,)], ids=["grey", "colour"])
def test_two_halves_become_one_sharp_image(colour: tuple[int, ...]) -> None:
    truth = texture(*colour)
    left, right = truth.copy(), truth.copy()
    left[:, 96:], right[:, :96] = blurred(truth)[:, 96:], blurred(truth)[:, :96]
    best = max(psnr(left, truth), psnr(right, truth))
    assert psnr(fused([left, right], fusion=LaplacianFusion(5, 5)), truth) > best + 6


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**16), st.sampled_from([(), (3,), (4,)]))
def test_no_value_lies_beyond_what_planes_recorded(seed: int, colour: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    planes = rng.choice(np.float32([0, 40, 255]), (3, 40, 56, *colour))
    mask = rng.choice(np.uint8([0, 255]), (40, 56))
    for fusion in new_fusions(planes.shape[1:]):
        image = fused(planes, [None, mask, None], fusion=fusion)
        recorded = np.where(
            np.broadcast_to(mask.reshape(mask.shape + (1,) * len(colour)), image.shape) > 0,
            [planes.min(0), planes.max(0)],
            [planes[[0, 2]].min(0), planes[[0, 2]].max(0)],
        )
        assert (image >= recorded[0]).all()
        assert (image <= recorded[1]).all()


def masked_stack(k: int, fill: str) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
    """A dome whose plane `k` has not recorded its first 20 columns."""
    planes = [plane.astype(np.float32) for plane in scene("gravel", "dome", noise=QUIET).planes]
    rng = np.random.default_rng(1)
    planes[k][:, :20] = 0 if fill == "black" else rng.uniform(0, 255, (SHAPE[0], 20))
    masks: list[np.ndarray | None] = [None] * len(planes)
    masks[k] = edge_mask(20)
    return planes, masks


@pytest.mark.parametrize("k", [0, 3, 7])
@pytest.mark.parametrize("fill", ["black", "random"])
def test_selection_takes_nothing_from_behind_a_mask(fill: str, k: int) -> None:
    planes, masks = masked_stack(k, fill)
    masks[k] = edge_mask(20)
    selection = LaplacianFusion(5, 5)
    image = fused(planes, masks, fusion=selection)
    assert not (selection.index[:, :20] == k).any()
    picked = np.take_along_axis(np.stack(planes), selection.index[None].astype(int), axis=0)[0]
    np.testing.assert_array_equal(image, picked)
    nearest = fused(planes, masks, fusion=NearestPlaneFusion(np.full(SHAPE, k, np.float32)))
    np.testing.assert_array_equal(nearest[:, 20:], planes[k][:, 20:])
    next_to = planes[k - 1] if k else planes[1]
    np.testing.assert_array_equal(nearest[:, :20], next_to[:, :20])


def test_the_largest_laplacian_wins_and_the_first_of_equals() -> None:
    truth = texture()
    sharp, soft = truth, blurred(truth)
    selection = LaplacianFusion(3, 3)
    fused([soft, sharp, sharp.copy(), soft], fusion=selection)
    assert set(np.unique(selection.index)) <= {0, 1}
    assert (selection.index == 1).mean() > 0.8
    assert selection.index.dtype == np.uint16

    def energy(plane):  # the original's, by itself
        return np.abs(cv2.Laplacian(cv2.GaussianBlur(plane, (3, 3), 0), cv2.CV_32F, ksize=3))

    np.testing.assert_array_equal(selection.index, energy(sharp) > energy(soft))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**16), st.integers(2, 5))
def test_each_pixel_comes_from_the_plane_nearest_to_its_depth(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0, n - 1, (12, 14)).astype(np.float32)
    planes = rng.uniform(0, 1, (n, 12, 14)).astype(np.float32)
    masks = [np.full((12, 14), 255, np.uint8)]
    masks += [rng.choice(np.uint8([0, 255]), (12, 14)) for _ in range(n - 1)]
    distance = np.abs(depth - np.arange(n, dtype=np.float32)[:, None, None])
    distance[np.array(masks) == 0] = np.inf
    nearest = np.take_along_axis(planes, distance.argmin(0)[None], axis=0)[0]
    image = fused(planes, masks, fusion=NearestPlaneFusion(depth))
    np.testing.assert_array_equal(image, nearest)


def test_energies_are_higher_where_a_plane_is_sharp() -> None:
    half = texture()
    half[:, 96:] = blurred(half)[:, 96:]
    energy = LaplacianFusion(5, 5).add(half, None)
    assert energy.shape == SHAPE
    assert energy.dtype == np.float32
    assert np.median(energy[:, :90]) > 3 * np.median(energy[:, 102:])


def test_an_unrecorded_place_has_no_energy() -> None:
    energy = LaplacianFusion(5, 5).add(texture(), edge_mask(20))
    assert (energy[:, :20] <= 0).all()


@settings(deadline=None)
@given(st.integers(0, 2**16), st.sampled_from([(), (3,), (4,)]))
def test_the_nearest_value_is_one_that_a_plane_recorded_there(
    seed: int, colour: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(seed)
    planes = rng.uniform(0, 255, (4, 9, 11, *colour)).astype(np.float32)
    target = rng.uniform(0, 255, (9, 11, *colour)).astype(np.float32)
    mask = rng.choice(np.uint8([0, 255]), (9, 11))
    image = fused(list(planes), [None, None, None, mask], fusion=NearestValueFusion(target))
    apart = np.abs(planes - target)
    apart = apart[..., :3].sum(-1) if colour else apart
    apart[3][mask == 0] = np.inf
    picked = np.take_along_axis(planes, apart.argmin(0).reshape(1, 9, 11, *(1 for _ in colour)), 0)
    np.testing.assert_array_equal(image, picked[0])
