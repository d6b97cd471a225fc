"""Names and roles of the axes of a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from napari_focus_stack._napari.layers.axis_roles import AxisRoles, is_name, likely_roles
from napari_focus_stack._napari.layers.planes import finest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image
    from numpy.typing import NDArray

MOST_SAMPLED = 5
"""Pictures along an axis that are compared where labels and lengths leave its role open."""
_NUMBERED = "axis "
"""How the names of axes without a label begin."""
SAMPLED_SIDE = 256
"""Longest side, in pixels, of these pictures: enough for the detail that focus changes."""

_found: WeakKeyDictionary[Image, tuple[Any, AxisRoles]] = WeakKeyDictionary()
"""Roles by layer, with the names and the shape that they were found for: pixels may be on disk."""


def axis_names(layer: Image, sliders: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of the axes of a layer.

    Parameters
    ----------
    layer : napari.layers.Image
        Any layer.
    sliders : sequence of str
        Names of the viewer's axes, the last of which are those of the layer.

    Returns
    -------
    tuple of str
        Labels of the layer, else those of the sliders, else the sliders' numbers, as in "axis -3".
    """
    own = [str(label) for label in layer.axis_labels]
    shown = [*[""] * layer.ndim, *map(str, sliders)][-layer.ndim :]
    pairs = zip(own, shown, strict=True)
    return tuple(
        next((name for name in pair if is_name(name)), f"{_NUMBERED}{axis - layer.ndim}")
        for axis, pair in enumerate(pairs)
    )


def named_by_role(names: Sequence[str], roles: AxisRoles) -> tuple[str, ...]:
    """Return the names of axes, with the role in the place of a number.

    Parameters
    ----------
    names : sequence of str
        As `axis_names` returned them.
    roles : AxisRoles
        Their roles.

    Returns
    -------
    tuple of str
        As in "time" for "axis -4".
    """
    by_role = dict(roles.series)
    return tuple(
        by_role.get(axis, name) if name.startswith(_NUMBERED) else name
        for axis, name in enumerate(names)
    )


def lengths_of(layer: Image) -> tuple[int, ...]:
    """Return the lengths of the axes of a layer at its finest level, without colour.

    Parameters
    ----------
    layer : napari.layers.Image
        Any image layer.

    Returns
    -------
    tuple of int
        One for each axis.
    """
    return tuple(int(length) for length in finest(layer).shape[: layer.ndim])


def roles_of(layer: Image, names: Sequence[str] | None = None) -> AxisRoles:
    """Return the likely roles of the axes of a layer.

    Parameters
    ----------
    layer : napari.layers.Image
        A layer of three axes or more.
    names : sequence of str, optional
        Names of its axes; its own labels by default.

    Returns
    -------
    AxisRoles
        Found once for each shape and set of names.
    """
    names = axis_names(layer) if names is None else tuple(names)
    key = names, lengths_of(layer)
    known = _found.get(layer)
    if known is None or known[0] != key:
        known = key, likely_roles(*key, lambda axis: _pictures_along(layer, axis))
        _found[layer] = known
    return known[1]


def _pictures_along(layer: Image, axis: int) -> NDArray[np.float32]:
    """Return reduced pictures along an axis, in the middle of the others."""
    data = layer.data[-1] if layer.multiscale else layer.data
    lengths = data.shape[: layer.ndim]
    count = min(lengths[axis], MOST_SAMPLED)
    step = max(1, max(lengths[-2:]) // SAMPLED_SIDE)
    index: list[Any] = [length // 2 for length in lengths[:-2]]
    pictures = []
    for at in np.linspace(0, lengths[axis] - 1, count).round().astype(int).tolist():
        index[axis] = at
        picture = np.asarray(data[(*index, slice(None, None, step), slice(None, None, step))])
        picture = picture.astype(np.float32)
        pictures.append(picture.mean(axis=-1) if layer.rgb else picture)
    return np.stack(pictures)
