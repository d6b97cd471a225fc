"""napari's scale bar with calibrated results."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from napari_focus_stack._napari.viewer.scale_bar import offer_scale_bar


def _shown(viewer):
    overlays = viewer.canvas.overlays if hasattr(viewer, "canvas") else viewer
    return overlays.scale_bar


def test_scale_bar_comes_with_the_first_calibrated_result_and_stays_as_the_user_left_it():
    viewer = ViewerModel()
    plain = Image(np.zeros((4, 5)))
    calibrated = Image(np.zeros((4, 5)), scale=(0.5, 0.5), units="micrometer")
    offer_scale_bar(viewer, plain)
    assert not _shown(viewer).visible
    offer_scale_bar(viewer, calibrated)
    assert _shown(viewer).visible
    _shown(viewer).visible = False
    offer_scale_bar(viewer, calibrated)
    assert not _shown(viewer).visible
    offer_scale_bar(other := ViewerModel(), calibrated)
    assert _shown(other).visible
