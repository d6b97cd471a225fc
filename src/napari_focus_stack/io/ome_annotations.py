"""What our OME-TIFFs say of each image beside its pixels: a map annotation of our namespace.

OME's map annotations hold text by its key. Ours is JSON in ASCII, for XML has no place for some
characters that a layer's or a file's name may have.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from napari_focus_stack.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAMESPACE = "napari-focus-stack"
ANNOTATION_FORMAT = 1
"""Of the annotation; a later one may need a later version to be understood."""


def annotation(known: Mapping[str, Any]) -> dict[str, Any]:
    """Map annotation of one image, as tifffile takes it.

    Parameters
    ----------
    known : mapping of str to object
        Plain JSON.
    """
    texts = {key: json.dumps(value, allow_nan=False) for key, value in known.items()}
    return {
        "MapAnnotation": {
            "Namespace": NAMESPACE,
            "Value": {"format": str(ANNOTATION_FORMAT), **texts},
        }
    }


def annotated(xml: str, path: Path) -> list[dict[str, Any] | None]:
    """Return the note on each image of an OME-TIFF, None for an image that is not ours.

    Parameters
    ----------
    xml : str
        OME-XML of the file.
    path : pathlib.Path
        The file, for messages.

    Returns
    -------
    list of dict or None
        One an image, in the order of the series.

    Raises
    ------
    InputError
        The XML or what we wrote there is damaged, or a newer version wrote it.
    """
    try:
        root = ElementTree.fromstring(xml)
        notes = {
            note.get("ID"): _entries(note)
            for note in root.findall("{*}StructuredAnnotations/{*}MapAnnotation")
            if note.get("Namespace") == NAMESPACE
        }
    except (ElementTree.ParseError, ValueError, RecursionError) as problem:
        raise InputError(f"'{path}' is damaged ({problem}); save it again.") from problem
    if any(note.get("format") != ANNOTATION_FORMAT for note in notes.values()):
        raise InputError(f"'{path}' was saved by a newer napari-focus-stack; update this one.")
    return [_note_of(image, notes) for image in root.findall("{*}Image")]


def _entries(note: ElementTree.Element) -> dict[str, Any]:
    return {entry.get("K", ""): json.loads(entry.text or "") for entry in note.iterfind(".//{*}M")}


def _note_of(
    image: ElementTree.Element, notes: Mapping[str | None, dict[str, Any]]
) -> dict[str, Any] | None:
    named = (reference.get("ID") for reference in image.findall("{*}AnnotationRef"))
    return next((notes[name] for name in named if name in notes), None)
