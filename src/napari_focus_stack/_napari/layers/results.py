"""Results as napari layers: their place, their look, and their record of the run."""

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
from napari_focus_stack._napari.layers.geometry import moved, placement
from napari_focus_stack._napari.layers.kept_maps import KEPT_KEY, KeptMaps
from napari_focus_stack._napari.layers.metadata import METADATA_KEY, identity
from napari_focus_stack._napari.layers.names import role_name
from napari_focus_stack._napari.layers.stack_slice import StackSlice
from napari_focus_stack.io.result_outputs import carried

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_focus_stack.result import Report, StackResult
    from napari_focus_stack.settings import Settings


NUMBERING = "0123456789 _-.(["
"""Characters that names may end with before and in their numbers: "img_01", "img_02" have "img"."""


def shared_name(names: Sequence[str]) -> str:
    """Return the name that numbered things share: "img" for "img_01" and "img_02".

    Parameters
    ----------
    names : sequence of str
        One or more.

    Returns
    -------
    str
        The first of them if they share nothing.
    """
    if len(names) == 1:
        return names[0]
    shared = str(os.path.commonprefix(names))  # noqa: RUF071 - names, not paths
    return shared.rstrip(NUMBERING) or names[0]


@dataclass(frozen=True)
class SourceInfo:
    """Place, look and names of the source layers, noted before the run, while they are there.

    Attributes
    ----------
    name : str
        Name of the results, without their role.
    sources, source_ids : tuple of str
        Names and ids of the layers.
    placement, appearance : dict
        Arguments of `add_image`, of the reference plane's layer.
    aligned_on : str or None
        Name of the Shapes layer that bounded the alignment.
    cut : StackSlice
        Part of the layer that was stacked.
    """

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
        """Note the sources of a run.

        Parameters
        ----------
        layers : sequence of napari.layers.Image
            Place and look are those of the reference plane's layer.
        settings : Settings
            Settings of the run.
        aligned_on : str, optional
            Name of the Shapes layer that bounds the alignment.
        cut : StackSlice, optional
            Part of the viewer's layer that the layer in `layers` is.

        Returns
        -------
        SourceInfo
            For `result_layers`.
        """
        lead = lead_of(layers, settings)
        names = tuple(str(layer.name) for layer in layers)
        place, look, cut = placement(lead), appearance(lead), cut or StackSlice()
        ids = tuple(identity(layer) for layer in layers)
        name = " ".join([shared_name(names), *cut.places])
        return cls(name, names, ids, place, look, aligned_on, cut)


def lead_of(layers: Sequence[Image], settings: Settings) -> Image:
    """Return the layer of the reference plane, over which results lie.

    Parameters
    ----------
    layers : sequence of napari.layers.Image
        In the order of the planes.
    settings : Settings
        Settings of the run.

    Returns
    -------
    napari.layers.Image
        One of `layers`.
    """
    return layers[settings.reference_plane(len(layers))] if len(layers) > 1 else layers[0]


def result_layers(
    result: StackResult,
    wanted: Sequence[str],
    origin: SourceInfo,
    correction: dict[str, Any] | None = None,
) -> list[tuple[NDArray[Any], dict[str, Any]]]:
    """Return the layers of a result, the stacked image last, so on top.

    Parameters
    ----------
    result : StackResult
        Result of the run.
    wanted : sequence of str
        Roles beside the stacked image, keys of `OUTPUTS`.
    origin : SourceInfo
        Place, look and names of the planes' layers.
    correction : dict, optional
        The correction by hand, as layers carry it.

    Returns
    -------
    list of (numpy.ndarray, dict)
        Array and arguments of `add_image` of each.
    """
    maps = [_map_layer(result, name, origin) for name in OUTPUTS if name in wanted]
    shown = dict(origin.appearance)
    if shown["rgb"]:
        shown["contrast_limits"] = display_limits(result.image, rgb=True)
    image = {
        "name": role_name(origin.name, "sharp"),
        **shown,
        **_placement(result, origin),
        "metadata": {
            **provenance(result.report, "stacked", origin),
            KEPT_KEY: KeptMaps.of(result, correction),
        },
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
        "name": role_name(origin.name, OUTPUTS[name].suffix),
        **map_appearance(name, array, float(last_plane)),
        **_placement(result, origin),
        "metadata": provenance(result.report, name, origin),
    }


def provenance(report: Report, name: str, origin: SourceInfo) -> dict[str, Any]:
    """Return the metadata of a result.

    Parameters
    ----------
    report : Report
        Report of the run.
    name : str
        Role of the layer.
    origin : SourceInfo
        Names and ids of the planes' layers.

    Returns
    -------
    dict
        As `add_image` takes it.
    """
    past = {
        "sources": list(origin.sources),
        "cut": origin.cut.as_dict(),
        "source_ids": list(origin.source_ids),
        "aligned_on": origin.aligned_on,
    }
    return {METADATA_KEY: {"role": name, **past, **carried(report)}}


def _placement(result: StackResult, origin: SourceInfo) -> dict[str, Any]:
    return moved(origin.placement, result.origin)
