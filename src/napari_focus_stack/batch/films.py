"""Files of films whose time points are tasks of their own: created before them, finished after.

The images of a film lie in one file, each in its place, so that processes write into it beside each
other. Until the last of them is there, the file has a hidden name of its own that stays from run to
run; an image in it counts only with its marker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.batch.stores import complete_store, created_store
from napari_focus_stack.errors import InputError, OutputError
from napari_focus_stack.imgproc.dtypes import nothing
from napari_focus_stack.io.hyperstack_writer import HyperstackWriter
from napari_focus_stack.io.map_names import ROLES
from napari_focus_stack.io.placed_image import open_placed_image
from napari_focus_stack.io.places import make_folder
from napari_focus_stack.io.replacing import os_errors, put_in_place, temporary_name
from napari_focus_stack.series.files import map_legend

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from napari_focus_stack.batch.tasks import BatchOrder, StackTask
    from napari_focus_stack.series.destinations import MapWriter
    from napari_focus_stack.series.model import Position
    from napari_focus_stack.settings import Settings

WORKING = ".working"
"""End of the name of a film's file that is not complete."""


def working_name(place: Path) -> Path:
    """Return the name of a film's file until it is complete.

    Parameters
    ----------
    place : pathlib.Path
        Its place.

    Returns
    -------
    pathlib.Path
        Hidden name in the same folder.
    """
    # a name has at most 255 bytes; 80 characters are at most 240
    return place.with_name(f".{place.name[-80:]}{WORKING}")


def roles_of(position: Position, settings: Settings) -> tuple[str, ...]:
    """Return the maps that stacks of a position have.

    Parameters
    ----------
    position : Position
        The position.
    settings : Settings
        Parameters of its stacks.

    Returns
    -------
    tuple of str
        All of `ROLES`; without heights where there is no z step.
    """
    known = settings.z_step is not None or position.spacing.z is not None
    return tuple(role for role in ROLES if role != "height" or known)


def map_kind(position: Position, role: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of all images of a map.

    Parameters
    ----------
    position : Position
        Position with all time points and channels.
    role : str
        One of `ROLES`.

    Returns
    -------
    shape : tuple of int
        (T, C, Y, X[, S]).
    dtype : numpy.dtype
        Type.
    """
    head = position.times, len(position.channels)
    if role == "image":
        return (*head, *position.plane_shape), position.dtype.newbyteorder("=")
    return (*head, *position.plane_shape[:2]), np.dtype(np.float32)


def prepare_film(order: BatchOrder, task: StackTask, film: Position, kept: Iterable[int]) -> None:
    """Create the files of a film, or go on with those of an earlier run.

    Parameters
    ----------
    order : BatchOrder
        The batch.
    task : StackTask
        One of the tasks of the film.
    film : Position
        Position with all time points of the film.
    kept : iterable of int
        Time points, counted from the first of the film, that an earlier run did.

    Raises
    ------
    OutputError
        A file cannot be created.
    """
    times = list(kept)
    for role in roles_of(film, order.settings):
        place = order.result(task.results[role])
        make_folder(place.parent)
        kind = map_kind(film, role)
        if order.format == "zarr":
            created_store(place, film, role, task.stem, *kind)
        elif not (times and _fits(working_name(place), *kind)):
            _create(place, film, role, task.stem, times)


def _fits(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Return whether a file of an earlier run holds the images of a film."""
    if not path.exists():
        return False
    try:
        HyperstackWriter.existing(path, shape, dtype)
    except (InputError, OutputError):
        return False
    return True


def _create(place: Path, film: Position, role: str, stem: str, kept: list[int]) -> None:
    """Create a film's file under its working name, with the images that an earlier run did."""
    working, (shape, dtype) = working_name(place), map_kind(film, role)
    if kept and not working.exists() and _fits(place, shape, dtype):
        with os_errors(place):
            place.replace(working)
        return
    temporary = temporary_name(working)
    try:
        writer = HyperstackWriter(temporary, shape, dtype, map_legend(film, role, stem))
        if kept:
            before = working if working.exists() else place
            _copy(_shorter_film(before, shape, dtype), writer, kept, shape[1])
        writer.close()
        with os_errors(working):
            temporary.replace(working)
    finally:
        temporary.unlink(missing_ok=True)


def _shorter_film(place: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> HyperstackWriter:
    """Open the file of a film as it was before time points were added."""
    from napari_focus_stack.io.tiff_file import open_tiff_file

    with os_errors(place), open_tiff_file(place) as tif:
        times = len(tif.pages) // shape[1]
    return HyperstackWriter.existing(place, (times, *shape[1:]), dtype)


def _copy(source: MapWriter, target: MapWriter, times: list[int], channels: int) -> None:
    """Copy the images of some time points."""
    for time in times:
        for channel in range(channels):
            target.write(time, channel, source.read(time, channel))
    source.close()


def finish_film(
    order: BatchOrder, task: StackTask, film: Position, blank: Iterable[tuple[int, int]]
) -> None:
    """Give the files of a film their names, once all of its tasks are through.

    Parameters
    ----------
    order : BatchOrder
        The batch.
    task : StackTask
        One of the tasks of the film.
    film : Position
        Position with all time points of the film.
    blank : iterable of (int, int)
        Time point, from the first of the film, and channel of the stacks that failed: their images
        are 0, their depth NaN, their confidence 0.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    failed, moved = list(blank), []
    for role in roles_of(film, order.settings):
        place, (shape, dtype) = order.result(task.results[role]), map_kind(film, role)
        if order.format == "zarr":
            store = open_placed_image(place)
            _blank(store, role, failed, shape[2:], dtype)
            complete_store(place)
            continue
        working = working_name(place)
        if not working.exists() and _fits(place, shape, dtype):
            continue  # a run ended between two names
        writer = HyperstackWriter.existing(working, shape, dtype)
        _blank(writer, role, failed, shape[2:], dtype)
        writer.close()
        moved.append((working, place))
    if moved:
        put_in_place(moved)


def _blank(
    writer: MapWriter,
    role: str,
    places: list[tuple[int, int]],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> None:
    """Mark stacks that failed in a map."""
    value = 0 if role == "confidence" else nothing(dtype)
    for time, channel in places:
        writer.write(time, channel, np.full(shape, value, dtype))


def waits(order: BatchOrder, results: Mapping[str, str]) -> bool:
    """Return whether the files of a film lack nothing but their names.

    Parameters
    ----------
    order : BatchOrder
        The batch.
    results : mapping of str to str
        Place of each role, relative to the folder of results.

    Returns
    -------
    bool
        True if a run ended between the last image and the naming.
    """
    if order.format == "zarr":
        return False
    return any(working_name(order.result(name)).exists() for name in results.values())
