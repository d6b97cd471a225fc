"""A run as the dock starts it: a preview, the result, and the correction of an earlier one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._napari.layers.depth_painting import carried_labels
from napari_focus_stack._napari.layers.result_sets import result_sets
from napari_focus_stack.alignment.registered_stack import finite_planes
from napari_focus_stack.depth_labels import BACKGROUND, NOT_CORRECTED, encode_labels

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Sequence

    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_focus_stack.io.sources import PlaneSource
    from napari_focus_stack.pipeline.preview import Preview
    from napari_focus_stack.result import StackResult
    from napari_focus_stack.settings import Settings


LONGEST_WAIT = 10.0
"""Seconds that a run waits until its preview is drawn: while both go on, drawing takes several
times as long, since Python runs one thread at a time. It takes 0.4 s, and 3 s on a machine with
four times as many busy processes as cores."""
GLANCE = 0.02
"""Seconds between two looks at Cancel meanwhile."""


@dataclass(frozen=True)
class StoredCorrection:
    """Correction of an earlier result of the same planes.

    Attributes
    ----------
    labels : numpy.ndarray
        (Y, X) uint16, as the engine takes them.
    corner : tuple of int
        First row and column of the planes that the earlier result showed.
    """

    labels: NDArray[np.uint16]
    corner: tuple[int, int]

    def on(self, result: StackResult) -> NDArray[np.uint16]:
        """Return the labels for a result of another run, which may have another crop.

        Parameters
        ----------
        result : StackResult
            Result of the same planes.

        Returns
        -------
        numpy.ndarray
            (Y, X) uint16; not corrected where the plane was left out of that run.
        """
        _, height, width = result.report.shape[:3]
        field = np.full((height, width), NOT_CORRECTED, np.uint16)
        (top, left), (rows, cols) = self.corner, self.labels.shape
        field[top : top + rows, left : left + cols] = self.labels
        crop = result.report.crop or (0, height, 0, width)
        labels = field[crop[0] : crop[1], crop[2] : crop[3]].copy()
        used = finite_planes(result.transforms) + 1
        labels[~np.isin(labels, [*used, BACKGROUND])] = NOT_CORRECTED
        return labels


@dataclass(frozen=True)
class StackOutcome:
    """Outcome of a run.

    Attributes
    ----------
    result : StackResult
        Corrected, if anything was.
    correction : dict or None
        The correction in the form that layers carry.
    """

    result: StackResult
    correction: dict[str, Any] | None = None


def stored_correction(earlier: Sequence[Image]) -> StoredCorrection | None:
    """Return the correction of the newest result among layers that a run is to update.

    Parameters
    ----------
    earlier : sequence of napari.layers.Image
        Those layers.

    Returns
    -------
    StoredCorrection or None
        None if nothing was corrected.

    Raises
    ------
    InputError
        The correction that the layers carry is damaged.
    """
    found = next(iter(result_sets(earlier)), None)
    labels = carried_labels(found) if found is not None else None
    if found is None or labels is None or not labels.any():
        return None
    return StoredCorrection(labels, found.corner)


def run_steps(
    source: PlaneSource,
    settings: Settings,
    mask: NDArray[np.bool_] | None,
    kept: StoredCorrection | None,
    cancel: threading.Event,
) -> Generator[Any, None, StackOutcome]:
    """Yield a preview where it saves time, then the progress of the run.

    Parameters
    ----------
    source : PlaneSource
        The planes.
    settings : Settings
        Settings of the run.
    mask : numpy.ndarray or None
        (Y, X) bool: True where motion is estimated.
    kept : StoredCorrection or None
        Applied to the result.
    cancel : threading.Event
        Stops the run.

    Yields
    ------
    Preview or Progress
        At most one preview, first.

    Returns
    -------
    StackOutcome
        The result.
    """
    from napari_focus_stack.correction.retouch import apply_correction
    from napari_focus_stack.pipeline.preview import preview
    from napari_focus_stack.pipeline.stack import stack_steps

    first = preview(source, settings, align_mask=mask, cancel=cancel)
    if first is not None:
        yield first
        _wait_until_shown(first, cancel)
        del first
    result = yield from stack_steps(source, settings, cancel=cancel, align_mask=mask)
    if kept is None:
        return StackOutcome(result)
    labels = kept.on(result)
    correction = {"shape": list(labels.shape), "labels": encode_labels(labels)}
    return StackOutcome(apply_correction(source, result, labels), correction)


def _wait_until_shown(preview: Preview, cancel: threading.Event) -> None:
    """Wait until a preview is drawn, or nobody waits for the run any more."""
    end = time.monotonic() + LONGEST_WAIT
    while not preview.shown.wait(GLANCE):
        if cancel.is_set() or time.monotonic() > end:
            return
