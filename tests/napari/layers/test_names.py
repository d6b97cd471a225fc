"""Names of layers: the source with a role, one number for the layers of one run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_focus_stack._napari.layers.names import (
    MOST_LETTERS,
    numbered,
    role_name,
    shortened,
    source_name,
    with_role,
)


@pytest.mark.parametrize("source", ["leaf", "a [1]", "leaf [aligned]", "t=1 [b] c", "leaf 2"])
@pytest.mark.parametrize("number", [1, 2, 13])
def test_source_and_run_are_found_again(source, number):
    name = role_name(source, "depth index", number)
    assert source_name(name) == (source if number == 1 else f"{source} {number}")
    assert with_role(name, "surface") == role_name(source, "surface", number)


def test_layers_of_one_run_share_the_first_number_that_is_free_for_all():
    wanted = ["leaf [depth]", "leaf [sharp]"]
    assert numbered(wanted, {"leaf"}) == wanted
    taken = {"leaf [sharp]", "leaf [depth 2]"}
    assert numbered(wanted, taken) == ["leaf [depth 3]", "leaf [sharp 3]"]


def test_a_name_of_the_user_is_kept_whole():
    assert source_name("my picture") == "my picture"
    assert with_role("my picture", "surface") == "my picture [surface]"


@given(names=st.lists(st.text("ab", max_size=2 * MOST_LETTERS), unique=True))
def test_short_names_stay_different_and_keep_both_ends(names):
    short = shortened(names)
    assert len(set(short)) == len(names)
    for one, name in zip(short, names, strict=True):
        assert one == name or (len(one) == MOST_LETTERS < len(name))
        assert (one[:13], one[-14:]) == (name[:13], name[-14:])


def test_the_role_of_a_long_name_is_seen():
    [short] = shortened([role_name("x" * 120, "depth index", 2)])
    assert short.endswith("[depth index 2]"[-14:])
    assert len(short) == MOST_LETTERS
