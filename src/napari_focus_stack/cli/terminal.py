"""Text for a terminal: a file's name may hold characters that would drive it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO, cast

from napari_focus_stack.errors import with_escapes

if TYPE_CHECKING:
    from collections.abc import Iterable

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

    Parameters
    ----------
    stream : text stream
        Such as `sys.stdout`.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

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

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the other stream."""
        return getattr(self._stream, name)


def printable_output(stream: TextIO) -> TextIO:
    """Return a stream that writes printable text to another one.

    Parameters
    ----------
    stream : text stream
        Such as `sys.stdout`.

    Returns
    -------
    text stream
        It takes what the other one takes.
    """
    return cast("TextIO", PrintableOutput(stream))
