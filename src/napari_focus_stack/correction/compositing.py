"""Planes laid over an image where labels say so, with soft edges.

Every pixel is the same however it is come by, alone or with all others: weights are blurred in
whole numbers, and planes are read off in fixed tiles.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_focus_stack._utils.windows import counted_from, moved_by, widened
from napari_focus_stack.depth_labels import BACKGROUND, NOT_CORRECTED
from napari_focus_stack.imgproc.dtypes import as_dtype

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.alignment.registered_stack import RegisteredStack
    from napari_focus_stack.imgproc.pyramids import Plane

Labels = NDArray[np.uint16]

FEATHER = 2.0
"""Gaussian sigma, in pixels, by which the edges of what is painted are blended."""
FEATHER_REACH = 6
"""Pixels to either side over which they are: three sigma."""
FULL_WEIGHT = 65535
"""Weight 1: OpenCV blurs 16 bits in whole numbers, so that parts have the pixels of the whole."""
COMPOSED_TILE = 128
"""Planes are read off in tiles at its multiples, for the same reason."""
MOST_DECODED = 4
"""Decoded planes that are kept."""


def labels_in(labels: Labels) -> list[int]:
    """Labels that occur in a map, (y, x), from the lowest on."""
    # a tenth of the time of np.bincount
    counts = cv2.calcHist([labels], [0], None, [BACKGROUND + 1], [0, BACKGROUND + 1])
    return [int(label) for label in np.flatnonzero(counts)]


class PlaneCompositor:
    """An image over which planes are laid.

    Parameters
    ----------
    stack : RegisteredStack
        The planes.
    image : numpy.ndarray
        (Y, X[, C]), the run's.
    origin : tuple of int
        Row and column of the reference plane at which the image begins.
    reach : int
        Pixels to either side of an edge over which it is blended: `FEATHER_REACH`, or 0.
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

    def widened(self, window: Window) -> Window:
        """Part of the image that labels in a window have to do with."""
        return widened(window, self._reach, self._image.shape)

    def image(self, labels: Labels, window: Window) -> NDArray[Any]:
        """Return the image in a window with planes laid over it.

        Parameters
        ----------
        labels : numpy.ndarray
            (y, x) uint16, those in what `widened` makes of the window.
        window : tuple of slice
            Part of the result.

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

    def _weight(self, mask: NDArray[np.bool_]) -> Plane:
        """How far a mask covers each pixel: 1 beyond the feather inside it, 0 beyond it outside."""
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
        """Add plane `k` to what is shown of a window, by its weight."""
        for tile, here, there in self._tiles(window):
            share = weight[there]
            if not share.any():
                continue
            colour, valid = self._stack.part(k, tile, self._plane(k)).colour()
            if valid is not None:
                share = np.where(valid[here] > 0, share, 0)
            total[there] += share
            shown[there] += (share if colour.ndim == 2 else share[..., None]) * colour[here]

    def _tiles(self, window: Window) -> Iterator[tuple[Window, Window, Window]]:
        """Tiles of the field; what a window of the result shares with each, in it and in itself."""
        rows, cols = asked = moved_by(window, *self._origin)
        height, width = self._stack.field
        for top in range(rows.start // COMPOSED_TILE * COMPOSED_TILE, rows.stop, COMPOSED_TILE):
            for left in range(
                cols.start // COMPOSED_TILE * COMPOSED_TILE, cols.stop, COMPOSED_TILE
            ):
                tile = (
                    slice(top, min(top + COMPOSED_TILE, height)),
                    slice(left, min(left + COMPOSED_TILE, width)),
                )
                down = slice(max(top, rows.start), min(top + COMPOSED_TILE, rows.stop))
                across = slice(max(left, cols.start), min(left + COMPOSED_TILE, cols.stop))
                shared = down, across
                yield tile, counted_from(tile, shared), counted_from(asked, shared)

    def _plane(self, k: int) -> NDArray[Any]:
        """Plane `k`, one of the last few if it was read before."""
        if k not in self._read:
            self._read[k] = self._stack.source[k]
            if len(self._read) > MOST_DECODED:
                self._read.popitem(last=False)
        self._read.move_to_end(k)
        return self._read[k]
