"""Colour bars beside the canvas: titles, colours and round values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.layers import Image
from qtpy.QtGui import QImage

from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.widgets.color_legend import ColorLegend, round_values


def _map(role, unit=None, **more):
    own = {"role": role, **({"spacing": {"z": 1.0, "unit": unit}} if unit else {})}
    values = np.linspace(0, 30, 48, dtype=np.float32).reshape(6, 8)
    return Image(values, name=f"cells [{role}]", metadata={METADATA_KEY: own}, **more)


def _painted(legend, width=600):
    legend.resize(width, 46)
    picture = legend.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    colours = [picture.pixelColor(x, 11) for x in range(picture.width())]
    return np.array([[c.red(), c.green(), c.blue()] for c in colours])


def _bar_of(row, colours):
    """Return first and last column of a row where the colours are those of a bar, in order."""
    start = np.abs(row - colours[0]).sum(1) <= 6
    end = np.abs(row - colours[-1]).sum(1) <= 6
    return np.flatnonzero(start)[0], np.flatnonzero(end)[-1]


@pytest.mark.parametrize("gamma", [1.0, 2.0])
def test_bar_has_the_colours_of_its_map_from_one_limit_to_the_other(qtbot, gamma):
    legend = ColorLegend()
    qtbot.addWidget(legend)
    layer = _map("height", "micrometer", colormap="viridis", gamma=gamma)
    legend.show_layers([layer])
    shares = np.linspace(0, 1, 101) ** gamma
    wanted = 255 * layer.colormap.map(shares)[:, :3]
    row = _painted(legend)
    first, last = _bar_of(row, wanted)
    assert last - first > 300
    places = np.rint(first + (last - first) * np.linspace(0, 1, 101)).astype(int)
    # half a column of 256 colours, and the smoothing of Qt
    assert np.abs(row[places] - wanted)[3:-3].max() <= 8


def test_titles_name_values_and_units_and_results_where_there_are_several(qtbot):
    legend = ColorLegend()
    qtbot.addWidget(legend)
    for role, unit, title in [
        ("height", "micrometer", "Height (µm)"),
        ("height", "nanometer", "Height (nm)"),
        ("depth", "micrometer", "Depth (planes)"),
        ("depth-index", None, "Depth index (planes)"),
        ("confidence", None, "Confidence"),
    ]:
        legend.show_layers([_map(role, unit)])
        assert legend.titles == [title]
    legend.show_layers([_map("depth"), _map("confidence")])
    assert legend.titles == ["cells: Depth (planes)", "cells: Confidence"]


def test_bar_follows_its_map_alone(qtbot):
    legend = ColorLegend()
    qtbot.addWidget(legend)
    first, second = _map("height"), _map("depth")
    legend.show_layers([first])
    before = _painted(legend)
    first.colormap = "magma"
    assert not np.array_equal(_painted(legend), before)
    legend.show_layers([second])
    assert first.events.contrast_limits.callbacks == _map("height").events.contrast_limits.callbacks
    legend.show_layers([])
    assert len(np.unique(_painted(legend), axis=0)) == 1  # nothing is left


@given(st.floats(-1e4, 1e4), st.floats(1e-2, 1e5), st.integers(1, 12))
def test_values_below_a_bar_lie_inside_it_and_are_few(low, span, wanted):
    values = round_values(low, low + span, wanted)
    assert len(values) <= 2 * wanted + 2
    assert ((values >= low - 1e-5 * span) & (values <= low + span + 1e-5 * span)).all()


def test_round_ends_are_labelled():
    assert round_values(0, 1, 5).tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert round_values(0, 6, 6).tolist() == [0, 1, 2, 3, 4, 5, 6]
