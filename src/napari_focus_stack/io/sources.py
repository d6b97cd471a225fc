"""Planes one at a time, whatever they come from: arrays here, files in `reading`.

A source knows how many planes there are, their shape and dtype and their spacing without holding
any pixels; a plane is read when it is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

COLOUR_CHANNELS = (3, 4)
SMALLEST_SIDE = 8
"""A plane with a shorter side is a misread axis (a single RGB image, say), not a picture."""


@dataclass(frozen=True)
class Spacing:
    """Distance between samples along each axis, None where unknown.

    Attributes
    ----------
    y, x : float or None
        Pixel size.
    z : float or None
        Distance between neighbouring planes.
    unit : str or None
        Unit of all three, as napari's pint registry names it, for example "micrometer".
    """

    y: float | None = None
    x: float | None = None
    z: float | None = None
    unit: str | None = None


class PlaneSource(ABC):
    """A stack of planes, read one at a time.

    Attributes
    ----------
    plane_shape : tuple of int
        (Y, X) or (Y, X, C), C being 3 (RGB) or 4 (RGBA).
    dtype : numpy.dtype
        As the planes are stored.
    names : tuple of str
        One a plane, for messages: a file's name, or "plane 3".
    spacing : Spacing
        What the files, or the caller, say of distances.
    notes : tuple of str
        What reading left out or assumed, one sentence each.
    files : tuple of pathlib.Path
        Where the planes lie, each file once; empty for arrays.
    inputs : tuple of pathlib.Path
        `files` and those that were left out, none of which an output may replace.
    colour_halved : bool
        Whether colour differences were recorded at half the size of brightness, as in most JPEG.
    concurrent : bool
        Whether several threads may read planes at a time; one at a time does, if not, and never
        the thread that asked for the run.
    """

    plane_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    names: tuple[str, ...]
    spacing: Spacing = Spacing()
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    inputs: tuple[Path, ...] = ()
    colour_halved: bool = False
    concurrent: bool = False

    def __len__(self) -> int:
        """Count the planes."""
        return len(self.names)

    @abstractmethod
    def __getitem__(self, k: int) -> NDArray[Any]:
        """Plane `k`, of shape `plane_shape` and dtype `dtype`.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """

    def describe_as(self, source: PlaneSource) -> None:
        """Take over shape, names, spacing, notes and files from another source.

        Parameters
        ----------
        source : PlaneSource
            The source whose planes this one changes.
        """
        self.plane_shape, self.dtype, self.names = source.plane_shape, source.dtype, source.names
        self.spacing, self.notes = source.spacing, source.notes
        self.files, self.inputs = source.files, source.inputs
        self.colour_halved, self.concurrent = source.colour_halved, source.concurrent

    def reduction(self, pixels: int) -> int:
        """Return the factor by which planes can be read smaller at less cost than whole ones.

        Parameters
        ----------
        pixels : int
            Pixels that the reduced plane should have at least.

        Returns
        -------
        int
            A factor for `reduced`; 1 if whole planes cost no more.
        """
        return 1

    def reduced(self, k: int, factor: int) -> NDArray[Any]:
        """Read plane `k` smaller.

        Parameters
        ----------
        k : int
            Number of the plane.
        factor : int
            As `reduction` returned it.

        Returns
        -------
        numpy.ndarray
            (Y // factor, X // factor[, C]) in the source's dtype.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """
        return self[k]


_CONCURRENT = ("numpy", "dask")
"""Packages whose arrays several threads may read at a time."""


class ArraySource(PlaneSource):
    """Planes of an array (NumPy, dask, zarr), or a sequence of 2-D arrays.

    Parameters
    ----------
    planes : array-like or sequence of array-like
        (Z, Y, X) or (Z, Y, X, C) with C 3 or 4; or one (Y, X[, C]) array a plane. Lazy arrays stay
        lazy: a plane is computed when it is asked for.
    names : sequence of str, optional
        One a plane; "plane 0" and so on by default.
    spacing : Spacing, optional
        Distances, if known.

    Raises
    ------
    InputError
        Fewer than two planes, axes beyond Z, Y, X and colour, or planes that differ.
    """

    def __init__(
        self,
        planes: Any,
        names: Sequence[str] | None = None,
        spacing: Spacing | None = None,
    ) -> None:
        if isinstance(planes, str) or not (hasattr(planes, "shape") or hasattr(planes, "__len__")):
            raise InputError(
                f"{planes!r:.60} is no stack; give an array, a list of planes or a path."
            )
        self._planes = planes
        shape = getattr(planes, "shape", None)
        count = len(planes) if shape is None else (*shape, 0)[0]
        self.names = (
            tuple(names) if names is not None else tuple(f"plane {k}" for k in range(count))
        )
        self.spacing = spacing or Spacing()
        if count < 2:
            raise InputError(f"A stack needs at least two planes; this one has {count}.")
        self.plane_shape, self.dtype = self._common_kind()
        held = [planes] if hasattr(planes, "shape") else planes
        self.concurrent = all(type(one).__module__.split(".")[0] in _CONCURRENT for one in held)
        self.in_memory = all(type(one) is np.ndarray for one in held)

    def _common_kind(self) -> tuple[tuple[int, ...], np.dtype[Any]]:
        if hasattr(self._planes, "shape"):
            kind = tuple(self._planes.shape[1:]), np.dtype(self._planes.dtype)
            check_kind(*kind)
            return kind
        kinds = [_kind(plane) for plane in self._planes]
        for name, kind in zip(self.names, kinds, strict=True):
            check_kind(*kind, name)
            if kind != kinds[0]:
                raise InputError(
                    f"'{name}' is {describe(*kind)}, "
                    f"but '{self.names[0]}' is {describe(*kinds[0])}; "
                    "planes of one stack must agree in size and type."
                )
        return kinds[0]

    def __getitem__(self, k: int) -> NDArray[Any]:
        """Plane `k`, computed now if the array is lazy."""
        if not 0 <= k < len(self):
            raise IndexError(k)
        try:
            return np.asarray(self._planes[k])
        except (OSError, ValueError) as problem:
            raise InputError(f"'{self.names[k]}' cannot be read: {problem}") from problem


def _kind(plane: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    if hasattr(plane, "shape") and hasattr(plane, "dtype"):
        return tuple(plane.shape), np.dtype(plane.dtype)
    array = np.asarray(plane)
    return array.shape, array.dtype


def check_kind(shape: tuple[int, ...], dtype: np.dtype[Any], name: str | None = None) -> None:
    """Refuse what is no (Y, X) or (Y, X, C) plane of real numbers.

    Parameters
    ----------
    shape, dtype : tuple of int, numpy.dtype
        Of each plane.
    name : str, optional
        Of the plane, file or folder, for the message.

    Raises
    ------
    InputError
        The message names the axes that are too many, or the type.
    """
    where = "" if name is None else f" in '{name}'"
    if dtype.kind not in "buif":
        raise InputError(f"Planes of type {dtype}{where} cannot be stacked; give real numbers.")
    if len(shape) < 2 or len(shape) > 3 or (len(shape) == 3 and shape[-1] not in COLOUR_CHANNELS):
        raise InputError(
            f"Planes of shape {shape}{where} have axes beyond Y, X and colour "
            "(3 or 4 channels, last); choose one time point, one channel."
        )
    if min(shape[:2]) < SMALLEST_SIDE:
        raise InputError(
            f"Planes of {shape[0]} x {shape[1]} pixels{where} are too small "
            f"(a single colour image?); each side needs {SMALLEST_SIDE}, and the first axis of an "
            "array is z."
        )


def describe(shape: tuple[int, ...], dtype: np.dtype[Any]) -> str:
    """Size and type in words, as in "512 x 640 uint16 RGB"."""
    colour = {2: "grey", 3: "RGB"}[len(shape)] if len(shape) < 3 or shape[2] == 3 else "RGBA"
    return f"{shape[1]} x {shape[0]} {dtype} {colour}"
