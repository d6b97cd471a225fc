"""Results on disk for the case of a sudden end: bounded, of each session apart, for one user."""

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_focus_stack._napari.io import recovery
from napari_focus_stack._napari.io.recovery import RecoveryFolder, discard, sudden_ends
from napari_focus_stack.errors import InputError, OutputError
from napari_focus_stack.io.results_file import SavedResult, read_saved

OTHER = """
import os, signal, sys
from pathlib import Path
import numpy as np
from napari_focus_stack._napari.io import recovery
from napari_focus_stack.io.results_file import SavedResult
recovery.recovery_place = lambda: Path(sys.argv[1])
folder = recovery.RecoveryFolder()
def result(k):
    return lambda file: SavedResult("depth", f"d{k}", np.full((9, 8), k, np.float32))
folder.update({k: result(k) for k in (0, 1)}, [])
print("written", flush=True)
{end}
"""
KILLED = "os.kill(os.getpid(), getattr(signal, 'SIGKILL', signal.SIGTERM))"


def session(end=KILLED):
    """Another process that keeps two results and ends."""
    command = [sys.executable, "-c", OTHER.replace("{end}", end), str(recovery.recovery_place())]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ended(end=KILLED):
    with session(end) as process:
        process.stdin.close()
        process.wait(60)


def result(value=7, side=9):
    made = SavedResult("height", "h", np.full((side, side), value, np.float32))
    return lambda file: made


@pytest.fixture
def folder():
    made = RecoveryFolder()
    yield made
    made.close()


def test_what_a_killed_session_kept_is_there_with_every_value():
    ended()
    [left] = sudden_ends()
    images = [image for file in left.files for image in read_saved(file)]
    assert [image.name for image in images] == ["d0", "d1"]
    for k, image in enumerate(images):
        np.testing.assert_array_equal(image.array, np.full((9, 8), k, np.float32))
    discard(left)
    assert sudden_ends() == []
    assert os.listdir(recovery.recovery_place()) == []


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise ValueError", "folder.close()"])
def test_a_session_that_ends_in_order_leaves_nothing(end):
    ended(end)
    assert os.listdir(recovery.recovery_place()) == []


def test_results_that_cannot_be_listed_now_are_offered_later(monkeypatch):
    ended()

    def broken(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(recovery, "_files", broken)
        assert sudden_ends() == []
    [left] = sudden_ends()
    assert len(left.files) == 2
    discard(left)


def test_results_that_cannot_be_moved_stay_where_they_were(folder, monkeypatch):
    ended()
    [left] = sudden_ends()
    folder.update({0: result()}, [])
    move = Path.replace

    def fails_at_the_second(file, target):
        if file == left.files[1]:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return move(file, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fails_at_the_second)
        with pytest.raises(OutputError) as shown:
            folder.take_over(left, 1)
    folder.close()
    assert [again.files for again in sudden_ends()] == [left.files]
    assert shown.traceback, "the error was kept until here, as one that is shown"
    discard(left)


def test_sessions_at_the_same_time_leave_each_other_alone(folder):
    folder.update({0: result()}, [])
    with session("sys.stdin.read()\n" + KILLED) as other:
        assert other.stdout.readline() == "written\n"
        assert sudden_ends() == []
        folder.update({}, [0])
        folder.close()
        assert len(list(recovery.recovery_place().glob("*/*.focusstack"))) == 2
        other.stdin.close()
        other.wait(60)
    [left] = sudden_ends()
    first, second = RecoveryFolder(), RecoveryFolder()
    moved = first.take_over(left, 5)
    assert [read_saved(moved[number])[0].name for number in (5, 6)] == ["d0", "d1"]
    with pytest.raises(InputError, match="Another window"):
        second.take_over(left, 0)
    assert sudden_ends() == []
    for one in (first, second):
        one.close()
    assert os.listdir(recovery.recovery_place()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes; its caches are a user's")
def test_the_folder_is_for_its_user_alone(folder):
    folder.update({0: result()}, [])
    place = folder.file(0).parent
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_the_oldest_make_room(folder, monkeypatch):
    monkeypatch.setattr(recovery, "LARGEST", 10_000)
    ended()
    for number in range(4):
        assert folder.update({number: result(side=30)}, []) == []  # 3600 bytes, and metadata
        os.utime(folder.file(number), (number, number))
    assert [folder.file(number).exists() for number in range(4)] == [False, False, True, True]
    assert sudden_ends() == []
    [problem] = folder.update({9: result(side=60)}, [])
    assert "needs 1 MB, more than the disk has left" in problem


def test_a_full_disk_takes_no_results_and_keeps_the_former_ones(folder, monkeypatch):
    folder.update({0: result()}, [])
    monkeypatch.setattr(recovery, "SPARED", 10**18)
    [problem] = folder.update({0: result(8)}, [])
    assert "more than the disk has left" in problem
    assert (read_saved(folder.file(0))[0].array == 7).all()


def test_a_place_that_cannot_be_written_is_a_problem_and_no_error(folder, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(recovery, "recovery_place", lambda: tmp_path / "file" / "recovery")
    [problem] = RecoveryFolder().update({0: result()}, [])
    assert "cannot be written" in problem
    assert sudden_ends() == []


def test_results_of_long_ago_are_removed():
    ended()
    long_ago = time.time() - recovery.LONGEST - 60
    for file in sudden_ends()[0].files:
        os.utime(file, (long_ago, long_ago))
    assert sudden_ends() == []
    assert os.listdir(recovery.recovery_place()) == []
