"""Pipes, devices, sockets and links that lead nowhere: refused by name, and never waited for."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_focus_stack import open_series, read_stack
from napari_focus_stack.analysis import open_heights
from napari_focus_stack.batch.finding import FoundSeries, LeftOut, find_series_below
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.height_files import read_heights
from napari_focus_stack.io.recipe import Recipe
from napari_focus_stack.io.results_file import read_saved
from napari_focus_stack.io.special_files import special_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(os.name != "posix", reason="no pipes in folders on Windows")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "planes"
    made.mkdir()
    for k in range(3):
        tifffile.imwrite(made / f"p{k}.tif", np.full((8, 9), k, np.uint8))
    return made


@pytest.fixture
def socket_file() -> Iterator[Path]:
    short = Path(tempfile.mkdtemp(dir="/tmp"))  # the name of a socket has 100 characters at most
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(short / "s.tif"))
        yield short / "s.tif"
    shutil.rmtree(short)


def test_what_is_a_file(folder: Path, socket_file: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    kinds = {name: special_kind(folder / name) for name in ("pipe", "p0.tif", "loop", "none")}
    assert kinds == {"pipe": "a pipe", "p0.tif": None, "loop": None, "none": None}
    assert special_kind(folder) is None
    assert special_kind(socket_file) == "a socket"
    assert special_kind(Path(os.devnull)) == "a device"


def test_a_pipe_among_planes(folder: Path) -> None:
    os.mkfifo(folder / "p3.tif")
    for read in (read_stack, open_series):
        with pytest.raises(InputError, match=r"'p3\.tif' cannot be used: it is a pipe"):
            read(folder)
    assert len(read_stack(folder, skip_unreadable=True)) == 3
    [left] = find_series_below(folder)
    assert isinstance(left, LeftOut)
    assert left.is_failure
    assert "it is a pipe" in left.why


@pytest.mark.parametrize(
    "read", [read_stack, open_series, open_heights, read_saved, read_heights, Recipe.read]
)
@pytest.mark.parametrize("suffix", [".tif", ".gsf", ".focusstack", ".czi"])
def test_a_pipe_in_place_of_a_file(tmp_path: Path, read, suffix: str) -> None:
    os.mkfifo(tmp_path / f"pipe{suffix}")
    with pytest.raises(InputError, match="pipe"):
        read(tmp_path / f"pipe{suffix}")


@pytest.mark.parametrize("name", ["zarr.json", ".zattrs"])
def test_a_pipe_in_place_of_a_document(folder: Path, name: str) -> None:
    os.mkfifo(folder / name)
    with pytest.raises(InputError, match="pipe"):
        open_series(folder)


def test_a_link_to_itself_is_a_plane_that_cannot_be_read(folder: Path) -> None:
    (folder / "p3.tif").symlink_to("p3.tif")
    for read in (read_stack, open_series):
        with pytest.raises(InputError, match=r"'p3\.tif' cannot be used"):
            read(folder)
    assert len(read_stack(folder, skip_unreadable=True)) == 3


def test_links_to_folders_above_are_not_followed_for_ever(folder: Path) -> None:
    (folder / "up").symlink_to("..")
    (folder / "same").symlink_to(".")
    found = list(find_series_below(folder.parent))
    assert [one.source for one in found if isinstance(one, FoundSeries)] == ["planes"]
