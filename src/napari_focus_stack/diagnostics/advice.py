"""Advice for the next recording at the microscope, from the quality of this one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_focus_stack.diagnostics.health import Health

MOST_GUESSED = 0.2
"""Largest share of pixels whose depth is a guess."""
MOST_AT_END = 0.05
"""Share of trusted pixels at one end beyond which they are more than the outermost tip of a
surface."""
TOO_COARSE = 0.55
"""Peak width (sigma), in planes, below which detail between two planes is sharp in neither.

Rendered surfaces: from a width of 0.9 to 0.6 the image loses 5 dB, to 0.5 another 5.
"""
TOO_FINE = 2.5
"""Peak width (sigma), in planes, beyond which every other plane is enough: neighbours differ by
less than their noise."""
GOOD_WIDTH = 1.0
"""Peak width (sigma), in planes, that is recommended: depth is within 0.03 planes, and the image is
as good as with any other."""
MOST_SATURATED = 0.02
"""Largest share of a plane's pixels that may be saturated; glints on metal remain below it (those
of the motorcycle are 0.9 %)."""
MOST_MOVED = 0.03
"""Part of the shorter side by which the field may move over the stack; as much is lost at its
edges."""
IN_ORDER_ONLY = ("range of z", "z step")
"""Subjects without advice where the planes are in no order."""
MOST_MAGNIFIED = 0.03
"""Largest change of the field's size; as much is lost at its edges."""
LEAST_MAGNIFIED = 0.001
"""Least change of size that is mentioned."""
LEAST_GAIN_CHANGE = 0.003
"""Least change of brightness that is mentioned."""
MOST_EVEN_CHANGE = 0.2
"""Change of brightness that neither steady illumination nor a change of focus explains."""


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
    """Return advice for the user, in sentences by subject.

    Parameters
    ----------
    health : Health
        Quality of the recording.
    planes : list of int
        Numbers of the planes that took part.
    z_step, unit : float or None, str or None
        Distance between planes and its unit, where they are known.
    gains_applied : bool
        Whether changes of brightness were compensated.
    in_order : bool
        Whether consecutive planes are neighbours in focus. Where they are not, the first and the
        last plane are not the ends of the stack, and there is no uniform step between planes.
    left_out : list of str
        Sentences on the planes that took no part.
    motion : dict
        Support of the motion by texture, as from `MotionSupport.as_dict`; empty where no motion
        was searched for or found.

    Returns
    -------
    dict of str to list of str
        Sentences by subject; an empty list where nothing needs to change.
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
    """Return sentences on a surface that continues beyond an end of the stack."""
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
    """Return sentences on pixels whose depth is a guess."""
    if health.guessed <= MOST_GUESSED:
        return []
    return [
        f"Depth is a guess in {health.guessed:.0%} of the picture, where no plane stands out from "
        "the noise; the confidence map shows where."
    ]


def _on_sampling(width: float | None, z_step: float | None, unit: str | None) -> list[str]:
    """Return sentences on planes that are too far apart or too close."""
    if width is None or TOO_COARSE <= width <= TOO_FINE:
        return []
    factor = width / GOOD_WIDTH
    step = f"{factor:.1f} times this z step"
    if z_step is not None:
        step = " ".join(["a z step of about", f"{factor * z_step:.2g}", unit or ""]).rstrip()
    if width < TOO_COARSE:
        return [
            f"Planes are too far apart: detail is sharp over {width:.1f} planes (standard "
            f"deviation), so structures between two planes are sharp in neither; {step} "
            "would show them."
        ]
    return [
        f"Planes are closer than they need be: detail stays sharp over {width:.1f} planes "
        f"(standard deviation); {step} would do."
    ]


def _on_planes(health: Health, planes: list[int]) -> list[str]:
    """Return sentences on planes that show nothing, and on equal ones."""
    notes = []
    bare = [k for k in health.empty if k in planes]  # one left out is noted as such
    if bare:
        notes.append(f"{_named(bare)} next to nothing; leave out what shows no specimen.")
    for run in health.duplicates:
        numbers = f"{', '.join(str(k) for k in run[:-1])} and {run[-1]}"
        notes.append(
            f"Planes {numbers} are equal in every pixel; look whether the focus drive moved, or a "
            "plane was saved twice, because the planes after it would be counted one too deep."
        )
    return notes


def _named(planes: list[int]) -> str:
    """Return the subject and the verb of a sentence on some planes."""
    numbers = ", ".join(str(k) for k in planes)
    return f"Plane {numbers} shows" if len(planes) == 1 else f"Planes {numbers} show"


def _on_drift(health: Health, motion: dict[str, float]) -> list[str]:
    """Return sentences on a field that moved or changed in size."""
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
    """Return a parenthesis on the share of the field whose texture confirms the motion."""
    if not motion.get("regions_neighbours"):
        return ""
    better = motion["better_neighbours"]
    if better > 0.5:
        return f" (detail fits better in {better:.0%} of the field)"
    return f" (detail fits better in only {better:.0%} of the field: look whether it is right)"


def _on_exposure(health: Health) -> list[str]:
    """Return sentences on saturated planes."""
    worst = max(health.saturated, default=0.0)
    if worst <= MOST_SATURATED:
        return []
    return [
        f"Plane {health.saturated.index(worst)} is saturated in {worst:.1%} of its pixels, "
        "whose detail is lost; expose less."
    ]


def _on_brightness(health: Health, gains_applied: bool) -> list[str]:
    """Return sentences on odd exposures and on illumination drift."""
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
