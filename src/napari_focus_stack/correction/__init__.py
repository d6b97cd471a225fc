"""Correction of depth by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

from napari_focus_stack.depth_labels import BACKGROUND

if TYPE_CHECKING:
    from napari_focus_stack.correction.nearest_plane import nearest_plane_labels
    from napari_focus_stack.correction.retouch import apply_correction

_HOME = {
    "nearest_plane": ["nearest_plane_labels"],
    "retouch": ["apply_correction"],
}

__all__ = ["BACKGROUND", "apply_correction", "nearest_plane_labels"]

__getattr__, _, _ = lazy_loader.attach(__name__, submod_attrs=_HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
