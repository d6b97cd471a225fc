"""Judgement of one input: read, refused in one clear line, or a finding."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import sysconfig
import tempfile
import time
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.testing  # noqa: F401 - numpy 2.0 starts lscpu here, which readers must not

import napari_focus_stack
from napari_focus_stack.errors import FocusStackError, can_be_seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType, TracebackType

    from hostile.kinds import Kind

READ, REFUSED = "read", "refused"
MOST_SECONDS = 10.0
"""Seconds of CPU time that an input may take, beside those in which its pixels are read."""
_BYTES_A_SECOND = 8e6
"""Of pixels in many small chunks."""
_FREE_MEMORY = 200 << 20
_LONGEST_MESSAGE = 1000
"""Letters of a sentence with three names of files, each as long as a disk allows."""
_UNCLEAR = re.compile(
    r"Unable to allocate|Traceback|<[\w.]+(?: object)? at 0x|<tifffile|cv2\.error"
    r"|(?<!['\w/])b'[ -~]*'|NoneType|'\w+' object|not supported between|unsupported operand"
    r"|(?<!['\w])None\b"
)
"""What a message shows of a program's inside and not of a file."""
_OWN = str(Path(napari_focus_stack.__file__).parent)
_LIBRARIES = tuple(
    str(path)
    for path in {
        *(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")),
        Path(sys.prefix),
        Path(sys.base_prefix, "share"),
        Path(sys.base_prefix, "lib"),
        Path(_OWN).parent,
        Path(__file__).parent,
        *map(
            Path,
            ("/proc", "/sys", "/dev", "/etc/localtime", "/usr/share/zoneinfo", "/etc/mime.types"),
        ),
    }
)


_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto", "urllib.")
_OWN_ADDRESS = ("::1", 0)
"""What urllib3 binds for a moment when it is imported, to see whether there is IPv6."""
_REFUSED = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.symlink")
_OWN_SCHEMAS = tuple(f"file://{place}" for place in _LIBRARIES)
_CHANGES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.link")
"""Events of Python's audit that no reader has a reason for, and those that its folder may see."""

_IGNORED: tuple[dict[str, Any], ...] = (
    {"message": "overflow", "category": RuntimeWarning, "module": r"zarr\.core\.dtype"},
    {"message": "Numcodecs codecs", "category": UserWarning},
    {"module": r"(czifile|nd2)(\.|$)"},
    {"module": r"PIL\.TiffImagePlugin"},
)
"""Warnings of `io.library_warnings`, which counts for no filters that come later."""


@dataclass(frozen=True)
class Verdict:
    """What became of an input.

    Attributes
    ----------
    outcome : str
        "read", "refused", or the kind of a finding.
    place : str
        What tells findings apart: the exception and our innermost frame.
    detail : str
        Message or traceback.
    """

    outcome: str
    place: str = ""
    detail: str = ""

    @property
    def is_finding(self) -> bool:
        return self.outcome not in (READ, REFUSED)


class Trespass(BaseException):
    """Access to the network, another program, or files that are not the input's."""


class Guard:
    """Stop any access beyond a folder while an input is opened.

    An audit hook of Python stays for the life of its process; it acts only between `allowed`.
    """

    def __init__(self) -> None:
        self._folder: str | None = None
        self._temporary = False
        self.seen: list[str] = []
        tempfile.gettempdir()  # looked for now: in the hook below, the search would await itself
        sys.dont_write_bytecode = True  # of what is imported late, which is no trespass
        sys.addaudithook(self._check)

    @contextlib.contextmanager
    def only(self, folder: Path, *, temporary: bool = False) -> Iterator[None]:
        self._folder, self._temporary, self.seen = str(folder), temporary, []
        try:
            yield
        finally:
            self._folder = None

    def _check(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._folder is None:
            return
        if event == "urllib.Request" and str(arguments[0]).startswith(_OWN_SCHEMAS):
            return  # schemas of xmlschema, which bioio imports
        if event in _CHANGES and self._is_inside(os.path.abspath(str(arguments[0]))):
            return
        if event == "socket.bind" and arguments[1] == _OWN_ADDRESS:
            return
        if event in (*_REFUSED, *_CHANGES) or event.startswith(_NETWORK):
            self._stop(f"{event} {arguments}")
        elif event == "open" and isinstance(arguments[0], str | bytes):
            self._check_open(os.fsdecode(arguments[0]), arguments[2])

    def _check_open(self, path: str, flags: object) -> None:
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        place = os.path.abspath(path)
        inside = self._is_inside(place)
        if writes and not inside and place != os.devnull:
            self._stop(f"writes {path}")
        elif not inside and not path.startswith("<") and not place.startswith(_LIBRARIES):
            self._stop(f"reads {path}")

    def _is_inside(self, place: str) -> bool:
        """Return whether a path is in the folder, or a temporary one where these are allowed."""
        folders = [str(self._folder), *([tempfile.gettempdir()] if self._temporary else [])]
        return any(place == one or place.startswith(f"{one}{os.sep}") for one in folders)

    def _stop(self, what: str) -> None:
        self.seen.append(what)
        raise Trespass(what)


def judged(kind: Kind, path: Path, guard: Guard) -> Verdict:
    """Open an input as a user does, and judge what happens."""
    before = _resident_after_reset()
    started = time.process_time()
    declared = pixels = 0
    with (
        warnings.catch_warnings(record=True) as warned,
        guard.only(path.parent, temporary=kind.temporary),
    ):
        warnings.simplefilter("always")
        for filtered in _IGNORED:
            warnings.filterwarnings("ignore", **filtered)
        try:
            for size in kind.open(path):
                declared, pixels = max(declared, size), pixels + size
            verdict = Verdict(READ)
        except FocusStackError as problem:
            verdict = _refusal(problem)
        except BaseException as problem:  # noqa: BLE001 - any other exception is a finding
            verdict = _unexpected(problem)
    seconds, grown = time.process_time() - started, _peak() - before
    if guard.seen:
        return Verdict("trespass", guard.seen[0].split()[0], f"{guard.seen[0]}\n{verdict.detail}")
    if verdict.is_finding:
        return verdict
    if seconds > MOST_SECONDS + pixels / _BYTES_A_SECOND:
        return Verdict("slow", "", f"{seconds:.1f} s; {verdict.outcome}: {verdict.detail}")
    if grown > 2 * declared + _FREE_MEMORY:
        sizes = f"{grown >> 20} MB for {declared >> 20} MB declared"
        return Verdict("memory", "", f"{sizes}; {verdict.outcome}: {verdict.detail}")
    if warned:
        first = warned[0]
        where = f"{first.category.__name__} {Path(first.filename).name}:{first.lineno}"
        return Verdict("warning", where, str(first.message))
    return verdict


def _refusal(problem: FocusStackError) -> Verdict:
    """Judge the message of an error for the user."""
    message = str(problem)
    unclear = _UNCLEAR.search(message)
    is_seen = message.strip() and all(map(can_be_seen, message))
    if not is_seen or len(message) > _LONGEST_MESSAGE:
        return Verdict("message", f"shape {_place(problem)}", message)
    if unclear is not None:
        return Verdict("message", f"{unclear.group()} {_place(problem)}", message)
    return Verdict(REFUSED, detail=message)


def _unexpected(problem: BaseException) -> Verdict:
    lines = "".join(traceback.format_exception(problem))
    return Verdict("traceback", f"{type(problem).__name__} {_place(problem)}", lines)


def _place(problem: BaseException) -> str:
    """Return our innermost frame."""
    own = [_frame(frame) for frame in _frames(problem.__traceback__) if _is_own(frame)]
    return own[-1] if own else "outside"


def _frames(trace: TracebackType | None) -> Iterator[FrameType]:
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _is_own(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_OWN)


def _frame(frame: FrameType) -> str:
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_qualname}"


def _resident_after_reset() -> int:
    """Forget the largest resident memory so far, and return the present one; 0 beyond Linux."""
    if not sys.platform.startswith("linux"):
        return 0
    # "5" resets the peak alone, as proc(5) says
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    """Return the largest resident memory in bytes; 0 beyond Linux."""
    if not sys.platform.startswith("linux"):
        return 0
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) << 10
    return 0
