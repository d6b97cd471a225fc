"""Table of the stacks of a batch: sorted and filtered, and quick with thousands of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import (  # type: ignore[attr-defined]
    QAbstractTableModel,
    QModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from qtpy.QtGui import QColor, QKeySequence, QShortcut  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QMenu,
    QStyledItemDelegate,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_focus_stack._napari.layers.notices import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qtpy.QtCore import QPoint

    from napari_focus_stack._napari.widgets.batch_rows import TableRow

TEXT, TIP, ALIGNMENT, COLOUR, SEARCHED = (
    int(Qt.ItemDataRole.DisplayRole),
    int(Qt.ItemDataRole.ToolTipRole),
    int(Qt.ItemDataRole.TextAlignmentRole),
    int(Qt.ItemDataRole.ForegroundRole),
    int(Qt.ItemDataRole.UserRole),
)
"""What Qt may want of a cell; the last is the text in which words are searched."""
WIDTHS = {"Stack": 156, "State": 92, "Notes": 50}
"""Least widths of columns in pixels, 298 together as in a dock of usual width; others have
`NUMBER_WIDTH`."""
NUMBER_WIDTH = 50
SHARES = {"Stack": 2, "What it is": 1, "Notes": 1}
"""Parts in which columns share the width that is left."""
FAILED = QColor(232, 80, 80)
"""Red that is read on napari's dark and light background."""
ROW_HEIGHT = 22
LEAST_HEIGHT = 150
"""Height of the table in pixels, with some five rows, where the dock is low."""
RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


class BatchModel(QAbstractTableModel):
    """Rows of a batch.

    Attributes
    ----------
    rows : list of TableRow
        In the order in which they came.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: list[TableRow] = []
        self._columns: Sequence[str] = ()
        self._column, self._order = -1, Qt.SortOrder.AscendingOrder

    def show(self, columns: Sequence[str], rows: Sequence[TableRow]) -> None:
        """Show other rows.

        Parameters
        ----------
        columns : sequence of str
            Titles of the columns.
        rows : sequence of TableRow
            The rows.
        """
        self.beginResetModel()
        self._columns, self.rows = columns, list(rows)
        self.endResetModel()
        self._arrange()

    def add(self, rows: Sequence[TableRow]) -> None:
        """Add rows at the end; where no column is sorted, failures come first.

        Parameters
        ----------
        rows : sequence of TableRow
            At least one.
        """
        first = len(self.rows)
        self.beginInsertRows(QModelIndex(), first, first + len(rows) - 1)
        self.rows += rows
        self.endInsertRows()
        if self._column >= 0 or any(row.is_failure for row in rows):
            self._arrange()

    def renew(self, renewed: Callable[[TableRow], TableRow]) -> None:
        """Replace each row by another one in its place.

        Parameters
        ----------
        renewed : callable
            Returns the row instead of a row.
        """
        self.rows = [renewed(row) for row in self.rows]
        self._arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort the rows, also those that are added later.

        Parameters
        ----------
        column : int
            Number of the column; -1 for failures first, and the rest as it is.
        order : Qt.SortOrder
            Direction.
        """
        self._column, self._order = column, order
        self._arrange()

    def _arrange(self) -> None:
        """Put the rows in order, and what is selected with them.

        A proxy would compare 5,000 rows in 200 to 500 ms, since each comparison calls `data` twice.
        """
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        marked = [self.rows[index.row()] for index in before]
        if 0 <= self._column < len(self._columns):
            self.rows.sort(
                key=lambda row: row.keys[self._column],
                reverse=self._order == Qt.SortOrder.DescendingOrder,
            )
        else:
            self.rows.sort(key=lambda row: not row.is_failure)
        wanted = {id(row) for row in marked}
        places = {id(row): k for k, row in enumerate(self.rows) if id(row) in wanted}
        after = [
            self.index(places[id(row)], index.column())
            for row, index in zip(marked, before, strict=True)
        ]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def rowCount(self, parent: Any = None) -> int:  # noqa: N802 - Qt's
        """Return the number of rows."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: Any = None) -> int:  # noqa: N802 - Qt's
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(self._columns)

    def headerData(  # noqa: N802 - Qt's
        self, section: int, orientation: Qt.Orientation, role: int = TEXT
    ) -> Any:
        """Return the title of a column."""
        if role == TEXT and orientation == Qt.Orientation.Horizontal:
            return self._columns[section]
        return None

    def data(self, index: Any, role: int = TEXT) -> Any:
        """Return what Qt wants of a cell."""
        row, column = self.rows[index.row()], index.column()
        if role == TEXT:
            return row.texts[column]
        if role == TIP:
            return plain(row.texts[column])
        if role == SEARCHED:
            return "\n".join(row.texts)
        if role == COLOUR:
            return FAILED if row.is_failure else None
        return RIGHT if role == ALIGNMENT and isinstance(row.keys[column], float) else None


class _Filtered(QSortFilterProxyModel):
    """Rows with some words, in the order of the model, which sorts faster."""

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Let the model sort its rows."""
        model = self.sourceModel()
        assert model is not None, "it is set once and for all"
        model.sort(column, order)


class _PathEnds(QStyledItemDelegate):
    """Cells of paths that are too long: their ends tell them apart."""

    def initStyleOption(self, option: Any, index: Any) -> None:  # noqa: N802 - Qt's
        """Cut a text off on its left."""
        super().initStyleOption(option, index)
        option.textElideMode = Qt.TextElideMode.ElideLeft


class _View(QTableView):
    """Table whose columns share its width."""

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's
        """Share the new width."""
        super().resizeEvent(event)
        self.share_width()

    def share_width(self) -> None:
        """Give each column its least width, and those of `SHARES` what is left."""
        model, shown = self.model(), self.viewport()
        assert model is not None, "it is set before the view is shown"
        assert shown is not None, "a view has one"
        titles = [
            model.headerData(k, Qt.Orientation.Horizontal) for k in range(model.columnCount())
        ]
        least = [WIDTHS.get(title, NUMBER_WIDTH) for title in titles]
        parts = [SHARES.get(title, 0) for title in titles]
        spare = max(shown.width() - sum(least), 0)
        for number, (width, part) in enumerate(zip(least, parts, strict=True)):
            self.setColumnWidth(number, width + spare * part // sum(parts))


class BatchTable(QWidget):
    """The table, with a box for words that rows must have.

    Signals: `opened` with the `TableRow` that is double-clicked, or on which Enter is pressed;
    `chosen` with the one that is selected; `sheet_wanted` from the menu of the right button.

    Attributes
    ----------
    model : BatchModel
        The rows.
    words : QLineEdit
        Words by which rows are filtered.
    has_sheet : bool
        Whether the menu of the right button offers the contact sheet.
    view : QTableView
        The table.
    """

    opened = Signal(object)
    chosen = Signal(object)
    sheet_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.model, self._proxy = BatchModel(self), _Filtered(self)
        self._proxy.setSourceModel(self.model)
        self._proxy.setFilterRole(SEARCHED)
        self._proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.words, self.view = QLineEdit(), _View()
        self.words.setPlaceholderText("Show only rows with: a name, failed, ...")
        self.words.setClearButtonEnabled(True)
        self.has_sheet = False
        self.words.textChanged.connect(self._proxy.setFilterFixedString)
        self._set_up_view()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.words)
        layout.addWidget(self.view)

    def _set_up_view(self) -> None:
        view = self.view
        view.setModel(self._proxy)
        view.setSortingEnabled(True)
        self.in_order_of_arrival()
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setWordWrap(False)
        view.setItemDelegateForColumn(0, _PathEnds(view))
        view.setTabKeyNavigation(False)
        view.setMinimumHeight(LEAST_HEIGHT)
        view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.customContextMenuRequested.connect(self._show_menu)
        view.doubleClicked.connect(self._open)
        for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            pressed = QShortcut(QKeySequence(key), view)
            pressed.setContext(Qt.ShortcutContext.WidgetShortcut)
            pressed.activated.connect(self._open)
        selected = view.selectionModel()
        assert selected is not None, "a view with a model has one"
        selected.currentRowChanged.connect(self._choose)
        heights = view.verticalHeader()
        assert heights is not None, "a table has headers"
        heights.hide()
        heights.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)  # measuring takes 1 ms a row
        heights.setDefaultSectionSize(ROW_HEIGHT)

    def in_order_of_arrival(self) -> None:
        """Show the rows as they came, failures first, until a title is clicked."""
        self.view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)

    def show_rows(self, columns: Sequence[str], rows: Sequence[TableRow]) -> None:
        """Show other rows, as they came.

        Parameters
        ----------
        columns : sequence of str
            Titles of the columns.
        rows : sequence of TableRow
            The rows.
        """
        self.in_order_of_arrival()
        self.model.show(columns, rows)
        self.view.share_width()

    @property
    def current(self) -> TableRow | None:
        """Row that is selected."""
        index = self._proxy.mapToSource(self.view.currentIndex())
        return self.model.rows[index.row()] if index.isValid() else None

    def _open(self, *_: object) -> None:
        if self.current is not None:
            self.opened.emit(self.current)

    def _choose(self, *_: object) -> None:
        self.chosen.emit(self.current)

    def _show_menu(self, place: QPoint) -> None:
        """Show what can be done with the row under the pointer."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        result = menu.addAction("Open result", self._open)
        record = None if self.current is None else self.current.record
        assert result is not None, "an entry was added"
        result.setEnabled(record is not None and record.state == "done")
        sheet = menu.addAction("Open contact sheet", self.sheet_wanted.emit)
        assert sheet is not None, "an entry was added"
        sheet.setEnabled(self.has_sheet)
        shown = self.view.viewport()
        assert shown is not None, "a view has one"
        menu.popup(shown.mapToGlobal(place))
