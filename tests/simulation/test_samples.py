"""The built-in samples: their truth is true, and nothing is downloaded."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from skimage import data

from napari_focus_stack.errors import SettingsError
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.simulation.samples import SAMPLES, TITLES, Sample, render_sample

if TYPE_CHECKING:
    from pathlib import Path

OFFLINE = """
import hashlib, socket, sys
def refuse(*_args, **_kwargs):
    raise AssertionError("the samples reach for the network")
socket.socket.connect = socket.getaddrinfo = refuse
sys.modules["pooch"] = None  # scikit-image downloads through it, where it is installed
from napari_focus_stack.simulation.samples import SAMPLES, render_sample
for name in SAMPLES:
    print(name, hashlib.sha256(render_sample(name).planes).hexdigest())
"""


@pytest.fixture(params=SAMPLES)
def sample(request: pytest.FixtureRequest) -> Sample:
    return render_sample(request.param)


def registered(sample: Sample) -> np.ndarray:
    """The planes as the middle one sees them."""
    if sample.transforms is None:
        return sample.planes
    size = sample.depth.shape[::-1]
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    pairs = zip(sample.planes, sample.transforms, strict=True)
    return np.stack([cv2.warpPerspective(p, m, size, flags=flags) for p, m in pairs])


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    inner = np.s_[20:-20, 20:-20]
    error = image[inner].astype(float) - truth[inner].astype(float)
    return float(10 * np.log10(255**2 / (error**2).mean()))


def nearest_planes(planes: np.ndarray, depth: np.ndarray) -> np.ndarray:
    index = np.rint(depth).astype(int)[None, :, :, None]
    return np.take_along_axis(planes, index, axis=0)[0]


def test_shapes_and_types(sample: Sample) -> None:
    count, height, width, channels = sample.planes.shape
    assert channels == 3
    assert 12 <= count <= 16
    assert sample.image.shape == (height, width, 3)
    assert sample.depth.shape == (height, width)
    assert (sample.planes.dtype, sample.image.dtype) == (np.uint8, np.uint8)
    assert sample.depth.dtype == np.float32
    assert sample.title == TITLES[sample.name]
    assert f"({count} planes)" in sample.title


def test_the_whole_depth_lies_within_the_stack(sample: Sample) -> None:
    assert sample.depth.min() == pytest.approx(0.5)
    assert sample.depth.max() == pytest.approx(len(sample.planes) - 1.5)


def test_the_depth_says_which_plane_shows_the_image(sample: Sample) -> None:
    """A plane that is off shows less, by 2 dB one plane off, and any single plane by 9 dB."""
    planes, depth, last = registered(sample), sample.depth, len(sample.planes) - 1
    at_depth = psnr(nearest_planes(planes, depth), sample.image)
    assert at_depth > {"histology": 41, "motorcycle": 33}[sample.name]
    for shift in (-1, 1):
        beside = nearest_planes(planes, np.clip(depth + shift, 0, last))
        assert psnr(beside, sample.image) < at_depth - 2
    assert max(psnr(plane, sample.image) for plane in planes) < at_depth - 9


def test_the_tissue_moves_as_its_transforms_say() -> None:
    sample = render_sample("histology")
    assert sample.transforms is not None
    count = len(sample.planes)
    np.testing.assert_array_equal(sample.transforms[count // 2], np.eye(3))
    unmoved = psnr(nearest_planes(sample.planes, sample.depth), sample.image)
    assert psnr(nearest_planes(registered(sample), sample.depth), sample.image) > unmoved + 10
    height, width = sample.depth.shape
    x, y = [0, width - 1, 0, width - 1], [0, 0, height - 1, height - 1]
    for matrix in np.linalg.inv(sample.transforms):  # what comes into view, in the middle's pixels
        seen = matrix @ [x, y, [1] * 4]
        assert seen[:2].min() > -16 + 4  # lies in the picture, with the interpolation's reach
        assert (seen[:2].max(axis=1) < np.array([width, height]) + 16 - 4).all()


def test_only_the_tissue_has_a_scale() -> None:
    assert render_sample("histology").spacing == Spacing(y=0.5, x=0.5, z=2.0, unit="micrometer")
    assert render_sample("motorcycle").spacing == Spacing()
    assert render_sample("motorcycle").transforms is None


def test_rendered_once_and_kept_from_changes(sample: Sample) -> None:
    assert render_sample(sample.name) is sample
    for array in (sample.planes, sample.image, sample.depth):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_offline_and_elsewhere_the_samples_are_the_same(tmp_path: Path) -> None:
    here = [f"{n} {hashlib.sha256(render_sample(n).planes).hexdigest()}" for n in SAMPLES]
    run = subprocess.run(
        [sys.executable, "-c", OFFLINE], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    assert run.stdout.splitlines() == here


def test_with_a_downloader_installed_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    pooch = pytest.importorskip("pooch")

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("the samples reach for the network")

    monkeypatch.setattr(pooch.Pooch, "fetch", refuse)
    assert data.immunohistochemistry().shape == (512, 512, 3)
    assert data.stereo_motorcycle()[2].shape == (500, 741)


def test_another_name_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"'wasp'.*histology, motorcycle"):
        render_sample("wasp")
