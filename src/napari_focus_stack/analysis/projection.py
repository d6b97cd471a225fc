"""What one stack told of a field, put on other data of the same field.

Another channel or time point is read off at the surface that was found, or projected over a slab
that follows it (LocalZProjector: Herbert et al., "LocalZProjector and DeProj: a toolbox for local
2D projection and accurate morphometrics of large 3D microscopy images", BMC Biology 2021).
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


# --- images


def project(
    source: Any,
    result: StackResult,
    *,
    offset: int = 0,
    half_slab: int = 0,
    how: ProjectionMethod = "max",
    threads: int | None = None,
) -> NDArray[Any]:
    """Another stack of the same field, seen where a result found the surface.

    Parameters
    ----------
    source : PlaneSource, array-like, path or list of paths
        Another channel or time point, as `focus_stack` takes a stack: as many planes of as many
        pixels as the result was made of, grey or colour.
    result : StackResult
        Its transforms and depth index are put on the other stack, and its crop if it was cut.
    offset : int
        Planes from the one in focus to the one wanted.
    half_slab : int
        Planes on either side of that one that count too; 0 for that plane alone.
    how : {"max", "mean"}
        What becomes of the values of a slab, each channel by itself.
    threads : int, optional
        As many as there are processors by default.

    Returns
    -------
    numpy.ndarray
        (Y, X[, C]) in the source's dtype and at its own brightness: of each pixel, the largest or
        mean value in planes ``index + offset - half_slab`` to ``index + offset + half_slab``.
        Planes beyond the stack, left out or that did not record the pixel do not count; where no
        other is left, 0, or NaN in a type that has it.

    Raises
    ------
    InputError
        The stack is of another size than the result's, or cannot be read.
    SettingsError
        An option is out of bounds, or planes next to each other are no neighbours in focus.
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
    """`project`, step by step, for whoever shows progress or may want to stop.

    One plane is held at a time, and only those are read that some pixel needs.

    Parameters
    ----------
    source, result, offset, half_slab, how, threads
        As `project` takes them.
    cancel : threading.Event, optional
        Once set, `Cancelled` is raised at the next look, several times a plane.

    Yields
    ------
    Progress
        Before each plane.

    Returns
    -------
    numpy.ndarray
        Through ``StopIteration.value`` (or ``yield from``).

    Raises
    ------
    InputError, SettingsError
        As `project`.
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
                    values, valid = seen.colour(moved_by(part, *corner))
                    projection.add(part, values, here if valid is None else here & (valid > 0))

            team.map(add, block_grid(result.depth_index.shape))
            del seen, add
    return as_dtype(projection.image(), other.dtype)


class _Projection:
    """Running maximum or mean of planes, of each pixel over those that count there."""

    def __init__(self, shape: tuple[int, ...], how: ProjectionMethod) -> None:
        self._how = how
        self._values = np.full(shape, _START[how], np.float32)
        self._count = np.zeros(shape[:2], np.uint16)

    def add(self, part: Window, seen: Plane, here: NDArray[np.bool_]) -> None:
        """Let a plane count in some pixels of a part."""
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
    """Where plane `k` belongs to the slab."""
    if half == 0:
        same: NDArray[np.bool_] = index == k - offset
        return same
    belongs: NDArray[np.bool_] = (index >= k - offset - half) & (index <= k - offset + half)
    return belongs
