"""Text for a terminal: a file's name may hold characters that would drive it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEPT = "\n\t"
_CONTROLS = {*range(0x20), *range(0x7F, 0xA0)} - {ord(character) for character in _KEPT}
_DIRECTIONS = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
"""Characters that turn the direction of the text that follows: "gpj.exe" shows as "exe.jpg"."""
_SEPARATORS = {0x2028, 0x2029}
# an escape that is right in JSON, too
_ESCAPES = {code: f"\\u{code:04x}" for code in _CONTROLS | _DIRECTIONS | _SEPARATORS}


def printable(text: str) -> str:
    r"""Return a text whose control characters are escapes such as "\u001b".

    Parameters
    ----------
    text : str
        Any text; line feeds and tabs are kept.

    Returns
    -------
    str
        Text that leaves colours, title, cursor and direction of a terminal alone.
    """
    return text.translate(_ESCAPES)


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
