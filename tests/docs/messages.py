"""Whether the program can say a sentence, or a part of one, that a page quotes."""

from __future__ import annotations

import ast
import re
from functools import cache

from tests.docs.pages import TREE

SOURCE = TREE / "src" / "napari_focus_stack"
_FILLED = "\0"
_LEAST_WORDS = 2
"""Words of its own that a text must share with a sentence: placeholders fit anything."""


@cache
def texts() -> dict[tuple[str, ...], frozenset[str]]:
    """Return every text in the source as words, in order and as a set.

    A placeholder is a word, or a part of one.
    """
    found = set()
    for file in SOURCE.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        remarks = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if id(node) in remarks:  # a docstring
                continue
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                found.add(
                    "".join(
                        str(part.value) if isinstance(part, ast.Constant) else _FILLED
                        for part in node.values
                    )
                )
    split = (tuple(text.split()) for text in found)
    return {words: frozenset(words) for words in split if len(words) >= _LEAST_WORDS}


def is_message(sentence: str) -> bool:
    """Return whether a text of the source, placeholders filled, contains a sentence.

    Parameters
    ----------
    sentence : str
        Such as "18% of the surface is sharpest".

    Returns
    -------
    bool
        True also if a part of the text comes before or after it.
    """
    words = tuple(sentence.split())
    small = (words[0][0].lower() + words[0][1:], *words[1:])  # a clause that begins the sentence
    return any(
        _fits(words, text[start:], first=True, own=0)
        or _fits(small, text[start:], first=True, own=0)
        for text, own in texts().items()
        if not own.isdisjoint(words)
        for start in range(len(text))
    )


def _fits(words: tuple[str, ...], text: tuple[str, ...], *, first: bool, own: int) -> bool:
    """Return whether words are the beginning of a text from here on."""
    if not words:
        return own >= _LEAST_WORDS
    if not text:
        return False
    if _FILLED in text[0]:
        pattern = ".*".join(re.escape(part) for part in text[0].split(_FILLED))
        return any(
            re.fullmatch(pattern, " ".join(words[:count]))
            and _fits(words[count:], text[1:], first=False, own=own)
            for count in range(len(words) + 1)
        )
    is_last = len(words) == 1
    same = (
        text[0] == words[0]
        or (first and text[0].endswith(words[0]))
        or (is_last and text[0].startswith(words[0]))
    )
    return same and _fits(words[1:], text[1:], first=False, own=own + 1)
