"""A stack that is aligned and nothing else: planes over each other, each made when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.alignment.brightness import Brightness
from napari_focus_stack.alignment.registered_plane import RegisteredPlane
from napari_focus_stack.imgproc.dtypes import as_dtype, computable
from napari_focus_stack.imgproc.noise import noise_pairs
from napari_focus_stack.io.sources import PlaneSource
from napari_focus_stack.pipeline.run import Run
from napari_focus_stack.pipeline.survey import alignment_steps
from napari_focus_stack.result import LeftOut, describe_left_out

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.alignment.stack import Alignment
    from napari_focus_stack.result import Progress
    from napari_focus_stack.settings import Settings


class AlignedPlanes(PlaneSource):
    """Planes as the reference plane's camera would have recorded them.

    Their values are as recorded, not brought to one brightness. Pixels that a plane did not
    record, and all of a plane that was left out, are NaN, or 0 in a type without it.

    Parameters
    ----------
    source : PlaneSource
        The planes that were aligned.
    alignment : Alignment
        Where they lie.
    notes : sequence of str
        On the alignment, for the user.

    Attributes
    ----------
    alignment : Alignment
        As given.
    """

    def __init__(self, source: PlaneSource, alignment: Alignment, notes: Sequence[str]) -> None:
        self._source, self.alignment = source, alignment
        self.describe_as(source)
        self.notes = tuple(notes)

    def __getitem__(self, k: int) -> NDArray[Any]:
        """Plane `k`.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """
        matrix = self.alignment.transforms[k]
        if not np.isfinite(matrix).all():
            return as_dtype(np.full(self.plane_shape, np.nan, np.float32), self.dtype)
        plane = self._source[k]
        if np.array_equal(matrix, np.eye(3)):
            return plane
        seen, recorded = RegisteredPlane.of(computable(plane), matrix, Brightness()).colour()
        if recorded is not None:
            seen[recorded == 0] = np.nan
        return as_dtype(seen, self.dtype)


def align_only_steps(
    source: PlaneSource, settings: Settings, *, cancel: threading.Event | None = None
) -> Generator[Progress, None, AlignedPlanes]:
    """Align a stack step by step, as `stack_steps` does before it fuses.

    Parameters
    ----------
    source : PlaneSource
        The planes.
    settings : Settings
        Of which `align`, `reference`, `align_region`, `memory` and `threads` count.
    cancel : threading.Event, optional
        Once set, the run raises `Cancelled` at its next look.

    Yields
    ------
    Progress
        Before each plane.

    Returns
    -------
    AlignedPlanes
        Through ``StopIteration.value`` (or ``yield from``).

    Raises
    ------
    InputError
        A plane cannot be read, or fewer than two fit.
    SettingsError
        A setting does not fit the source.
    Cancelled
        `cancel` was set.
    """
    run = Run(source, settings, cancel=cancel)
    # nothing is fused or measured
    run.fuse_in(0, 0)
    run.expect(-len(noise_pairs(run.n)))
    alignment = yield from alignment_steps(run)
    run.check()
    left_out = describe_left_out(
        [LeftOut(k, source.names[k], why) for k, why in sorted(alignment.left_out.items())]
    )
    if left_out:
        left_out.append("What was left out is empty.")
    return AlignedPlanes(source, alignment, [*run.notes, *left_out])
