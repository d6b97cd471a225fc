"""Report of a run, assembled from the results of its passes."""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.wording import format_percentage, format_runs, format_unit
from napari_focus_stack._version import __version__
from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.diagnostics.advice import advice
from napari_focus_stack.diagnostics.health import Health, examine
from napari_focus_stack.diagnostics.left_out import describe_left_out
from napari_focus_stack.imgproc.dtypes import EXACT
from napari_focus_stack.io.folder_notes import strangers
from napari_focus_stack.io.places import absolute
from napari_focus_stack.io.spacing_metadata import PIXEL
from napari_focus_stack.pipeline.intensities import intensities
from napari_focus_stack.result import Report

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.alignment.cropping import Box
    from napari_focus_stack.pipeline.fused_field import FusedField
    from napari_focus_stack.pipeline.run import Run
    from napari_focus_stack.pipeline.survey import Survey

SAME_SIZE = 0.01
"""Relative difference of two pixel sizes up to which they are the same, one of them rounded."""


def note_unrecorded(recorded: NDArray[np.bool_], dtype: np.dtype[Any], *, alpha: bool) -> list[str]:
    """Return the note on pixels that no plane recorded, if there are any.

    Parameters
    ----------
    recorded : numpy.ndarray
        (Y, X) bool, True where at least one plane recorded a value.
    dtype : numpy.dtype
        Data type of the planes.
    alpha : bool
        Whether planes have an alpha channel.

    Returns
    -------
    list of str
        One sentence, or none.
    """
    share = 1 - np.count_nonzero(recorded) / recorded.size
    if share == 0:
        return []
    value = "transparent" if alpha else "NaN" if dtype.kind == "f" else "0"
    return [
        f"{format_percentage(share).capitalize()} of the picture was recorded by no plane; "
        f"its pixels are {value} there."
    ]


def assemble_report(run: Run, survey: Survey, fused: FusedField, box: Box | None) -> Report:
    """Assemble the report of a run.

    Parameters
    ----------
    run : Run
        Source, settings, notes and plane statistics.
    survey : Survey
        Result of the first pass.
    fused : FusedField
        Result of the second pass.
    box : tuple of int, optional
        First row, end row, first column, end column to which the results were cropped.

    Returns
    -------
    Report
        The report, with advice and notes for the user.
    """
    source, alignment, marks = run.source, survey.alignment, survey.stack.marks
    health = _examined(run, survey, fused)
    advised = _advice(run, survey, health, _nearest(survey, fused))
    notes = [*run.notes, *_note_on_pixels(run), *_note_on_z(run)]
    changes = intensities(run.settings, survey, fused.counts)
    if source.dtype.name not in EXACT and not changes["selected"]:
        notes.append(
            f"Values of {source.dtype.name} planes were rounded to 24 bits (float32), about seven "
            "digits; with values 'recorded' they remain exact."
        )
    if run.ignoring_alpha:
        planes = format_runs(sorted(run.ignoring_alpha))
        notes.append(
            f"The alpha channel is 0 everywhere in plane {planes}, as programs without "
            "transparency leave it; it was ignored there."
        )
    return Report(
        version=__version__,
        settings=run.settings.of_result(),
        planes=list(source.names),
        shape=[run.n, *source.plane_shape],
        dtype=source.dtype.name,
        reference=alignment.reference,
        align=alignment.model,
        transforms=alignment.transforms,
        residuals=alignment.residuals,
        motion=_motion(survey),
        gain_spreads=[None if one is None else one.spread for one in survey.brightness],
        gains=[None if one is None else one.gain for one in survey.brightness],
        offsets=[None if one is None else one.offset for one in survey.brightness],
        gains_applied=_gains_applied(survey),
        in_order=alignment.in_order,
        left_out=survey.alignment.named_left_out(run.source.names),
        marks=marks.pixels.tolist(),
        dust=marks.dust.tolist(),
        specks=marks.listed_specks,
        intensities=changes,
        crop=None if box is None else list(box),
        spacing=_spacing(run),
        z_calibration=_z_calibration(run),
        depth_unit=1.0 if survey.prior is None else survey.prior.unit,
        health=health.as_dict(),
        occlusion=fused.occlusion.as_dict(fused.maps.depth.size),
        advice=advised,
        notes=[*notes, *chain.from_iterable(advised.values())],
        inputs=[str(absolute(file)) for file in source.files],
        place=dict(source.place),
    )


def _examined(run: Run, survey: Survey, fused: FusedField) -> Health:
    return examine(
        run.statistics,
        survey.noise,
        survey.alignment,
        survey.drift,
        fused.maps.depth,
        fused.maps.confidence,
        fused.peak_width,
        survey.detail,
        run.source.plane_shape[:2],
    )


def _nearest(survey: Survey, fused: FusedField) -> tuple[int, float]:
    """Return the plane at the front end, and the share of edges in front sharpest in it."""
    planes, occlusion = survey.alignment.fitting, fused.occlusion
    return planes[-1 if occlusion.last_is_near else 0], occlusion.share_at_end


def _advice(
    run: Run, survey: Survey, health: Health, nearest: tuple[int, float]
) -> dict[str, list[str]]:
    return advice(
        health,
        survey.alignment.fitting,
        run.drive_step,
        _spacing(run)["unit"],
        _gains_applied(survey),
        survey.alignment.order,
        describe_left_out(survey.alignment.named_left_out(run.source.names)),
        _motion(survey),
        nearest,
        has_strangers=_has_strangers(run, survey),
    )


def _has_strangers(run: Run, survey: Survey) -> bool:
    """Return whether a plane took part whose file may be no plane of the stack."""
    names = {file.name for file in strangers(run.source.files)}
    return any(run.source.names[k] in names for k in survey.alignment.fitting)


def _motion(survey: Survey) -> dict[str, Any]:
    support = survey.alignment.support
    return {} if support is None else support.as_dict()


def _gains_applied(survey: Survey) -> bool:
    return any(change != Brightness() for change in survey.stack.brightness)


def _z_calibration(run: Run) -> dict[str, float]:
    """Return the factor and the uncertainty of distances along z; empty where there are none."""
    factor, uncertainty = run.settings.z_factor, run.settings.z_uncertainty
    if run.drive_step is None or (factor == 1 and uncertainty == 0):
        return {}
    return {"factor": factor, "uncertainty": uncertainty, "drive_step": run.drive_step}


def _note_on_pixels(run: Run) -> list[str]:
    """Return a sentence on a pixel size that is not the one in the files."""
    known, given = run.source.spacing, run.settings.pixel_size
    if given is None or known.y is None or known.x is None or known.unit == PIXEL:
        return []
    if all(math.isclose(size, given, rel_tol=SAME_SIZE) for size in (known.y, known.x)):
        return []
    unit, sizes = format_unit(_spacing(run)["unit"]), dict.fromkeys((known.y, known.x))
    there = " x ".join(f"{size:.6g}" for size in sizes)
    return [
        f"The pixel size of {given:.6g} {unit} was given; that in the files, {there} {unit}, does "
        "not count."
    ]


def _note_on_z(run: Run) -> list[str]:
    """Return a sentence on a factor on distances along z."""
    factor = run.settings.z_factor
    if factor == 1:
        return []
    if run.z_step is None or run.drive_step is None:
        return [
            f"The factor {factor:g} on distances along z had no effect, because the z step is "
            "unknown; give the z step."
        ]
    unit = format_unit(_spacing(run)["unit"])
    drive, step = (f"{length:.6g} {unit}".rstrip() for length in (run.drive_step, run.z_step))
    return [
        f"Heights are those behind the factor {factor:g} on distances along z: planes that are "
        f"{drive} apart by the focus drive count as {step} apart."
    ]


def _spacing(run: Run) -> dict[str, Any]:
    spacing = run.spacing
    unit = spacing.unit or (None if run.settings.z_step is None else "micrometer")
    return {"y": spacing.y, "x": spacing.x, "z": run.z_step, "unit": unit}
