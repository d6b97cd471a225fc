"""Notes of a run for the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Notes:
    """Sentences about a run for the user, in the order in which they were added.

    Parameters
    ----------
    sentences : iterable of str
        First notes.
    """

    def __init__(self, sentences: Iterable[str] = ()) -> None:
        self._sentences = list(sentences)

    def add(self, *sentences: str) -> None:
        """Add sentences.

        Parameters
        ----------
        *sentences : str
            Notes for the user.
        """
        self._sentences += sentences

    def __iter__(self) -> Iterator[str]:
        return iter(self._sentences)
