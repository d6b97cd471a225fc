"""Trees of small stacks of every kind, with the places where each is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import tifffile
import zarr
from series.made_files import plane, write_czi, write_lif
from series.made_tiffs import ome_set

from napari_focus_stack.io.writing import write_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLANES = 5


@dataclass(frozen=True)
class Made:
    """What a maker wrote: sources of series, and of what is left out, within its folder."""

    series: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def planes(folder: Path, form: str = "img_{z}.tif", count: int = PLANES) -> None:
    """Write the planes of a stack as files."""
    for z in range(count):
        file = folder / form.format(z=z)
        file.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(file, plane(z=z))


def film(file: Path, times: int = 1, channels: int = 1) -> None:
    """Write an ImageJ hyperstack."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = [
        [[plane(0, t, c, z) for c in range(channels)] for z in range(PLANES)] for t in range(times)
    ]
    tifffile.imwrite(file, np.array(pixels), imagej=True, metadata={"axes": "TZCYX"})


def store(folder: Path, images: int = 1) -> None:
    """Write an OME-Zarr image, or a collection of several."""
    axes = [{"name": name, "type": "space"} for name in "zyx"]
    ome = {
        "version": "0.5",
        "multiscales": [
            {
                "axes": axes,
                "datasets": [
                    {
                        "path": "0",
                        "coordinateTransformations": [{"type": "scale", "scale": [1.0] * 3}],
                    }
                ],
            }
        ],
    }
    pixels = np.stack([plane(z=z) for z in range(PLANES)])
    places = [folder]
    if images > 1:
        zarr.create_group(folder, attributes={"ome": {"bioformats2raw.layout": 3}})
        places = [folder / str(k) for k in range(images)]
    for place in places:
        group = zarr.create_group(place, attributes={"ome": ome})
        group.create_array("0", data=pixels, chunks=(1, *pixels.shape[1:]))


def _folder_of_planes(folder: Path) -> Made:
    planes(folder / "planes")
    return Made(("planes",))


def _folder_of_png(folder: Path) -> Made:
    (folder / "png").mkdir()
    for z in range(PLANES):
        data = imagecodecs.png_encode(plane(z=z))
        (folder / "png" / f"IMG_{z}.png").write_bytes(data)
        (folder / "png" / f"._IMG_{z}.png").write_bytes(b"of macOS")
    return Made(("png",))


def _files_beside_folders(folder: Path) -> Made:
    film(folder / "mixed/film.tif", times=2)
    pixels = np.stack([plane(z=z) for z in range(PLANES)])
    tifffile.imwrite(
        folder / "mixed/film10.ome.tif", pixels, photometric="minisblack", metadata={"axes": "ZYX"}
    )
    tifffile.imwrite(folder / "mixed/film9.tif", pixels, metadata=None, photometric="minisblack")
    planes(folder / "mixed/sub")
    return Made(("mixed/film.tif", "mixed/film9.tif", "mixed/film10.ome.tif", "mixed/sub"))


def _single_images_beside_files(folder: Path) -> Made:
    film(folder / "single/film.tif")
    tifffile.imwrite(folder / "single/overview.tif", plane())
    tifffile.imwrite(folder / "single/MAX_film.tif", plane())
    return Made(("single/film.tif",), ("single",))


def _ome_set(folder: Path) -> Made:
    (folder / "set").mkdir()
    ome_set(folder / "set", {"T": 2, "C": 1, "Z": 2})
    return Made(("set",))


def _ome_set_beside_a_film(folder: Path) -> Made:
    (folder / "beside").mkdir()
    _, names = ome_set(folder / "beside", {"T": 2, "C": 1, "Z": 2})
    film(folder / "beside/a.tif")
    return Made(("beside/a.tif", f"beside/{names[0]}"))


def _metaxpress(folder: Path) -> Made:
    for z in range(1, PLANES + 1):
        planes(folder / "plate/TimePoint_1", f"ZStep_{z}/exp_A0{{z}}_s1_w1.tif", 2)
    planes(folder / "plate/TimePoint_1/other")
    film(folder / "plate/calibration.tif")
    return Made(("plate", "plate/calibration.tif", "plate/TimePoint_1/other"))


def _micromanager(folder: Path) -> Made:
    for p in range(2):
        planes(folder / f"mm/Pos{p}", "img_000000000_GFP_00{z}.tif")
    planes(folder / "mm/notes")
    return Made(("mm", "mm/notes"))


def _microscope_files(folder: Path) -> Made:
    (folder / "scope").mkdir()
    tiles = [({"T": 0, "C": 0, "Z": z}, plane(z=z).tobytes()) for z in range(PLANES)]
    write_czi(folder / "scope/a.czi", tiles)
    pixels = np.stack([plane(z=z) for z in range(PLANES)])
    write_lif(folder / "scope/b.lif", [("i", "ZYX", pixels, {"Z": 1.0, "Y": 1.0, "X": 1.0})])
    (folder / "scope/c.nd2").write_bytes(b"")
    return Made(("scope/a.czi", "scope/b.lif"), ("scope/c.nd2",))


def _store(folder: Path) -> Made:
    store(folder / "image.ome.zarr")
    return Made(("image.ome.zarr",))


def _stores_in_a_group(folder: Path) -> Made:
    zarr.create_group(folder / "group.zarr")
    store(folder / "group.zarr/a")
    store(folder / "group.zarr/b", images=2)
    return Made(("group.zarr/a", "group.zarr/b"))


def _array_without_axes(folder: Path) -> Made:
    zarr.create_array(folder / "array.zarr", data=plane())
    return Made((), ("array.zarr",))


def _one_image(folder: Path) -> Made:
    planes(folder / "one", count=1)
    return Made((), ("one",))


def _names_of_a_film(folder: Path) -> Made:
    for t in range(2):
        planes(folder / "unnamed", f"x_t{t}_z{{z}}_q.tif")
    return Made((), ("unnamed",))


def _damaged_plane(folder: Path) -> Made:
    planes(folder / "damaged")
    (folder / "damaged/img_1.tif").write_bytes(b"II*\0 damaged")
    return Made((), ("damaged",))


def _damaged_file(folder: Path) -> Made:
    film(folder / "broken/film.tif")
    data = (folder / "broken/film.tif").read_bytes()
    (folder / "broken/cut.tif").write_bytes(data[: len(data) // 2])
    return Made(("broken/film.tif",), ("broken/cut.tif",))


def _without_z(folder: Path) -> Made:
    (folder / "flat").mkdir()
    pixels = np.stack([plane(t=t) for t in range(PLANES)])
    tifffile.imwrite(folder / "flat/film.tif", pixels, imagej=True, metadata={"axes": "TYX"})
    return Made((), ("flat/film.tif",))


def _no_images(folder: Path) -> Made:
    (folder / "notes").mkdir()
    (folder / "notes/readme.txt").write_text("nothing to see")
    (folder / "notes/table.csv").write_text("1,2")
    (folder / "notes/film.avi").write_bytes(b"RIFF")
    return Made()


def _hidden(folder: Path) -> Made:
    planes(folder / ".cache")
    planes(folder / "Thumbs")
    planes(folder / "seen/.stacks")
    return Made()


def _results(folder: Path) -> Made:
    """Write what an earlier run or batch wrote."""
    (folder / "done/reports").mkdir(parents=True)
    planes(folder / "done/thumbs", "leaf_{z}_image.jpg.tif")
    for name in ("leaf.ome.tif", "leaf_depth.ome.tif", "plain.tif"):
        write_image(folder / "done" / name, plane())
    (folder / "done/reports/leaf.focusstack.json").write_text("{}")
    write_image(folder / "done/leaf.focusstack.ome.tif", plane())
    zarr.create_group(
        folder / "done/leaf.ome.zarr", attributes={"napari_focus_stack": {"about": ""}}
    )
    return Made()


MAKERS: dict[str, Callable[[Path], Made]] = {
    maker.__name__.strip("_"): maker
    for maker in (
        _folder_of_planes,
        _folder_of_png,
        _files_beside_folders,
        _single_images_beside_files,
        _ome_set,
        _ome_set_beside_a_film,
        _metaxpress,
        _micromanager,
        _microscope_files,
        _store,
        _stores_in_a_group,
        _array_without_axes,
        _one_image,
        _names_of_a_film,
        _damaged_plane,
        _damaged_file,
        _without_z,
        _no_images,
        _hidden,
        _results,
    )
}
"""Makers by name; each writes below a folder of its own and returns what is found there."""
