"""Which layers lie over a stack, and follow it when its spacing changes."""

import numpy as np
import pytest
from napari.layers import Image, Labels, Points, Shapes, Surface

from napari_focus_stack._napari.layers.companions import companions
from napari_focus_stack._napari.layers.geometry import calibrate
from napari_focus_stack.io.sources import Spacing

STACK = np.zeros((5, 20, 24), np.uint8)
NUCLEI = np.zeros((20, 24), int)


def over():
    """Another channel, a pyramid of it, a time series, labels and drawings over a stack."""
    return [
        Image(STACK, name="green"),
        Image([STACK, STACK[:, ::2, ::2]], multiscale=True, name="pyramid"),
        Image(np.zeros((2, *STACK.shape)), name="film"),
        Image(np.zeros((20, 24, 3)), rgb=True, name="photo"),
        Labels(NUCLEI, name="nuclei"),
        Points([[3.0, 4.0, 5.0]], name="points"),
        Shapes([[0, 0], [9, 9]], name="box"),
    ]


def beside():
    return [
        Image(STACK[:, :10], name="other field"),
        Image(STACK[:3], name="other planes"),
        Image(STACK, translate=(0, 5, 0), name="moved"),
        Labels(NUCLEI, scale=(2, 2), name="coarser"),
        Image(STACK, units="um", name="in µm"),
        Surface((np.eye(3), np.array([[0, 1, 2]])), name="surface"),
    ]


@pytest.mark.parametrize("lead", [Image(STACK), Image(STACK, scale=(3, 0.5, 0.5), units="um")])
def test_what_lies_over_a_stack_follows_it(lead):
    others = over()
    if str(lead.units[0]) != "pixel":
        calibrate([Image(STACK)], Spacing(0.5, 0.5, 3.0, "micrometer"), others)
    assert companions(lead, others) == others


def test_what_lies_elsewhere_does_not():
    assert companions(Image(STACK), beside()) == []


def test_a_plane_of_several_layers_has_companions():
    nuclei = Labels(NUCLEI)
    assert companions(Image(STACK[0]), [nuclei, Image(STACK[1])])[0] is nuclei
