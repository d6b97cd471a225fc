"""Series in folders, by the names that microscopes give their files or by a pattern."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_focus_stack.errors import InputError, SettingsError
from napari_focus_stack.io.reading import read_stack
from napari_focus_stack.io.sources import Spacing
from napari_focus_stack.series.model import Channel, Series, StackIndex
from napari_focus_stack.series.opening import open_series
from napari_focus_stack.series.patterns import FileFields
from napari_focus_stack.series.readers import folder_grid
from napari_focus_stack.series.readers.folder import open_folder
from napari_focus_stack.series.readers.folder_grid import make_grid

UNKNOWN = Spacing()


def write(file: Path, value: int, **options: Any) -> None:
    """Write a plane whose pixels all have one value."""
    file.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(file, np.full((12, 16), value, np.uint16), **options)


def write_grid(folder: Path, form: str, **axes: Any) -> None:
    """Write a plane for each combination, whose value is made of the numbers along the axes."""
    for place in itertools.product(*(range(len(values)) for values in axes.values())):
        named = {axis: axes[axis][k] for axis, k in zip(axes, place, strict=True)}
        value = sum(k * 10**digit for digit, k in enumerate(reversed(place)))
        write(folder / form.format(**named), value)


def opened(folder: Path, pattern: str | None = None) -> Series:
    series = open_folder(folder, pattern)
    assert series is not None
    return series


def first_pixels(series: Series, *place: int) -> list[int]:
    stack = series.stack(*place)
    return [int(stack[k][0, 0]) for k in range(len(stack))]


GRIDS = {
    "Pos{p}/img_channel00{c}_position00{p}_time00000000{t}_z00{z}.tif": "Micro-Manager",
    "Pos{p}/img_00000000{t}_Cy{c}_00{z}.tif": "Micro-Manager",
    "TimePoint_{t}/ZStep_1{z}/a plate_B0{p}_s1_w{c}.TIF": "MetaXpress",
    "P_D08_T000{t}F00{p}L01A0{c}Z0{z}C0{c}.tif": "CellVoyager",
    "Images/r02c03f0{p}p0{z}-ch{c}sk{t}fk1fl1.tiff": "Opera",
    "data/E--W00001--P0000{p}--Z0000{z}--T0000{t}--Dye{c}.tif": "scanR",
    "Lif_t{t}_z0{z}_ch0{c}.tif": "LAS X",
    "exp-01_t{t}z0{z}c{c}_ORG.tif": "ZEN",
    "s_C00{c}Z00{z}T00{t}.tif": "Fluoview",
}


@pytest.mark.parametrize("form", GRIDS)
def test_folders_of_microscopes_are_series_with_the_right_planes(form: str, tmp_path: Path) -> None:
    positions = (1, 2) if "{p}" in form else (1,)
    write_grid(tmp_path, form, p=positions, t=(1, 2), c=(3, 5), z=(1, 2, 3))
    series = opened(tmp_path)
    assert series.kind == f"folder of {GRIDS[form]}"
    assert series.notes == ()
    assert len(series.positions) == len(positions)
    assert len({position.name for position in series.positions}) == len(positions)
    for position in series.positions:
        assert (position.times, len(position.channels), position.planes) == (2, 2, 3)
        assert (position.plane_shape, position.dtype) == ((12, 16), np.uint16)
        assert [channel.name[-1] for channel in position.channels] == ["3", "5"]
    for index in series:
        start = 1000 * index.position + 100 * index.time + 10 * index.channel
        stack = series.stack(index.position, index.time, index.channel)
        assert stack.notes == ()
        assert len(set(stack.names)) == 3
        assert first_pixels(series, index.position, index.time, index.channel) == [
            start,
            start + 1,
            start + 2,
        ]
    own = [path for path in (tmp_path, *tmp_path.iterdir()) if any(path.glob("*.tif*"))]
    for folder in own:
        with pytest.raises(InputError, match="z stack"):
            read_stack(folder)


def test_wells_are_in_the_order_of_the_plate_and_other_files_are_counted(tmp_path: Path) -> None:
    wells = ["A02", "A10", "B01"]
    write_grid(tmp_path, "P_{w}_T0001F00{f}L01A01Z0{z}C01.tif", w=wells, f=(1, 2), z=(1, 2))
    for k in range(3):
        write(tmp_path / f"SC_BP445-45_20x_M01_CH0{k}.tif", 9)
    series = opened(tmp_path)
    assert [position.well for position in series.positions] == [w for w in wells for _ in "12"]
    assert series.positions[3].name == "A10 field 2"
    assert first_pixels(series, 3) == [110, 111]
    assert [note.startswith("3 files were left out") for note in series.notes] == [True]
    assert len(series.files) == 15


def test_planes_of_one_channel_alone_remain_one_stack(tmp_path: Path) -> None:
    write_grid(tmp_path, "img_channel000_position000_time000000000_z00{z}.tif", z=range(4))
    assert open_folder(tmp_path) is None
    assert len(read_stack(tmp_path)) == 4
    write_grid(tmp_path / "photos", "IMG_20240101_12030{z}_00{z}.tif", z=range(4))
    assert open_folder(tmp_path / "photos") is None
    (tmp_path / "empty").mkdir()
    assert open_folder(tmp_path / "empty") is None


def test_projections_are_no_planes_and_a_channel_of_one_plane_is_left_out(tmp_path: Path) -> None:
    write_grid(tmp_path, "ZStep_{z}/P_E07_s1_w{c}.tif", z=(1, 2, 10), c=(1, 2))
    write(tmp_path / "ZStep_1" / "P_E07_s1_w4.tif", 7)
    for name in ("P_E07_s1_w1.tif", "P_E07_s1_w3.tif", "ZStep_0/P_E07_s1_w1.tif"):
        write(tmp_path / name, 9)
    series = opened(tmp_path)
    (position,) = series.positions
    assert (position.name, position.well, position.planes) == ("E07 field 1", "E07", 3)
    assert [channel.name for channel in position.channels] == ["w1", "w2"]
    assert first_pixels(series, 0, 0, 1) == [1, 11, 21]
    assert [note[:12] for note in series.notes] == ["3 files were", "Channel 'w4'"]
    assert len(series) == 2


def test_only_the_stack_with_missing_or_damaged_planes_fails(tmp_path: Path) -> None:
    write_grid(tmp_path, "a_t{t}_z{z}.tif", t=range(4), z=range(5))
    (tmp_path / "a_t1_z3.tif").unlink()
    (tmp_path / "a_t0_z2.tif").write_bytes(b"")
    tifffile.imwrite(tmp_path / "a_t3_z0.tif", np.zeros((12, 17), np.uint16))
    series = opened(tmp_path)
    assert series.positions[0].planes == 5
    assert "1 stack lacks planes" in series.notes[0]
    for time, words in enumerate(["'a_t0_z2.tif'", "time 1: z 3 of 5", "", "'a_t3_z0.tif'"]):
        if words:
            with pytest.raises(InputError, match=words):
                series.stack(0, time)
    assert first_pixels(series, 0, 2) == [20, 21, 22, 23, 24]
    for z in range(5):
        tifffile.imwrite(tmp_path / f"a_t3_z{z}.tif", np.zeros((12, 17), np.uint16))
    with pytest.raises(InputError, match=r"time 3 are 17 x 12 .* those of the first stack 16 x 12"):
        opened(tmp_path).stack(0, 3)


def test_two_files_for_one_plane_are_refused(tmp_path: Path) -> None:
    write_grid(tmp_path, "a_t{t}_z{z}.tif", t=range(2), z=("0", "00", "1"))
    with pytest.raises(InputError, match=r"a_t\d_z0+.tif' and 'a_t\d_z0+.tif' are the same plane"):
        open_folder(tmp_path)


def test_a_grid_without_files_is_refused_at_once_and_a_full_one_read(tmp_path: Path) -> None:
    one = FileFields(z="1")
    diagonal = [replace(one, p=f"p{k}", t=str(k), c=f"c{k}") for k in range(300)]
    found = [(tmp_path / str(k), fields) for k, fields in enumerate(diagonal)]
    refused = "300 channels, but hold files of 300 of 27000000 stacks"
    for pattern, remedy in [
        (None, r"own, or give a pattern without {t} \(--pattern\)\."),
        ("{p}_{t}_{c}_{z}", r"put \* in place of {t} in the pattern: the other fields name every"),
    ]:
        with pytest.raises(InputError, match=f"{refused}; .*{remedy}"):
            make_grid(found, pattern)
    square = itertools.product(range(20), range(20))
    full = [(tmp_path / f"{p} {t}", replace(one, p=f"p{p}", t=str(t))) for p, t in square]
    grid = make_grid(full)
    assert all(map(grid.is_whole, grid.indices()))
    grid = make_grid([*full, (tmp_path / "deep", FileFields(p="p0", t="0", z="2"))])
    assert sum(map(grid.is_whole, grid.indices())) == 400 - 19


def test_positions_with_times_of_their_own_are_opened(tmp_path: Path) -> None:
    planes = []
    for z in range(2):
        tifffile.imwrite(tmp_path / "plane", np.full((8, 8), z, np.uint8))
        planes.append((tmp_path / "plane").read_bytes())
    for k, (row, column) in enumerate(itertools.product(range(32), range(1, 49))):
        well = f"{'A' if row > 25 else ''}{chr(65 + row % 26)}{column:02d}"
        for z, plane in enumerate(planes):
            (tmp_path / f"{well}_t{k}_z{z}.tif").write_bytes(plane)
    series = opened(tmp_path, "{well}_t{t}_z{z}.tif")
    assert len(series) == 1536**2
    assert series.notes == (
        f"{1536 * 1535} stacks lack planes and are not stacked; the first is A01, time 1 "
        "(z 0 and 1 of 2).",
    )
    assert first_pixels(series, 1535, 1535) == [0, 1]
    with pytest.raises(InputError, match="Planes are missing"):
        series.stack(0, 1535)


def test_a_grid_that_is_refused_is_opened_by_the_pattern_that_its_message_gives(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(folder_grid, "_MOST_SPARSE", 30)
    monkeypatch.setattr(folder_grid, "_MOST_PER_FILLED", 2)
    write_grid(tmp_path / "own", "p{p}_t{p}_z{z}.tif", p=range(6), z=range(2))
    pattern = "p{p}_t{t}_z{z}.tif"
    with pytest.raises(InputError, match=r"put \* in place of {t} in the pattern"):
        open_folder(tmp_path / "own", pattern)
    series = opened(tmp_path / "own", pattern.replace("{t}", "*"))
    assert (len(series.positions), len(series)) == (6, 6)
    for p, t, z in itertools.product(range(6), range(2), range(2)):  # no field is to spare
        write(tmp_path / "several" / f"p{p}_t{2 * p + t}_z{z}.tif", z)
    with pytest.raises(InputError, match=r"of each position on their own\.$"):
        open_folder(tmp_path / "several", pattern)


def test_a_pattern_names_the_axes_of_any_folder(tmp_path: Path) -> None:
    write_grid(
        tmp_path,
        "run{p}/B{w}/z{z}um day{t} {c}.tif",
        p="12",
        w="34",
        z=(-0.5, 0, 2),
        t="56",
        c="ab",
    )
    series = opened(tmp_path, "{p}/{well}/z{z}um day{t} {c}")
    assert series.pattern == "{p}/{well}/z{z}um day{t} {c}"
    assert [position.name for position in series.positions] == [
        "B03 run1",
        "B03 run2",
        "B04 run1",
        "B04 run2",
    ]
    first = series.positions[0]
    assert first.channels == (Channel("a"), Channel("b"))
    assert (first.times, first.planes, first.spacing) == (2, 3, UNKNOWN)
    assert first_pixels(series, 2, 1, 0) == [1010, 1110, 1210]


def test_a_film_can_be_stacked_as_z_by_its_pattern(tmp_path: Path) -> None:
    write_grid(tmp_path, "x_t{t}.tif", t=(0, 1, 10))
    assert open_folder(tmp_path) is None
    with pytest.raises(InputError) as problem:
        open_series(tmp_path)
    assert 'all the same, give --pattern "x_t{z}.tif" (in Python' in str(problem.value)
    series = opened(tmp_path, "x_t{z}.tif")
    assert list(series) == [StackIndex()]
    assert first_pixels(series) == [0, 1, 2]
    assert series.stack().notes == ()


def test_a_pattern_must_fit_at_least_half_of_the_files(tmp_path: Path) -> None:
    write_grid(tmp_path, "a_t{t}_z{z}.tif", t=range(2), z=range(2))
    with pytest.raises(SettingsError, match=r"fits no file .* 'a_t0_z0.tif' and 'a_t0_z1.tif'"):
        open_folder(tmp_path, "b_t{t}_z{z}.tif")
    assert len(opened(tmp_path, "a_t0_z{z}.tif").notes) == 1
    write(tmp_path / "c.tif", 1)
    with pytest.raises(SettingsError, match="fits 2 of 5 files"):
        open_folder(tmp_path, "a_t0_z{z}.tif")
    with pytest.raises(InputError, match="check the path"):
        open_folder(tmp_path / "none", "a_z{z}.tif")


def test_micro_manager_gives_distances_names_colours_times_and_places(tmp_path: Path) -> None:
    for p in range(2):
        folder = tmp_path / f"Pos{p}"
        write_grid(
            folder, "img_00000000{t}_{c}_00{z}.tif", t=range(2), c=("DAPI", "A_1"), z=range(3)
        )
        found: dict[str, Any] = {
            "Summary": {
                "PixelSize_um": 0.5,
                "z-step_um": -2.0,
                "ChNames": ["DAPI", "A_1"],
                "ChColors": [255, 65280],
            }
        }
        for t, z in itertools.product(range(2), range(3)):
            found[f"FrameKey-{t}-0-{z}"] = {
                "FileName": f"img_00000000{t}_DAPI_00{z}.tif",
                "ElapsedTime-ms": 60000 * t + z + 500,
                "XPositionUm": 10 * p,
                "YPositionUm": -5,
            }
        (folder / "metadata.txt").write_text(json.dumps(found))
    series = opened(tmp_path)
    position = series.positions[1]
    assert position.name == "Pos1"
    assert position.spacing == Spacing(y=0.5, x=0.5, z=2.0, unit="micrometer")
    assert position.channels == (Channel("A_1", "#00FF00"), Channel("DAPI", "#0000FF"))
    assert (position.seconds, position.stage) == ((0.0, 60.0), (-5.0, 10.0))
    assert series.stack(1, 0, 0).spacing == position.spacing
    (tmp_path / "Pos0" / "metadata.txt").write_text('{"Summary": {')
    assert opened(tmp_path).positions[0].stage is None


def test_cell_voyager_gives_distances_and_places(tmp_path: Path) -> None:
    write_grid(tmp_path, "P_D08_T000{t}F001L01A01Z0{z}C01.tif", t=(1, 2), z=(1, 2, 3))
    scheme = 'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"'
    records = "".join(
        f'<bts:MeasurementRecord bts:Time="2023-09-18T13:5{t}:00.5+02:00" bts:X="-5" bts:Y="4.5" '
        f'bts:Z="{3 * z}">P_D08_T000{t}F001L01A01Z0{z}C01.tif</bts:MeasurementRecord>'
        for t, z in itertools.product((1, 2), (1, 2, 3))
    )
    data = f"<bts:MeasurementData {scheme}>{records}</bts:MeasurementData>"
    (tmp_path / "MeasurementData.mlf").write_text(data, encoding="utf-8-sig")
    (tmp_path / "MeasurementDetail.mrf").write_text(
        f'<bts:D {scheme}><bts:MeasurementChannel bts:HorizontalPixelDimension="0.25" '
        'bts:VerticalPixelDimension="0.5" /></bts:D>'
    )
    (position,) = opened(tmp_path).positions
    assert position.spacing == Spacing(y=0.5, x=0.25, z=3.0, unit="micrometer")
    assert (position.seconds, position.stage) == ((0.0, 60.0), (4.5, -5.0))


def test_planes_at_one_recorded_position_are_noted(tmp_path: Path) -> None:
    for z, c in itertools.product((1, 2), (1, 2)):
        plane = f"<MetaData><PlaneInfo><prop id='z-position' type='float' value='{z * c % 2}'/>"
        description = f"{plane}</PlaneInfo><ApplicationName/></MetaData>"
        file = tmp_path / f"ZStep_{z}" / f"P_A01_w{c}.tif"
        write(file, z, description=description, software="MetaSeries", metadata=None)
    series = opened(tmp_path)
    assert series.stack(0, 0, 0).notes == ()
    assert "may be copies" in series.stack(0, 0, 1).notes[0]


def test_opening_reads_the_headers_of_one_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_grid(tmp_path, "a_t{t}_z{z}.tif", t=range(9), z=range(3))
    read: list[str] = []
    whole = Path.open

    def counted(self: Path, *arguments: Any, **options: Any) -> Any:
        read.append(self.name)
        return whole(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", counted)
    opened(tmp_path)
    assert sorted(read) == ["a_t0_z0.tif", "a_t0_z1.tif", "a_t0_z2.tif"]
