"""Layers in, planes out, without the viewer and Qt.

Everything of a layer is read here, in the main thread; the worker gets arrays.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_focus_stack._napari.layers.agreement import check_agreement, check_z_apart
from napari_focus_stack._napari.layers.axis_roles import is_name
from napari_focus_stack._napari.layers.geometry import calibrate, spacing_of
from napari_focus_stack._napari.layers.lazy_planes import LayerPlanes, OpenedStack
from napari_focus_stack._napari.layers.metadata import ALIGNED, METADATA_KEY, role
from napari_focus_stack._napari.layers.stack_slice import StackSlice, copy_spacing, stack_in
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.sources import PlaneSource, Spacing, describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image, Layer

OPEN_FIRST = "Open a stack first: File > IO Utilities > Open folder, or Open file, as focus stack"
SHOWN_NAMES = 6
"""Number of layers that the widget names; of more it names the first ones and the last."""


@dataclass(frozen=True)
class StackInput:
    """Layers that were chosen, and the planes that they give.

    Attributes
    ----------
    layers : tuple of napari.layers.Image
        As they are in the viewer, in the order of the planes.
    cut : StackSlice
        Part of a single layer that is stacked; of 2-D layers it says nothing.
    stack : tuple of napari.layers.Image
        The layers themselves; of one with more axes, or another order of them, its (z, y, x) part.
    source : PlaneSource
        Planes of `stack`.
    """

    layers: tuple[Image, ...]
    cut: StackSlice
    stack: tuple[Image, ...]
    source: PlaneSource

    @classmethod
    def of(cls, layers: Sequence[Image], cut: StackSlice | None = None) -> StackInput:
        """Take layers as a stack.

        Parameters
        ----------
        layers : sequence of napari.layers.Image
            In the order of the planes.
        cut : StackSlice, optional
            Part of a single layer; all of it by default.

        Returns
        -------
        StackInput
            With the spacing that the layers have now.

        Raises
        ------
        InputError
            The layers make no stack; the message names the one at fault.
        """
        cut = cut or StackSlice()
        stack = tuple(stack_in(layer, cut) for layer in layers)
        return cls(tuple(layers), cut, stack, planes_of(stack))

    def calibrated(self, spacing: Spacing, followers: Sequence[Layer] = ()) -> StackInput:
        """Give the layers another spacing, and return the same planes with it.

        Parameters
        ----------
        spacing, followers : Spacing, sequence of napari.layers.Layer
            As `calibrate` takes them.

        Returns
        -------
        StackInput
            Input of the same layers.
        """
        calibrate(self.stack, spacing, followers)
        for part, layer in zip(self.stack, self.layers, strict=True):
            copy_spacing(part, layer, self.cut)
        source = copy(self.source)
        source.spacing = spacing_of(self.stack)
        return replace(self, source=source)


def planes_of(layers: Sequence[Image]) -> PlaneSource:
    """Return the planes of one (Z, Y, X[, C]) layer, or of several 2-D layers in the order given.

    Parameters
    ----------
    layers : sequence of napari.layers.Image
        Multiscale layers count with their finest level; lazy data stays lazy.

    Returns
    -------
    PlaneSource
        None of its planes that cannot be read counts as zeros.

    Raises
    ------
    InputError
        The layers make no stack; the message names the one at fault.
    """
    if not layers:
        raise InputError(f"{OPEN_FIRST}, then select it here, or at least two 2-D layers.")
    for layer in layers:
        _check_axes(layer)
    solid = [layer for layer in layers if layer.ndim == 3]
    if len(layers) > 1 and solid:
        raise InputError(
            f"'{solid[0].name}' is a stack by itself; select it alone, or 2-D layers only."
        )
    if not solid and len(layers) == 1:
        raise InputError(
            f"'{layers[0].name}' is a single plane; select at least two 2-D layers, "
            "or one (z, y, x) layer."
        )
    spacing = spacing_of(layers)
    if solid:
        check_z_apart(solid[0])
        return _planes_of_stack(solid[0], spacing)
    arrays = [finest(layer) for layer in layers]
    source = LayerPlanes(arrays, [layer.name for layer in layers], spacing)
    check_agreement(layers)
    return source


def _check_axes(layer: Image) -> None:
    if layer.ndim in (2, 3):
        return
    shape = " x ".join(str(side) for side in finest(layer).shape)
    labels = [label for label in layer.axis_labels if is_name(label)]
    axes = f"the axes {', '.join(labels)}" if len(labels) == layer.ndim else f"{layer.ndim} axes"
    raise InputError(
        f"'{layer.name}' has {axes} ({shape}); select a layer of one time point and one channel, "
        "with the axes z, y, x."
    )


def _planes_of_stack(layer: Image, spacing: Spacing) -> PlaneSource:
    data = finest(layer)
    opened: OpenedStack | None = layer.metadata.get(METADATA_KEY, {}).get("opened")
    planes = opened.planes(data, spacing) if opened is not None else None
    if planes is not None:
        return planes
    count = data.shape[0]
    if count < 2:
        raise InputError(f"'{layer.name}' holds a single plane; a stack needs at least two.")
    return _named(layer.name, data, spacing)


def _named(name: str, data: Any, spacing: Spacing) -> PlaneSource:
    names = [f"plane {k} of {name}" for k in range(data.shape[0])]
    try:
        return LayerPlanes(data, names, spacing)
    except InputError as problem:
        raise InputError(f"'{name}': {problem}") from problem


def finest(layer: Image) -> Any:
    """Return the data of a layer; of a multiscale one its finest level.

    Parameters
    ----------
    layer : napari.layers.Image
        Single-scale or multiscale.

    Returns
    -------
    array-like
        As the layer holds it, lazy or not.
    """
    return layer.data[0] if layer.multiscale else layer.data


def describe_planes(source: PlaneSource, layers: Sequence[Image]) -> str:
    """Describe what would be stacked: how many planes, and in which order.

    Parameters
    ----------
    source : PlaneSource
        The planes.
    layers : sequence of napari.layers.Image
        The layers that they come from, in the order of the planes.

    Returns
    -------
    str
        A sentence; several layers are listed with their numbers.
    """
    kind = f"{len(source)} planes, {describe(source.plane_shape, source.dtype)}"
    if len(layers) == 1:
        return f"{kind}."
    numbered = [f"{k} {layer.name}" for k, layer in enumerate(layers)]
    if len(numbered) > SHOWN_NAMES:
        numbered[SHOWN_NAMES - 1 : -1] = ["..."]
    return f"{kind}: {', '.join(numbered)}."


def border_doubt(layers: Sequence[Image]) -> str:
    """Describe what comes of borders that aligned planes did not record.

    Parameters
    ----------
    layers : sequence of napari.layers.Image
        The layers of a stack.

    Returns
    -------
    str
        A sentence; empty if all pixels were recorded, or are NaN where they were not.
    """
    for layer in layers:
        known = layer.metadata.get(METADATA_KEY, {})
        moved = role(layer) == ALIGNED and known.get("align") != "none"
        if moved and finest(layer).dtype.kind != "f":
            return (
                f"Borders of '{layer.name}' that a plane did not record count as black, and may "
                f"come out wrong; stack '{known['sources'][0]}' itself for sound borders."
            )
    return ""


def likely_input(offered: Sequence[Image], active: Sequence[Image]) -> list[Image]:
    """Choose layers to begin with: a stack, or the 2-D layers that belong together.

    Parameters
    ----------
    offered : sequence of napari.layers.Image
        Every layer there is, in the order of the layer list.
    active : sequence of napari.layers.Image
        Those the user has selected in the viewer.

    Returns
    -------
    list of napari.layers.Image
        In the order of the layer list.
    """
    stacks = [layer for layer in (*active, *reversed(offered)) if layer.ndim > 2]
    flat = [layer for layer in offered if layer.ndim == 2]
    chosen = [layer for layer in flat if layer in active]
    if len(chosen) > 1 and not any(layer.ndim > 2 for layer in active):
        return chosen
    if len(active) > 1 and all(layer.ndim > 2 for layer in active):
        return [layer for layer in offered if layer in active]
    if stacks:
        return stacks[:1]
    lead = chosen[0] if chosen else flat[0] if flat else None
    return [layer for layer in flat if lead is not None and _kind(layer) == _kind(lead)]


def followed(
    offered: Sequence[Image], active: Sequence[Image], chosen: Sequence[Image]
) -> list[Image]:
    """Choose layers after the user has selected others in the viewer.

    The choice stays as it is when a single plane of it, a picture that makes no stack or a layer
    that is not offered is selected.

    Parameters
    ----------
    offered, active : sequence of napari.layers.Image
        As in `likely_input`; `active` are all offered.
    chosen : sequence of napari.layers.Image
        The choice so far.

    Returns
    -------
    list of napari.layers.Image
        The choice from now on.
    """
    if len(active) > 1 or any(layer.ndim > 2 for layer in active):
        return likely_input(offered, active)
    if not active or active[0] in chosen:
        return list(chosen)
    alike = [layer for layer in offered if _kind(layer) == _kind(active[0])]
    return alike if len(alike) > 1 else list(chosen)


def _kind(layer: Image) -> tuple[tuple[int, ...], str]:
    data = finest(layer)
    return tuple(data.shape), str(data.dtype)
