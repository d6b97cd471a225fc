"""Sources of planes: arrays here, files in `file_source`.

A source has the number of planes, their shape, dtype and spacing without any pixels; each plane is
read on demand.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._utils.wording import format_count
from napari_focus_stack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

COLOUR_CHANNELS = (3, 4)
NARROW = 8
"""Columns below which an array of three axes may be one picture with its channels last."""


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
        Unit of all three by its name in napari's pint registry, for example "micrometer".
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
        (Y, X) or (Y, X, C), where C is 3 (RGB) or 4 (RGBA).
    dtype : numpy.dtype
        Type of the planes as stored.
    names : tuple of str
        Name of each plane for messages: a file's name, or "plane 3".
    spacing : Spacing
        Distances from the files or the caller.
    notes : tuple of str
        Omissions and assumptions of the reader, one sentence each.
    files : tuple of pathlib.Path
        Files of the planes, each once; empty for arrays.
    inputs : tuple of pathlib.Path
        `files` and those that were left out; no output may replace any of them.
    colour_halved : bool
        Whether colour differences were recorded at half the size of brightness, as in most JPEG
        files.
    concurrent : bool
        Whether several threads may read planes at the same time. If not, one thread reads all
        planes, which is never the caller's.
    place : mapping of str to object
        Place of the stack in a series, as plain JSON; empty for a stack of its own.
    kept_bytes : int
        Most bytes of pixels that stay in memory from one read to the next.
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
    place: Mapping[str, Any] = MappingProxyType({})
    kept_bytes: int = 0

    def __len__(self) -> int:
        """Return the number of planes."""
        return len(self.names)

    @abstractmethod
    def __getitem__(self, k: int) -> NDArray[Any]:
        """Read plane `k`, of shape `plane_shape` and type `dtype`.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """

    def describe_as(self, source: PlaneSource) -> None:
        """Copy shape, names, spacing, notes and files from another source.

        Parameters
        ----------
        source : PlaneSource
            Source of the original planes.
        """
        self.plane_shape, self.dtype, self.names = source.plane_shape, source.dtype, source.names
        self.spacing, self.notes = source.spacing, source.notes
        self.files, self.inputs = source.files, source.inputs
        self.colour_halved, self.concurrent = source.colour_halved, source.concurrent
        self.place = source.place

    def reduction(self, pixels: int) -> int:
        """Return the factor by which planes can be read smaller at less cost than whole ones.

        Parameters
        ----------
        pixels : int
            Least number of pixels of the reduced plane.

        Returns
        -------
        int
            Factor for `reduced`; 1 if whole planes cost no more.
        """
        return 1

    def reduced(self, k: int, factor: int) -> NDArray[Any]:
        """Read plane `k` at a reduced size.

        Parameters
        ----------
        k : int
            Number of the plane.
        factor : int
            Result of `reduction`.

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
"""Packages whose arrays several threads may read at the same time."""


class ArraySource(PlaneSource):
    """Planes of an array (NumPy, dask, zarr), or of a sequence of 2-D arrays.

    Parameters
    ----------
    planes : array-like or sequence of array-like
        (Z, Y, X) or (Z, Y, X, C) with C 3 or 4; or one (Y, X[, C]) array for each plane. Lazy
        arrays stay lazy: each plane is computed on demand.
    names : sequence of str, optional
        Name of each plane; "plane 0" and so on by default.
    spacing : Spacing, optional
        Distances, if known.

    Raises
    ------
    InputError
        There are fewer than two planes or axes beyond Z, Y, X and colour, or planes differ.
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
        """Return the shape and type of all planes."""
        if hasattr(self._planes, "shape"):
            kind = tuple(self._planes.shape[1:]), np.dtype(self._planes.dtype)
            check_kind(*kind)
            check_axes(len(self), kind[0])
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
        if not any(hasattr(plane, "shape") for plane in self._planes):
            check_axes(len(self), kinds[0][0])
        return kinds[0]

    def __getitem__(self, k: int) -> NDArray[Any]:
        """Return plane `k`, computed now if the array is lazy."""
        if not 0 <= k < len(self):
            raise IndexError(k)
        try:
            return np.asarray(self._planes[k])
        except (OSError, ValueError) as problem:
            raise InputError(f"'{self.names[k]}' cannot be read: {problem}") from problem


def _kind(plane: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and type of one plane."""
    if hasattr(plane, "shape") and hasattr(plane, "dtype"):
        return tuple(plane.shape), np.dtype(plane.dtype)
    array = np.asarray(plane)
    return array.shape, array.dtype


def check_kind(shape: tuple[int, ...], dtype: np.dtype[Any], name: str | None = None) -> None:
    """Check that planes are (Y, X) or (Y, X, C) of real numbers.

    Parameters
    ----------
    shape : tuple of int
        Shape of each plane.
    dtype : numpy.dtype
        Type of each plane.
    name : str, optional
        Name of the plane, file or folder for the message.

    Raises
    ------
    InputError
        The message names the surplus axes, or the type.
    """
    where = "" if name is None else f" in '{name}'"
    if dtype.kind not in "buif":
        raise InputError(f"Planes of type {dtype}{where} cannot be stacked; give real numbers.")
    if len(shape) < 2 or len(shape) > 3 or (len(shape) == 3 and shape[-1] not in COLOUR_CHANNELS):
        raise InputError(
            f"Planes of shape {shape}{where} have axes beyond Y, X and colour "
            "(3 or 4 channels, last); choose one time point, one channel."
        )
    if 0 in shape:
        raise InputError(f"Planes of shape {shape}{where} have no pixels.")


def check_axes(count: int, shape: tuple[int, ...], name: str | None = None) -> None:
    """Refuse planes that may be the rows of one picture, (Y, X, C), instead of narrow planes.

    Parameters
    ----------
    count : int
        Number of the planes, which lie in one array or one file.
    shape : tuple of int
        Shape of each plane.
    name : str, optional
        Name of the file for the message.

    Raises
    ------
    InputError
        The planes are grey and have fewer than 8 columns.
    """
    if len(shape) == 2 and shape[1] < NARROW:
        where = "" if name is None else f" in '{name}'"
        each = "array" if name is None else "file"
        raise InputError(
            f"Planes of {shape[0]} x {shape[1]} pixels{where} may be the rows of one picture with "
            f"{format_count(shape[1], 'channel', 'channels')}; to stack {count} such planes, give "
            f"each as {'an' if name is None else 'a'} {each} of its own."
        )


def check_sides(shape: tuple[int, ...], name: str | None = None) -> None:
    """Refuse planes that are narrower than those of a series may be.

    Parameters
    ----------
    shape : tuple of int
        Shape of each plane.
    name : str, optional
        Name of the file for the message.

    Raises
    ------
    InputError
        A side is shorter than 8 pixels.
    """
    if min(shape[:2]) < NARROW:
        where = "" if name is None else f" in '{name}'"
        raise InputError(
            f"Planes of {shape[0]} x {shape[1]} pixels{where} are too small for a series; each "
            f"side needs {NARROW}."
        )


def describe(shape: tuple[int, ...], dtype: np.dtype[Any]) -> str:
    """Describe size and type, as in "512 x 640 uint16 RGB".

    Parameters
    ----------
    shape : tuple of int
        Shape of a plane.
    dtype : numpy.dtype
        Type of a plane.

    Returns
    -------
    str
        Columns x rows, type and colour.
    """
    colour = {2: "grey", 3: "RGB"}[len(shape)] if len(shape) < 3 or shape[2] == 3 else "RGBA"
    return f"{shape[1]} x {shape[0]} {dtype} {colour}"
