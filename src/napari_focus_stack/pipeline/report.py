"""Report of a run, assembled from what its stages returned."""

from __future__ import annotations

import os
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.wording import format_percentage
from napari_focus_stack._version import __version__
from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.diagnostics.advice import advice
from napari_focus_stack.diagnostics.health import Health, examine
from napari_focus_stack.imgproc.dtypes import COMPUTABLE
from napari_focus_stack.result import LeftOut, Report, describe_left_out

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.alignment.cropping import Box
    from napari_focus_stack.pipeline.fuse import Fused
    from napari_focus_stack.pipeline.run import Run
    from napari_focus_stack.pipeline.survey import Survey


def note_unrecorded(recorded: NDArray[np.bool_], dtype: np.dtype[Any]) -> list[str]:
    """What is to be said of pixels that no plane recorded, if there are any."""
    share = 1 - np.count_nonzero(recorded) / recorded.size
    if share == 0:
        return []
    value = "NaN" if dtype.kind == "f" else "0"
    return [
        f"{format_percentage(share)} of the picture was recorded by no plane; "
        f"its pixels are {value} there."
    ]


def examine_run(run: Run, survey: Survey, fused: Fused) -> Health:
    """Examine what a run saw and found."""
    alignment = survey.alignment
    return examine(
        run.statistics,
        survey.noise,
        fused.depth,
        fused.confidence,
        alignment.fitting,
        fused.peak_width,
        survey.drift,
        alignment.brightness_drifts,
        alignment.transforms,
        run.source.plane_shape[:2],
    )


def assemble_report(
    run: Run, survey: Survey, health: Health, box: Box | None, occlusion: dict[str, Any]
) -> Report:
    """Assemble the report of a run."""
    source, alignment = run.source, survey.alignment
    names = source.names
    notes = list(run.notes)
    if source.dtype.name not in COMPUTABLE:
        notes.append(f"{source.dtype.name} planes were computed as float32 and converted back.")
    left_out = [LeftOut(k, names[k], why) for k, why in sorted(alignment.left_out.items())]
    spacing = source.spacing
    unit = spacing.unit or (None if run.settings.z_step is None else "micrometer")
    applied = any(light != Brightness() for light in survey.light)
    motion = {} if alignment.support is None else alignment.support.as_dict()
    brightness = survey.brightness
    found = advice(
        health,
        alignment.fitting,
        run.z_step,
        unit,
        applied,
        alignment.in_order,
        describe_left_out(left_out),
        motion,
    )
    notes += chain.from_iterable(found.values())
    return Report(
        version=__version__,
        settings=run.settings.as_dict(),
        planes=list(names),
        shape=[run.n, *source.plane_shape],
        dtype=source.dtype.name,
        reference=alignment.reference,
        align=alignment.model,
        transforms=alignment.transforms,
        residuals=alignment.residuals,
        motion=motion,
        gain_spreads=[None if one is None else one.spread for one in brightness],
        gains=[None if one is None else one.gain for one in brightness],
        offsets=[None if one is None else one.offset for one in brightness],
        gains_applied=applied,
        in_order=alignment.in_order,
        left_out=left_out,
        marks=run.marks.pixels.tolist(),
        dust=run.marks.dust.tolist(),
        specks=run.marks.listed_specks,
        crop=None if box is None else list(box),
        spacing={
            "y": spacing.y,
            "x": spacing.x,
            "z": run.z_step,
            "unit": unit,
        },
        health=health.as_dict(),
        occlusion=occlusion,
        advice=found,
        notes=notes,
        inputs=[os.path.abspath(file) for file in source.files],
    )
