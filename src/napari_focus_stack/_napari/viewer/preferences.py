"""Preferences of Focus Stack in napari: threads, memory and the initial method.

napari has preferences for plugins since 0.9; in older versions the defaults of `Settings` hold.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from napari.settings import get_settings

from napari_focus_stack.io.json_documents import read_json
from napari_focus_stack.settings import Settings

PLUGIN = "napari-focus-stack"
GIGABYTE = 10**9


def preferences() -> dict[str, Any]:
    """Return the preferences for every run: `threads` and `memory`, fields of `Settings`.

    Returns
    -------
    dict
        Number of threads, and memory in bytes; None for the engine's own choice.
    """
    set_here = _set_here()
    threads, gigabytes = (getattr(set_here, name, 0) for name in ("threads", "memory"))
    return {"threads": threads or None, "memory": round(gigabytes * GIGABYTE) or None}


def preferred_method() -> str:
    """Return the method that the stack dock starts with.

    Returns
    -------
    str
        One of the methods of `Settings`.
    """
    method: str = getattr(_set_here(), "method", Settings().method)
    return method


def _set_here() -> Any:
    """Return the plugin's page of the preferences; None where there is none."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:
        return None
    try:
        return get_plugin_settings(PLUGIN).stack
    except KeyError:  # the plugin was not found when the pages were created
        return None


FILE = "napari-focus-stack.last.json"


def remember(values: dict[str, Any]) -> None:
    """Store plain values for the next session.

    Parameters
    ----------
    values : dict
        Values that JSON can represent.
    """
    place = _place()
    if place is None:
        return
    fresh = place.with_suffix(".new")
    try:
        fresh.write_text(json.dumps(values, indent=1), encoding="utf-8")
        os.replace(fresh, place)
    except OSError:  # stacking must also be possible in a home that is read-only
        return


def remembered() -> dict[str, Any]:
    """Return the values of the last session.

    Returns
    -------
    dict
        As `remember` stored them; empty if there are none, or they cannot be read.
    """
    place = _place()
    if place is None:
        return {}
    try:
        values = read_json(place)
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _place() -> Path | None:
    """Return the file of the values; None where napari itself stores nothing."""
    settings = get_settings().config_path
    return None if settings is None else Path(settings).parent / FILE
