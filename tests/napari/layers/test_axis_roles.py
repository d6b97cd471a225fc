"""Roles of axes: by label, else by length, else by the pixels."""

import cv2
import numpy as np
import pytest
from napari.layers import Image

from napari_focus_stack._napari.layers.axis_roles import AxisRoles, neighbour_likeness
from napari_focus_stack._napari.layers.layer_axes import axis_names, named_by_role, roles_of

TIMES, CHANNELS, PLANES = 4, 3, 6


@pytest.fixture(scope="module")
def film():
    """(T, C, Z, Y, X): focus moves through a slope, times hardly differ, channels do."""
    rng = np.random.default_rng(0)
    height = np.linspace(0, PLANES - 1, 96)[None, :]
    texture = [rng.integers(20, 230, (96, 96)).astype(np.float32) for _ in range(CHANNELS)]
    film = np.empty((TIMES, CHANNELS, PLANES, 96, 96), np.float32)
    for c, k in np.ndindex(CHANNELS, PLANES):
        blurs = [cv2.GaussianBlur(texture[c], (0, 0), 0.6 + 1.2 * far) for far in range(PLANES)]
        far = np.broadcast_to(np.abs(np.rint(height) - k).astype(int), (96, 96))
        film[:, c, k] = (c + 1) * np.choose(far, blurs) + rng.normal(0, 2, (TIMES, 96, 96))
    return film


@pytest.mark.parametrize(
    "order", ["tczyx", "tzcyx", "tzyx", "ztyx", "czyx", "zcyx", "tcz2yx", "t2zyx", "zyx"]
)
def test_unlabelled_axes_are_found_by_length_and_content(film, order):
    """As napari opens files: (t, c, z) of OME, (t, z, c) of ImageJ; a 2-long axis is never z."""
    if "2" in order:
        film = film[:, :2] if "c" in order else film[:2]
        order = order.replace("2", "")
    lead = "".join(letter for letter in order if letter not in "yx")
    data = film[tuple(slice(None) if letter in lead else 0 for letter in "tcz")]
    source = "".join(letter for letter in "tcz" if letter in lead)
    data = np.moveaxis(data, [source.index(letter) for letter in lead], range(len(lead)))
    roles = roles_of(Image(data, contrast_limits=(0, 700)))
    assert roles.z == lead.index("z")
    words = {"t": "time", "c": "channel"}
    wanted = [(axis, words[letter]) for axis, letter in enumerate(lead) if letter != "z"]
    assert list(roles.series) == wanted
    assert roles.by in ("length", "content")


def test_shading_makes_no_times_of_channels_and_motion_no_channels_of_times():
    rng = np.random.default_rng(1)
    stains = [cv2.GaussianBlur(rng.normal(0, 1, (160, 200)), (0, 0), 3) for _ in range(2)]
    y, x = np.mgrid[:160, :160]
    shade = 200 * np.exp(-((y - 80) ** 2 + (x - 80) ** 2) / (2 * 60**2))
    channels = np.stack([shade * (1 + stain[:, :160]) for stain in stains])
    moving = np.stack([shade * (1 + stains[0][:, 8 * t : 160 + 8 * t]) for t in range(3)])
    assert neighbour_likeness(channels.astype(np.float32)) < 0.4
    assert neighbour_likeness(moving.astype(np.float32)) > 0.6
    assert neighbour_likeness(np.zeros((3, 160, 160), np.float32)) == 0


@pytest.mark.parametrize("unnamed", ["{}", "axis {}"], ids=["newer napari", "older napari"])
def test_labels_decide_and_the_sliders_names_where_a_layer_has_none(unnamed):
    layer = Image(np.zeros((2, 2, 9, 4, 5)), axis_labels=("Z", "Channel", "t", "y", "x"))
    assert roles_of(layer) == AxisRoles(0, ((1, "channel"), (2, "time")), "label", True)
    bare = Image(np.zeros((2, 9, 4, 5)), axis_labels=[unnamed.format(k) for k in range(-4, 0)])
    names = axis_names(bare, ("depth", "0", "1", "2"))
    assert names == ("depth", "axis -3", "axis -2", "axis -1")
    roles = roles_of(bare, names)
    assert (roles.z, roles.series, roles.labelled) == (0, ((1, "time"),), False)
    assert named_by_role(names, roles)[1] == "time"
    flat = Image(np.zeros((9, 3, 4, 5)), axis_labels=("t", "c", "y", "x"))
    assert roles_of(flat).by == "length", "labels without a z leave it in doubt"


def test_channels_in_the_place_of_z_are_doubted(viewer, dock):
    viewer.add_image(np.zeros((9, 3, 40, 50)), axis_labels=("t", "c", "y", "x"))
    said = dock("Focus Stack").input.summary.value
    assert "No axis is labelled z: 'c' is taken" in said


def test_an_axis_with_a_new_role_changes_places_with_the_one_that_had_it():
    roles = AxisRoles(2, ((0, "time"), (1, "channel")))
    assert roles.exchanged(0, "channel").series == ((0, "channel"), (1, "time"))
    turned = roles.exchanged(0, "z")
    assert (turned.z, turned.series) == (0, ((1, "channel"), (2, "time")))
    rolled = roles.exchanged(4, "z")
    assert (rolled.z, rolled.series) == (4, ((0, "time"), (1, "channel")))
