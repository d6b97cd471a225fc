"""Memory of the stacks of a batch, from their shape and the settings alone.

Never from what is free or who else is running, so that whoever works makes the same bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack.pipeline.memory_needs import PlaneKind
from napari_focus_stack.pipeline.tiling import needed_memory

if TYPE_CHECKING:
    from napari_focus_stack.series.model import Position
    from napari_focus_stack.settings import Settings

MOST_FOR_ONE = 4 * 10**9
"""Bytes for one stack at most, unless memory is given; larger ones are fused in tiles."""
OWN = 250 * 10**6
"""Bytes of the process that gives out the work, with the scheduler in it."""
SLACK = 150 * 10**6
"""Bytes above the need of a stack at which a worker is ended: its heap keeps some that are free."""


def memory_of_stack(position: Position, settings: Settings, threads: int = 1) -> int:
    """Return the bytes that one stack may take, and with which it is fused.

    Parameters
    ----------
    position : Position
        Position of the stack.
    settings : Settings
        Parameters of the batch; its memory is that of all processes of this machine.
    threads : int
        Threads that work on the stack.

    Returns
    -------
    int
        Bytes that change no result, or else the most for one stack. More threads take more, and
        give no more room: the stack is divided as with one.
    """
    kind = PlaneKind(position.plane_shape, position.dtype)
    need, with_threads = (
        needed_memory(position.planes, kind.shape, kind.dtype, settings, count)
        for count in (1, threads)
    )
    most = MOST_FOR_ONE if settings.memory is None else max(settings.memory - OWN - SLACK, 1)
    read_ahead = kind.read_bytes if need > most and threads > 1 else 0
    return min(need, most) + with_threads - need + read_ahead
