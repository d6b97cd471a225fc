"""Names of layers that Focus Stack adds: the source with a role, as in "leaf [sharp]"."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MOST_LETTERS = 28
"""Letters of a name that a choice shows in a dock of usual width."""
_ENDING = re.compile(r"(.*) \[([^\[\]]*?)(?: (\d+))?\]")


def role_name(source: str, word: str, number: int = 1) -> str:
    """Return the name of a layer made from a source.

    Parameters
    ----------
    source : str
        Name of the source.
    word : str
        Role of the layer, in a word or two.
    number : int
        Number of the run, from 1.

    Returns
    -------
    str
        As in "leaf [sharp]", and "leaf [sharp 2]" of the second run.
    """
    return f"{source} [{word}]" if number == 1 else f"{source} [{word} {number}]"


def source_name(name: str) -> str:
    """Return the source in the name of a layer, with the number of the run after the first.

    Parameters
    ----------
    name : str
        Name of a layer, which the user may have changed.

    Returns
    -------
    str
        As in "leaf" and "leaf 2"; the whole name where it has no role.
    """
    found = _ENDING.fullmatch(name)
    return " ".join(filter(None, found.group(1, 3))) if found else name


def with_role(name: str, word: str) -> str:
    """Return the name of a layer made from a result: its name with another role.

    Parameters
    ----------
    name : str
        Name of the result, such as "leaf [sharp 2]".
    word : str
        Role of the new layer.

    Returns
    -------
    str
        As in "leaf [surface 2]".
    """
    found = _ENDING.fullmatch(name)
    return role_name(found[1], word, int(found[3] or 1)) if found else role_name(name, word)


def shortened(names: Iterable[str], most: int = MOST_LETTERS) -> list[str]:
    """Return names without the middle of the long ones, whose ends say what they are.

    Parameters
    ----------
    names : iterable of str
        Different names.
    most : int, optional
        Largest number of letters.

    Returns
    -------
    list of str
        Different ones: a name remains whole where another one is shortened to the same.
    """
    whole = list(names)
    short = [_without_middle(name, most) for name in whole]
    return [one if short.count(one) == 1 else name for one, name in zip(short, whole, strict=True)]


def _without_middle(name: str, most: int) -> str:
    half = most // 2
    return (
        name
        if len(name) <= most
        else f"{name[: most - half - 1]}\N{HORIZONTAL ELLIPSIS}{name[-half:]}"
    )


def numbered(names: Iterable[str], taken: Collection[str]) -> list[str]:
    """Return the names of one run's layers, with the first number that none of them has yet.

    Parameters
    ----------
    names : iterable of str
        As `role_name` returned them, of the first run.
    taken : collection of str
        Names of all layers.

    Returns
    -------
    list of str
        In the same order, with one number.
    """
    wanted = list(names)
    for number in itertools.count(1):
        free = [name if number == 1 else f"{name[:-1]} {number}]" for name in wanted]
        if not set(free) & set(taken):
            break
    return free
