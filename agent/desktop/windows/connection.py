"""First contact: a site asks whether it may use Pero at all."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout

from agent.consent.prompter import ConnectionPrompt
from agent.desktop import messages
from agent.desktop.windows import style, widgets
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.prompt_window import PromptWindow
from agent.desktop.windows.wording import Wording

_ABILITIES = ("certificates", "sign")


class ConnectionWindow(PromptWindow):
    """Allow once, allow and remember, refuse."""

    def __init__(self, prompt: ConnectionPrompt, channel: Channel) -> None:
        wording = Wording(prompt.language)
        super().__init__(channel, wording)
        self.add_heading(wording("connection.title"), prompt.origin, prompt.shown_origin)
        self.body.addSpacing(style.GAP)
        self.body.addWidget(widgets.section(wording("connection.abilities")))
        for ability in _ABILITIES:
            self.body.addLayout(_point(wording(f"connection.ability.{ability}")))
        self.body.addSpacing(style.GAP)
        self.body.addWidget(widgets.label(wording("connection.never")))
        advice = widgets.label(wording("connection.advice"))
        style.set_faint(advice)
        self.body.addWidget(advice)
        self.body.addStretch(1)
        once = self.add_button("button.allow_once")
        once.clicked.connect(lambda: self.answer(messages.Allowed(remember=False)))
        remember = self.add_button("button.allow_remember")
        remember.clicked.connect(lambda: self.answer(messages.Allowed(remember=True)))


def _point(text: str) -> QHBoxLayout:
    """One point of a list, its lines under each other."""
    row = QHBoxLayout()
    row.setContentsMargins(style.GAP, 0, 0, 0)
    row.setSpacing(style.GAP)
    row.addWidget(widgets.label("•", wrap=False), 0, Qt.AlignmentFlag.AlignTop)
    row.addWidget(widgets.label(text), 1)
    return row
