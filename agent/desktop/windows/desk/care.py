"""The page of care: everything forgotten and signing paused by one button, passphrases, copies of keys, a lost key."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QPushButton, QTabWidget

from agent.desktop.windows import widgets
from agent.desktop.windows.desk.care_lost import LostKey
from agent.desktop.windows.desk.care_passphrases import PassphraseList
from agent.desktop.windows.desk.care_strays import StraySearch
from agent.desktop.windows.desk.flow import Flow
from agent.desktop.windows.desk.page import Page, Place


class Content(Page):
    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._paused = False
        self._state = widgets.label("")
        self._pause = QPushButton(self.wording("care.pause"))
        self._pause.clicked.connect(self._toggle)
        self.body.addWidget(self._state)
        self.body.addLayout(Flow(self._pause))
        self.passphrases = PassphraseList(self)
        self.strays = StraySearch(self)
        self.lost = LostKey(self)
        self._tabs = QTabWidget()
        self._tabs.setAccessibleName(self.wording("desk.page.care"))
        for name, part in (("passphrases", self.passphrases), ("strays", self.strays), ("lost", self.lost)):
            self._tabs.addTab(part, self.wording(f"care.tab.{name}"))
        self.body.addWidget(self._tabs, 1)
        self._show_state(False)

    def shown(self) -> None:
        self.client.call("list_care", {}, self._show, self.say_error, self)

    def _show(self, result: dict[str, Any]) -> None:
        self._show_state(result["paused"])
        self.passphrases.show_files(result["key_files"], result["passphrase_days"])
        self.lost.show_keys(result["keys"])

    def _show_state(self, paused: bool) -> None:
        self._paused = paused
        self._state.setText(self.wording("care.paused" if paused else "care.running"))
        self._pause.setText(self.wording("care.resume" if paused else "care.pause"))

    def _toggle(self) -> None:
        def done(result: dict[str, Any]) -> None:
            self._show_state(result["paused"])
            self.banner.say("information", self.wording("care.done.pause" if result["paused"] else "care.done.resume"))

        self.banner.clear()
        self.client.call("resume" if self._paused else "pause", {}, done, self.say_error, self)
