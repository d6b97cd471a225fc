"""Focus stacking: one picture sharp everywhere, and the height of the surface.

>>> from napari_focus_stack import focus_stack
>>> result = focus_stack("folder of planes")  # doctest: +SKIP
>>> result.image, result.depth_index, result.height  # doctest: +SKIP

Analysis of results, focus curves, corrections and stacks of known truth: namespaces `analysis`,
`depth`, `correction` and `simulation`.

Importing this package imports neither OpenCV nor napari; the first use of a name does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

import napari_focus_stack.io.library_warnings  # noqa: F401 - for its effect
from napari_focus_stack._version import __version__

if TYPE_CHECKING:
    from napari_focus_stack import analysis, correction, depth, simulation
    from napari_focus_stack.batch.focus import focus_batch
    from napari_focus_stack.batch.progress import BatchProgress
    from napari_focus_stack.batch.records import BatchRecord, Figures, StackName
    from napari_focus_stack.errors import (
        Cancelled,
        FocusStackError,
        InputError,
        NoImagesError,
        OutputError,
        SettingsError,
    )
    from napari_focus_stack.io.reading import read_stack
    from napari_focus_stack.io.recipe import Recipe
    from napari_focus_stack.io.results_file import SavedResult, read_saved, write_saved
    from napari_focus_stack.io.sources import ArraySource, PlaneSource, Spacing
    from napari_focus_stack.pipeline.align_only import AlignedPlanes, align_stack
    from napari_focus_stack.pipeline.stack import focus_stack, stack_steps
    from napari_focus_stack.result import LeftOut, Progress, Report, StackResult
    from napari_focus_stack.series.focus import focus_series
    from napari_focus_stack.series.model import Channel, Position, Series, StackIndex
    from napari_focus_stack.series.opening import open_series
    from napari_focus_stack.series.result import PositionResult, SeriesProgress, SeriesResult
    from napari_focus_stack.settings import Settings

_HOME = {
    "batch.focus": ["focus_batch"],
    "batch.progress": ["BatchProgress"],
    "batch.records": ["BatchRecord", "Figures", "StackName"],
    "errors": [
        "Cancelled",
        "FocusStackError",
        "InputError",
        "NoImagesError",
        "OutputError",
        "SettingsError",
    ],
    "io.reading": ["read_stack"],
    "io.recipe": ["Recipe"],
    "io.results_file": ["SavedResult", "read_saved", "write_saved"],
    "io.sources": ["ArraySource", "PlaneSource", "Spacing"],
    "pipeline.align_only": ["AlignedPlanes", "align_stack"],
    "pipeline.stack": ["focus_stack", "stack_steps"],
    "result": ["LeftOut", "Progress", "Report", "StackResult"],
    "series.focus": ["focus_series"],
    "series.model": ["Channel", "Position", "Series", "StackIndex"],
    "series.opening": ["open_series"],
    "series.result": ["PositionResult", "SeriesProgress", "SeriesResult"],
    "settings": ["Settings"],
}

__all__ = [
    "AlignedPlanes",
    "ArraySource",
    "BatchProgress",
    "BatchRecord",
    "Cancelled",
    "Channel",
    "Figures",
    "FocusStackError",
    "InputError",
    "LeftOut",
    "NoImagesError",
    "OutputError",
    "PlaneSource",
    "Position",
    "PositionResult",
    "Progress",
    "Recipe",
    "Report",
    "SavedResult",
    "Series",
    "SeriesProgress",
    "SeriesResult",
    "Settings",
    "SettingsError",
    "Spacing",
    "StackIndex",
    "StackName",
    "StackResult",
    "__version__",
    "align_stack",
    "analysis",
    "correction",
    "depth",
    "focus_batch",
    "focus_series",
    "focus_stack",
    "open_series",
    "read_saved",
    "read_stack",
    "simulation",
    "stack_steps",
    "write_saved",
]

__getattr__, _, _ = lazy_loader.attach(
    __name__, ("analysis", "correction", "depth", "simulation"), _HOME
)


def __dir__() -> list[str]:
    return sorted(__all__)
