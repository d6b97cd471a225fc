"""Jobs that apply a result to other layers of the same field, and the layers that they add.

Everything of a layer is read here, in the main thread, without the viewer and Qt.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from napari.layers import Image, Labels, Points

from napari_focus_stack._napari.layers.appearance import appearance
from napari_focus_stack._napari.layers.features import label_features, with_columns
from napari_focus_stack._napari.layers.geometry import placement
from napari_focus_stack._napari.layers.lazy_planes import as_recorded
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, is_input
from napari_focus_stack._napari.layers.names import role_name
from napari_focus_stack._napari.layers.planes import StackInput, finest
from napari_focus_stack._napari.layers.points import marks, places_in_planes, planes_matrix
from napari_focus_stack._napari.layers.result_sets import ResultSet, as_result
from napari_focus_stack._napari.layers.stack_slice import StackSlice
from napari_focus_stack._napari.workers.job import Engine, Steps, at_once

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from napari.layers import Layer
    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_focus_stack.analysis.projection import ProjectionMethod
    from napari_focus_stack.result import StackResult

APPLIED = "applied"


@dataclass(frozen=True)
class ProjectionOptions:
    """Options of applying a result to a layer.

    Attributes
    ----------
    plane : int
        Plane that 2-D labels or points were drawn on.
    offset : int
        Planes from the one in focus to the one wanted, of an image or labels.
    half_slab : int
        Planes on either side that count too, of an image.
    how : {"max", "mean"}
        How the planes of a slab are combined.
    cut : StackSlice
        Part of an image that has more axes than z, y and x, or another order of them.
    """

    plane: int = 0
    offset: int = 0
    half_slab: int = 0
    how: ProjectionMethod = "max"
    cut: StackSlice = StackSlice()  # noqa: RUF009 - frozen


@dataclass(frozen=True)
class Addition:
    """Layer that a job adds.

    Attributes
    ----------
    kind : {"image", "labels", "points"}
        Which `add_` method of the viewer takes it.
    arguments : dict
        Arguments of that method, beside the data.
    """

    kind: Literal["image", "labels", "points"]
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Applied:
    """What became of a layer.

    Attributes
    ----------
    data : numpy.ndarray
        Data of the layer that is added.
    arguments : dict
        Further arguments of the `add_` method: the features of labels and points.
    note : str
        Sentence for the user; empty if there is nothing to say.
    """

    data: NDArray[Any]
    arguments: dict[str, Any] = field(default_factory=dict)
    note: str = ""


def projectable_layers(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers that a result can be applied to.

    Parameters
    ----------
    layers : sequence of napari.layers.Layer
        Layers of the viewer.

    Returns
    -------
    list of napari.layers.Layer
        Stacks, labels and points that are no results.
    """
    return [layer for layer in layers if is_input(layer) and _can_take(layer)]


def _can_take(layer: Layer) -> bool:
    if isinstance(layer, Image):
        return bool(layer.ndim > 2)
    return isinstance(layer, Labels | Points) and layer.ndim in (2, 3)


def transfer_job(
    layer: Layer, found: ResultSet, options: ProjectionOptions, layers: Sequence[Layer]
) -> tuple[Steps, Addition]:
    """Prepare to apply a result to a layer.

    Parameters
    ----------
    layer : napari.layers.Image, Labels or Points
        One of `projectable_layers`.
    found : ResultSet
        The result.
    options : ProjectionOptions
        Those that are for another kind of layer do not count.
    layers : sequence of napari.layers.Layer
        Layers of the viewer, with the stack of the result if it is there.

    Returns
    -------
    steps : callable
        As `Job` takes it; its result is an `Applied`.
    addition : Addition
        That layer.

    Raises
    ------
    InputError
        The layer makes no stack, or the layers of the result are not enough to apply it.
    """
    result, note = _with_depth(found)
    arguments = {
        "name": role_name(" ".join([str(layer.name), *options.cut.places]), f"on {found.name}"),
        **placement(found.image),
        "metadata": {
            METADATA_KEY: {
                **found.past,
                "role": APPLIED,
                "applied_to": str(layer.name),
                "options": asdict(options),
            }
        },
    }
    if isinstance(layer, Image):
        addition = Addition("image", {**arguments, **_shown(layer)})
        return _image_steps(layer, result, options, note), addition
    if "confidence" not in found.maps or note:  # then uncertainties are unknown, too
        unknown = np.broadcast_to(np.float32(np.nan), result.confidence.shape)
        result = replace(result, confidence=unknown)
    if isinstance(layer, Labels):
        addition = Addition("labels", arguments)
        work = partial(_labels_applied, layer, layer.features.copy(), result, options, note)
        return at_once(work), addition
    to_planes = planes_matrix(layer, found, layers)
    addition = Addition("points", {**arguments, **marks(layer, to_planes)})
    features = layer.features.copy()
    places = places_in_planes(layer, to_planes)
    plane = options.plane if layer.ndim == 2 else None
    return at_once(partial(_points_applied, places, features, result, plane, note)), addition


def _with_depth(found: ResultSet) -> tuple[StackResult, str]:
    """Return a result with its depth between planes, or a sentence that it has none to the user."""
    result = as_result(found)
    step = result.report.spacing.get("z")
    if "depth" in found.maps:
        return result, ""
    if result.height is not None and step:
        return replace(result, depth=result.height / np.float32(step)), ""
    if result.report.settings.get("method") == "laplacian":
        return result, ""
    return result, (
        "The surface is that of whole planes, because neither depth nor height of "
        f"'{found.image.name}' is in the viewer; stack again with 'Depth' ticked."
    )


def _shown(layer: Image) -> dict[str, Any]:
    return {**appearance(layer), "blending": layer.blending}


def _image_steps(layer: Image, result: StackResult, options: ProjectionOptions, note: str) -> Steps:
    from napari_focus_stack.analysis.projection import project_steps

    source = StackInput.of([layer], options.cut).source

    def steps(cancel: threading.Event) -> Engine:
        image = yield from project_steps(
            source,
            result,
            offset=options.offset,
            half_slab=options.half_slab,
            how=options.how,
            cancel=cancel,
        )
        return Applied(image, note=note)

    return steps


def _labels_applied(
    layer: Labels,
    features: DataFrame,
    result: StackResult,
    options: ProjectionOptions,
    note: str,
) -> Applied:
    from napari_focus_stack.analysis.annotations import (
        measure_label_centres,
        measure_labels,
        project_labels,
    )

    labels = as_recorded(finest(layer))
    where = {"plane": options.plane} if layer.ndim == 2 else {"offset": options.offset}
    drawn = project_labels(labels, result, **where)
    tables = [measure_labels(drawn, result)]
    if layer.ndim == 3:
        tables.append(measure_label_centres(labels, result))
    return Applied(drawn, {"features": label_features(features, tables)}, note)


def _points_applied(
    places: NDArray[np.float64],
    features: DataFrame,
    result: StackResult,
    plane: int | None,
    note: str,
) -> Applied:
    from napari_focus_stack.analysis.annotations import measure_points, project_points

    table = with_columns(features, measure_points(places, result, plane=plane))
    return Applied(project_points(places, result, plane=plane), {"features": table}, note)
