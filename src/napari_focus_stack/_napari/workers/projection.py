"""Jobs that apply a result to other layers of the same field, and the layers that they add.

Everything of a layer is read here, in the main thread, without the viewer and Qt.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from napari.layers import Image, Labels, Points

from napari_focus_stack._napari.layers.appearance import appearance
from napari_focus_stack._napari.layers.geometry import placement
from napari_focus_stack._napari.layers.lazy_planes import as_recorded
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, is_input
from napari_focus_stack._napari.layers.names import role_name
from napari_focus_stack._napari.layers.planes import StackInput, finest
from napari_focus_stack._napari.layers.points import marks, places_in_planes, planes_matrix
from napari_focus_stack._napari.layers.result_sets import ResultSet, as_result
from napari_focus_stack._napari.layers.stack_slice import StackSlice
from napari_focus_stack._napari.workers.job import Steps, at_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from napari.layers import Layer
    from numpy.typing import NDArray

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
        As `Job` takes it; its result is the array of the new layer.
    addition : Addition
        That layer.

    Raises
    ------
    InputError
        The layer makes no stack, or the layers of the result are not enough to apply it.
    """
    result = as_result(found)
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
        return _image_steps(layer, result, options), addition
    if isinstance(layer, Labels):
        return _labels_steps(layer, result, options), Addition("labels", arguments)
    to_planes = planes_matrix(layer, found, layers)
    addition = Addition("points", {**arguments, **marks(layer, to_planes)})
    return _points_steps(layer, to_planes, result, options), addition


def _shown(layer: Image) -> dict[str, Any]:
    return {**appearance(layer), "blending": layer.blending}


def _image_steps(layer: Image, result: StackResult, options: ProjectionOptions) -> Steps:
    from napari_focus_stack.analysis.projection import project_steps

    source = StackInput.of([layer], options.cut).source
    return lambda cancel: project_steps(
        source,
        result,
        offset=options.offset,
        half_slab=options.half_slab,
        how=options.how,
        cancel=cancel,
    )


def _labels_steps(layer: Labels, result: StackResult, options: ProjectionOptions) -> Steps:
    from napari_focus_stack.analysis.annotations import project_labels

    where = {"plane": options.plane} if layer.ndim == 2 else {"offset": options.offset}
    return at_once(partial(project_labels, as_recorded(finest(layer)), result, **where))


def _points_steps(
    layer: Points, to_planes: NDArray[np.float64], result: StackResult, options: ProjectionOptions
) -> Steps:
    from napari_focus_stack.analysis.annotations import project_points

    places = places_in_planes(layer, to_planes)
    plane = options.plane if layer.ndim == 2 else None
    return at_once(partial(project_points, places, result, plane=plane))
