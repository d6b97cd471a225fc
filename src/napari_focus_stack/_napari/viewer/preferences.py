"""What napari's preferences say of Focus Stack: threads, memory, the method to begin with.

napari has preferences for plugins since 0.9; an older one leaves everything as `Settings` has it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from napari.settings import get_settings

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
    """Return the method that the widget begins with."""
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


FILE = "napari-focus-stack.last.json"


def remember(values: dict[str, Any]) -> None:
    """Keep plain values for the next session."""
    place = _place()
    if place is None:
        return
    fresh = place.with_suffix(".new")
    try:
        fresh.write_text(json.dumps(values, indent=1), encoding="utf-8")
        os.replace(fresh, place)
    except OSError:  # a home that cannot be written to must not keep anyone from stacking
        return


def remembered() -> dict[str, Any]:
    """Values of the last session; none if there was no other, or they cannot be read."""
    place = _place()
    if place is None:
        return {}
    try:
        values = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _place() -> Path | None:
    """Where values are kept; None where napari itself keeps nothing."""
    settings = get_settings().config_path
    return None if settings is None else Path(settings).parent / FILE
