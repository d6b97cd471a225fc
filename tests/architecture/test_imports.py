"""What an import loads, and where public names come from; directions are import-linter's."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

import napari_focus_stack

if TYPE_CHECKING:
    from pathlib import Path

VIEWER_ONLY = {"napari", "qtpy", "vispy", "magicgui", "superqt", "PyQt6", "PySide6"}


def run_in_python(code: str, environment: dict[str, str] | None = None) -> str:
    """Return what a new interpreter prints."""
    call = [sys.executable, "-c", code]
    run = subprocess.run(call, capture_output=True, text=True, check=True, env=environment)
    return run.stdout


def loaded(code: str, names: set[str]) -> list[str]:
    """Return those of some modules that a new interpreter has loaded after a piece of code."""
    report = f"{code}\nimport sys; print('loaded:', *sorted({names!r} & set(sys.modules)))"
    return run_in_python(report).splitlines()[-1].split()[1:]


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import napari_focus_stack", {"numpy", "cv2", "napari", "tifffile", "skimage", "dask"}),
        (
            "import napari_focus_stack.cli.main as cli; cli.main([])",
            {"numpy", "cv2", "napari", "tifffile", "skimage", "dask"},
        ),
        (
            "import napari_focus_stack.cli.main as cli\n"
            "for name in ('info', 'batch', 'measure', 'figure', 'film', 'bench'):\n"
            "    try: cli.main([name, '--help'])\n"
            "    except SystemExit: pass",
            {"numpy", "cv2", "napari", "tifffile", "skimage", "dask"},
        ),
        (
            "import napari_focus_stack.pipeline.stack, napari_focus_stack.io.reading",
            VIEWER_ONLY,
        ),
    ],
    ids=["package", "help", "help of subcommands", "engine"],
)
def test_what_an_import_loads(code: str, absent: set[str]) -> None:
    assert loaded(code, absent) == []


def test_a_plain_run_loads_no_library_that_it_does_not_use(tmp_path: Path) -> None:
    for k, plane in enumerate(np.random.default_rng(0).integers(0, 4000, (5, 64, 64))):
        tifffile.imwrite(tmp_path / f"plane{k}.tif", plane.astype(np.uint16))
    call = ["-i", str(tmp_path), "-o", str(tmp_path / "out" / "image.tif")]
    (tmp_path / "out").mkdir()
    absent = VIEWER_ONLY | {
        *("PIL", "dask", "distributed", "importlib.metadata", "natsort", "rich", "scipy"),
        *("skimage", "uuid", "zarr", "imagecodecs._jpeg2k", "imagecodecs._webp"),
        *("napari_focus_stack.batch", "napari_focus_stack.series.readers.tiff"),
    }
    code = f"import napari_focus_stack.cli.main as cli; assert cli.main({call!r}) == 0"
    assert loaded(code, absent) == []


def test_the_program_starts_no_threads_of_openblas_unless_told() -> None:
    code = (
        "import os, sys; sys.argv = ['focusstack']\n"
        "import napari_focus_stack.cli.main as cli; cli.main()\n"
        "print(os.environ['OPENBLAS_NUM_THREADS'])"
    )
    others = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    for told, expected in (({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3")):
        assert run_in_python(code, others | told).splitlines()[-1] == expected


@pytest.mark.parametrize("namespace", ["", "analysis", "correction", "depth", "simulation"])
def test_public_names_are_what_they_are_called(namespace: str) -> None:
    package = importlib.import_module(f"napari_focus_stack.{namespace}".rstrip("."))
    for name in package.__all__:
        value = getattr(package, name)
        home = getattr(value, "__module__", None)  # of a constant or a namespace there is none
        if home is not None:
            assert getattr(importlib.import_module(home), name) is value
        assert name in dir(package)


def test_every_error_that_the_documentation_names_can_be_caught() -> None:
    for name in ("InputError", "NoImagesError", "OutputError", "SettingsError"):
        assert name in napari_focus_stack.__all__
        assert issubclass(getattr(napari_focus_stack, name), napari_focus_stack.FocusStackError)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="attribute stack"):
        _ = napari_focus_stack.stack
