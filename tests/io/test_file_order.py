"""Order of files by their names, and files beside the planes that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from natsort import natsorted, ns

from napari_focus_stack.cli import main as cli
from napari_focus_stack.errors import InputError
from napari_focus_stack.io.companions import companions
from napari_focus_stack.io.file_order import in_plain_order, named_positions, natural_order
from napari_focus_stack.io.reading import read_stack

PLANE = np.random.default_rng(1).integers(0, 255, (24, 32), np.uint8)


@pytest.mark.parametrize(
    "names",
    [
        ["img2", "img10", "img33"],
        ["z-4", "z-3", "z-1", "z0", "z2", "z10"],
        ["pos_-10um", "pos_-2.5um", "pos_0um", "pos_+10um"],
        ["pos_-10um", "pos_-5um", "pos_-2.5um"],
        ["z0um", "z0.25um", "z0.5um", "z1um", "z1.25um"],
        ["z0p25um", "z0p5um", "z1um"],
        ["z0,25um", "z0,5um"],
        ["z_0.25", "z_0.5", "z_1"],
        ["a_\u22122", "a_\u22121", "a_1"],
        # a dash or a point that separates
        ["img-1", "img-2", "img-10"],
        ["leaf -1", "leaf -2", "leaf -3"],
        ["2024-5-9", "2024-5-10", "2024-11-1"],
        ["a-1-2", "a-1-10", "a-2-1"],
        ["1.2", "1.9", "1.10"],
        ["img.2.1", "img.2.3", "img.2.8", "img.2.10", "img.2.11"],
        ["s1.1", "s1.3", "s1.5", "s1.7", "s1.9", "s1.11"],
        ["s1.5", "s1.10", "s1.15", "s1.20"],
        ["1.2.840.1", "1.2.840.2", "1.2.840.10"],
        ["DSC0003", "DSC-0001", "DSC-0002"],
        ["2024.5.9 8.30.1", "2024.5.9 8.30.10", "2024.5.10 8.30.2"],
        ["IMG_0009 (1)", "IMG_0009 (2)", "IMG_0010"],
        # some of the files have other names
        ["b-3", "b-1", "b0", "overview"],
    ],
    ids=lambda names: names[0],
)
def test_files_come_in_the_order_of_their_numbers(names):
    files = [Path(f"{name}.tif") for name in names]
    for shuffled in (files[::-1], sorted(files, key=lambda file: file.name[::-1])):
        assert natural_order(shuffled) == files


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(-5000, 5000), min_size=2, max_size=12, unique=True),
    st.sampled_from(["z{}um", "{}um_img", "stack 3 pos_{}um", "t01_z={}um_c2"]),
)
def test_any_positions_in_micrometres_are_read_and_order_the_files(hundredths, form):
    values = sorted(number / 100 for number in hundredths)
    # in z-1um, z-2um alone the dash may as well separate
    assume(values[-1] >= 0 or form != "z{}um")
    files = [Path("folder") / f"{form.format(f'{value:g}')}.tif" for value in values]
    assert natural_order(files[::-1]) == files
    found = named_positions(files)
    assert [found[file] for file in files] == pytest.approx(values)


@pytest.mark.parametrize(
    "names",
    [
        ["z1", "z2", "z3"],  # no unit
        ["cells_405nm", "cells_488nm", "cells_561nm"],  # colours
        ["focal 24mm", "focal 35mm"],  # lenses
        ["x10um_y0um", "x20um_y0um"],  # along the field
        ["z1um_1", "z1um_2"],  # one place
        ["z1um_h3um", "z2um_h4um"],  # two numbers of the kind
    ],
    ids=lambda names: names[0],
)
def test_other_numbers_are_no_positions(names):
    assert named_positions([Path(f"{name}.tif") for name in names]) == {}


def test_the_z_step_of_names_counts_where_the_files_have_none_and_is_noted(tmp_path):
    for value in ("0", "0.25", "0.5", "0.75"):
        tifffile.imwrite(tmp_path / f"z{value}um.tif", PLANE)
    source = read_stack(tmp_path)
    assert (source.spacing.z, source.spacing.unit) == (0.25, "micrometer")
    assert any(
        "0.25 \u00b5m is that of the positions in the files' names" in n for n in source.notes
    )
    for value in ("0", "0.25", "0.5", "0.75"):
        metadata = {"axes": "YX", "PhysicalSizeZ": 0.3, "PhysicalSizeZUnit": "\u00b5m"}
        tifffile.imwrite(tmp_path / f"z{value}um.tif", PLANE, ome=True, metadata=metadata)
    assert read_stack(tmp_path).spacing.z == 0.3


def test_an_order_that_is_not_that_of_the_names_is_shown(tmp_path, capsys):
    for value in (-2, -1, 0, 1):
        tifffile.imwrite(tmp_path / f"z{value}.tif", PLANE)
    assert cli.main(["-i", str(tmp_path), "-o", str(tmp_path.parent / "out.tif")]) == 0
    assert "'z-2.tif', 'z-1.tif', 'z0.tif', 'z1.tif'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("names", "left_out"),
    [
        (["P_z1", "P_z1_thumb", "P_z2", "P_z2_thumb"], ["P_z1_thumb", "P_z2_thumb"]),
        (["a1", "a2", "tn_a1", "tn_a2"], ["tn_a1", "tn_a2"]),
        (["z1", "z2", "z3", "MAX_z", "AVG_z"], ["MAX_z", "AVG_z"]),
        (["a1", "a2", "a3", "2024 ZS PMax", "a (B,R8,S4)"], ["2024 ZS PMax", "a (B,R8,S4)"]),
        (["i1", "i2", "i_stacked"], ["i_stacked"]),
        (["max_1", "max_2", "max_3"], []),
        (["thumb1", "thumb2"], []),
        (["thumbelina1", "projector1", "fused silica", "maximum_1"], []),
    ],
    ids=lambda names: names[0] if names else "none",
)
def test_thumbnails_and_projections_are_found_by_their_names(names, left_out):
    found = companions([Path(f"{name}.tif") for name in names])
    assert {file.stem for file in found} == set(left_out)


def test_files_in_an_order_of_the_callers_are_listed_as_given(tmp_path):
    for name in "ab":
        tifffile.imwrite(tmp_path / f"{name}.tif", PLANE)
    [note] = read_stack([tmp_path / "b.tif", tmp_path / "a.tif"]).notes
    assert "the list that was given" in note
    assert read_stack([tmp_path / "a.tif", tmp_path / "b.tif"]).notes == ()


def test_one_plane_beside_its_fused_image_is_refused_with_the_reason(tmp_path):
    for name in ("a", "a_fused"):
        tifffile.imwrite(tmp_path / f"{name}.tif", PLANE)
    with pytest.raises(InputError, match=r"one plane alone, 'a\.tif'.*One file was left out"):
        read_stack(tmp_path)


def test_thumbnails_are_left_out_and_listed_once(tmp_path):
    for k in range(1, 5):
        tifffile.imwrite(tmp_path / f"P_z{k}.tif", PLANE)
        tifffile.imwrite(tmp_path / f"P_z{k}_thumb.tif", PLANE[::2, ::2])
    for skip in (False, True):
        source = read_stack(tmp_path, skip_unreadable=skip)
        assert source.names == tuple(f"P_z{k}.tif" for k in range(1, 5))
        [note] = source.notes
        assert note.startswith("4 files were left out")
        assert "'P_z1_thumb.tif'" in note
        assert len(source.inputs) == 8, "no output may replace one"


def test_of_two_sizes_equally_common_the_larger_is_the_stack(tmp_path):
    for k in range(3):
        tifffile.imwrite(tmp_path / f"a{k}.tif", PLANE[::2, ::2])
        tifffile.imwrite(tmp_path / f"b{k}.tif", PLANE)
    source = read_stack(tmp_path, skip_unreadable=True)
    assert source.names == ("b0.tif", "b1.tif", "b2.tif")


@given(
    st.text(st.sampled_from("0aB ._(é1"), min_size=1, max_size=10),
    st.lists(st.lists(st.integers(0, 9), min_size=10, max_size=10), min_size=2, max_size=12),
)
def test_names_with_digits_at_the_same_places_are_in_the_order_of_natsort(mask, digits):
    names = {
        "".join(str(row[k]) if sign.isdigit() else sign for k, sign in enumerate(mask)) + ".tif"
        for row in digits
    }
    files = [Path(name) for name in names]
    expected = natsorted(files, key=lambda file: file.name, alg=ns.PATH | ns.IGNORECASE)
    assert in_plain_order(expected)
    assert len(names) == 1 or not in_plain_order(expected[::-1])
