"""Sentences in a dock, which wrap within its width and never widen it."""

from __future__ import annotations

import re
from typing import Any

from magicgui.widgets import Label
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy

BREAK = "\N{ZERO WIDTH SPACE}"
"""Invisible character at which a line may end."""
LONGEST_WORD = 20
"""Characters after which a word may be broken; names of files have no spaces."""


def breakable(text: str) -> str:
    """Return text with invisible places to break the line in long words.

    Parameters
    ----------
    text : str
        Plain text.

    Returns
    -------
    str
        Text that looks the same.
    """
    return re.sub(r"\S+", _broken, text)


def _broken(found: re.Match[str]) -> str:
    """Return a word with places to break it: in a path after its separators, while these do."""
    parts = re.findall(r"[^/\\]*[/\\]+|[^/\\]+", found[0])
    pieces = (re.sub(rf"(.{{{LONGEST_WORD}}})(?=.)", rf"\1{BREAK}", part) for part in parts)
    return BREAK.join(pieces)


class Sentences(Label):
    """Plain text that wraps anywhere; a new text is drawn as usual after `fade`."""

    def __init__(self) -> None:
        super().__init__()
        self.native.setWordWrap(True)
        # or Qt takes a file's name with "<b>" or "<img>" in it for rich text
        self.native.setTextFormat(Qt.TextFormat.PlainText)
        self.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)

    def get_value(self) -> str:
        """Return the text as it was set.

        Returns
        -------
        str
            Without the places to break lines.
        """
        return super().get_value().replace(BREAK, "")

    def set_value(self, value: Any) -> None:
        """Show a text.

        Parameters
        ----------
        value : str
            Any length.
        """
        super().set_value(breakable(value))
        self.enabled = True

    def fade(self) -> None:
        """Draw the text in grey, because it is about earlier choices; its size remains."""
        self.enabled = False
