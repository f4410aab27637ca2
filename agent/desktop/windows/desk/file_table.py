"""Files on a page: a table of them with what became of each, and dropping them onto the page."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QSize, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QTableWidget,
    QTableWidgetItem,
)

from agent.desktop.windows import widgets
from agent.desktop.windows.desk.page import Page, Place
from agent.texts.visible import visible

MAX_FILES = 1000
_PICTURES = {
    "good": QStyle.StandardPixmap.SP_DialogApplyButton,
    "doubtful": QStyle.StandardPixmap.SP_MessageBoxWarning,
    "bad": QStyle.StandardPixmap.SP_MessageBoxCritical,
}


class FileTable(QTableWidget):
    """A row for each file: its name, and in words what became of it. The picture beside the words repeats them."""

    def __init__(self, name: str, columns: tuple[str, str]) -> None:
        super().__init__(0, len(columns))
        self.setAccessibleName(name)
        self.setHorizontalHeaderLabels(columns)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)  # Tab leaves the table, arrows go through it
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setMinimumHeight(4 * self.fontMetrics().height())
        self.verticalHeader().hide()
        self.horizontalHeader().setHighlightSections(False)
        for column in range(len(columns)):
            self.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        size = self.fontMetrics().height()
        self.setIconSize(QSize(size, size))

    def fill(self, files: list[str]) -> None:
        self.setRowCount(len(files))
        for row, file in enumerate(files):
            item = QTableWidgetItem(visible(Path(file).name))
            item.setToolTip(widgets.plain_tooltip(visible(file)))
            self.setItem(row, 0, item)
            self.setItem(row, 1, QTableWidgetItem(""))

    def say(self, row: int, words: str, kind: str = "") -> None:
        """`kind`: good, doubtful, bad; the words say the same."""
        item = QTableWidgetItem(words)
        item.setToolTip(widgets.plain_tooltip(words))
        if kind:
            item.setIcon(self.style().standardIcon(_PICTURES[kind]))
        self.setItem(row, 1, item)

    def chosen(self) -> int | None:
        rows = self.selectionModel().selectedRows()
        return rows[0].row() if rows else None


class FilePage(Page):
    """A page onto which files may be dropped; they come to `take_files`."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.setAcceptDrops(True)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        event.acceptProposedAction()
        self.take_files(files_of(event.mimeData()))

    def usable(self, files: list[str]) -> list[str]:
        """Those that are files, each once; the banner says what was left out."""
        known = list(dict.fromkeys(files))
        usable = [file for file in known if Path(file).is_file()]
        left_out = len(known) - len(usable[:MAX_FILES])
        if left_out:
            self.banner.say("warning", self.wording.plural("desk.files.left_out", left_out))
        else:
            self.banner.clear()
        return usable[:MAX_FILES]


def files_of(dropped: QMimeData) -> list[str]:
    """Paths of the local files among what was dropped."""
    return [url.toLocalFile() for url in dropped.urls() if url.isLocalFile()]
