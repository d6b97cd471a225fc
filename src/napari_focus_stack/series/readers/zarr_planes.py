"""Planes of a zarr array: only the chunks that hold a plane are read."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.places import read_errors
from napari_focus_stack.io.plane_files import DAMAGE, reason
from napari_focus_stack.io.zarr_documents import zarr_store
from napari_focus_stack.series.indexed_planes import IndexedPlanes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import zarr
    from numpy.typing import NDArray

    from napari_focus_stack.series.model import StackIndex
    from napari_focus_stack.series.readers.zarr_images import ZarrImage

MOST_KEPT = 256 * 2**20
"""Bytes of planes that share their chunks and are kept after they were read."""


def zarr_planes(
    image: ZarrImage, index: StackIndex, names: Sequence[str], files: Sequence[Path]
) -> IndexedPlanes:
    """Open one stack of an image.

    Where chunks hold several planes, these are decoded together and kept until a plane of other
    chunks is asked for, up to `MOST_KEPT` bytes; beyond, each plane decodes them anew, which the
    notes of the stack say.

    Parameters
    ----------
    image : ZarrImage
        The image.
    index : StackIndex
        Time point and channel.
    names : sequence of str
        Name of each plane for messages.
    files : sequence of pathlib.Path
        Folder of the hierarchy.

    Returns
    -------
    IndexedPlanes
        Its planes, still on disk.

    Raises
    ------
    InputError
        The array is damaged, or its codec is unknown.
    """
    array = _open(image)
    depth = array.chunks[image.axes.index("z")] if "z" in image.axes else 1
    size = min(depth, len(names)) * math.prod(image.position.plane_shape)
    size *= image.position.dtype.itemsize
    kept = size <= MOST_KEPT
    blocks = _Blocks(array, image, index, depth if kept else 1)
    planes = IndexedPlanes(image.position, names, blocks, files=files, concurrent=blocks.depth < 2)
    planes.kept_bytes = size if blocks.depth > 1 else 0
    if not kept:
        planes.notes = (
            f"Each chunk of '{image.array.name}' holds {depth} planes, too many to keep, and is "
            "decoded anew for every plane; chunks of one plane are read faster.",
        )
    return planes


def _open(image: ZarrImage) -> zarr.Array[Any]:
    """Open the array of the full size."""
    from napari_focus_stack.io.zarr_chunks import open_bounded

    try:
        with read_errors(image.array):
            array = open_bounded(zarr_store(image.array, read_only=True))
        lengths = dict(zip(image.axes, array.shape, strict=True))
    except DAMAGE as problem:
        raise InputError(
            f"'{image.array}' cannot be opened: {reason(problem)}; copy the store again."
        ) from problem
    position = image.position
    expected = {"t": position.times, "c": len(position.channels), "z": position.planes}
    if any(lengths.get(axis, 1) != length for axis, length in expected.items()):
        raise InputError(f"'{image.array}' was changed after it was opened; open it again.")
    return array


class _Blocks:
    """Planes of one time point and channel, read in blocks that share their chunks.

    Parameters
    ----------
    array : zarr.Array
        The array.
    image : ZarrImage
        Its image.
    index : StackIndex
        Time point and channel.
    depth : int
        Planes of a block.
    """

    def __init__(
        self, array: zarr.Array[Any], image: ZarrImage, index: StackIndex, depth: int
    ) -> None:
        self.depth = depth
        self._array, self._axes, self._place = array, image.axes, image.array
        self._places: dict[str, int | slice] = {
            "t": index.time,
            "c": index.channel,
            "y": slice(None),
            "x": slice(None),
        }
        self._block: tuple[int, NDArray[Any]] | None = None
        self._lock = threading.Lock()

    def __call__(self, k: int) -> NDArray[Any]:
        """Read plane `k`."""
        if self.depth < 2:
            alone: NDArray[Any] = self._read(k)[0]
            return alone
        start = k - k % self.depth
        with self._lock:
            if self._block is None or self._block[0] != start:
                self._block = None  # two blocks at a time would take twice the memory
                self._block = start, self._read(start)
            # the caller may change its plane
            plane: NDArray[Any] = self._block[1][k - start].copy()
            return plane

    def _read(self, start: int) -> NDArray[Any]:
        """Read the block that begins at a plane, as (Z, Y, X)."""
        places = {**self._places, "z": slice(start, start + self.depth)}
        with read_errors(self._place):
            block = np.asarray(self._array[tuple(places.get(axis, 0) for axis in self._axes)])
        order = [axis for axis in self._axes if axis in "zyx"]
        if "z" not in order:
            order, block = ["z", *order], block[np.newaxis]
        return block.transpose([order.index(axis) for axis in "zyx"])
