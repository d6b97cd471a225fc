"""Planes on disk: what their headers say, and a way to read the pixels when they are wanted."""

from __future__ import annotations

import contextlib
import struct
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.sources import Spacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    AssertionError,
    EOFError,
    MemoryError,
    struct.error,
)
"""What tifffile and imagecodecs raise on a file that is damaged or of a kind they do not know."""

REMEDY = "remove or replace it, or pass skip_unreadable=True"
"""How an error about one file ends; the command puts its own option there."""


class Unreadable(Exception):  # noqa: N818 - never leaves reading, which makes a sentence of it
    """Why a file gives no plane, as a clause that goes on after its name: "it is empty"."""


@dataclass(frozen=True)
class Skipped:
    """A file or plane that cannot be part of the stack.

    Attributes
    ----------
    name : str
        The file's name, with the plane's number if the file holds several.
    reason : str
        A clause that goes on after the name, such as "it is empty".
    """

    name: str
    reason: str

    def __str__(self) -> str:
        """Sentence without its end: "'a.png' cannot be used: it is empty"."""
        return f"'{self.name}' cannot be used: {self.reason}"


def _decoded(load: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    try:
        return load()
    except FileNotFoundError as problem:
        raise Unreadable("it is gone") from problem
    except DAMAGE as problem:
        raise Unreadable(f"it is damaged ({problem})") from problem


@dataclass(frozen=True)
class FilePlane:
    """One plane of a file, its kind known, its pixels still on disk.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    name : str
        The file's name, with the plane's number if the file holds several.
    shape, dtype : tuple of int, numpy.dtype
        Of the plane as it is stored, before `orientation`.
    load : callable
        Decodes the pixels; raises one of `DAMAGE` or `Unreadable`.
    orientation : int
        EXIF's: 1 is upright.
    note : str
        What reading changes, for the user; empty if nothing.
    spacing, position : Spacing, float or None
        As its `ImageFile` has them.
    load_reduced : callable, optional
        Decodes the pixels a power of two smaller at less cost, grey.
    colour_halved : bool
        Whether colour differences are stored at half the size of brightness.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[], NDArray[Any]]
    orientation: int = 1
    note: str = ""
    spacing: Spacing = field(default_factory=Spacing)
    position: float | None = None
    load_reduced: Callable[[int], NDArray[Any]] | None = None
    colour_halved: bool = False

    def decode(self) -> NDArray[Any]:
        """Pixels, of `shape` and `dtype`.

        Raises
        ------
        Unreadable
            They are damaged or gone.
        """
        pixels = _decoded(self.load)
        if pixels.shape != self.shape or pixels.dtype != self.dtype:
            raise Unreadable("its pixels are not what its header says")
        return pixels

    def read(self) -> NDArray[Any]:
        """Pixels, of `shape` and `dtype`.

        Raises
        ------
        InputError
            They are damaged or gone; the message names the file.
        """
        with self._named():
            return self.decode()

    def read_reduced(self, factor: int) -> NDArray[Any] | None:
        """Grey pixels, (Y // factor, X // factor); None if only whole ones are to be had.

        Raises
        ------
        InputError
            They are damaged or gone; the message names the file.
        """
        if self.load_reduced is None:
            return None
        with self._named():
            pixels = _decoded(partial(self.load_reduced, factor))
        y, x = (side // factor for side in self.shape[:2])
        reduced = pixels[:y, :x]
        return reduced if reduced.shape == (y, x) else None

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Let an error name the file and say what to do."""
        try:
            yield
        except Unreadable as problem:
            raise InputError(f"'{self.name}' cannot be read: {problem}", REMEDY) from problem


@dataclass(frozen=True)
class ImageFile:
    """What one file's headers say.

    Attributes
    ----------
    planes : tuple of FilePlane or Skipped
        In the order of z; empty if there are axes beyond z, y, x and colour.
    spacing : Spacing
        Distances in micrometres, as far as the file tells.
    position : float or None
        Where a file of one plane lies along z, in micrometres.
    surplus : tuple of (int, str, str)
        Axes beyond z, y, x and colour, as in (4, "time points", "time point").
    has_z : bool
        Whether, beside the surplus axes, one of z has more than one plane.
    """

    planes: tuple[FilePlane | Skipped, ...]
    spacing: Spacing = field(default_factory=Spacing)
    position: float | None = None
    surplus: tuple[tuple[int, str, str], ...] = ()
    has_z: bool = True
