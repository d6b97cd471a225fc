"""Preview of a result: the same run on reduced planes, finished before the run itself."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import cv2

from napari_focus_stack._utils.steps import drain
from napari_focus_stack.errors import FocusStackError
from napari_focus_stack.imgproc.dtypes import computable
from napari_focus_stack.io.sources import ArraySource, PlaneSource, Spacing
from napari_focus_stack.pipeline.stack import stack_steps
from napari_focus_stack.settings import LEAST_REGION

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_focus_stack.result import StackResult
    from napari_focus_stack.settings import Settings

PIXELS = 65_000
"""Approximate number of pixels of a reduced plane: 20 planes take a fifth of a second on one
thread, and more on two, because such parts are too small for two."""
LEAST_FACTOR = 4
"""Least factor at which a preview is made: smaller stacks are fused too fast to need one."""


@dataclass(frozen=True)
class Preview:
    """Result of a run on reduced planes.

    Attributes
    ----------
    result : StackResult
        Result in reduced pixels: its pixel (0, 0) covers the first `factor` x `factor` pixels of
        the stack. Its depth is in the planes of the stack.
    factor : int
        Factor by which the planes were reduced.
    shown : threading.Event
        Set by the viewer once the preview is displayed.
    """

    result: StackResult
    factor: int
    shown: threading.Event = field(default_factory=threading.Event, compare=False)


def reduced(source: PlaneSource, factor: int) -> ArraySource:
    """Reduce the planes of a source to means over squares.

    Rows and columns at the ends that fill no square are dropped.

    Parameters
    ----------
    source : PlaneSource
        The planes; each is read once.
    factor : int
        Side of the squares in pixels, a power of 2.

    Returns
    -------
    ArraySource
        Reduced planes, with names and a pixel size that fits them.

    Raises
    ------
    InputError
        A plane cannot be read; the message names it.
    """
    y, x = (side // factor for side in source.plane_shape[:2])

    def plane(k: int) -> NDArray[Any]:
        small = computable(source[k])[: y * factor, : x * factor]
        while small.shape[0] > y:  # takes a tenth of the time of one step
            small = cv2.resize(small, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        return small

    known = source.spacing
    grown = [None if side is None else side * factor for side in (known.y, known.x)]
    spacing = Spacing(y=grown[0], x=grown[1], z=known.z, unit=known.unit)
    return ArraySource([plane(k) for k in range(len(source))], source.names, spacing)


def preview_factor(source: PlaneSource) -> int | None:
    """Return the factor by which planes are reduced for a preview.

    Only large planes that lie in memory have one: others take as long to read as to stack.

    Parameters
    ----------
    source : PlaneSource
        The planes.

    Returns
    -------
    int or None
        Power of 2; None if no preview is made.
    """
    y, x = source.plane_shape[:2]
    factor = 2 ** max(0, round(math.log2(math.sqrt(y * x / PIXELS))))
    held = isinstance(source, ArraySource) and source.in_memory
    return factor if held and factor >= LEAST_FACTOR else None


def preview(
    source: PlaneSource,
    settings: Settings,
    *,
    align_mask: NDArray[np.bool_] | None = None,
    cancel: threading.Event | None = None,
) -> Preview | None:
    """Stack reduced planes.

    Parameters
    ----------
    source : PlaneSource
        The planes.
    settings : Settings
        Parameters of the run itself.
    align_mask : numpy.ndarray, optional
        (Y, X) bool, True where motion is estimated.
    cancel : threading.Event, optional
        Once set, the call raises `Cancelled`.

    Returns
    -------
    Preview or None
        None where a preview does not pay, or where the planes cannot be stacked.

    Raises
    ------
    Cancelled
        `cancel` was set.
    """
    factor = preview_factor(source)
    if factor is None:
        return None
    smaller = _reduced_settings(settings, factor)
    mask = None if align_mask is None else align_mask[::factor, ::factor]
    try:
        small = reduced(source, factor)
        if mask is not None:
            mask = mask[: small.plane_shape[0], : small.plane_shape[1]]
        steps = stack_steps(small, smaller, align_mask=mask, cancel=cancel)
        return Preview(drain(steps), factor)
    except FocusStackError:
        return None  # the run itself reports the error, with the original planes


def _reduced_settings(settings: Settings, factor: int) -> Settings:
    """Return the settings for reduced planes, without slow options that change little there."""
    region = settings.align_region
    if region is not None:
        starts = [side // factor for side in region[::2]]
        ends = [
            max(end // factor, start + LEAST_REGION)
            for end, start in zip(region[1::2], starts, strict=True)
        ]
        region = starts[0], ends[0], starts[1], ends[1]
    size = settings.pixel_size
    return replace(
        settings,
        align_region=region,
        pixel_size=None if size is None else size * factor,
        values="fused",
        occlusion="off",
        memory=None,
        threads=1,
    )
