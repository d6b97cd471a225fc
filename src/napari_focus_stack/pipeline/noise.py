"""Noise of a run, measured on parts of the planes that were kept when these were first read."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from napari_focus_stack._utils.spilled_cache import SpilledCache
from napari_focus_stack._utils.threads import opencv_on_one_thread, prefetch
from napari_focus_stack._utils.windows import counted_from, intersection, widened
from napari_focus_stack.imgproc.noise import Noise, NoiseEstimator, middle, noise_pairs
from napari_focus_stack.imgproc.transforms import both_recorded

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any

    from numpy.typing import NDArray

    from napari_focus_stack.alignment.registered_plane import RegisteredPlane
    from napari_focus_stack.alignment.registered_stack import RegisteredStack
    from napari_focus_stack.imgproc.dtypes import Mask
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.pipeline.run import Run
    from napari_focus_stack.result import Progress

MARGIN = 128
"""Pixels kept around the part that is measured: planes that moved by more are read again."""

IN_MEMORY = 0.0
"""Part of a cache's memory: each part is needed once, and in a temporary file they add nothing to
the peak (8 MB on `leaf` otherwise)."""


class CentralParts:
    """Central parts of the planes on which noise will be measured, if all of them take part.

    To decode eight planes of `speed-12mp` again takes as long as to measure the noise. Planes may
    be kept by several threads at the same time.

    Parameters
    ----------
    source : PlaneSource
        The planes.
    """

    def __init__(self, source: PlaneSource) -> None:
        self.window = middle(source.plane_shape)
        self._held = widened(self.window, MARGIN, source.plane_shape)
        self._wanted = {k for first in noise_pairs(len(source)) for k in (first, first + 1)}
        self._parts: SpilledCache[NDArray[Any]] = SpilledCache(IN_MEMORY)

    def keep(self, k: int, plane: NDArray[Any]) -> NDArray[Any]:
        """Keep the central part of a plane if it is wanted.

        Parameters
        ----------
        k : int
            Number of the plane.
        plane : numpy.ndarray
            (Y, X[, C]) as recorded.

        Returns
        -------
        numpy.ndarray
            `plane` itself.
        """
        if k in self._wanted and k not in self._parts:
            self._parts.put(k, plane[self._held].copy())
        return plane

    def close(self) -> None:
        """Release the parts."""
        self._parts.close()

    def registered(self, stack: RegisteredStack, k: int) -> RegisteredPlane:
        """Return the central part of a plane in the frame of the reference plane.

        Parameters
        ----------
        stack : RegisteredStack
            The planes; one of which too little was kept is read again.
        k : int
            Number of a plane that took part.

        Returns
        -------
        RegisteredPlane
            The plane, with the corner of `window` as pixel (0, 0).

        Raises
        ------
        InputError
            The plane cannot be read again; the message names it.
        """
        needed = stack.source_window(k, self.window)
        if k in self._parts and intersection(needed, self._held) == needed:
            return stack.part(k, self.window, self._parts[k], self._held)
        return stack.part(k, self.window)


def measure_noise_steps(
    run: Run, stack: RegisteredStack, planes: list[int], parts: CentralParts
) -> Generator[Progress, None, Noise]:
    """Measure the noise on pairs of neighbouring planes.

    Parameters
    ----------
    run : Run
        Source and settings.
    stack : RegisteredStack
        The planes in the frame of the reference plane.
    planes : list of int
        Numbers of the planes that took part, in the order of focus.
    parts : CentralParts
        What was kept of the planes.

    Returns
    -------
    Noise
        Noise of one channel, through ``StopIteration.value`` (or ``yield from``).

    Yields
    ------
    Progress
        Before each pair.

    Raises
    ------
    InputError
        A plane cannot be read; the message names it.
    Cancelled
        The run was cancelled.
    """
    estimator = NoiseEstimator()
    inside = counted_from(parts.window, parts.window)

    def pair(i: int) -> list[tuple[Plane, Mask | None]]:
        return [parts.registered(stack, planes[j]).colour(inside) for j in (i, i + 1)]

    with (
        opencv_on_one_thread(),
        closing(prefetch(pair, noise_pairs(len(planes)), run.readers)) as pairs,
    ):
        for i, ((first, in_first), (second, in_second)) in pairs:
            yield run.begin("measure", planes[i])
            estimator.add(first, second, both_recorded(in_first, in_second))
    rounding = 1 / 12 if run.source.dtype.kind in "ui" else 0.0
    return estimator.noise(rounding)
