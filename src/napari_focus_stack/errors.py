"""Errors whose messages are for the user."""

from __future__ import annotations

import errno
import os
import re
import unicodedata

_OPENCV_NO_MEMORY = -4
"""Code of `cv2.error` if an array does not fit into the memory (`StsNoMem`)."""
_LONG_NAME = re.compile(r"(?<=')([^']{120})[^']{80,}([^']{80})(?=')")
"""Name of 280 characters or more in a message."""
LESS_MEMORY = "close other programs, or set the memory of a run to less"
"""Remedy where memory is short; the command and napari add where it is set."""
_NETWORK = frozenset(
    getattr(errno, name)
    for name in (
        *("ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "ENOTCONN", "ETIMEDOUT"),
        *("EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENETRESET"),
    )
    if hasattr(errno, name)
)
_OF_NETWORK = "check the address and the network, then try again"
_TOO_MANY_OPEN = "start the program again, or let it open more files (ulimit -n)"
_REMEDIES: dict[int | None, str] = {
    errno.ENAMETOOLONG: "give it a shorter name, or fewer folders above it",
    errno.EMFILE: _TOO_MANY_OPEN,
    errno.ENFILE: "close other programs, then try again",
}
"""What to do about errors of the system that are of no folder or disk."""
_JOINERS = "\u200c\u200d"


class FocusStackError(Exception):
    """An input or a call that cannot be used.

    The message is one sentence that names the file, layer or option at fault and the remedy. The
    command prints it and exits with 2; the widget shows it as one notification.

    Parameters
    ----------
    message : str
        What is wrong; the whole sentence if there is no `remedy`.
    remedy : str, optional
        What to do, as a clause without a full stop. It is a separate argument where it differs
        between the command and napari.

    Attributes
    ----------
    message : str
        First part of the sentence.
    remedy : str or None
        Second part, which `str` appends after a semicolon.
    """

    def __init__(self, message: str = "", remedy: str | None = None) -> None:
        message = _on_one_line(message)
        remedy = None if remedy is None else _on_one_line(remedy)
        super().__init__(*((message,) if remedy is None else (message, remedy)))
        self.message, self.remedy = message, remedy

    def __str__(self) -> str:
        """Return the sentence, with the remedy after a semicolon."""
        return self.message if self.remedy is None else f"{self.message}; {self.remedy}."


def can_be_seen(letter: str) -> bool:
    """Return whether a character shows itself, and nothing else, wherever it is printed.

    Controls, line breaks, marks of direction and halves of characters do not. Spaces of any width
    do: macOS has a narrow one in the names of screenshots, and Japanese names have wide ones. So do
    joiners, without which Persian and Hindi words and many emoji fall apart.

    Parameters
    ----------
    letter : str
        One character.

    Returns
    -------
    bool
        False for one that must be printed as an escape.
    """
    return letter.isprintable() or letter in _JOINERS or unicodedata.category(letter) == "Zs"


def with_escapes(text: str, kept: str = "") -> str:
    r"""Return a text whose characters that cannot be seen are escapes as of JSON.

    Parameters
    ----------
    text : str
        Any text.
    kept : str
        Characters that are kept though they cannot be seen.

    Returns
    -------
    str
        With "\u001b" for an escape character.
    """
    return "".join(
        letter if letter in kept or can_be_seen(letter) else _escaped(letter) for letter in text
    )


def _escaped(letter: str) -> str:
    r"""Return an escape as of JSON, such as "\u001b": two of them beyond "\uffff"."""
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[k : k + 4]}" for k in range(0, len(units), 4))


def _on_one_line(message: str) -> str:
    """Return a message whose characters can all be seen: names of files may hold any.

    Line breaks would begin another message, and marks of direction would turn this one around.
    Names between quotation marks lose the middle of 280 characters or more.
    """
    return _LONG_NAME.sub(r"\1…\2", with_escapes(message))


class SettingsError(FocusStackError, ValueError):
    """A parameter outside its bounds, or parameters that contradict each other."""


class InputError(FocusStackError):
    """Planes that cannot be read or do not belong together."""


class NoImagesError(InputError):
    """A folder without any file that has an image's suffix: nothing to do, but no failure."""


class OutputError(FocusStackError):
    """A file that cannot be written, or that cannot hold its data."""


def in_words(problem: Exception) -> FocusStackError | None:
    """Return an error of the system, which is no defect of the program, as one for the user.

    Parameters
    ----------
    problem : Exception
        What was raised.

    Returns
    -------
    FocusStackError or None
        None for any other exception.
    """
    if isinstance(problem, FocusStackError):
        return problem
    if isinstance(problem, MemoryError) or getattr(problem, "code", None) == _OPENCV_NO_MEMORY:
        return FocusStackError("There is not enough memory for this", LESS_MEMORY)
    if isinstance(problem, OSError) and problem.strerror:
        return FocusStackError(
            f"{_place_of(problem)}: {problem.strerror}",
            remedy_of(problem, "look at it, its folder and the disk, then try again"),
        )
    return None


def remedy_of(problem: OSError, otherwise: str) -> str:
    """Return what to do about an error of the system.

    Parameters
    ----------
    problem : OSError
        What was raised.
    otherwise : str
        What to do about those of a folder or disk.

    Returns
    -------
    str
        A clause without a full stop.
    """
    return _OF_NETWORK if _is_of_network(problem) else _REMEDIES.get(problem.errno, otherwise)


def _is_of_network(problem: OSError) -> bool:
    """Return whether a network or server failed, and no file."""
    # an unknown host, by its name: nothing else here needs the module that defines it
    return problem.errno in _NETWORK or type(problem).__name__ == "gaierror"


def _place_of(problem: OSError) -> str:
    """Return the beginning of a sentence on an error of the system."""
    name = problem.filename
    if isinstance(name, str | bytes):
        return f"'{os.fsdecode(name)}' cannot be used"
    return "The network failed" if _is_of_network(problem) else "A file cannot be used"


class Cancelled(Exception):  # noqa: N818 - no error, but a request of the user
    """The run was stopped by the user."""
