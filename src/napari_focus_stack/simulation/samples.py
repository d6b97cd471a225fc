"""Built-in samples: stacks rendered from images that are part of scikit-image.

Nothing is downloaded: both images are in scikit-image's wheel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import SettingsError
from napari_focus_stack.io.sources import Spacing

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Sample:
    """A rendered stack and its truth; the arrays are shared between callers and read-only.

    Attributes
    ----------
    name : str
        One of `SAMPLES`.
    title : str
        Title in menus.
    planes : numpy.ndarray
        (Z, Y, X, 3) uint8.
    image : numpy.ndarray
        (Y, X, 3) uint8: the scene all in focus, in the frame of the middle plane (Z // 2).
    depth : numpy.ndarray
        (Y, X) float32: depth at which each pixel is in focus, in planes, in the same frame.
    spacing : Spacing
        Pixel size and z step, if the sample has them.
    transforms : numpy.ndarray or None
        (Z, 3, 3) float64, middle plane to plane k as in `StackResult`; None if nothing moves.
    """

    name: str
    title: str
    planes: NDArray[np.uint8]
    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    spacing: Spacing
    transforms: NDArray[np.float64] | None


TITLES = {
    "histology": "Stained tissue, a relief under a moving microscope (12 planes)",
    "motorcycle": "Motorcycle, a photograph with measured depth (14 planes)",
}
"""Title of each sample in menus."""

SAMPLES = tuple(TITLES)


@lru_cache(maxsize=len(SAMPLES))
def render_sample(name: str) -> Sample:
    """Render a built-in sample; later calls return the same one.

    Parameters
    ----------
    name : {"histology", "motorcycle"}
        Name of the sample.

    Returns
    -------
    Sample
        Planes and truth.

    Raises
    ------
    SettingsError
        There is no such sample.
    """
    if name not in _RENDERERS:
        raise SettingsError(f"There is no sample '{name}'; choose from {', '.join(SAMPLES)}.")
    sample = _RENDERERS[name]()
    for array in (sample.planes, sample.image, sample.depth, sample.transforms):
        if array is not None:
            array.setflags(write=False)
    return sample


def _histology() -> Sample:
    """Render immunohistochemistry on a smooth relief, through a 10x objective of NA 0.3.

    The cone of light of NA 0.3 widens by 0.63 um in a z step of 2 um, 1.26 pixels of 0.5 um. The
    focus drive breathes, turns and drifts a little; the camera has a full well of 20 000 electrons.
    """
    from skimage import data

    from napari_focus_stack.simulation.rendering import SensorNoise, drift, render_stack

    count, margin = 12, 16
    picture = data.immunohistochemistry()[:448, :448]
    depth = two_hills(*picture.shape[:2]) * (count - 2) + 0.5
    inner = np.s_[margin:-margin, margin:-margin]
    motion = drift(count, depth[inner].shape, zoom=0.0015, angle=0.02, shift=0.7, seed=4)
    planes = render_stack(
        picture / np.float32(255),
        depth,
        count,
        1.26,
        margin=margin,
        transforms=motion,
        noise=SensorNoise(read=0.002, shot=1 / 20_000),
    )
    return Sample(
        "histology",
        TITLES["histology"],
        planes,
        picture[inner].copy(),
        depth[inner].copy(),
        Spacing(y=0.5, x=0.5, z=2.0, unit="micrometer"),
        motion,
    )


def two_hills(height: int, width: int) -> NDArray[np.float32]:
    """Return a relief of two hills and a valley.

    Parameters
    ----------
    height, width : int
        Size in pixels.

    Returns
    -------
    numpy.ndarray
        (Y, X) float32, 0 to 1.
    """
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    surface = np.sin(5 * x + 2 * y) + np.cos(6 * y - 2 * x) + x
    relief: NDArray[np.float32] = ((surface - surface.min()) / np.ptp(surface)).astype(np.float32)
    return relief


def _motorcycle() -> Sample:
    """Render the motorcycle with a blur that grows by one pixel with every plane out of focus."""
    from napari_focus_stack.simulation.rendering import render_stack

    count = 14
    picture, surface = motorcycle_scene(400, 592)
    depth = surface * np.float32(count - 2) + np.float32(0.5)
    planes = render_stack(picture / np.float32(255), depth, count, 1.0)
    return Sample("motorcycle", TITLES["motorcycle"], planes, picture, depth, Spacing(), None)


def motorcycle_scene(height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return Middlebury 2014 "Motorcycle" [1]_: a photograph with measured disparity.

    The blur of a thin lens is proportional to the difference of inverse distances, and so is
    disparity: planes evenly spaced in disparity are planes evenly spaced in blur.

    Parameters
    ----------
    height, width : int
        Size of the result, in pixels.

    Returns
    -------
    picture : numpy.ndarray
        (Y, X, 3) uint8.
    relief : numpy.ndarray
        (Y, X) float32, 0 (farthest) to 1 (nearest).

    References
    ----------
    .. [1] D. Scharstein et al., "High-resolution stereo datasets with subpixel-accurate ground
    truth",
       GCPR 2014.
    """
    import cv2
    from skimage import data

    left, _, disparity = data.stereo_motorcycle()
    size = (width, height)
    picture = cv2.resize(left, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    surface = _unmix_edges(_fill_occluded(disparity))
    surface = np.asarray(cv2.resize(surface, size, interpolation=cv2.INTER_NEAREST), np.float32)
    return picture, (surface - surface.min()) / np.ptp(surface)


def _fill_occluded(disparity: NDArray[Any]) -> NDArray[np.float32]:
    """Fill disparity that the right camera could not measure by that of the farther neighbour.

    A part that only one camera records lies behind the object that hides it from the other.
    Neighbours are those in the same row.
    """
    finite = np.isfinite(disparity)
    columns = np.arange(disparity.shape[1])
    before = np.maximum.accumulate(np.where(finite, columns, -1), axis=1)
    after = np.minimum.accumulate(np.where(finite, columns, columns.size)[:, ::-1], axis=1)[:, ::-1]
    padded = np.pad(disparity, ((0, 0), (1, 1)), constant_values=np.inf)
    rows = np.arange(disparity.shape[0])[:, None]
    farther: NDArray[np.float32] = np.minimum(padded[rows, before + 1], padded[rows, after + 1])
    return farther


def _unmix_edges(disparity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return disparity whose edges are steps.

    When the measured map is reduced, it gets pixels half way between foreground and background,
    which would float there as isolated specks. Where 5 x 5 pixels differ by more than 3 (no surface
    in the image is as steep), each pixel takes the nearer of the two extremes.
    """
    import cv2

    window = np.ones((5, 5), np.uint8)
    smooth = cv2.medianBlur(disparity, 5)  # rows that are filled one by one leave streaks
    low, high = cv2.erode(smooth, window), cv2.dilate(smooth, window)
    end = np.where(smooth - low < high - smooth, low, high)
    cleaned: NDArray[np.float32] = np.where(high - low > 3, end, smooth).astype(np.float32)
    return cleaned


_RENDERERS: dict[str, Callable[[], Sample]] = {"histology": _histology, "motorcycle": _motorcycle}
