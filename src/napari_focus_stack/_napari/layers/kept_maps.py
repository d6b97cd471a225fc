"""Maps of a run that have no layer, kept with its image so that saved results are complete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_focus_stack._napari.layers.appearance import OUTPUTS, map_appearance
from napari_focus_stack._napari.layers.geometry import placement
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, role
from napari_focus_stack._napari.layers.names import with_role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_focus_stack.result import StackResult

KEPT_KEY = "napari-focus-stack-kept"
"""Key of the metadata of a stacked image: its `KeptMaps`, which live and end with the layer."""
_KEPT = ("depth-index", "depth", "confidence")
"""Roles that are kept; heights are depths times the z step."""


@dataclass(frozen=True, eq=False)
class KeptMaps:
    """Maps of a run without layers.

    Attributes
    ----------
    arrays : mapping of str to numpy.ndarray
        (Y, X) by role.
    correction : dict or None
        The correction by hand that they have, as layers carry it.
    """

    arrays: Mapping[str, NDArray[Any]]
    correction: dict[str, Any] | None

    @classmethod
    def of(
        cls, result: StackResult, shown: Sequence[str], correction: dict[str, Any] | None
    ) -> KeptMaps:
        """Keep the maps of a result that are not shown.

        Parameters
        ----------
        result : StackResult
            The result.
        shown : sequence of str
            Roles that have a layer.
        correction : dict or None
            Its correction by hand, as layers carry it.

        Returns
        -------
        KeptMaps
            The maps, which are not copied.
        """
        roles = [role for role in _KEPT if role not in shown]
        return cls({one: getattr(result, OUTPUTS[one].attribute) for one in roles}, correction)


def with_kept_maps(layers: Sequence[Image]) -> list[Image]:
    """Return the layers of results, and a hidden one for each map that was kept without a layer.

    Parameters
    ----------
    layers : sequence of napari.layers.Image
        Layers of one run, from the bottom up.

    Returns
    -------
    list of napari.layers.Image
        In that order, each image behind its maps; those of an image that was corrected since are
        left out, because they do not have the correction.
    """
    there = {role(layer) for layer in layers}
    whole: list[Image] = []
    for layer in layers:
        kept = layer.metadata.get(KEPT_KEY)
        if kept is not None and kept.correction == layer.metadata[METADATA_KEY].get("correction"):
            missing = {one: array for one, array in kept.arrays.items() if one not in there}
            whole += [_hidden(layer, one, array) for one, array in missing.items()]
        whole.append(layer)
    return whole


def _hidden(image: Image, purpose: str, array: NDArray[Any]) -> Image:
    """Return the layer that a map would have, in place over its image."""
    past = image.metadata[METADATA_KEY]
    last_plane = float(max(len(past["planes"]) - 1, 1))
    return Image(
        array,
        name=with_role(str(image.name), OUTPUTS[purpose].suffix),
        visible=False,
        metadata={METADATA_KEY: {**past, "role": purpose}},
        **map_appearance(purpose, array, last_plane),
        **placement(image),
    )
