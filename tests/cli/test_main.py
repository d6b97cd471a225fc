"""The command as its user calls it: files in, files and lines out."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import tifffile

from napari_focus_stack import __version__
from napari_focus_stack.cli import main as cli
from napari_focus_stack.io.recipe import Recipe
from napari_focus_stack.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 96
PLANES = 12


Outcome = subprocess.CompletedProcess[str]


def run(*arguments: object, cwd: Path | None = None) -> Outcome:
    """Call the command in this process: its own takes a third of a second to start."""
    call = [*map(str, arguments)]
    with (
        contextlib.chdir(cwd or "."),
        captured(1, "stdout") as out,
        captured(2, "stderr") as err,
    ):
        try:
            code = cli.main(call)
        except SystemExit as left:
            code = left.code
    return Outcome(call, code, out[0], err[0])


@contextlib.contextmanager
def captured(descriptor: int, stream: str) -> Iterator[list[str]]:
    """What is written meanwhile, by Python or by a library beneath it; there once all is over."""
    said: list[str] = []
    kept = os.dup(descriptor)
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as file,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, stream, file)
        os.dup2(file.fileno(), descriptor)
        try:
            yield said
        finally:
            file.flush()
            os.dup2(kept, descriptor)
            os.close(kept)
        file.seek(0)
        said.append(file.read())


def run_alone(*arguments: object) -> Outcome:
    """Call the command as a shell does."""
    return subprocess.run(
        [sys.executable, "-m", "napari_focus_stack", *map(str, arguments)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def everything_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture(scope="session")
def planes() -> np.ndarray:
    """(12, 96, 96) uint8: a texture; plane k shows the columns from 8 k to 8 k + 7 sharp."""
    texture = np.random.default_rng(3).uniform(0, 255, (SIZE, SIZE)).astype(np.float32)
    texture = cv2.GaussianBlur(texture, (0, 0), 0.8)
    blurred = cv2.GaussianBlur(texture, (0, 0), 4)
    stack = np.repeat(blurred[None], PLANES, axis=0)
    for k in range(PLANES):
        columns = slice(8 * k, 8 * k + 8)
        stack[k, :, columns] = texture[:, columns]
    return np.clip(np.rint(stack), 0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path, planes: np.ndarray) -> Path:
    """PNG planes named img1.png to img12.png, which sort wrongly as text."""
    made = tmp_path / "planes"
    made.mkdir()
    for k, plane in enumerate(planes):
        cv2.imwrite(str(made / f"img{k + 1}.png"), plane)
    return made


def assert_one_line(outcome: Outcome, code: int, *named: str) -> None:
    assert outcome.returncode == code, outcome.stderr
    lines = outcome.stderr.splitlines()
    assert len(lines) == 1, outcome.stderr
    assert lines[0].startswith("focusstack: ")
    for word in named:
        assert word in lines[0]
    assert "Traceback" not in outcome.stdout


# what works


def test_without_arguments_it_prints_its_help() -> None:
    outcome = run()
    assert outcome.returncode == 0
    assert outcome.stdout.startswith("usage: focusstack")
    for option in (
        "--input",
        "--output",
        "--gaussian",
        "--laplacian",
        "--debug",
        "--skip-unreadable",
    ):
        assert option in outcome.stdout


def test_help_is_the_sentence_of_the_settings() -> None:
    words = " ".join(cli.stack_parser().format_help().split())
    for name, field in Settings.__dataclass_fields__.items():
        assert " ".join(field.metadata["help"].split()) in words, name


def test_version() -> None:
    assert run_alone("--version").stdout.strip() == f"focusstack {__version__}"


def test_every_output_of_a_folder(folder: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    outcome = run_alone(
        *("--input", folder, "--output", made / "sharp.png", "--align", "none", "--z-step", "0.5"),
        *("--depth-index", made / "index.tif", "--depth", made / "depth.tif"),
        *("--height", made / "height.tif", "--confidence", made / "confidence.tif"),
        *("--report", made / "report.json"),
    )
    assert (outcome.returncode, outcome.stderr) == (0, "")
    names = {"sharp.png", "index.tif", "depth.tif", "height.tif", "confidence.tif", "report.json"}
    assert everything_in(made) == names
    assert all(f"Wrote {made / name}" in outcome.stdout for name in names)
    index = tifffile.imread(made / "index.tif")
    assert index.dtype == np.uint16
    depth, height = tifffile.imread(made / "depth.tif"), tifffile.imread(made / "height.tif")
    np.testing.assert_allclose(height, depth * 0.5, rtol=1e-6)
    confidence = tifffile.imread(made / "confidence.tif")
    assert confidence.dtype == np.float32
    report = json.loads((made / "report.json").read_text())
    assert report["planes"] == [f"img{k}.png" for k in range(1, PLANES + 1)]
    assert report["settings"]["z_step"] == 0.5
    assert np.shape(report["transforms"]) == (PLANES, 3, 3)


def test_planes_come_in_natural_order(folder: Path, tmp_path: Path) -> None:
    run(
        "-i",
        folder,
        "-o",
        tmp_path / "o.tif",
        "--align",
        "none",
        "--depth-index",
        tmp_path / "i.tif",
    )
    index = tifffile.imread(tmp_path / "i.tif")
    middle_of_bands = index[:, 4::8]
    assert np.mean(middle_of_bands == np.arange(PLANES)) > 0.9


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_multipage_16_bit_stays_16_bit(planes: np.ndarray, tmp_path: Path, suffix: str) -> None:
    tifffile.imwrite(tmp_path / "stack.tif", planes.astype(np.uint16) * 257)
    out = tmp_path / f"sharp{suffix}"
    outcome = run("-i", tmp_path / "stack.tif", "-o", out, "--align", "none")
    assert outcome.returncode == 0, outcome.stderr
    image = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)
    assert (image.dtype, image.shape) == (np.uint16, (SIZE, SIZE))
    assert image.max() > 255


@pytest.mark.parametrize("arguments", ["-g 3", "-l 3", "--gaussian 5 --laplacian 5"])
def test_original_kernels_choose_the_original_method(
    folder: Path, tmp_path: Path, arguments: str
) -> None:
    report = tmp_path / "report.json"
    options = f"--align none {arguments}".split()
    outcome = run("-i", folder, "-o", tmp_path / "o.png", "--report", report, *options)
    assert outcome.returncode == 0, outcome.stderr
    assert json.loads(report.read_text())["settings"]["method"] == "laplacian"


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [("-d", True), ("-d True", True), ("--debug", True), ("-d false", False), ("", False)],
)
def test_debug_leaves_planes_and_energies(
    folder: Path, tmp_path: Path, planes: np.ndarray, arguments: str, wanted: bool
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    outcome = run(*arguments.split(), "-i", folder, "-o", made / "sharp.png", "--align", "none")
    assert outcome.returncode == 0, outcome.stderr
    debug = made / "sharp-debug"
    if not wanted:
        assert everything_in(made) == {"sharp.png"}
        return
    names = {f"{what}_{k:03d}.tif" for what in ("aligned", "energy") for k in range(PLANES)}
    assert {path.name for path in debug.iterdir()} == names
    assert everything_in(made) == {"sharp.png", "sharp-debug", *(f"sharp-debug/{n}" for n in names)}
    np.testing.assert_array_equal(tifffile.imread(debug / "aligned_002.tif"), planes[2])
    energy = tifffile.imread(debug / "energy_002.tif")
    assert energy.shape == (SIZE, SIZE)
    assert energy[:, 18:22].mean() > 5 * energy[:, 60:].mean()


def test_debug_folder_that_cannot_be_replaced_stays(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = ("-d", "-i", folder, "-o", tmp_path / "sharp.png", "--align", "none")
    assert run(*call).returncode == 0
    before = {file.name: file.read_bytes() for file in (tmp_path / "sharp-debug").iterdir()}
    move = type(tmp_path).replace

    def fails_for_the_new_one(file: Path, target: Path) -> Path:
        if str(target).endswith("sharp-debug") and (file / "energy_000.tif").exists():
            monkeypatch.undo()
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return move(file, target)

    monkeypatch.setattr(type(tmp_path), "replace", fails_for_the_new_one)
    monkeypatch.setattr(type(tmp_path), "rename", fails_for_the_new_one)
    assert_one_line(run(*call, "--method", "depth"), 2, "sharp-debug", "Input/output error")
    after = {file.name: file.read_bytes() for file in (tmp_path / "sharp-debug").iterdir()}
    assert after == before
    assert everything_in(tmp_path) == {"sharp.png", "sharp-debug", "planes"} | {
        f"{place}/{name}"
        for place, names in (
            ("sharp-debug", before),
            ("planes", [file.name for file in folder.iterdir()]),
        )
        for name in names
    }


def test_debug_replaces_its_own_folder_only(folder: Path, tmp_path: Path) -> None:
    out, debug = tmp_path / "sharp.png", tmp_path / "sharp-debug"
    debug.mkdir()
    (debug / "aligned_099.tif").touch()
    (debug / ".DS_Store").touch()  # Finder was here
    assert run("-d", "-i", folder, "-o", out, "--align", "none").returncode == 0
    assert not (debug / "aligned_099.tif").exists()
    (debug / ".DS_Store").touch()
    (debug / "thesis.txt").write_text("ten years of work")
    out.unlink()
    assert_one_line(run("-d", "-i", folder, "-o", out), 2, "--debug", "thesis.txt")
    assert (debug / "thesis.txt").read_text() == "ten years of work"
    assert not out.exists()


@pytest.mark.parametrize("contents", [[], ["notes.txt", "stage.xml"]])
def test_folder_without_images_is_no_failure(tmp_path: Path, contents: list[str]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for name in contents:
        (empty / name).write_text("x")
    outcome = run("-i", empty, "-o", tmp_path / "o.png")
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert len(outcome.stdout.splitlines()) == 1
    assert str(empty) in outcome.stdout
    assert not (tmp_path / "o.png").exists()


def test_skip_unreadable_names_what_it_leaves_out(folder: Path, tmp_path: Path) -> None:
    (folder / "img3.png").write_text("not a picture")
    outcome = run_alone(
        "-i", folder, "-o", tmp_path / "o.png", "--align", "none", "--skip-unreadable"
    )
    assert outcome.returncode == 0, outcome.stderr
    assert "img3.png" in outcome.stdout
    assert "one z step too small" in outcome.stdout
    assert (tmp_path / "o.png").exists()


@pytest.mark.parametrize("order", [1, -1])
def test_several_files_are_planes_in_natural_order(
    folder: Path, tmp_path: Path, order: int
) -> None:
    report = tmp_path / "r.json"
    files = sorted(folder.iterdir())[::order]  # as a shell puts them: img1, img10, img11
    outcome = run("-i", *files, "-o", tmp_path / "o.png", "--report", report, "--align", "none")
    assert outcome.returncode == 0, outcome.stderr
    planes = json.loads(report.read_text())["planes"]
    assert planes == [f"img{k}.png" for k in range(1, PLANES + 1)]
    assert f"Stacked {PLANES} planes of {PLANES} files" in outcome.stdout


def test_z_step_with_a_comma(folder: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    options = ("--align", "none", "--z-step", "0,5", "--report", report)
    outcome = run("-i", folder, "-o", tmp_path / "o.png", *options)
    assert json.loads(report.read_text())["settings"]["z_step"] == 0.5
    assert "z step: 0.5" in outcome.stdout


@pytest.mark.parametrize(
    ("arguments", "noted"),
    [
        ("--method depth -g 5", "-g/--gaussian"),
        ("--method pyramid -l 3 -g 3", "-g/--gaussian and -l/--laplacian"),
        ("--method laplacian -g 5", None),
        ("--method depth", None),
    ],
)
def test_options_without_effect_are_noted(
    folder: Path, tmp_path: Path, arguments: str, noted: str | None
) -> None:
    outcome = run("-i", folder, "-o", tmp_path / "o.png", "--align", "none", *arguments.split())
    assert outcome.returncode == 0, outcome.stderr
    assert ("no effect" in outcome.stdout) == (noted is not None)
    assert noted is None or f"Note: {noted} " in outcome.stdout


@pytest.mark.parametrize("given", ["folder", "files"])
@pytest.mark.parametrize(
    ("name", "noted"),
    [("{in}/sharp.png", True), ("{in}/sharp.json", False), ("{out}/a.png", False)],
)
def test_an_output_that_the_next_run_takes_for_a_plane_is_noted(
    folder: Path, tmp_path: Path, name: str, noted: bool, given: str
) -> None:
    path = name.format(**{"in": folder, "out": tmp_path})
    output = ("-o", path) if path.endswith("png") else ("-o", tmp_path / "o.png", "--report", path)
    inputs = [f"{folder}/."] if given == "folder" else sorted(folder.glob("*.png"))
    outcome = run("-i", *inputs, *output, "--align", "none")
    assert outcome.returncode == 0, outcome.stderr
    assert ("to the next run: move 'sharp.png', or" in outcome.stdout) == noted


@pytest.mark.skipif(sys.platform == "win32", reason="no head")
@pytest.mark.parametrize("arguments", [["--help"], ["-i", "{in}", "-o", "o.png"], ["-i", "none"]])
def test_a_reader_that_has_seen_enough(folder: Path, tmp_path: Path, arguments: list[str]) -> None:
    call = [argument.format(**{"in": folder}) for argument in arguments]
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as closed:
        outcome = subprocess.run(
            [sys.executable, "-m", "napari_focus_stack", *call],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
    wrong = arguments == ["-i", "none"]
    assert outcome.returncode == (2 if wrong else 0)
    assert len(outcome.stderr.splitlines()) == wrong
    assert (tmp_path / "o.png").exists() == ("-o" in arguments)


def test_another_channel_takes_the_transforms_of_a_report(folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "red.json", tmp_path / "green.json"
    run("-i", folder, "-o", tmp_path / "red.png", "--report", first)
    led = json.loads(first.read_text())
    led["transforms"][2] = None
    led["transforms"][7][0][2] += 1.25
    first.write_text(json.dumps(led))
    outcome = run(
        *("-i", folder, "-o", tmp_path / "green.png", "--report", second),
        *("--transforms-from", first),
    )
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert "(alignment: given, " in outcome.stdout
    assert f"Note: The transforms are from '{first}'." in outcome.stdout
    assert "Note: Plane 2 ('img3.png') was left out" in outcome.stdout
    report = json.loads(second.read_text())
    assert (report["transforms"], report["align"]) == (led["transforms"], "given")
    assert f"The transforms are from '{first}'." in report["notes"]


def test_crop_cuts_every_file_alike(folder: Path, tmp_path: Path) -> None:
    leads, report = tmp_path / "led.json", tmp_path / "r.json"
    shifts = [[[1, 0, k - 6], [0, 1, 0], [0, 0, 1]] for k in range(PLANES)]
    leads.write_text(json.dumps({"transforms": shifts, "shape": [PLANES, SIZE, SIZE]}))
    outcome = run(
        *("-i", folder, "-o", tmp_path / "o.png", "--depth", tmp_path / "d.tif"),
        *("--crop", "--transforms-from", leads, "--report", report),
    )
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert "cropped to 85 x 96 pixels" in outcome.stdout
    assert json.loads(report.read_text())["crop"] == [0, SIZE, 6, SIZE - 5]
    assert cv2.imread(str(tmp_path / "o.png"), cv2.IMREAD_UNCHANGED).shape == (SIZE, 85)
    assert tifffile.imread(tmp_path / "d.tif").shape == (SIZE, 85)


def written(path: Path) -> dict[str, Any]:
    return json.loads(path.read_bytes())


RERUNS = {
    "settings": ["--method", "depth", "--z-step", "0.5", "--crop", "--align", "shift"],
    "transforms": ["--transforms-from", "{out}/lead.json"],
}


@pytest.mark.parametrize("case", RERUNS)
def test_a_report_runs_again_to_the_same_image(folder: Path, tmp_path: Path, case: str) -> None:
    shifts = [[[1, 0, k - 6], [0, 1, 0], [0, 0, 1]] for k in range(PLANES)]
    lead = {"transforms": shifts, "shape": [PLANES, SIZE, SIZE]}
    (tmp_path / "lead.json").write_text(json.dumps(lead))
    options = [option.format(out=tmp_path) for option in RERUNS[case]]
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    done = run(
        *("-i", folder.name, "-o", tmp_path / "first.tif", "--report", first, *options),
        cwd=folder.parent,
    )
    assert (done.returncode, done.stderr) == (0, "")
    again = run("--recipe", first, "-o", tmp_path / "second.tif", "--report", second)
    assert (again.returncode, again.stderr) == (0, "")
    assert (tmp_path / "first.tif").read_bytes() == (tmp_path / "second.tif").read_bytes()
    files = [str(folder / f"img{k}.png") for k in range(1, PLANES + 1)]
    assert written(first)["inputs"] == written(second)["inputs"] == files
    for known in ("settings", "transforms", "crop", "planes", "align"):
        assert written(first)[known] == written(second)[known]
    assert f"Stacked {PLANES} planes of {PLANES} files" in again.stdout


@pytest.fixture
def recipe(folder: Path, tmp_path: Path) -> Path:
    """Method 'depth', align 'none', z step 0.5, cut to what all planes recorded; one correction."""
    path = tmp_path / "recipe.json"
    labels = np.zeros((SIZE, SIZE), np.uint16)
    labels[30:60, 40:70] = 3
    settings = Settings(method="depth", align="none", z_step=0.5, crop=True)
    files = tuple(str(folder / f"img{k}.png") for k in range(1, PLANES + 1))
    Recipe(settings, files, correction=labels).write(path)
    return path


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ("", {}),
        ("--z-step 2 --no-crop", {"z_step": 2, "crop": False}),
        ("--method pyramid --reference first", {"method": "pyramid", "reference": "first"}),
        ("-g 3", {"method": "laplacian", "gaussian": 3}),
    ],
)
def test_options_beside_a_recipe_win(
    recipe: Path, tmp_path: Path, options: str, changed: dict[str, Any]
) -> None:
    report = tmp_path / "r.json"
    call = ("--recipe", recipe, "-o", tmp_path / "o.png", "--report", report, *options.split())
    outcome = run(*call)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    as_written = Recipe.read(recipe).settings.of_result()
    assert written(report)["settings"] == {**as_written, **changed}


def test_a_correction_is_run_again(recipe: Path, tmp_path: Path, planes: np.ndarray) -> None:
    index = tmp_path / "i.png"
    outcome = run("--recipe", recipe, "-o", tmp_path / "o.png", "--depth-index", index)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert f"Note: The depth was corrected as '{recipe}' says." in outcome.stdout
    inside = (slice(31, 59), slice(41, 69))
    assert (cv2.imread(str(index), cv2.IMREAD_UNCHANGED)[inside] == 2).all()
    image = cv2.imread(str(tmp_path / "o.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(image[inside], planes[2][inside])


def test_planes_that_moved_are_named_and_given_anew(
    recipe: Path, folder: Path, tmp_path: Path
) -> None:
    moved = folder.rename(tmp_path / "moved")
    out = tmp_path / "o.png"
    assert_one_line(run("--recipe", recipe, "-o", out), 2, "img1.png", "recipe.json", "-i/--input")
    assert not out.exists()
    assert run("--recipe", recipe, "-o", out, "-i", moved).returncode == 0
    assert out.exists()


# what is refused: one line, exit 2, nothing written


@pytest.mark.parametrize(
    ("text", "arguments", "named"),
    [
        ("ten years of work", [], "is no JSON"),
        ('{"settings": {"deblur": 1}}', [], "'deblur'"),
        ('{"settings": {}}', [], "names no files"),
        ('{"settings": {"gaussian": 4}}', [], "gaussian 4"),
        ('{"settings": {}}', ["--report", "{out}/recipe.json"], "choose another name"),
        (None, ["-i", "{in}", "--no-crop"], "correction of 10 x 9 pixels"),
        (None, ["-i", "{in}"], "correction, (9, 10)"),
        (None, ["-i", "{in}", "--recipe", "{out}/none.json"], "none.json"),
    ],
)
def test_bad_recipe(
    folder: Path, tmp_path: Path, text: str | None, arguments: list[str], named: str
) -> None:
    path = tmp_path / "recipe.json"
    if text is None:
        Recipe(Settings(crop=True, align="none"), correction=np.ones((9, 10), np.uint16)).write(
            path
        )
    else:
        path.write_text(text)
    before = everything_in(tmp_path)
    places = {"in": folder, "out": tmp_path}
    inputs = ["-i", folder] if "--report" in arguments else []
    options = [argument.format(**places) for argument in arguments]
    outcome = run("--recipe", path, "-o", tmp_path / "o.png", *inputs, *options)
    assert_one_line(outcome, 2, named)
    assert everything_in(tmp_path) == before


def damage(folder: Path, case: str) -> None:
    third = folder / "img3.png"
    match case:
        case "truncated":
            third.write_bytes(third.read_bytes()[:900])
        case "empty file":
            third.write_bytes(b"")
        case "text":
            third.write_text("not a picture")
        case "other size":
            cv2.imwrite(str(third), np.zeros((50, 60), np.uint8))
        case "other type":
            cv2.imwrite(str(third), np.zeros((SIZE, SIZE), np.uint16))
        case "colour among grey":
            cv2.imwrite(str(third), np.zeros((SIZE, SIZE, 3), np.uint8))
        case "one image":
            for path in set(folder.iterdir()) - {third}:
                path.unlink()
        case "missing":
            folder.rename(folder.with_name("elsewhere"))


BAD_FOLDERS = {
    "truncated": "img3.png",
    "empty file": "img3.png",
    "text": "img3.png",
    "other size": "img3.png",
    "other type": "img3.png",
    "colour among grey": "img3.png",
    "one image": "planes",
    "missing": "planes",
}


@pytest.mark.parametrize("case", BAD_FOLDERS)
def test_bad_folder(folder: Path, tmp_path: Path, case: str) -> None:
    damage(folder, case)
    before = everything_in(tmp_path)
    outcome = run("-d", "-i", folder, "-o", tmp_path / "o.png")
    assert_one_line(outcome, 2, BAD_FOLDERS[case])
    assert "skip_unreadable" not in outcome.stderr
    assert ("--skip-unreadable" in outcome.stderr) == (case not in ("one image", "missing"))
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize(
    ("shape", "axes", "named"),
    [
        ((SIZE, SIZE), "YX", "stack.ome.tif"),
        ((3, SIZE, SIZE), "TYX", "has no z axis"),
        ((2, SIZE, SIZE), "CYX", "has no z axis"),
    ],
)
def test_bad_file(tmp_path: Path, shape: tuple[int, ...], axes: str, named: str) -> None:
    stack = tmp_path / "stack.ome.tif"
    tifffile.imwrite(stack, np.zeros(shape, np.uint16), metadata={"axes": axes}, ome=True)
    assert_one_line(run("-i", stack, "-o", tmp_path / "o.tif"), 2, named)
    assert everything_in(tmp_path) == {"stack.ome.tif"}


BAD_CALLS: dict[str, tuple[list[str], str]] = {
    "even kernel": (["-g", "4"], "-g/--gaussian 4"),
    "negative kernel": (["-g", "-3"], "-g/--gaussian -3"),
    "no number": (["--laplacian", "five"], "-l/--laplacian 'five'"),
    "large laplacian": (["-l", "33"], "-l/--laplacian 33"),
    "kernel without value": (["-g"], "-g/--gaussian"),
    "reference beyond": (["--reference", str(PLANES)], f"--reference {PLANES}"),
    "negative reference": (["--reference", "-1"], "--reference -1"),
    "reference unknown": (["--reference", "last"], "--reference 'last'"),
    "method": (["--method", "magic"], "--method 'magic'"),
    "align": (["--align", "magic"], "--align 'magic'"),
    "z step": (["--z-step", "0"], "--z-step 0"),
    "z step with two commas": (["--z-step", "1,000,5"], "--z-step '1,000,5'"),
    "region of three numbers": (["--align-region", "0", "40", "0"], "--align-region"),
    "region of words": (["--align-region", "all", "of", "it", "please"], "--align-region ['all'"),
    "region before the field": (["--align-region", "-4", "40", "0", "40"], "--align-region [-4"),
    "region beyond the field": (
        ["--align-region", "0", "40", "0", "97"],
        "--align-region 0 40 0 97 does not lie in the field of 96 rows and 96 columns",
    ),
    "small region": (
        ["--align-region", "0", "40", "0", "31"],
        "--align-region 0 40 0 31 must be 32 pixels or more",
    ),
    "crop with a value": (["--crop", "yes"], "yes"),
    "no report": (["--transforms-from", "{out}/red.json"], "{out}/red.json"),
    "report is a folder": (["--transforms-from", "{in}"], "{in}"),
    "report is a picture": (["--transforms-from", "{in}/img1.png"], "img1.png' is no JSON"),
    "report without name": (["--transforms-from", ""], "--transforms-from"),
    "transforms given and estimated": (
        ["--align", "auto", "--transforms-from", "{out}/red.json"],
        "--transforms-from leaves nothing for --align auto",
    ),
    "folder among files": (["-i", "{in}", "{in}/img1.png"], "{in}"),
    "debug": (["-d", "perhaps"], "-d/--debug"),
    "height without z step": (["--height", "{out}/h.tif"], "--z-step"),
    "unknown option": (["--sharpness", "3"], "--sharpness"),
    "stray word": (["more"], "more"),
    "unknown extension": (["-o", "{out}/o.gif"], "o.gif"),
    "no extension": (["-o", "{out}/o"], "{out}/o"),
    "index into jpeg": (["--depth-index", "{out}/index.jpg"], "index.jpg"),
    "report into text": (["--report", "{out}/r.txt"], "r.txt"),
    "depth into png": (["--depth", "{out}/depth.png"], "depth.png"),
    "confidence into jpeg": (["--confidence", "{out}/c.jpg"], "c.jpg"),
    "missing output folder": (["-o", "{out}/no/where.png"], "where.png"),
    "missing map folder": (["--depth", "{out}/no/depth.tif"], "depth.tif"),
    "missing report folder": (["--report", "{out}/no/r.json"], "r.json"),
    "output is a folder": (["-o", "{in}"], "planes"),
    "output is a plane": (["-o", "{in}/img3.png"], "img3.png"),
    "name too long": (["--depth", f"{{out}}/{'x' * 300}.tif"], "xxx.tif"),
    "same file twice": (["-o", "{out}/a.tif", "--depth", "{out}/a.tif"], "a.tif"),
}


@pytest.mark.parametrize("case", BAD_CALLS)
def test_bad_call(folder: Path, tmp_path: Path, case: str) -> None:
    arguments, named = BAD_CALLS[case]
    out = tmp_path / "out"
    out.mkdir()
    places = {"in": folder, "out": out}
    before = {path: path.read_bytes() for path in folder.iterdir()}
    outcome = run(
        *("-i", folder, "-o", out / "o.png"),
        *(argument.format(**places) for argument in arguments),
    )
    assert_one_line(outcome, 2, named.format(**places))
    assert everything_in(out) == set()
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["-i", "somewhere"], "-o/--output"),
        (["-o", "out.png"], "-i/--input"),
        (["-i", "", "-o", "out.png"], "-i/--input"),
        (["-i", "x" * 300, "-o", "out.png"], "xxx"),
        (["stack"], "'stack' is not a command"),
        (["demo", "no-such-sample"], "no-such-sample"),
    ],
)
def test_incomplete_call(tmp_path: Path, arguments: list[str], named: str) -> None:
    assert_one_line(run(*arguments, cwd=tmp_path), 2, named)
    assert everything_in(tmp_path) == set()


@pytest.mark.parametrize(
    ("dtype", "name"),
    [(np.float32, "o.png"), (np.float32, "o.jpg"), (np.uint16, "o.jpg")],
)
def test_output_that_cannot_hold_the_data(
    planes: np.ndarray, tmp_path: Path, dtype: type, name: str
) -> None:
    tifffile.imwrite(tmp_path / "stack.tif", planes.astype(dtype))
    assert_one_line(run("-i", tmp_path / "stack.tif", "-o", tmp_path / name), 2, name)
    assert everything_in(tmp_path) == {"stack.tif"}


def test_a_file_that_is_left_out_is_not_replaced(folder: Path, tmp_path: Path) -> None:
    broken = folder / "img3.png"
    broken.write_bytes(b"perhaps it can be repaired")
    outcome = run("-i", folder, "-o", broken, "--skip-unreadable")
    assert_one_line(outcome, 2, "img3.png", "choose another name")
    assert broken.read_bytes() == b"perhaps it can be repaired"


@pytest.mark.parametrize("option", ["--report", "-o"])
def test_the_report_that_leads_is_not_replaced(folder: Path, tmp_path: Path, option: str) -> None:
    leads = tmp_path / ("red.json" if option == "--report" else "red.png")
    leads.write_text("precious")
    call = ("-i", folder, "-o", tmp_path / "o.png", option, leads, "--transforms-from", leads)
    assert_one_line(run(*call), 2, leads.name, "choose another name")
    assert leads.read_text() == "precious"


def test_a_report_of_another_stack_is_refused(folder: Path, tmp_path: Path) -> None:
    leads = tmp_path / "red.json"
    leads.write_text(json.dumps({"transforms": [None] * 9, "shape": [9, SIZE, SIZE]}))
    before = everything_in(tmp_path)
    outcome = run_alone("-d", "-i", folder, "-o", tmp_path / "o.png", "--transforms-from", leads)
    assert_one_line(outcome, 2, "red.json", "9 planes", f"{PLANES} planes")
    assert everything_in(tmp_path) == before


def test_earlier_output_survives_a_refused_call(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.png"
    out.write_bytes(b"yesterday's")
    assert run("-i", folder, "-o", out, "--depth", tmp_path / "d.png").returncode == 2
    assert out.read_bytes() == b"yesterday's"


# what files and lines cannot show


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "not enough memory for this; close other programs, or set the memory of"),
        (MemoryError(), " of a run to less (--memory)."),
        (OSError(errno.EIO, "Input/output error", "/a/b.tif"), "'/a/b.tif' cannot be used"),
    ],
)
def test_a_fault_of_the_system_is_one_line(
    error: Exception,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: list[str]) -> int:
        raise error

    monkeypatch.setitem(cli._COMMANDS, "demo", fail)
    monkeypatch.delenv(cli.TRACEBACK, raising=False)
    assert cli.main(["demo"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert words in said
    assert "internal" not in said


@pytest.mark.parametrize("error", [RuntimeError("wheel came off"), KeyError("wheel")])
def test_internal_error_is_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: list[str]) -> int:
        raise error

    monkeypatch.setitem(cli._COMMANDS, "demo", fail)
    monkeypatch.delenv(cli.TRACEBACK, raising=False)
    assert cli.main(["demo"]) == 1
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert type(error).__name__ in told
    assert f"{cli.TRACEBACK}=1" in told
    monkeypatch.setenv(cli.TRACEBACK, "1")
    with pytest.raises(type(error)):
        cli.main(["demo"])


def test_interrupt_leaves_nothing(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_focus_stack.pipeline.stack.stack_steps", interrupted)
    before = everything_in(tmp_path)
    assert cli.main(["-d", "-i", str(folder), "-o", str(tmp_path / "o.png")]) == 130
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert everything_in(tmp_path) == before


def test_progress_is_for_terminals_only(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call = ["-i", str(folder), "-o", str(tmp_path / "o.png"), "--align", "none"]
    assert cli.main(call) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert cli.main(call) == 0
    told = capsys.readouterr().err
    assert f"Fusing plane 3 of 0 to {PLANES - 1}" in told
    shares = [int(share) for share in re.findall(r"\r *(\d+) %", told)]
    assert shares == sorted(shares)
    assert (shares[0], 90 < shares[-1] <= 100) == (0, True)
    assert "\n" not in told
    assert told.endswith("\r")
