"""Writers for napari: results with their roles in one file, and images as PNG.

Both write a complete file or none; napari shows the message of the errors that they raise.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer
from psygnal import SignalInstance

from napari_focus_stack._napari.layers.lazy_planes import as_recorded
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.saved_results import saved_of
from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.output_formats import PNG, SAVED, Legend
from napari_focus_stack.io.picture_metadata import PictureMetadata, picture_metadata_of_plane
from napari_focus_stack.io.results_file import write_saved
from napari_focus_stack.io.writing import write_image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TYPED = re.compile(r"(\.focusstack)?(\.ome)?(\.tiff?)?$", re.IGNORECASE)
"""Other suffixes that a name typed into the dialog may have."""

results_saved = SignalInstance((list,))
"""Signal with the arrays of layers that were written to a file of the user, in the main thread."""


def write_results(path: str, layers: Sequence[tuple[Any, dict[str, Any], str]]) -> list[str]:
    """Write results of Focus Stack to one `.focusstack`, or `.focusstack.ome.tif` if named so.

    Parameters
    ----------
    path : str
        Path of the file; the suffix is added to a name without it.
    layers : sequence of tuple
        (data, arguments, "image") of each layer, as from napari.

    Returns
    -------
    list of str
        The path that was written.

    Raises
    ------
    OutputError
        A layer is no result, or the file cannot contain it or cannot be written.
    InputError
        A plane that a layer shows cannot be read; the message names its file.
    """
    file = results_path(path)
    images = [Layer.create(data, dict(arguments), kind) for data, arguments, kind in layers]
    write_saved(file, [saved_of(image, file) for image in images])
    results_saved.emit([data for data, _, _ in layers])
    return [str(file)]


def results_path(path: str) -> Path:
    """Return the path of saved results for one that the user typed.

    Parameters
    ----------
    path : str
        Path with the suffix, a part of it or none.

    Returns
    -------
    pathlib.Path
        Path with the suffix.

    Raises
    ------
    OutputError
        The suffix was not complete, and such a file exists.
    """
    file = Path(path)
    if file.name.lower().endswith(SAVED):
        return file
    return unless_taken(file.with_name(_TYPED.sub("", file.name) + SAVED[0]))


def write_picture(path: str, data: Any, arguments: dict[str, Any]) -> list[str]:
    """Write an image as PNG with its own values; 16 bits are preserved, in colour, too.

    Parameters
    ----------
    path : str
        Path of the file; `.png` is added to a name without it.
    data : array-like
        (Y, X) or (Y, X, C), uint8 or uint16; or the levels of a multiscale layer.
    arguments : dict
        Arguments of the layer.

    Returns
    -------
    list of str
        The path that was written.

    Raises
    ------
    OutputError
        The layer is no image of 8 or 16 bits, or the file cannot be written.
    InputError
        The layer shows a plane of a file that cannot be read; the message names it.
    """
    file = Path(path)
    if file.suffix.lower() not in PNG:
        file = unless_taken(file.with_name(file.name + PNG[0]))
    picture = data[0] if arguments.get("multiscale") else data
    if picture.ndim - bool(arguments.get("rgb")) != 2:
        raise OutputError(
            f"'{file}' cannot hold '{arguments.get('name')}', whose shape is {picture.shape}; "
            "save one plane, or the stack as .tif."
        )
    legend = Legend(metadata=_metadata_of_reference(arguments.get("metadata", {})))
    write_image(file, np.asarray(as_recorded(picture)), legend)
    return [str(file)]


def _metadata_of_reference(known: Mapping[str, Any]) -> PictureMetadata:
    """Return the colour profile and EXIF for a fused image; none for other layers."""
    past = known.get(METADATA_KEY, {})
    if past.get("role") != "stacked":
        return PictureMetadata()
    files = [Path(name) for name in past["inputs"]]
    return picture_metadata_of_plane(files, len(past["planes"]), past["reference"])


def unless_taken(whole: Path) -> Path:
    """Return a completed path, unless such a file exists, which the user did not confirm.

    Parameters
    ----------
    whole : pathlib.Path
        A path that was typed without its suffix, and the suffix.

    Returns
    -------
    pathlib.Path
        The same.

    Raises
    ------
    OutputError
        Such a file exists.
    """
    if whole.exists():
        raise OutputError(f"'{whole}' exists; choose it to replace it, or give another name.")
    return whole
