"""Planes on disk: contents of their headers, and functions that read the pixels on demand."""

from __future__ import annotations

import contextlib
import re
import struct
import zlib
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_focus_stack.errors import InputError, can_be_seen
from napari_focus_stack.io.sources import Spacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_focus_stack.errors import FocusStackError

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
    SyntaxError,
    struct.error,
    zlib.error,
)
"""Exceptions of tifffile, imagecodecs and zarr on files that are damaged or of an unknown kind.

SyntaxError is that of ElementTree for XML, and of Pillow for headers.
"""
_INTERNAL = (LookupError, TypeError, AttributeError, AssertionError, ArithmeticError)
"""Of these, exceptions whose text is about a program and not about a file."""
_OBJECT = re.compile(r"<[^<>]*>\s*")
_INTERNAL_WORDS = re.compile(r"\bb['\"]|invalid literal|could not convert|object |unpack|None")
"""Words of messages that Python makes of values, whatever their exception."""
_SPACES = re.compile(" {2,}")
_LONGEST_REASON = 200


def reason(problem: Exception) -> str:
    """Return why a library cannot read a file, as words for the brackets of a message.

    Parameters
    ----------
    problem : Exception
        One of `DAMAGE`.

    Returns
    -------
    str
        One line of characters that can be seen.
    """
    if isinstance(problem, MemoryError):
        return "it needs more memory than there is"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    whole = _OBJECT.sub("", str(problem))
    text = "".join(c if can_be_seen(c) else " " for c in whole[: 2 * _LONGEST_REASON])
    line = _SPACES.sub(" ", text).strip(" .:")
    if isinstance(problem, _INTERNAL) or not line.strip() or _INTERNAL_WORDS.search(line):
        return "its parts contradict each other"
    return line if len(line) <= _LONGEST_REASON else f"{line[:_LONGEST_REASON]}…"


REMEDY = "remove or replace it, or pass skip_unreadable=True"
"""Remedy in errors about one file; the command replaces it by its own option."""


def reason_among_many(problem: FocusStackError) -> str:
    """Return the sentence of an error of one stack among many, where no plane may be left out.

    Parameters
    ----------
    problem : FocusStackError
        The error.

    Returns
    -------
    str
        Its sentence, with another remedy than `REMEDY`.
    """
    if problem.remedy == REMEDY:
        return f"{problem.message}; copy it again, or leave that stack out."
    return str(problem)


class Unreadable(Exception):  # noqa: N818 - a reason, which reading turns into an error
    """Reason why a file gives no plane.

    Parameters
    ----------
    reason : str
        A clause that follows the name of the file: "it is empty".
    remedy : str, optional
        What to do about it, as a clause.
    """

    def __init__(self, reason: str, remedy: str | None = None) -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True)
class Skipped:
    """A file or plane that cannot be part of the stack.

    Attributes
    ----------
    name : str
        Name of the file, with the number of the plane if the file holds several.
    reason : str
        A clause that follows the name, such as "it is empty".
    remedy : str or None
        What to do about it, if that is special.
    """

    name: str
    reason: str
    remedy: str | None = None

    def __str__(self) -> str:
        """Return a sentence without a full stop: "'a.png' cannot be used: it is empty"."""
        return f"'{self.name}' cannot be used: {self.reason}"


def grey_alpha_as_rgba(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return grey pixels with alpha as RGBA, the one form in which alpha is processed.

    Parameters
    ----------
    pixels : numpy.ndarray
        (Y, X, 2) of any type.

    Returns
    -------
    numpy.ndarray
        (Y, X, 4) of the same type.
    """
    return pixels[..., (0, 0, 0, 1)]


def _decoded(load: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """Call a function that decodes pixels; raise Unreadable for any damage."""
    try:
        return load()
    except FileNotFoundError as problem:
        raise Unreadable("it is gone") from problem
    except DAMAGE as problem:
        raise Unreadable(why_unreadable(problem)) from problem


def why_unreadable(problem: Exception, damaged: str = "it is damaged") -> str:
    """Return why a file cannot be read: by a fault of the disk or system, or by its own.

    Parameters
    ----------
    problem : Exception
        One of `DAMAGE`.
    damaged : str
        Words for a fault of the file.

    Returns
    -------
    str
        Clause that goes on after the name of the file.
    """
    if isinstance(problem, OSError) and problem.strerror:
        return f"it cannot be opened or read to its end ({problem.strerror})"
    if isinstance(problem, MemoryError):
        return "there is not enough memory to read it"
    return f"{damaged} ({reason(problem)})"


@dataclass(frozen=True)
class FilePlane:
    """One plane of a file whose header was read and whose pixels are still on disk.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    name : str
        Name of the file, with the number of the plane if the file holds several.
    shape : tuple of int
        Shape of the plane as it is stored, before `orientation`.
    dtype : numpy.dtype
        Type of the plane.
    load : callable
        Decodes the pixels; raises one of `DAMAGE` or `Unreadable`.
    orientation : int
        EXIF orientation: 1 is upright.
    shared_note : str
        Note of the format for the user, which is given once for all planes; empty for none.
    spacing : Spacing
        As in `ImageFile`.
    position : float or None
        As in `ImageFile`.
    named_position : float or None
        Position along z in micrometres by the file's name.
    recorded_at : tuple of int or None
        Image, channel and time point of the file in its OME set.
    load_reduced : callable or None
        Decodes the pixels in grey, reduced by a power of two, at less cost.
    colour_halved : bool
        Whether colour differences are stored at half the size of brightness.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[], NDArray[Any]]
    orientation: int = 1
    shared_note: str = ""
    spacing: Spacing = field(default_factory=Spacing)
    position: float | None = None
    named_position: float | None = None
    recorded_at: tuple[int, int, int] | None = None
    load_reduced: Callable[[int], NDArray[Any]] | None = None
    colour_halved: bool = False

    def decode(self) -> NDArray[Any]:
        """Decode the pixels.

        Returns
        -------
        numpy.ndarray
            Pixels of `shape` and `dtype`.

        Raises
        ------
        Unreadable
            They are damaged or missing.
        """
        pixels = _decoded(self.load)
        if pixels.shape != self.shape or pixels.dtype != self.dtype:
            raise Unreadable("its pixels are not what its header says")
        return pixels

    def read(self) -> NDArray[Any]:
        """Decode the pixels, with errors for the user.

        Returns
        -------
        numpy.ndarray
            Pixels of `shape` and `dtype`.

        Raises
        ------
        InputError
            They are damaged or missing; the message names the file.
        """
        with self._named():
            return self.decode()

    def read_reduced(self, factor: int) -> NDArray[Any] | None:
        """Decode the pixels in grey at a reduced size.

        Parameters
        ----------
        factor : int
            Power of two by which rows and columns are reduced.

        Returns
        -------
        numpy.ndarray or None
            (Y // factor, X // factor); None if only whole planes can be decoded.

        Raises
        ------
        InputError
            They are damaged or missing; the message names the file.
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
        """Turn Unreadable into an error that names the file and the remedy."""
        try:
            yield
        except Unreadable as problem:
            raise InputError(f"'{self.name}' cannot be read: {problem}", REMEDY) from problem


@dataclass(frozen=True)
class ImageFile:
    """Contents of the headers of one file.

    Attributes
    ----------
    planes : tuple of FilePlane or Skipped
        In the order of z; empty if there are axes beyond z, y, x and colour.
    spacing : Spacing
        Distances in micrometres, None where the file has none.
    position : float or None
        Position along z of a file of one plane, in micrometres.
    surplus : tuple of (int, str, str)
        Axes beyond z, y, x and colour, as in (4, "time points", "time point").
    has_z : bool
        Whether a z axis has more than one plane, beside the surplus axes.
    recorded_at : tuple of int or None
        Image, channel and time point of a file of one plane in its OME set.
    """

    planes: tuple[FilePlane | Skipped, ...]
    spacing: Spacing = field(default_factory=Spacing)
    position: float | None = None
    surplus: tuple[tuple[int, str, str], ...] = ()
    has_z: bool = True
    recorded_at: tuple[int, int, int] | None = None
