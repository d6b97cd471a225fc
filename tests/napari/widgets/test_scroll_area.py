"""The dock fits on low screens: its rows scroll, its buttons stay in sight."""

from magicgui.widgets import Container, LineEdit, Select
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_focus_stack._napari.widgets.rows import row as labelled
from napari_focus_stack._napari.widgets.scroll_area import LEAST_HEIGHT, ScrollArea


def test_rows_take_the_room_they_need_and_scroll_where_there_is_less(qtbot):
    rows = Container(widgets=[LineEdit() for _ in range(20)], labels=False)
    outer = QWidget()
    outer.setLayout(QVBoxLayout())
    scrolling = ScrollArea(rows)
    outer.layout().addWidget(scrolling)
    outer.layout().addStretch(1)
    qtbot.addWidget(outer)
    outer.resize(400, 1500)
    outer.show()
    qtbot.waitExposed(outer)
    whole = rows.native.sizeHint().height()
    qtbot.waitUntil(lambda: scrolling.height() == whole)
    qtbot.waitUntil(lambda: not scrolling.verticalScrollBar().isVisible())
    outer.resize(400, 300)
    qtbot.waitUntil(lambda: scrolling.height() < 300)
    assert outer.height() == 300
    qtbot.waitUntil(lambda: scrolling.verticalScrollBar().isVisible())
    assert scrolling.minimumSizeHint().height() == LEAST_HEIGHT
    outer.resize(400, 1500)
    for row in rows[5:]:
        row.visible = False
    qtbot.waitUntil(lambda: scrolling.height() == rows.native.sizeHint().height() < whole / 2)


def test_no_row_is_cut_where_there_is_room(qtbot):
    listed = Select(choices=("a", "b"))
    listed.min_height = listed.max_height = 110
    tall = labelled("Layers", listed)
    tall.max_height = 110
    scrolling = ScrollArea(Container(widgets=[tall, LineEdit()], labels=False))
    outer = QWidget()
    outer.setStyleSheet("QScrollArea { border: 1px solid black; }")
    outer.setLayout(QVBoxLayout())
    outer.layout().addWidget(scrolling)
    outer.layout().addStretch(1)
    qtbot.addWidget(outer)
    outer.resize(400, 700)
    outer.show()
    qtbot.waitExposed(outer)
    assert scrolling.viewport().height() >= scrolling.widget().height()
    assert not scrolling.verticalScrollBar().isVisible()
