"""Accuracy of a result against a known truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

BORDER_SHARE = 0.06
"""Share of the height and width left out along each edge, where aligned planes may have recorded
nothing."""


@dataclass(frozen=True)
class ImageScore:
    """Accuracy of an image.

    Attributes
    ----------
    psnr : float
        Peak signal-to-noise ratio, in dB; infinite if all pixels are equal to the truth.
    ssim : float
        Structural similarity [1]_, at most 1.

    References
    ----------
    .. [1] Z. Wang et al., "Image quality assessment: from error visibility to structural
       similarity", IEEE Trans. Image Process. 13:600, 2004,
       https://doi.org/10.1109/TIP.2003.819861.
    """

    psnr: float
    ssim: float


@dataclass(frozen=True)
class DepthScore:
    """Accuracy of a depth map.

    Attributes
    ----------
    mean_error : float
        Mean of the absolute differences, in planes.
    share_off : float
        Share of pixels off by more than one plane, 0 to 1.
    """

    mean_error: float
    share_off: float


@dataclass(frozen=True)
class ConfidenceScore:
    """Accuracy of the depth of trusted pixels.

    Attributes
    ----------
    share : float
        Share of pixels that are trusted, 0 to 1.
    mean_error : float
        Mean absolute error of their depth, in planes; NaN if none is trusted.
    """

    share: float
    mean_error: float


def score_image(
    image: ArrayLike, truth: ArrayLike, *, border: float = BORDER_SHARE, white: float | None = None
) -> ImageScore:
    """Compare an image with the truth, within the border.

    Parameters
    ----------
    image, truth : array-like
        (Y, X) or (Y, X, C), of the same shape and dtype. Nothing is fitted: a change of brightness
        is an error.
    border : float
        Share of height and width left out along each edge.
    white : float, optional
        Peak value: by default the largest value of an integer dtype, or 1.

    Returns
    -------
    ImageScore
        PSNR and SSIM.

    Raises
    ------
    ValueError
        The two differ in shape or dtype.
    """
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    found, true = _inner_pair(image, truth, border)
    if found.dtype != true.dtype:
        raise ValueError(f"image is {found.dtype}, truth {true.dtype}; convert one of them.")
    if white is None:
        white = float(np.iinfo(true.dtype).max) if true.dtype.kind in "iu" else 1.0
    a, b = found.astype(np.float64), true.astype(np.float64)
    similarity = structural_similarity(
        a, b, data_range=white, channel_axis=-1 if b.ndim == 3 else None
    )
    with np.errstate(divide="ignore"):  # equal images: infinite, as documented
        ratio = peak_signal_noise_ratio(b, a, data_range=white)
    return ImageScore(float(ratio), float(similarity))


def score_depth(depth: ArrayLike, truth: ArrayLike, *, border: float = BORDER_SHARE) -> DepthScore:
    """Compare a depth map with the truth, within the border.

    Parameters
    ----------
    depth, truth : array-like
        (Y, X), in planes.
    border : float
        Share of height and width left out along each edge.

    Returns
    -------
    DepthScore
        Mean error and share of pixels off by more than one plane.

    Raises
    ------
    ValueError
        The two differ in shape.
    """
    found, true = _inner_pair(depth, truth, border)
    error = np.abs(found.astype(np.float64) - true.astype(np.float64))
    return DepthScore(float(error.mean()), float((error > 1).mean()))


def score_confidence(
    confidence: ArrayLike,
    depth: ArrayLike,
    truth: ArrayLike,
    *,
    least: float = 0.5,
    border: float = BORDER_SHARE,
) -> ConfidenceScore:
    """Compare the depth of trusted pixels with the truth, within the border.

    Parameters
    ----------
    confidence, depth, truth : array-like
        (Y, X); depths in planes.
    least : float
        Confidence from which on a pixel is trusted.
    border : float
        Share of height and width left out along each edge.

    Returns
    -------
    ConfidenceScore
        Share of trusted pixels, and the error of their depth.

    Raises
    ------
    ValueError
        The three differ in shape.
    """
    found, true = _inner_pair(depth, truth, border)
    trusted = _inner_pair(confidence, truth, border)[0] >= least
    error = np.abs(found.astype(np.float64) - true.astype(np.float64))[trusted]
    mean = float(error.mean()) if error.size else float("nan")
    return ConfidenceScore(float(trusted.mean()), mean)


def best_single_plane(
    planes: NDArray[Any],
    truth: NDArray[Any],
    transforms: NDArray[np.float64] | None = None,
    *,
    white: float | None = None,
) -> tuple[int, ImageScore]:
    """Find the plane that is nearest to the truth after its motion is corrected.

    Parameters
    ----------
    planes : numpy.ndarray
        (Z, Y, X[, C]).
    truth : numpy.ndarray
        (Y, X[, C]).
    transforms : numpy.ndarray, optional
        (Z, 3, 3), pixel (x, y, 1) of the truth to pixel of plane k; None if nothing moves.
    white : float, optional
        Peak value, as in `score_image`.

    Returns
    -------
    plane : int
        Number of the plane.
    score : ImageScore
        Its accuracy.
    """
    import cv2

    registered = [
        plane if transforms is None else _moved_back(plane, transforms[k])
        for k, plane in enumerate(planes)
    ]
    errors = [cv2.norm(plane, truth, cv2.NORM_L2SQR) for plane in registered]
    best = int(np.argmin(errors))
    return best, score_image(registered[best], truth, white=white)


def _moved_back(plane: NDArray[Any], matrix: NDArray[np.float64]) -> NDArray[Any]:
    """Resample a plane in the frame of the truth."""
    import cv2

    size = (plane.shape[1], plane.shape[0])
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    registered: NDArray[Any] = cv2.warpPerspective(
        plane, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101
    )
    return registered


def _inner_pair(
    found: ArrayLike, truth: ArrayLike, border: float
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return result and truth without their border."""
    a, b = np.asarray(found), np.asarray(truth)
    if a.shape != b.shape:
        raise ValueError(f"result of shape {a.shape} and truth of shape {b.shape} do not fit.")
    y, x = (int(side * border) for side in a.shape[:2])
    inner = np.s_[y : a.shape[0] - y, x : a.shape[1] - x]
    return a[inner], b[inner]
