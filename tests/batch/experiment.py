"""Folders of small stacks of known truth, and what `focus_series` makes of them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import tifffile
import zarr

from napari_focus_stack import focus_batch
from napari_focus_stack.io.ome_zarr_store import open_level
from tests.scenes import QUIET, scene

if TYPE_CHECKING:
    from pathlib import Path

    from napari_focus_stack.batch.records import BatchRecord

SIZE = (64, 80)
ROLES = ("image", "depth", "height", "confidence")


@functools.cache
def pixels(seed: int, planes: int = 6) -> np.ndarray:
    """(Z, Y, X) uint16 of a moving stack."""
    kind = ("dome", "slant", "step")[seed % 3]
    name = ("gravel", "brick", "grass")[seed // 3 % 3]
    moving = {"shift": 1.0, "noise": QUIET, "dtype": "uint16", "white": 4000.0}
    return scene(name, kind, n=planes, size=SIZE, seed=seed, **moving).planes


def write_stack(file: Path, seed: int) -> None:
    """Write one stack as an ImageJ TIFF."""
    file.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(file, pixels(seed), imagej=True, metadata={"axes": "ZYX", "spacing": 2.0,
                     "unit": "um"}, resolution=(2, 2))  # fmt: skip


def film_pixels(times: int, channels: int = 2) -> np.ndarray:
    """(T, C, Z, Y, X) uint16; channel 1 has much more light than channel 0."""
    stacks = [[pixels(t) // (20 - 19 * c) for c in range(channels)] for t in range(times)]
    return np.array(stacks)


def write_film(file: Path, times: int, channels: int = 2) -> None:
    """Write a film as an ImageJ hyperstack."""
    file.parent.mkdir(parents=True, exist_ok=True)
    film = film_pixels(times, channels).swapaxes(1, 2)
    metadata = {"axes": "TZCYX", "spacing": 2.0, "unit": "um", "finterval": 60.0}
    tifffile.imwrite(file, film, imagej=True, metadata=metadata, resolution=(2, 2))


def write_film_of_files(folder: Path, times: range) -> None:
    """Write planes of a film with one channel, named as Micro-Manager names them."""
    folder.mkdir(parents=True, exist_ok=True)
    for time in times:
        for z, plane in enumerate(pixels(time)):
            tifffile.imwrite(
                folder / f"img_channel000_position000_time{time:09d}_z{z:03d}.tif", plane
            )


def write_plate(
    place: Path | str, wells: dict[str, int], channels: tuple[str, ...] = (), **options: object
) -> None:
    """Write a plate of OME-Zarr 0.5 with a stack in each field of the wells ("B/2": 1)."""
    root = zarr.open_group(place, mode="w", zarr_format=3, **options)
    rows = sorted({well.split("/")[0] for well in wells})
    columns = sorted({well.split("/")[1] for well in wells})
    entries = [
        {
            "path": well,
            "rowIndex": rows.index(well.split("/")[0]),
            "columnIndex": columns.index(well.split("/")[1]),
        }
        for well in wells
    ]
    plate = {"rows": [{"name": r} for r in rows], "columns": [{"name": c} for c in columns]}
    root.attrs["ome"] = {"version": "0.5", "plate": plate | {"wells": entries}}
    for number, (well, fields) in enumerate(wells.items()):
        group = root.create_group(well)
        images = [{"path": str(field)} for field in range(fields)]
        group.attrs["ome"] = {"version": "0.5", "well": {"images": images}}
        for field in range(fields):
            _write_image(group.create_group(str(field)), pixels(number + field), channels)


def _write_image(group: zarr.Group, planes: np.ndarray, channels: tuple[str, ...]) -> None:
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    scale, named = [2.0, 0.5, 0.5], {}
    if channels:
        planes = np.stack([planes // (c + 1) for c in range(len(channels))])
        axes, scale = [{"name": "c", "type": "channel"}, *axes], [1.0, *scale]
        named = {"omero": {"channels": [{"label": channel} for channel in channels]}}
    transforms = [{"type": "scale", "scale": scale}]
    datasets = [{"path": "0", "coordinateTransformations": transforms}]
    multiscales = [{"axes": axes, "datasets": datasets}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": multiscales} | named
    chunks = (*(1 for _ in planes.shape[:-2]), *SIZE)
    array = group.create_array("0", shape=planes.shape, dtype=planes.dtype, chunks=chunks)
    array[:] = planes


def batch(root: Path, out: Path, **options: object) -> list[BatchRecord]:
    """Run a batch on files that were written just now."""
    return list(focus_batch(root, out, quiet=0, **options))


def maps(place: Path) -> dict[str, np.ndarray]:
    """Return what lies at the place of an image and beside it, by role."""
    found = {}
    for role in ROLES:
        name = place.name if role == "image" else place.name.replace(".ome", f"_{role}.ome")
        file = place.with_name(name)
        if file.is_dir():
            found[role] = np.asarray(open_level(file)[:])
        elif file.exists():
            with tifffile.TiffFile(file) as tif:
                axes = dict(zip(tif.series[0].axes, tif.series[0].shape, strict=True))
                shape = axes.get("T", 1), axes.get("C", 1), *SIZE
                found[role] = tif.asarray().reshape(shape)
    return found


def results(out: Path) -> dict[str, bytes]:
    """Return the bits of every map below a folder of results."""
    images = [file for file in out.rglob("*.ome.tif") if not _is_map(file)]
    return {
        f"{file.relative_to(out)} {role}": values.tobytes()
        for file in images
        for role, values in maps(file).items()
    }


def _is_map(file: Path) -> bool:
    return file.name.removesuffix(".ome.tif").endswith(("_depth", "_height", "_confidence"))


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    """Return whether two results have the same maps, to the bit."""
    return one.keys() == other.keys() and all(
        np.array_equal(one[role], other[role], equal_nan=True) for role in one
    )
