"""Planes on disk as an array that napari can scroll through: read when shown, never failing.

A plane that cannot be decoded must not break scrolling, so napari shows it as zeros and a warning
names it once. Those zeros must never be fused, projected or saved, whatever became of the array
since: `as_recorded` reads any array that was derived from one of `lazy_array`, and fails with the
name of the file instead.
"""

from __future__ import annotations

import os
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_focus_stack._napari.layers.notices import show_warning
from napari_focus_stack.errors import InputError
from napari_focus_stack.io import plane_files
from napari_focus_stack.io.sources import ArraySource, PlaneSource, Spacing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import DTypeLike, NDArray

REMEDY = "repair or remove the file, then open the folder again"
"""What to do here about a plane that cannot be read; the command has options for it."""
_NAME = "napari-focus-stack-"
"""How the names of the arrays begin, and so the keys in the graphs of all that derive from them."""

_thread = threading.local()
"""Of a thread that computes for the engine, `refuses` is set."""


class OpenedPlanes(PlaneSource):
    """Planes of a source that napari shows, with the spacing that its layer has now.

    Parameters
    ----------
    source : PlaneSource
        As the reader opened it.
    spacing : Spacing
        Spacing of the layer.
    """

    def __init__(self, source: PlaneSource, spacing: Spacing) -> None:
        self._source = source
        self.describe_as(source)
        self.spacing = spacing

    def __getitem__(self, k: int) -> NDArray[Any]:
        """Return plane `k`.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """
        try:
            return self._source[k]
        except InputError as problem:
            raise _in_napari(problem) from problem

    def reduction(self, pixels: int) -> int:
        """Return the reduction of the source."""
        return self._source.reduction(pixels)

    def reduced(self, k: int, factor: int) -> NDArray[Any]:
        """Return plane `k`, smaller.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """
        try:
            return self._source.reduced(k, factor)
        except InputError as problem:
            raise _in_napari(problem) from problem


class Readable(Protocol):
    """Planes by their numbers, such as those of a `PlaneSource`.

    Attributes
    ----------
    plane_shape : tuple of int
        (Y, X) or (Y, X, C).
    dtype : numpy.dtype
        Type of the planes.
    """

    plane_shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __len__(self) -> int:
        """Return the number of planes."""

    def __getitem__(self, k: int) -> NDArray[Any]:
        """Read plane `k`; raise InputError if that fails."""


class LazyPlanes:
    """The part of NumPy's interface that dask needs, over planes that are read on demand.

    Parameters
    ----------
    source : Readable
        Read plane by plane, from whatever thread dask computes in.
    lengths : tuple of int, optional
        Lengths of the axes along which the planes lie, the last one the fastest; by default that of
        one axis.
    """

    def __init__(self, source: Readable, lengths: tuple[int, ...] | None = None) -> None:
        self.source = source
        self.lengths = (len(source),) if lengths is None else lengths
        self.shape = (*self.lengths, *source.plane_shape)
        self.dtype = source.dtype
        self.ndim = len(self.shape)
        self._numbers = np.arange(len(source)).reshape(self.lengths)
        self._unreadable: set[str] = set()
        self._lock = threading.Lock()

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Return the pixels at `index`; for napari, zeros where a plane cannot be read.

        Raises
        ------
        InputError
            A plane cannot be read, and `as_recorded` is set.
        """
        index = index if isinstance(index, tuple) else (index,)
        chosen = self._numbers[index[: len(self.lengths)]]
        rest = index[len(self.lengths) :]
        if np.ndim(chosen) == 0:
            plane: NDArray[Any] = self._plane(int(chosen))[rest]
            return plane
        planes = np.stack([self._plane(int(k))[rest] for k in chosen.flat])
        return planes.reshape(*chosen.shape, *planes.shape[1:])

    def _plane(self, k: int) -> NDArray[Any]:
        try:
            return self.source[k]
        except InputError as problem:
            if getattr(_thread, "refuses", False):
                raise _in_napari(problem) from problem
            self._name_once(f"{_in_napari(problem)} Until then it shows as zeros.")
            return np.zeros(self.source.plane_shape, self.dtype)

    def _name_once(self, message: str) -> None:
        with self._lock:
            known = message in self._unreadable
            self._unreadable.add(message)
        if not known:
            show_warning(message)


def _in_napari(problem: InputError) -> InputError:
    """Return the same problem with what to do about it here, not on the command line."""
    if problem.remedy not in (None, plane_files.REMEDY) or "; " in problem.message:
        return problem
    return InputError(problem.message.removesuffix("."), REMEDY)


def lazy_array(planes: LazyPlanes) -> Any:
    """Return a dask array of `planes`, one chunk a plane, with a name that no other array has."""
    import dask.array

    name = f"{_NAME}{uuid.uuid4().hex}"
    chunks = (*(1,) * len(planes.lengths), *planes.source.plane_shape)
    meta = np.empty((0,) * planes.ndim, planes.dtype)
    from_array: Any = dask.array.from_array  # untyped
    return from_array(planes, chunks=chunks, name=name, meta=meta)


@dataclass(frozen=True)
class OpenedStack:
    """What a layer carries of the files that it was opened from.

    Attributes
    ----------
    array : str
        Name of the array that shows them. The layer may have got other data since, or its metadata
        may have been given to another layer; a dask array that was changed has another name.
    source : PlaneSource
        The files.
    """

    array: str
    source: PlaneSource

    def planes(self, data: Any, spacing: Spacing) -> OpenedPlanes | None:
        """Return the planes that `data` show; None for other data, a part of them included."""
        shown = getattr(data, "name", None) == self.array
        return OpenedPlanes(self.source, spacing) if shown else None

    def __deepcopy__(self, memo: dict[int, Any]) -> OpenedStack:
        """Return itself: a copied layer shows the same files."""
        return self

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        """Pickle as None: the locks of open files cannot leave their process."""
        return type(None), ()


class LayerPlanes(ArraySource):
    """Planes of the arrays of layers, of which none that cannot be read counts as zeros.

    Parameters
    ----------
    arrays : array-like or sequence of array-like
        As `ArraySource` takes them.
    names : sequence of str
        One a plane.
    spacing : Spacing
        Spacing of the layers.

    Raises
    ------
    InputError
        The arrays make no stack.
    """

    def __init__(self, arrays: Any, names: Sequence[str], spacing: Spacing) -> None:
        super().__init__(arrays, names=names, spacing=spacing)
        whole = hasattr(arrays, "shape")
        self._planes = as_recorded(arrays) if whole else [as_recorded(one) for one in arrays]


class _Recorded:
    """The part of NumPy's interface that `ArraySource` needs, over a dask array."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Return the pixels at `index`, computed now."""
        return _computed(self._array[index])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all pixels, computed now."""
        return np.asarray(_computed(self._array), dtype)


def as_recorded(array: Any) -> Any:
    """Return an array of which no plane that cannot be read counts as zeros.

    Parameters
    ----------
    array : array-like
        Data of a layer.

    Returns
    -------
    array-like
        Indexed or converted by NumPy, it raises an InputError that names the file. This is `array`
        itself unless it derives from one of `lazy_array`: the dask arrays of others are computed by
        the scheduler that is set.
    """
    return _Recorded(array) if any(_NAME in name for name in _names_in(array)) else array


def _names_in(array: Any) -> Iterator[str]:
    """Yield the names of what a dask array is computed from; nothing for other arrays."""
    graph = array.__dask_graph__() if hasattr(array, "__dask_graph__") else None
    parts: Mapping[Any, Any] = getattr(graph, "layers", {"": graph or {}})
    for name, part in parts.items():
        yield str(name)
        # the keys of the others follow from their names, and making them takes long
        if not hasattr(part, "is_materialized") or part.is_materialized():
            yield from map(str, part)


def _computed(array: Any) -> NDArray[Any]:
    # without callbacks, of which one puts in what napari has drawn and kept, zeros included
    with ThreadPoolExecutor(os.cpu_count(), initializer=_refuse_unreadable) as pool:
        return np.asarray(array.compute(scheduler="threads", pool=pool, callbacks=()))


def _refuse_unreadable() -> None:
    _thread.refuses = True
