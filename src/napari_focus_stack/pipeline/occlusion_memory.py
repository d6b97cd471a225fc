"""Memory of the search for occlusion: how many pixels of its patches fit at the same time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_focus_stack.pipeline.memory_needs import process_bytes, with_threads, without_threads

if TYPE_CHECKING:
    from napari_focus_stack.pipeline.memory_needs import PlaneKind

CANDIDATES = 18
"""Patches that are inspected to find the front end of the stack."""
SAMPLE = 192
"""Side of such a patch in pixels."""
AT_FIRST = 4
"""Such patches that must fit, at least; their lead may suffice to find the front end."""
MOST_PATCH_BYTES = 10**9
"""Bytes of the patches of planes that are held at the same time, at most."""
WORKING_MAPS = 60
"""Float32 maps, besides two for each plane, that a patch takes while it is processed."""
MAP_BYTES = 40
"""Bytes for each pixel of a tile beside its image: depth, confidence, cover, discontinuities, depth
from either end, and the changes of all patches."""


@dataclass(frozen=True)
class PatchMemory:
    """Bytes and pixels of the patches of a tile.

    Attributes
    ----------
    kind : PlaneKind
        Shape and type of the planes.
    planes : int
        Number of planes that take part.
    area : int
        Pixels of the tile.
    """

    kind: PlaneKind
    planes: int
    area: int

    @classmethod
    def most_beside(cls, kind: PlaneKind) -> float:
        """Return the most memory that the search takes in a field that is a single tile.

        Parameters
        ----------
        kind : PlaneKind
            Shape and type of the planes.

        Returns
        -------
        float
            Bytes of the whole process, with one thread.
        """
        return cls(kind, 0, kind.pixels)._beside + MOST_PATCH_BYTES

    def pixels_within(self, limit: int) -> float:
        """Return how many pixels of patches fit into memory in all their planes.

        Threads may process all of them at the same time.

        Parameters
        ----------
        limit : int
            Bytes that the run may use.

        Returns
        -------
        float
            Number of pixels, those of overlapping patches counted each time.
        """
        left = max(without_threads(limit) - self._beside, 0)
        return min(self._most, left / self._processed_bytes)

    def least(self) -> float:
        """Return the memory at which occlusion is looked for at all.

        Returns
        -------
        float
            Bytes of the whole process; 0 if no amount would suffice.
        """
        return self._bytes_for(AT_FIRST * SAMPLE**2) if self._can_orient else 0.0

    def enough(self) -> float:
        """Return the memory from which on more changes no result.

        Returns
        -------
        float
            Bytes of the whole process; 0 if no amount would suffice to look for occlusion.
        """
        # the largest patch, of 800 x 800 pixels, is smaller than all candidates together
        wanted = min(self._most, CANDIDATES * SAMPLE**2)
        return self._bytes_for(wanted) if self._can_orient else 0.0

    @property
    def _can_orient(self) -> bool:
        return self._most >= AT_FIRST * SAMPLE**2

    def _bytes_for(self, pixels: float) -> float:
        """Return the memory that patches of so many pixels take, with all else."""
        return with_threads(self._beside + self._processed_bytes * pixels)

    @property
    def _most(self) -> float:
        return MOST_PATCH_BYTES / self._processed_bytes

    @property
    def _colours(self) -> int:
        return min(self.kind.channels, 3)

    @property
    def _processed_bytes(self) -> int:
        """Bytes of a pixel whose patch is processed."""
        return 4 * (self.planes * (2 * self._colours + 4) + WORKING_MAPS)

    @property
    def _beside(self) -> float:
        """Bytes beside the patches: the process, planes that are read, maps of the tile."""
        image = self.kind.channels * self.kind.dtype.itemsize + 4 * self._colours
        planes = 3 * self.kind.read_bytes
        return process_bytes(self.kind) + planes + (MAP_BYTES + image) * self.area
