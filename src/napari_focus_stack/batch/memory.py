"""Memory of the stacks of a batch, from their shape and the settings alone.

Never from what is free or who else is running, so that whoever works makes the same bits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_focus_stack._utils.wording import format_bytes
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.pipeline.memory_needs import without_threads
from napari_focus_stack.pipeline.tiles import least_memory, needed_memory

if TYPE_CHECKING:
    from napari_focus_stack.series.model import Position, Series
    from napari_focus_stack.series.series_settings import SeriesSettings
    from napari_focus_stack.settings import Settings

MAP_BYTES = 14
"""Bytes a pixel of the depth, its whole planes, heights and confidence of one result."""
MOST_FOR_ONE = 4 * 10**9
"""Bytes for one stack at most, unless memory is given; larger ones are fused in tiles."""
OWN = 250 * 10**6
"""Bytes of the process that gives out the work, with the scheduler in it."""
SLACK = 150 * 10**6
"""Bytes above the need of a stack at which a worker is ended: its heap keeps some that are free."""


def memory_of_task(position: Position, settings: Settings, series_settings: SeriesSettings) -> int:
    """Return the bytes that a task takes with one thread: its stack, and results that it pools.

    Parameters
    ----------
    position : Position
        Position of the task.
    settings, series_settings : Settings, SeriesSettings
        Parameters of the batch.

    Returns
    -------
    int
        Bytes.
    """
    y, x = position.plane_shape[:2]
    image = math.prod(position.plane_shape) * position.dtype.itemsize
    maps = image + MAP_BYTES * y * x
    times = min(series_settings.smooth_time, position.times)
    pooled = times * len(position.channels) * maps if times > 1 else 0
    # planes of several times are averaged as numbers of 32 bits
    averaged = 3 * 4 * math.prod(position.plane_shape) if times > 1 else 0
    stack = without_threads(memory_of_stack(position, settings))
    least = least_memory(position.plane_shape, position.dtype, settings)
    return max(stack, least) + pooled + averaged


def check_memory(series: Series, settings: Settings) -> None:
    """Refuse memory with which a stack of a series could not even be fused in tiles.

    Parameters
    ----------
    series : Series
        The series, or a part of it.
    settings : Settings
        Parameters of the batch.

    Raises
    ------
    SettingsError
        It is too little; the message says how much would do.
    """
    if settings.memory is None:
        return
    for position in series.positions:
        least = least_memory(position.plane_shape, position.dtype, settings)
        if settings.memory - OWN - SLACK < least:
            y, x = position.plane_shape[:2]
            raise SettingsError(
                f"memory {format_bytes(settings.memory)} is too little for planes of {x} x {y} "
                f"pixels, beside {format_bytes(OWN + SLACK)} of the batch itself; give at least "
                f"{format_bytes(1.05 * (least + OWN + SLACK))}."
            )


def memory_of_stack(position: Position, settings: Settings) -> int:
    """Return the bytes that one stack may take, and with which it is fused.

    Parameters
    ----------
    position : Position
        Position of the stack.
    settings : Settings
        Parameters of the batch; its memory is that of all processes of this machine.

    Returns
    -------
    int
        Bytes that change no result, or else the most for one stack; with one thread,
        `without_threads` of it is taken.
    """
    need = needed_memory(position.planes, position.plane_shape, position.dtype, settings)
    most = MOST_FOR_ONE if settings.memory is None else max(settings.memory - OWN - SLACK, 1)
    return min(need, most)
