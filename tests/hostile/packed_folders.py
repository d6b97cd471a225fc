"""Folders as one content: files and links by their names, damaged one at a time."""

from __future__ import annotations

import io
import os
import shutil
import zipfile
from typing import TYPE_CHECKING

from hostile.byte_mutations import BYTE_MUTATORS, MOST_BYTES
from hostile.text_mutations import ABSURD_TEXTS

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from hostile.byte_mutations import Mutator

LINK = "@link"
"""End of the name of an entry that is a symbolic link to its content."""
_LINKS = (b"..", b".", b"../..", b"/etc", b"missing", b"/dev/zero", b"/proc/self")
_LONGEST_NAME = 255
Files = dict[str, bytes]


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return files by name as one content."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return whole.getvalue()


def packed_folder(folder: Path) -> bytes:
    """Return all files of a folder as one content."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return packed({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})


def unpacked(data: bytes) -> Files:
    """Return the files of a content."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def arranged(name: str, opened: str = "") -> Callable[[Path, bytes], Path]:
    """Return what writes a content into a folder of a name and returns a file of it, or itself."""

    def arrange(place: Path, data: bytes) -> Path:
        top = place / name
        shutil.rmtree(top, ignore_errors=True)
        top.mkdir()
        for entry, content in unpacked(data).items():
            _write(top, entry, content)
        return top / opened if opened else top

    return arrange


def _write(top: Path, entry: str, content: bytes) -> None:
    """Write an entry as far as its name and those of others allow."""
    parts = [part for part in entry.replace("\0", "").split("/") if part not in ("", ".", "..")]
    parts = [part.encode("utf-8", "surrogatepass")[:_LONGEST_NAME] for part in parts]
    if not parts:
        return
    path = os.path.join(os.fsencode(top), *parts)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if entry.endswith(LINK):
            os.symlink(content.replace(b"\0", b""), path.removesuffix(LINK.encode()))
        else:
            with open(path, "wb") as file:
                file.write(content)
    except OSError:
        return


def folder_mutator(
    by_name: Callable[[str], Sequence[Mutator]],
    names: Iterable[str] = ABSURD_TEXTS,
    *,
    links: bool = True,
) -> Mutator:
    """Return a mutator of packed folders, which damages one file by the mutators for its name.

    Links may lead out of the folder, where what writes into it must not be tried.
    """
    other_names = tuple(names)

    def mutated_folder(data: bytes, rng: random.Random) -> bytes:
        files = unpacked(data)
        chosen = _chosen(files, by_name, rng)
        action = rng.randrange(24)
        if action == 0:
            del files[chosen]
        elif action == 1 and links:
            files[f"{rng.choice((chosen, chosen.rpartition('/')[0] or 'x'))}{LINK}"] = rng.choice(
                _LINKS
            )
            files.pop(chosen)
        elif action == 2:
            head, slash, _ = chosen.rpartition("/")
            files[head + slash + rng.choice(other_names)] = files[chosen]
        elif action == 3:
            files[rng.choice(list(files))] = files[chosen]
        else:
            files[chosen] = _damaged(files[chosen], by_name(chosen), rng)
        return packed(files)

    return mutated_folder


def _chosen(files: Files, by_name: Callable[[str], Sequence[Mutator]], rng: random.Random) -> str:
    """Return a name: most often of a file whose structure can be damaged."""
    structured = [name for name in files if by_name(name)]
    return rng.choice(structured if structured and rng.random() < 0.75 else list(files))


def _damaged(content: bytes, mutators: Sequence[Mutator], rng: random.Random) -> bytes:
    by_structure = mutators and rng.random() < 0.8
    return rng.choice(mutators if by_structure else BYTE_MUTATORS)(content, rng)[:MOST_BYTES]
