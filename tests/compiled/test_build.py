"""The build hook compiles the kernels, or says why it did not and leaves a package that works."""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
from pathlib import Path

import pytest

from napari_focus_stack._compiled.library import _up_to_date

pytest.importorskip("hatchling")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def hook():
    """Return the module of the build hook."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Application:
    """The part of Hatch's application that the hook uses."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def display_warning(self, text: str) -> None:
        self.warnings.append(text)


def built(hook, root: Path) -> tuple[dict, list[str], object]:
    """Return what the hook leaves in the build's data, its warnings, and the hook."""
    data, application = {"artifacts": [], "pure_python": True}, Application()
    made = hook.KernelBuildHook(str(root), {}, None, None, "", "", application)
    made.initialize("standard", data)
    return data, application.warnings, made


@pytest.fixture
def sources(tmp_path: Path, hook) -> Path:
    """Return a project that has nothing but the sources of the kernels."""
    shutil.copytree(
        ROOT / hook.SOURCES, tmp_path / hook.SOURCES, ignore=shutil.ignore_patterns("kernels*")
    )
    return tmp_path


def test_a_compiler_makes_libraries_that_load(sources, hook):
    if hook.system_compiler() is None:
        pytest.skip("no C compiler here")
    data, warnings, made = built(hook, sources)
    assert not warnings
    assert made.dependencies() == []
    assert data["tag"].startswith("py3-none-")
    assert not data["pure_python"]
    plain = hook.SOURCES / f"kernels{hook.library_suffix()}"
    assert str(plain) in data["artifacts"]
    library = ctypes.CDLL(str(sources / plain))
    assert library.fold is not None
    assert _up_to_date(library, sources / hook.SOURCES) is library
    (sources / hook.SOURCES / "bands.c").write_text("/* changed */")
    with pytest.warns(UserWarning, match="pip install -e"):
        assert _up_to_date(library, sources / hook.SOURCES) is None


def test_without_a_compiler_zig_is_fetched(hook, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    assert hook.KernelBuildHook("", {}, None, None, "", "").dependencies() == [hook.ZIG]


def test_what_does_not_compile_leaves_a_pure_package(sources, hook):
    (sources / hook.SOURCES / "bands.c").write_text("this is no C")
    data, warnings, _ = built(hook, sources)
    assert "NumPy takes their place" in warnings[0]
    assert data == {"artifacts": [], "pure_python": True}
