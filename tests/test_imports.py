"""Who may import whom, and what is not loaded before it is needed."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import napari_focus_stack

PACKAGE = Path(napari_focus_stack.__file__).parent
ROOMS = [path for path in PACKAGE.rglob("*.py") if "_napari" not in path.parts]
VIEWER_ONLY = {"napari", "qtpy", "vispy", "magicgui", "superqt", "PyQt6", "PySide6"}


def imported(path: Path) -> set[str]:
    """Every module that a file imports, inside functions too, by its full name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module}
    return found


@pytest.mark.parametrize("room", ROOMS, ids=lambda path: path.stem)
def test_only_napari_folder_imports_the_viewer(room: Path) -> None:
    assert not {name.split(".")[0] for name in imported(room)} & VIEWER_ONLY


@pytest.mark.parametrize("room", ROOMS, ids=lambda path: path.stem)
def test_nothing_above_imports_a_front(room: Path) -> None:
    fronts = {"napari_focus_stack.cli", "napari_focus_stack._napari"}
    if room.stem in ("cli", "subcommands", "__main__"):
        return
    assert not {name for name in imported(room) if any(name.startswith(f) for f in fronts)}


def test_rooms_import_in_one_direction() -> None:
    prefix = "napari_focus_stack."
    graph = {
        room.stem: {
            name.removeprefix(prefix).split(".")[0]
            for name in imported(room)
            if name.startswith(prefix)
        }
        for room in ROOMS
    }
    assert list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the rooms


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import napari_focus_stack", {"numpy", "cv2", "napari", "tifffile", "skimage", "dask"}),
        (
            "import napari_focus_stack.cli as cli; cli.main([])",
            {"numpy", "cv2", "napari", "tifffile", "skimage", "dask"},
        ),
        (
            "import napari_focus_stack.pipeline, napari_focus_stack.reading",
            VIEWER_ONLY,
        ),
    ],
    ids=["package", "help", "engine"],
)
def test_what_an_import_loads(code: str, absent: set[str]) -> None:
    report = f"{code}\nimport sys; print('loaded:', *sorted({absent!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "loaded:"


def test_public_names_are_what_they_are_called() -> None:
    for name in napari_focus_stack.__all__:
        value = getattr(napari_focus_stack, name)
        if name == "__version__":
            continue
        home = importlib.import_module(value.__module__)
        assert getattr(home, name) is value


def test_every_error_that_the_documentation_names_can_be_caught() -> None:
    for name in ("InputError", "NoImagesError", "OutputError", "SettingsError"):
        assert name in napari_focus_stack.__all__
        assert issubclass(getattr(napari_focus_stack, name), napari_focus_stack.FocusStackError)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'stack'"):
        _ = napari_focus_stack.stack
