"""Projection of other data of the same field along the surface that a stack's result has found.

Another channel or time point is sampled at that surface, or projected over a slab that follows it
(LocalZProjector: Herbert et al., "LocalZProjector and DeProj: a toolbox for local 2D projection and
accurate morphometrics of large 3D microscopy images", BMC Biology 2021).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_focus_stack._utils.steps import drain
from napari_focus_stack._utils.threads import ThreadTeam, block_grid, opencv_on_one_thread
from napari_focus_stack._utils.windows import moved_by
from napari_focus_stack.alignment.registered_stack import RegisteredStack
from napari_focus_stack.analysis.checks import (
    check_neighbours,
    check_same_stack,
    checked_offset,
    whole_number,
)
from napari_focus_stack.errors import Cancelled, SettingsError
from napari_focus_stack.imgproc.dtypes import as_dtype
from napari_focus_stack.io.reading import as_source
from napari_focus_stack.result import Progress

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator

    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.alignment.registered_plane import RegisteredPlane
    from napari_focus_stack.imgproc.pyramids import Plane
    from napari_focus_stack.result import StackResult

ProjectionMethod = Literal["max", "mean"]
_COMBINE = {"max": np.maximum, "mean": np.add}
_START = {"max": -np.inf, "mean": 0.0}


def project(
    source: Any,
    result: StackResult,
    *,
    offset: int = 0,
    half_slab: int = 0,
    how: ProjectionMethod = "max",
    threads: int | None = None,
) -> NDArray[Any]:
    """Project another stack of the same field along the surface of a result [1]_.

    Parameters
    ----------
    source : PlaneSource, array-like, path or list of paths
        Another channel or time point, as `focus_stack` takes a stack, grey or colour; it has as
        many planes of as many pixels as the stack of the result.
    result : StackResult
        Result whose transforms, depth index and crop, if any, are applied to the other stack.
    offset : int, optional
        Planes from the one in focus to the centre of the slab.
    half_slab : int, optional
        Planes of the slab on either side of its centre; 0 for that plane alone.
    how : {"max", "mean"}, optional
        Projection of the values of a slab, each channel by itself.
    threads : int, optional
        Number of threads; as many as there are processors by default.

    Returns
    -------
    numpy.ndarray
        (Y, X[, C]) in the source's dtype and at its own brightness: at each pixel, the largest or
        mean value in planes ``index + offset - half_slab`` to ``index + offset + half_slab``.
        Planes beyond the stack, left out or that did not record the pixel do not count; where no
        other remains, 0, or NaN in a type that has it.

    Raises
    ------
    InputError
        The stack differs in size from that of the result, or cannot be read.
    SettingsError
        An option is out of bounds, or consecutive planes are no neighbours in focus.

    References
    ----------
    .. [1] S. Herbert et al., "LocalZProjector and DeProj: a toolbox for local 2D projection and
       accurate morphometrics of large 3D microscopy images", BMC Biology 19, 2021,
       https://doi.org/10.1186/s12915-021-01037-w
    """
    return drain(
        project_steps(source, result, offset=offset, half_slab=half_slab, how=how, threads=threads)
    )


def project_steps(
    source: Any,
    result: StackResult,
    *,
    offset: int = 0,
    half_slab: int = 0,
    how: ProjectionMethod = "max",
    threads: int | None = None,
    cancel: threading.Event | None = None,
) -> Generator[Progress, None, NDArray[Any]]:
    """Project another stack as `project` does, step by step, with progress and cancellation.

    One plane is held in memory at a time, and only planes that some pixel needs are read.

    Parameters
    ----------
    source, result, offset, half_slab, how, threads
        As for `project`.
    cancel : threading.Event, optional
        Event that stops the projection once it is set; it is checked several times per plane.

    Yields
    ------
    Progress
        Before each plane.

    Returns
    -------
    numpy.ndarray
        As from `project`, through ``StopIteration.value`` (or ``yield from``).

    Raises
    ------
    InputError, SettingsError
        As from `project`.
    Cancelled
        `cancel` was set.
    """
    other = as_source(source)
    check_same_stack((len(other), *other.plane_shape[:2]), result)
    stack = RegisteredStack(other, result.transforms)
    half = whole_number("half_slab", half_slab, 0)
    centre = result.depth_index, checked_offset(offset, result)
    check_neighbours(result, offset != 0 or half > 0)
    if how not in _COMBINE:
        raise SettingsError(f"how '{how}' is not known; choose max or mean.")
    corner = result.origin
    projection = _Projection((*result.depth_index.shape, *other.plane_shape[2:]), how)
    wanted = [k for k in stack.planes if _within(*centre, k, half).any()]

    def check() -> None:
        if cancel is not None and cancel.is_set():
            raise Cancelled

    with opencv_on_one_thread(), ThreadTeam(threads, check) as team:
        for done, k in enumerate(wanted):
            check()
            yield Progress("project", k, len(other), done, len(wanted))
            seen = stack.plane(k)

            def add(part: Window, seen: RegisteredPlane = seen, k: int = k) -> None:
                here = _within(centre[0][part], centre[1], k, half)
                if here.any():
                    values, recorded = seen.colour(moved_by(part, *corner))
                    projection.add(
                        part, values, here if recorded is None else here & (recorded > 0)
                    )

            team.map(add, block_grid(result.depth_index.shape))
            del seen, add
    return as_dtype(projection.image(), other.dtype)


class _Projection:
    """Running maximum or mean over the planes that count at each pixel."""

    def __init__(self, shape: tuple[int, ...], how: ProjectionMethod) -> None:
        self._how = how
        self._values = np.full(shape, _START[how], np.float32)
        self._count = np.zeros(shape[:2], np.uint16)

    def add(self, part: Window, seen: Plane, here: NDArray[np.bool_]) -> None:
        """Add a plane in some pixels of a part."""
        values = self._values[part]
        where = here if seen.ndim == 2 else here[..., None]
        _COMBINE[self._how](values, seen, out=values, where=where)
        self._count[part] += here

    def image(self) -> Plane:
        """Return the projection, (Y, X[, C]) float32; NaN where no plane counted."""
        if self._how == "mean":
            count = np.maximum(self._count, 1)
            self._values /= count if self._values.ndim == 2 else count[..., None]
        self._values[self._count == 0] = np.nan
        return self._values


def _within(index: NDArray[Any], offset: int, k: int, half: int) -> NDArray[np.bool_]:
    """Return the pixels at which plane `k` belongs to the slab."""
    if half == 0:
        same: NDArray[np.bool_] = index == k - offset
        return same
    belongs: NDArray[np.bool_] = (index >= k - offset - half) & (index <= k - offset + half)
    return belongs
