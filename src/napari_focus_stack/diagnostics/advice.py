"""Advice for the next recording at the microscope, from the quality of this one.

Each sentence says what was seen, what it means for the result, and what to do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from napari_focus_stack._utils.wording import format_percentage, format_unit
from napari_focus_stack.alignment.focus_order import passes
from napari_focus_stack.diagnostics.range_of_z import faintest_inside, least_in_focus, on_range

if TYPE_CHECKING:
    from napari_focus_stack.diagnostics.health import Health

MOST_GUESSED = 0.2
"""Largest share of pixels whose depth is a guess."""
MOSTLY_GUESSED = 0.5
"""Share of guesses beyond which nothing needs to be said of the other pixels."""
LEAST_SURE = 0.1
"""Least share of trusted pixels among those that are no guess. Films of 400 photons have 0.2 to
1.3 %, gravel with noise of 2 % of the range 6 %; a brick dome with that noise has 12 %."""
LEAST_WELL_SURE = 0.005
"""Share of well sure pixels from which on a specimen is sure, though it be small: one that covers
3 % of a noisy field has 0.7 %, such gravel 0.1 %, such films less."""
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
ALONG_Z = ("range of z", "z step")
"""Subjects without advice where the planes are in no order, or one of them is no plane."""
MOST_MAGNIFIED = 0.03
"""Largest change of the field's size; as much is lost at its edges."""
LEAST_MAGNIFIED = 0.001
"""Least change of size that is mentioned."""
LEAST_GAIN_CHANGE = 0.003
"""Least change of brightness that is mentioned."""
MOST_EVEN_CHANGE = 0.2
"""Change of brightness that neither steady illumination nor a change of focus explains."""
FULL_WIDTH = 2 * math.sqrt(2 * math.log(2))
"""Full width at half of the maximum of a Gaussian over its standard deviation."""
CLEAR, LIKELY = 0.8, 0.5
"""Shares of the field with texture that must fit better for a motion to be clear, or likely."""


def advice(
    health: Health,
    planes: list[int],
    z_step: float | None,
    unit: str | None,
    gains_applied: bool,
    order: list[int],
    left_out: list[str],
    motion: dict[str, float],
    nearest: tuple[int, float] = (0, 0.0),
    *,
    has_strangers: bool = False,
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
    order : list of int
        The planes in the order of focus. Where that is not the order of the files, the first and
        the last plane are not the ends of the stack, and there is no uniform step between planes.
    left_out : list of str
        Sentences on the planes that took no part.
    motion : dict
        Support of the motion by texture, as from `MotionSupport.as_dict`; empty where no motion
        was searched for or found.
    nearest : tuple of (int, float)
        Plane at the front end, and the share of the edges of objects in front that are sharpest
        there; 0 where nothing lies in front.
    has_strangers : bool
        Whether a plane may be none, such as an earlier result: ends and step would be those of
        that file.

    Returns
    -------
    dict of str to list of str
        Sentences by subject; an empty list where nothing needs to change.
    """
    found = {
        "range of z": on_range(health, planes, nearest),
        "z step": _on_sampling(health.peak_width, z_step, unit),
        "texture": _on_guesses(health),
        "planes": [*left_out, *_on_planes(health, planes)],
        "drift": _on_drift(health, motion),
        "brightness": _on_brightness(health, planes, gains_applied),
        "exposure": _on_exposure(health, planes),
    }
    if order != planes:
        symmetric = _on_symmetric_contrast(health, planes, order)
        found["planes"] = [*found["planes"], *(symmetric or [describe_order(order)])]
    left = ALONG_Z if has_strangers or order != planes else ()
    return {k: v for k, v in found.items() if k not in left}


def describe_order(order: list[int]) -> str:
    """Describe planes that are not in the order of their focus.

    Parameters
    ----------
    order : list of int
        The planes in the order of focus.

    Returns
    -------
    str
        A sentence that names the passes, or says that planes are shuffled.
    """
    found = passes(order)
    if len(found) < 2:
        return (
            "The planes are not in the order of their focus: they are shuffled. The picture is not "
            "affected, but depth counts planes in the order of the files and jumps between them; "
            "name or number the files in the order of focus for a depth map."
        )
    parts = [
        f"planes {one.first} to {one.last} {'forth' if one.forward else 'back'}" for one in found
    ]
    listed = ", ".join(parts[:-1]) + f" and {parts[-1]}"
    if len(found) == 2 and not found[1].forward:
        listed += " (or the specimen is flat and looks alike on both sides of focus)"
    return (
        f"The planes seem to go through focus in {len(found)} passes: {listed}. The picture is not "
        "affected, but depth counts planes in the order of the files and jumps between passes; "
        "stack the planes of one pass for a depth map."
    )


def _on_symmetric_contrast(health: Health, planes: list[int], order: list[int]) -> list[str]:
    """Return the sentence on contrast that is least in focus if that explains two passes."""
    found, faintest = passes(order), faintest_inside(health.detail, planes)
    if faintest is None or [one.forward for one in found] != [True, False]:
        return []
    return [least_in_focus(faintest)] if abs(found[0].last - faintest) <= 1 else []


def _on_guesses(health: Health) -> list[str]:
    """Return sentences on pixels whose depth is a guess, or uncertain."""
    found = []
    if health.guessed > MOST_GUESSED:
        found.append(
            f"In {health.guessed:.0%} of the picture no plane is clearly sharper than the others "
            "(no texture, or too little light). The picture loses nothing there, but depth is a "
            "guess: use it only where the confidence map is bright."
        )
    if _is_uncertain(health):
        found.append(
            "Hardly any of the depth is sure (a confidence of 0.5 or more in "
            f"{format_percentage(health.trusted)} of the picture): little light, weak texture or "
            "steep slopes leave it uncertain. It may be right on the whole, but measurements count "
            "sure heights alone. Record with more light, average exposures, smooth a film over "
            "time, or measure with a lower least confidence, which lets larger errors count."
        )
    return found


def _is_uncertain(health: Health) -> bool:
    """Check whether the depth of most pixels is measured, and of next to none surely."""
    measured = 1 - health.guessed
    return (
        measured >= 1 - MOSTLY_GUESSED
        and health.trusted < LEAST_SURE * measured
        and health.well_sure < LEAST_WELL_SURE
    )


def _on_sampling(width: float | None, z_step: float | None, unit: str | None) -> list[str]:
    """Return sentences on planes that are too far apart or too close."""
    if width is None or TOO_COARSE <= width <= TOO_FINE:
        return []
    factor = width / GOOD_WIDTH
    sharp = f"detail stays sharp over about {FULL_WIDTH * width:.1f} planes"
    step = f"{factor:.1f} times this z step"
    if z_step is not None:
        step = " ".join([f"a z step of about {factor * z_step:.2g}", format_unit(unit)]).rstrip()
    if width < TOO_COARSE:
        return [
            f"The z step is coarse: {sharp} only, so places between two planes are sharp in "
            f"neither. Next time take planes closer together ({step})."
        ]
    return [
        f"The z step is finer than needed: {sharp}. With fewer planes ({step}) picture and depth "
        "would be as good, in less time."
    ]


def _on_planes(health: Health, planes: list[int]) -> list[str]:
    """Return sentences on planes that show nothing, and on equal ones."""
    notes = []
    bare = [k for k in health.empty if k in planes]  # one left out is noted as such
    if bare:
        notes.append(
            f"{_named(bare)} next to nothing and add{'s' * (len(bare) == 1)} only noise to the "
            "picture; leave out planes without the specimen."
        )
    for run in health.duplicates:
        used = [k for k in run if k in planes]
        if len(used) > 1:
            numbers = f"{', '.join(str(k) for k in used[:-1])} and {used[-1]}"
            notes.append(
                f"Planes {numbers} are equal in every pixel: the focus did not move, or a plane "
                "was saved twice. The depth of all later planes counts one step too much for each "
                "copy; remove the copies, and check the focus drive."
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
    seen = []
    if health.drift >= 1:
        seen.append(f"the field moved by {health.drift:.0f} pixels")
    if health.magnification >= LEAST_MAGNIFIED:
        seen.append(f"the magnification changed by {health.magnification:.1%}")
    if not seen:  # a large part of a field of few pixels
        return []
    what = " and ".join(seen)
    return [
        f"{what[0].upper()}{what[1:]} over the stack, and the planes were aligned"
        f"{_certainty(motion)}. Margins that some planes do not show are less reliable; crop "
        "them. Causes are a loose specimen or stage, a slanted view (as in a stereo microscope), "
        "or a lens whose magnification changes with focus."
    ]


def _certainty(motion: dict[str, float]) -> str:
    """Return a clause on the share of the field whose texture confirms the motion."""
    if not motion.get("regions_neighbours"):
        return ""
    better = motion["better_neighbours"]
    fits = f"detail fits better in {better:.0%} of the field"
    if better > CLEAR:
        return f" ({fits}, so this is certain)"
    if better > LIKELY:
        return f" ({fits}, so this is likely)"
    return f" ({fits} only, so this is doubtful: compare with alignment 'none')"


def _on_exposure(health: Health, planes: list[int]) -> list[str]:
    """Return sentences on saturated planes."""
    saturated = {k: health.saturated[k] for k in planes if k < len(health.saturated)}
    worst = max(saturated, key=saturated.__getitem__, default=None)
    if worst is None or saturated[worst] <= MOST_SATURATED:
        return []
    return [
        f"Plane {worst} is overexposed in {saturated[worst]:.1%} of its pixels: detail there is "
        "lost in the picture, too. Expose less next time."
    ]


def _on_brightness(health: Health, planes: list[int], gains_applied: bool) -> list[str]:
    """Return sentences on odd exposures and on illumination drift."""
    done = (
        "was evened out, so that it leaves no patches in the picture; fix the exposure next time"
        if gains_applied
        else "was left as recorded, which may leave patches; brightness 'match' evens it out"
    )
    notes = [
        f"Plane {k:.0f} has {times:.0%} of the brightness of the other planes and {done}."
        for k, times in health.odd_exposures
        if k in planes
    ]
    drift = health.brightness_drift
    if gains_applied and drift > MOST_EVEN_CHANGE:
        notes.append(
            f"Brightness changed by {drift:.0%} over the stack and was evened out, so that values "
            "differ from those recorded; fix the exposure next time, and let the lamp warm up."
        )
    if drift > LEAST_GAIN_CHANGE and not gains_applied:
        notes.append(
            f"Brightness changed by {drift:.1%} over the stack and was left as recorded; "
            "brightness 'match' evens it out if the picture shows patches."
        )
    return notes
