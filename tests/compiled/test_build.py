"""The build hook compiles the kernels, or says why it did not and leaves a package that works."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest
from packaging.tags import mac_platforms

from napari_focus_stack._compiled.library import _loaded

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
        ROOT / hook.SOURCES,
        tmp_path / hook.SOURCES,
        ignore=shutil.ignore_patterns("kernels*", "__pycache__"),
    )
    return tmp_path


@pytest.mark.long  # `.ci/kernels.py` compiles them in CI, too
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
    assert {path.suffix for path in (sources / hook.SOURCES).iterdir()} == {
        ".c",
        ".h",
        ".py",
        plain.suffix,
    }
    assert _loaded(sources / plain).fold is not None
    (sources / hook.SOURCES / "bands.c").write_text("/* changed */")
    with pytest.warns(UserWarning, match="pip install -e"):
        assert _loaded(sources / plain) is None


def test_a_level_that_a_compiler_does_not_have_is_left_out(sources, hook, monkeypatch):
    if hook.system_compiler() is None:
        pytest.skip("no C compiler here")
    monkeypatch.setattr(hook, "LEVELS", {"": None, "-new": "no-such-processor"})
    monkeypatch.setattr(hook.platform, "machine", lambda: "x86_64")
    data, warnings, _ = built(hook, sources)
    assert [Path(path).stem for path in data["artifacts"]] == ["kernels"]
    assert "kernels-new" in warnings[0]


def test_a_library_of_another_system_is_left_out(tmp_path):
    library = tmp_path / "kernels.so"
    library.write_bytes(b"no library")
    with pytest.warns(UserWarning, match=r"kernels\.so.*cannot be loaded"):
        assert _loaded(library) is None


def test_without_a_compiler_zig_is_fetched(hook, monkeypatch):
    monkeypatch.setenv("CC", "no-such-compiler")
    made = hook.KernelBuildHook("", {}, None, None, "", "")
    assert made.dependencies() == [hook.ZIG]
    monkeypatch.setenv(hook.SWITCH, "0")
    assert made.dependencies() == []


def test_what_does_not_compile_leaves_a_pure_package(sources, hook):
    (sources / hook.SOURCES / "bands.c").write_text("this is no C")
    data, warnings, _ = built(hook, sources)
    assert "NumPy takes their place" in warnings[-1]
    assert data == {"artifacts": [], "pure_python": True}


def test_kernels_can_be_left_out(sources, hook, monkeypatch):
    monkeypatch.setenv(hook.SWITCH, "0")
    assert built(hook, sources)[:2] == ({"artifacts": [], "pure_python": True}, [])


@pytest.mark.parametrize(
    ("python", "machine", "tag"),
    [
        ("macosx-10.13-universal2", "arm64", "macosx_11_0_arm64"),
        ("macosx-10.13-universal2", "x86_64", "macosx_10_13_x86_64"),
        ("macosx-11.1-arm64", "arm64", "macosx_11_0_arm64"),
        ("macosx-14-arm64", "arm64", "macosx_14_0_arm64"),
        ("macosx-12.3-x86_64", "x86_64", "macosx_12_0_x86_64"),
        ("linux-x86_64", "x86_64", "linux_x86_64"),
        ("win-amd64", "AMD64", "win_amd64"),
    ],
)
def test_the_tag_is_one_that_pip_accepts(hook, monkeypatch, python, machine, tag):
    monkeypatch.setattr(hook.sys, "platform", "darwin" if "mac" in python else "linux")
    monkeypatch.setattr(hook.sysconfig, "get_platform", lambda: python)
    monkeypatch.setattr(hook.platform, "machine", lambda: machine)
    found = hook.platform_tag()
    assert found == tag
    if "mac" in python:  # what the compiler is given is what the tag promises
        assert hook.oldest_macos().replace(".", "_") in tag
        assert found in set(mac_platforms((15, 0), machine))
