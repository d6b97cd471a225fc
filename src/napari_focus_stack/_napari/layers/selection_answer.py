"""Answer to a selection of layers of which not all can be stacked, without the viewer and Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_focus_stack._napari.layers.metadata import role
from napari_focus_stack._napari.layers.names import shortened
from napari_focus_stack._napari.layers.series_input import channel_layers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image, Layer


def answer_to_selection(
    selected: Sequence[Layer], active: Sequence[Image], chosen: Sequence[Image]
) -> str:
    """Return a sentence on what is stacked instead of all that the user has selected.

    Points and shapes are selected to draw, and results to look at: they need no answer.

    Parameters
    ----------
    selected : sequence of napari.layers.Layer
        Every layer selected in the viewer, in the order of the layer list.
    active : sequence of napari.layers.Image
        Those of them that may be stacked.
    chosen : sequence of napari.layers.Image
        The layers that will be stacked.

    Returns
    -------
    str
        One sentence or two; empty where the choice is what was selected.
    """
    if not chosen:
        return ""
    labels = [one for one in selected if isinstance(one, Labels) and role(one) is None]
    stacks = [one for one in active if one.ndim > 2]
    if labels and not active:
        kept = f"{_named(chosen)} {_verb(chosen)} still chosen"
        return f"{_named(labels[:1])} is a labels layer, which cannot be stacked; {kept}."
    if len(stacks) > 1:
        kept = f"{_named(chosen)} will be stacked"
        if len(channel_layers(chosen[0], stacks, of_one_file=False)) == len(stacks):
            together = "If they are channels of one field, choose 'All channels'."
            return f"{len(stacks)} stacks are selected: {kept}. {together}"
        return f"{len(stacks)} stacks are selected, and one is stacked at a time: {kept}."
    if stacks and len(active) > 1:
        return f"A stack and single planes are selected: {_named(chosen)} will be stacked."
    return ""


def _named(layers: Sequence[Layer]) -> str:
    if len(layers) > 1:
        return f"the {len(layers)} planes"
    [name] = shortened([str(layers[0].name)])
    return f"'{name}'"


def _verb(layers: Sequence[Layer]) -> str:
    return "is" if len(layers) == 1 else "are"
