"""A first look at a result: the same run on smaller planes, there before the real one."""

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
"""Of a plane of the preview, about: 20 take a fifth of a second on one thread, and more on two, for
which such parts are too small."""
LEAST_FACTOR = 4
"""Smaller stacks are done before anyone could look."""


@dataclass(frozen=True)
class Preview:
    """A result of planes that were reduced.

    Attributes
    ----------
    result : StackResult
        As of a stack of smaller planes; its pixel (0, 0) covers the first `factor` x `factor`
        pixels of the stack, and its depth is in the planes of the stack.
    factor : int
        How much smaller.
    shown : threading.Event
        For whoever shows it, to set when that is done.
    """

    result: StackResult
    factor: int
    shown: threading.Event = field(default_factory=threading.Event, compare=False)


def reduced(source: PlaneSource, factor: int) -> ArraySource:
    """Means over squares of a source's planes; what is left at their ends does not count.

    Parameters
    ----------
    source : PlaneSource
        Whose planes; each is read once.
    factor : int
        Side of the squares, a power of 2.

    Raises
    ------
    InputError
        A plane cannot be read; the message names it.
    """
    y, x = (side // factor for side in source.plane_shape[:2])

    def plane(k: int) -> NDArray[Any]:
        small = computable(source[k])[: y * factor, : x * factor]
        while small.shape[0] > y:  # a tenth of the time of one step
            small = cv2.resize(small, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        return small

    known = source.spacing
    grown = [None if side is None else side * factor for side in (known.y, known.x)]
    spacing = Spacing(y=grown[0], x=grown[1], z=known.z, unit=known.unit)
    return ArraySource([plane(k) for k in range(len(source))], source.names, spacing)


def preview_factor(source: PlaneSource) -> int | None:
    """How much smaller planes are for a preview; None where there is to be none.

    There is one of large planes that lie in memory: others take as long to read as to stack.
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
    """Stack smaller planes; None where a preview does not pay, or its planes make no stack.

    Parameters
    ----------
    source, settings, align_mask, cancel
        As `stack_steps` takes them.

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
        return None  # the real run says what is wrong, of the real planes


def _reduced_settings(settings: Settings, factor: int) -> Settings:
    """For planes that are that much smaller; what is slow and makes little difference is left."""
    region = settings.align_region
    if region is not None:
        starts = [side // factor for side in region[::2]]
        ends = [
            max(end // factor, start + LEAST_REGION)
            for end, start in zip(region[1::2], starts, strict=True)
        ]
        region = starts[0], ends[0], starts[1], ends[1]
    return replace(
        settings, align_region=region, values="fused", occlusion="off", memory=None, threads=1
    )
