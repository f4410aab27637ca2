"""The tables of the journal's page: entries, and notifications."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from agent.desktop.windows.widgets import plain_tooltip
from agent.desktop.windows.wording import Wording
from agent.texts.entries import fact_value, fact_words, kind_words
from agent.texts.notices import notice_words
from agent.texts.visible import visible

_COLUMNS = ("number", "time", "what", "document", "outcome", "more")
_OWN = ("document", "outcome")  # facts that have a column
_LONGEST = 300  # characters in a cell; all of it stands below
_FORM = {"ru": "%d.%m.%Y %H:%M", "en": "%Y-%m-%d %H:%M"}


def local(moment: str, language: str) -> str:
    """A moment (ISO 8601) as the clock on this wall shows it."""
    try:
        return datetime.fromisoformat(moment).astimezone().strftime(_FORM[language])
    except (ValueError, OverflowError):
        return visible(moment)


class _Table(QTableWidget):
    def __init__(self, name: str, headings: Sequence[str]) -> None:
        super().__init__(0, len(headings))
        self.setAccessibleName(name)
        self.setHorizontalHeaderLabels(list(headings))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)  # Tab leaves the table, arrows go through it
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.horizontalHeader().setStretchLastSection(True)
        self.setMinimumHeight(4 * self.fontMetrics().height())

    def fill(self, rows: Sequence[Sequence[str]], first: int = 0) -> None:
        """Rows from `first` on."""
        self.setRowCount(first + len(rows))
        for row, words in enumerate(rows, first):
            for column, word in enumerate(words):
                shown = word if len(word) <= _LONGEST else word[:_LONGEST] + "…"
                item = QTableWidgetItem(shown)
                item.setToolTip(plain_tooltip(shown))
                self.setItem(row, column, item)
        if first == 0:
            self._fit()

    def _fit(self) -> None:
        """Columns as wide as their words, the longest of them within bounds."""
        self.resizeColumnsToContents()
        most = 28 * self.fontMetrics().averageCharWidth()
        for column in range(self.columnCount() - 1):
            self.setColumnWidth(column, min(self.columnWidth(column), most))
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)


class EntryTable(_Table):
    def __init__(self, wording: Wording) -> None:
        self._language = wording.language
        super().__init__(wording("desk.page.journal"), [wording(f"desk.journal.column.{name}") for name in _COLUMNS])

    def show_entries(self, entries: Sequence[dict[str, Any]], *, anew: bool) -> None:
        """All of them; not `anew`: those that are shown stay as they are."""
        first = 0 if anew else self.rowCount()
        self.fill([self._row(entry) for entry in entries[first:]], first)
        if anew:
            self.clearSelection()
            self.selectRow(0)
            self.scrollToTop()

    def chosen(self) -> int | None:
        rows = self.selectionModel().selectedRows()
        return rows[0].row() if rows else None

    def _row(self, entry: dict[str, Any]) -> list[str]:
        facts, language = entry["facts"], self._language
        own = [fact_value(name, facts[name], language) if facts.get(name) else "" for name in _OWN]
        more = "; ".join(fact_words(facts, language, without=_OWN))
        return [str(entry["number"]), local(entry["time"], language), kind_words(entry["kind"], language), *own, more]


class NoticeTable(_Table):
    """Newest first."""

    def __init__(self, wording: Wording) -> None:
        self._wording = wording
        headings = [wording(f"desk.notices.column.{name}") for name in ("time", "what")]
        super().__init__(wording("desk.journal.notices"), headings)

    def show_notices(self, result: dict[str, Any]) -> None:
        rows = [self._row(notice) for notice in reversed(result["notices"])]
        self.fill(rows or [["", self._wording("desk.notices.none")]])

    def _row(self, notice: dict[str, Any]) -> list[str]:
        title, body = notice_words(notice["kind"], notice["facts"], self._wording.language)
        unshown = "" if notice["shown"] else f" ({self._wording('desk.notices.unshown')})"
        return [local(notice["time"], self._wording.language), f"{title}{unshown}. {body}".rstrip(". ") + "."]
