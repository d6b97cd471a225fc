"""Focus stacking: one picture sharp everywhere, and the height of the surface.

>>> from napari_focus_stack import focus_stack
>>> result = focus_stack("folder of planes")  # doctest: +SKIP
>>> result.image, result.depth_index, result.height  # doctest: +SKIP

Analysis of results, focus curves, corrections and stacks of known truth: namespaces `analysis`,
`depth`, `correction` and `simulation`.

Importing this package imports neither OpenCV nor napari; the first use of a name does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_focus_stack._version import __version__

if TYPE_CHECKING:
    from napari_focus_stack import analysis, correction, depth, simulation
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
    from napari_focus_stack.pipeline.align_only import align_stack
    from napari_focus_stack.pipeline.stack import focus_stack, stack_steps
    from napari_focus_stack.result import Progress, Report, StackResult
    from napari_focus_stack.settings import Settings

_HOME = {
    "ArraySource": "io.sources",
    "Cancelled": "errors",
    "FocusStackError": "errors",
    "InputError": "errors",
    "NoImagesError": "errors",
    "OutputError": "errors",
    "PlaneSource": "io.sources",
    "Progress": "result",
    "Recipe": "io.recipe",
    "Report": "result",
    "SavedResult": "io.results_file",
    "Settings": "settings",
    "SettingsError": "errors",
    "Spacing": "io.sources",
    "StackResult": "result",
    "align_stack": "pipeline.align_only",
    "focus_stack": "pipeline.stack",
    "read_saved": "io.results_file",
    "read_stack": "io.reading",
    "stack_steps": "pipeline.stack",
    "write_saved": "io.results_file",
}

__all__ = [
    "ArraySource",
    "Cancelled",
    "FocusStackError",
    "InputError",
    "NoImagesError",
    "OutputError",
    "PlaneSource",
    "Progress",
    "Recipe",
    "Report",
    "SavedResult",
    "Settings",
    "SettingsError",
    "Spacing",
    "StackResult",
    "__version__",
    "align_stack",
    "analysis",
    "correction",
    "depth",
    "focus_stack",
    "read_saved",
    "read_stack",
    "simulation",
    "stack_steps",
    "write_saved",
]


_NAMESPACES = ("analysis", "correction", "depth", "simulation")


def __getattr__(name: str) -> Any:
    if name in _NAMESPACES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
