"""What Focus Stack keeps in the metadata of layers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Image, Layer

METADATA_KEY = "napari-focus-stack"


def role(layer: Image) -> str | None:
    """Purpose for which Focus Stack made this layer; None if it did not make it."""
    found: str | None = layer.metadata.get(METADATA_KEY, {}).get("role")
    return found


def identity(layer: Layer) -> str:
    """Return the identity of a layer while napari runs; a part has that of the whole."""
    return str(layer.metadata.get(METADATA_KEY, {}).get("part_of") or layer.unique_id)


def made_of(past: Mapping[str, Any], layer: Layer) -> bool:
    """Tell whether a result, by what it carries of its making, was made of `layer`.

    Layers are known by their ids while napari runs, whatever they are called, and else by name.
    """
    if identity(layer) in (past.get("source_ids") or ()):
        return True
    return str(layer.name) in (past.get("sources") or ()) and not of_other_files(past, layer)


def of_other_files(past: Mapping[str, Any], layer: Layer) -> bool:
    """Tell whether a layer is known to show other files than a result of this session was made of.

    Folders of many recordings have the same name. Of a saved result the files may have been moved.
    """
    shown = layer.metadata.get(METADATA_KEY, {}).get("files")
    taken = past.get("inputs")
    if not (shown and taken and past.get("source_ids")):
        return False
    return [os.path.abspath(file) for file in shown] != list(taken)
