"""Results found among layers: the layers of one run, its sources, and its result again.

Without the viewer and Qt. Layers carry fields of the report in their metadata.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_focus_stack._napari.layers.appearance import OUTPUTS
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, of_other_files, role
from napari_focus_stack._napari.layers.names import source_name
from napari_focus_stack._napari.layers.stack_slice import StackSlice, stack_in
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.saved_heights import OF_ONE_RUN
from napari_focus_stack.result import Report, StackResult, crop_corner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.layers import Layer
    from numpy.typing import NDArray

LEVELLED = "levelled"
"""Key of the metadata of heights that were levelled: what was subtracted, in words."""


@dataclass(frozen=True)
class ResultSet:
    """A result whose layers are in the viewer.

    Attributes
    ----------
    image : napari.layers.Image
        The stacked image.
    maps : mapping of str to napari.layers.Image
        The layers beside it, by role.
    levelled : sequence of napari.layers.Image
        Its levelled heights, from the bottom up.
    """

    image: Image
    maps: Mapping[str, Image]
    levelled: Sequence[Image] = ()

    @property
    def past(self) -> dict[str, Any]:
        """The image's record of the run."""
        past: dict[str, Any] = self.image.metadata[METADATA_KEY]
        return past

    @property
    def cut(self) -> StackSlice:
        """Part of its layer that was stacked."""
        return StackSlice.of_dict(self.past.get("cut"))

    @property
    def corner(self) -> tuple[int, int]:
        """Row and column of the reference plane at which the result starts."""
        return crop_corner(self.past.get("crop"))

    @property
    def name(self) -> str:
        """Name of the layers of the result, without their role."""
        return source_name(str(self.image.name))


@dataclass(frozen=True)
class Relief:
    """Heights of a result, or depths in their place.

    Attributes
    ----------
    heights : numpy.ndarray
        (Y, X).
    unit : str or None
        Unit of the heights; None where the z step is unknown and they count planes.
    """

    heights: NDArray[Any]
    unit: str | None


def result_sets(layers: Sequence[Layer]) -> list[ResultSet]:
    """Return the results among layers.

    Parameters
    ----------
    layers : sequence of napari.layers.Layer
        Layers of the viewer, from the bottom up.

    Returns
    -------
    list of ResultSet
        Each stacked image, the topmost first, with the maps of its run.
    """
    images = [layer for layer in layers if isinstance(layer, Image)]
    return [
        ResultSet(image, *_maps_of(place, images))
        for place, image in reversed(list(enumerate(images)))
        if role(image) == "stacked" and image.ndim == 2
    ]


def newest_result(layers: Sequence[Layer]) -> list[Image]:
    """Return the layers of the newest result among layers.

    Parameters
    ----------
    layers : sequence of napari.layers.Layer
        From the bottom up.

    Returns
    -------
    list of napari.layers.Image
        In that order; all maps where no stacked image is left.
    """
    found = next(iter(result_sets(layers)), None)
    if found is None:
        return [one for one in layers if isinstance(one, Image) and role(one) in OUTPUTS]
    own = [found.image, *found.maps.values()]
    return [one for one in layers if isinstance(one, Image) and one in own]


def _maps_of(place: int, images: Sequence[Image]) -> tuple[dict[str, Image], list[Image]]:
    """Return the maps of an image's run, and its levelled heights.

    Of two runs with the same record the nearest maps are taken.
    """
    own = [one for one in images if role(one) in OUTPUTS and _of_one_run(one, images[place])]
    levelled = [one for one in own if LEVELLED in one.metadata[METADATA_KEY]]
    recorded = [one for one in own if one not in levelled]
    farthest_first = sorted(recorded, key=lambda one: abs(images.index(one) - place), reverse=True)
    return {str(role(layer)): layer for layer in farthest_first}, levelled


def _of_one_run(layer: Image, image: Image) -> bool:
    if role(layer) is None or layer.data.shape[:2] != image.data.shape[:2]:
        return False
    here, there = layer.metadata[METADATA_KEY], image.metadata[METADATA_KEY]
    return all(here.get(key) == there.get(key) for key in OF_ONE_RUN)


def sources_of(found: ResultSet, layers: Sequence[Layer]) -> list[Image]:
    """Return the layers that a result was made of, in the order of its planes.

    Parameters
    ----------
    found : ResultSet
        The result.
    layers : sequence of napari.layers.Layer
        Layers of the viewer.

    Returns
    -------
    list of napari.layers.Image
        One layer of planes, or 2-D layers.

    Raises
    ------
    InputError
        One is not among `layers`, or has other axes now.
    """
    there = _sources(found, layers)
    missing = [name for name, layer in there if layer is None]
    if missing or not there:
        what = f"'{missing[0]}', of which" if missing else "The stack of which"
        raise InputError(
            f"{what} '{found.image.name}' was made, is not in the viewer; open it, or give it "
            "back its name."
        )
    sources = known_sources(found, layers)
    if len(sources) == 1 and sources[0].ndim != found.cut.ndim:
        raise InputError(
            f"'{sources[0].name}' has other axes than when '{found.image.name}' was made; stack "
            "again."
        )
    return sources


def known_sources(found: ResultSet, layers: Sequence[Layer]) -> list[Image]:
    """Return the layers that a result was made of, as far as they are in the viewer.

    Parameters
    ----------
    found : ResultSet
        The result.
    layers : sequence of napari.layers.Layer
        Layers of the viewer.

    Returns
    -------
    list of napari.layers.Image
        In the order of the planes.
    """
    return [layer for _, layer in _sources(found, layers) if layer is not None]


def _sources(found: ResultSet, layers: Sequence[Layer]) -> list[tuple[str, Image | None]]:
    """Return names and layers of the sources: by their ids while napari runs, else by name."""
    past = found.past
    images = [layer for layer in layers if isinstance(layer, Image)]
    by_name = {str(layer.name): layer for layer in images if not of_other_files(past, layer)}
    by_id = {str(layer.unique_id): layer for layer in images}
    names = [str(name) for name in past.get("sources") or []]
    ids = past.get("source_ids") or [""] * len(names)
    return [
        (name, by_id.get(key, by_name.get(name))) for name, key in zip(names, ids, strict=False)
    ]


def stack_of(found: ResultSet, sources: Sequence[Image]) -> list[Image]:
    """Return the part of the sources that was stacked.

    Parameters
    ----------
    found : ResultSet
        The result.
    sources : sequence of napari.layers.Image
        As `sources_of` returned them.

    Returns
    -------
    list of napari.layers.Image
        As `planes_of` takes them.
    """
    return [stack_in(layer, found.cut) for layer in sources]


def relief_of(found: ResultSet) -> Relief:
    """Return the heights of a result: its own, or its depth or depth index times the z step.

    Parameters
    ----------
    found : ResultSet
        The result.

    Returns
    -------
    Relief
        In planes where the z step is unknown.

    Raises
    ------
    InputError
        None of the three is in the viewer.
    """
    spacing = found.past.get("spacing") or {}
    unit = spacing.get("unit") or str(found.image.units[-1])
    if "height" in found.maps:
        return Relief(np.asarray(found.maps["height"].data), unit)
    flat = found.maps.get("depth", found.maps.get("depth-index"))
    if flat is None:
        raise InputError(
            f"No depth of '{found.image.name}' is in the viewer; stack again with 'Depth index' "
            "or 'Height' ticked."
        )
    step = spacing.get("z")
    planes = np.asarray(flat.data)
    return Relief(planes, None) if step is None else Relief(planes * np.float32(step), unit)


def check_heights(found: ResultSet) -> None:
    """Refuse a result without heights.

    Parameters
    ----------
    found : ResultSet
        The result.

    Raises
    ------
    InputError
        It has no heights, or only whole planes.
    """
    step = (found.past.get("spacing") or {}).get("z")
    if "height" not in found.maps and ("depth" not in found.maps or step is None):
        raise InputError(
            f"'{found.image.name}' has no height map in the viewer, and areas are measured on "
            "heights; give the z step and stack again with 'Height' ticked."
        )


def knows_pixel_size(found: ResultSet) -> bool:
    """Return whether the pixel size of a result is known, so that slopes and areas are true.

    Parameters
    ----------
    found : ResultSet
        The result.

    Returns
    -------
    bool
        False where a pixel counts as one unit of length only for want of a size.
    """
    spacing = found.past.get("spacing") or {}
    return spacing.get("y") is not None and spacing.get("x") is not None


def as_result(found: ResultSet) -> StackResult:
    """Return a result as the engine made it, from its layers.

    Parameters
    ----------
    found : ResultSet
        The result.

    Returns
    -------
    StackResult
        Depth and confidence are those of the depth index and 1 where they have no layer.

    Raises
    ------
    InputError
        The depth index is not in the viewer, or the record of the run is incomplete.
    """
    if "depth-index" not in found.maps:
        raise InputError(
            f"The depth index of '{found.image.name}' is not in the viewer; stack again with "
            "'Depth index' ticked."
        )
    try:
        report = Report.from_dict(found.past)
    except InputError as problem:
        raise InputError(f"'{found.image.name}': {problem}") from problem
    arrays = {role: np.asarray(layer.data) for role, layer in found.maps.items()}
    index = arrays["depth-index"]
    depth = arrays["depth"] if "depth" in arrays else index.astype(np.float32)
    sure = np.broadcast_to(np.float32(1), index.shape)
    return StackResult(
        image=np.asarray(found.image.data),
        depth_index=index,
        depth=depth,
        height=arrays.get("height"),
        confidence=arrays.get("confidence", sure),
        transforms=report.transforms,
        report=report,
    )
