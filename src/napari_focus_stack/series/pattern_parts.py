"""Parts of a pattern of names, and the search for where each of them lies in a name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from napari_focus_stack.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MOST_TRIES = 2**19
"""About a second. Twenty stars and each field once take a third of them at most for any name of 255
characters; fields of any text that stand twice between stars would take hours."""


@dataclass(frozen=True)
class Part:
    """A star or a field of a pattern, and the text that follows it.

    Attributes
    ----------
    expressions : tuple of re.Pattern
        What it may be, in the order in which they are tried. The first group is the least that it
        takes; of the rest it takes as much as it can.
    text : str
        Text behind it, in which case does not count.
    field : str
        Name of the field; empty for a star.
    is_star : bool
        Whether it is a star, which may end wherever it may if it begins before.
    is_lazy : bool
        Whether it takes as little as it can.
    """

    expressions: tuple[re.Pattern[str], ...]
    text: str = ""
    field: str = ""
    is_star: bool = False
    is_lazy: bool = False

    def ends(self, name: str, begin: int, most: int, earlier: str | None = None) -> Iterator[int]:
        """Return where the part may end and its text begin, in the order in which it is tried.

        Parameters
        ----------
        name : str
            The whole name.
        begin : int
            Where the part begins.
        most : int
            The last end.
        earlier : str, optional
            What the field was before: it is that again, but for case.

        Returns
        -------
        iterator of int
            Ends; none if the part cannot begin there.
        """
        for expression in self.expressions:
            match = expression.match(name, begin)
            if match:
                for end in self._range(match, most) if earlier is None else _again(match, earlier):
                    if self._text.match(name, end):
                        yield end

    def _range(self, match: re.Match[str], most: int) -> range:
        """Return the ends of what an expression fits."""
        least, last = match.end(1), min(match.end(), most)
        return range(least, last + 1) if self.is_lazy else range(last, least - 1, -1)

    @cached_property
    def _text(self) -> re.Pattern[str]:
        return re.compile(re.escape(self.text), re.IGNORECASE)


def _again(match: re.Match[str], earlier: str) -> range:
    """Return the end of a text that stands again where an expression fits; empty if not."""
    begin, end = match.start(), match.start() + len(earlier)
    return range(end, end + (match.string[begin:end].lower() == earlier.lower()))


@dataclass(frozen=True)
class NameParts:
    """Parts that make a name, one after the other.

    Attributes
    ----------
    pattern : str
        The pattern, for messages.
    parts : tuple of Part
        Parts in order. A field that stands again has the same text, but for case; its expressions
        say where it may begin.
    """

    pattern: str
    parts: tuple[Part, ...]

    def spans(self, name: str) -> Mapping[str, tuple[int, int]] | None:
        """Return where the fields lie in a name, as a regular expression of the parts finds them.

        Nothing is tried twice, so that the tries grow with a power of the length of a name.

        Parameters
        ----------
        name : str
            The whole name.

        Returns
        -------
        mapping of str to (int, int), or None
            Start and end of each field; None if the name does not fit.

        Raises
        ------
        SettingsError
            The parts may lie in too many ways.
        """
        places = self._places(name)
        if places is None:
            return None
        return {field: self._span(places, k) for field, k in self._first.items()}

    @cached_property
    def _first(self) -> dict[str, int]:
        """Number of the part that is each field, the first time that it stands."""
        found: dict[str, int] = {}
        for k, part in enumerate(self.parts):
            if part.field:
                found.setdefault(part.field, k)
        return found

    @cached_property
    def _awaited(self) -> tuple[tuple[int, ...], ...]:
        """Numbers of the parts before each one whose text stands again there or behind."""
        last = {part.field: k for k, part in enumerate(self.parts)}
        return tuple(
            tuple(k for field, k in self._first.items() if k < at <= last[field])
            for at in range(len(self.parts))
        )

    def _span(self, places: list[int], k: int) -> tuple[int, int]:
        """Return where a part lies, without the text behind it."""
        return places[k], places[k + 1] - len(self.parts[k].text)

    def _places(self, name: str) -> list[int] | None:
        """Return where each part begins, and the end of the last one; None if nothing fits."""
        places, states = [0], [self._state(name, [0])]
        ends = [self._ends(name, places, len(name))]
        tried: dict[object, int] = {}
        for _ in range(_MOST_TRIES):
            end = next(ends[-1], None)
            if end is None:
                tried[states.pop()] = places.pop()
                ends.pop()
                if not ends:
                    return None
                continue
            at, begin = len(ends), end + len(self.parts[len(ends) - 1].text)
            places.append(begin)
            if at < len(self.parts):
                state = self._state(name, places)
                least = tried.get(state, len(name) + 1)
                if begin < least:
                    states.append(state)
                    ends.append(self._ends(name, places, least - 1))
                    continue
            elif begin == len(name):
                return places
            places.pop()
        raise SettingsError(
            f"pattern '{self.pattern}' can be read in too many ways; put text in the place of "
            "stars, or a star in the place of a field that stands twice."
        )

    def _state(self, name: str, places: list[int]) -> object:
        """Return all that the rest of a name depends on; for a star but where it begins.

        What follows a star may lie wherever it may if the star begins before.
        """
        at = len(places) - 1
        begin = None if self.parts[at].is_star else places[-1]
        awaited = self._awaited[at]
        if not awaited:
            return at, begin
        return at, begin, *(name[slice(*self._span(places, k))].lower() for k in awaited)

    def _ends(self, name: str, places: list[int], most: int) -> Iterator[int]:
        """Return where the part from the last place on may end, at most at `most`."""
        at, begin = len(places) - 1, places[-1]
        part = self.parts[at]
        first = self._first.get(part.field, at)
        earlier = None if first == at else name[slice(*self._span(places, first))]
        return part.ends(name, begin, most, earlier)
