"""Names of files in notifications."""

import napari.utils.notifications
import pytest
from qtpy.QtCore import Qt

from napari_focus_stack._napari.layers import notices
from napari_focus_stack._napari.layers.notices import NO_TAG, plain

NAMES = ["<b>leaf</b>", "<img src='file:///none'>", "a &lt;b", "leaf<br/>"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["info", "warning", "error"])
def test_the_name_of_a_file_is_no_rich_text(name, kind, monkeypatch):
    said = []
    monkeypatch.setattr(napari.utils.notifications, f"show_{kind}", said.append)
    getattr(notices, f"show_{kind}")(f"'{name}' cannot be used.")
    assert Qt.mightBeRichText(name)
    assert not Qt.mightBeRichText(said[0])
    assert said[0].replace(NO_TAG, "") == f"'{name}' cannot be used."


def test_what_is_plain_stays():
    assert plain("a & b > c") == "a & b > c"
