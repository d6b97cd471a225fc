"""What to do at the microscope, said of what was seen of a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_focus_stack.diagnostics.health import Health

MOST_GUESSED = 0.2
MOST_AT_END = 0.05
"""Share of trusted pixels at one end that is more than the outermost tip of a surface."""
TOO_COARSE = 0.55
"""Width of the focus curve, in planes, below which detail between planes is sharp in none.

Rendered surfaces: from a width of 0.9 to 0.6 the image loses 5 dB, to 0.5 another 5.
"""
TOO_FINE = 2.5
"""Width beyond which every other plane would do: neighbours differ by less than they are noisy."""
GOOD_WIDTH = 1.0
"""Width that notes steer to: depth is within 0.03 planes and the image as good as it gets."""
MOST_SATURATED = 0.02
"""Share of a plane's pixels; glints on metal stay under it (the motorcycle's are 0.9 %)."""
MOST_MOVED = 0.03
"""Share of the shorter side by which the field may move over the stack; its edges lose as much."""
IN_ORDER_ONLY = ("range of z", "z step")
"""Subjects of which nothing can be said where planes are in no order."""
MOST_MAGNIFIED = 0.03
"""Change of the field's size, whose edges lose as much."""
LEAST_MAGNIFIED = 0.001
"""Change of size that is worth a word."""
LEAST_GAIN_CHANGE = 0.003
"""Change of brightness that is worth a word."""
MOST_EVEN_CHANGE = 0.2
"""Change of brightness that no even light and no change of focus explains."""


def advice(
    health: Health,
    planes: list[int],
    z_step: float | None,
    unit: str | None,
    gains_applied: bool,
    in_order: bool,
    left_out: list[str],
    motion: dict[str, float],
) -> dict[str, list[str]]:
    """Sentences that say what to do at the microscope, by what they are about.

    Parameters
    ----------
    health : Health
        What was seen.
    planes : list of int
        Numbers of the planes that took part.
    z_step, unit : float or None, str or None
        Distance between planes, where it is known.
    gains_applied : bool
        Whether changes of brightness were evened out.
    in_order : bool
        Whether planes that follow each other are neighbours in focus. Where they are not, the
        first and the last are not the ends of the stack, and there is no one step between planes.
    left_out : list of str
        Sentences on the planes that took no part.
    motion : dict
        What texture says of it: `MotionSupport.as_dict`; empty where none was looked for, or found.

    Returns
    -------
    dict of str to list of str
        Every subject that was looked at; no sentence where all is well.
    """
    found = {
        "range of z": _on_ends(health, planes),
        "z step": _on_sampling(health.peak_width, z_step, unit),
        "texture": _on_guesses(health),
        "planes": [*left_out, *_on_planes(health, planes)],
        "drift": _on_drift(health, motion),
        "brightness": _on_brightness(health, gains_applied),
        "exposure": _on_exposure(health),
    }
    return found if in_order else {k: v for k, v in found.items() if k not in IN_ORDER_ONLY}


def _on_ends(health: Health, planes: list[int]) -> list[str]:
    ends = (
        (health.at_first, "first", "before", planes[0]),
        (health.at_last, "last", "after", planes[-1]),
    )
    return [
        f"The stack is too short: {share:.0%} of the pixels whose depth is sure are sharpest in "
        f"the {which} plane; add planes {side} plane {plane}."
        for share, which, side, plane in ends
        if share > MOST_AT_END
    ]


def _on_guesses(health: Health) -> list[str]:
    if health.guessed <= MOST_GUESSED:
        return []
    return [
        f"Depth is a guess in {health.guessed:.0%} of the picture, where no plane stands out from "
        "the noise; the confidence map shows where."
    ]


def _on_sampling(width: float | None, z_step: float | None, unit: str | None) -> list[str]:
    if width is None or TOO_COARSE <= width <= TOO_FINE:
        return []
    factor = width / GOOD_WIDTH
    step = f"{factor:.1f} times this z step"
    if z_step is not None:
        step = " ".join(["a z step of about", f"{factor * z_step:.2g}", unit or ""]).rstrip()
    if width < TOO_COARSE:
        return [
            f"Planes are too far apart: detail is sharp over {width:.1f} planes (standard "
            f"deviation), so what lies between two is sharp in neither; {step} would show it."
        ]
    return [
        f"Planes are closer than they need be: detail stays sharp over {width:.1f} planes "
        f"(standard deviation); {step} would do."
    ]


def _on_planes(health: Health, planes: list[int]) -> list[str]:
    notes = []
    bare = [k for k in health.empty if k in planes]  # one left out is noted as such
    if bare:
        notes.append(f"{_named(bare)} next to nothing; leave out what shows no specimen.")
    for run in health.duplicates:
        numbers = f"{', '.join(str(k) for k in run[:-1])} and {run[-1]}"
        notes.append(
            f"Planes {numbers} are equal in every pixel; look whether the focus drive moved, or a "
            "plane was saved twice, for the planes after it would be counted one too deep."
        )
    return notes


def _named(planes: list[int]) -> str:
    numbers = ", ".join(str(k) for k in planes)
    return f"Plane {numbers} shows" if len(planes) == 1 else f"Planes {numbers} show"


def _on_drift(health: Health, motion: dict[str, float]) -> list[str]:
    if health.drift_share <= MOST_MOVED and health.magnification <= MOST_MAGNIFIED:
        return []
    magnified = health.magnification
    grown = f" and changed in size by {magnified:.1%}" if magnified >= LEAST_MAGNIFIED else ""
    what = f"The field moved by {health.drift:.0f} pixels{grown} over the stack and was aligned"
    return [
        f"{what}{_sure(motion)}. Fasten the specimen and let the stage settle; a slanted view, as "
        "in a stereo microscope, or a lens that magnifies with focus does the same."
    ]


def _sure(motion: dict[str, float]) -> str:
    if not motion.get("regions_neighbours"):
        return ""
    better = motion["better_neighbours"]
    if better > 0.5:
        return f" (detail fits better in {better:.0%} of the field)"
    return f" (detail fits better in only {better:.0%} of the field: look whether it is right)"


def _on_exposure(health: Health) -> list[str]:
    worst = max(health.saturated, default=0.0)
    if worst <= MOST_SATURATED:
        return []
    return [
        f"Plane {health.saturated.index(worst)} is saturated in {worst:.1%} of its pixels, "
        "whose detail is lost; expose less."
    ]


def _on_brightness(health: Health, gains_applied: bool) -> list[str]:
    done = "evened out" if gains_applied else "left as recorded; brightness 'match' evens it out"
    notes = [
        f"Plane {k:.0f} has {times:.0%} of the brightness of the others and was {done}."
        for k, times in health.odd_exposures
    ]
    drift = health.brightness_drift
    if gains_applied and drift > MOST_EVEN_CHANGE:
        notes.append(
            f"Brightness changed by {drift:.0%} over the stack and was evened out; record with "
            "fixed exposure, and let the lamp warm up."
        )
    if drift > LEAST_GAIN_CHANGE and not gains_applied:
        notes.append(
            f"Brightness drifts by {drift:.1%} over the stack and was left as recorded; "
            "brightness 'match' evens it out."
        )
    return notes
