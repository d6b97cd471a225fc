"""Advice on the range of z: surfaces and objects that go on beyond the stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_focus_stack.diagnostics.health import Health

MOST_AT_END = 0.05
"""Share of trusted pixels at one end beyond which they are more than the outermost tip of a
surface."""
MOST_EDGES_AT_END = 0.2
"""Share of the edges of objects in front beyond which these are more than their outermost tips.

Complete stacks with occlusion (fly, motorcycle, strands) have 0 to 0.03, or 0.13 where noise is
strong; the fly without the last five and six planes 0.26 and 0.40."""
INVISIBLE = 0.8
"""Detail inside a stack over that of its weaker end, below which contrast is least in focus."""


def on_range(health: Health, planes: list[int], nearest: tuple[int, float]) -> list[str]:
    """Return sentences on what continues beyond the stack.

    Parameters
    ----------
    health : Health
        Quality of the recording.
    planes : list of int
        Numbers of the planes that took part, in the order of focus.
    nearest : tuple of (int, float)
        Plane at the front end, and the share of the edges of objects in front that are sharpest
        there.

    Returns
    -------
    list of str
        Sentences for the user; none if the range is wide enough.
    """
    shares = {planes[0]: health.at_first, planes[-1]: health.at_last}
    beyond = {plane: share for plane, share in shares.items() if share > MOST_AT_END}
    plane, share = nearest
    is_cut = share > MOST_EDGES_AT_END and plane not in beyond
    return [
        *(_on_surface(health, planes, beyond) if beyond else []),
        *([_on_objects(_end(plane, planes), share)] if is_cut else []),
    ]


def _end(plane: int, planes: list[int]) -> str:
    """Return the name of the plane at an end."""
    return f"the {'first' if plane == planes[0] else 'last'} plane (plane {plane})"


def _on_objects(end: str, share: float) -> str:
    """Return the sentence on objects in front that may continue beyond the stack."""
    return (
        f"Along {share:.0%} of their edges, objects in front are sharpest in {end}: they may go on "
        "beyond it, as hairs do, and are then half transparent there, with a wrong depth. Next "
        "time go on until the nearest part is blurred again."
    )


def _on_surface(health: Health, planes: list[int], beyond: dict[int, float]) -> list[str]:
    """Return the sentence on a surface that continues beyond some ends."""
    if len(planes) == 2:
        return [
            "There are only two planes, so depth is no more than which of the two is sharper; "
            "take more planes for a depth map."
        ]
    faintest = faintest_inside(health.detail, planes) if len(beyond) == 2 else None
    if faintest is not None:
        return [least_in_focus(faintest)]
    (first, share), *other = ((_end(plane, planes), share) for plane, share in beyond.items())
    where = f"{share:.0%} of the surface is sharpest in {first}"
    where += "".join(f" and {share:.0%} in {last}" for last, share in other)
    side = "at both ends" if other else f"beyond {first}"
    return [
        f"{where}: it seems to continue outside the stack, is not quite sharp there, and its depth "
        f"ends there. Next time take further planes {side}."
    ]


def least_in_focus(plane: int) -> str:
    """Return the sentence on contrast that is weakest in focus.

    Parameters
    ----------
    plane : int
        Plane of least detail.

    Returns
    -------
    str
        A sentence for the user.
    """
    return (
        f"Contrast is strongest at both ends of the stack and weakest near plane {plane}, as with "
        "unstained cells, which almost vanish in focus. The picture and the depth may show their "
        "blurred rims instead of the cells: compare with that plane, and record phase contrast, a "
        "stain or fluorescence for depth."
    )


def faintest_inside(detail: list[float], planes: list[int]) -> int | None:
    """Return the plane of least detail if detail rises towards both ends.

    Parameters
    ----------
    detail : list of float
        Root mean square of the finest detail of each plane.
    planes : list of int
        Numbers of the planes that took part.

    Returns
    -------
    int or None
        None if detail does not rise towards both ends.
    """
    used = [detail[k] for k in planes] if detail else []
    if len(used) < 3:
        return None
    k = min(range(1, len(used) - 1), key=used.__getitem__)
    return planes[k] if used[k] < INVISIBLE * min(used[0], used[-1]) else None
