"""Notes on the files of a folder: their order, names and formats, and stacks that they are not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from napari_focus_stack._utils.wording import format_names
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.file_order import PLACE, kind_of_name, kinds_of_names
from napari_focus_stack.io.listing import TIFF_SUFFIXES
from napari_focus_stack.io.plane_files import FilePlane, Skipped

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FEWEST_OF_A_KIND = 3
"""Files whose names differ in their numbers alone from which on they may be a stack."""
_FOR_EACH_STRANGER = 3
"""Files alike for each one that differs from them: with fewer, none of them is foreign."""


def refuse_several(where: str, entries: Sequence[FilePlane | Skipped]) -> None:
    """Raise an InputError if the OME-XML of files says that they are of several stacks.

    Parameters
    ----------
    where : str
        The folder.
    entries : sequence of FilePlane or Skipped
        Its files.

    Raises
    ------
    InputError
        Names how many positions, channels and time points there are.
    """
    planes = [entry for entry in entries if isinstance(entry, FilePlane)]
    places = {plane.recorded_at for plane in planes if plane.recorded_at is not None}
    if len(places) < 2:
        return
    counts = [len(set(numbers)) for numbers in zip(*places, strict=True)]
    words = [
        f"{count} {what}"
        for count, what in zip(counts, ("positions", "channels", "time points"), strict=True)
        if count > 1
    ]
    raise InputError(
        f"The files of '{where}' are of {' and '.join(words)} by their OME-XML",
        "open their whole set as a series (focusstack -i, or open_series in Python), or give the "
        "files of one stack",
    )


def note_on_kinds(files: Sequence[Path]) -> list[str]:
    """Return the note on a folder whose files have several kinds of names.

    Parameters
    ----------
    files : sequence of pathlib.Path
        Its files.

    Returns
    -------
    list of str
        One sentence, or none.
    """
    kinds = [kind[0].name for kind in kinds_of_names(files) if len(kind) >= FEWEST_OF_A_KIND]
    if len(kinds) < 2:
        return []
    return [
        f"The files have {len(kinds)} kinds of names (as {format_names(kinds)}) and were taken as "
        "one stack; if they are several, give each a folder of its own."
    ]


def strangers(files: Sequence[Path]) -> list[Path]:
    """Return the few files of planes that differ from most in name, and in format or any number.

    An earlier result among photographs is one plane too many: it may become the reference, and it
    shifts the depth of all planes behind it.

    Parameters
    ----------
    files : sequence of pathlib.Path
        Files of the planes.

    Returns
    -------
    list of pathlib.Path
        None where names or formats are too many to say what is foreign.
    """
    kinds = kinds_of_names(files)
    formats = Counter(_format(file) for file in max(kinds, key=len, default=[]))
    [(usual, count)] = formats.most_common(1) or [("", 0)]
    few = {file for kind in kinds if len(kind) < FEWEST_OF_A_KIND for file in kind}
    name = kind_of_name(max(kinds, key=len)[0]) if kinds else ""
    found = [
        file
        for file in files
        if file in few and (_format(file) != usual or _is_named_apart(file, name))
    ]
    return found if count >= max(FEWEST_OF_A_KIND, len(found) * _FOR_EACH_STRANGER) else []


def note_on_strangers(files: Sequence[Path]) -> list[str]:
    """Return the note on planes that may be none by their names and formats.

    Parameters
    ----------
    files : sequence of pathlib.Path
        Files of the planes.

    Returns
    -------
    list of str
        One sentence, or none.
    """
    found = strangers(files)
    if not found:
        return []
    names = format_names([file.name for file in found])
    if len(found) == 1:
        return [
            f"{names} differs from the other files by its name and was taken as a plane; if it is "
            "none, such as an overview or an earlier result, move it to another folder."
        ]
    return [
        f"{names} differ from the other files by their names and were taken as planes; if they are "
        "none, such as overviews or earlier results, move them to another folder."
    ]


def _is_named_apart(file: Path, usual: str) -> bool:
    """Return whether a file has no number, and is not the first of those that have.

    Such a first one is "scan.tif" before "scan1.tif" and "scan (1).tif" before "scan (2).tif".
    """
    name = kind_of_name(file)
    return PLACE not in name and not usual.startswith(name)


def _format(file: Path) -> str:
    """Return the suffix that stands for the format of a file."""
    suffix = file.suffix.lower()
    return ".tif" if suffix in TIFF_SUFFIXES else ".jpg" if suffix == ".jpeg" else suffix


def note_on_order(entries: list[FilePlane | Skipped], rule: str) -> str:
    """Return the note on an order that is not that of the names.

    Parameters
    ----------
    entries : list of FilePlane or Skipped
        Planes in their order.
    rule : str
        What orders them.

    Returns
    -------
    str
        A sentence.
    """
    names = format_names([entry.name for entry in entries if isinstance(entry, FilePlane)])
    return f"The planes are in the order of {rule}: {names}."
