"""Simulated stacks of known image and depth, and scores against them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from napari_focus_stack.simulation.benchmark import Bench
    from napari_focus_stack.simulation.metrics import score_confidence, score_depth, score_image
    from napari_focus_stack.simulation.optics import Optics
    from napari_focus_stack.simulation.rendering import SensorNoise, render_stack

_HOME = {
    "benchmark": ["Bench"],
    "metrics": ["score_confidence", "score_depth", "score_image"],
    "optics": ["Optics"],
    "rendering": ["SensorNoise", "render_stack"],
}

__all__ = [
    "Bench",
    "Optics",
    "SensorNoise",
    "render_stack",
    "score_confidence",
    "score_depth",
    "score_image",
]

__getattr__, __dir__, _ = lazy_loader.attach(__name__, submod_attrs=_HOME)
