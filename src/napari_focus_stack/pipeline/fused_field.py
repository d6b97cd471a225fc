"""Image and maps of the field, the result of the second pass over the planes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.memory import memory_mapped_zeros
from napari_focus_stack._utils.windows import corner_of
from napari_focus_stack.occlusion.maps import FusedMaps
from napari_focus_stack.occlusion.summary import OcclusionSummary
from napari_focus_stack.pipeline.intensities import FusedPixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window


@dataclass(frozen=True)
class FusedField:
    """Image and maps, with depth counted in the planes of the whole stack.

    Attributes
    ----------
    maps : FusedMaps
        Image, depth and confidence.
    index : numpy.ndarray
        (Y, X) uint16: number of the plane in focus.
    peak_width : float or None
        Median peak width (sigma) of the focus curves, in planes; None where it is unknown.
    occlusion : OcclusionSummary
        Summary of the foreground blur that was removed.
    counts : FusedPixels
        Counts of pixels whose values are no recorded ones.
    """

    maps: FusedMaps
    index: NDArray[np.uint16]
    peak_width: float | None = None
    occlusion: OcclusionSummary = field(default_factory=OcclusionSummary)
    counts: FusedPixels = field(default_factory=FusedPixels)

    @property
    def arrays(self) -> list[NDArray[Any]]:
        """Image and maps in a fixed order."""
        maps = self.maps
        return [maps.image, maps.depth, maps.confidence, maps.recorded, self.index]

    def cut(self, window: Window) -> FusedField:
        """Return a part of the maps as copies, so that the whole can be freed.

        Parameters
        ----------
        window : tuple of slice
            Rows and columns of the part.

        Returns
        -------
        FusedField
            Maps of the part.
        """
        image, depth, confidence, recorded, index = (a[window].copy() for a in self.arrays)
        maps = FusedMaps(image, depth, confidence, recorded, corner_of(window))
        return replace(self, maps=maps, index=index)

    @classmethod
    def in_files(cls, shape: tuple[int, ...], dtype: np.dtype[Any]) -> FusedField:
        """Return empty maps that lie in temporary files.

        Parameters
        ----------
        shape : tuple of int
            (Y, X[, C]) of the image.
        dtype : numpy.dtype
            Data type of the image.

        Returns
        -------
        FusedField
            Maps that hold zeros.
        """

        def empty(kind: Any) -> NDArray[Any]:
            return memory_mapped_zeros(shape[:2], np.dtype(kind))

        image = memory_mapped_zeros(shape, dtype)
        maps = FusedMaps(image, empty(np.float32), empty(np.float32), empty(np.bool_))
        return cls(maps, empty(np.uint16))
