"""Files of one result: image and maps each in its format, or all of it in one file."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_focus_stack._utils.memory import drop_pages
from napari_focus_stack.io.output_formats import SAVED, Legend
from napari_focus_stack.io.picture_metadata import PictureMetadata, picture_metadata_of_plane
from napari_focus_stack.io.recipe import Recipe
from napari_focus_stack.io.results_file import SavedResult, encode_saved
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.io.writing import Outputs, describe_values, role_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_focus_stack.result import Report, StackResult

CARRIED = (
    "version",
    "settings",
    "planes",
    "shape",
    "dtype",
    "reference",
    "align",
    "transforms",
    "gains",
    "offsets",
    "gains_applied",
    "in_order",
    "left_out",
    "marks",
    "dust",
    "specks",
    "crop",
    "spacing",
    "z_calibration",
    "depth_unit",
    "notes",
    "inputs",
)
"""Fields of the report that results carry: enough to put them on other data of the field."""
_SHOWN = ("occlusion",)
"""Fields that results carry for the reader of their metadata alone."""
_SAVED_ROLES = {
    "image": "stacked",
    "depth": "depth",
    "height": "height",
    "confidence": "confidence",
    "depth_index": "depth-index",
}
"""Role in a file of saved results of each field of `StackResult`."""


def carried(report: Report) -> dict[str, Any]:
    """Return the fields of a report that results carry.

    Parameters
    ----------
    report : Report
        Report of a run.

    Returns
    -------
    dict
        Plain values by the names of the fields.
    """
    fields = report.as_dict()
    return {key: fields[key] for key in (*CARRIED, *_SHOWN)}


def write_outputs(
    outputs: Mapping[str, Path],
    result: StackResult,
    correction: NDArray[np.uint16] | None = None,
) -> None:
    """Write results, all of them or none.

    Parameters
    ----------
    outputs : mapping of str to path
        Outputs that `check_outputs` accepted. Where the name of the image ends in `.focusstack`,
        that file holds all maps and the recipe, too.
    result : StackResult
        Results, whose report has the pixel size.
    correction : numpy.ndarray, optional
        Correction of the depth that was applied, for the recipe, as in `Recipe`.

    Raises
    ------
    OutputError
        A file cannot be written; files that existed before remain.
    """
    known = result.report.spacing
    spacing = Spacing(y=known.get("y"), x=known.get("x"), unit=known.get("unit"))
    with Outputs() as files:
        for role, path in outputs.items():
            if role == "report":
                files.report(path, result.report.as_dict())
            elif Path(path).name.lower().endswith(SAVED):
                images = _saved_images(result, Path(path), correction)
                files.file(Path(path), partial(encode_saved, images=images))
                for image in images:
                    drop_pages(image.array)
            else:
                legend = Legend(spacing, describe_values(role, spacing.unit))
                if role == "image":
                    legend = replace(legend, metadata=_metadata_of_reference(result.report))
                files.image(path, getattr(result, role), legend, role_words(role))
                drop_pages(getattr(result, role))


def _metadata_of_reference(report: Report) -> PictureMetadata:
    """Return the colour profile and EXIF of the reference plane."""
    files = [Path(name) for name in report.inputs]
    return picture_metadata_of_plane(files, len(report.planes), report.reference)


def _saved_images(
    result: StackResult, path: Path, correction: NDArray[np.uint16] | None
) -> list[SavedResult]:
    """Return the image and every map of a result, as napari opens them: the image on top."""
    name = next(
        path.name[: -len(end)] for end in reversed(SAVED) if path.name.lower().endswith(end)
    )
    recipe = replace(Recipe.of_document(result.report.as_dict(), path), correction=correction)
    past = {"sources": [name], "aligned_on": None, **carried(result.report)}
    return [
        SavedResult(
            role=role,
            name=name if attribute == "image" else f"{name} {role_words(attribute)}",
            array=array,
            spacing=Spacing(**result.report.spacing),
            recipe=recipe,
            more={"metadata": past},
        )
        for attribute, role in reversed(_SAVED_ROLES.items())
        if (array := getattr(result, attribute)) is not None
    ]
