"""The page of the journal: what was asked and signed, searched, noted and exported; and what notifications said."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QInputDialog,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from agent.desktop.windows import style
from agent.desktop.windows.desk.flow import Flow
from agent.desktop.windows.desk.journal_export import ExportRow
from agent.desktop.windows.desk.journal_filters import Filters
from agent.desktop.windows.desk.journal_table import EntryTable, NoticeTable
from agent.desktop.windows.desk.page import Page, Place
from agent.texts.entries import fact_words, kind_words
from agent.texts.visible import visible

_PAGE = 100  # entries asked for at a time
_MAX_NOTE = 2000  # characters


class Content(Page):
    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._entries: list[dict[str, Any]] = []
        self._next: int | None = None  # `before` of older entries
        self._asked = 0  # the search whose answer is awaited
        self._checked = False  # the chain, since the page stands
        self._trouble: tuple[str, str] | None = None  # with the chain: how bad, and in words
        tabs = QTabWidget()
        tabs.addTab(self._entries_tab(), self.wording("desk.journal.entries"))
        self._notices = NoticeTable(self.wording)
        tabs.addTab(self._notices, self.wording("desk.journal.notices"))
        self.body.addWidget(tabs, 1)
        self._update()

    def shown(self) -> None:
        self.client.call("list_sites", {}, lambda result: self._filters.take_sites(result["sites"]), _unsaid, self)
        self.client.call("list_notices", {}, self._notices.show_notices, self.say_error, self)
        self._search()

    def _entries_tab(self) -> QWidget:
        tab = QWidget()
        layout = QVBoxLayout(tab)
        layout.setSpacing(style.GAP)
        self._filters = Filters(self.wording)
        self._filters.changed.connect(self._search)
        layout.addWidget(self._filters)
        self._table = EntryTable(self.wording)
        self._table.itemSelectionChanged.connect(self._update)
        self._details = QPlainTextEdit()
        self._details.setReadOnly(True)
        self._details.setTabChangesFocus(True)
        self._details.setUndoRedoEnabled(False)
        self._details.setAccessibleName(self.wording("desk.journal.details"))
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self._table)
        splitter.addWidget(self._details)
        splitter.setSizes([3000, 1000])
        layout.addWidget(splitter, 1)
        layout.addLayout(self._buttons())
        self._export = ExportRow(self.client, self.wording)
        self._export.said.connect(self.banner.say)
        self._export.failed.connect(self.say_error)
        layout.addWidget(self._export)
        return tab

    def _buttons(self) -> Flow:
        self._older = self._button("older", self._ask_older)
        self._note = self._button("note", self._write_note)
        export = self._button("export", lambda: self._export.begin(self._filters.sought()))
        check = self._button("check", self._check)
        return Flow(self._older, self._note, export, check)

    def _button(self, name: str, pressed: Any) -> QPushButton:
        button = QPushButton(self.wording(f"desk.journal.{name}"))
        button.clicked.connect(lambda _checked: pressed())
        return button

    # Searching

    def _search(self) -> None:
        self._ask(None)

    def _ask_older(self) -> None:
        if self._next is not None:
            self._ask(self._next)

    def _ask(self, before: int | None) -> None:
        self._asked += 1
        number = self._asked
        parameters = {**self._filters.sought(), "before": before, "limit": _PAGE}
        self.client.call(
            "search_journal", parameters, lambda result: self._take(number, before, result), self.say_error, self
        )

    def _take(self, number: int, before: int | None, result: dict[str, Any]) -> None:
        if number != self._asked:
            return  # something else is sought now
        if result["behind"]:
            self.banner.say("information", self.wording("desk.journal.behind", number=result["behind"]))
            self._ask(before)
            return
        if before is None:
            self._entries = []
        self._entries += result["entries"]
        self._next = result["next"]
        self._table.show_entries(self._entries, anew=before is None)
        if not result["entries"] and self._next is not None:  # nothing yet
            self._ask(self._next)
            return
        if not self._entries:
            self.banner.say("information", self.wording("desk.journal.nothing"))
        elif self.banner.text in self._passing():
            self.banner.say(*(self._trouble or ("information", "")))
        self._update()
        if not self._checked:  # with the first answer: they would be in each other's way
            self._checked = True
            self.client.call("verify_journal", {}, self._take_trouble, self.say_error, self)

    def _passing(self) -> tuple[str, ...]:
        """Messages that the next answer takes away."""
        start = self.wording("desk.journal.behind", number="\0").partition("\0")[0]
        behind = self.banner.text if self.banner.text.startswith(start) else ""
        return (self.wording("desk.journal.nothing"), behind)

    # One entry

    def _update(self) -> None:
        entry = self._chosen()
        self._older.setEnabled(self._next is not None)
        self._note.setEnabled(entry is not None)
        self._details.setPlainText(self._described(entry) if entry else "")

    def _chosen(self) -> dict[str, Any] | None:
        row = self._table.chosen()
        return self._entries[row] if row is not None and row < len(self._entries) else None

    def _described(self, entry: dict[str, Any]) -> str:
        language = self.wording.language
        first = f"{entry['number']}  {visible(entry['time'])}  {kind_words(entry['kind'], language)}"
        last = f"{self.wording('desk.journal.column.hash')}: {visible(entry['hash'])}"
        return "\n".join((first, *fact_words(entry["facts"], language), last))

    def _write_note(self) -> None:
        entry = self._chosen()
        if entry is None:
            return
        title = self.wording("desk.journal.note").replace("&", "")
        question = self.wording("desk.journal.note_which", number=entry["number"])
        words, agreed = QInputDialog.getText(self, title, question)
        if agreed and words.strip():
            parameters = {"entry": entry["number"], "text": words.strip()[:_MAX_NOTE]}
            self.client.call("note_journal", parameters, self._noted, self.say_error, self)

    def _noted(self, result: dict[str, Any]) -> None:
        self.banner.say("information", self.wording("desk.journal.noted", number=result["number"]))
        self._search()

    # The chain

    def _check(self) -> None:
        self.banner.say("information", self.wording("desk.journal.checking"))
        self.client.call("verify_journal", {}, self._say_state, self.say_error, self)

    def _say_state(self, result: dict[str, Any]) -> None:
        self._take_trouble(result)
        if not self._trouble:
            self.banner.say("information", self.wording("desk.journal.intact", number=result["entries"]))

    def _take_trouble(self, result: dict[str, Any]) -> None:
        self._trouble = self._broken(result)
        if self._trouble:
            self.banner.say(*self._trouble)

    def _broken(self, result: dict[str, Any]) -> tuple[str, str] | None:
        """How bad it is, and in words; the worst there is."""
        if not result["intact"]:
            return "error", self.wording("desk.journal.broken", number=result["broken_at"])
        for state, kind in (("changed", "error"), ("absent", "warning")):
            for archive in result["archives"]:
                if archive["state"] == state:
                    facts = {**archive, "file": visible(archive["file"]), "number": archive["broken_at"]}
                    return kind, self.wording(f"desk.journal.archive_{state}", **facts)
        return None


def _unsaid(_error: Exception) -> None:
    """Sites are there to choose from; without them the journal is searched all the same."""
