"""The page of certificates: whose they are, until when, where their keys lie, and everything that is done with them."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSplitter

from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk.certificate_actions import CertificateActions
from agent.desktop.windows.desk.certificate_card import Action, Card
from agent.desktop.windows.desk.certificate_list import CertificateList
from agent.desktop.windows.desk.page import Page, Place
from agent.desktop.windows.desk.token_actions import TokenActions
from agent.errors import PeroError
from agent.model import KEY_FILES
from agent.texts.visible import visible


def _unsaid(_error: PeroError) -> None:
    """A card without these two lines' words is one all the same."""


class Content(Page):
    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.list = CertificateList(self.wording)
        self._card = Card(self.wording)
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.addWidget(self.list)
        self._splitter.addWidget(self._card)
        self._splitter.setStretchFactor(0, 2)
        self._splitter.setStretchFactor(1, 3)
        self._splitter.setChildrenCollapsible(False)
        self._faults = widgets.Banner()
        self.body.addWidget(self._faults)
        self.body.addWidget(self._splitter, 1)
        self._states: dict[str, dict[str, Any]] = {}  # answers of `certificate_state`, by thumbprint
        self._certificates = CertificateActions(self)
        self._tokens = TokenActions(self)
        row = QHBoxLayout()
        row.setSpacing(style.GAP)
        for name, act in (("add_key_file", self._tokens.add_key_file), ("refresh", self.shown)):
            button = QPushButton(self.wording(f"certs.do.{name}"))
            button.clicked.connect(lambda _=False, act=act: act())
            row.addWidget(button)
        row.addStretch(1)
        self.body.addLayout(row)
        self.list.changed.connect(self._show_card)
        self._show_card()

    def shown(self) -> None:
        self.client.call("certificate_cards", {}, self._show, self.say_error, self)

    def take_files(self, files: list[str]) -> None:
        """Key files and certificates that were dropped or opened here."""
        for file in files[:1]:
            self._tokens.take_file(file)

    def done(self, words: str, kind: str = "information") -> None:
        """Something was done: say so, and look anew."""
        self.banner.say(kind, words)
        self.shown()

    def show_state(self, state: dict[str, Any], thumbprint: str) -> None:
        """Of a certificate: kept until the page comes up anew, and shown where its card is up."""
        self._states[thumbprint] = state
        choice = self.list.choice
        if choice is not None and choice.name == thumbprint:
            self._card.show_state(state)

    def copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.banner.say("information", self.wording("certs.copied"))

    def _show(self, result: dict[str, Any]) -> None:
        self._states.clear()
        self.list.show_rows(result["cards"], result["tokens"])
        self._faults.say("warning", "\n".join(visible(fault["text"]) for fault in result["faults"]))

    def _show_card(self) -> None:
        choice = self.list.choice
        state = self._states.get(choice.name) if choice is not None else None
        self._card.show_choice(choice, self._actions(), state)
        if choice is not None and choice.kind == "certificate" and state is None:
            self._ask_state(choice.name)

    def _ask_state(self, thumbprint: str) -> None:
        """Who vouches for it takes a moment to find out; the card does not wait."""

        def show(state: dict[str, Any]) -> None:
            self.show_state(state, thumbprint)

        self.client.call("certificate_state", {"certificate": thumbprint}, show, _unsaid, self)

    def _actions(self) -> list[Action]:
        choice = self.list.choice
        if choice is None:
            return []
        if choice.kind == "certificate":
            return self._certificates.of(choice.value)
        return self._tokens.of(choice.value, key_file=choice.value["module"] == KEY_FILES)
