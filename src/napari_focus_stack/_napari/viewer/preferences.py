"""What napari's preferences say of Focus Stack: threads, memory, the method to begin with.

napari has preferences for plugins since 0.9; an older one leaves everything as `Settings` has it.
"""

from __future__ import annotations

from typing import Any

from napari_focus_stack.settings import Settings

PLUGIN = "napari-focus-stack"
GIGABYTE = 10**9


def preferences() -> dict[str, Any]:
    """Preferences that hold for every run: `threads` and `memory`, fields of `Settings`.

    Returns
    -------
    dict
        Threads, and memory in bytes; None for what is left to the engine.
    """
    set_here = _set_here()
    threads, gigabytes = (getattr(set_here, name, 0) for name in ("threads", "memory"))
    return {"threads": threads or None, "memory": round(gigabytes * GIGABYTE) or None}


def preferred_method() -> str:
    """Method that the widget begins with."""
    method: str = getattr(_set_here(), "method", Settings().method)
    return method


def _set_here() -> Any:
    """Our page of the preferences; None where there is none."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:
        return None
    try:
        return get_plugin_settings(PLUGIN).stack
    except KeyError:  # the plugin was not found when the pages were made
        return None
