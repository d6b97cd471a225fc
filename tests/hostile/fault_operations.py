"""Operations of the project that write files, small enough to be run hundreds of times."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from napari_focus_stack.cli import main as cli
from napari_focus_stack.errors import InputError, in_words
from tests.scenes import scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_focus_stack.analysis.height_map import HeightMap
    from tests.scenes import Scene

SIZE = (48, 64)
RESULT = "result.focusstack"


@dataclass(frozen=True)
class Operation:
    """Something that reads files in a folder and writes others into it.

    Attributes
    ----------
    name : str
        Its name.
    make_input : callable
        Called with an empty folder; "planes" is part of the name of what is read as planes.
    run : callable
        Called with the folder and whether this is the earlier run, whose results differ; returns
        the exit code and writes its message to stderr.
    together : bool
        Whether all outputs are replaced or none.
    may_differ : tuple of str
        Parts of the names of outputs that are whole, too, if they differ from those of a sound run:
        summaries, which say what failed.
    """

    name: str
    make_input: Callable[[Path], object]
    run_it: Callable[[Path, bool], int]
    together: bool = True
    may_differ: tuple[str, ...] = ()

    def prepare(self, folder: Path) -> None:
        """Write the input and the results of an earlier run."""
        folder.mkdir()
        self.make_input(folder)
        assert self.run_it(folder, True) == 0, self.name

    def run(self, folder: Path) -> int:
        """Run over the earlier results."""
        return self.run_it(folder, False)

    def differs(self, path: str) -> bool:
        """Return whether an output may differ from that of a sound run."""
        return any(part in path for part in self.may_differ)


def _scene() -> Scene:
    return scene("gravel", "step", n=4, size=SIZE)


def _planes(folder: Path) -> None:
    _write_planes(folder / "planes", "step")


def _write_planes(folder: Path, surface: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    size = {"resolution": (20000, 20000), "resolutionunit": "CENTIMETER"}
    for k, plane in enumerate(scene("gravel", surface, n=4, size=SIZE).planes):
        tifffile.imwrite(folder / f"p{k}.tif", plane, **size)


def _film(folder: Path) -> None:
    planes = np.stack([_scene().planes, _scene().planes[::-1]])[:, :, None]
    metadata = {"axes": "TZCYX", "spacing": 2.0, "unit": "um"}
    tifffile.imwrite(folder / "planes.tif", planes, imagej=True, metadata=metadata)


def _tree(folder: Path) -> None:
    for name in "ab":
        _write_planes(folder / "planes" / name, "dome")


def _nothing(folder: Path) -> None:
    """Make no input."""


def _result(folder: Path) -> None:
    _planes(folder)
    call = ("-i", folder / "planes", "-o", folder / RESULT, "--z-step", 2)
    assert cli.main([*map(str, call)]) == 0


def _command(line: str, earlier: str, folder: Path, before: bool) -> int:
    """Run a line of the command, in which @ is the folder."""
    words = f"{line} {earlier if before else ''}".split()
    try:
        return cli.main([word.replace("@", f"{folder}/") for word in words])
    except SystemExit as left:
        return int(left.code or 0)


def _stack(outputs: str) -> Callable[[Path, bool], int]:
    return partial(_command, f"-i @planes --threads 1 --z-step 2 {outputs}", "--method depth")


def _series(output: str) -> Callable[[Path, bool], int]:
    return partial(_command, f"-i @planes.tif --threads 1 -o @{output}", "--method depth")


def _shown(line: str, earlier: str) -> Callable[[Path, bool], int]:
    return partial(_command, line, earlier)


def _batch(form: str, folder: Path, before: bool) -> int:
    """Do a batch; after the earlier one, one stack changes and another one comes."""
    line = f"batch @planes -o @out --quiet-time 0 --workers 1 --format {form}"
    code = _command(line, "", folder, before)
    if before:
        for name, scene_of in (("b", "step"), ("c", "slant")):
            _write_planes(folder / "planes" / name, scene_of)
    return code


def _called(work: Callable[[Path, bool], object], folder: Path, before: bool) -> int:
    """Run a function of the library as the command and napari do."""
    try:
        work(folder, before)
    except Exception as problem:
        said = in_words(problem)
        if said is None:
            raise
        print(" ".join(str(said).splitlines()), file=sys.stderr)
        return 2
    return 0


def _surface(before: bool) -> HeightMap:
    """Return heights, which differ in the earlier run."""
    from napari_focus_stack.analysis.height_map import HeightMap

    depth = np.array(_scene().depth) * np.float32(2 if before else 1)
    return HeightMap(heights=depth, pixel_size=(0.5, 0.5), pixel_unit="um", unit="um")


def _mesh(suffix: str, folder: Path, before: bool) -> None:
    from napari_focus_stack.analysis.mesh_files import write_mesh
    from napari_focus_stack.analysis.surface import surface_mesh

    write_mesh(folder / f"mesh{suffix}", surface_mesh(_surface(before), _scene().truth))


def _heights(folder: Path, before: bool) -> None:
    from napari_focus_stack.analysis.height_export import save_heights

    for suffix in (".tif", ".gsf", ".x3p"):
        save_heights(_surface(before), folder / f"heights{suffix}")


def _correct(folder: Path, before: bool) -> None:
    """Read saved results, change them, and save them again under their name."""
    from napari_focus_stack.io.results_file import read_saved, write_saved

    images = read_saved(folder / RESULT)
    images[0].array[:5] = 3 if before else 9
    write_saved(folder / RESULT, images)


def _napari_results(folder: Path, before: bool) -> None:
    from napari_focus_stack._napari.io import height_writer, results_reader, writers

    layers = results_reader.reopen(str(folder / RESULT))
    if layers == [(None,)]:
        raise InputError("the reader said why")
    data, arguments, kind = layers[0]
    brighter = np.array(data) + (1 if before else 2)
    writers.write_results(str(folder / "saved.focusstack"), [(brighter, arguments, kind)])
    writers.write_picture(str(folder / "picture.png"), brighter, arguments)
    height = next(layer for layer in layers if "eight" in layer[1]["name"])
    grown = np.array(height[0]) * (1 if before else 2)
    for suffix in (".tif", ".gsf", ".x3p"):
        height_writer.write_height_layer(str(folder / f"heights{suffix}"), grown, height[1])


_ALL_MAPS = (
    "-o @out.tif --depth @d.tif --depth-index @i.png --confidence @c.tif --height @h.tif "
    "--report @r.json"
)
_MEASURE = (
    "measure @result.focusstack --profile 5 5 40 60 --json @m.json --csv @m.csv --svg @m.svg "
    "--height @m.gsf --mesh @m.obj"
)
_FILM = "film @result.focusstack --size 64x48"
_REPORTS = ("_reports/",)
_SUMMARIES = ("summary.csv", "index.html", ".focusstack.json", "thumbs", ".focusstack-batch")
"""Files that follow what was done: they are whole, whatever they say."""

OPERATIONS = (
    Operation("picture", _planes, _stack("-o @out.png")),
    Operation("maps and report", _planes, _stack(_ALL_MAPS)),
    Operation("saved result", _planes, _stack("-o @out.focusstack")),
    Operation("tiles", _planes, _stack("-o @out.jpg --memory 230MB")),
    Operation("debug planes", _planes, _stack("-o @out.png -d"), together=False),
    Operation("series, tif", _film, _series("film.ome.tif"), may_differ=_REPORTS),
    Operation("series, zarr", _film, _series("film.ome.zarr"), may_differ=_REPORTS),
    Operation("batch, tif", _tree, partial(_batch, "tif"), False, _SUMMARIES),
    Operation("batch, zarr", _tree, partial(_batch, "zarr"), False, _SUMMARIES),
    Operation("measure", _result, _shown(_MEASURE, "--width 3 --level plane"), together=False),
    Operation("figure, png", _result, _shown("figure @result.focusstack -o @f.png", "--dpi 50")),
    Operation(
        "figure, svg", _result, _shown("figure @result.focusstack -o @f.svg", "--all-heights")
    ),
    Operation("film", _result, _shown(f"{_FILM} -o @f.mp4 --seconds 1 --fps 5", "--tilt 20")),
    Operation("stereo", _result, _shown(f"{_FILM} --stereo @s.png", "--anaglyph")),
    Operation("mesh, obj", _nothing, partial(_called, partial(_mesh, ".obj"))),
    Operation("mesh, ply", _nothing, partial(_called, partial(_mesh, ".ply"))),
    Operation("mesh, stl", _nothing, partial(_called, partial(_mesh, ".stl"))),
    Operation("mesh, glb", _nothing, partial(_called, partial(_mesh, ".glb"))),
    Operation("heights", _nothing, partial(_called, _heights), together=False),
    Operation("correction", _result, partial(_called, _correct)),
    Operation("napari's writers", _result, partial(_called, _napari_results), together=False),
)
