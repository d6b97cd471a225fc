"""Files that replace others by renaming."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.replacing import os_errors, put_in_place
from napari_focus_stack.series.own_files import removed

NAMES = ("image", "depth")


@pytest.mark.parametrize("moves", range(1, 2 * len(NAMES) + 1))
def test_an_interrupt_after_any_move_brings_everything_back(moves, tmp_path, monkeypatch):
    places = [tmp_path / name for name in NAMES]
    files = [(place.with_suffix(".part"), place) for place in places]
    for temporary, place in files:
        place.write_text("before")
        temporary.write_text("after")
    interrupt_after(moves, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        put_in_place(files)
    assert {place.read_text() for place in places} == {"before"}
    assert {file.stem for file in tmp_path.iterdir()} == set(NAMES)


@pytest.mark.parametrize("vanishes", ["before", "while it is moved"])
@pytest.mark.parametrize("there", ["nothing", "a file", "a locked file", "a folder"])
def test_what_lay_in_the_place_of_a_file_that_vanished_stays(
    there, vanishes, tmp_path, monkeypatch
):
    places = [tmp_path / name for name in NAMES]
    files = [(place.with_suffix(".part"), place) for place in places]
    for temporary, place in files:
        temporary.write_text("after")
        place.write_text("before")
    gone, last = files[-1]
    if there in ("nothing", "a folder"):
        last.unlink()
    if there == "a folder":
        last.mkdir()
        (last / "report").write_text("before")
    found = {
        file: file.read_bytes()
        for file in tmp_path.rglob("*")
        if file.suffix != ".part" and file.is_file()
    }
    real = Path.replace

    def replace(path: Path, target: Path) -> Path:
        if there == "a locked file" and path == last:
            gone.unlink(missing_ok=True)
            raise PermissionError(errno.EACCES, "it is open in another program")
        if path == gone:
            gone.unlink(missing_ok=True)
        return real(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    if vanishes == "before":
        gone.unlink()
    with pytest.raises(OutputError, match="cannot be written"):
        put_in_place(files)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == found


def test_an_interrupt_brings_removed_files_back(tmp_path, monkeypatch):
    places = [tmp_path / name for name in NAMES]
    for place in places:
        place.touch()
    interrupt_after(2, monkeypatch)
    with pytest.raises(KeyboardInterrupt), removed(places):
        pass
    assert set(tmp_path.iterdir()) == set(places)


def interrupt_after(moves: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a signal come when a file has been moved, before anything can be noted."""
    real, count = Path.replace, 0

    def replace(path: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        moved = real(path, target)
        if count == moves:
            raise KeyboardInterrupt
        return moved

    monkeypatch.setattr(Path, "replace", replace)


@pytest.mark.parametrize(
    ("number", "full"),
    [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EROFS, False), (errno.EACCES, False)],
)
def test_only_a_full_disk_is_to_be_freed(number, full):
    with (
        pytest.raises(OutputError, match="choose another folder") as refused,
        os_errors(Path("sharp.png")),
    ):
        raise OSError(number, os.strerror(number))
    assert ("free the disk" in str(refused.value)) is full
