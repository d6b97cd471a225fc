"""Files of a folder that are made of its planes: thumbnails, projections and fused images."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_focus_stack._utils.wording import format_names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_THUMBNAIL = re.compile(r"[ _.-]?(?<![a-z])(?:thumb(?:nail)?s?|tn|preview)(?![a-z])[ _.-]?")
_MADE = re.compile(
    # Fiji's Z projections; then those of microscopes; then Zerene Stacker, Helicon Focus and others
    r"^(?:max|min|avg|sum|std|med|median)_"
    r"|(?<![a-z])(?:mip|(?:z|max|min|avg|sum)?[ _-]?proj(?:ection)?)$"
    r"|(?<![a-z])(?:edf|stacked|focusstacked|fused)$"
    r"|(?<![a-z])zs[ _-](?:pmax|dmap|retouched)"
    r"|\([abc],[^()]*s(?:moothing)?\d+\)",
    re.MULTILINE,
)


def companions(files: Sequence[Path]) -> dict[Path, str]:
    """Find the files of a folder that are no planes, by their names.

    Thumbnails are named like another file of the folder. Projections and fused images count only
    where they are no more than the other files.

    Parameters
    ----------
    files : sequence of pathlib.Path
        Image files of one folder.

    Returns
    -------
    dict of pathlib.Path to str
        What each one is: "thumbnails" or "projections or fused images".
    """
    names = [file.name.rpartition(".")[0].casefold() for file in files]
    if not any(pattern.search("\n".join(names)) for pattern in (_THUMBNAIL, _MADE)):
        return {}
    stems = dict(zip(files, names, strict=True))
    others = set(stems.values())
    found = {
        file: "thumbnails"
        for file, stem in stems.items()
        if (plain := _THUMBNAIL.sub("", stem)) != stem and plain in others
    }
    made = [file for file in files if file not in found and _MADE.search(stems[file])]
    if made and 2 * len(made) <= len(files) - len(found):
        found |= dict.fromkeys(made, "projections or fused images")
    return found


def describe_companions(found: dict[Path, str]) -> list[str]:
    """Return notes on files that were left out, one for each kind.

    Parameters
    ----------
    found : dict of pathlib.Path to str
        Result of `companions`.

    Returns
    -------
    list of str
        Sentences.
    """
    if not found:
        return []
    from natsort import natsorted

    notes = []
    for kind in dict.fromkeys(found.values()):
        names = natsorted(file.name for file, what in found.items() if what == kind)
        count = "One file was" if len(names) == 1 else f"{len(names)} files were"
        notes.append(
            f"{count} left out, because the names are those of {kind}: {format_names(names)}."
        )
    return notes
