"""Two commits on the same stacks, in pairs: time, memory, and whether their results differ.

    python benchmarks/compare.py OLD NEW [--stacks FOLDER ...] [--repeats N]

Each commit is checked out into a temporary worktree and installed by its own build into a folder of
its own, which is all that differs between the runs; the interpreter that runs this script has to
have the dependencies of both. Every repeat runs OLD, then NEW, and ratios are taken within such a
pair, because the speed of a shared machine varies more than most changes do. A first run of each
brings the files into the system's cache and does not count.

Without `--stacks`, four are rendered. The table goes to stdout as Markdown, progress to stderr. A
slow-down changes no exit code; in a workflow of GitHub it becomes a warning.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile
from hilly_stack import render
from measured_command import Usage, measured_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).parents[1]
STACKS: dict[str, tuple[float, int, Mapping[str, bool]]] = {
    "12 planes of 0.26 MP": (0.26, 12, {}),
    "20 planes of 2 MP": (2, 20, {}),
    "12 planes of 2 MP, colour, JPEG": (2, 12, {"colour": True}),
    "12 planes of 0.5 MP, occluded": (0.5, 12, {"occluded": True}),
}
"""Megapixels, planes and kind of the stacks that are rendered, by name."""
SLOWER = 1.03
"""Ratio of processor time from which a commit is said to be slower, if it was in every pair."""
RESULTS = {"image": "grey levels", "depth": "planes"}


@dataclass(frozen=True)
class Commit:
    """A revision as it was given, and the folder in which it is installed."""

    name: str
    installed: Path

    def run(self, stack: Path, results: Path) -> Usage:
        """Stack a folder of planes into the files of `RESULTS`."""
        results.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "napari_focus_stack", "-i", str(stack)]
        command += ["-o", str(results / "image.tif"), "--depth", str(results / "depth.tif")]
        return measured_run(command, os.environ | {"PYTHONPATH": str(self.installed)})


@dataclass(frozen=True)
class Ratio:
    """NEW over OLD: the median of all pairs, the least and the largest."""

    median: float
    least: float
    largest: float

    @classmethod
    def of(cls, pairs: Sequence[tuple[float, float]]) -> Ratio:
        ratios = [new / old for old, new in pairs]
        return cls(statistics.median(ratios), min(ratios), max(ratios))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f} to {self.largest:.2f})"


@contextlib.contextmanager
def checked_out(revision: str, folder: Path) -> Iterator[None]:
    """Have a worktree of a revision in a folder."""
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(folder), revision], check=True)
    try:
        yield
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def install(revision: str, folder: Path) -> Commit:
    """Build and install a revision, and make sure that it is what the interpreter imports."""
    print(f"installing {revision}", file=sys.stderr)
    commit = Commit(revision, folder / "installed")
    with checked_out(revision, folder / "worktree"):
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        subprocess.run([*command, str(commit.installed), str(folder / "worktree")], check=True)
    where = "import napari_focus_stack as package; print(package.__file__)"
    environment = os.environ | {"PYTHONPATH": str(commit.installed)}
    found = subprocess.check_output([sys.executable, "-c", where], env=environment, text=True)
    if commit.installed not in Path(found).parents:
        raise SystemExit(f"Instead of {revision}, Python imports '{found.strip()}'.")
    return commit


def rendered(folder: Path) -> dict[str, Path]:
    """Render the stacks of `STACKS`, in another process, whose peak memory no run inherits."""
    stacks = {}
    for k, (name, (megapixels, planes, kind)) in enumerate(STACKS.items()):
        print(f"rendering {name}", file=sys.stderr)
        stacks[name] = folder / str(k)
        stacks[name].mkdir()
        work = (stacks[name], megapixels, planes)
        renderer = multiprocessing.get_context("spawn").Process(
            target=render, args=work, kwargs=kind
        )
        renderer.start()
        renderer.join()
        if renderer.exitcode:
            raise SystemExit(f"Rendering {name} failed.")
    return stacks


def measured_pairs(
    name: str, stack: Path, commits: tuple[Commit, Commit], results: Path, repeats: int
) -> list[tuple[Usage, Usage]]:
    """Run both commits in turn, once more than is counted."""
    old, new = commits
    pairs = []
    for repeat in range(repeats + 1):
        print(f"{name}: {repeat} of {repeats}", file=sys.stderr)
        pairs.append((old.run(stack, results / "old"), new.run(stack, results / "new")))
    return pairs[1:]


def difference(results: Path, kind: str) -> str:
    """How far the results of both commits differ."""
    old, new = (
        tifffile.imread(results / commit / f"{kind}.tif").astype(np.float64)
        for commit in ("old", "new")
    )
    if old.shape != new.shape:
        return f"{old.shape} became {new.shape}"
    apart = np.abs(new - old)
    if not apart.any():
        return "none"
    share = np.count_nonzero(apart) / apart.size
    return f"at most {apart.max():.3g} {RESULTS[kind]}, on average {apart.mean():.2g} ({share:.1%})"


def row(name: str, pairs: Sequence[tuple[Usage, Usage]], differences: Sequence[str]) -> str:
    """One line of the table."""
    cells = [name]
    for measure in ("processor", "wall", "peak_megabytes"):
        of_pairs = [(getattr(old, measure), getattr(new, measure)) for old, new in pairs]
        old, new = (statistics.median(values) for values in zip(*of_pairs, strict=True))
        form = ".0f" if measure == "peak_megabytes" else ".2f"
        cells += [f"{old:{form}}", f"{new:{form}}", str(Ratio.of(of_pairs))]
    if is_slower(pairs):
        cells[3] = f"**{cells[3]}, slower**"
    return f"| {' | '.join([*cells, *differences])} |"


def is_slower(pairs: Sequence[tuple[Usage, Usage]]) -> bool:
    """Whether NEW took more processor time in every pair, and more than `SLOWER` in the middle."""
    ratio = Ratio.of([(old.processor, new.processor) for old, new in pairs])
    return ratio.least > 1 and ratio.median > SLOWER


def warn_of(name: str, pairs: Sequence[tuple[Usage, Usage]]) -> None:
    """Show a slow-down on the page of a workflow's run."""
    if os.environ.get("GITHUB_ACTIONS") and is_slower(pairs):
        ratio = Ratio.of([(old.processor, new.processor) for old, new in pairs])
        print(f"::warning title=Slower::{name}: {ratio} of the processor time", file=sys.stderr)


def compare(commits: tuple[Commit, Commit], stacks: Mapping[str, Path], repeats: int) -> None:
    """Measure both commits on every stack and print the table."""
    old, new = (commit.name for commit in commits)
    measures = ("processor s", "wall s", "peak MB")
    heads = [head for m in measures for head in (f"{m}, old", "new", "new / old")]
    print(f"`{old}` (old) and `{new}` (new), {repeats} pairs, {os.cpu_count()} cores\n")
    print(f"| stack | {' | '.join(heads)} | difference of the image | of the depth |")
    print("| --- " * (len(heads) + 3) + "|", flush=True)
    for name, stack in stacks.items():
        with tempfile.TemporaryDirectory() as results:
            pairs = measured_pairs(name, stack, commits, Path(results), repeats)
            differences = [difference(Path(results), kind) for kind in RESULTS]
        print(row(name, pairs, differences), flush=True)
        warn_of(name, pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", help="a commit, tag or branch")
    parser.add_argument("new", help="another")
    parser.add_argument("--stacks", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--repeats", type=int, default=5, help="pairs of runs that count")
    call = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        given = {str(path): path for path in call.stacks or ()}
        commits = install(call.old, folder / "old"), install(call.new, folder / "new")
        compare(commits, given or rendered(folder), call.repeats)


if __name__ == "__main__":
    main()
