"""Sentences wrap within their dock, and turn grey without moving anything."""

from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtCore import Qt

from napari_focus_stack._napari.widgets.sentences import (
    BREAK,
    LONGEST_WORD,
    Sentences,
    breakable,
)


@given(text=st.text("ab/\\ '[]\n", max_size=200))
def test_no_word_is_longer_than_a_dock_is_wide(text):
    shown = breakable(text)
    assert shown.replace(BREAK, "") == text
    assert max(map(len, shown.replace(BREAK, " ").split()), default=0) <= LONGEST_WORD


def test_a_long_name_takes_lines_and_no_width(qtbot):
    said = Sentences()
    qtbot.addWidget(said.native)
    said.value = f"'{'x' * 120}' lies on top."
    assert said.value == f"'{'x' * 120}' lies on top."
    letter = said.native.fontMetrics().horizontalAdvance("x")
    one, width = said.native.fontMetrics().lineSpacing(), 40 * letter
    assert said.native.heightForWidth(width) >= 3 * one
    said.native.resize(width, 200)
    size = said.native.sizeHint()
    said.fade()
    assert not said.enabled
    assert (said.native.sizeHint(), said.native.size().width()) == (size, width)
    said.value = "Done."
    assert said.enabled


def test_a_name_is_no_rich_text(qtbot):
    name = "<b>a</b><img src='file:///none'>"
    said = Sentences()
    qtbot.addWidget(said.native)
    said.value = name
    assert said.native.textFormat() == Qt.TextFormat.PlainText
