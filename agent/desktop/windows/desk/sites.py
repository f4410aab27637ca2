"""The page of sites: which may ask, since when, and taking that back."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QInputDialog,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
)

from agent.desktop.windows import widgets
from agent.desktop.windows.desk.flow import Flow
from agent.desktop.windows.desk.page import Page, Place
from agent.texts.visible import visible

_COLUMNS = ("origin", "state", "since", "last_used")


class Content(Page):
    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._sites: list[dict[str, Any]] = []
        self.body.addWidget(widgets.label(self.wording("desk.sites.intro")))
        self._table = QTableWidget(0, len(_COLUMNS))
        self._table.setAccessibleName(self.wording("desk.page.sites"))
        self._table.setHorizontalHeaderLabels([self.wording(f"desk.sites.{name}") for name in _COLUMNS])
        self._table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setTabKeyNavigation(False)  # Tab leaves the table, arrows go through it
        self._table.verticalHeader().hide()
        self._table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._table.itemSelectionChanged.connect(self._update)
        self.body.addWidget(self._table, 1)
        self._forget = self._button("forget", self._forget_chosen)
        self._block = self._button("block", self._block_chosen)
        add = self._button("block_other", self._block_other)
        self.body.addLayout(Flow(self._forget, self._block, add))
        self._update()

    def shown(self) -> None:
        self.client.call("list_sites", {}, self._show, self.say_error, self)

    def _button(self, name: str, pressed: Any) -> QPushButton:
        button = QPushButton(self.wording(f"desk.sites.{name}"))
        button.clicked.connect(pressed)
        return button

    def _show(self, result: dict[str, Any]) -> None:
        chosen = self._chosen()
        self._sites = result["sites"]
        self._table.setRowCount(len(self._sites))
        for row, site in enumerate(self._sites):
            days = (self.wording.day(site[name]) if site[name] else "" for name in ("since", "last_used"))
            state = self.wording(f"desk.sites.state.{_state(site)}")
            for column, words in enumerate((visible(site["origin"]), state, *days)):
                item = QTableWidgetItem(words)
                item.setTextAlignment(Qt.AlignmentFlag.AlignVCenter)
                item.setToolTip(widgets.plain_tooltip(words))
                self._table.setItem(row, column, item)
            if chosen and site["origin"] == chosen["origin"]:
                self._table.selectRow(row)
        self._table.resizeColumnsToContents()
        self._table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self._update()

    def _chosen(self) -> dict[str, Any] | None:
        rows = self._table.selectionModel().selectedRows()
        return self._sites[rows[0].row()] if rows and rows[0].row() < len(self._sites) else None

    def _update(self) -> None:
        site = self._chosen()
        self._forget.setEnabled(site is not None)
        self._block.setEnabled(site is not None and not site["blocked"])

    def _forget_chosen(self) -> None:
        if site := self._chosen():
            self._ask("forget_site", site["origin"])

    def _block_chosen(self) -> None:
        if site := self._chosen():
            self._ask("block_site", site["origin"])

    def _block_other(self) -> None:
        title = self.wording("desk.sites.block_other").replace("&", "").rstrip("…")
        question = self.wording("desk.sites.block_which")
        origin, agreed = QInputDialog.getText(self, title, question, text="https://")
        if agreed and origin.strip():
            self._ask("block_site", origin.strip())

    def _ask(self, method: str, origin: str) -> None:
        self.banner.clear()
        self.client.call(method, {"origin": origin}, lambda _: self.shown(), self.say_error, self)


def _state(site: dict[str, Any]) -> str:
    if site["blocked"]:
        return "blocked"
    return "allowed" if site["allowed"] else "refused"
