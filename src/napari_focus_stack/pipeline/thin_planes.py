"""Planes narrower than a pyramid takes, such as line scans, fused as wider ones.

Thin planes are mirrored at their ends up to the least side, fused, and the results cut back. They
are never moved: what lies beside a line is unknown, and mirrored detail would be taken for it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.alignment.prior_transforms import alignment_mask, prior_transforms
from napari_focus_stack.errors import SettingsError
from napari_focus_stack.imgproc.pyramids import SMALLEST_LEVEL
from napari_focus_stack.io.sources import PlaneSource
from napari_focus_stack.pipeline.run import Run

if TYPE_CHECKING:
    import threading

    from numpy.typing import NDArray

    from napari_focus_stack.imgproc.transforms import Matrix
    from napari_focus_stack.result import StackResult
    from napari_focus_stack.settings import Settings


class MirroredPlanes(PlaneSource):
    """Planes of a source, continued by their mirror image up to the least side of a pyramid.

    Parameters
    ----------
    source : PlaneSource
        The thin planes. Their pixels stay where they are: the mirror image lies below and to the
        right.
    """

    def __init__(self, source: PlaneSource) -> None:
        self.describe_as(source)
        self.kept_bytes, self._source = source.kept_bytes, source
        missing = [max(0, SMALLEST_LEVEL - side) for side in source.plane_shape[:2]]
        self._beyond = [(0, missing[0]), (0, missing[1]), (0, 0)][: len(source.plane_shape)]
        sides = (side + more for side, more in zip(source.plane_shape, missing, strict=False))
        self.plane_shape = (*sides, *source.plane_shape[2:])
        self.notes = (*source.notes, _on_motion(source.plane_shape))

    def __getitem__(self, k: int) -> NDArray[Any]:
        """Return plane `k` with its mirror image.

        Parameters
        ----------
        k : int
            Number of the plane.

        Returns
        -------
        numpy.ndarray
            (Y, X[, C]), 8 pixels a side or more, in the dtype of the source.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """
        return np.pad(self._source[k], self._beyond, mode="symmetric")


def _on_motion(shape: tuple[int, ...]) -> str:
    """Return the note that thin planes are not aligned."""
    return (
        f"Planes of {shape[1]} x {shape[0]} pixels are too narrow to be aligned, so they were left "
        "where they are; motion can be found on sides of 8 pixels and more."
    )


def is_thin(source: PlaneSource) -> bool:
    """Return whether planes are narrower than a pyramid takes.

    Parameters
    ----------
    source : PlaneSource
        The planes.

    Returns
    -------
    bool
        True if a side is shorter than the least side of a level.
    """
    return min(source.plane_shape[:2]) < SMALLEST_LEVEL


def run_of_any(
    source: PlaneSource,
    planes: PlaneSource,
    settings: Settings,
    transforms: Any,
    align_mask: Any,
    cancel: threading.Event | None,
    *,
    faint: bool = False,
) -> Run:
    """Return the run of planes of any width; of thin ones with their mirror image, without motion.

    Parameters
    ----------
    source : PlaneSource
        The recorded planes.
    planes : PlaneSource
        The same in the unit in which they are fused.
    settings : Settings
        Settings of the run.
    transforms : array-like, StackResult, path or None
        Prior transforms, as for `stack_steps`.
    align_mask : array-like or None
        (Y, X) bool, True where motion is estimated.
    cancel : threading.Event or None
        Once set, the run ends.
    faint : bool
        As for `stack_steps`.

    Returns
    -------
    Run
        The run.

    Raises
    ------
    InputError
        The prior transforms cannot be read.
    SettingsError
        A setting, the mask or the transforms do not fit the planes; transforms of thin planes may
        leave planes out but move none.
    """
    if not is_thin(source):
        return Run(planes, settings, transforms, align_mask, cancel, faint=faint)
    alignment_mask(settings, align_mask, source.plane_shape[:2])
    still = replace(settings, align="none", align_region=None)
    return Run(MirroredPlanes(planes), still, _resting(source, transforms), None, cancel)


def _resting(source: PlaneSource, transforms: Any) -> Matrix | None:
    """Return prior transforms of thin planes: identities, and NaN for planes that are left out."""
    if transforms is None:
        return None
    given = prior_transforms(transforms, source).transforms
    for name, matrix in zip(source.names, given, strict=True):
        if np.isfinite(matrix).all() and not np.array_equal(matrix, np.eye(3)):
            y, x = source.plane_shape[:2]
            raise SettingsError(
                f"The transforms move '{name}', but planes of {x} x {y} pixels are too narrow to "
                "be moved; leave the transforms out."
            )
    return given


def cut_back(result: StackResult, source: PlaneSource) -> StackResult:
    """Return the result of mirrored planes without the mirror image.

    Parameters
    ----------
    result : StackResult
        Result of `MirroredPlanes`.
    source : PlaneSource
        The thin planes.

    Returns
    -------
    StackResult
        Maps and report of the thin planes.
    """
    y, x = source.plane_shape[:2]
    maps = {
        name: getattr(result, name)[:y, :x].copy()
        for name in ("image", "depth_index", "depth", "confidence")
    }
    height = None if result.height is None else result.height[:y, :x].copy()
    specks = [speck for speck in result.report.specks if speck[1] < y and speck[2] < x]
    report = replace(result.report, shape=[len(source), *source.plane_shape], specks=specks)
    return replace(result, **maps, height=height, report=report)
