"""Every stack below a folder is found once, and nothing else; what is left out is named."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path

import pytest
import tifffile
from batch.trees import MAKERS, film, planes, store
from hypothesis import given, settings
from hypothesis import strategies as st
from long_runs import examples
from series.made_tiffs import ndtiff

from napari_focus_stack.batch.finding import FoundSeries, LeftOut, find_series_below
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.io.plane_files import FilePlane
from napari_focus_stack.series.opening import open_series


def sources(root: Path, **options) -> tuple[list[str], list[str]]:
    found = list(find_series_below(root, **options))
    series = [one.source for one in found if isinstance(one, FoundSeries)]
    return series, [one.source for one in found if isinstance(one, LeftOut)]


def why(root: Path, source: str, **options) -> str:
    """Return why a source is left out, once and in one sentence."""
    found = [
        one
        for one in find_series_below(root, **options)
        if isinstance(one, LeftOut) and one.source == source
    ]
    assert len(found) == 1
    assert found[0].why.endswith(".")
    assert "\n" not in found[0].why
    return found[0].why


def assert_opens_again(root: Path, found: FoundSeries) -> None:
    """A worker that opens the source gets the same stacks."""
    again = open_series(root / found.source, pattern=found.series.pattern, axes=found.series.axes)
    assert again.positions == found.series.positions
    assert (root / found.source).is_file() == found.is_file


FOLDERS = st.lists(
    st.tuples(st.sampled_from(["", "a", "a/b", "a/b 10", "B"]), st.sampled_from(sorted(MAKERS))),
    max_size=6,
    unique=True,
)


@settings(max_examples=examples(30), deadline=None)
@given(FOLDERS, st.sampled_from(["", "a", "a/b"]))
def test_exactly_the_stacks_of_any_tree_are_found(tree, holder):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        series, left_out = Counter(), Counter()
        for place, name in tree:
            parent = root / place
            parent.mkdir(parents=True, exist_ok=True)
            made = MAKERS[name](parent)
            series.update((Path(place) / one).as_posix() for one in made.series)
            left_out.update((Path(place) / one).as_posix() for one in made.left_out)
        out = root / holder / "results"
        out.mkdir(parents=True, exist_ok=True)
        for maker in ("folder_of_planes", "files_beside_folders", "store"):
            MAKERS[maker](out)
        found = list(find_series_below(root, skip=out))
        assert Counter(one.source for one in found if isinstance(one, FoundSeries)) == series
        assert Counter(one.source for one in found if isinstance(one, LeftOut)) == left_out
        for one in found:
            if isinstance(one, FoundSeries):
                assert_opens_again(root, one)
            else:
                assert one.why.endswith(".")


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_each_kind_alone(tmp_path, name):
    made = MAKERS[name](tmp_path)
    series, left_out = sources(tmp_path)
    assert sorted(series) == sorted(made.series)
    assert sorted(left_out) == sorted(made.left_out)


def test_no_pixel_is_read(tmp_path, monkeypatch):
    for maker in MAKERS.values():
        maker(tmp_path)
    monkeypatch.setattr(FilePlane, "decode", None)
    series, _ = sources(tmp_path)
    assert "planes" in series


def test_order_is_natural_and_files_come_before_sub_folders(tmp_path):
    for name in ("s10", "s9", "s9/deep", "s100"):
        planes(tmp_path / name)
    for name in ("f10.tif", "f9.tif"):
        film(tmp_path / "s9/films" / name)
    assert sources(tmp_path)[0] == [
        "s9",
        "s9/deep",
        "s9/films/f9.tif",
        "s9/films/f10.tif",
        "s10",
        "s100",
    ]


def test_the_root_itself(tmp_path):
    planes(tmp_path / "leaf")
    film(tmp_path / "film.tif")
    store(tmp_path / "a.zarr")
    for name in ("leaf", "film.tif", "a.zarr"):
        (found,) = find_series_below(tmp_path / name)
        assert isinstance(found, FoundSeries)
        assert found.source == "."
        assert_opens_again(tmp_path / name, found)
    with pytest.raises(InputError, match="no file or folder"):
        find_series_below(tmp_path / "none")
    assert sources(tmp_path, skip=tmp_path / "none")[0] == ["film.tif", "a.zarr", "leaf"]


def test_an_ndtiff_is_one_series(tmp_path, monkeypatch):
    ndtiff(tmp_path / "run", 2, ["GFP", "DAPI"], 5)
    summary = {"MajorVersion": 3, "Summary": {}}
    monkeypatch.setattr(tifffile.TiffFile, "micromanager_metadata", summary)
    assert sources(tmp_path) == (["run"], [])


def test_links_are_followed_once_and_loops_end(tmp_path):
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    planes(root / "a")
    planes(elsewhere / "x")
    try:
        (root / "a/loop").symlink_to(root, target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links")
    (root / "again").symlink_to(root / "a", target_is_directory=True)
    (root / "itself").symlink_to(root / "itself")
    (root / "out1").symlink_to(elsewhere, target_is_directory=True)
    (root / "out2").symlink_to(elsewhere, target_is_directory=True)
    (root / "up").symlink_to(tmp_path, target_is_directory=True)
    assert sources(root) == (["a", "out1/x"], [])
    (tmp_path / "shortcut").symlink_to(root, target_is_directory=True)
    assert sources(tmp_path / "shortcut") == (["a", "out1/x"], [])
    assert sources(root, skip=root / "out1") == (["a"], [])


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="every folder may be read"
)
def test_a_folder_that_cannot_be_read_is_left_out(tmp_path):
    planes(tmp_path / "a")
    planes(tmp_path / "b")
    (tmp_path / "a").chmod(0)
    assert sources(tmp_path) == (["b"], ["a"])
    (tmp_path / "a").chmod(0o700)


def test_a_pattern_is_tried_where_there_are_images(tmp_path):
    for t in range(2):
        planes(tmp_path / "fits/deep", f"x_t{t}_z{{z}}_q.tif")
    planes(tmp_path / "odd")
    planes(tmp_path / "odd/below", "x_t0_z{z}_q.tif")
    film(tmp_path / "odd/film.tif")
    store(tmp_path / "a.zarr")
    pattern = "{name}_t{t}_z{z}_q.tif"
    series, left_out = sources(tmp_path, pattern=pattern)
    assert (series, left_out) == (["a.zarr", "fits/deep", "odd/below"], ["odd"])
    assert "fits no file" in why(tmp_path, "odd", pattern=pattern)
    found = [one for one in find_series_below(tmp_path, pattern=pattern) if one.source in series]
    assert found[1].series.positions[0].times == 2
    for one in found:
        assert_opens_again(tmp_path, one)
    with pytest.raises(SettingsError, match=r"has no \{z\}"):
        find_series_below(tmp_path, pattern="{name}.tif")


def test_a_pattern_with_folders_takes_them(tmp_path):
    for z in range(3):
        planes(tmp_path / "day/run", f"slice {z}/cell_{{z}}.tif", 2)
    planes(tmp_path / "day/run/slice 1/other", "cell_{z}.tif")
    film(tmp_path / "day/run/notes/film.tif")
    pattern = "slice {z}/{name}.tif"
    series, left_out = sources(tmp_path, pattern=pattern)
    assert series == ["day/run"]
    assert left_out == ["day/run/notes", "day/run/slice 1/other"]


def test_axes_are_those_of_files_of_several_planes(tmp_path):
    planes(tmp_path / "leaf")
    pixels = tifffile.imread(sorted((tmp_path / "leaf").iterdir()))
    tifffile.imwrite(
        tmp_path / "film.tif",
        pixels[:4].reshape(2, 2, *pixels.shape[1:]),
        photometric="minisblack",
    )
    assert "an axis without a name" in why(tmp_path, "film.tif")
    found = list(find_series_below(tmp_path, axes="TZYX"))
    assert [one.source for one in found] == ["film.tif", "leaf"]
    assert (found[0].series.positions[0].times, found[0].series.positions[0].planes) == (2, 2)
    for one in found:
        assert_opens_again(tmp_path, one)
    assert "axes" in why(tmp_path, "film.tif", axes="PTCZYX")
    with pytest.raises(SettingsError, match="axes"):
        find_series_below(tmp_path, axes="QQ")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("names_of_a_film", 'give --pattern "x_t{t}_z{z}_q.tif"'),
        ("one_image", "a stack needs at least two"),
        ("damaged_plane", "img_1.tif"),
        ("damaged_file", "cut.tif"),
        ("without_z", "no z axis"),
        ("single_images_beside_files", "a single image beside files of several planes"),
        ("array_without_axes", "no names"),
        ("microscope_files", "c.nd2"),
    ],
)
def test_what_is_left_out_says_why_and_what_to_do(tmp_path, name, words):
    (source,) = MAKERS[name](tmp_path).left_out
    assert words in why(tmp_path, source)


def test_of_object_storage_the_stores_are_found_and_not_entered(tmp_path):
    upath = pytest.importorskip("upath")
    store(tmp_path / "b/image.ome.zarr")
    store(tmp_path / "a10/many.zarr", images=2)
    store(tmp_path / "a9/.hidden/x.zarr")
    MAKERS["stores_in_a_group"](tmp_path / "a9")
    MAKERS["results"](tmp_path / "b")
    planes(tmp_path / "b/leaf")
    root = upath.UPath(f"memory://{tmp_path.name}")
    for file in tmp_path.rglob("*"):
        if file.is_file():
            place = root / file.relative_to(tmp_path).as_posix()
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.read_bytes())
    found = [one.source for one in find_series_below(root)]
    assert found == ["a9/group.zarr/a", "a9/group.zarr/b", "a10/many.zarr", "b/image.ome.zarr"]
