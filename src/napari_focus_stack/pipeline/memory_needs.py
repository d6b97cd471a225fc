"""Bytes that a run needs, from planes and settings alone.

What else the process or the machine holds does not count, and neither does the number of threads,
so that a stack is divided, and its occlusion looked for, alike wherever it is fused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_focus_stack._utils.memory import PROCESS_BYTES
from napari_focus_stack._utils.spilled_cache import MOST_CACHED
from napari_focus_stack.imgproc.dtypes import COMPUTABLE

if TYPE_CHECKING:
    import numpy as np

    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.settings import Settings

THREAD_BYTES = 24 * 10**6
"""Bytes that a thread keeps for the parts it processes."""
MOST_FOR_THREADS = 7 * THREAD_BYTES
"""Bytes that are set aside for threads beside the first, at most: as many threads as by default."""
PART_FOR_THREADS = 1 / 8
"""Part of the memory that is set aside for threads beside the first, at most."""
FILLING_BYTES = 28
"""Bytes for each pixel of a float plane while its gaps are filled."""
ROOMY = 8
"""Planes that must fit into memory for any to be read ahead."""


@dataclass(frozen=True)
class PlaneKind:
    """Shape and type of the planes of a stack.

    Attributes
    ----------
    shape : tuple of int
        (Y, X) or (Y, X, C).
    dtype : numpy.dtype
        Type as stored.
    colour_halved : bool
        Whether colour differences were recorded at half the size of brightness.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    colour_halved: bool = False

    @classmethod
    def of(cls, source: PlaneSource) -> PlaneKind:
        """Return shape and type of the planes of a source.

        Parameters
        ----------
        source : PlaneSource
            The planes.

        Returns
        -------
        PlaneKind
            Their shape and type.
        """
        return cls(source.plane_shape, source.dtype, source.colour_halved)

    @property
    def pixels(self) -> int:
        """Number of pixels of a plane."""
        return self.shape[0] * self.shape[1]

    @property
    def channels(self) -> int:
        """Number of channels of colour, 1 without colour; an alpha channel counts."""
        return 1 if len(self.shape) == 2 else self.shape[2]

    @property
    def read_bytes(self) -> int:
        """Bytes of a plane while it is read, with the copy in the type used for computing."""
        values = math.prod(self.shape)
        copied = 0 if self.dtype.name in COMPUTABLE else 4
        return values * (self.dtype.itemsize + copied)


@dataclass(frozen=True)
class MemoryNeeds:
    """Bytes that a run needs.

    Attributes
    ----------
    pixel : float
        Bytes for each pixel that is fused at the same time.
    ahead : int
        Other bytes if the field is a single tile and planes are read ahead.
    alone : int
        Other bytes if the field is divided into tiles.
    least : int
        Other bytes if it is, and one thread reads and works.
    """

    pixel: float
    ahead: int
    alone: int
    least: int


def memory_needs(kind: PlaneKind, settings: Settings, on_plane: bool = False) -> MemoryNeeds:
    """Return the bytes that the fusion needs with one thread.

    Parameters
    ----------
    kind : PlaneKind
        Shape and type of the planes.
    settings : Settings
        Parameters of the run.
    on_plane : bool
        Whether whole planes are passed to the caller as they are fused.

    Returns
    -------
    MemoryNeeds
        For each pixel, and besides.
    """
    own, plane = process_bytes(kind), kind.read_bytes
    return MemoryNeeds(
        pixel_bytes(kind, settings, on_plane),
        ahead=own + 4 * plane,
        alone=own + 3 * plane,
        least=own + 2 * plane,
    )


def without_threads(limit: int) -> int:
    """Return the memory by which a stack is divided, whatever the number of threads.

    Parameters
    ----------
    limit : int
        Bytes that the run may use.

    Returns
    -------
    int
        Bytes of the run with one thread; the rest is for further threads.
    """
    return limit - min(MOST_FOR_THREADS, int(PART_FOR_THREADS * limit))


def with_threads(planned: float) -> int:
    """Return the memory of which `without_threads` leaves so much.

    Parameters
    ----------
    planned : float
        Bytes of a run with one thread.

    Returns
    -------
    int
        Bytes that the run may use, the room for further threads included.
    """
    return math.ceil(min(planned + MOST_FOR_THREADS, planned / (1 - PART_FOR_THREADS)))


def process_bytes(kind: PlaneKind) -> int:
    """Return the bytes that a run takes beside its planes and maps, with one thread.

    Parameters
    ----------
    kind : PlaneKind
        Shape and type of the planes.

    Returns
    -------
    int
        Bytes of the interpreter, caches and the thread.
    """
    filling = FILLING_BYTES * kind.pixels if kind.dtype.kind == "f" else 0
    return PROCESS_BYTES + MOST_CACHED + THREAD_BYTES + filling


def roomy_bytes(kind: PlaneKind) -> int:
    """Return the least memory at which planes are read ahead, and specks are looked for.

    Parameters
    ----------
    kind : PlaneKind
        Shape and type of the planes.

    Returns
    -------
    int
        Bytes of the whole process.
    """
    return PROCESS_BYTES + ROOMY * kind.read_bytes


def pixel_bytes(kind: PlaneKind, settings: Settings, on_plane: bool = False) -> float:
    """Return the bytes for each pixel that is fused, from the arrays that the fusion keeps.

    Parameters
    ----------
    kind : PlaneKind
        Shape and type of the planes.
    settings : Settings
        Parameters of the run.
    on_plane : bool
        Whether whole planes are passed to the caller as they are fused.

    Returns
    -------
    float
        Bytes per pixel, results included.
    """
    size, channels = min(kind.dtype.itemsize, 4), kind.channels
    further = (channels - 1) * (1 / 3 if kind.colour_halved else 4 / 3)  # over all levels
    fusing = 22.5 * 4 / 3 + 8 * further + 2 * size + 1
    depth, smoothing = 10.4, 10.0
    picking = 4 * (3 * channels + 2) if settings.selects else 0
    handed_out = 8 + (8 + kind.dtype.itemsize) * channels if on_plane else 0
    return fusing + depth + smoothing + picking + handed_out + channels * kind.dtype.itemsize
