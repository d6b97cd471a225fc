"""Layers as a file of results holds them, and back: their role, their place, their look."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import ensure_colormap

from napari_focus_stack._napari.layers.appearance import OUTPUTS, display_limits, map_appearance
from napari_focus_stack._napari.layers.geometry import NO_UNIT, spacing_arguments, spacing_of
from napari_focus_stack._napari.layers.lazy_planes import as_recorded
from napari_focus_stack._napari.layers.metadata import ALIGNED, METADATA_KEY, PREVIEW, role
from napari_focus_stack._napari.layers.planes import finest
from napari_focus_stack.errors import InputError, OutputError
from napari_focus_stack.io.output_formats import is_colour
from napari_focus_stack.io.recipe import Recipe
from napari_focus_stack.io.results_file import SavedResult
from napari_focus_stack.io.sources import Spacing

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Image
    from numpy.typing import NDArray

LayerData = tuple[Any, ...]

_PLACE = ("scale", "translate", "rotate", "shear", "affine", "axis_labels")
_SHOWN = ("rgb", "contrast_limits", "gamma", "opacity", "blending", "visible", "interpolation2d")
"""Arguments of `add_image` that are plain values, beside units and colormap."""
_NO_COLORMAP = "gray"


def saved_of(layer: Image, path: Path) -> SavedResult:
    """Return the content of a results file for a layer.

    Parameters
    ----------
    layer : napari.layers.Image
        One that Focus Stack made.
    path : pathlib.Path
        The file, for messages.

    Returns
    -------
    SavedResult
        As `write_saved` takes it.

    Raises
    ------
    OutputError
        The layer has no role; or its record of the run is damaged.
    """
    return saving_of(layer)(path)


def saving_of(layer: Image) -> Callable[[Path], SavedResult]:
    """Read a layer now, and return the work that is left.

    Parameters
    ----------
    layer : napari.layers.Image
        One that Focus Stack made.

    Returns
    -------
    callable
        Returns the content of a file of results for the file's path, and raises as `saved_of`; it
        may be called off the main thread, since corrections of large results take 0.3 s.

    Raises
    ------
    OutputError
        The layer has no role.
    """
    purpose = role(layer)
    if purpose in (None, PREVIEW):
        raise OutputError(
            f"'{layer.name}' is no result of Focus Stack; select results alone, or save with "
            "napari's own writers."
        )
    known = dict(layer.metadata[METADATA_KEY])
    pixels, arguments = as_recorded(finest(layer)), _arguments(layer)
    if "scope" in known and layer.ndim > 2:
        arguments["shape"] = list(pixels.shape)
        pixels = _Pictures(pixels, layer.ndim - 2)
    noted = SavedResult(
        role=purpose,
        name=str(layer.name),
        array=pixels,
        spacing=_spacing(layer, known),
        more={"layer": arguments},
        first="Z" if purpose == ALIGNED else "T",
    )
    return partial(_complete, noted, known)


class _Pictures:
    """Pictures of a series one after the other, whose leading axes may be several: read on demand.

    Parameters
    ----------
    array : array-like
        (..., Y, X[, C]).
    leading : int
        Number of axes before y and x.
    """

    def __init__(self, array: Any, leading: int) -> None:
        self._array, self._lengths = array, array.shape[:leading]
        self.shape = (math.prod(self._lengths), *array.shape[leading:])
        self.dtype, self.ndim = array.dtype, len(self.shape)

    def __getitem__(self, k: int) -> NDArray[Any]:
        """Return picture `k`."""
        return np.asarray(self._array[tuple(map(int, np.unravel_index(k, self._lengths)))])


def _complete(noted: SavedResult, known: dict[str, Any], path: Path) -> SavedResult:
    """Add the metadata and the recipe of the run to what was read of a layer."""
    recipe = _recipe(known, path)
    # the recipe has its own place, and ids of layers end with napari
    kept = {key: value for key, value in known.items() if key not in ("recipe", "source_ids")}
    return replace(noted, recipe=recipe, more={**noted.more, "metadata": _plain(kept)})


def _spacing(layer: Image, known: Mapping[str, Any]) -> Spacing:
    """Return the spacing of a layer; a 2-D one has its z step from the run."""
    here, run = spacing_of([layer]), known.get("spacing") or {}
    z = here.z if role(layer) == ALIGNED else run.get("z")
    return Spacing(y=here.y, x=here.x, z=z, unit=here.unit or run.get("unit"))


def _recipe(known: Mapping[str, Any], path: Path) -> Recipe | None:
    """Return the recipe that a layer carries, or else that of its run."""
    carried = known.get("recipe")
    if carried is None and known.get("settings") is None:
        return None
    try:
        recipe = (
            carried
            if isinstance(carried, Recipe)
            else Recipe.of_document(_plain(known if carried is None else carried), path)
        )
        if carried is not None and "correction" in known:  # painted since
            since = {"settings": {}, "correction": _plain(known["correction"])}
            correction = Recipe.of_document(since, path).correction
            recipe = replace(recipe, correction=correction)
    except InputError as problem:
        raise OutputError(str(problem)) from problem
    return recipe


def _arguments(layer: Image) -> dict[str, Any]:
    """Return the arguments of `add_image` that make the layer again, as plain values."""
    state = layer.as_layer_data_tuple()[1]
    kept = {name: state[name] for name in (*_PLACE, *_SHOWN)}
    units = [str(unit) for unit in layer.units]
    colormap = {} if layer.rgb else {"colormap": layer.colormap.name}
    plain: dict[str, Any] = _plain({**kept, **colormap, "units": units})
    return plain


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it; what it cannot hold becomes None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple | set):
        return [_plain(inner) for inner in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int) else None


def layer_data(saved: SavedResult) -> LayerData:
    """Return the layer of a saved result, as napari takes it.

    Parameters
    ----------
    saved : SavedResult
        One that was saved without a viewer gets the look of a new result.

    Returns
    -------
    tuple
        Data, arguments and type.
    """
    known = dict(saved.more.get("metadata") or {})
    known["role"] = saved.role
    if saved.recipe is not None:
        known["recipe"] = saved.recipe.as_dict()
    noted = saved.more.get("layer")
    arguments = _fresh(saved) if noted is None else _as_noted(noted)
    shape = (noted or {}).get("shape")
    return (
        saved.array if shape is None else saved.array.reshape(shape),
        {**arguments, "name": saved.name, "metadata": {METADATA_KEY: known}},
        "image",
    )


def _as_noted(noted: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments that `_arguments` made; an unknown colormap becomes grey."""
    names = (*_PLACE, *_SHOWN, "units", "colormap")
    arguments = {name: noted[name] for name in names if noted.get(name) is not None}
    if "colormap" in arguments and not _is_colormap(arguments["colormap"]):
        arguments["colormap"] = _NO_COLORMAP
    return arguments


def _is_colormap(name: str) -> bool:
    try:
        ensure_colormap(name)
    except (KeyError, TypeError):
        return False
    return True


def _fresh(saved: SavedResult) -> dict[str, Any]:
    """Return arguments for a result that `write_saved` wrote without a viewer."""
    rgb = is_colour(saved.array.shape)
    ndim = saved.array.ndim - rgb
    known = spacing_arguments(saved.spacing)
    if saved.first == "T":
        known |= {"axis_labels": ("t", "y", "x")}
        known["scale"][0], known["units"][0] = 1.0, NO_UNIT
    place = {key: value[-ndim:] for key, value in known.items()}
    if saved.role in OUTPUTS:
        last_plane = max(float(np.nanmax(saved.array, initial=0)), 1.0)
        return {**place, **map_appearance(saved.role, saved.array, last_plane)}
    return {**place, "rgb": rgb, "contrast_limits": display_limits(saved.array, rgb)}
