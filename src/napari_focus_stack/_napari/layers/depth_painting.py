"""A result that follows a painted Labels layer, by the engine's `DepthRetoucher`.

Without the viewer and Qt. Painting, erasing, filling and undo are napari's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from napari.utils.colormaps import DirectLabelColormap, ensure_colormap

from napari_focus_stack._napari.layers.appearance import OUTPUTS
from napari_focus_stack._napari.layers.geometry import placement
from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.names import with_role
from napari_focus_stack._napari.layers.planes import planes_of
from napari_focus_stack._napari.layers.result_sets import ResultSet, as_result, sources_of, stack_of
from napari_focus_stack.correction.nearest_plane import nearest_plane_labels
from napari_focus_stack.correction.retouch import DepthRetoucher
from napari_focus_stack.depth_labels import BACKGROUND, NOT_CORRECTED, encode_labels
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Image, Labels, Layer
    from numpy.typing import NDArray

    from napari_focus_stack._utils.windows import Window
    from napari_focus_stack.result import StackResult

CORRECTION = "correction"
NEAREST = 65534
"""Label that is painted until a stroke ends and the nearest plane around it is known."""
BRUSH = 20
PLACED_BY = ("sources", "source_ids", "inputs", "cut", "crop")
"""What a result carries of its making by which it is kept over its stack."""
PLANE_OPACITY = 0.25
"""The picture below is what counts."""
BACKGROUND_COLOR = (1.0, 0.0, 1.0, 0.6)
"""Magenta, which few pictures have: background changes nothing else that is seen in the picture."""
NEAREST_COLOR = (1.0, 1.0, 0.0, 0.6)

Side = Literal["first", "last"]


def carried_labels(found: ResultSet) -> NDArray[np.uint16] | None:
    """Return the correction in a result's metadata.

    Parameters
    ----------
    found : ResultSet
        The result.

    Returns
    -------
    numpy.ndarray or None
        (Y, X) uint16; None if the result was not corrected.

    Raises
    ------
    InputError
        It is damaged, or of another size.
    """
    past = found.past
    carried = past.get("recipe")
    correction = past.get("correction")
    if correction is None and not carried:
        return None
    document = carried if correction is None else {"settings": {}, "correction": correction}
    if isinstance(document, Recipe):
        labels = document.correction
    else:
        labels = Recipe.of_document(document, Path(str(found.image.name))).correction
    if labels is not None and labels.shape != found.image.data.shape[:2]:
        raise InputError(
            f"'{found.image.name}' carries a correction of shape {labels.shape}, which is not its "
            "own; stack again."
        )
    return labels


def labels_arguments(found: ResultSet) -> dict[str, Any]:
    """Return the arguments of `add_labels` for the layer to paint on.

    Parameters
    ----------
    found : ResultSet
        The result that it is to correct.

    Returns
    -------
    dict
        With the place of the result.
    """
    known = {key: found.past[key] for key in PLACED_BY if key in found.past}
    count = len(found.past["planes"])
    return {
        "name": with_role(str(found.image.name), "correction"),
        "opacity": 1.0,
        "colormap": _label_colors(count),
        "features": _label_names(count),
        **placement(found.image),
        "metadata": {METADATA_KEY: {"role": CORRECTION, "of": found.image.unique_id, **known}},
    }


def _label_colors(count: int) -> DirectLabelColormap:
    """Return the colours of labels: planes as in the depth index, background unlike any plane."""
    colors = ensure_colormap(OUTPUTS["depth-index"].colormap).map(np.linspace(0, 1, max(count, 2)))
    clear = (0.0, 0.0, 0.0, 0.0)
    known: dict[int | None, Any] = {None: clear, NOT_CORRECTED: clear}
    known.update((k + 1, (*colors[k, :3], PLANE_OPACITY)) for k in range(count))
    known |= {NEAREST: NEAREST_COLOR, BACKGROUND: BACKGROUND_COLOR}
    return DirectLabelColormap(color_dict=known)


def _label_names(count: int) -> dict[str, list[Any]]:
    """Return what labels stand for, which napari's status bar writes behind their numbers."""
    planes = [f"plane {k}" for k in range(count)]
    return {
        "index": [NOT_CORRECTED, *range(1, count + 1), BACKGROUND],
        "painted": ["not corrected", *planes, "background"],
    }


def corrects(layer: Labels, found: ResultSet) -> bool:
    """Return whether a layer was added to correct this result, and still fits it.

    Parameters
    ----------
    layer : napari.layers.Labels
        Any layer of labels.
    found : ResultSet
        The result.

    Returns
    -------
    bool
        True if the layer can be painted on again.
    """
    known = layer.metadata.get(METADATA_KEY, {})
    ours = known.get("role") == CORRECTION and known.get("of") == found.image.unique_id
    return bool(ours and layer.data.shape == found.image.data.shape[:2])


class Retouching:
    """Layers of a result under correction.

    Parameters
    ----------
    found : ResultSet
        The result.
    result : StackResult
        The same, as the run found it.
    retoucher : DepthRetoucher
        At work on that result.

    Attributes
    ----------
    layers : dict of str to napari.layers.Image
        By the field of `StackResult` that they show.
    """

    def __init__(self, found: ResultSet, result: StackResult, retoucher: DepthRetoucher) -> None:
        self._found = result
        self._retoucher = retoucher
        maps = {OUTPUTS[role].attribute: layer for role, layer in found.maps.items()}
        self.layers: dict[str, Image] = {"image": found.image, **maps}

    @classmethod
    def prepared(cls, found: ResultSet, layers: Sequence[Layer]) -> Callable[[], Retouching]:
        """Read a result's layers now, and return the work that is left.

        Parameters
        ----------
        found : ResultSet
            The result.
        layers : sequence of napari.layers.Layer
            Layers of the viewer, with the stack.

        Returns
        -------
        callable
            Makes the object; it may be called off the main thread.

        Raises
        ------
        InputError
            The layers do not record enough of the run, or the stack is not in the viewer.
        """
        source = planes_of(stack_of(found, sources_of(found, layers)))
        result, labels = as_result(found), carried_labels(found)
        return lambda: cls(found, result, DepthRetoucher(source, result, labels))

    @property
    def labels(self) -> NDArray[np.uint16]:
        """The corrected labels, a copy."""
        return self._retoucher.labels

    @property
    def current(self) -> bool:
        """Whether the layers still show the arrays at work; a later run puts others there."""
        return all(
            layer.data is getattr(self._retoucher, name) for name, layer in self.layers.items()
        )

    def show(self) -> None:
        """Put the arrays at work into the layers."""
        for name, layer in self.layers.items():
            layer.data = getattr(self._retoucher, name)

    def follow(self, labels: NDArray[Any], window: Window | None) -> bool:
        """Make image and depth follow labels, and show them.

        Parameters
        ----------
        labels : numpy.ndarray
            All of them; `NEAREST` counts as what was there before.
        window : tuple of slice, optional
            Region that holds every change.

        Returns
        -------
        bool
            Whether anything was changed.

        Raises
        ------
        SettingsError
            Labels that stand for no plane that took part.
        InputError
            A plane cannot be read.
        """
        changed = labels if window is None else labels[window]
        undecided = changed == NEAREST
        if undecided.any():
            before = self.labels
            changed = np.where(undecided, before if window is None else before[window], changed)
        if self._retoucher.change(changed, window) is None:
            return False
        # maps and thumbnails of large images take longer than the stroke; they come with its end
        self.layers["image"].refresh(thumbnail=False, highlight=False, extent=False)
        return True

    def plane(self, k: int, window: Window, step: int) -> NDArray[Any]:
        """Return a plane as painting would show it; may be called off the main thread.

        Parameters
        ----------
        k : int
            Number of the plane, from 0.
        window : tuple of slice
            Rows and columns of the result.
        step : int
            Distance of the pixels that are returned.

        Returns
        -------
        numpy.ndarray
            (y, x[, C]).

        Raises
        ------
        SettingsError
            The plane was left out of the run.
        InputError
            It cannot be read.
        """
        return self._retoucher.plane(k, window, step)

    def nearest(self, painted: NDArray[np.bool_], side: Side) -> NDArray[np.uint16]:
        """Return labels of the nearest plane around each stroke, by the depth of the run.

        Parameters
        ----------
        painted : numpy.ndarray
            (Y, X) bool.
        side : {"first", "last"}
            Plane that is nearest to the objective.

        Returns
        -------
        numpy.ndarray
            (Y, X) uint16.
        """
        return nearest_plane_labels(self._found, painted, side)

    def note(self) -> None:
        """Show the maps, and keep the correction in the layers' metadata, where saving finds it."""
        labels = self.labels
        correction = None
        if labels.any():
            correction = {"shape": list(labels.shape), "labels": encode_labels(labels)}
        for layer in self.layers.values():
            layer.metadata[METADATA_KEY]["correction"] = correction
            layer.refresh(highlight=False, extent=False)
