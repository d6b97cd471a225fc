"""Encoding of films as MP4, frame by frame."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING, Protocol

import cv2

from napari_focus_stack._utils.memory import temporary_files
from napari_focus_stack.errors import OutputError
from napari_focus_stack.io.replacing import os_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

H264, MPEG4 = "H.264", "MPEG-4 Part 2"
"""Codecs: the first by ffmpeg with libx264, which plays everywhere, browsers included; the second
by OpenCV, which plays in PowerPoint, QuickTime and VLC, and not in browsers."""


class Encoder(Protocol):
    """Film that is being written."""

    codec: str

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a frame.

        Parameters
        ----------
        frame : numpy.ndarray
            (Y, X, 3) uint8 RGB.
        """


@contextlib.contextmanager
def encoder(temporary: Path, path: Path, size: tuple[int, int], fps: float) -> Iterator[Encoder]:
    """Write a film, by ffmpeg if it is installed with libx264, or else by OpenCV.

    Parameters
    ----------
    temporary : pathlib.Path
        File to write, with the suffix `.mp4`, by which OpenCV selects the format.
    path : pathlib.Path
        Its place later, for messages.
    size : tuple of int
        Width and height, even numbers.
    fps : float
        Frames a second.

    Yields
    ------
    Encoder
        Takes the frames; the film is complete when the block ends.

    Raises
    ------
    OutputError
        The film cannot be written.
    """
    with os_errors(path):  # a folder that is missing or full, before the encoder's own messages
        temporary.touch()
    program = _ffmpeg()
    with (
        _opencv(temporary, path, size, fps)
        if program is None
        else _piped(program, temporary, path, size, fps)
    ) as opened:
        yield opened


def _ffmpeg() -> str | None:
    """Return the path of ffmpeg if it encodes H.264."""
    program = shutil.which("ffmpeg")
    if program is None:
        return None
    try:
        listed = subprocess.run(
            [program, "-hide_banner", "-encoders"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return program if b"libx264" in listed.stdout else None


class _Piped:
    """Film that ffmpeg encodes."""

    codec = H264

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a frame."""
        assert self._process.stdin is not None
        self._process.stdin.write(frame.tobytes())


@contextlib.contextmanager
def _piped(
    program: str, temporary: Path, path: Path, size: tuple[int, int], fps: float
) -> Iterator[Encoder]:
    """Write a film by ffmpeg."""
    arguments = [
        *(program, "-hide_banner", "-loglevel", "error", "-y"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}"),
        *("-r", f"{fps:g}", "-i", "pipe:0", "-an"),
        # 4:2:0 is all that QuickTime and PowerPoint decode; with the matrix of its size named,
        # colours do not depend on the player's guess
        *("-vf", "scale=out_color_matrix=bt709:out_range=tv", "-pix_fmt", "yuv420p"),
        *("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"),
        *("-c:v", "libx264", "-crf", "18", "-movflags", "+faststart", "-f", "mp4"),
        f"file:{temporary}",
    ]
    with temporary_files():
        # a pipe that nothing reads would block at 64 KB
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the block that follows
    with errors:
        process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors
        )
        try:
            with contextlib.suppress(BrokenPipeError):  # ffmpeg ended; its message follows
                yield _Piped(process)
            _close(process)
        finally:
            if process.poll() is None:
                process.kill()
            _close(process)
        if process.returncode != 0:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()
            why = said[-1] if said else f"ffmpeg ended with code {process.returncode}"
            raise OutputError(f"'{path}' cannot be written: {why}; choose another folder or size.")


def _close(process: subprocess.Popen[bytes]) -> None:
    """Close the pipe of a process and wait for its end."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    process.wait()


class _OpenCv:
    """Film that OpenCV encodes."""

    codec = MPEG4

    def __init__(self, writer: cv2.VideoWriter) -> None:
        self._writer = writer

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a frame."""
        self._writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))


@contextlib.contextmanager
def _opencv(temporary: Path, path: Path, size: tuple[int, int], fps: float) -> Iterator[Encoder]:
    """Write a film by OpenCV."""
    with _silent():
        writer = cv2.VideoWriter(
            str(temporary), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), fps, size
        )
        try:
            if not writer.isOpened():
                raise OutputError(
                    f"'{path}' cannot be written: this OpenCV encodes no MP4; install ffmpeg."
                )
            yield _OpenCv(writer)
        finally:
            writer.release()


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep OpenCV's own messages from the terminal: an error of ours says what happened."""
    # at the top in OpenCV 4, where OpenCV 5 has it not
    set_level = cv2.setLogLevel if hasattr(cv2, "setLogLevel") else cv2.utils.logging.setLogLevel
    before = set_level(0)  # silent
    try:
        yield
    finally:
        set_level(before)


def frames_in(path: Path) -> int:
    """Return the number of frames in a film.

    Parameters
    ----------
    path : pathlib.Path
        An MP4 file.

    Returns
    -------
    int
        0 if it cannot be read.
    """
    with _silent():
        film = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        try:
            return max(0, round(film.get(cv2.CAP_PROP_FRAME_COUNT))) if film.isOpened() else 0
        finally:
            film.release()
