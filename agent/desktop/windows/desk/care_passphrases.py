"""The passphrases of the key files: how old each is, and the way to change it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk.flow import Flow
from agent.desktop.windows.desk.plain_table import PlainTable
from agent.texts.visible import visible

if TYPE_CHECKING:
    from agent.desktop.windows.desk.care import Content

_COLUMNS = ("file", "since", "state")


class PassphraseList(QWidget):
    def __init__(self, page: Content) -> None:
        super().__init__()
        self._page = page
        self._wording = page.wording
        self._files: list[dict[str, Any]] = []
        layout = QVBoxLayout(self)
        layout.setSpacing(style.GAP)
        layout.addWidget(widgets.label(self._wording("care.passphrases.intro")))
        headings = [self._wording(f"care.passphrases.{name}") for name in _COLUMNS]
        self._table = PlainTable(self._wording("care.tab.passphrases"), headings)
        self._table.itemSelectionChanged.connect(self._update)
        layout.addWidget(self._table, 1)
        self._change = QPushButton(self._wording("care.passphrases.change"))
        self._change.clicked.connect(self._change_chosen)
        layout.addLayout(Flow(self._change))
        self._update()

    def show_files(self, files: Sequence[dict[str, Any]], _days: int) -> None:
        chosen = self._table.chosen()
        self._files = list(files)
        self._table.fill([self._row(file) for file in self._files])
        if self._files:
            self._table.selectRow(min(chosen or 0, len(self._files) - 1))
        self._update()

    def _row(self, file: dict[str, Any]) -> list[str]:
        days = file["days"]
        state = [
            self._wording.plural("care.passphrases.days", days) if days else self._wording("care.passphrases.today")
        ]
        if file["old"]:
            state.append(self._wording("care.passphrases.old"))
        if file["weak"]:
            state.append(self._wording("care.passphrases.weak"))
        return [visible(file["token"]["label"]), self._wording.day(file["since"]), "; ".join(state)]

    def _update(self) -> None:
        self._change.setEnabled(self._table.chosen() is not None and bool(self._files))

    def _change_chosen(self) -> None:
        row = self._table.chosen()
        if row is None or row >= len(self._files):
            return
        file = self._files[row]["token"]

        def done(_: dict[str, Any]) -> None:
            words = self._wording("care.passphrases.changed", file=visible(file["label"]))
            self._page.banner.say("information", words)
            self._page.shown()

        self._page.banner.clear()
        self._page.client.call("token_change_pin", {"token": file}, done, self._page.say_error, self)
