"""Projection of other data of the same field along the surface that a stack's result has found.

Another channel or time point is sampled at that surface, or projected over a slab that follows it
(LocalZProjector: Herbert et al., "LocalZProjector and DeProj: a toolbox for local 2D projection and
accurate morphometrics of large 3D microscopy images", BMC Biology 2021).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

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
from napari_focus_stack.analysis.slab import Slab, SlabMaximum, SlabMean
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
    from napari_focus_stack.analysis.slab import Projection
    from napari_focus_stack.result import StackResult

ProjectionMethod = Literal["max", "mean"]


def project(
    source: Any,
    result: StackResult,
    *,
    offset: int = 0,
    half_slab: int = 0,
    how: ProjectionMethod = "max",
    interpolate: bool | None = None,
    threads: int | None = None,
) -> NDArray[Any]:
    """Project another stack of the same field along the surface of a result [1]_.

    Parameters
    ----------
    source : PlaneSource, array-like, path or list of paths
        Another channel or time point, as `focus_stack` takes a stack, grey or colour; it has as
        many planes of as many pixels as the stack of the result.
    result : StackResult
        Result whose transforms, depth and crop, if any, are applied to the other stack.
    offset : int, optional
        Planes from the surface to the centre of the slab.
    half_slab : int, optional
        Planes of the slab on either side of its centre; 0 for the surface alone.
    how : {"max", "mean"}, optional
        Projection of the values of a slab, each channel by itself.
    interpolate : bool, optional
        Whether the surface lies between planes, and values are interpolated there, so that a smooth
        surface leaves no steps; otherwise it lies in the plane that is in focus, and each value is
        one that a plane has. By default True, unless the result promises values as recorded
        (``values="recorded"``). A mask of True and False is interpolated and cut at one half; for
        labels there is `project_labels`, which never interpolates.
    threads : int, optional
        Number of threads; as many as there are processors by default.

    Returns
    -------
    numpy.ndarray
        (Y, X[, C]) in the source's dtype and at its own brightness: at each pixel, the largest or
        mean value from ``depth + offset - half_slab`` to ``depth + offset + half_slab``. Planes
        beyond the stack, left out or that did not record the pixel do not count; where no other
        remains, 0, or NaN in a type that has it.

    Raises
    ------
    InputError
        The stack differs in size from that of the result, or cannot be read.
    SettingsError
        An option is out of bounds, or consecutive planes are no neighbours in focus.

    Notes
    -----
    The mean weighs plane k by ``half_slab + 1 - abs(k - depth - offset)``, limited to 0 to 1: the
    part of its optical section that lies in the slab. The maximum is that of the planes in the slab
    and of the values interpolated linearly at its two ends. Where depth is a whole number, both are
    those of whole planes, to the bit. At a depth f planes above a plane, noise is
    ``sqrt((1 - f)**2 + f**2)`` times that of a plane, 0.71 half-way: the grain of noisy planes is
    finer there.

    References
    ----------
    .. [1] S. Herbert et al., "LocalZProjector and DeProj: a toolbox for local 2D projection and
       accurate morphometrics of large 3D microscopy images", BMC Biology 19, 2021,
       https://doi.org/10.1186/s12915-021-01037-w
    """
    return drain(
        project_steps(
            source,
            result,
            offset=offset,
            half_slab=half_slab,
            how=how,
            interpolate=interpolate,
            threads=threads,
        )
    )


def project_steps(
    source: Any,
    result: StackResult,
    *,
    offset: int = 0,
    half_slab: int = 0,
    how: ProjectionMethod = "max",
    interpolate: bool | None = None,
    threads: int | None = None,
    cancel: threading.Event | None = None,
) -> Generator[Progress, None, NDArray[Any]]:
    """Project another stack as `project` does, step by step, with progress and cancellation.

    One plane is held in memory at a time, and only planes that some pixel needs are read.

    Parameters
    ----------
    source, result, offset, half_slab, how, interpolate, threads
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
    shift = checked_offset(offset, result)
    check_neighbours(result, shift != 0 or half > 0)
    if how not in get_args(ProjectionMethod):
        raise SettingsError(f"how '{how}' is not known; choose max or mean.")
    if interpolate is None:
        interpolate = result.report.settings.get("values") != "recorded"
    slab = Slab.of(result, stack.planes, shift, half, between=interpolate)
    shape = (*result.depth_index.shape, *other.plane_shape[2:])
    projection: Projection = SlabMaximum(shape) if how == "max" and half else SlabMean(shape)
    wanted = [k for k in stack.planes if slab.needs(k)]

    def check() -> None:
        if cancel is not None and cancel.is_set():
            raise Cancelled

    with opencv_on_one_thread(), ThreadTeam(threads, check) as team:
        for done, k in enumerate(wanted):
            check()
            yield Progress("project", k, len(other), done, len(wanted))
            seen = stack.plane(k)

            def add(part: Window, seen: RegisteredPlane = seen, k: int = k) -> None:
                weights = slab.weights(k, part)
                if weights.any():
                    values, recorded = seen.colour(moved_by(part, *result.origin))
                    if recorded is not None:
                        weights[recorded == 0] = 0
                    projection.add(part, values, weights)

            team.map(add, block_grid(result.depth_index.shape))
            del seen, add
    return as_dtype(projection.image(), other.dtype)
