"""The only orchestrator: a source and settings in, progress on the way, a `StackResult` out."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from napari_focus_stack import __version__
from napari_focus_stack.errors import Cancelled
from napari_focus_stack.result import Progress, Report, StackResult
from napari_focus_stack.settings import Settings
from napari_focus_stack.sources import ArraySource, PlaneSource

OnPlane = Callable[[int, NDArray[Any], NDArray[np.float32]], None]
"""Called with a plane's number, the plane as it is fused, and its energy (Y, X)."""


def stack_steps(
    source: PlaneSource,
    settings: Settings,
    *,
    cancel: threading.Event | None = None,
    on_plane: OnPlane | None = None,
) -> Generator[Progress, None, StackResult]:
    """PLACEHOLDER: the real engine replaces this body; the signature stays."""
    n = len(source)
    reference = settings.reference_plane(n)
    best: Any = None
    image: Any = None
    index: Any = None
    for k in range(n):
        if cancel is not None and cancel.is_set():
            raise Cancelled
        yield Progress("fuse", k, n, k, n)
        plane = source[k]
        grey = plane.astype(np.float32)
        if grey.ndim == 3:
            grey = grey[..., :3].mean(-1)
        energy = cv2.GaussianBlur(cv2.Laplacian(grey, cv2.CV_32F) ** 2, (0, 0), 2.5)
        if on_plane is not None:
            on_plane(k, plane, energy)
        if best is None:
            best, image, index = energy, plane.copy(), np.zeros(energy.shape, np.uint16)
            continue
        better = energy > best
        best[better], image[better], index[better] = energy[better], plane[better], k
    depth = index.astype(np.float32)
    step = settings.z_step or source.spacing.z
    transforms = np.stack([np.eye(3)] * n)
    report = Report(
        version=__version__, settings=settings.as_dict(), planes=list(source.names),
        shape=[n, *source.plane_shape], dtype=str(source.dtype), reference=reference,
        align="none", transforms=transforms, residuals=[None] * n, gains=[1.0] * n,
        gains_applied=False, notes=list(source.notes),
    )
    height = None if step is None else depth * np.float32(step)
    return StackResult(image, index, depth, height, np.ones_like(depth), transforms, report)


def focus_stack(
    source: PlaneSource | str | os.PathLike[str] | Sequence[Any] | Any,
    *,
    settings: Settings | None = None,
    progress: Callable[[Progress], None] | None = None,
    **options: Any,
) -> StackResult:
    """PLACEHOLDER docstring."""
    chosen = settings if settings is not None else Settings.from_options(**options)
    steps = stack_steps(as_source(source), chosen)
    while True:
        try:
            step = next(steps)
        except StopIteration as done:
            result: StackResult = done.value
            return result
        if progress is not None:
            progress(step)


def as_source(source: Any) -> PlaneSource:
    """A `PlaneSource` of whatever `focus_stack` takes."""
    from napari_focus_stack.reading import read_stack

    if isinstance(source, PlaneSource):
        return source
    if isinstance(source, str | Path | os.PathLike):
        return read_stack(source)
    if isinstance(source, list | tuple) and source and isinstance(source[0], str | os.PathLike):
        return read_stack(source)
    return ArraySource(source)
