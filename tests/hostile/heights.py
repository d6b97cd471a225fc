"""Files of heights and of saved results: GSF, X3P, TIFF with heights, `.focusstack`."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import tifffile
from hostile.container_mutations import zip_mutator
from hostile.kinds import Kind
from hostile.pictures import SIZE, pixels
from hostile.text_mutations import mutated_lines, mutated_xml, replaced_text_number
from hostile.tiff_mutations import TIFF_MUTATORS

from napari_focus_stack.analysis.opening import open_heights
from napari_focus_stack.io.height_files import write_heights
from napari_focus_stack.io.height_scale import HeightScale
from napari_focus_stack.io.recipe import Recipe
from napari_focus_stack.io.results_file import SavedResult, read_saved, write_saved
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HEIGHTS = pixels(np.uint16).astype(np.float32) / 1000
_SCALE = HeightScale(0.5, 0.5, "micrometer", "micrometer")


def _gsf_seeds(folder: Path) -> Iterator[bytes]:
    write_heights(folder / "a.gsf", _HEIGHTS, _SCALE)
    yield (folder / "a.gsf").read_bytes()
    head = b"Gwyddion Simple Field 1.0\nXRes = 20\nYRes = 24\n"
    yield head + bytes(4 - len(head) % 4) + _HEIGHTS.tobytes()


def _x3p_seeds(folder: Path) -> Iterator[bytes]:
    write_heights(folder / "a.x3p", _HEIGHTS, _SCALE)
    yield (folder / "a.x3p").read_bytes()
    # without checksums, which would refuse most damages before they are met
    with zipfile.ZipFile(folder / "a.x3p") as archive:
        main, data = archive.read("main.xml").decode(), archive.read("bindata/data.bin")
    start, end = main.index("<MD5ChecksumPointData>"), main.index("</DataLink>")
    for kind, values in (("D", data), ("F", np.frombuffer(data).astype("<f4").tobytes())):
        changed = main[:start] + main[end:]
        axis = changed.index("<DataType>", changed.index("<CZ>")) + len("<DataType>")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("main.xml", changed[:axis] + kind + changed[axis + 1 :])
            archive.writestr("bindata/data.bin", values)
        yield packed.getvalue()


def _tiff_seeds(folder: Path) -> Iterator[bytes]:
    write_heights(folder / "a.tif", _HEIGHTS, _SCALE)
    yield (folder / "a.tif").read_bytes()
    tifffile.imwrite(
        folder / "b.tif",
        pixels(np.uint16),
        imagej=True,
        metadata={"axes": "YX", "cf": 0, "c0": 1.0, "c1": 0.5, "vunit": "um", "unit": "um"},
        resolution=(2, 2),
    )
    yield (folder / "b.tif").read_bytes()
    tifffile.imwrite(folder / "c.tif", _HEIGHTS, resolution=(1e4, 1e4), resolutionunit=3)
    yield (folder / "c.tif").read_bytes()


def _saved_seeds(folder: Path) -> Iterator[bytes]:
    spacing = Spacing(0.5, 0.5, 1.0, "micrometer")
    recipe = Recipe(Settings(), ("a.tif", "b.tif"), correction=np.ones(SIZE, np.uint16))
    results = [
        SavedResult("stacked", "a", pixels(np.uint8, 3), spacing, recipe),
        SavedResult("depth", "a depth", _HEIGHTS, spacing, recipe, {"translate": [0, 0]}),
        SavedResult("height", "a height", _HEIGHTS, spacing, recipe),
        SavedResult("confidence", "a sure", np.ones(SIZE, np.float32), spacing, None),
        SavedResult("aligned", "a planes", np.ones((2, *SIZE), np.uint16), spacing, recipe),
    ]
    for chosen in (results, results[1:2]):
        write_saved(folder / "a.focusstack", chosen)
        yield (folder / "a.focusstack").read_bytes()


def _opened_heights(path: Path) -> Iterator[int]:
    """Open heights; float64 is the widest type that they are computed in."""
    yield _declared(path)
    open_heights(path)


def _declared(path: Path) -> int:
    """Return the bytes that a file of heights declares to need, computed apart from the reader."""
    found = 0
    try:
        if path.suffix == ".gsf":
            fields = dict(
                line.split(b" = ", 1)
                for line in path.read_bytes().split(b"\0")[0].splitlines()
                if b" = " in line
            )
            found = int(fields[b"XRes"]) * int(fields[b"YRes"]) * 8
        elif path.suffix == ".x3p":
            with zipfile.ZipFile(path) as archive:
                found = sum(entry.file_size for entry in archive.infolist())
        else:
            with tifffile.TiffFile(path) as tif:
                found = int(tif.pages.first.size) * 8
    except Exception:  # noqa: BLE001 - what declares nothing may need nothing
        return 0
    return min(found, 1 << 31)


def _opened_saved(path: Path) -> Iterator[int]:
    """Open saved results, their heights and their recipe."""
    for image in read_saved(path):
        yield image.array.nbytes
    yield _declared(path)
    open_heights(path)
    Recipe.read(path)


def _by_name(name: str) -> tuple:
    return (mutated_xml, replaced_text_number) if name.endswith(".xml") else ()


KINDS = (
    Kind("gsf", ".gsf", _gsf_seeds, _opened_heights, (mutated_lines, replaced_text_number)),
    Kind("x3p", ".x3p", _x3p_seeds, _opened_heights, (zip_mutator(_by_name),)),
    Kind("heights", ".tif", _tiff_seeds, _opened_heights, TIFF_MUTATORS),
    Kind("saved", ".focusstack", _saved_seeds, _opened_saved, TIFF_MUTATORS),
)
