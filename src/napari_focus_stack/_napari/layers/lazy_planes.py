"""Planes on disk as an array that napari can scroll through: read when shown, never failing.

A plane that cannot be decoded must not break scrolling, so it shows as zeros and is named once.
Stack must not fuse those zeros: it asks `opened_planes` for the files behind an array.
"""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np
from napari.utils.notifications import show_warning

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.sources import PlaneSource, Spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray


class OpenedPlanes(PlaneSource):
    """Planes of a source that napari shows, with the spacing that its layer has now.

    Parameters
    ----------
    source : PlaneSource
        As the reader opened it.
    spacing : Spacing
        Of the layer.
    """

    def __init__(self, source: PlaneSource, spacing: Spacing) -> None:
        self._source = source
        self.describe_as(source)
        self.spacing = spacing

    def __getitem__(self, k: int) -> NDArray[Any]:
        """Plane `k`.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """
        try:
            return self._source[k]
        except InputError as problem:
            raise InputError(_in_napari(problem)) from problem

    def reduction(self, pixels: int) -> int:
        """As the source says."""
        return self._source.reduction(pixels)

    def reduced(self, k: int, factor: int) -> NDArray[Any]:
        """Plane `k`, smaller.

        Raises
        ------
        InputError
            The plane cannot be read; the message names it.
        """
        try:
            return self._source.reduced(k, factor)
        except InputError as problem:
            raise InputError(_in_napari(problem)) from problem


class LazyPlanes:
    """The part of NumPy's interface that dask needs, over a `PlaneSource`.

    Parameters
    ----------
    source : PlaneSource
        Read plane by plane, from whatever thread dask computes in.
    """

    def __init__(self, source: PlaneSource) -> None:
        self.source = source
        self.shape = (len(source), *source.plane_shape)
        self.dtype = source.dtype
        self.ndim = len(self.shape)
        self._unreadable: set[int] = set()
        self._lock = threading.Lock()

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Pixels at `index`, zeros where a plane cannot be read."""
        first, *rest = index if isinstance(index, tuple) else (index,)
        chosen = np.arange(self.shape[0])[first]
        if np.ndim(chosen) == 0:
            plane: NDArray[Any] = self._plane(int(chosen))[tuple(rest)]
            return plane
        return np.stack([self._plane(int(k))[tuple(rest)] for k in chosen])

    def _plane(self, k: int) -> NDArray[Any]:
        try:
            return self.source[k]
        except InputError as problem:
            self._name_once(k, problem)
            return np.zeros(self.shape[1:], self.dtype)

    def _name_once(self, k: int, problem: InputError) -> None:
        with self._lock:
            known = k in self._unreadable
            self._unreadable.add(k)
        if not known:
            show_warning(f"{_in_napari(problem)} Until then it shows as zeros.")


def _in_napari(problem: InputError) -> str:
    """Say what to do about a problem here, not on the command line."""
    what = str(problem).split(";")[0]
    return f"{what}; repair or remove the file, then open the folder again."


_opened: WeakValueDictionary[str, LazyPlanes] = WeakValueDictionary()


def lazy_array(planes: LazyPlanes) -> Any:
    """Dask array of `planes`, one chunk a plane."""
    import dask.array

    name = f"focus-stack-{uuid.uuid4().hex}"
    _opened[name] = planes
    chunks = (1, *planes.shape[1:])
    meta = np.empty((0,) * planes.ndim, planes.dtype)
    from_array: Any = dask.array.from_array  # untyped
    return from_array(planes, chunks=chunks, name=name, meta=meta)


def opened_planes(array: Any, spacing: Spacing) -> OpenedPlanes | None:
    """Planes behind an array from `lazy_array`; None for any other, a slice of one included."""
    planes = _opened.get(getattr(array, "name", None) or "")
    return OpenedPlanes(planes.source, spacing) if planes is not None else None
