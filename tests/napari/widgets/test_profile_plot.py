"""The plot of profiles shows heights where its axes say they are, on screen and in files."""

import re

import numpy as np
import pytest
from qtpy.QtCore import QPointF

from napari_focus_stack._napari.widgets.profile_plot import (
    ProfilePlot,
    band_path,
    height_limits,
    sample_words,
)
from napari_focus_stack.analysis.profile import Profile

RED, BLUE = (1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0)
N = 101


def straight(low=0.0, high=10.0, sure=None, uncertainty=None, confidence=None):
    """A profile 50 µm long, whose heights rise evenly."""
    x = np.linspace(0, 50, N)
    return Profile(
        points=np.stack([np.full(N, 7.0), 2 * x], axis=1),
        distance=x,
        height=np.linspace(low, high, N),
        confidence=confidence,
        uncertainty=uncertainty,
        counted=np.ones(N, bool) if sure is None else sure,
        unit="micrometer",
        distance_unit="micrometer",
    )


@pytest.fixture
def plot(qtbot):
    plot = ProfilePlot()
    qtbot.addWidget(plot)
    plot.resize(420, 260)
    plot.show()
    return plot


def line_ends(svg, colour):
    """Ends of the curve of a colour in a file, x and y in its coordinates."""
    part = svg[svg.index(f'stroke="{colour}"') :]
    a, b, c, d, e, f = (float(one) for one in re.search(r"matrix\(([^)]*)\)", part)[1].split(","))
    numbers = re.search(r'(?:points|d)="([^"]*)"', part)[1]
    points = np.array(re.findall(r"[-\d.e]+,[-\d.e]+", numbers))
    x, y = np.array([one.split(",") for one in points[[0, -1]]], float).T
    return a * x + c * y + e, b * x + d * y + f


def test_curves_in_a_file_end_where_its_axes_say(plot, tmp_path):
    plot.show_profiles([(straight(0, 10), RED), (straight(5, 5), BLUE)])
    plot.grab()
    plot.write_svg(tmp_path / "p.svg")
    svg = (tmp_path / "p.svg").read_text()
    for colour, ends in (("#ff0000", (0, 10)), ("#0000ff", (5, 5))):
        x, y = line_ends(svg, colour)
        for k, (distance, height) in enumerate(zip((0, 50), ends, strict=True)):
            place = plot._box.mapViewToScene(QPointF(distance, height))
            assert (x[k], y[k]) == pytest.approx((place.x(), place.y()), abs=1)
    assert 'd=""' not in svg  # readers call it damage
    words = re.findall(r"<text[^>]*>([^<]+)</text>", svg)
    assert {"height (µm)", "distance (µm)"} <= {one.strip() for one in words}
    # numbers at an axis are as far apart as on its curves: at another resolution they were not
    at = {}
    for n in (20, 40):
        found = re.search(rf'\sx="([-\d.]+)"[^>]*>{n}<', svg)
        scale = svg[: found.start()].rpartition("matrix(")[2].split(",")[0]
        at[n] = float(found[1]) * float(scale)
    assert at[40] - at[20] == pytest.approx((x[1] - x[0]) * 20 / 50, abs=0.5)


def test_a_wild_guess_does_not_flatten_what_is_sure():
    sure = np.arange(N) < 90
    profile = straight(0, 9, sure)
    profile.height[90:] = 500
    low, high = height_limits([profile])
    assert low < 0
    assert 9 < high < 20
    assert height_limits([straight(3, 3)])[0] < 3 < height_limits([straight(3, 3)])[1]
    nothing = straight()
    nothing.height[:] = np.nan
    assert np.isfinite(height_limits([nothing])).all()


def test_the_band_holds_the_uncertainty_and_ends_at_gaps():
    uncertainty = np.full(N, 0.5)
    uncertainty[40:60] = np.inf
    path = band_path(straight(2, 2, uncertainty=uncertainty))
    assert path.contains(QPointF(5, 2.45))
    assert not path.contains(QPointF(5, 2.55))
    assert not path.contains(QPointF(25, 2))
    assert path.contains(QPointF(45, 1.55))
    assert band_path(straight()).isEmpty()


def test_sure_and_unsure_stretches_meet(plot):
    sure = np.arange(N) < 50
    plot.show_profiles([(straight(sure=sure), RED)])
    [curve] = plot._curves
    _, drawn = curve.sure.getData()
    _, pale = curve.unsure.getData()
    np.testing.assert_array_equal(np.isfinite(drawn), sure)
    np.testing.assert_array_equal(np.isfinite(pale)[1:], np.arange(1, N) >= 49)
    plot.show_profiles([])
    assert not any(item.isVisible() for item in curve.items)


def test_the_pointer_reads_the_nearest_profile_and_marks_its_place(qtbot, plot):
    steady = straight(0, 0, uncertainty=np.full(N, 0.25), confidence=np.full(N, 0.8))
    plot.show_profiles([(straight(8, 8), RED), (steady, BLUE)])
    plot.grab()
    places = []
    plot.pointed.connect(places.append)
    plot._point(plot._box.mapViewToScene(QPointF(20.1, 1)))
    assert plot._value.toPlainText() == "0.0 ± 0.2 µm\nat 20 µm\nconfidence 0.80"
    assert places[-1] == (7.0, 40.0)
    plot._point(plot._box.mapViewToScene(QPointF(20.1, 7)))
    assert plot._value.toPlainText() == "8 µm\nat 20 µm"
    plot._point(QPointF(-5, -5))
    assert places[-1] is None
    assert not plot._value.isVisible()


def test_uncertainties_have_one_digit_or_two():
    said = sample_words(straight(4.0234, 4.0234, uncertainty=np.full(N, 0.0512)), 3)
    assert said.startswith("4.02 ± 0.05 µm")
    said = sample_words(straight(4.0234, 4.0234, uncertainty=np.full(N, 0.149)), 3)
    assert said.startswith("4.02 ± 0.15 µm")
