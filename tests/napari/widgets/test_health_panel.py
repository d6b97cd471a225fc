"""What the panel says of the recording after a run."""

import numpy as np
from stacks import banded_planes

from napari_focus_stack._napari.widgets.health_panel import lines


def test_what_is_amiss_has_a_line_each_and_what_is_well_shares_one():
    advice = {"range of z": ["a < b.", "c."], "z step": [], "drift": [], "exposure": ["d."]}
    assert lines(advice) == [
        "\N{WARNING SIGN} <i>range of z</i>: a &lt; b.",
        "\N{WARNING SIGN} <i>range of z</i>: c.",
        "\N{WARNING SIGN} <i>exposure</i>: d.",
        "\N{CHECK MARK} nothing to improve: z step, drift",
    ]
    assert lines(advice, aligned=True)[-1].endswith(": z step, drift (small, and removed)")


def test_the_panel_tells_of_the_last_run_and_of_nothing_else(qtbot, make_napari_viewer):
    viewer = make_napari_viewer()
    planes = banded_planes()
    planes[3] = planes[2]
    viewer.add_image(planes, name="cells")
    _, widget = viewer.window.add_plugin_dock_widget("napari-focus-stack", "Focus Stack")
    widget.form.parameters["align"].value = "none"
    assert not widget.health.visible
    widget.stack_button.native.click()
    qtbot.waitUntil(lambda: widget.health.value != "", timeout=20_000)
    said = [line for line in widget.health.value.split("<br>") if "equal in every pixel" in line]
    assert len(said) == 1
    assert said[0].startswith("\N{WARNING SIGN} <i>planes</i>: Planes 2 and 3")
    assert "equal in every pixel" not in widget.job.status.value
    viewer.add_image(np.zeros((4, 40, 50), np.uint8), name="another")
    assert widget.health.value == ""
    assert widget.health.native.isHidden()
