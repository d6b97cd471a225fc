"""The part of a layer that is the stack: the axis taken as z, and positions on the other axes.

Without the viewer and Qt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_focus_stack._napari.layers.geometry import data_at, lying
from napari_focus_stack._napari.layers.metadata import METADATA_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_focus_stack._napari.layers.geometry import Units


@dataclass(frozen=True)
class StackSlice:
    """Part of a layer of n axes, n at least 3, that is taken as one stack.

    Attributes
    ----------
    z : int
        Axis of the planes. Of the others the last two are y and x.
    at : tuple of int
        Positions on the axes beside z, y and x, in their order: time points, channels.
    names : tuple of str
        Names of these axes.
    """

    z: int = 0
    at: tuple[int, ...] = ()
    names: tuple[str, ...] = field(default=(), compare=False)

    @property
    def ndim(self) -> int:
        """Number of axes of the layer."""
        return len(self.at) + 3

    @property
    def axes(self) -> tuple[int, int, int]:
        """Axes that are z, y and x."""
        y, x = [axis for axis in range(self.ndim) if axis != self.z][-2:]
        return self.z, y, x

    @property
    def other(self) -> list[int]:
        """Axes beside z, y and x."""
        return [axis for axis in range(self.ndim) if axis not in self.axes]

    @property
    def usual(self) -> bool:
        """Whether the stack is the whole layer, in its own order of axes."""
        return self.ndim == 3 and self.z == 0

    @property
    def places(self) -> list[str]:
        """Positions on the axes beside z, y and x, as in ["t=1", "c=0"]."""
        return [f"{name}={at}" for name, at in zip(self.names, self.at, strict=False)]

    @property
    def description(self) -> str:
        """Positions on the axes beside z, y and x, as in "t = 1, c = 0"."""
        return ", ".join(f"{name} = {at}" for name, at in zip(self.names, self.at, strict=False))

    def whole(self, place: Sequence[float]) -> list[float]:
        """Return the coordinates in the layer of a place in the stack.

        Parameters
        ----------
        place : sequence of float
            z, y and x.

        Returns
        -------
        list of float
            One for each axis of the layer.
        """
        known = dict(zip((*self.axes, *self.other), (*place, *self.at), strict=True))
        return [known[axis] for axis in range(self.ndim)]

    def as_dict(self) -> dict[str, Any] | None:
        """Return a plain dictionary for JSON.

        Returns
        -------
        dict or None
            None if the stack is the whole layer.
        """
        return None if self.usual else {"z": self.z, "at": list(self.at), "names": list(self.names)}

    @classmethod
    def of_dict(cls, plain: dict[str, Any] | None) -> StackSlice:
        """Return the slice that a plain dictionary holds: the inverse of `as_dict`.

        Parameters
        ----------
        plain : dict or None
            As `as_dict` returned it.

        Returns
        -------
        StackSlice
            Slice of the same part.
        """
        if plain is None:
            return cls()
        return cls(
            int(plain["z"]), tuple(map(int, plain["at"])), tuple(map(str, plain.get("names", ())))
        )


def slice_at(
    layer: Image, z: int, position: Sequence[float], units: Units = None, names: Sequence[str] = ()
) -> StackSlice:
    """Return the part of a layer at a position in the world of a viewer.

    Parameters
    ----------
    layer : napari.layers.Image
        A layer of three axes or more.
    z : int
        Axis of the planes.
    position, units : sequence of float, sequence of pint.Unit or None
        As `data_at` takes them.
    names : sequence of str
        Names of its axes; numbers by default.

    Returns
    -------
    StackSlice
        At the nearest pixels of the layer.
    """
    shape = layer.level_shapes[0] if layer.multiscale else layer.data.shape
    there = np.rint(data_at(layer, position, units)).astype(int)
    inside = np.clip(there, 0, np.array(shape[: layer.ndim]) - 1).tolist()
    other = StackSlice(z, (0,) * (layer.ndim - 3)).other
    names = names or [f"axis {axis}" for axis in range(layer.ndim)]
    return StackSlice(
        z, tuple(inside[axis] for axis in other), tuple(names[axis] for axis in other)
    )


def stack_in(layer: Image, cut: StackSlice) -> Image:
    """Return a layer of (z, y, x) with the pixels and the place of a part of another one.

    Parameters
    ----------
    layer : napari.layers.Image
        Returned itself if it is 2-D, or the cut takes all of it as it is.
    cut : StackSlice
        The part; lazy data stay lazy.

    Returns
    -------
    napari.layers.Image
        Not for a viewer: it is hidden, so that none of its pixels is computed.
    """
    if layer.ndim < 3 or (cut.usual and layer.ndim == 3):
        return layer
    return Image(
        planes_first(layer.data[0] if layer.multiscale else layer.data, cut),
        name=str(layer.name),
        **lying(layer, cut.axes),
        rgb=layer.rgb,
        colormap=layer.colormap,
        contrast_limits=layer.contrast_limits,
        gamma=layer.gamma,
        visible=False,
        metadata={METADATA_KEY: {"part_of": str(layer.unique_id)}},
    )


def planes_first(data: Any, cut: StackSlice) -> Any:
    """Return the part of an array that is one stack.

    Parameters
    ----------
    data : array-like
        Data of a layer; lazy data stay lazy.
    cut : StackSlice
        The part.

    Returns
    -------
    numpy.ndarray or dask.array.Array
        (Z, Y, X[, C]).
    """
    if not isinstance(data, np.ndarray):
        import dask.array

        lazily: Any = dask.array.asarray  # untyped
        data = lazily(data)
    part: list[Any] = [slice(None)] * data.ndim
    for axis, at in zip(cut.other, cut.at, strict=True):
        part[axis] = at
    return np.moveaxis(data[tuple(part)], sorted(cut.axes).index(cut.z), 0)


def copy_spacing(stack: Image, layer: Image, cut: StackSlice) -> None:
    """Give a layer the spacing of its part.

    Parameters
    ----------
    stack : napari.layers.Image
        As `stack_in` returned it, with another spacing since.
    layer : napari.layers.Image
        Changed in place: scale, translate and units; left as it is if it is `stack` itself.
    cut : StackSlice
        The part.
    """
    if stack is layer:
        return
    axes = list(cut.axes)
    scale, translate, units = np.array(layer.scale), np.array(layer.translate), list(layer.units)
    scale[axes], translate[axes] = stack.scale, stack.translate
    for axis, unit in zip(axes, stack.units, strict=True):
        units[axis] = unit
    layer.units, layer.scale, layer.translate = tuple(units), scale, translate
