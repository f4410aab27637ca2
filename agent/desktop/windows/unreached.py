"""The signature is made, and its level could not be had: once more, a lower level, or nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QPushButton

from agent.desktop import messages

if TYPE_CHECKING:
    from agent.desktop.windows.pin_window import PinWindow


class UnreachedChoice:
    """The buttons of that question, in the place of the one that signs. Nothing is chosen for the person: Enter and
    Escape give up, as everywhere, and no page gets what it did not ask for."""

    def __init__(self, window: PinWindow, agree: QPushButton | None) -> None:
        self._window = window
        self._agree = agree
        self._refuse = window.refuse_button.text()
        self._again = window.add_button("button.try_again")
        self._keep = window.add_button("button.keep_level")
        self._again.clicked.connect(lambda: self._answer("again"))
        self._keep.clicked.connect(lambda: self._answer("keep"))
        self._lower = ""

    @property
    def buttons(self) -> tuple[QPushButton, ...]:
        return self._again, self._keep

    def ask(self, unreached: messages.Unreached) -> None:
        wording = self._window.wording
        self._lower = (unreached.lower or "").upper()
        self._keep.setText(wording("button.keep_level", level=self._lower))
        self._show(True)
        told = wording.error(unreached.error, unreached.facts)
        self._window.banner.say("warning", wording("unreached.made", error=told))
        self._window.begin_at(self._window.refuse_button)

    def end(self) -> None:
        self._show(False)

    def _show(self, asked: bool) -> None:
        self._again.setVisible(asked)
        self._keep.setVisible(asked and bool(self._lower))
        self._window.refuse_button.setText(self._window.wording("button.give_up") if asked else self._refuse)
        if self._agree is not None:
            self._agree.setVisible(not asked)

    def _answer(self, remedy: str) -> None:
        self.end()
        self._window.remedied(messages.Remedied("again" if remedy == "again" else "keep"))
