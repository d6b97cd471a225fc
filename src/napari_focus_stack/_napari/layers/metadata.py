"""Metadata of Focus Stack in layers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Layer

METADATA_KEY = "napari-focus-stack"
ALIGNED = "aligned"
"""Role of the planes that Align adds: made by Focus Stack, and a stack like any other."""
PREVIEW = "preview"
"""Role of the hidden layers that a run without a result leaves: neither input nor result."""


def role(layer: Layer) -> str | None:
    """Return the role of a layer among the results.

    Parameters
    ----------
    layer : napari.layers.Layer
        Any layer.

    Returns
    -------
    str or None
        None if Focus Stack did not create the layer.
    """
    found: str | None = layer.metadata.get(METADATA_KEY, {}).get("role")
    return found


def is_input(layer: Layer) -> bool:
    """Return whether a layer may be taken as input, which results are not.

    Parameters
    ----------
    layer : napari.layers.Layer
        Any layer.

    Returns
    -------
    bool
        True for a layer that Focus Stack did not create, and for aligned planes.
    """
    return role(layer) in (None, ALIGNED)


def identity(layer: Layer) -> str:
    """Return the identity of a layer in this session.

    Parameters
    ----------
    layer : napari.layers.Layer
        Any layer.

    Returns
    -------
    str
        Id of the layer, or of the layer of which it is a part.
    """
    return str(layer.metadata.get(METADATA_KEY, {}).get("part_of") or layer.unique_id)


def made_of(past: Mapping[str, Any], layer: Layer) -> bool:
    """Return whether a result was made of a layer.

    In the session of the run layers are identified by their ids, and otherwise by their names.

    Parameters
    ----------
    past : mapping
        Metadata of the result.
    layer : napari.layers.Layer
        Possible source of the result.

    Returns
    -------
    bool
        True if the ids agree, or the names without evidence of other files.
    """
    if identity(layer) in (past.get("source_ids") or ()):
        return True
    return str(layer.name) in (past.get("sources") or ()) and not of_other_files(past, layer)


def of_other_files(past: Mapping[str, Any], layer: Layer) -> bool:
    """Return whether a layer certainly shows other files than those of a result of this session.

    Folders of many recordings have the same name. The files of a saved result may have been moved.

    Parameters
    ----------
    past : mapping
        Metadata of the result.
    layer : napari.layers.Layer
        Possible source of the result.

    Returns
    -------
    bool
        False if either file list is unknown.
    """
    shown = layer.metadata.get(METADATA_KEY, {}).get("files")
    taken = past.get("inputs")
    if not (shown and taken and past.get("source_ids")):
        return False
    return [os.path.abspath(file) for file in shown] != list(taken)
