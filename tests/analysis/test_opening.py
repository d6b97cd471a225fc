"""Heights opened from files: the numbers that the run returned, whatever file holds them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from napari_focus_stack import ArraySource, Spacing, focus_series, focus_stack
from napari_focus_stack.analysis import HeightMap, open_heights, save_heights
from napari_focus_stack.batch.focus import focus_batch
from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.io.height_files import write_heights
from napari_focus_stack.io.height_scale import HeightScale
from napari_focus_stack.io.ome_zarr_writer import create_ome_zarr
from napari_focus_stack.io.placed_plate import create_plate, field_place
from napari_focus_stack.io.result_outputs import write_outputs
from napari_focus_stack.io.results_file import SavedResult, read_saved, write_saved
from napari_focus_stack.io.writing import Legend, describe_values, write_image
from tests.scenes import scene

if TYPE_CHECKING:
    from pathlib import Path

    from napari_focus_stack import StackResult

ROLES = ("image", "height", "confidence")
SPACING = Spacing(y=0.5, x=0.25, z=2.0, unit="micrometer")
Z = {"z_factor": 1.25, "z_uncertainty": 0.02}
SIZE = (64, 80)


def planes(channel: int = 0, time: int = 0) -> np.ndarray:
    """Planes whose depth differs between channels and time points."""
    made = scene("gravel", ("step", "slant")[channel], n=6, size=SIZE).planes
    return made[::-1] if time else made


@pytest.fixture(scope="module")
def run() -> StackResult:
    return focus_stack(ArraySource(planes(), spacing=SPACING), align="none", **Z)


@pytest.fixture(scope="module")
def film() -> np.ndarray:
    """(T, C, Z, Y, X)."""
    return np.stack([np.stack([planes(c, t) for c in (0, 1)]) for t in (0, 1)])


def assert_is(found: HeightMap, height: Any, confidence: Any, unit: float = 1.0) -> None:
    """Heights as the run returned them, with the scale of `SPACING` and `Z`."""
    np.testing.assert_allclose(found.heights, height, rtol=1e-6)
    np.testing.assert_array_equal(found.confidence, confidence)
    assert (found.unit, found.pixel_unit) == ("micrometer", "micrometer")
    assert found.pixel_size == pytest.approx((0.5, 0.25), rel=1e-6)
    assert found.z_step == pytest.approx(2.5, rel=1e-6)  # 2 by the drive, times 1.25
    assert (found.scale_uncertainty, found.depth_unit) == (0.02, unit)


@pytest.mark.parametrize("name", ["r.focusstack", "r.focusstack.ome.tif"])
def test_saved_results_open_as_the_run_returned_them(
    run: StackResult, tmp_path: Path, name: str
) -> None:
    write_outputs({"image": tmp_path / name}, run)
    opened = open_heights(tmp_path / name, least_confidence=0.3)
    assert_is(opened.height_map, run.height, run.confidence)
    np.testing.assert_array_equal(opened.image, run.image)
    assert (opened.name, opened.notes) == ("r", ())
    again = HeightMap.of_result(run, 0.3)
    assert opened.height_map.least_confidence == 0.3
    np.testing.assert_array_equal(opened.height_map.counted, again.counted)
    np.testing.assert_allclose(opened.height_map.uncertainty, again.uncertainty, rtol=1e-6)


@pytest.mark.parametrize("role", ["depth", "depth-index"])
def test_depth_alone_becomes_heights_by_the_z_step(
    run: StackResult, tmp_path: Path, role: str
) -> None:
    write_outputs({"image": tmp_path / "all.focusstack"}, run)
    kept = [one for one in read_saved(tmp_path / "all.focusstack") if one.role == role]
    write_saved(tmp_path / "r.focusstack", kept)
    opened = open_heights(tmp_path / "r.focusstack")
    np.testing.assert_allclose(opened.height_map.heights, 2.5 * kept[0].array, rtol=1e-6)
    assert opened.height_map.confidence is None
    assert opened.height_map.counted.all()
    assert "no confidence" in opened.notes[0]
    write_saved(
        tmp_path / "n.focusstack", [replace(one, spacing=Spacing(), more={}) for one in kept]
    )
    unscaled = open_heights(tmp_path / "n.focusstack")
    assert (unscaled.height_map.unit, unscaled.height_map.pixel_unit) == ("plane", "pixel")
    np.testing.assert_array_equal(unscaled.height_map.heights, kept[0].array)
    assert "z step" in unscaled.notes[0]


def test_gsf_without_a_unit_of_values_is_opened_as_it_is(tmp_path: Path) -> None:
    values = np.arange(6, dtype="<f4").reshape(2, 3)
    header = b"Gwyddion Simple Field 1.0\nXRes = 3\nYRes = 2\n"
    padding = bytes(4 - len(header) % 4)
    (tmp_path / "a.gsf").write_bytes(header + padding + values.tobytes())
    opened = open_heights(tmp_path / "a.gsf")
    np.testing.assert_array_equal(opened.height_map.heights, values)
    assert opened.notes


def test_lengths_of_any_unit_become_micrometres(run: StackResult, tmp_path: Path) -> None:
    spacing = Spacing(y=500.0, x=250.0, z=2500.0, unit="nanometer")
    confidence = SavedResult("confidence", "b", run.confidence, spacing)
    write_saved(
        tmp_path / "r.focusstack",
        [SavedResult("height", "a", run.height * np.float32(1000), spacing), confidence],
    )
    found = open_heights(tmp_path / "r.focusstack").height_map
    assert_is(replace(found, scale_uncertainty=0.02), run.height, run.confidence)


def test_another_z_step_scales_heights_once(run: StackResult, tmp_path: Path) -> None:
    write_outputs({"image": tmp_path / "r.focusstack"}, run)
    opened = open_heights(tmp_path / "r.focusstack", z_step=5, pixel_size=(3, 4))
    found = opened.height_map
    factor = run.report.z_calibration["factor"]
    np.testing.assert_allclose(found.heights, run.depth * 5 * factor, rtol=1e-5)
    assert found.z_step == pytest.approx(5 * factor)
    assert (found.pixel_size, found.scale_uncertainty) == ((3, 4), 0.02)
    assert opened.notes[0].startswith("The factor of this run on distances along z, 1.25, was")
    assert "from the z step in the file, 2.5 µm, to 6.25 µm" in opened.notes[1]
    save_heights(run, tmp_path / "r.gsf")  # which has no z step
    unscaled = open_heights(tmp_path / "r.gsf", z_step=5)
    np.testing.assert_allclose(unscaled.height_map.heights, run.height, rtol=1e-5)
    assert "'r.gsf' does not name the z step with which its heights were made" in unscaled.notes[0]


def test_files_of_the_command_are_found_beside_each_other(run: StackResult, tmp_path: Path) -> None:
    names = {"image": "r.tif", "report": "r.json"}
    names |= {role: f"r_{role}.tif" for role in ("depth", "height", "confidence")}
    write_outputs({role: tmp_path / name for role, name in names.items()}, run)
    for name in ("r.tif", "r_height.tif", "r_depth.tif"):
        opened = open_heights(tmp_path / name)
        assert_is(opened.height_map, run.height, run.confidence)
        np.testing.assert_array_equal(opened.image, run.image)
    for name in ("r.tif", "r_depth.tif", "r.json"):
        (tmp_path / name).unlink()
    opened = open_heights(tmp_path / "r_height.tif", image=tmp_path / "r_height.tif")
    np.testing.assert_array_equal(opened.height_map.heights, run.height)
    # neither a report nor a depth says what a plane measures
    assert np.isnan(opened.height_map.z_step)
    assert opened.height_map.uncertainty is None
    assert "uncertainty" in opened.notes[0]


def test_a_map_of_any_name_opens_with_the_confidence_that_is_given(
    run: StackResult, tmp_path: Path
) -> None:
    given = {role: tmp_path / f"{role[0]}.tif" for role in ("height", "confidence")}
    write_outputs(given, run)
    found = open_heights(given["height"], confidence=given["confidence"], z_step=2.5).height_map
    assert_is(replace(found, scale_uncertainty=0.02), run.height, run.confidence)


@pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr"])
def test_a_series_opens_by_time_and_channel(film: np.ndarray, tmp_path: Path, suffix: str) -> None:
    done = focus_series(
        film,
        axes="TCZYX",
        spacing=SPACING,
        out=tmp_path / f"film{suffix}",
        align="none",
        z_factor=1.25,
        z_uncertainty=0.02,
    )
    maps = {role: np.array(done.positions[0].maps[role][1, 0]) for role in ROLES}
    for name in (f"film{suffix}", f"film_height{suffix}"):
        opened = open_heights(tmp_path / name, time=1, channel=0)
        assert_is(opened.height_map, maps["height"], maps["confidence"])
        np.testing.assert_array_equal(opened.image, maps["image"])
    assert opened.name == "film, time 1, channel 0"
    with pytest.raises(InputError, match=r"4 height maps.*choose time \(0, 1\) and channel"):
        open_heights(tmp_path / f"film{suffix}")
    with pytest.raises(InputError, match=r"none of them is chosen; choose channel \(0, 1\)"):
        open_heights(tmp_path / f"film{suffix}", time=1)
    with pytest.raises(InputError, match="none of them has that place"):
        open_heights(tmp_path / f"film{suffix}", time=2, channel=0)


@pytest.mark.parametrize(
    ("shape", "message"),
    [([2**62, 2, 9, 9], f"declares {2**62} time points"), ([9, 9], "has 2 axes")],
)
def test_stores_whose_sizes_are_damaged_are_refused_at_once(
    film: np.ndarray, tmp_path: Path, shape: list[int], message: str
) -> None:
    focus_series(film, axes="TCZYX", spacing=SPACING, out=tmp_path / "a.ome.zarr", align="none")
    place = tmp_path / "a_height.ome.zarr" / "0" / "zarr.json"
    array = json.loads(place.read_text())
    array["shape"] = shape
    grid = array["chunk_grid"]["configuration"]
    grid["chunk_shape"] = grid["chunk_shape"][-len(shape) :]
    array.pop("dimension_names", None)
    array["codecs"] = [codec for codec in array["codecs"] if codec["name"] != "sharding_indexed"]
    array["codecs"] = array["codecs"] or [{"name": "bytes", "configuration": {"endian": "little"}}]
    place.write_text(json.dumps(array))
    with pytest.raises(InputError, match=message):
        open_heights(tmp_path / "a_height.ome.zarr", time=1, channel=0)


def test_units_of_depth_are_those_of_the_time_point(film: np.ndarray, tmp_path: Path) -> None:
    focus_series(film, axes="TCZYX", spacing=SPACING, out=tmp_path / "f.ome.tif", align="none")
    reports = sorted((tmp_path / "f_reports").iterdir())
    for k, file in enumerate(reports):  # t0 c0, t0 c1, t1 c0, t1 c1
        content = json.loads(file.read_text())
        file.write_text(json.dumps({**content, "depth_unit": 1.0 + k}))
    where = tmp_path / "f.ome.tif"
    assert open_heights(where, time=1, channel=0).height_map.depth_unit == 3
    reports[0].unlink()
    reports[1].unlink()  # time 0 has failed: the numbers in the files are no longer certain
    assert open_heights(where, time=0, channel=0).height_map.depth_unit == 4


def test_positions_and_results_of_a_batch(film: np.ndarray, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    (source / "a").mkdir(parents=True)
    with tifffile.TiffWriter(source / "a" / "two.ome.tif", ome=True) as tif:
        for channel in (0, 1):  # two positions
            tif.write(
                film[0, channel],
                metadata={
                    "axes": "ZYX",
                    "Name": f"well {channel}",
                    "PhysicalSizeX": 0.25,
                    "PhysicalSizeY": 0.5,
                    "PhysicalSizeZ": 2.0,
                },
            )
    list(focus_batch(source, out, quiet=0, align="none", **Z))
    name = out / "a" / "two.ome.tif"
    with pytest.raises(InputError, match=r"choose position \(well-0, well-1\)"):
        open_heights(name)
    for position in ("well-1", 1):
        opened = open_heights(name, position=position)
        alone = focus_stack(ArraySource(film[0, 1], spacing=SPACING), align="none", **Z)
        assert_is(opened.height_map, alone.height, alone.confidence)
    assert_is(
        open_heights(out / "a" / "two_well-1_height.ome.tif").height_map,
        alone.height,
        alone.confidence,
    )


def test_a_height_map_of_another_program(tmp_path: Path) -> None:
    heights = np.random.default_rng(1).normal(size=SIZE).astype(np.float32)
    heights[3, 4] = np.nan
    path = tmp_path / "other.tif"
    tifffile.imwrite(path, heights, imagej=True, resolution=(4, 2), metadata={"unit": "um"})
    opened = open_heights(path)
    np.testing.assert_array_equal(opened.height_map.heights, heights)
    assert opened.height_map.pixel_size == (0.5, 0.25)
    assert opened.height_map.counted.sum() == heights.size - 1
    assert "taken as heights in micrometres" in opened.notes[0]
    planes = open_heights(path, z_step=3)
    np.testing.assert_allclose(planes.height_map.heights, 3 * heights)
    assert "taken as planes of 3 µm" in planes.notes[0]


def test_results_of_several_runs_in_one_file_are_kept_apart(tmp_path: Path) -> None:
    """Films, as napari saves them: pictures of all places one after the other."""
    random = np.random.default_rng(3)
    held, saved = {}, []
    for name in ("dim", "bright"):
        past = {"sources": [name], "depth_unit": 2.0}
        shape = {"shape": [2, 3, *SIZE], "axis_labels": ["p", "t", "y", "x"]}
        for role in ("height", "confidence"):
            held[name, role] = random.uniform(size=(2, 3, *SIZE)).astype(np.float32)
            array = held[name, role].reshape(6, *SIZE)
            more = {"metadata": past, "layer": shape}
            saved.append(SavedResult(role, name, array, SPACING, more=more, first="T"))
    write_saved(tmp_path / "r.focusstack", saved)
    for number, name in enumerate(("dim 0", "dim 1", "bright 0", "bright 1")):
        opened = open_heights(tmp_path / "r.focusstack", position=name, time=2)
        for role in ("height", "confidence"):
            given = opened.height_map.heights if role == "height" else opened.height_map.confidence
            np.testing.assert_array_equal(given, held[name.split()[0], role][number % 2, 2])
        assert opened.height_map.depth_unit == 2
    with pytest.raises(InputError, match=r"position \(dim 0, dim 1, bright 0, bright 1\) and time"):
        open_heights(tmp_path / "r.focusstack")


@pytest.mark.parametrize("suffix", [".tif", ".gsf", ".x3p"])
def test_exported_heights_open_with_their_unit(
    run: StackResult, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"heights{suffix}"
    scale = HeightScale(500.0, 250.0, "nanometer", "millimeter")
    write_heights(path, run.height / 1000, scale)
    opened = open_heights(path)
    np.testing.assert_allclose(opened.height_map.heights, run.height, rtol=1e-6)
    assert (opened.height_map.unit, opened.height_map.pixel_unit) == ("micrometer", "micrometer")
    assert opened.height_map.pixel_size == pytest.approx((0.5, 0.25), rel=1e-6)
    assert len(opened.notes) == 1  # that there is no confidence
    write_heights(tmp_path / "depth.tif", run.depth, HeightScale(unit="plane"))
    planes = open_heights(tmp_path / "depth.tif", z_step=2.5)
    np.testing.assert_allclose(planes.height_map.heights, run.height, rtol=1e-6)


def test_fields_of_a_plate_are_positions(run: StackResult, tmp_path: Path) -> None:
    for role in ("depth", "height", "confidence"):
        plate = tmp_path / f"p_{role}.ome.zarr"
        create_plate(plate, {"A01": 1, "B02": 2})
        for well, field, factor in (("A01", 0, 1), ("B02", 0, 2), ("B02", 1, 3)):
            array = getattr(run, role) * np.float32(1 if role == "confidence" else factor)
            about = describe_values(role, "micrometer")
            image = create_ome_zarr(
                field_place(plate, well, field),
                (1, 1, *SIZE),
                np.dtype(np.float32),
                SPACING,
                channels=[("", None)],
                name="p",
                about=about,
            )
            image.write(0, 0, array)
            image.complete()
            image.close()
            image.temporary.rename(field_place(plate, well, field))
    for position, factor in (("A01 field 0", 1), ("B02 field 0", 2), ("B02 field 1", 3)):
        found = open_heights(tmp_path / "p_height.ome.zarr", position=position).height_map
        np.testing.assert_allclose(found.heights, factor * run.height, rtol=1e-6)
        np.testing.assert_array_equal(found.confidence, run.confidence)
    with pytest.raises(InputError, match=r"choose position \(A01 field 0, B02 field 0, B02"):
        open_heights(tmp_path / "p_depth.ome.zarr")


def test_what_is_no_height_map_is_refused_by_its_name(run: StackResult, tmp_path: Path) -> None:
    write_image(tmp_path / "photo.tif", run.image, Legend())
    tifffile.imwrite(tmp_path / "other.tif", run.image)
    stack = planes().astype(np.float32)
    tifffile.imwrite(tmp_path / "stack.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    write_saved(tmp_path / "a.focusstack", [SavedResult("stacked", "a", run.image)])
    write_outputs({"height": tmp_path / "h.tif"}, run)
    (tmp_path / "damaged.tif").write_bytes((tmp_path / "h.tif").read_bytes()[:5000])
    (tmp_path / "folder.zarr").mkdir()
    for name, words in {
        "photo.tif": "neither heights nor depths",
        "other.tif": "whole numbers",
        "stack.tif": "6 planes",
        "a.focusstack": "neither heights nor depths",
        "damaged.tif": "cannot be read",
        "folder.zarr": "holds no result",
        "none.tif": "There is no",
        "run.json": "no result that has heights",
    }.items():
        with pytest.raises(InputError, match=f"{name}.*{words}|{words}.*{name}"):
            open_heights(tmp_path / name)
    with pytest.raises(InputError, match=r"photo\.tif' is no confidence"):
        open_heights(tmp_path / "h.tif", confidence=tmp_path / "photo.tif")
    tifffile.imwrite(tmp_path / "below.tif", np.full(SIZE, -0.5, np.float32))
    with pytest.raises(InputError, match=r"below\.tif' is no confidence"):
        open_heights(tmp_path / "h.tif", confidence=tmp_path / "below.tif")
    tifffile.imwrite(tmp_path / "small.tif", np.zeros((8, 8), np.float32))
    with pytest.raises(InputError, match=r"small\.tif' has 8 x 8 pixels"):
        open_heights(tmp_path / "h.tif", confidence=tmp_path / "small.tif")
    with pytest.raises(SettingsError, match="z_step 0"):
        open_heights(tmp_path / "h.tif", z_step=0)


def test_heights_at_an_end_of_the_stack_are_said(run: StackResult, tmp_path: Path) -> None:
    beyond = replace(run, height=np.minimum(run.height, np.quantile(run.height, 0.9)))
    write_outputs({"image": tmp_path / "cut.focusstack"}, beyond)
    [note] = open_heights(tmp_path / "cut.focusstack").notes
    sure = beyond.height[beyond.confidence >= 0.5]
    share = np.mean(sure == sure.max())
    assert note.startswith(f"{share:.1%} of the heights that count are exactly the highest")
    assert 0.05 < share < 0.2
    write_outputs({"image": tmp_path / "whole.focusstack"}, run)
    assert not open_heights(tmp_path / "whole.focusstack").notes


def test_heights_of_whole_planes_are_named_and_reach_the_ends_of_the_stack_alone(
    run: StackResult, tmp_path: Path
) -> None:
    last = len(run.transforms) - 1
    lost = run.transforms.copy()
    lost[last] = np.nan
    without = replace(run, report=replace(run.report, transforms=lost))
    for result, highest, said in (
        (run, last - 1, False),
        (run, last, True),
        (without, last - 1, True),  # the last plane that was used
    ):
        index = np.where(run.depth_index > 2, highest, 1).astype(np.uint16)
        made = replace(result, depth_index=index)
        path = tmp_path / "i.tif"
        write_outputs({"depth_index": path, "report": tmp_path / "i.json"}, made)
        write_outputs({"image": tmp_path / "all.focusstack"}, made)
        kept = [one for one in read_saved(tmp_path / "all.focusstack") if "index" in one.role]
        write_saved(tmp_path / "i.focusstack", kept)
        for file in (path, tmp_path / "i.focusstack"):
            notes = " ".join(open_heights(file).notes)
            assert f"'{file.name}' has depth in whole planes alone" in notes
            assert ("exactly the highest" in notes) is said
            assert "exactly the lowest" not in notes
    tifffile.imwrite(tmp_path / "numbers.tif", index)
    notes = " ".join(open_heights(tmp_path / "numbers.tif", z_step=2).notes)
    assert "whole planes alone" in notes
    assert "exactly the highest" in notes  # that may be the last plane: no report is beside it


def test_depth_between_planes_that_happens_to_be_whole_is_named_no_stairs(
    run: StackResult, tmp_path: Path
) -> None:
    made = replace(run, depth=np.where(run.depth > 2, 3, 2).astype(np.float32), height=None)
    write_outputs({"image": tmp_path / "flat.focusstack"}, made)
    assert "whole planes" not in " ".join(open_heights(tmp_path / "flat.focusstack").notes)
