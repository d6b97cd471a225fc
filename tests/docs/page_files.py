"""What each page needs to be run: its files, and the commands that cannot be run, with the reason.

A page that is not declared here has no files of its own and runs all of its commands.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import tifffile
from batch.experiment import film_pixels, pixels, write_film, write_plate, write_stack

from napari_focus_stack.simulation.samples import render_sample
from tests.docs.pages import blocks, page_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.docs.running import Run


def nothing(*_: object) -> None:
    """Need no files, or check nothing more."""


@dataclass(frozen=True)
class Page:
    """What a page needs.

    Attributes
    ----------
    make : callable
        Takes the empty folder in which the page works, and writes its files.
    stands_for : mapping of str to str
        Words of commands for which another file is taken: no library writes ND2.
    not_run : mapping of str to str
        Commands of this page alone that cannot be run, and why.
    codes : mapping of str to int
        Commands that end with another exit code than 0.
    slow : bool
        Whether the page takes longer than 4 s of a processor: `long` runs it, and by default its
        commands are only parsed.
    check : callable
        Takes the folder and the `Run` at the end of the page.
    """

    make: Callable[[Path], None] = nothing
    stands_for: Mapping[str, str] = field(default_factory=dict)
    not_run: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    slow: bool = False
    check: Callable[[Path, Run], None] = nothing


def write_sample(folder: Path, name: str = "histology") -> None:
    """Write the planes of a sample of 416 x 416 pixels, with their pixel size."""
    folder.mkdir()
    sample = render_sample(name)
    centimetre = (1e4 / sample.spacing.x, 1e4 / sample.spacing.y)
    for k, plane in enumerate(sample.planes):
        place = folder / f"plane{k:02}.tif"
        tifffile.imwrite(place, plane, resolution=centimetre, resolutionunit="CENTIMETER")


def check_step(folder: Path, _: Run) -> None:
    """Compare the step of the page with its words and with the sample."""
    (step,) = json.loads((folder / "step.json").read_text())["steps"]
    sample = render_sample("histology")
    low, high = (
        sample.depth[y0:y1, x0:x1].mean() * sample.spacing.z
        for y0, y1, x0, x1 in (step["a"], step["b"])
    )
    said = re.search(r"\((\S+) ± (\S+)\) µm, in truth (\S+) µm", page_text("docs/heights.md"))
    assert said is not None
    measured = step["value"], step["uncertainty"], high - low
    np.testing.assert_allclose([float(number) for number in said.groups()], measured, atol=0.03)
    assert abs(step["value"] - (high - low)) < 2 * step["uncertainty"]


def write_named_film(file: Path, times: int) -> None:
    """Write a film of the channels DAPI and GFP as an OME-TIFF."""
    film = np.ascontiguousarray(film_pixels(times))
    metadata = {
        "axes": "TCZYX",
        "Channel": {"Name": ["DAPI", "GFP"]},
        "PhysicalSizeX": 0.5,
        "PhysicalSizeY": 0.5,
        "PhysicalSizeZ": 2.0,
        "TimeIncrement": 60.0,
        "TimeIncrementUnit": "s",
    }
    tifffile.imwrite(file, film, metadata=metadata, photometric="minisblack")


def write_planes(folder: Path, seed: int = 0) -> None:
    """Write six small planes with their pixel size, a file each."""
    folder.mkdir()
    for k, plane in enumerate(pixels(seed)):
        half_a_micrometre = {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}
        tifffile.imwrite(folder / f"plane{k}.tif", plane, **half_a_micrometre)


def plain_files(folder: Path) -> None:
    """Write planes as a folder and as one file, and an experiment of one stack."""
    write_planes(folder / "planes")
    write_stack(folder / "planes.tif", 0)
    write_stack(folder / "experiment" / "A" / "leaf.tif", 1)


def python_files(folder: Path) -> None:
    """Write planes, a film and an experiment."""
    plain_files(folder)
    write_named_film(folder / "film.ome.tif", 1)


def command_files(folder: Path) -> None:
    """Write a sample, two channels of one field, a film, a plate and an experiment."""
    write_sample(folder / "planes")
    write_stack(folder / "planes.tif", 0)
    write_planes(folder / "brightfield")
    write_planes(folder / "gfp")
    write_stack(folder / "experiment" / "A" / "leaf.tif", 1)
    series_files(folder, times=10)


def series_files(folder: Path, times: int = 2) -> None:
    """Write a film of two channels, and a plate of two wells."""
    write_named_film(folder / "film.ome.tiff", times)
    write_plate(folder / "plate", {"B/02": 1, "C/03": 1}, ("DAPI", "GFP"))


def batch_files(folder: Path) -> None:
    """Write an experiment of a stack, a film and a plate, and a plate on object storage."""
    write_stack(folder / "experiment" / "A" / "leaf.tif", 0)
    write_film(folder / "experiment" / "film.tif", 2)
    write_plate(folder / "experiment" / "plate.ome.zarr", {"B/2": 1, "C/3": 1})
    write_plate("s3://experiments/plates/plate.ome.zarr", {"B/2": 1})


def check_batch(folder: Path, run: Run) -> None:
    """Check that everything the tree of the page shows is there, and what snippets print."""
    [tree] = [block.text for block in blocks("docs/batch.md") if block.text.startswith("fused/")]
    shown = [line.split()[0] for line in tree.splitlines()[1:]]
    assert len(shown) == 11
    for name in shown:
        assert (folder / "fused" / name).exists(), name
    assert (folder / "fused-zarr" / "plate_depth.ome.zarr" / "B" / "2").is_dir()
    assert (folder / "job.sh").exists()
    assert not (folder / "fused-by-slurm").exists()
    for place, printed in run.printed.items():
        lines = printed.splitlines()
        stacks = ["A/leaf.tif", "film.tif", "plate.ome.zarr"]
        assert sorted({line.split()[0] for line in lines}) == stacks, place
        assert all(" done" in line for line in lines), place


NAMED_ND2 = {"film.nd2": "film.ome.tiff"}


def check_plate(folder: Path, _run: Run) -> None:
    """The failure was mended, and depth is that of the cells wherever the stack reaches it."""
    with (folder / "plate" / "truth" / "cells.csv").open(encoding="utf-8") as file:
        truth = {(row["well"], row["site"]): row for row in csv.DictReader(file)}
    assert len(truth) == 16
    with (folder / "plate" / "fused" / "summary.csv").open(encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if row["channel"] == "w2"]
    assert {row["status"] for row in rows} == {"done"}
    off = {
        row["position"]: float(row["depth median"])
        - float(truth[row["well"], row["position"][-1]][MEAN_DEPTH])
        for row in rows
    }
    beyond = off.pop("C05 field 1")
    assert beyond < -0.5
    assert max(map(abs, off.values())) < 0.2


def check_nuclei(_folder: Path, run: Run) -> None:
    """Light and areas that the page shows are those that its snippets find."""
    printed = [text.strip() for text in run.printed.values()]
    assert len(printed) == 2
    assert all(text in page_text("docs/tutorials/confocal.md") for text in printed)


def check_drift(folder: Path, _run: Run) -> None:
    """The drift that the page quotes is that of the last report, sign included."""
    *_, last = sorted((folder / "night" / "steady_reports").iterdir())
    drift = json.loads(last.read_text(encoding="utf-8"))["series"]["drift"]
    quoted = json.dumps({axis: round(shift, 2) for axis, shift in drift.items()})
    assert f'"drift": {quoted}' in page_text("docs/tutorials/film.md")


def check_roughness(_folder: Path, run: Run) -> None:
    """Sq and the share that the snippet prints are those in what the command is shown to print."""
    [printed] = run.printed.values()
    _, sq, _, _, share, *_ = printed.split()
    page = page_text("docs/tutorials/roughness.md")
    assert f"root mean square height            {sq} µm" in page
    assert f"| Sq | {sq} µm |" in page
    assert f"{share} of its heights counted" in page


MEAN_DEPTH = "mean depth of the membranes (planes)"


PAGES = {
    "README.md": Page(plain_files),
    "docs/start.md": Page(plain_files),
    "docs/python.md": Page(python_files),
    "docs/command.md": Page(command_files, stands_for=NAMED_ND2),
    "docs/batch.md": Page(batch_files, check=check_batch),
    "docs/series.md": Page(series_files, stands_for=NAMED_ND2),
    "docs/heights.md": Page(lambda folder: write_sample(folder / "planes"), check=check_step),
    "docs/tutorials/photographs.md": Page(slow=True),
    "docs/tutorials/film.md": Page(slow=True, check=check_drift),
    "docs/tutorials/plate.md": Page(
        slow=True,
        codes={"focusstack batch plate/plate -o plate/fused --lead-channel w2 --z-step 1.5": 3},
        check=check_plate,
    ),
    "docs/tutorials/roughness.md": Page(check=check_roughness),
    "docs/tutorials/confocal.md": Page(check=check_nuclei),
}
