"""Drift of the field over time, estimated on fused images: on what is sharp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from napari_focus_stack._utils.steps import drain
from napari_focus_stack.errors import InputError
from napari_focus_stack.imgproc.dtypes import as_dtype, computable, nothing
from napari_focus_stack.imgproc.transforms import warp
from napari_focus_stack.io.sources import ArraySource, PlaneSource
from napari_focus_stack.pipeline.align_only import align_only_steps
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.transforms import Matrix
    from napari_focus_stack.series.destinations import PositionMaps

_SHIFT = Settings(align="shift", reference=0)


def drift_between(
    image: NDArray[Any], other: NDArray[Any], cancel: threading.Event | None = None
) -> Matrix | None:
    """Return the shift from one fused image to that of another time point.

    Parameters
    ----------
    image, other : numpy.ndarray
        (Y, X[, C]) fused images of the same channel.
    cancel : threading.Event, optional
        Once set, the run raises `Cancelled`.

    Returns
    -------
    numpy.ndarray or None
        (3, 3), pixel (x, y, 1) of `image` to that of `other`; the identity where nothing moved;
        None where the second does not fit the first.
    """
    return film_drift(ArraySource([image, other]), cancel)[1]


class FilmImages(PlaneSource):
    """Fused images of one channel as planes, read on demand.

    Parameters
    ----------
    maps : PositionMaps
        Maps of a position.
    times : sequence of int
        Time points.
    channel : int
        Channel.
    """

    def __init__(self, maps: PositionMaps, times: Sequence[int], channel: int) -> None:
        self._maps, self._times, self._channel = maps, tuple(times), channel
        self.plane_shape, self.dtype = maps.frames["image"]
        self.names = tuple(f"time {time}" for time in times)

    def __getitem__(self, k: int) -> NDArray[Any]:
        """Read the fused image of the time point numbered `k` of those that were given."""
        if not 0 <= k < len(self):
            raise IndexError(k)
        return self._maps.read("image", self._times[k], self._channel)


def film_drift(images: PlaneSource, cancel: threading.Event | None = None) -> list[Matrix | None]:
    """Return the shift of every time point from the first one.

    The images are aligned as the planes of a stack are: pair by pair over a spanning tree, then
    jointly, so that errors do not add up over a long film.

    Parameters
    ----------
    images : PlaneSource
        Fused images of one channel, two or more.
    cancel : threading.Event, optional
        Once set, the run raises `Cancelled`.

    Returns
    -------
    list of numpy.ndarray or None
        (3, 3), pixel (x, y, 1) of the first image to that of each; None where it does not fit.
    """
    unknown = [np.eye(3), *[None] * (len(images) - 1)]
    try:
        aligned = drain(align_only_steps(images, _SHIFT, cancel=cancel))
    except InputError:  # nothing in them that could be aligned
        return unknown
    if aligned.alignment.model == "none":  # they have too little in common
        return unknown
    return [one if np.isfinite(one).all() else None for one in aligned.transforms]


def moved_back(map_: NDArray[Any], drift: Matrix, *, whole: bool = False) -> NDArray[Any]:
    """Return an image or a map in the frame of the first time point.

    Parameters
    ----------
    map_ : numpy.ndarray
        (Y, X[, C]) of any type.
    drift : numpy.ndarray
        (3, 3), pixel (x, y, 1) of the first time point to that of the map.
    whole : bool
        Whether values must not be interpolated, so that the drift is rounded to whole pixels.

    Returns
    -------
    numpy.ndarray
        As `map_`; NaN, or 0 in types without NaN, where nothing was recorded.
    """
    matrix = drift.copy()
    if whole:
        matrix[:2, 2] = np.rint(matrix[:2, 2])
    if np.array_equal(matrix, np.eye(3)):
        return map_
    if whole:
        return _shifted(map_, int(matrix[0, 2]), int(matrix[1, 2]))
    # NaN of depth that was measured nowhere would spread by a cubic kernel
    kernel = cv2.INTER_LINEAR if map_.dtype.kind == "f" else cv2.INTER_CUBIC
    moved, recorded = warp(computable(map_).astype(np.float32), matrix, kernel)
    if recorded is not None:
        moved[recorded == 0] = np.nan
    return as_dtype(moved, map_.dtype)


def _shifted(map_: NDArray[Any], dx: int, dy: int) -> NDArray[Any]:
    """Return a map moved by whole pixels."""
    rows, columns = map_.shape[:2]
    moved = np.full_like(map_, nothing(map_.dtype))
    to_y, to_x = slice(max(-dy, 0), rows - max(dy, 0)), slice(max(-dx, 0), columns - max(dx, 0))
    from_y, from_x = slice(max(dy, 0), rows + min(dy, 0)), slice(max(dx, 0), columns + min(dx, 0))
    if rows > abs(dy) and columns > abs(dx):
        moved[to_y, to_x] = map_[from_y, from_x]
    return moved
