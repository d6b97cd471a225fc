"""The place of a stack in a series, as reports and recipes name it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.places import absolute_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PLACE = {
    "series": str,
    "position": int,
    "position_name": str,
    "time": int,
    "channel": int,
    "channel_name": str,
    "pattern": str | None,
    "axes": str | None,
}
"""Keys of the place of a stack in a series, and their types."""


def checked_place(value: Any, path: Path) -> dict[str, Any]:
    """Return the place of a stack in a series, with an absolute path or URL.

    Parameters
    ----------
    value : object
        `Report.place`, from JSON.
    path : pathlib.Path
        File of the report or recipe.

    Returns
    -------
    dict
        Empty for a stack of its own, or of an array.

    Raises
    ------
    InputError
        It is damaged.
    """
    if not value:
        return {}
    if not isinstance(value, dict):
        raise InputError(f"'{path}' has a place in a series that is none; correct it.")
    for key, kind in _PLACE.items():
        if not isinstance(value.get(key), kind):
            raise InputError(f"'{path}' has a place in a series without a right {key}; correct it.")
    if not value["series"]:  # an array
        return {}
    return {**value, "series": absolute_name(value["series"], path.absolute().parent)}


def not_repeated(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Return sentences on what a series did to the stack of a report, and one stack does not.

    Parameters
    ----------
    content : mapping of str to object
        Report or recipe, from JSON.

    Returns
    -------
    tuple of str
        Empty for a stack of its own.
    """
    series, place = content.get("series"), content.get("place")
    if not isinstance(series, dict) or not isinstance(place, dict):
        return ()
    settings = series.get("settings")
    follow = settings.get("follow") if isinstance(settings, dict) else None
    own = (place.get("channel_name"), str(place.get("channel")))
    done = {
        "its depth was measured on the planes of several time points": "pooled" in series,
        "the drift of the field was removed": "drift" in series,
        f"it followed the surface of channel '{series.get('lead')}'": str(follow).startswith(
            "surface"
        )
        and series.get("lead") not in own,
    }
    return tuple(
        f"In its series, {what}; this run of one stack does not do that."
        for what, is_so in done.items()
        if is_so
    )
