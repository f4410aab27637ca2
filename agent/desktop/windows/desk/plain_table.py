"""A table of plain words, whole rows chosen one at a time; Tab leaves it and arrows go through it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from agent.desktop.windows.widgets import plain_tooltip

_LINES = 4  # rows that it has room for at least


class PlainTable(QTableWidget):
    def __init__(self, name: str, headings: Sequence[str]) -> None:
        super().__init__(0, len(headings))
        self.setAccessibleName(name)
        self.setHorizontalHeaderLabels(list(headings))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # both ends of a path tell something
        self.verticalHeader().hide()
        self.horizontalHeader().setStretchLastSection(True)
        self.setMinimumHeight((_LINES + 2) * self.fontMetrics().height())

    def fill(self, rows: Sequence[Sequence[str]]) -> None:
        self.setRowCount(0)
        for row in rows:
            self.add(row)
        self.fit()

    def add(self, words: Sequence[str]) -> None:
        row = self.rowCount()
        self.setRowCount(row + 1)
        for column, word in enumerate(words):
            item = QTableWidgetItem(word)
            item.setToolTip(plain_tooltip(word))
            self.setItem(row, column, item)

    def fit(self) -> None:
        """Columns as wide as their words, within bounds."""
        self.resizeColumnsToContents()
        most = 40 * self.fontMetrics().averageCharWidth()
        for column in range(self.columnCount() - 1):
            self.setColumnWidth(column, min(self.columnWidth(column), most))
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)

    def chosen(self) -> int | None:
        rows = self.selectionModel().selectedRows()
        return rows[0].row() if rows else None
