"""Kinds of hostile input: sound files, how they are damaged, and how a user opens them.

A module for each family of formats holds a tuple `KINDS`; to add a family, name it in `FAMILIES`.
"""

from __future__ import annotations

import importlib
import random
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostile.byte_mutations import BYTE_MUTATORS, spliced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from hostile.byte_mutations import Mutator

FAMILIES = ("pictures", "tiffs", "heights", "containers", "nd2s", "documents")
_PARSING = (ValueError, LookupError, TypeError, ArithmeticError, SyntaxError, RuntimeError, OSError)
_PARSING += (struct.error, zlib.error, zipfile.BadZipFile, StopIteration, EOFError)
"""Exceptions of a mutator that an earlier one left nothing to parse."""


@dataclass(frozen=True)
class Kind:
    """One format and the way on which its files are opened.

    Attributes
    ----------
    name : str
        Name on the command line.
    suffix : str
        Suffix of the file.
    seeds : callable
        Yields the contents of sound files; it is given an empty folder to write in.
    open : callable
        Opens a file as a user does, and yields before each step the bytes that the step declares to
        need, by shape and type in the header: `yield plane_bytes; plane.read()`.
    mutators : sequence of callable
        Damages that fit the structure of the format, in addition to those of bytes.
    arrange : callable, optional
        Writes the content into an empty folder and returns the path to open, for formats that are
        more than one file; it must write the same names for every content.
    bytewise : bool
        Whether bytes of the content itself are damaged, too; False for packed folders.
    temporary : bool
        Whether temporary files may be written beside those of the folder.
    """

    name: str
    suffix: str
    seeds: Callable[[Path], Iterable[bytes]]
    open: Callable[[Path], Iterator[int]]
    mutators: Sequence[Mutator] = ()
    arrange: Callable[[Path, bytes], Path] | None = None
    bytewise: bool = True
    temporary: bool = False

    def written(self, folder: Path, data: bytes) -> Path:
        """Write an input and return the path to open."""
        if self.arrange is not None:
            return self.arrange(folder, data)
        path = folder / f"input{self.suffix}"
        path.write_bytes(data)
        return path

    def mutated(self, seeds: Sequence[bytes], seed: int, number: int) -> bytes:
        """Return input `number` of a run: a sound file with one damage or several."""
        rng = random.Random(f"{seed} {self.name} {number}")
        data = rng.choice(seeds)
        for _ in range(1 + min(int(rng.expovariate(1.0)), 5)):
            data = self._damaged(data, seeds, rng)
        return data

    def _damaged(self, data: bytes, seeds: Sequence[bytes], rng: random.Random) -> bytes:
        """Return content with one more damage: by structure twice as often as by bytes."""
        if not self.bytewise or (self.mutators and rng.random() < 0.67):
            try:
                return rng.choice(self.mutators)(data, rng)
            except _PARSING:
                pass
        if not self.bytewise:
            return data
        if rng.random() < 0.1:
            return spliced(data, rng.choice(seeds), rng)
        return rng.choice(BYTE_MUTATORS)(data, rng)


def all_kinds() -> dict[str, Kind]:
    """Return the kinds of every family by their names."""
    modules = [importlib.import_module(f"hostile.{family}") for family in FAMILIES]
    return {kind.name: kind for module in modules for kind in module.KINDS}
