"""Maps of a run, kept with its image so that saved results are complete, whatever is shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_focus_stack._napari.layers.appearance import OUTPUTS, map_appearance
from napari_focus_stack._napari.layers.geometry import placement
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, role
from napari_focus_stack._napari.layers.names import with_role
from napari_focus_stack.correction.retouch import corrected_map
from napari_focus_stack.io.recipe import Recipe

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
    """Maps of a run.

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
    def of(cls, result: StackResult, correction: dict[str, Any] | None) -> KeptMaps:
        """Keep the maps of a result.

        Parameters
        ----------
        result : StackResult
            The result.
        correction : dict or None
            Its correction by hand, as layers carry it.

        Returns
        -------
        KeptMaps
            The maps, which are not copied.
        """
        return cls({one: getattr(result, OUTPUTS[one].attribute) for one in _KEPT}, correction)

    def corrected(self, correction: dict[str, Any] | None, path: Path) -> dict[str, NDArray[Any]]:
        """Return the maps with the correction that their image has by now.

        Parameters
        ----------
        correction : dict or None
            The correction by hand, as layers carry it.
        path : pathlib.Path
            Name of the image, for messages.

        Returns
        -------
        dict of str to numpy.ndarray
            By role; none if an earlier correction was changed, under which the run's own values are
            not known, or is of another field.

        Raises
        ------
        InputError
            The correction is damaged.
        """
        if correction == self.correction:
            return dict(self.arrays)
        if self.correction is not None or correction is None:
            return {}
        labels = Recipe.of_document({"settings": {}, "correction": correction}, path).correction
        if labels is None or any(array.shape != labels.shape for array in self.arrays.values()):
            return {}
        return {
            one: corrected_map(OUTPUTS[one].attribute, array, labels)
            for one, array in self.arrays.items()
        }


def with_kept_maps(layers: Sequence[Image]) -> list[Image]:
    """Return the layers of results, and a hidden one for each map that was kept without a layer.

    Parameters
    ----------
    layers : sequence of napari.layers.Image
        Layers of one run, from the bottom up.

    Returns
    -------
    list of napari.layers.Image
        In that order, each image behind its maps, which have the correction that it has by now.

    Raises
    ------
    InputError
        A correction is damaged.
    """
    there = {role(layer) for layer in layers}
    whole: list[Image] = []
    for layer in layers:
        kept = layer.metadata.get(KEPT_KEY)
        if kept is not None and not there.issuperset(_KEPT):
            correction = layer.metadata[METADATA_KEY].get("correction")
            maps = kept.corrected(correction, Path(str(layer.name)))
            whole += [_hidden(layer, one, maps[one]) for one in maps if one not in there]
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
