"""Sentences on the planes that took no part in a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_focus_stack._utils.wording import format_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_focus_stack.result import LeftOut


def describe_left_out(left_out: Sequence[LeftOut]) -> list[str]:
    """Return one sentence for each reason, because blank ends may be many planes.

    Parameters
    ----------
    left_out : sequence of LeftOut
        Planes that were left out.

    Returns
    -------
    list of str
        Sentences for the user.
    """
    alike: dict[str, list[LeftOut]] = {}
    for one in left_out:
        alike.setdefault(one.reason, []).append(one)
    return [
        f"Plane {same[0].plane} ('{same[0].name}') was left out: {reason}."
        if len(same) == 1
        else f"Planes {format_runs([one.plane for one in same])} were left out, each because "
        f"{reason}."
        for reason, same in alike.items()
    ]
