"""Depth from focus, and focus curves of single pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from napari_focus_stack.depth.focus_curve import FocusCurve, FocusProbe

_HOME = {
    "focus_curve": ["FocusCurve", "FocusProbe"],
}

__all__ = ["FocusCurve", "FocusProbe"]

__getattr__, __dir__, _ = lazy_loader.attach(__name__, submod_attrs=_HOME)
