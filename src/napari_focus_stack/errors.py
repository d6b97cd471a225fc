"""Errors whose messages are for the user."""

from __future__ import annotations

import os
import re

_OPENCV_NO_MEMORY = -4
"""Code of `cv2.error` if an array does not fit into the memory (`StsNoMem`)."""
_LONG_NAME = re.compile(r"(?<=')([^']{120})[^']{80,}([^']{80})(?=')")
"""Name of 280 characters or more in a message."""


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


def _on_one_line(message: str) -> str:
    """Return a message whose characters can all be seen: names of files may hold any.

    Line breaks would begin another message, and marks of direction would turn this one around.
    Names between quotation marks lose the middle of 280 characters or more.
    """
    shown = "".join(letter if letter.isprintable() else _escaped(letter) for letter in message)
    return _LONG_NAME.sub(r"\1…\2", shown)


def _escaped(letter: str) -> str:
    r"""Return an escape as of JSON, such as "\u001b"."""
    return f"\\u{ord(letter):04x}"


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
        return FocusStackError(
            "There is not enough memory for this; close other programs, or set the memory of a run "
            "(--memory) to less."
        )
    if isinstance(problem, OSError) and problem.strerror:
        name = problem.filename
        what = f"'{os.fsdecode(name)}'" if isinstance(name, str | bytes) else "A file"
        return FocusStackError(
            f"{what} cannot be used: {problem.strerror}; look at it, its folder and the disk, then "
            "try again."
        )
    return None


class Cancelled(Exception):  # noqa: N818 - no error, but a request of the user
    """The run was stopped by the user."""
