"""Interrupt the command at random moments, in every way that it works.

    python tests/life/signals.py FOLDER [--times N] [--ways NAME ...] [--seed N]

Each run has a folder of its own below FOLDER. It must end within a second with its documented exit
code and one line at most, and leave neither a file under a temporary name, nor some of its results
without the others, nor a process. Half of the runs get the signal again while they end. A run that
took longer than a second is done again, because other programs may have held it up; processor
seconds are those of all of its processes after the signal.
"""

from __future__ import annotations

import argparse
import os
import pty
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import psutil
import tifffile
from skimage import data

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNALS = ("INT", "TERM", "HUP", "closed terminal")
LONGEST = 1.0
"""Seconds within which a run ends on a machine that does nothing else."""
TRIES = 3
"""Times that a run which took longer is done, for its shortest delay to count."""
INTERRUPTED = 130
ENDING = 0.3
"""Processor seconds within which a run may end of itself as the signal comes."""
QUICK = ["--occlusion", "off"]
COMMAND = [sys.executable, "-m", "napari_focus_stack"]


@dataclass(frozen=True)
class Way:
    """A call of the command.

    Attributes
    ----------
    arguments : callable
        Folder of the inputs and folder of the results to arguments.
    together : bool
        Whether the results appear all together; else one by one.
    """

    arguments: Callable[[Path, Path], list[object]]
    together: bool = True


WAYS = {
    "stack": Way(lambda made, out: [
        "-i", made / "planes", "-o", out / "a.png", "--depth", out / "d.tif",
        "--height", out / "h.tif", "--report", out / "r.json", "--z-step", "1"]),
    "debug": Way(lambda made, out: [
        "-i", made / "planes", "-o", out / "a.tif", "--depth", out / "d.tif", "--debug"]),
    "saved": Way(lambda made, out: ["-i", made / "planes", "-o", out / "a.focusstack"]),
    "series": Way(lambda made, out: ["-i", made / "film.tif", "-o", out / "a.ome.tif", *QUICK]),
    "series zarr": Way(lambda made, out: [
        "-i", made / "film.tif", "-o", out / "a.ome.zarr", *QUICK]),
    "batch": Way(lambda made, out: [
        "batch", made / "root", "-o", out, "--quiet-time", "0", "--workers", "1", *QUICK],
        together=False),
    "batch workers": Way(lambda made, out: [
        "batch", made / "root", "-o", out, "--quiet-time", "0", "--workers", "2", *QUICK],
        together=False),
    "measure": Way(lambda made, out: [
        "measure", made / "a.focusstack", "--texture", "--json", out / "m.json", "--mesh",
        out / "m.stl"], together=False),
    "figure": Way(lambda made, out: ["figure", made / "a.focusstack", "-o", out / "f.png"]),
    "film": Way(lambda made, out: [
        "film", made / "a.focusstack", "-o", out / "f.mp4", "--seconds", "2"]),
    "demo": Way(lambda made, out: ["demo", "-o", out]),
    "bench": Way(lambda made, out: [
        "bench", "--scene", "gravel-hills", "--variant", "still", "--json", out / "b.json"]),
    "info": Way(lambda made, out: ["info", made / "planes"]),
}  # fmt: skip


def render(file: Path | None, seed: int, planes: int = 12, side: int = 512) -> np.ndarray:
    """Return a picture over waves in 16 bits, and write it as a stack."""
    random_numbers = np.random.default_rng(seed)
    picture = cv2.resize(data.gravel(), (side, side)).astype(np.float32) * 150 + 2000
    y, x = np.mgrid[:side, :side]
    depth = (planes - 1) * (0.5 + 0.4 * np.sin(3 * x / side + seed) * np.cos(2 * y / side))
    levels = np.stack([cv2.GaussianBlur(picture, (0, 0), 0.6 * k + 0.3) for k in range(planes)])
    stack = np.empty((planes, side, side), np.uint16)
    for z in range(planes):
        away = np.rint(np.abs(depth - z)).astype(int)[None]
        sharp = np.take_along_axis(levels, away, 0)[0]
        stack[z] = sharp + random_numbers.normal(0, 60, sharp.shape)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"axes": "ZYX", "spacing": 2.0, "unit": "um"}
        tifffile.imwrite(file, stack, imagej=True, metadata=metadata, resolution=(2, 2))
    return stack


def make(folder: Path) -> None:
    """Write the inputs of all ways."""
    (folder / "planes").mkdir(parents=True, exist_ok=True)
    for z, plane in enumerate(render(None, 1)):
        cv2.imwrite(str(folder / "planes" / f"p{z:02}.png"), plane)
    for number in range(6):
        render(folder / "root" / f"s{number}.tif", number, 8, 256)
    film = np.stack([render(None, t, 6, 128) for t in range(8)])[:, :, None]
    metadata = {"axes": "TZCYX", "spacing": 2.0, "unit": "um", "finterval": 60.0}
    tifffile.imwrite(folder / "film.tif", film, imagej=True, metadata=metadata, resolution=(2, 2))
    saved = ["-i", folder / "root" / "s0.tif", "-o", folder / "a.focusstack", "--z-step", "2"]
    subprocess.run([*COMMAND, *map(str, saved)], check=True, stdout=subprocess.DEVNULL)


@dataclass
class Ended:
    """A run that has been interrupted.

    Attributes
    ----------
    code : int
        Exit code, negative if the signal itself ended it.
    wall, cpu : float
        Seconds after the signal.
    said : str
        What it wrote on stderr.
    faults : list of str
        Whatever should not be.
    early : bool
        Whether the signal came before the first line of the program.
    """

    code: int
    wall: float
    cpu: float
    said: str
    faults: list[str] = field(default_factory=list)
    early: bool = False


class Run:
    """One run of the command in a session of its own.

    Parameters
    ----------
    arguments : list
        After the name of the program.
    scratch : pathlib.Path
        Folder for its temporary files.
    terminal : bool
        Whether it has a terminal of its own.
    """

    def __init__(self, arguments: list[object], scratch: Path, *, terminal: bool) -> None:
        self._master, self._scratch = -1, scratch
        self._errors = (scratch.parent / "errors").open("w+b")
        ends: dict[str, object] = {"stdout": subprocess.DEVNULL, "stderr": self._errors}
        slave = -1
        if terminal:
            self._master, slave = pty.openpty()
            ends = dict.fromkeys(("stdin", "stdout", "stderr"), slave)
        self._session = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            env={**os.environ, "TMPDIR": str(scratch), "PYTHONFAULTHANDLER": ""},
            start_new_session=True,
            preexec_fn=_take_terminal if terminal else _heed_signals,
            **ends,  # type: ignore[arg-type]
        )
        if terminal:
            os.close(slave)

    def interrupt(self, kind: str) -> None:
        """Send a signal, or close the terminal."""
        if kind != "closed terminal":
            self._session.send_signal(signal.Signals[f"SIG{kind}"])
        elif self._master >= 0:
            os.close(self._master)
            self._master = -1
        else:
            self._session.send_signal(signal.SIGHUP)

    def cpu(self) -> float:
        """Return the processor seconds of its processes so far."""
        found = 0.0
        for process in self.processes():
            try:
                times = process.cpu_times()
            except psutil.Error:
                continue
            found += times.user + times.system
        return found

    def processes(self) -> list[psutil.Process]:
        """Return all that run in the session, or with its folder of temporary files."""
        found = []
        for process in psutil.process_iter():
            try:
                same = os.getsid(process.pid) == self._session.pid
                if same and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self._session.poll()

    def wait(self) -> int:
        """Wait for the end; a run that does not end is killed."""
        try:
            return self._session.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._session.pid, signal.SIGKILL)
            return self._session.wait()

    def said(self) -> str:
        """Return what it wrote on stderr."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def close(self) -> None:
        """End what is left of it."""
        for process in self.processes():
            process.kill()
        if self._master >= 0:
            os.close(self._master)
        self._errors.close()


def _heed_signals() -> None:
    """Undo what `nohup`, or a shell that starts this script in the background, has done."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _take_terminal() -> None:
    """Make the terminal of a new session its controlling one."""
    import fcntl
    import termios

    _heed_signals()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def interrupted(
    way: Way, made: Path, folder: Path, kind: str, delay: float, again: float | None
) -> Ended | None:
    """Run a way, and interrupt it after a delay; None if it ended before."""
    shutil.rmtree(folder, ignore_errors=True)
    out, scratch = folder / "out", folder / "tmp"
    out.mkdir(parents=True)
    scratch.mkdir()
    run = Run(way.arguments(made, out), scratch, terminal=kind == "closed terminal")
    try:
        time.sleep(delay)
        if run.poll() is not None:
            return None
        used, asked = run.cpu(), time.monotonic()
        last = used
        run.interrupt(kind)
        repeat = None if again is None else asked + again
        while run.poll() is None and time.monotonic() < asked + 30:
            last = max(last, run.cpu())
            if repeat is not None and time.monotonic() > repeat:
                run.interrupt(kind)
                repeat = None
            time.sleep(0.03)
        code = run.wait()
        ended = Ended(code, time.monotonic() - asked, last - used, run.said())
        time.sleep(0.05)
        ended.faults = faults(way, run, ended, kind, out, scratch)
        return ended
    finally:
        run.close()


def faults(way: Way, run: Run, ended: Ended, kind: str, out: Path, scratch: Path) -> list[str]:
    """Return whatever should not be after a run was interrupted."""
    found = []
    number = signal.Signals["SIGHUP" if kind == "closed terminal" else f"SIG{kind}"]
    left = [str(p.relative_to(out)) for p in out.rglob("*")]
    ended.early = (
        "napari_focus_stack" not in ended.said
        and not left
        and (ended.code == -number or "KeyboardInterrupt" in ended.said)
    )
    if not ended.early:
        if ended.code not in (INTERRUPTED, 0):
            found.append(f"exit code {ended.code}")
        if ended.code == 0 and ended.cpu > ENDING:
            found.append("went on")
        if "Traceback" in ended.said or "Exception ignored" in ended.said:
            found.append("traceback")
        elif len(ended.said.splitlines()) > 1:
            found.append("more than one line")
    # each of the programs that want a processor gets its share of one
    if ended.wall > LONGEST * max(1, os.getloadavg()[0] / (os.cpu_count() or 1)):
        found.append("slow")
    hidden = [name for name in left if ".part" in name or name.endswith(".working")]
    hidden += [name for name in left if way.together and name.startswith(".")]
    if hidden:
        found.append(f"temporary name {hidden[:2]}")
    if way.together and ended.code != 0 and not hidden and (shown := _outputs(way, out)):
        found += [f"only {sorted(shown[0])} of {sorted(shown[1])}"] if shown[0] != shown[1] else []
    if list(scratch.rglob("*")):
        found.append(f"temporary {[p.name for p in scratch.iterdir()]}")
    for process in run.processes():
        found.append(f"process {process.name()}")
    return found


def _outputs(way: Way, out: Path) -> tuple[set[str], set[str]] | None:
    """Return the results that are there and those that there should be; None if none is."""
    wanted = {
        str(part.relative_to(out))
        for part in way.arguments(Path("made"), out)
        if isinstance(part, Path) and part.is_relative_to(out) and part != out
    }
    there = {name for name in wanted if (out / name).exists()}
    return (there, wanted) if there else None


def duration(way: Way, made: Path, folder: Path) -> float:
    """Return the seconds that a way takes when it is left alone."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "out").mkdir(parents=True)
    arguments = [str(part) for part in way.arguments(made, folder / "out")]
    start = time.monotonic()
    done = subprocess.run([*COMMAND, *arguments], stdout=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, arguments
    return time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--times", type=int, default=10, help="runs for each way and signal")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), metavar="NAME")
    parser.add_argument("--signals", nargs="+", choices=SIGNALS, default=SIGNALS, metavar="NAME")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    call = parser.parse_args()
    made, moments = call.folder / "made", random.Random(call.seed)
    print(f"seed {call.seed}")
    if not (made / "a.focusstack").exists():
        make(made)
    wrong: Counter[str] = Counter()
    print("| way | signal | runs | before the program | longest s | its CPU s | faults |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for name in call.ways:
        whole = duration(WAYS[name], made, call.folder / "run")
        for kind in call.signals:
            wrong += row(name, kind, whole, call.times, made, call.folder / "run", moments)
    if wrong:
        sys.exit(f"faults: {dict(wrong)}")


def row(
    name: str, kind: str, whole: float, times: int, made: Path, folder: Path, moments: random.Random
) -> Counter[str]:
    """Interrupt a way at random moments, print what became of it, and return the faults."""
    found: Counter[str] = Counter()
    slowest, early, count = Ended(0, 0, 0, ""), 0, 0
    while count < times:
        delay = moments.uniform(0.01, whole)
        again = moments.uniform(0.0, 0.3) if moments.random() < 0.5 else None
        tries = (interrupted(WAYS[name], made, folder, kind, delay, again) for _ in range(TRIES))
        best: Ended | None = None
        for ended in tries:
            if ended is None:
                continue
            best = ended if best is None or ended.wall < best.wall else best
            if best.faults != ["slow"]:
                break
        if best is None:
            whole *= 0.9  # the machine is less busy than it was
            continue
        count += 1
        early += best.early
        slowest = max(slowest, best, key=lambda one: one.wall)
        for fault in best.faults:
            print(f"  {name}, {kind} after {delay:.2f} s of {whole:.1f}: {fault}; {best.wall:.2f} s"
                  f", code {best.code}\n{best.said}", file=sys.stderr, flush=True)  # fmt: skip
            found[f"{name}: {fault}"] += 1
    print(f"| {name} | {kind} | {count} | {early} | {slowest.wall:.2f} | {slowest.cpu:.2f} "
          f"| {sum(found.values())} |", flush=True)  # fmt: skip
    return found


if __name__ == "__main__":
    main()
