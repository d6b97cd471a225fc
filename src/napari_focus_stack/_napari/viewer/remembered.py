"""What the widget was last used with, kept beside napari's own settings for the next session."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from napari.settings import get_settings

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
