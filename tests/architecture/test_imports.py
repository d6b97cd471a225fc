"""What an import loads, and where public names come from; directions are import-linter's."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import napari_focus_stack

VIEWER_ONLY = {"napari", "qtpy", "vispy", "magicgui", "superqt", "PyQt6", "PySide6"}


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import napari_focus_stack", {"numpy", "cv2", "napari", "tifffile", "skimage", "dask"}),
        (
            "import napari_focus_stack.cli.main as cli; cli.main([])",
            {"numpy", "cv2", "napari", "tifffile", "skimage", "dask"},
        ),
        (
            "import napari_focus_stack.pipeline.stack, napari_focus_stack.io.reading",
            VIEWER_ONLY,
        ),
    ],
    ids=["package", "help", "engine"],
)
def test_what_an_import_loads(code: str, absent: set[str]) -> None:
    report = f"{code}\nimport sys; print('loaded:', *sorted({absent!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "loaded:"


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
