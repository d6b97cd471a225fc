"""Files of the tutorials' scenes: the planes as an instrument writes them, and their truth."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.height_files import write_heights
from napari_focus_stack.io.height_scale import HeightScale
from napari_focus_stack.io.output_formats import Legend
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.io.writing import Outputs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

EPITHELIUM_SPACING = Spacing(y=0.25, x=0.25, z=1.5, unit="micrometer")
"""Distances of the epithelium and of the plate."""
EPITHELIUM_PLANES = 16
EPITHELIUM_PHOTONS = 60.0
NIGHT_INTERVAL = 1800.0
"""Seconds between two time points of the film."""
DAMAGED = "dose_C03_s2_w1_z5.tif"
"""File of the plate that ends early; its sound copy lies beside the truth."""
TRUTH = "truth"


def write_scene(name: str, folder: Path) -> str:
    """Write the files of a scene; those of an earlier call are replaced.

    Parameters
    ----------
    name : str
        One of `SCENES`.
    folder : pathlib.Path
        Folder for the files, which is created if it is missing.

    Returns
    -------
    str
        What was written and where, for a terminal.

    Raises
    ------
    OutputError
        The folder cannot be created, or a file in it cannot be written.
    """
    planes, write = SCENES[name]
    for place in (folder, folder / TRUTH, (folder / planes).parent):
        _make(place)
    with Outputs() as files:
        write(folder, files)
    return f"Wrote '{folder / planes}', a rendered recording, and '{folder / TRUTH}', its truth."


def _make(folder: Path) -> None:
    """Create a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(
            f"The folder '{folder}' cannot be made ({problem.strerror}); choose another."
        ) from problem


def _fly(folder: Path, files: Outputs) -> None:
    """Write photographs (JPEG), and image and depth."""
    from napari_focus_stack.simulation.fly import fly_photographs

    scene = fly_photographs()
    _make(folder / "planes")
    for number, plane in enumerate(scene.planes, start=1):
        files.image(folder / "planes" / f"IMG_{number:04}.jpg", plane)
    files.image(folder / TRUTH / "image.png", scene.image)
    files.image(folder / TRUTH / "depth.tif", scene.depth)


def _metal(folder: Path, files: Outputs) -> None:
    """Write a stack with pixel size and z step, and its image and heights."""
    from napari_focus_stack.simulation.recordings import METAL_SPACING, ground_metal

    scene, spacing = ground_metal(), METAL_SPACING
    files.stack(folder / "metal.tif", scene.planes, spacing)
    files.image(folder / TRUTH / "image.png", scene.image, Legend(spacing))
    scale = HeightScale(spacing.y, spacing.x, spacing.unit, spacing.unit)
    assert spacing.z is not None, "the z step is a constant"
    write_heights(folder / TRUTH / "height.tif", scene.depth * spacing.z, scale)


def _epithelium(folder: Path, files: Outputs) -> None:
    """Write a hyperstack of two channels; their depth, and outlines and light of the nuclei."""
    from napari_focus_stack.simulation.epithelium import (
        CHANNELS,
        NUCLEI_BELOW,
        Tissue,
        draw_epithelium,
        light_in_focus,
        record_sections,
    )

    tissue = draw_epithelium(Tissue(320, 400, cells=260, lowest=5.0, highest=14.0))
    below = tissue.depth - NUCLEI_BELOW
    channels = [
        record_sections(tissue.nuclei, below, EPITHELIUM_PLANES, EPITHELIUM_PHOTONS, seed=1),
        record_sections(
            tissue.membranes, tissue.depth, EPITHELIUM_PLANES, EPITHELIUM_PHOTONS, seed=2
        ),
    ]
    extra = {"Channel": {"Name": list(CHANNELS)}}
    planes = np.stack(channels)
    _hyperstack(files, folder / "epithelium.ome.tif", planes, "CZYX", EPITHELIUM_SPACING, extra)
    legend = Legend(EPITHELIUM_SPACING)
    files.image(folder / TRUTH / "membranes-depth.tif", tissue.depth, legend)
    files.image(folder / TRUTH / "nuclei-labels.tif", tissue.labels, legend)
    light = light_in_focus(tissue.nuclei, EPITHELIUM_PHOTONS)
    files.image(folder / TRUTH / "nuclei-light.tif", light, legend)


def _night(folder: Path, files: Outputs) -> None:
    """Write a film, and image and depth of every time point."""
    from napari_focus_stack.simulation.recordings import FILM_SPACING, night_film

    scenes = list(night_film())
    extra = {"TimeIncrement": NIGHT_INTERVAL, "TimeIncrementUnit": "s"}
    planes = np.stack([scene.planes for scene in scenes])
    _hyperstack(files, folder / "night.ome.tif", planes, "TZYX", FILM_SPACING, extra)
    depth = np.stack([scene.depth for scene in scenes])
    _hyperstack(files, folder / TRUTH / "depth.ome.tif", depth, "TYX", FILM_SPACING, extra)


def _plate(folder: Path, files: Outputs) -> None:
    """Write planes named as MetaXpress names them; one file is cut off, its copy is sound."""
    from napari_focus_stack.simulation.plate import plate_fields

    _make(folder / "plate")
    rows = ["well,site,cells,mean depth of the membranes (planes)"]
    for field in plate_fields():
        for channel, planes in enumerate((field.nuclei, field.membranes), start=1):
            for z, plane in enumerate(planes, start=1):
                name = f"dose_{field.well}_s{field.site}_w{channel}_z{z}.tif"
                whole = _tiff(plane)
                cut = whole[: len(whole) // 2] if name == DAMAGED else whole
                _bytes(files, folder / "plate" / name, cut)
                if name == DAMAGED:
                    _bytes(files, folder / TRUTH / name, whole)
        truth = field.truth
        rows.append(
            f"{field.well},{field.site},{len(np.unique(truth.labels)) - 1},{truth.depth.mean():.2f}"
        )
    _bytes(files, folder / TRUTH / "cells.csv", "\n".join([*rows, ""]).encode())


def _tiff(plane: NDArray[np.uint16]) -> bytes:
    """Return a plane as TIFF with its pixel size."""
    import tifffile

    assert EPITHELIUM_SPACING.x is not None, "the pixel size is a constant"
    stream, per_centimetre = BytesIO(), 1e4 / EPITHELIUM_SPACING.x
    tifffile.imwrite(stream, plane, resolution=(per_centimetre,) * 2, resolutionunit="CENTIMETER")
    return stream.getvalue()


def _bytes(files: Outputs, path: Path, content: bytes) -> None:
    """Write a file of known content."""
    files.file(path, lambda temporary: _write(temporary, content))


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _hyperstack(
    files: Outputs,
    path: Path,
    planes: NDArray[Any],
    axes: str,
    spacing: Spacing,
    extra: dict[str, Any],
) -> None:
    """Write OME-TIFF of several axes."""
    import tifffile

    metadata: dict[str, Any] = {"axes": axes} | extra
    for axis in "ZYX":
        metadata |= {
            f"PhysicalSize{axis}": getattr(spacing, axis.lower()),
            f"PhysicalSize{axis}Unit": "µm",
        }

    def write(temporary: Path) -> None:
        tifffile.imwrite(temporary, planes, ome=True, photometric="minisblack", metadata=metadata)

    files.file(path, write)


SCENES: dict[str, tuple[str, Callable[[Path, Outputs], None]]] = {
    "fly": ("planes", _fly),
    "epithelium": ("epithelium.ome.tif", _epithelium),
    "night": ("night.ome.tif", _night),
    "plate": ("plate", _plate),
    "metal": ("metal.tif", _metal),
}
"""Name of each scene, with the folder or file of its planes, and what writes it."""
