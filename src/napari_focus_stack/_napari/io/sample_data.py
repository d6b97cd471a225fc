"""Built-in stacks for File > Open Sample."""

from __future__ import annotations

from typing import Any

from napari_focus_stack._napari.layers.appearance import display_limits
from napari_focus_stack._napari.layers.geometry import spacing_arguments
from napari_focus_stack.simulation.samples import render_sample


def sample_layer(name: str) -> tuple[Any, dict[str, Any], str]:
    """Return the layer of a built-in sample.

    Parameters
    ----------
    name : {"histology", "motorcycle"}
        Name of the sample.

    Returns
    -------
    data : numpy.ndarray
        (Z, Y, X[, C]): its planes.
    arguments : dict
        Arguments of the layer.
    kind : str
        Type of the layer.
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
    """Return the sample of stained tissue on a relief, for napari's menu.

    Returns
    -------
    list of tuple
        One layer, as from `sample_layer`.
    """
    return [sample_layer("histology")]


def motorcycle() -> list[tuple[Any, dict[str, Any], str]]:
    """Return the sample of a photograph with measured depth, for napari's menu.

    Returns
    -------
    list of tuple
        One layer, as from `sample_layer`.
    """
    return [sample_layer("motorcycle")]
