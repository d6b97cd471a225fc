"""Results as napari layers: where they lie, how they are shown, what they were made from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack._napari.layers.geometry import lies_over, moved, placement
from napari_focus_stack._napari.layers.planes import METADATA_KEY, identity, made_of, role
from napari_focus_stack._napari.layers.stack_slice import Cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_focus_stack.result import Report, StackResult
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


@dataclass(frozen=True)
class _Output:
    suffix: str
    attribute: str
    colormap: str
    help: str


OUTPUTS = {
    "depth-index": _Output(
        "depth index", "depth_index", "viridis", "Number of the plane in focus at each pixel."
    ),
    "depth": _Output("depth", "depth", "viridis", "The same between planes, in planes."),
    "height": _Output(
        "height", "height", "viridis", "Depth times the z step, in the unit of the z step."
    ),
    "confidence": _Output(
        "confidence", "confidence", "gray", "How far each depth can be trusted, 0 to 1."
    ),
}
"""Layers that may come beside the stacked image, by their role."""


def appearance(layer: Image) -> dict[str, Any]:
    """How `layer` is shown, for an image with the same kind of values."""
    if layer.rgb:
        return {"rgb": True}
    return {
        "rgb": False,
        "colormap": layer.colormap,  # two may share a name
        "contrast_limits": tuple(layer.contrast_limits),
        "gamma": layer.gamma,
    }


def display_limits(planes: Any, rgb: bool) -> tuple[float, float]:
    """Contrast limits for an image, or for a stack from its middle plane.

    napari shows 16-bit and float colour white unless told the limits. Colour goes from 0 to the
    end of the narrowest scale that holds it (1, or 8, 10, 12, 14 or 16 bits), so that hues stay;
    grey from its smallest to its largest value.

    Parameters
    ----------
    planes : array-like
        (Y, X[, C]), or (Z, Y, X[, C]), of which one plane is read. 8 bits need no look.
    rgb : bool
        Whether the last axis is colour.
    """
    if planes.dtype == np.uint8:
        return 0.0, 255.0
    plane = np.asarray(planes[planes.shape[0] // 2] if planes.ndim - rgb == 3 else planes)
    low, high = _extremes(plane)
    if rgb:
        scales = (1.0, *(2.0**bits - 1 for bits in (8, 10, 12, 14, 16)))
        return 0.0, next((scale for scale in scales if high <= scale), high)
    if low < high:
        return low, high
    whole = plane.dtype.kind in "ui"
    return (0.0, float(np.iinfo(plane.dtype).max)) if whole else (low, low + 1)


def _extremes(plane: NDArray[Any]) -> tuple[float, float]:
    """Smallest and largest number; without a copy unless some are not finite."""
    low, high = float(plane.min()), float(plane.max())
    if np.isfinite((low, high)).all():
        return low, high
    finite = plane[np.isfinite(plane)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def shared_name(names: Sequence[str]) -> str:
    """Name for what numbered things have in common: "img" for "img_01" and "img_02"."""
    if len(names) == 1:
        return names[0]
    shared = str(os.path.commonprefix(names))  # noqa: RUF071 - names, not paths
    return shared.rstrip(NUMBERING) or names[0]


@dataclass(frozen=True)
class Origin:
    """What results take from their source layers, noted before the run: layers may go meanwhile."""

    name: str
    sources: tuple[str, ...]
    source_ids: tuple[str, ...]
    placement: dict[str, Any]
    appearance: dict[str, Any]
    aligned_on: str | None = None
    cut: Cut = Cut()  # noqa: RUF009 - frozen

    @classmethod
    def of(
        cls,
        layers: Sequence[Image],
        settings: Settings,
        aligned_on: str | None = None,
        cut: Cut | None = None,
    ) -> Origin:
        """Origin of what becomes of `layers`.

        Parameters
        ----------
        layers : sequence of napari.layers.Image
            The reference plane's layer leads.
        settings : Settings
            Of the run.
        aligned_on : str, optional
            Name of the Shapes layer that alignment goes by.
        cut : Cut, optional
            Through the layer of which the one given is a part.
        """
        lead = lead_of(layers, settings)
        names = tuple(str(layer.name) for layer in layers)
        place, look, cut = placement(lead), appearance(lead), cut or Cut()
        ids = tuple(identity(layer) for layer in layers)
        name = f"{shared_name(names)} {cut.told}".rstrip()
        return cls(name, names, ids, place, look, aligned_on, cut)


def lead_of(layers: Sequence[Image], settings: Settings) -> Image:
    """Layer of the reference plane, over which results lie."""
    return layers[settings.reference_plane(len(layers))] if len(layers) > 1 else layers[0]


def result_layers(
    result: StackResult,
    wanted: Sequence[str],
    origin: Origin,
    correction: dict[str, Any] | None = None,
) -> list[tuple[NDArray[Any], dict[str, Any]]]:
    """Arrays and `add_image` arguments of a result, the stacked image last, so on top.

    Parameters
    ----------
    result : StackResult
        Of the engine.
    wanted : sequence of str
        Roles beside the stacked image, keys of `OUTPUTS`.
    origin : Origin
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
    result: StackResult, name: str, origin: Origin
) -> tuple[NDArray[Any], dict[str, Any]]:
    array = getattr(result, OUTPUTS[name].attribute)
    last_plane = max(len(result.transforms) - 1, 1)
    return array, {
        "name": f"{origin.name} {OUTPUTS[name].suffix}",
        **map_appearance(name, array, float(last_plane)),
        **_placement(result, origin),
        "metadata": _provenance(result, name, origin),
    }


def map_appearance(name: str, array: NDArray[Any], last_plane: float) -> dict[str, Any]:
    """How one of `OUTPUTS` is shown: arguments of `add_image`."""
    limits = {
        "height": display_limits(array, rgb=False) if name == "height" else None,
        "confidence": (0.0, 1.0),
    }.get(name, (0.0, last_plane))
    return {
        "rgb": False,
        "colormap": OUTPUTS[name].colormap,
        "contrast_limits": limits,
        "interpolation2d": "nearest",
    }


def _provenance(result: StackResult, name: str, origin: Origin) -> dict[str, Any]:
    report = result.report.as_dict()
    known = {key: report[key] for key in (*KEPT, *KEPT_SINCE, *TOLD)}
    past = {
        "sources": list(origin.sources),
        "cut": origin.cut.as_dict(),
        "source_ids": list(origin.source_ids),
        "aligned_on": origin.aligned_on,
    }
    return {METADATA_KEY: {"role": name, **past, **known}}


def _placement(result: StackResult, origin: Origin) -> dict[str, Any]:
    return moved(origin.placement, _corner(result.report.crop))


def _corner(crop: Sequence[int] | None) -> tuple[int, int]:
    """First row and column of what results show of the planes."""
    return (0, 0) if crop is None else (crop[0], crop[2])


def results_over(
    sources: Sequence[Image], layers: Sequence[Image], cut: Cut | None = None
) -> list[Image]:
    """Find earlier results of `sources`, cut so, among `layers` that still lie over them."""
    told = (cut or Cut()).as_dict()
    return [
        layer
        for layer in layers
        if role(layer) is not None
        and layer.ndim == 2  # a surface in 3-D stays where it was put
        and any(made_of(layer.metadata[METADATA_KEY], source) for source in sources)
        and layer.metadata[METADATA_KEY].get("cut") == told
        and lies_over(layer, sources[0], _corner(layer.metadata[METADATA_KEY].get("crop")))
    ]


def lay_over(result: Image, source: Image) -> None:
    """Put an earlier result over `source`, which has got another spacing since."""
    place = moved(placement(source), _corner(result.metadata[METADATA_KEY].get("crop")))
    for name in ("units", "scale", "translate"):
        setattr(result, name, place[name])


def summary(
    report: Report, names: Sequence[str], aligned_on: str | None = None, updated: bool = False
) -> str:
    """Say what was done, in a few lines for the widget; advice has a panel of its own.

    Parameters
    ----------
    report : Report
        Of the run.
    names : sequence of str
        Of the layers, from the bottom up.
    aligned_on : str, optional
        Name of the Shapes layer that alignment went by.
    updated : bool
        Whether the layers had been there before, and are as visible as the user left them.
    """
    count = len(report.planes)
    done = f"Fused {count - len(report.left_out)} of {count} planes (alignment: {report.align})"
    if aligned_on is not None:
        done += f", aligned on '{aligned_on}'"
    if report.crop is not None:
        top, bottom, left, right = report.crop
        done += f", cropped to {right - left} x {bottom - top} pixels"
    lines = [f"{done}."]
    if updated:
        lines.append(f"Updated {', '.join(map(repr, reversed(names)))}.")
    elif len(names) > 1:
        maps = ", ".join(f"'{name}'" for name in reversed(names[:-1]))
        lines.append(f"'{names[-1]}' lies on top; hide it to see {maps}.")
    advised = {sentence for sentences in report.advice.values() for sentence in sentences}
    return "\n".join([*lines, *(note for note in report.notes if note not in advised)])
