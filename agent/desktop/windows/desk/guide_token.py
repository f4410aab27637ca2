"""The step of the guide that finds a token or a key file, waits for one, and makes a test signature with it (R6)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QComboBox, QProgressBar, QPushButton, QSizePolicy

from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk import asking
from agent.desktop.windows.desk.flow import Flow
from agent.desktop.windows.desk.guide_steps import Step
from agent.errors import Cancelled, PassphraseIncorrect, PeroError, PinIncorrect
from agent.texts.visible import visible

if TYPE_CHECKING:
    from agent.desktop.windows.desk.guide import Content

AGAIN = 5000  # milliseconds until tokens are watched anew where watching failed


class TokenStep(Step):
    name = "token"

    def __init__(self, page: Content) -> None:
        super().__init__(page)
        self._watching = 0  # the number of the call that waits for tokens; 0: none
        self._here = False
        self._trying = False
        self._unseen = False  # the banner says why tokens cannot be looked at
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.setInterval(AGAIN)
        self._again.timeout.connect(self._look)
        self._state = widgets.label("")
        style.set_font(self._state, bold=True)
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.setMaximumHeight(style.GAP)
        self._busy.setAccessibleName(self.wording("guide.token.looking"))
        self._faults = widgets.Banner()
        self._which = QComboBox()
        self._which.setAccessibleName(self.wording("guide.token.which"))
        self._which.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._which.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._which.setMinimumContentsLength(20)
        self._try = self._button("guide.token.try", self._sign)
        self._file = self._button("guide.token.file", lambda: self.add_key_file())
        self._manage = self._button("guide.token.manage", lambda: page.open_page("certificates"))
        for part in (self._state, self._busy, self._faults, self._which):
            self.body.addWidget(part)
        self.body.addLayout(Flow(self._try, self._file, self._manage))
        self.body.addStretch(1)
        self._say("looking", busy=True)

    def entered(self) -> None:
        self._here = True
        self._look()

    def left(self) -> None:
        self._here = False
        self._again.stop()
        self._stop_watching()

    # Finding

    def _look(self) -> None:
        if not self._here:
            return
        self._stop_watching()
        self._busy.show()
        self.client.call("certificate_cards", {}, self._show, self._failed, self)

    def _show(self, result: dict[str, Any]) -> None:
        """What is there now; from here on another token is waited for."""
        if self._unseen:
            self._unseen = False
            self.page.banner.clear()
        cards, tokens = result["cards"], result["tokens"]
        good = [card for card in cards if not card["problems"]]
        self._fill(good)
        name = visible(tokens[0]["label"] or tokens[0]["model"]) if tokens else ""
        if good:
            self._say("found")
        elif cards:
            facts = {side: self.wording.day(cards[0][moment]) for side, moment in _DAYS.items()}
            self._say("unusable", reason=self.wording(f"problem.{cards[0]['problems'][0]}", **facts))
        elif tokens:
            self._say("empty", token=name or self.wording("certs.token"))
        else:
            self._say("none", busy=True)
        self._faults.say("warning", "\n".join(visible(fault["text"]) for fault in result["faults"]))
        if self._here:
            self._watch([{part: token[part] for part in ("label", "serial", "module")} for token in tokens])

    def _watch(self, known: list[dict[str, Any]]) -> None:
        self._stop_watching()

        def failed(error: PeroError) -> None:
            self._watching = 0
            if not isinstance(error, Cancelled):
                self._again.start()

        def changed(_: dict[str, Any]) -> None:
            self._watching = 0
            self._look()

        self._watching = self.client.call("token_changes", {"known": known}, changed, failed, self)

    def _stop_watching(self) -> None:
        if self._watching:
            self.client.cancel(self._watching)
            self._watching = 0

    def _failed(self, error: PeroError) -> None:
        self._busy.hide()
        self._unseen = True
        self.page.say_error(error)
        self._again.start()

    def _fill(self, cards: list[dict[str, Any]]) -> None:
        chosen = self._which.currentData()
        self._which.clear()
        for card in cards:
            until = self.wording("certs.until", day=self.wording.day(card["not_after"]))
            where = visible(card["token"]["label"])
            self._which.addItem(" — ".join(part for part in (visible(card["owner"]), until, where) if part))
            self._which.setItemData(self._which.count() - 1, card["thumbprint"])
        self._which.setCurrentIndex(max(self._which.findData(chosen), 0) if cards else -1)
        self._which.setVisible(bool(cards))
        self._refresh()

    def _say(self, state: str, *, busy: bool = False, **facts: object) -> None:
        words = self.wording(f"guide.token.{state}", **facts)
        changed = words != self._state.text()
        self._state.setText(words)
        self._busy.setVisible(busy)
        if changed and self.isVisible():
            widgets.announce(self._state, words)

    # What the person does

    def add_key_file(self, path: str = "") -> None:
        """Kept by Pero as a key file; the agent's window asks for its passphrase."""
        title = self.wording("guide.token.file").replace("&", "").rstrip("…")
        path = path or asking.open_name(self, title, f"{self.wording('certs.kind.p12')} (*.pfx *.p12)")
        if not path:
            return
        self.page.banner.clear()

        def failed(error: PeroError) -> None:
            wrong = isinstance(error, PinIncorrect)
            self.page.say_error(PassphraseIncorrect(file=Path(path).name) if wrong else error)

        self.client.call("add_key_file", {"path": path}, lambda _: self._look(), failed, self)

    def _sign(self) -> None:
        thumbprint = self._which.currentData()
        if self._trying or not thumbprint:
            return
        self.page.banner.clear()
        self._trying = True
        self._refresh()
        self.client.call("try_signature", {"certificate": thumbprint}, self._tried, self._not_tried, self)

    def _tried(self, result: dict[str, Any]) -> None:
        self._done_trying()
        if result["right"]:
            words = self.wording("certs.tried", token=visible(result["token"]))
            self.page.banner.say("information", words)
        else:
            self.page.banner.say("error", self.wording("certs.tried_wrong"))

    def _not_tried(self, error: PeroError) -> None:
        self._done_trying()
        self.page.say_error(error)

    def _done_trying(self) -> None:
        self._trying = False
        self._refresh()

    def _refresh(self) -> None:
        self._try.setEnabled(self._which.count() > 0 and not self._trying)

    def _button(self, key: str, pressed: Any) -> QPushButton:
        button = QPushButton(self.wording(key))
        button.clicked.connect(lambda _=False: pressed())
        return button


_DAYS = {"from_day": "not_before", "to_day": "not_after"}
