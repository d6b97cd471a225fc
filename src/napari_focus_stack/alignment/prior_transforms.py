"""Prior information on the motion: transforms of another stack, and a mask for the alignment.

Channels of one field move alike: transforms estimated on the channel with most detail serve the
others, so that all channels are registered.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.imgproc.transforms import IMPLAUSIBLE, Matrix, is_plausible
from napari_focus_stack.io.json_documents import TooLargeError, read_json
from napari_focus_stack.result import StackResult
from napari_focus_stack.settings import LEAST_REGION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.settings import Settings

OF_RESULT = "The transforms are those of another result."
"""Note on transforms that come from the result of another stack."""
NO_EFFECT = "the transforms were given"
"""Reason in the note on options of the alignment that prior transforms leave without effect."""
_OTHER = "give the report of a run on the same field (--report)"


@dataclass(frozen=True)
class PriorTransforms:
    """Transforms that are applied without being estimated.

    Attributes
    ----------
    transforms : numpy.ndarray
        (n, 3, 3) float64, reference pixel (x, y, 1) to pixel of plane k; NaN for a plane that is
        left out.
    origin : str
        One sentence that states their source.
    """

    transforms: Matrix
    origin: str

    def reference(self, wanted: int) -> int:
        """Return the reference plane: of the planes that do not move, the nearest to `wanted`.

        Parameters
        ----------
        wanted : int
            Number of the plane that is preferred.

        Returns
        -------
        int
            Number of the plane; of all planes with a transform where every plane moves.
        """
        finite = np.isfinite(self.transforms).all((1, 2))
        still = (self.transforms == np.eye(3)).all((1, 2))
        planes = np.flatnonzero(still if still.any() else finite)
        return int(planes[np.abs(planes - wanted).argmin()])


def is_on_prior_transforms(note: str) -> bool:
    """Return whether a note is on nothing but transforms of another result being used.

    Parameters
    ----------
    note : str
        Note of a report.

    Returns
    -------
    bool
        True for the origin of the transforms, and for options that they leave without effect.
    """
    return note == OF_RESULT or NO_EFFECT in note


def prior_transforms(transforms: Any, source: PlaneSource) -> PriorTransforms:
    """Check prior transforms for a stack.

    Parameters
    ----------
    transforms : array-like, StackResult or path
        (n, 3, 3), NaN or None for a plane to leave out; the result of another stack of the same
        field; or the file that its report was written to.
    source : PlaneSource
        The stack to apply them to.

    Returns
    -------
    PriorTransforms
        One plausible transform for each plane that takes part, normalised to a last element of 1.

    Raises
    ------
    InputError
        The file cannot be read, or is not a report.
    SettingsError
        The transforms do not fit the stack, leave fewer than two planes, or are implausible for
        any lens or stage.
    """
    field = source.plane_shape[:2]
    if isinstance(transforms, str | os.PathLike):
        path = Path(transforms)
        listed, shape = _read_report(path)
        name = f"'{path}'"
        _check_same_field(shape, source, f"{name} is of a stack")
        checked = _checked(listed, len(source), field, name, "null")
        return PriorTransforms(checked, f"The transforms are from {name}.")
    origin = "The transforms were given."
    if isinstance(transforms, StackResult):
        _check_same_field(transforms.report.shape, source, "The result given as transforms is")
        transforms, origin = transforms.transforms, OF_RESULT
    return PriorTransforms(
        _checked(transforms, len(source), field, "transforms", "nine NaN"), origin
    )


def _read_report(path: Path) -> tuple[list[Any], list[int]]:
    """Read transforms and shape from the report of any version."""
    try:
        report = read_json(path)
    except OSError as problem:
        why = problem.strerror or str(problem)
        raise InputError(f"'{path}' cannot be read: {why}; {_OTHER}.") from problem
    except TooLargeError as problem:
        raise InputError(f"'{path}' cannot be read: {problem}; {_OTHER}.") from problem
    except ValueError as problem:
        raise InputError(f"'{path}' is no JSON; {_OTHER}.") from problem
    known = report if isinstance(report, dict) else {}
    transforms, shape = known.get("transforms"), known.get("shape")
    sizes = [size for size in shape if isinstance(size, int)] if isinstance(shape, list) else []
    if not isinstance(transforms, list) or len(sizes) < 3:
        raise InputError(f"'{path}' does not name the transforms and shape of a stack; {_OTHER}.")
    return transforms, sizes


def _check_same_field(shape: list[int], source: PlaneSource, what: str) -> None:
    here = [len(source), *source.plane_shape[:2]]
    if list(shape[:3]) != here:
        raise SettingsError(
            f"{what} of {_in_words(shape)}, but these are {_in_words(here)}; transforms hold "
            "for a stack of the same field only."
        )


def _in_words(shape: list[int]) -> str:
    return f"{shape[0]} planes of {shape[2]} x {shape[1]} pixels"


def _checked(
    transforms: Any, planes: int, field: tuple[int, ...], name: str, left_out: str
) -> Matrix:
    """Check one matrix for each plane; `left_out` describes the entry of an omitted plane."""
    try:
        listed = list(transforms)
    except TypeError as problem:
        raise SettingsError(f"{name} must hold a 3 x 3 matrix for each plane.") from problem
    if len(listed) != planes:
        raise SettingsError(
            f"{name} holds {len(listed)} transforms, but the stack has {planes} planes; give one "
            f"for each, {left_out} for a plane to leave out."
        )
    with np.errstate(all="ignore"):  # overflow is rejected as implausible
        matrices = [
            _matrix(one, field, f"{name}: plane {k}", left_out) for k, one in enumerate(listed)
        ]
    checked: Matrix = np.stack(matrices)
    if np.isfinite(checked).all((1, 2)).sum() < 2:
        raise SettingsError(f"{name} leaves fewer than two planes; a stack needs two.")
    return checked


def _matrix(entry: Any, field: tuple[int, ...], plane: str, left_out: str) -> Matrix:
    try:
        matrix: Matrix = np.asarray(np.full((3, 3), np.nan) if entry is None else entry, np.float64)
    except (TypeError, ValueError, OverflowError) as problem:
        raise SettingsError(f"{plane} needs a 3 x 3 matrix of numbers, or {left_out}.") from problem
    if matrix.shape != (3, 3):
        raise SettingsError(f"{plane} needs a 3 x 3 matrix; this one's shape is {matrix.shape}.")
    if np.isnan(matrix).all():
        return matrix
    if not np.isfinite(matrix).all():
        raise SettingsError(
            f"{plane} has a matrix that is finite in part only; give nine numbers, or {left_out} "
            "to leave the plane out."
        )
    matrix = np.divide(matrix, matrix[2, 2])
    if not is_plausible(matrix, field):
        raise SettingsError(
            f"{plane} is moved as no lens or stage does ({IMPLAUSIBLE}); correct it, or leave the "
            f"plane out with {left_out}."
        )
    return matrix


def alignment_mask(
    settings: Settings, mask: Any, field: tuple[int, ...]
) -> NDArray[np.bool_] | None:
    """Combine the region of the settings and a mask into the mask for the alignment.

    Parameters
    ----------
    settings : Settings
        Settings with an `align_region` or without.
    mask : array-like or None
        (Y, X) bool, True where planes may be compared.
    field : tuple of int
        (Y, X) of the planes.

    Returns
    -------
    numpy.ndarray or None
        (Y, X) bool, True where both allow a comparison; None for the whole field.

    Raises
    ------
    SettingsError
        The mask has another shape, the region does not lie in the field, or their intersection is
        under 32 pixels a side.
    """
    box = settings.region_in(field)
    region = np.ones(field[:2], bool) if mask is None else _mask(mask, field[:2])
    if box is not None:
        inside = np.zeros_like(region)
        inside[box[0] : box[1], box[2] : box[3]] = True
        region = region & inside
    if region.all():
        return None
    sides = [_extent(np.flatnonzero(region.any(axis))) for axis in (1, 0)]
    if any(side < min(LEAST_REGION, most) for side, most in zip(sides, field, strict=False)):
        where = "align_mask" if box is None else "align_mask within align_region"
        raise SettingsError(
            f"{where} marks {sides[1]} x {sides[0]} pixels of the field; alignment needs "
            f"{LEAST_REGION} a side to look at."
        )
    return region


def _mask(mask: Any, field: tuple[int, ...]) -> NDArray[np.bool_]:
    try:
        marked = np.asarray(mask)
    except ValueError as problem:  # rows of different length
        raise SettingsError("align_mask must be an array of truth values.") from problem
    if marked.dtype.kind not in "bui" or marked.shape != field:
        raise SettingsError(
            f"align_mask of shape {marked.shape} and type {marked.dtype} must be a boolean "
            f"array of the planes' shape {field}, True where alignment may look."
        )
    return marked.astype(bool)


def _extent(places: NDArray[np.intp]) -> int:
    """Return the distance from the first to the last of some places, both included."""
    return int(places[-1] - places[0] + 1) if places.size else 0
