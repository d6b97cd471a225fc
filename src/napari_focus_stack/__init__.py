"""Focus stacking: one picture sharp everywhere, and the height of the surface.

>>> from napari_focus_stack import focus_stack
>>> result = focus_stack("folder of planes")  # doctest: +SKIP
>>> result.image, result.depth_index, result.height  # doctest: +SKIP

Importing this package imports neither OpenCV nor napari; the first use of a name does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_focus_stack.errors import (
        Cancelled,
        FocusStackError,
        InputError,
        NoImagesError,
        OutputError,
        SettingsError,
    )
    from napari_focus_stack.pipeline import focus_stack, stack_steps
    from napari_focus_stack.reading import read_stack
    from napari_focus_stack.recipe import Recipe
    from napari_focus_stack.result import Progress, Report, StackResult
    from napari_focus_stack.saving import Saved, read_saved, write_saved
    from napari_focus_stack.settings import Settings
    from napari_focus_stack.sources import ArraySource, PlaneSource, Spacing

__version__ = "0.1.0"

_HOME = {
    "ArraySource": "sources",
    "Cancelled": "errors",
    "FocusStackError": "errors",
    "InputError": "errors",
    "NoImagesError": "errors",
    "OutputError": "errors",
    "PlaneSource": "sources",
    "Progress": "result",
    "Recipe": "recipe",
    "Report": "result",
    "Saved": "saving",
    "Settings": "settings",
    "SettingsError": "errors",
    "Spacing": "sources",
    "StackResult": "result",
    "focus_stack": "pipeline",
    "read_saved": "saving",
    "read_stack": "reading",
    "stack_steps": "pipeline",
    "write_saved": "saving",
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
    "Saved",
    "Settings",
    "SettingsError",
    "Spacing",
    "StackResult",
    "__version__",
    "focus_stack",
    "read_saved",
    "read_stack",
    "stack_steps",
    "write_saved",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
