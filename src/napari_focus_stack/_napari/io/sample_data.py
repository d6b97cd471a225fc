"""The built-in stacks for File > Open Sample."""

from __future__ import annotations

from typing import Any

from napari_focus_stack._napari.layers.appearance import display_limits
from napari_focus_stack._napari.layers.geometry import spacing_arguments
from napari_focus_stack.simulation.samples import render_sample


def sample_layer(name: str) -> tuple[Any, dict[str, Any], str]:
    """Layer of a built-in sample, as napari takes it: data, arguments, type.

    Parameters
    ----------
    name : {"histology", "motorcycle"}
        Which sample.
    """
    sample = render_sample(name)
    rgb = sample.planes.ndim == 4
    arguments = {
        "name": name,
        "rgb": rgb,
        "contrast_limits": display_limits(sample.planes, rgb),
        **spacing_arguments(sample.spacing),
    }
    return sample.planes, arguments, "image"


def histology() -> list[tuple[Any, dict[str, Any], str]]:
    """Stained tissue on a relief, for napari's menu."""
    return [sample_layer("histology")]


def motorcycle() -> list[tuple[Any, dict[str, Any], str]]:
    """Photograph with measured depth, for napari's menu."""
    return [sample_layer("motorcycle")]
