"""Reader of saved results for napari: layers with their roles and their former appearance.

The manifest offers it for `*.focusstack` and `*.focusstack.ome.tif` only; other files are left to
other readers.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from napari.layers import Image

from napari_focus_stack._napari.io.folder_reader import NO_LAYERS, as_list
from napari_focus_stack._napari.layers.notices import show_warning
from napari_focus_stack._napari.layers.saved_results import layer_data
from napari_focus_stack.errors import FocusStackError, InputError
from napari_focus_stack.io.output_formats import SAVED
from napari_focus_stack.io.results_file import SavedResult, read_saved

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_focus_stack._napari.io.folder_reader import LayerData, Paths


def get_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """Return the reader of a path that saved results have, by its name alone.

    Parameters
    ----------
    path : str or list of str
        One file or several.

    Returns
    -------
    callable or None
        `reopen`; None for other names.
    """
    paths = as_list(path)
    ours = [p.lower().endswith(SAVED) and not os.path.isdir(p) for p in paths]
    return reopen if ours and all(ours) else None


def reopen(path: Paths) -> list[LayerData]:
    """Read saved results as layers.

    Files that cannot be read are named in notifications.

    Parameters
    ----------
    path : str or list of str
        As for `get_reader`.

    Returns
    -------
    list of tuple
        (data, arguments, "image") for each result, or `NO_LAYERS`.
    """
    layers: list[LayerData] = []
    for file in as_list(path):
        try:
            layers += [_checked(saved, file) for saved in read_saved(file)]
        except FocusStackError as problem:
            show_warning(str(problem))
    return layers or NO_LAYERS


def _checked(saved: SavedResult, file: str) -> LayerData:
    """Return the layer of a result after a trial, because napari would not name a faulty file."""
    layer_of(saved, file)
    return layer_data(saved)


def layer_of(saved: SavedResult, file: str) -> Image:
    """Return the layer of a saved result.

    Parameters
    ----------
    saved : SavedResult
        The result.
    file : str
        Its file, for messages.

    Returns
    -------
    napari.layers.Image
        The layer, which is in no viewer.

    Raises
    ------
    InputError
        The result makes no layer.
    """
    try:
        data, arguments, _ = layer_data(saved)
        return Image(data, **arguments)
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as problem:
        raise InputError(
            f"'{file}' says of '{saved.name}' what no layer can be ({problem}); save it again."
        ) from problem
