"""A selection of which not all can be stacked is answered in the dock."""

import numpy as np
import pytest
from napari.layers import Image, Labels, Points, Shapes

from napari_focus_stack._napari.layers.metadata import METADATA_KEY
from napari_focus_stack._napari.layers.selection_answer import answer_to_selection

LEAF, GREEN = (Image(np.zeros((4, 9, 9)), name=name) for name in ("leaf", "green"))
OTHER = Image(np.zeros((5, 9, 9)), name="other")
PLANES = [Image(np.zeros((9, 9)), name=f"p{k}") for k in range(3)]
NUCLEI = Labels(np.zeros((9, 9), int), name="nuclei")
OURS = Labels(np.zeros((9, 9), int), metadata={METADATA_KEY: {"role": "correction"}})
DRAWN = [Points(np.zeros((1, 2))), Shapes(np.zeros((4, 2)))]


@pytest.mark.parametrize(
    ("selected", "chosen", "answer"),
    [
        ([NUCLEI], [LEAF], "'nuclei' is a labels layer, which cannot be stacked; 'leaf' is still "),
        ([NUCLEI], PLANES, "'nuclei' is a labels layer, which cannot be stacked; the 3 planes are"),
        ([LEAF, GREEN], [LEAF], "2 stacks are selected: 'leaf' will be stacked. If they are "),
        (
            [LEAF, OTHER],
            [LEAF],
            "2 stacks are selected, and one is stacked at a time: 'leaf' ",
        ),
        (
            [LEAF, *PLANES],
            [LEAF],
            "A stack and single planes are selected: 'leaf' will ",
        ),
    ],
)
def test_what_is_stacked_instead_is_named(selected, chosen, answer):
    active = [one for one in selected if isinstance(one, Image)]
    assert answer_to_selection(selected, active, chosen).startswith(answer)


@pytest.mark.parametrize(
    ("selected", "chosen"),
    [
        ([LEAF], [LEAF]),
        (PLANES, PLANES),
        (DRAWN, [LEAF]),
        ([OURS], [LEAF]),
        ([NUCLEI], []),
        ([LEAF, NUCLEI], [LEAF]),
    ],
)
def test_what_needs_no_answer(selected, chosen):
    active = [one for one in selected if isinstance(one, Image)]
    assert answer_to_selection(selected, active, chosen) == ""


def test_the_dock_shows_the_answer_until_the_next_selection(viewer, dock):
    leaf = viewer.add_image(np.zeros((4, 30, 30)), name="leaf")
    nuclei = viewer.add_labels(np.zeros((30, 30), int), name="nuclei")
    summary = dock("Focus Stack").input.summary
    viewer.layers.selection.active = leaf
    assert "nuclei" not in summary.value
    viewer.layers.selection.active = nuclei
    assert summary.value.startswith("'nuclei' is a labels layer")
    viewer.layers.selection.active = leaf
    assert "nuclei" not in summary.value
