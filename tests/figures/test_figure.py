"""Figures: what is where, in which size, and in which file."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from napari_focus_stack.analysis.height_map import HeightMap
from napari_focus_stack.errors import InputError, OutputError, SettingsError
from napari_focus_stack.figures.figure import FigureSettings, draw_figure, write_figure
from napari_focus_stack.figures.pictures import as_rgb8, contrast_limits

if TYPE_CHECKING:
    from pathlib import Path

UM = {"unit": "micrometer", "pixel_unit": "micrometer", "pixel_size": (2.0, 2.0), "z_step": 1.0}


@dataclass
class Line:
    """What a figure takes of a profile."""

    points: np.ndarray
    distance: np.ndarray
    height: np.ndarray
    uncertainty: np.ndarray
    counted: np.ndarray
    share: float = 0.75
    unit: str = "micrometer"
    distance_unit: str = "micrometer"


def _line() -> Line:
    steps = np.linspace(0, 1, 40)
    return Line(
        points=np.stack([20 + 0 * steps, 10 + 100 * steps], axis=1),
        distance=200 * steps,
        height=30 * steps,
        uncertainty=np.full(40, 2.0),
        counted=steps < 0.75,
    )


def _ramp(shape: tuple[int, int] = (90, 120), **calibration: object) -> HeightMap:
    heights = np.broadcast_to(np.linspace(0, 100, shape[1], dtype=np.float32), shape).copy()
    return HeightMap(heights=heights, **{**UM, **calibration})


def _grey(source: HeightMap) -> np.ndarray:
    return np.full(source.shape, 128, np.uint8)


def _drawn(figure) -> np.ndarray:
    """Return the pixels of a figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


@pytest.mark.parametrize("shape", [(90, 120), (40, 300), (400, 60)])
@pytest.mark.parametrize("with_image", [True, False])
def test_nothing_covers_data_and_nothing_is_cut_off(shape, with_image) -> None:
    source = _ramp(shape)
    source.heights[:9] = np.nan
    image = _grey(source) if with_image else None
    figure = draw_figure(source, image, [_line()], FigureSettings(contours=True, dpi=100))
    _drawn(figure)
    panels, (bar, profile) = figure.axes[:-2], figure.axes[-2:]
    assert len(panels) == 1 + with_image
    renderer = figure.canvas.get_renderer()
    around = bar.get_tightbbox(renderer)
    for panel in panels:
        assert not around.overlaps(panel.get_window_extent(renderer))
        assert not profile.get_tightbbox(renderer).overlaps(panel.get_window_extent(renderer))
        for text in panel.texts:
            if not text.get_bbox_patch():  # letters of profiles lie on the panel
                box = text.get_window_extent(renderer)
                assert not box.overlaps(panel.get_window_extent(renderer)), text.get_text()
                assert not box.overlaps(around), text.get_text()
    whole = figure.get_tightbbox(renderer)
    assert whole.x0 >= 0
    assert whole.y0 >= 0
    assert whole.x1 <= figure.get_figwidth()
    assert whole.y1 <= figure.get_figheight()
    assert panels[-1].get_position().width / panels[-1].get_position().height * (
        figure.get_figwidth() / figure.get_figheight()
    ) == pytest.approx(shape[1] / shape[0], rel=1e-6)


@pytest.mark.parametrize("count", [1, 3, 9])
def test_key_of_profiles_covers_neither_panels_nor_their_words(count) -> None:
    source = _ramp()
    source.heights[:9] = np.nan
    figure = draw_figure(source, _grey(source), [_line()] * count, FigureSettings(contours=True))
    _drawn(figure)
    renderer = figure.canvas.get_renderer()
    *others, profiles = figure.axes
    key = profiles.get_legend().get_window_extent(renderer)
    assert key.x0 >= 0
    assert key.y0 >= profiles.get_window_extent(renderer).y1
    assert not any(key.overlaps(axes.get_tightbbox(renderer)) for axes in others)
    assert not any(key.overlaps(text.get_window_extent(renderer)) for text in profiles.texts)


@pytest.mark.parametrize(
    ("calibration", "length", "text"),
    [
        ({}, 50 / 240, "50 µm"),
        ({"pixel_size": (50.0, 50.0)}, 1000 / 6000, "1 mm"),
        ({"pixel_size": (1.0, 1.0), "pixel_unit": "pixel"}, 20 / 120, "20 pixels"),
    ],
)
def test_scale_bar_is_as_long_as_it_says(calibration, length, text) -> None:
    source = _ramp(**calibration)
    figure = draw_figure(source, _grey(source))
    panel = figure.axes[0]
    (bar,) = panel.artists if panel.artists else panel.lines
    assert np.ptp(bar.get_xdata()) == pytest.approx(length)
    assert text in [one.get_text() for one in panel.texts]


def test_heights_have_the_colours_of_the_bar_and_gaps_are_hatched() -> None:
    heights = np.full((90, 120), 10, np.float32)
    heights[:, 60:] = 50
    heights[50:, :40] = np.nan
    confidence = np.ones_like(heights)
    confidence[50:, 80:] = 0.1
    source = HeightMap(heights=heights, confidence=confidence, **UM)
    figure = draw_figure(source, None, settings=FigureSettings(dpi=100))
    pixels = _drawn(figure)
    panel, bar = figure.axes
    box = panel.get_window_extent()

    def at(y: int, x: int) -> np.ndarray:
        column = int(box.x0 + (x + 0.5) / 120 * box.width)
        row = int(len(pixels) - box.y1 + (y + 0.5) / 90 * box.height)
        return pixels[row - 6 : row + 6, column - 6 : column + 6].reshape(-1, 3).astype(int)

    # ends of viridis, which are those of the bar
    assert at(20, 30) == pytest.approx(np.tile([68, 1, 84], (144, 1)), abs=3)
    assert at(20, 90) == pytest.approx(np.tile([253, 231, 36], (144, 1)), abs=3)
    assert bar.get_ylim() == pytest.approx((10, 50))
    assert bar.get_ylabel() == "Height (µm)"
    for gap in (at(70, 20), at(70, 100)):  # no height, no sure height
        assert np.ptp(gap, axis=1).max() == 0  # grey
        assert len(np.unique(gap)) > 1  # with lines
    hatched = 40 * 40 + 40 * 40
    note = f"Hatched: no sure height ({hatched / heights.size:.1%})"
    assert note in [one.get_text() for one in panel.texts]


def test_a_gap_of_few_pixels_has_a_share_in_the_middle_of_a_sentence() -> None:
    heights = np.full((90, 120), 10, np.float32)
    heights[0, 0] = np.nan
    heights[50:] = 50
    panel = draw_figure(HeightMap(heights=heights, **UM), None).axes[0]
    assert "Hatched: no height (less than 0.1%)" in [one.get_text() for one in panel.texts]


def test_profile_is_drawn_where_it_lies_and_solid_where_it_is_sure() -> None:
    source, line = _ramp(), _line()
    figure = draw_figure(source, _grey(source), [line])
    image, heights, _, panel = figure.axes
    for axes in (image, heights):
        drawn = [one for one in axes.lines if len(one.get_xdata()) == 40]
        assert len(drawn) == 2  # a colour on white
        for one in drawn:
            assert one.get_xdata() == pytest.approx(2 * line.points[:, 1])
            assert one.get_ydata() == pytest.approx(2 * line.points[:, 0])
    colours = [axes.lines[-1].get_color() for axes in (image, heights, panel)]
    assert len(set(colours)) == 1
    dotted, solid = panel.lines
    assert dotted.get_ydata() == pytest.approx(line.height)
    assert np.array_equal(np.isfinite(solid.get_ydata()), line.counted)
    (band,) = panel.collections
    low, high = band.get_datalim(panel.transData).intervaly
    assert (low, high) == pytest.approx((-2, line.height[line.counted].max() + 2))
    key = [text.get_text() for text in panel.get_legend().texts]
    assert key == ["A to A': 75.0% sure", "not sure", "± standard uncertainty"]


@pytest.mark.parametrize(
    ("start", "end"), [((0, 0), (89, 119)), ((45, 0), (45, 119)), ((0, 60), (89, 60))]
)
def test_letters_of_a_line_from_border_to_border_lie_in_the_panel_beside_its_ends(
    start, end
) -> None:
    source, line = _ramp(), _line()
    line.points = np.linspace(start, end, 40)
    figure = draw_figure(source, _grey(source), [line], FigureSettings(dpi=100))
    _drawn(figure)
    renderer = figure.canvas.get_renderer()
    for panel in figure.axes[:2]:
        border = panel.get_window_extent(renderer)
        letters = [text for text in panel.texts if text.get_bbox_patch()]
        assert [text.get_text() for text in letters] == ["A", "A'"]
        for text, (y, x) in zip(letters, (start, end), strict=True):
            box = text.get_bbox_patch().get_window_extent(renderer)
            assert border.x0 - 1 <= box.x0 < box.x1 <= border.x1 + 1
            assert border.y0 - 1 <= box.y0 < box.y1 <= border.y1 + 1
            place = panel.transData.transform((2 * x, 2 * y))
            middle = np.array([(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2])
            assert np.hypot(*(place - middle)) < 22 * 100 / 72


def test_svg_has_text_as_text_and_is_the_same_each_time(tmp_path: Path, monkeypatch) -> None:
    import matplotlib

    first, second = tmp_path / "one.svg", tmp_path / "two.svg"
    source = _ramp()
    write_figure(source, _grey(source), first, [_line()], FigureSettings(contours=True))
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 30)  # a user's style changes nothing
    write_figure(source, _grey(source), second, [_line()], FigureSettings(contours=True))
    assert matplotlib.rcParams["font.size"] == 30
    assert first.read_bytes() == second.read_bytes()
    root = ElementTree.parse(first).getroot()
    texts = {"".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")}
    wanted = {"a", "b", "c", "A", "A'", "50 µm", "Height (µm)", "Distance (µm)"}
    assert wanted <= texts
    assert "Contour lines every 10 µm" in texts


def test_png_has_its_resolution_and_large_images_are_reduced(tmp_path: Path) -> None:
    source = _ramp((1200, 1600))
    figure = draw_figure(source, _grey(source), settings=FigureSettings(dpi=100))
    for panel in figure.axes[:2]:
        assert max(panel.images[0].get_array().shape[:2]) <= 100 * 7.2 / 2
    write_figure(source, None, tmp_path / "f.png", settings=FigureSettings(dpi=100))
    picture = cv2.imread(str(tmp_path / "f.png"))
    alone = draw_figure(source, None, settings=FigureSettings(dpi=100))
    assert picture.shape[:2] == (int(alone.bbox.height), int(alone.bbox.width))


def test_contrast_of_16_bits_is_that_of_percentiles_and_8_bits_stay() -> None:
    deep = np.arange(100_000, dtype=np.uint16).reshape(250, 400) % 4000
    deep[0, 0] = 65535  # one hot pixel
    low, high = contrast_limits(deep)
    assert (low, high) == pytest.approx((4, 3995), abs=2)
    assert as_rgb8(deep, (low, high))[..., 0].max() == 255
    colour = np.stack([deep, deep // 2, deep // 4], axis=-1)
    assert contrast_limits(colour)[0] == 0
    shown = as_rgb8(colour, contrast_limits(colour)).astype(float)
    inside = shown[..., 0].ravel()[1:] > 40
    ratio = shown[..., 1].ravel()[1:][inside] / shown[..., 0].ravel()[1:][inside]
    assert np.median(ratio) == pytest.approx(0.5, abs=0.01)  # hues remain
    assert contrast_limits(np.full((4, 4), 9, np.uint8)) == (0, 255)


def test_no_window_and_no_global_state_is_needed() -> None:
    code = (
        "import sys, numpy as np\n"
        "from napari_focus_stack.analysis.height_map import HeightMap\n"
        "from napari_focus_stack.figures.figure import draw_figure\n"
        "assert 'matplotlib' not in sys.modules\n"
        "draw_figure(HeightMap(heights=np.eye(30, dtype=np.float32)), None)\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_makes_no_figure_is_refused_and_nothing_is_written(tmp_path, monkeypatch) -> None:
    source = _ramp()
    with pytest.raises(OutputError, match=r"end in \.png or \.svg"):
        write_figure(source, None, tmp_path / "f.pdf")
    with pytest.raises(InputError, match="does not fit"):
        write_figure(source, np.zeros((3, 3)), tmp_path / "f.png")
    doubtful = HeightMap(heights=source.heights, confidence=np.zeros_like(source.heights))
    with pytest.raises(InputError, match="No height is sure"):
        write_figure(doubtful, None, tmp_path / "f.png")
    with pytest.raises(SettingsError, match="dpi 5"):
        FigureSettings(dpi=5)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(OutputError, match=r'pip install "napari-focus-stack\[heights\]"'):
        write_figure(source, None, tmp_path / "f.png")
    assert list(tmp_path.iterdir()) == []


def test_interval_of_contour_lines_is_stated_where_no_two_levels_follow_each_other() -> None:
    y, x = np.mgrid[:60, :120]
    islands = np.full((60, 120), np.nan, np.float32)
    for middle, base in ((30, 0.5), (90, 8.5)):
        near = np.hypot(y - 30, x - middle) < 25
        islands[near] = base + 0.04 * np.hypot(y - 30, x - middle)[near]
    source = HeightMap(heights=islands)
    figure = draw_figure(source, _grey(source), [], FigureSettings(contours=True, dpi=100))
    notes = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert any(note.endswith("every 1 plane") or "every 1 planes" in note for note in notes), notes
