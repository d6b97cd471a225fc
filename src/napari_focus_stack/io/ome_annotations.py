"""Annotations of each image in our OME-TIFFs: map annotations of our own namespace.

OME's map annotations hold text by key. Ours is JSON in ASCII, because XML cannot represent some
characters that the name of a layer or file may have.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.json_documents import parse_json
from napari_focus_stack.io.plane_files import reason
from napari_focus_stack.io.xml_documents import parse_xml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAMESPACE = "napari-focus-stack"
_MADE = f"{NAMESPACE}/made"
"""Namespace of the digest of what the images of a batch were made with."""
ANNOTATION_FORMAT = 1
"""Format of the annotation; later formats may need a later version of the package."""


def annotation(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Return the map annotation of one image as metadata for tifffile.

    Parameters
    ----------
    entries : mapping of str to object
        Plain JSON.

    Returns
    -------
    dict
        Metadata of the image.
    """
    texts = {key: json.dumps(value, allow_nan=False) for key, value in entries.items()}
    return {
        "MapAnnotation": {
            "Namespace": NAMESPACE,
            "Value": {"format": str(ANNOTATION_FORMAT), **texts},
        }
    }


def made_annotation(made: str) -> dict[str, Any]:
    """Return the annotation of what images were made with, as metadata for tifffile.

    Parameters
    ----------
    made : str
        Digest of all that they were made with.

    Returns
    -------
    dict
        Metadata of the image.
    """
    return {"MapAnnotation": {"Namespace": _MADE, "Value": {"made": made}}}


def made_of(root: ElementTree.Element) -> str:
    """Return the digest of what the images of a file were made with.

    Parameters
    ----------
    root : xml.etree.ElementTree.Element
        OME-XML of the file.

    Returns
    -------
    str
        Empty if there is none.
    """
    for note in root.findall("{*}StructuredAnnotations/{*}MapAnnotation"):
        if note.get("Namespace") == _MADE:
            return note.findtext(".//{*}M", "")
    return ""


def annotated(xml: str, path: Path) -> list[dict[str, Any] | None]:
    """Return our annotations of the images in an OME-TIFF.

    Parameters
    ----------
    xml : str
        OME-XML of the file.
    path : pathlib.Path
        The file, for messages.

    Returns
    -------
    list of dict or None
        One for each image, in the order of the series; None for an image without our annotation.

    Raises
    ------
    InputError
        The XML or our annotation is damaged, or a newer version wrote it.
    """
    try:
        root = parse_xml(xml)
        notes = {
            note.get("ID"): _entries(note)
            for note in root.findall("{*}StructuredAnnotations/{*}MapAnnotation")
            if note.get("Namespace") == NAMESPACE
        }
    except (ElementTree.ParseError, ValueError) as problem:
        raise InputError(f"'{path}' is damaged ({reason(problem)}); save it again.") from problem
    if any(note.get("format") != ANNOTATION_FORMAT for note in notes.values()):
        raise InputError(f"'{path}' was saved by a newer napari-focus-stack; update this one.")
    return [_note_of(image, notes) for image in root.findall("{*}Image")]


def _entries(note: ElementTree.Element) -> dict[str, Any]:
    """Return the entries of one annotation."""
    return {entry.get("K", ""): parse_json(entry.text or "") for entry in note.iterfind(".//{*}M")}


def _note_of(
    image: ElementTree.Element, notes: Mapping[str | None, dict[str, Any]]
) -> dict[str, Any] | None:
    """Return our annotation of one image, None if there is none."""
    named = (reference.get("ID") for reference in image.findall("{*}AnnotationRef"))
    return next((notes[name] for name in named if name in notes), None)
