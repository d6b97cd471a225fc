"""Planes folded into a pyramid: sharp where any of them is, and nothing that none recorded."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import QUIET, picture, psnr, scene

from napari_focus_stack._utils.threads import ThreadTeam
from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.alignment.registered_plane import RegisteredPlane
from napari_focus_stack.fusion.focus_measure import UNRECORDED
from napari_focus_stack.fusion.pyramid import PyramidFusion
from napari_focus_stack.imgproc.colour import GREY, lightness, merged, opponent, separated
from napari_focus_stack.imgproc.noise import Noise
from napari_focus_stack.imgproc.pyramids import reduce, reduced_shape

ROUNDING = Noise(1 / 12)
NOISELESS = Noise(1e-6)
SHAPE = (160, 192)
STILL = np.eye(3)
FLOAT = np.dtype(np.float32)
KINDS = [(), (3,), (4,)]


class Fused:
    """What comes of planes, each seen by its matrix where its mask says."""

    def __init__(self, planes, masks=None, noise: Noise = ROUNDING, **options) -> None:
        self.energies: list[list[np.ndarray]] = []
        matrices = options.pop("matrices", None) or [STILL] * len(planes)
        brightness = options.pop("brightness", None) or [Brightness()] * len(planes)
        shape = options.pop("shape", planes[0].shape)
        dtype = np.dtype(planes[0].dtype)
        with ThreadTeam(options.pop("threads", 2)) as team:
            pyramid = PyramidFusion(shape, dtype, noise, team, **options)
            known = masks or [None] * len(planes)
            for plane, matrix, change, mask in zip(
                planes, matrices, brightness, known, strict=True
            ):
                pyramid.add(RegisteredPlane(plane, matrix, change, mask))
                self.energies.append([energy.copy() for energy in pyramid.energies])
            self.energy = pyramid.energy
            pyramid.build()
            self.exact = pyramid.image(FLOAT)
            self.image = pyramid.image(dtype)
            self.brightness = pyramid.brightness
            self.recorded = pyramid.recorded


def texture(*colour: int) -> np.ndarray:
    """Of values 0 to 255, float32."""
    plane = picture("immunohistochemistry" if colour else "gravel", *SHAPE) * np.float32(255)
    return plane if colour != (4,) else np.dstack([plane, np.full(SHAPE, 200, np.float32)])


def blurred(plane: np.ndarray, sigma: float = 3) -> np.ndarray:
    return cv2.GaussianBlur(plane, (0, 0), sigma)


def edge_mask(columns: int) -> np.ndarray:
    """Recorded everywhere but in the first columns."""
    mask = np.full(SHAPE, 255, np.uint8)
    mask[:, :columns] = 0
    return mask


# colour


@settings(deadline=None)
@given(st.integers(0, 2**16), st.sampled_from(KINDS), st.sampled_from(["uint8", "float32"]))
def test_what_is_separated_merges_again(seed: int, colour: tuple[int, ...], dtype: str) -> None:
    plane = np.random.default_rng(seed).uniform(0, 255, (7, 9, *colour)).astype(dtype)
    channels = separated(plane)
    assert len(channels) == (colour or (1,))[0]
    assert all(channel.dtype == np.float32 and channel.shape == (7, 9) for channel in channels)
    np.testing.assert_allclose(merged(channels), plane, atol=1e-3)
    np.testing.assert_allclose(channels[0], lightness(plane), atol=1e-3)


def test_brightness_and_differences_are_a_rotation_of_colour() -> None:
    rng = np.random.default_rng(0)
    plane = rng.standard_normal((64, 64, 3), np.float32)
    np.testing.assert_allclose((opponent(plane) ** 2).sum(-1), (plane**2).sum(-1), rtol=1e-4)
    grey = opponent(np.full((2, 2, 3), 7, np.float32))
    np.testing.assert_allclose(grey[..., 0], 7 * GREY, rtol=1e-6)
    np.testing.assert_allclose(grey[..., 1:], 0, atol=1e-5)


# the image


@pytest.mark.parametrize("halves", [False, True])
@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("colour", KINDS, ids=["grey", "colour", "alpha"])
def test_equal_planes_come_back(colour: tuple[int, ...], count: int, halves: bool) -> None:
    plane = texture(*colour)
    if halves and colour == (3,):  # as a file that has half as many differences decodes
        plane = merged([separated(plane)[0], *map(in_pairs, separated(plane)[1:])])
        plane = np.clip(plane, 0, 255)
    fused = Fused([plane] * count, noise=NOISELESS, colour_halved=halves)
    if halves and colour == (3,):
        assert psnr(fused.exact, plane) > 38  # differences go on smoothly between pixels
        np.testing.assert_allclose(fused.brightness, lightness(plane) / GREY, atol=1e-3)
        return
    np.testing.assert_allclose(fused.exact, plane, atol=2e-3)
    np.testing.assert_array_equal(fused.image, fused.exact)
    grey = plane if not colour else lightness(plane) / GREY
    np.testing.assert_allclose(fused.brightness, grey, atol=1e-3)
    assert fused.recorded.all()


def in_pairs(channel: np.ndarray) -> np.ndarray:
    """Each two by two pixels have their mean."""
    return reduce(channel).repeat(2, 0).repeat(2, 1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("colour", KINDS, ids=["grey", "colour", "alpha"])
def test_equal_planes_of_any_type_come_back_exactly(colour: tuple[int, ...], dtype: str) -> None:
    plane = np.rint(texture(*colour) * (1 if dtype != "uint16" else 257)).astype(dtype)
    fused = Fused([plane] * 3)
    assert fused.image.dtype == plane.dtype
    # differences of colour are freed from noise, which planes of whole numbers do not show
    np.testing.assert_allclose(fused.image, plane, atol=0 if dtype != "float32" else 0.3)


@pytest.mark.parametrize("halves", [False, True])
@pytest.mark.parametrize("colour", [(), (3,)], ids=["grey", "colour"])
def test_two_halves_become_one_sharp_image(colour: tuple[int, ...], halves: bool) -> None:
    truth = texture(*colour)
    left, right = truth.copy(), truth.copy()
    left[:, 96:], right[:, :96] = blurred(truth)[:, 96:], blurred(truth)[:, :96]
    best = max(psnr(left, truth), psnr(right, truth))
    assert psnr(Fused([left, right], colour_halved=halves).exact, truth) > best + 6


@pytest.mark.parametrize("noise", [ROUNDING, Noise(0.3, 0.0128)], ids=["constant", "shot"])
def test_a_dome_is_sharper_than_its_sharpest_plane(noise: Noise) -> None:
    rendered = scene("gravel", "dome", noise=QUIET)
    truth = rendered.image * 255
    best = max(psnr(plane, truth) for plane in rendered.planes)
    assert psnr(Fused(rendered.planes, noise=noise).exact, truth) > best + 12


@pytest.mark.parametrize("colour", [(), (3,)], ids=["grey", "colour"])
def test_noise_is_averaged_where_planes_cannot_be_distinguished(colour: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    truth = np.full((*SHAPE, *colour), 100, np.float32)
    planes = [truth + 4 * rng.standard_normal(truth.shape, np.float32) for _ in range(8)]
    image = Fused(planes, noise=Noise(16.0)).exact
    # weights that tell texture apart sharply give up some of the averaging of pure noise
    assert psnr(image, truth) > psnr(np.mean(planes, axis=0), truth) - 2
    assert psnr(image, truth) > psnr(planes[0], truth) + 6


@pytest.mark.parametrize("values", [(100, 200), (200, 100), (100, 100, 200), (10, 20, 30, 40)])
def test_flat_planes_count_alike(values: tuple[int, ...]) -> None:
    planes = [np.full((64, 64), value, np.float32) for value in values]
    np.testing.assert_allclose(Fused(planes).exact, np.mean(values), rtol=1e-5)


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(8)))
def test_the_order_of_planes_does_not_matter(order: list[int]) -> None:
    planes = scene("gravel", "dome", noise=QUIET).planes
    moved = [planes[k] for k in order]
    np.testing.assert_allclose(Fused(moved).exact, Fused(planes).exact, atol=0.0001 * 255)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**16),
    st.sampled_from(KINDS),
    st.sampled_from(["uint8", "uint16", "float32"]),
)
def test_no_value_lies_beyond_what_planes_recorded(seed: int, colour, dtype: str) -> None:
    """Grey and brightness at each pixel, every channel in the whole stack."""
    rng = np.random.default_rng(seed)
    planes = rng.choice(np.array([3, 40, 250], dtype), (3, 40, 56, *colour))
    mask = rng.choice(np.uint8([0, 255]), (40, 56))
    fused = Fused(list(planes), [None, mask, None])
    assert planes.min() <= fused.exact.min()
    assert fused.exact.max() <= planes.max()
    grey = planes.astype(float) if not colour else planes[..., :3].mean(-1)
    if dtype != "float32":  # ranges are kept in the type of the planes
        grey = np.rint(grey)
    low, high = (np.where(mask > 0, end(grey, 0), end(grey[[0, 2]], 0)) for end in (np.min, np.max))
    slack = 1e-4 * 250 if dtype == "float32" else 0.5 + (0.5 if colour else 0)  # of 0.5
    assert (fused.brightness >= low - slack).all()
    assert (fused.brightness <= high + slack).all()
    if not colour:
        inside = (fused.image >= low - 1e-4) & (fused.image <= high + 1e-4)
        assert inside.all()


def test_a_picture_of_moved_planes_stays_within_their_range() -> None:
    """Reading between pixels overshoots; what is fused does not."""
    rng = np.random.default_rng(0)
    planes = [rng.choice(np.uint8([20, 200]), (64, 80)) for _ in range(3)]
    matrices = [np.array([[1, 0, 0.4 * k], [0, 1, -0.3 * k], [0, 0, 1]]) for k in range(3)]
    for options in ({}, {"brightness": [Brightness(1.1), Brightness(), Brightness()]}):
        image = Fused(planes, matrices=matrices, **options).exact
        assert image.min() >= 20
        assert image.max() <= 220 * (1 + 1e-6)
        if not options:
            assert image.max() <= 200


# what was not recorded


def masked_stack(k: int, fill: str) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
    """A dome whose plane `k` has not recorded its first 20 columns."""
    planes = [np.array(plane) for plane in scene("gravel", "dome", noise=QUIET).planes]
    if fill == "repeated edge":
        planes[k][:, :20] = planes[k][:, 20:21]
    masks: list[np.ndarray | None] = [None] * len(planes)
    masks[k] = edge_mask(20)
    return planes, masks


@pytest.mark.parametrize("k", [0, 3, 7])
def test_a_border_that_a_warp_repeats_does_no_harm(k: int) -> None:
    truth = scene("gravel", "dome", noise=QUIET).image * 255
    near = np.s_[:, :40]
    known = Fused(*masked_stack(k, "as it was")).exact
    image = Fused(*masked_stack(k, "repeated edge")).exact
    assert psnr(image[near], truth[near]) > psnr(known[near], truth[near]) - 1


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("colour", KINDS, ids=["grey", "colour", "alpha"])
def test_what_no_plane_recorded_is_noted_and_goes_on_smoothly(colour, dtype: str) -> None:
    planes = [texture(*colour).astype(dtype)] * 3
    masks = [edge_mask(20), edge_mask(25), edge_mask(30)]
    fused = Fused(planes, masks, NOISELESS)
    recorded = np.ones(SHAPE, bool)
    recorded[:, :20] = False
    np.testing.assert_array_equal(fused.recorded, recorded)
    nothing = fused.exact[~recorded]
    assert np.isnan(nothing).all() if colour != (4,) else not nothing.any()
    np.testing.assert_allclose(fused.exact[recorded], planes[0][recorded], atol=2e-3)
    assert (fused.image[~recorded] == 0).all() or dtype == "float32"
    # the guide of the depth
    assert np.isfinite(fused.brightness).all()
    assert 0 <= fused.brightness.min() <= fused.brightness.max() <= 255


def test_painting_leaves_brightness_alone() -> None:
    """Depth is estimated on it meanwhile."""
    planes = [texture().astype(np.uint8)] * 2
    with ThreadTeam(2) as team:
        pyramid = PyramidFusion(SHAPE, planes[0].dtype, ROUNDING, team)
        for plane in planes:
            pyramid.add(RegisteredPlane(plane, STILL, Brightness(), edge_mask(20)))
        pyramid.build()
        before = pyramid.brightness.copy()
        first = pyramid.image(FLOAT)
        np.testing.assert_array_equal(pyramid.brightness, before)
        np.testing.assert_array_equal(pyramid.image(FLOAT), first)


# energies


@pytest.mark.parametrize("shape", [(160, 192), (97, 131), (64, 700), (8, 8), (17, 16)])
@pytest.mark.parametrize("colour", KINDS, ids=["grey", "colour", "alpha"])
def test_energies_have_half_a_half_and_a_quarter_of_the_size(colour, shape) -> None:
    plane = np.random.default_rng(0).uniform(0, 255, (*shape, *colour)).astype(np.float32)
    fused = Fused([plane] * 2, noise=NOISELESS, keep_energy=True)
    half = reduced_shape(shape)
    wanted = [half, half, reduced_shape(half)][: len(fused.energies[0])]
    assert [energy.shape for energy in fused.energies[0]] == wanted
    assert len(fused.energies[0]) == (1 if min(shape) < 32 else min(3, len(wanted)))
    assert all(energy.dtype == np.float32 for energy in fused.energies[0])
    assert fused.energy.shape == shape
    np.testing.assert_allclose(fused.energies[1][0], reduce(fused.energy), rtol=1e-5)
    np.testing.assert_allclose(fused.image, plane, atol=2e-3)


def test_no_energy_of_the_whole_size_is_kept_unless_it_is_wanted() -> None:
    assert Fused([texture()]).energy is None


@pytest.mark.parametrize("colour", [(), (3,)], ids=["grey", "colour"])
def test_energies_are_higher_where_a_plane_is_sharp(colour: tuple[int, ...]) -> None:
    half = texture(*colour)
    half[:, 96:] = blurred(half)[:, 96:]
    fused = Fused([half], keep_energy=True)
    for energy in (fused.energy, *fused.energies[0][:2]):
        middle = energy.shape[1] // 2
        left, right = energy[:, : middle - 6], energy[:, middle + 6 :]
        assert np.median(left) > 3 * np.median(right)


def test_an_unrecorded_place_has_no_energy() -> None:
    fused = Fused([texture()], [edge_mask(20)], keep_energy=True)
    assert (fused.energy[:, :20] == UNRECORDED).all()
    assert (fused.energy[:, 20:] >= 0).all()
    assert (fused.energies[0][0][:, :10] == UNRECORDED).all()
    assert (fused.energies[0][1][:, :9] == UNRECORDED).all()
    assert (fused.energies[0][2][:, :4] == UNRECORDED).all()
    for energy, columns in zip(fused.energies[0], (10, 11, 6), strict=True):
        assert (energy[:, columns:] >= 0).all()


# parts and tiles


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_focus_stack._utils.threads.PART_PIXELS", 2000)
    monkeypatch.setattr("napari_focus_stack._utils.threads.BLOCK_SHAPE", (32, 48))


MOTIONS = [
    np.array(
        [[1 + 0.004 * k, 0.003 * k, -0.7 * k], [-0.003 * k, 1 + 0.004 * k, 0.9 * k], [0, 0, 1]]
    )
    for k in range(4)
]


def several(colour: tuple[int, ...], shape: tuple[int, int]) -> list[np.ndarray]:
    whole = texture(*colour)[: shape[0], : shape[1]]
    return [blurred(whole, 0.5 + 0.6 * k).round().astype(np.uint8) for k in range(4)]


@pytest.mark.parametrize("halves", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("shape", [(160, 192), (97, 131)])
@pytest.mark.parametrize("colour", KINDS, ids=["grey", "colour", "alpha"])
def test_parts_and_threads_leave_no_trace(
    colour, shape, threads, halves, request: pytest.FixtureRequest
) -> None:
    planes = several(colour, shape)
    options = {"matrices": MOTIONS, "threads": threads, "colour_halved": halves}
    one = Fused(planes, matrices=MOTIONS, threads=1, colour_halved=halves)
    request.getfixturevalue("small_parts")
    many = Fused(planes, **options)
    assert np.abs(many.image.astype(int) - one.image).max() <= 1
    assert np.abs(many.exact - one.exact)[one.recorded].max() < 0.3
    assert np.abs(many.exact - one.exact)[one.recorded].mean() < 2e-3
    assert (many.recorded != one.recorded).mean() < 0.005
    still = Fused(planes, threads=threads, colour_halved=halves)
    request.getfixturevalue("monkeypatch").undo()
    whole = Fused(planes, threads=1, colour_halved=halves)
    # places between pixels are rounded by OpenCV, from another origin
    np.testing.assert_allclose(still.exact, whole.exact, atol=0.05 if halves else 1e-3)
    for a, b in zip(still.energies[-1], whole.energies[-1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2 if halves else 1e-4, atol=0.05)


@pytest.mark.parametrize("colour", [(), (3,)], ids=["grey", "colour"])
def test_an_origin_moves_what_is_seen(colour: tuple[int, ...]) -> None:
    """A part that lies in the field sees what the whole sees there, but for its borders."""
    planes = several(colour, SHAPE)
    whole = Fused(planes, matrices=MOTIONS)
    part = Fused(planes, matrices=MOTIONS, origin=(16, 32), shape=(128, 144, *colour))
    inner = np.s_[40:-40, 40:-40]
    there = np.s_[16:144, 32:176]
    apart = np.abs(part.exact - whole.exact[there])[inner]
    assert apart.max() < 0.5
    assert apart.mean() < 0.02


@pytest.mark.parametrize("threads", [1, 3])
def test_it_stops_when_it_is_not_wanted_any_more(threads: int) -> None:
    class UnwantedError(Exception):
        pass

    looks, most = 0, 10**6

    def check() -> None:
        nonlocal looks
        looks += 1
        if looks > most:
            raise UnwantedError

    with ThreadTeam(threads, check) as team:
        pyramid = PyramidFusion(SHAPE, FLOAT, ROUNDING, team)
        seen = RegisteredPlane.of(texture(), STILL, Brightness())
        pyramid.add(seen)
        most = looks + looks // 2  # in the middle of the next one
        with pytest.raises(UnwantedError):
            pyramid.add(seen)
    assert most < looks <= most + threads
