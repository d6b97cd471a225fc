"""Documents that the project wrote and reads again, and calls of the command."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from hostile.json_mutations import JSON_MUTATORS
from hostile.kinds import Kind
from hostile.packed_folders import arranged, folder_mutator, packed_folder
from hostile.text_mutations import ABSURD_TEXTS
from hostile.tiff_mutations import TIFF_MUTATORS

from napari_focus_stack.alignment.prior_transforms import prior_transforms
from napari_focus_stack.analysis.opening import open_heights
from napari_focus_stack.batch.focus import focus_batch
from napari_focus_stack.cli.main import main
from napari_focus_stack.cli.prior_reports import prior_reports
from napari_focus_stack.cli.recipe_options import wanted_recipe
from napari_focus_stack.cli.stack import stack_parser
from napari_focus_stack.errors import FocusStackError, InputError
from napari_focus_stack.io.sources import ArraySource
from napari_focus_stack.result import Report
from napari_focus_stack.series.focus import focus_series

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator
    from pathlib import Path

SIDE = 40
_PLANES = 3


def _stack(shift: int = 0) -> np.ndarray:
    """Return three planes of noise, each sharp in a third of its rows."""
    rng = np.random.default_rng(shift)
    sharp = rng.integers(0, 255, (SIDE, SIDE)).astype(np.uint8)
    dull = np.full_like(sharp, 128)
    rows = np.arange(SIDE)[:, None] * _PLANES // SIDE
    return np.stack([np.where(rows == k, sharp, dull) for k in range(_PLANES)])


def _write_film(file: Path) -> None:
    film = np.stack([[_stack(t + 9 * c) for c in range(2)] for t in range(2)])
    metadata = {"axes": "TZCYX", "spacing": 2.0, "unit": "um"}
    tifffile.imwrite(file, film.swapaxes(1, 2), imagej=True, metadata=metadata, resolution=(2, 2))


def _said(*arguments: object) -> None:
    """Run the command; its messages do not count."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = main([str(argument) for argument in arguments])
    if code:
        raise AssertionError(f"the command ends with {code}")


def _document_seeds(folder: Path) -> Iterator[bytes]:
    """Yield a recipe, reports of one stack and of a stack in a series."""
    tifffile.imwrite(folder / "a.tif", _stack(), photometric="minisblack", metadata=None)
    _said("-i", folder / "a.tif", "-o", folder / "out.tif", "--report", folder / "a.json")
    report = (folder / "a.json").read_bytes()
    yield report
    plain = json.loads(report)
    recipe: dict[str, Any] = {
        "recipe": 2,
        "version": "0.1.0",
        "inputs": ["a.tif"],
        "settings": plain["settings"],
        "transforms": plain["transforms"],
        "correction": {"shape": [2, 3], "labels": _labels()},
    }
    yield json.dumps({"napari-focus-stack": recipe}).encode()
    place = {
        "series": "film.tif",
        "position": 0,
        "position_name": "",
        "time": 1,
        "channel": 0,
        "channel_name": "",
        "pattern": None,
        "axes": "TZCYX",
    }
    lead = {"settings": {"follow": "surface"}, "lead": "1", "drift": [1.0, 2.0], "pooled": [0, 1]}
    yield json.dumps({**plain, "place": place, "series": lead, "align": "given"}).encode()


def _labels() -> Any:
    from napari_focus_stack.depth_labels import encode_labels

    return encode_labels(np.arange(6, dtype=np.uint16).reshape(2, 3))


def _opened_document(path: Path) -> Iterator[int]:
    """Use a document as `--recipe`, as `--transforms-from`, and as a report."""
    problems: list[FocusStackError] = []
    for use in (_as_recipe, _as_transforms, _as_report):
        yield 0
        try:
            use(path)
        except FocusStackError as problem:
            problems.append(problem)
    if problems:
        raise problems[0]


def _as_recipe(path: Path) -> None:
    given = ["--recipe", str(path), "-i", str(path.parent), "-o", "x.tif"]
    wanted_recipe(stack_parser().parse_args(given))


def _as_transforms(path: Path) -> None:
    prior_transforms(path, ArraySource(_stack()))


def _as_report(path: Path) -> None:
    try:
        plain = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return
    if isinstance(plain, dict):
        str(Report.from_dict(plain).as_dict())


def _series_seeds(folder: Path) -> Iterator[bytes]:
    """Yield the results of a series, with their reports, as TIFF and as OME-Zarr."""
    _write_film(folder / "film.tif")
    for name in ("out.ome.tif", "out.ome.zarr"):
        top = folder / name.rpartition(".")[2]
        top.mkdir()
        focus_series(folder / "film.tif", out=top / name, align="none", occlusion="off")
        yield packed_folder(top)


def _by_result_name(name: str) -> tuple:
    if name.endswith(".json"):
        return JSON_MUTATORS
    return TIFF_MUTATORS if name.endswith(".tif") else ()


def _opened_results(path: Path) -> Iterator[int]:
    """Open the heights and the reports of a series."""
    problem: FocusStackError | None = None
    yield 1 << 20
    for file in sorted(path.iterdir()):
        try:
            if file.suffix in (".tif", ".zarr"):
                open_heights(file, position=0, time=0, channel=0)
            elif file.is_dir():
                prior_reports(file, _FILM)
        except FocusStackError as refused:
            problem = refused
    if problem is not None:
        raise problem


class _Film:
    """The series that the reports are of."""

    def __iter__(self) -> Iterator[Any]:
        from napari_focus_stack.series.model import StackIndex

        yield from (StackIndex(0, t, c) for t in range(2) for c in range(2))

    def original(self, index: Any) -> Any:
        return index


_FILM: Any = _Film()


def _batch_seeds(folder: Path) -> Iterator[bytes]:
    """Yield a folder of a stack and its results."""
    top = folder / "batch"
    (top / "root").mkdir(parents=True)
    _write_film(top / "root" / "film.tif")
    _batch(top)
    yield packed_folder(top)


def _batch(top: Path) -> None:
    for record in focus_batch(
        top / "root", top / "out", quiet=0, align="none", occlusion="off", time="0:1", channel=[0]
    ):
        if record.state == "failed":
            raise InputError(record.why)


def _by_batch_name(name: str) -> tuple:
    return JSON_MUTATORS if name.endswith(".json") else ()


def _batch_again(path: Path) -> Iterator[int]:
    yield 1 << 20
    _batch(path)


def _arrange_batch(place: Path, data: bytes) -> Path:
    top = arranged("batch")(place, data)
    for file in top.glob("root/*"):  # fingerprints hold the time of the last change
        os.utime(file, ns=(10**18, 10**18))
    return top


_OPTIONS = (
    *("--method", "--align", "--reference", "--gaussian", "--laplacian", "--brightness"),
    *("--values", "--occlusion", "--z-step", "--z-factor", "--z-uncertainty", "--memory"),
    *("--threads", "--pattern", "--axes", "--position", "--time", "--channel", "--exclude"),
    *("--lead-channel", "--follow", "--slab", "--slab-method", "--smooth-time", "--drift"),
    *("--spacing", "--bit-depth", "--quality", "--recipe", "--transforms-from", "--pixel-size"),
    *("--crop", "--no-crop", "--skip-unreadable", "-g", "-l", "--depth", "--height", "--report"),
    *("--align-mask", "--z-calibration", "--workers", "--quiet-time", "--watch", "--format"),
)
_ARGUMENTS = (
    *("1e999", "nan", "-inf", "1e400GB", "0:99999999999", "-1:", "5:1", ":", "0:0", "::", "1:2:3"),
    *("99999999999999999999", "-0", "1,5", "1e-400", "0x10", "½", "٣", "auto", "first", "9" * 5000),
    *("2", "3", "0", "1", "3.0", "1e18", "0.5", "none", "surface", "max", "TZCYX", "T99999C9ZYX"),
    *("*", "[", "{z}", "", " ", "--", "-", "1TB", "1B", "0B", "9e9TB", "1.5.5GB", "in", "out"),
)


def _call_seeds(_folder: Path) -> Iterator[bytes]:
    for call in (
        "-i in/a.tif -o out/x.tif --report out/r.json --align none --align-region 0 32 0 32",
        "-i in/film.tif -o out/x.ome.tif --time 0:1 --channel 0 --align none",
        "info in/film.tif",
        "-i in/film.tif -o out/x.ome.tif --memory 1GB --threads 1 --time 1:2",
        "batch in -o out/b --time 0:1 --channel 0 --quiet-time 0",
        "measure in/heights.gsf --z-step 1",
    ):
        yield json.dumps(call.split()).encode()


def _mutated_call(data: bytes, rng: random.Random) -> bytes:
    """Replace, add or remove one argument."""
    call = json.loads(data)
    k, action = rng.randrange(1, len(call)), rng.randrange(8)
    if action == 0:
        del call[k]
    elif action < 4:
        call += [rng.choice(_OPTIONS), rng.choice((*_ARGUMENTS, *ABSURD_TEXTS))]
    elif action == 4:
        call += ["--align-region", *(rng.choice(_ARGUMENTS) for _ in range(4))]
    else:
        call[k] = rng.choice((*_ARGUMENTS, *ABSURD_TEXTS))
    return json.dumps(call).encode()


def _arrange_call(place: Path, data: bytes) -> Path:
    top = place / "call"
    shutil.rmtree(top, ignore_errors=True)
    (top / "in").mkdir(parents=True)
    (top / "out").mkdir()
    _write_film(top / "in" / "film.tif")
    tifffile.imwrite(top / "in" / "a.tif", _stack(), photometric="minisblack", metadata=None)
    (top / "in" / "heights.gsf").write_bytes(_gsf())
    (top / "arguments.json").write_bytes(data)
    return top / "arguments.json"


def _gsf() -> bytes:
    head = b"Gwyddion Simple Field 1.0\nXRes = 20\nYRes = 20\nXReal = 1e-5\nYReal = 1e-5\n"
    return head + bytes(4 - len(head) % 4) + np.arange(400, dtype="<f4").tobytes()


def _called(path: Path) -> Iterator[int]:
    """Run the command in a folder; its error counts as ours, and an internal error as none."""
    try:
        call = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return
    call = [text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
            for text in call if isinstance(text, str) and "\0" not in text]  # fmt: skip
    if any(text.startswith(("/", "file:", "../")) for text in call):  # it may read what it is given
        return
    if not call or {"bench", "demo", "--watch", "--scheduler"} & set(call) or "-h" in call:
        return
    if any("://" in text for text in call):  # a server is asked where its address is given
        return
    yield 1 << 22
    before, home = os.environ.get("FOCUSSTACK_TRACEBACK"), os.getcwd()
    output, errors = io.StringIO(), io.StringIO()
    os.environ["FOCUSSTACK_TRACEBACK"] = "1"
    os.chdir(path.parent)
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            code = main(call)
    except SystemExit as ended:
        code = ended.code or 0
    finally:
        os.chdir(home)
        if before is None:
            del os.environ["FOCUSSTACK_TRACEBACK"]
    if code:
        # a batch lists stacks that failed among its results
        said = (errors.getvalue().strip() or output.getvalue().strip()).splitlines()
        raise InputError(said[-1] if said else "")


KINDS = (
    Kind("document", ".json", _document_seeds, _opened_document, JSON_MUTATORS),
    Kind("results", ".zip", _series_seeds, _opened_results, (folder_mutator(_by_result_name),),
         arranged("results"), bytewise=False),
    Kind("batch", ".zip", _batch_seeds, _batch_again,
         (folder_mutator(_by_batch_name, links=False),), _arrange_batch,
         bytewise=False, temporary=True),
    Kind("call", ".json", _call_seeds, _called, (_mutated_call, _mutated_call, _mutated_call),
         _arrange_call, bytewise=False, temporary=True),
)  # fmt: skip
