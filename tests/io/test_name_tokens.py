"""Names of files that carry axes beside z, and those of photographers, which do not."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from napari_focus_stack.errors import InputError
from napari_focus_stack.io.name_axes import find_axes
from napari_focus_stack.io.reading import read_planes, read_stack
from napari_focus_stack.series.patterns import compile_pattern


def product(form, *values):
    return [form.format(*combined) for combined in itertools.product(*values)]


ONE_STACK = [
    # cameras: counters, dates, times of day, bursts
    product("DSC{:05d}.JPG", range(12, 40)),
    product("DSCN{}.JPG", range(9990, 10010)),
    product("P10100{:02d}.JPG", range(1, 30)),
    product("_MG_{:04d}.JPG", range(8, 30)),
    product("image ({}).jpg", range(1, 9)),
    product("WP_20240101_{:03d}.jpg", range(20)),
    [f"IMG_20240101_{120301 + 7 * k:06d}_{k:03d}.jpg" for k in range(20)],
    product("IMG_20240101_1203{:02d}_{:02d}.jpg", range(1, 4), range(3)),
    [f"PXL_20240101_1203{k:02d}123.jpg" for k in range(20)],
    [f"2024-05-09 12.30.{k:02d}.jpg" for k in range(20, 40)],
    [f"IMG_{k}{end}.jpg" for k in range(5) for end in ("", "-edit")],
    product("fly_f2.8_s{}.jpg", range(9)),
    ["top_1.jpg", "top_2.jpg", "end_1.jpg", "end_2.jpg"],
    ["a.jpg", "b.jpg", "c.jpg"],
    # z, in all of its spellings
    product("z{}um.tif", (0, 0.25, 0.5, 0.75, 1, 1.25)),
    product("z{:.2f}.tif", (0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75)),
    product("z{}.tif", range(-4, 4)),
    product("focus {}.jpg", range(-1, 4)),
    product("pos_{}um.tif", (-10, -5, 0, 5)),
    product("s1.{}.tif", range(1, 12)),
    # one letter alone, or words that end in one
    *(product(f"{letter}{{:02d}}.jpg", range(9)) for letter in "abcdfpsw"),
    product("beetle_step{:02d}.jpg", range(30)),
    product("D{:02d}.jpg", range(1, 20)),
    # microscopes, with z alone
    product("cell_t03_c1_z{:02d}.tif", range(9)),
    product("Plate_A01_s1_w1_z{:02d}.tif", range(9)),
    product("img_000000000_DAPI_{:03d}.tif", range(9)),
    product("img_channel000_position000_time000000000_z{:03d}.tif", range(9)),
    product("cell2z0p3um_ch0_stack0001_488nm_0003524msecAbs{:04d}.tif", range(32, 40)),
    # two numbers that run together
    [f"a{k:02d}_b{k:02d}.tif" for k in range(9)],
    [f"z{k:02d}_t{3 * k:03d}.tif" for k in range(9)],
    # planes with numbers, and a picture named otherwise
    [*product("img_{:03d}.tif", range(30)), "img_BF.tif"],
    [*product("img-{}.tif", range(350, 450)), "img-DAPI.tif"],
    [*product("cell_t03_{:03d}.tif", range(9)), "cell_t03_DAPI.tif"],
    [*product("{}.tif", range(1, 10)), "A1.tif"],
    ["i-351.tif", "i-352.tif", "i-BF.tif"],
    [*product("j-{}.tif", (300, 320, 340, 360, 400)), "j-DAPI.tif", "j-BF.tif"],
    [*product("k_z_{}.tif", (400, 450, 500)), "k_z_BF.tif"],
]
SEVERAL = {
    "film_t{z}.tif": product("film_t{:03d}.tif", range(10)),
    "cells_{z}nm.tif": product("cells_{}nm.tif", (405, 488, 561)),
    "exp_ch{z}.tif": product("exp_ch{}.tif", range(3)),
    "exp_w{z}_s1.tif": product("exp_w{}_s1.tif", range(1, 4)),
    "a_t{t}_z{z}.tif": product("a_t{}_z{}.tif", range(2), range(3)),
    "a_t{t}z{z}c{c}.tif": product("a_t{}z{:02d}c{}.tif", range(2), range(3), range(2)),
    "stack{p}_{z}.tif": product("stack{}_{:03d}.tif", range(1, 3), range(10)),
    "a-{p}-{z}.tif": product("a-{}-{}.tif", range(1, 3), range(1, 4)),
    "leaf{p}_z{z}.tif": product("leaf{}_z{}.tif", (1, 2), range(9))[:-1],
    "{c}_z{z}.tif": product("{}_z{:02d}.tif", ("DAPI", "GFP"), range(5)),
    "img_0_{c}_{z}.tif": product("img_0_{}_{:03d}.tif", ("BF", "Cy5", "Odd"), range(4)),
    "{well}_z{z}.tif": product("{}{:02d}_z{}.tif", "AB", range(1, 3), range(3)),
    "B_T{t}F{p}L1A1Z{z}C{c}.tif": product("B_T{}F{}L1A1Z{}C{}.tif", *[range(1, 3)] * 4),
    "a_Time{t}_pos{p}_z{z}.tif": product("a_Time{}_pos{}_z{}.tif", *[range(2)] * 3),
    # dyes and wavelengths, or other names of both kinds, at one place
    "img-{c}-z{z}.tif": product("img-{}-z{}.tif", ("DAPI", "488"), range(2)),
    "img-z{z}-{c}.tif": product("img-z{}-{}.tif", range(2), ("DAPI", "488", "640")),
    "{z}-{c}.tif": product("{}-{}.tif", range(4), ("405", "DAPI", "GFP")),
    "a-z{z}-{c}.tif": product("a-z{}-{}.tif", range(2), ("DAPI", "488nm")),
    "b-z{z}-{c}.tif": product("b-z{}-{}.tif", range(3), ("BF", "488 nm", "561", "640nm")),
    "c-z{z}-{c}.tif": product("c-z{}-{}.tif", range(3), ("BF", "1", "2")),
    "d-z{z}-{c}.tif": product("d-z{}-{}.tif", range(3), ("BF", "488"))[:-1],
    "f-z{z}-{c}.tif": product("f-z{}-{}.tif", range(2), ("450", "525", "600", "BF")),
    "g-{z}-{c}.tif": product("g-{}-{}.tif", range(4), ("450", "525", "600", "BF")),
    "e-{p}-z{z}.tif": product("e-{}-z{}.tif", ("A1", "12", "B2"), range(3)),
}


@pytest.mark.parametrize("names", ONE_STACK, ids=lambda names: names[0])
def test_names_of_one_stack_carry_no_axes(names):
    assert find_axes(names) is None
    assert find_axes(random.Random(1).sample(names, len(names))) is None


@pytest.mark.parametrize("pattern", SEVERAL)
def test_names_that_carry_axes_give_a_pattern_that_fits_all_of_them(pattern):
    names = SEVERAL[pattern]
    for shuffled in (names, random.Random(1).sample(names, len(names))):
        axes = find_axes(shuffled)
        assert axes is not None
        assert axes.pattern == pattern
    expression = compile_pattern(pattern)
    assert len({expression.fields(name) for name in names} - {None}) == len(names)


@pytest.mark.parametrize("others", [["a_t1_DAPI.tif"], ["a_t0_DAPI.tif", "a_t1_DAPI.tif"]])
def test_pictures_named_by_a_dye_beside_a_film_by_numbers_change_no_pattern(others):
    names = product("a_t{}_{:03d}.tif", range(2), range(9))
    for mixed in (names + others, others + names):
        axes = find_axes(mixed)
        assert axes is not None
        assert axes.pattern == "a_t{t}_{z}.tif"


def evenly_spaced(seed):
    """Return numbers of at most seven planes within 300 to 999, and a dye."""
    rng = random.Random(seed)
    step = rng.choice((1, 2, 5, 10, 25, 100))
    planes = rng.randint(2 if step < 20 else 5, 7)
    first = rng.randint(300, 999 - step * (planes - 1))
    return range(first, first + step * planes, step), rng.choice(("BF", "DAPI", "Cy5", "dic"))


@pytest.mark.parametrize("seed", range(12))
def test_overview_named_by_a_dye_makes_no_channels_of_planes(tmp_path: Path, seed):
    numbers, dye = evenly_spaced(seed)
    names = product("img_{}.tif", [*numbers, dye])
    plane = np.random.default_rng(seed).integers(0, 99, (16, 20), np.uint8)
    for name in names:
        tifffile.imwrite(tmp_path / name, plane)
    assert read_stack(tmp_path).names == tuple(names)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("form", ["a_{}.tif", "a_{}nm.tif", "a_t{}_{}.tif", "a_p{}_{}.tif"])
def test_overviews_named_by_a_dye_change_no_pattern_of_planes(form, seed):
    numbers, dye = evenly_spaced(seed)
    form, repeats = (form, [range(3)]) if form.count("{") > 1 else (form, [])
    names = product(form, *repeats, numbers)
    dyes = product(form.replace("nm", ""), *repeats, [dye])
    for mixed in (names + dyes, dyes + names, names + dyes[:1]):
        assert find_axes(mixed) == find_axes(names)


@pytest.mark.parametrize("seed", range(24))
def test_dyes_and_wavelengths_of_a_grid_are_channels(seed):
    rng = random.Random(seed)
    dyes = rng.sample(["DAPI", "GFP", "BF", "Cy5"], rng.randint(1, 2))
    lines = rng.sample([405, 445, 488, 515, 561, 594, 640], rng.randint(1, 3 - len(dyes)))
    units = [f"{line}{rng.choice(('', 'nm'))}" for line in lines]
    names = product("a_z{}_{}.tif", range(rng.randint(2, 9)), dyes + units)
    axes = find_axes(rng.sample(names, len(names)))
    assert axes is not None
    assert axes.pattern == "a_z{z}_{c}.tif"


@pytest.mark.parametrize("names", [("DAPI", "488"), ("405", "488", "BF"), ("488nm", "Cy5")])
def test_one_plane_of_each_channel_is_no_stack(names):
    for ordered in itertools.permutations(product("a-{}.tif", names)):
        axes = find_axes(ordered)
        assert axes is not None
        beside = " beside 'a-BF.tif'" if names[2:] else ""
        assert axes.tokens == (" and ".join(sorted(names)[:2]).replace("Cy", "CY") + beside,)
        assert (axes.pattern, axes.has_z) == ("", False)


def test_refusal_of_a_few_lines_names_the_only_file_with_a_dye(tmp_path: Path):
    for name in product("a_{}.tif", (450, 525, 600, "BF")):
        tifffile.imwrite(tmp_path / name, np.zeros((16, 20), np.uint8))
    with pytest.raises(InputError, match=r"which count 450 to 600 beside 'a_BF\.tif'; "):
        read_stack(tmp_path)


def test_digits_of_guids_are_no_numbers():
    ends = ("1D01380B-E7DA-4C09-A343-EDA3D235D808", "E94C24BD-45E4-450A-9919-257C714278F7")
    assert find_axes([f"A_s1_z{k}{end}.tif" for k, end in enumerate(ends)]) is None
    axes = find_axes([f"A_s1_w{k}{end}.tif" for k, end in enumerate(ends)])
    assert axes is not None
    assert axes.tokens == ("w0 to w1",)


@pytest.mark.parametrize(
    ("names", "tokens"),
    [
        (product("{}{:02d}.tif", "AB", range(1, 4)), ("A01 to B03",)),
        (product("tile_x{:03d}_y{:03d}.tif", range(3), range(3)), ("x000 to x002", "y000 to y002")),
        (product("a_B02_s{}_w{}.tif", range(1, 3), range(1, 4)), ("s1 to s2", "w1 to w3")),
    ],
)
def test_names_without_z_give_no_pattern_that_would_fuse_something_else(names, tokens):
    axes = find_axes(names)
    assert axes is not None
    assert (axes.tokens, axes.pattern) == (tokens, "")


def test_folder_of_a_film_is_refused_and_its_files_as_a_list_are_not(tmp_path: Path):
    plane = np.random.default_rng(1).integers(0, 9, (16, 20), np.uint16)
    files = [tmp_path / name for name in product("a_t{}_z{}_ch{}.tif", *[range(2)] * 3)]
    for file in files:
        tifffile.imwrite(file, plane)
    with pytest.raises(InputError) as problem:
        read_stack(tmp_path)
    assert "t0 to t1, z0 to z1 and ch0 to ch1" in str(problem.value)
    assert 'of focus, give --pattern "a_t{t}_z{z}_ch{c}.tif" (in Python' in str(problem.value)
    assert read_stack(files[:2]).notes == ()
    reverse = read_planes(files[::-1], "a stack")
    assert reverse.names == tuple(file.name for file in files[::-1])
    assert reverse.notes == ()


def test_two_kinds_of_names_in_one_folder_are_noted(tmp_path: Path):
    plane = np.random.default_rng(1).integers(0, 9, (16, 20), np.uint16)
    for name in [f"image ({k}).tif" for k in range(3)] + [f"sample{k}.tif" for k in range(4)]:
        tifffile.imwrite(tmp_path / name, plane)
    (note,) = read_stack(tmp_path).notes
    assert "2 kinds of names (as 'image (0).tif', 'sample0.tif')" in note
    (tmp_path / "image (2).tif").unlink()
    assert read_stack(tmp_path).notes == ()


@pytest.mark.parametrize(
    ("others", "named"),
    [
        (["sharp1.png"], "'sharp1.png' differs"),
        (["mean.TIFF", "sharp1.png"], "'mean.TIFF', 'sharp1.png' differ "),
        (["IMG_8.png"], ""),  # one plane in another format
        (["IMG_8.JPEG"], ""),
        (["sharp1.jpg"], ""),  # one format: a plane with a number of its own
        (["overview.jpg"], "'overview.jpg' differs"),
        (["IMG_BF.jpg"], "'IMG_BF.jpg' differs"),
        (["IMG.jpg"], ""),  # the first of them
        (["bottom.jpg", "top.jpg"], "'bottom.jpg', 'top.jpg' differ "),
        (["a.png", "b.png", "c.png"], ""),  # more than one for three: nothing to go by
        ([], ""),
    ],
)
def test_a_few_files_of_another_name_and_format_or_without_a_number_are_named(
    tmp_path: Path, others, named
):
    rng = np.random.default_rng(1)
    for name in [f"IMG_{k}.jpg" for k in range(7)] + others:
        written = cv2.imencode(Path(name).suffix.lower(), rng.integers(0, 99, (16, 20), np.uint8))
        (tmp_path / name).write_bytes(written[1].tobytes())
    source = read_stack(tmp_path)
    notes = [note for note in source.notes if "from the other files by" in note]
    assert len(source) == 7 + len(others)
    assert len(notes) == bool(named)
    assert not named or notes[0].startswith(named)


def test_kinds_of_names_are_not_noted_twice(tmp_path: Path):
    plane = np.random.default_rng(1).integers(0, 9, (16, 20), np.uint8)
    for name in [f"IMG_{k}.tif" for k in range(12)] + [f"sharp{k}.bmp" for k in range(3)]:
        (tmp_path / name).write_bytes(cv2.imencode(Path(name).suffix, plane)[1].tobytes())
    (note,) = read_stack(tmp_path).notes
    assert "2 kinds of names" in note
