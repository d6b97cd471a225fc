"""Results as napari layers: where they lie, how they are shown, what they were made from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_focus_stack._napari.layers.appearance import (
    OUTPUTS,
    appearance,
    display_limits,
    map_appearance,
)
from napari_focus_stack._napari.layers.geometry import is_registered_with, moved, placement
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, identity, made_of, role
from napari_focus_stack._napari.layers.stack_slice import StackSlice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_focus_stack.result import StackResult
    from napari_focus_stack.settings import Settings


NUMBERING = "0123456789 _-.(["
"""Where numbered names differ and what leads up to it: "img_01", "img_02" come from "img"."""


KEPT = (
    "version",
    "settings",
    "planes",
    "shape",
    "dtype",
    "reference",
    "align",
    "transforms",
    "gains",
    "offsets",
    "gains_applied",
    "in_order",
    "left_out",
    "marks",
    "crop",
    "spacing",
    "notes",
    "inputs",
)
"""What layers carry of the report: enough to put the result on other data of the field."""
KEPT_SINCE = ("dust", "specks")
"""What layers carry since 0.1.0 besides; those made before have none of it."""
TOLD = ("occlusion",)
"""What they carry of it besides, for whoever reads it."""


def shared_name(names: Sequence[str]) -> str:
    """Name for what numbered things have in common: "img" for "img_01" and "img_02"."""
    if len(names) == 1:
        return names[0]
    shared = str(os.path.commonprefix(names))  # noqa: RUF071 - names, not paths
    return shared.rstrip(NUMBERING) or names[0]


@dataclass(frozen=True)
class SourceInfo:
    """What results take from their source layers, noted before the run: layers may go meanwhile."""

    name: str
    sources: tuple[str, ...]
    source_ids: tuple[str, ...]
    placement: dict[str, Any]
    appearance: dict[str, Any]
    aligned_on: str | None = None
    cut: StackSlice = StackSlice()  # noqa: RUF009 - frozen

    @classmethod
    def of(
        cls,
        layers: Sequence[Image],
        settings: Settings,
        aligned_on: str | None = None,
        cut: StackSlice | None = None,
    ) -> SourceInfo:
        """Origin of what becomes of `layers`.

        Parameters
        ----------
        layers : sequence of napari.layers.Image
            The reference plane's layer leads.
        settings : Settings
            Of the run.
        aligned_on : str, optional
            Name of the Shapes layer that alignment goes by.
        cut : StackSlice, optional
            Through the layer of which the one given is a part.
        """
        lead = lead_of(layers, settings)
        names = tuple(str(layer.name) for layer in layers)
        place, look, cut = placement(lead), appearance(lead), cut or StackSlice()
        ids = tuple(identity(layer) for layer in layers)
        name = f"{shared_name(names)} {cut.told}".rstrip()
        return cls(name, names, ids, place, look, aligned_on, cut)


def lead_of(layers: Sequence[Image], settings: Settings) -> Image:
    """Layer of the reference plane, over which results lie."""
    return layers[settings.reference_plane(len(layers))] if len(layers) > 1 else layers[0]


def result_layers(
    result: StackResult,
    wanted: Sequence[str],
    origin: SourceInfo,
    correction: dict[str, Any] | None = None,
) -> list[tuple[NDArray[Any], dict[str, Any]]]:
    """Arrays and `add_image` arguments of a result, the stacked image last, so on top.

    Parameters
    ----------
    result : StackResult
        Of the engine.
    wanted : sequence of str
        Roles beside the stacked image, keys of `OUTPUTS`.
    origin : SourceInfo
        Of the planes.
    correction : dict, optional
        What was corrected by hand, as layers carry it.
    """
    maps = [_map_layer(result, name, origin) for name in OUTPUTS if name in wanted]
    shown = dict(origin.appearance)
    if shown["rgb"]:
        shown["contrast_limits"] = display_limits(result.image, rgb=True)
    image = {
        "name": f"{origin.name} stacked",
        **shown,
        **_placement(result, origin),
        "metadata": _provenance(result, "stacked", origin),
    }
    made = [*maps, (result.image, image)]
    if correction is not None:
        for _, arguments in made:
            arguments["metadata"][METADATA_KEY]["correction"] = correction
    return made


def _map_layer(
    result: StackResult, name: str, origin: SourceInfo
) -> tuple[NDArray[Any], dict[str, Any]]:
    array = getattr(result, OUTPUTS[name].attribute)
    last_plane = max(len(result.transforms) - 1, 1)
    return array, {
        "name": f"{origin.name} {OUTPUTS[name].suffix}",
        **map_appearance(name, array, float(last_plane)),
        **_placement(result, origin),
        "metadata": _provenance(result, name, origin),
    }


def _provenance(result: StackResult, name: str, origin: SourceInfo) -> dict[str, Any]:
    report = result.report.as_dict()
    known = {key: report[key] for key in (*KEPT, *KEPT_SINCE, *TOLD)}
    past = {
        "sources": list(origin.sources),
        "cut": origin.cut.as_dict(),
        "source_ids": list(origin.source_ids),
        "aligned_on": origin.aligned_on,
    }
    return {METADATA_KEY: {"role": name, **past, **known}}


def _placement(result: StackResult, origin: SourceInfo) -> dict[str, Any]:
    return moved(origin.placement, _corner(result.report.crop))


def _corner(crop: Sequence[int] | None) -> tuple[int, int]:
    """First row and column of what results show of the planes."""
    return (0, 0) if crop is None else (crop[0], crop[2])


def results_over(
    sources: Sequence[Image], layers: Sequence[Image], cut: StackSlice | None = None
) -> list[Image]:
    """Find earlier results of `sources`, cut so, among `layers` that still lie over them."""
    told = (cut or StackSlice()).as_dict()
    return [
        layer
        for layer in layers
        if role(layer) is not None
        and layer.ndim == 2  # a surface in 3-D stays where it was put
        and any(made_of(layer.metadata[METADATA_KEY], source) for source in sources)
        and layer.metadata[METADATA_KEY].get("cut") == told
        and is_registered_with(layer, sources[0], _corner(layer.metadata[METADATA_KEY].get("crop")))
    ]


def lay_over(result: Image, source: Image) -> None:
    """Put an earlier result over `source`, which has got another spacing since."""
    place = moved(placement(source), _corner(result.metadata[METADATA_KEY].get("crop")))
    for name in ("units", "scale", "translate"):
        setattr(result, name, place[name])
