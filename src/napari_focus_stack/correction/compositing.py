"""Compositing of planes over an image by a map of labels, with soft edges.

Every pixel is the same whether it is computed alone or with all others: weights are blurred in
integers, and planes are resampled in fixed tiles.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_focus_stack._utils.windows import counted_from, intersection, moved_by, widened
from napari_focus_stack.depth_labels import BACKGROUND, NOT_CORRECTED
from napari_focus_stack.imgproc.dtypes import as_dtype

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.alignment.registered_stack import RegisteredStack
    from napari_focus_stack.imgproc.pyramids import Plane

Labels = NDArray[np.uint16]

FEATHER = 2.0
"""Gaussian sigma, in pixels, over which the edges of painted areas are blended."""
FEATHER_REACH = 6
"""Pixels on either side of an edge that are blended: three sigma."""
FULL_WEIGHT = 65535
"""Weight 1: OpenCV blurs 16 bits in integers, so that a part has the same pixels as the whole."""
COMPOSED_TILE = 128
"""Side, in pixels, of the tiles in which planes are resampled at its multiples, for that reason."""
MOST_DECODED = 4
"""Largest number of decoded planes that are kept in memory."""


def labels_in(labels: Labels) -> list[int]:
    """Find the labels that occur in a map.

    Parameters
    ----------
    labels : numpy.ndarray
        (y, x) uint16.

    Returns
    -------
    list of int
        Labels, the lowest first.
    """
    # a tenth of the time of np.bincount
    counts = cv2.calcHist([labels], [0], None, [BACKGROUND + 1], [0, BACKGROUND + 1])
    return [int(label) for label in np.flatnonzero(counts)]


class PlaneCompositor:
    """Compositor of registered planes over the image of a run.

    Parameters
    ----------
    stack : RegisteredStack
        The planes.
    image : numpy.ndarray
        (Y, X[, C]): image of the run.
    origin : tuple of int
        Row and column of the reference plane at which the image begins.
    reach : int
        Pixels on either side of an edge that are blended: `FEATHER_REACH`, or 0.
    """

    def __init__(
        self,
        stack: RegisteredStack,
        image: NDArray[Any],
        origin: tuple[int, int],
        reach: int,
    ) -> None:
        self._stack, self._origin = stack, origin
        self._image = image
        self._reach = reach
        self._read: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._reading = Lock()

    def widened(self, window: Window) -> Window:
        """Return the part of the image that depends on labels in a window.

        Parameters
        ----------
        window : tuple of slice
            Rows and columns of the result.

        Returns
        -------
        tuple of slice
            The window, widened by the reach of blending within the image.
        """
        return widened(window, self._reach, self._image.shape)

    def image(self, labels: Labels, window: Window) -> NDArray[Any]:
        """Return the image in a window with planes composited over it.

        Parameters
        ----------
        labels : numpy.ndarray
            (y, x) uint16: labels in the window that `widened` returns for this one.
        window : tuple of slice
            Rows and columns of the result.

        Returns
        -------
        numpy.ndarray
            (y, x[, C]) in the image's dtype: its own pixels, to the bit, where no label reaches.

        Raises
        ------
        InputError
            A plane cannot be read; the message names it.
        """
        image = np.array(self._image[window])
        shown, total = np.zeros(image.shape, np.float32), np.zeros(image.shape[:2], np.float32)
        inner = counted_from(self.widened(window), window)
        for label in labels_in(labels):
            if NOT_CORRECTED < label < BACKGROUND:
                weight = self._weight(labels == label)[inner]
                self._lay(label - 1, window, weight, shown, total)
        some = total > 0
        fused, shown, total = image[some].astype(np.float32), shown[some], total[some]
        unknown = ~np.isfinite(fused)
        fused[unknown] = 0
        rest = np.maximum(1 - total, 0)
        if image.ndim == 3:
            rest, total = rest[:, None], total[:, None]
        rest = np.where(unknown, np.float32(0), rest)
        shown += rest * fused
        shown /= total + rest
        image[some] = as_dtype(shown, image.dtype)
        return image

    def plane(self, k: int, window: Window, step: int) -> NDArray[Any]:
        """Return a registered plane in a window, and the image of the run where it has no record.

        Parameters
        ----------
        k : int
            Number of a plane that took part.
        window : tuple of slice
            Rows and columns of the result.
        step : int
            Distance between the pixels that are returned, along rows and columns.

        Returns
        -------
        numpy.ndarray
            (y, x[, C]) in the image's dtype.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """
        part = self._stack.part(k, moved_by(window, *self._origin), self._plane(k))
        coarse = dataclasses.replace(part, matrix=part.matrix @ np.diag([step, step, 1.0]))
        image = self._image[window][::step, ::step]
        colour, recorded = coarse.colour((slice(0, image.shape[0]), slice(0, image.shape[1])))
        if recorded is not None:
            unknown = recorded == 0
            colour[unknown] = image[unknown]
        return as_dtype(colour, image.dtype)

    def _weight(self, mask: NDArray[np.bool_]) -> Plane:
        """Return the blurred mask: 1 inside it and 0 outside it, beyond the reach of blending."""
        weight = np.zeros(mask.shape, np.float32)
        x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
        part = widened((slice(y, y + height), slice(x, x + width)), self._reach, mask.shape)
        if self._reach == 0:
            weight[part] = mask[part]
            return weight
        opaque = mask[part].astype(np.uint16) * np.uint16(FULL_WEIGHT)
        size = (2 * FEATHER_REACH + 1, 2 * FEATHER_REACH + 1)
        soft = cv2.GaussianBlur(opaque, size, FEATHER, borderType=cv2.BORDER_REPLICATE)
        np.divide(soft, np.float32(FULL_WEIGHT), out=weight[part])
        return weight

    def _lay(self, k: int, window: Window, weight: Plane, shown: Plane, total: Plane) -> None:
        """Add plane `k` to the weighted sum in a window, and its weight to the total."""
        for tile, here, there in self._tiles(window):
            share = weight[there]
            if not share.any():
                continue
            colour, recorded = self._stack.part(k, tile, self._plane(k)).colour()
            if recorded is not None:
                share = np.where(recorded[here] > 0, share, 0)
            total[there] += share
            shown[there] += (share if colour.ndim == 2 else share[..., None]) * colour[here]

    def _tiles(self, window: Window) -> Iterator[tuple[Window, Window, Window]]:
        """Yield the tiles of the field that overlap a window, and the overlap in both of them."""
        rows, cols = wanted = moved_by(window, *self._origin)
        height, width = self._stack.field
        for top in range(rows.start // COMPOSED_TILE * COMPOSED_TILE, rows.stop, COMPOSED_TILE):
            for left in range(
                cols.start // COMPOSED_TILE * COMPOSED_TILE, cols.stop, COMPOSED_TILE
            ):
                tile = (
                    slice(top, min(top + COMPOSED_TILE, height)),
                    slice(left, min(left + COMPOSED_TILE, width)),
                )
                shared = intersection(tile, wanted)
                if shared is not None:
                    yield tile, counted_from(tile, shared), counted_from(wanted, shared)

    def _plane(self, k: int) -> NDArray[Any]:
        """Return plane `k`, from memory if it is one of the last few that were used.

        Painting never waits for a plane that is read in another thread to be shown.
        """
        with self._reading:
            plane = self._read.get(k)
        if plane is None:
            plane = self._stack.source[k]
        with self._reading:
            self._read[k] = plane
            self._read.move_to_end(k)
            if len(self._read) > MOST_DECODED:
                self._read.popitem(last=False)
        return plane
