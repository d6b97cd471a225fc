"""Text for a terminal: a file's name may hold characters that would drive it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, TextIO

from napari_focus_stack.errors import with_escapes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_KEPT = "\n\t"


def printable(text: str) -> str:
    r"""Return a text whose characters that cannot be seen are escapes such as "\u001b".

    Parameters
    ----------
    text : str
        Any text; line feeds and tabs are kept.

    Returns
    -------
    str
        Text that leaves colours, title, cursor and direction of a terminal alone.
    """
    return with_escapes(text, kept=_KEPT)


def one_line(text: str) -> str:
    """Return a text as `printable` in one line.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        Its lines, with spaces between them.
    """
    return printable(" ".join(text.splitlines()))


class PrintableOutput:
    """Stream that writes `printable` text to another one, and is that one in all else.

    Once the other one takes no more, as on a full disk, what is written is dropped: the work goes
    on.

    Parameters
    ----------
    stream : text stream
        Such as `sys.stdout`.

    Attributes
    ----------
    problem : OSError or None
        What the other stream raised, but for a reader that has closed it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.problem: OSError | None = None

    def write(self, text: str) -> int:
        """Write a text.

        Parameters
        ----------
        text : str
            Any text.

        Returns
        -------
        int
            Number of its characters.
        """
        with self._noted():
            self._stream.write(printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts.

        Parameters
        ----------
        lines : iterable of str
            Any texts.
        """
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Write what is left."""
        with self._noted():
            self._stream.flush()

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        """Keep what is raised as the problem."""
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as problem:
            self.problem = problem

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the other stream."""
        return getattr(self._stream, name)
