"""Advice before a run that takes more memory than is free. No result follows from what is free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack._utils.memory import default_limit, free_memory
from napari_focus_stack._utils.wording import format_bytes
from napari_focus_stack.pipeline.memory_needs import without_threads
from napari_focus_stack.pipeline.tiles import needed_memory

if TYPE_CHECKING:
    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.settings import Settings


def advise_on_memory(source: PlaneSource, settings: Settings, set_by: str) -> str | None:
    """Return a sentence if a run takes more memory than is free.

    Parameters
    ----------
    source : PlaneSource
        The planes.
    settings : Settings
        Parameters of the run.
    set_by : str
        Where the user sets the memory of a run: an option, or a menu.

    Returns
    -------
    str or None
        What to do; None if there is enough, or the system does not say.
    """
    free = free_memory()
    limit = settings.memory or default_limit()
    needed = needed_memory(len(source), source.plane_shape, source.dtype, settings)
    taken = without_threads(min(needed, limit))
    if free is None or taken <= free:
        return None
    return (
        f"The run may take {format_bytes(taken)} of memory, and {format_bytes(free)} are free, so "
        "it may be slow or be ended by the system: close other programs, or give less memory "
        f"({set_by}), with which the picture is fused in tiles."
    )
