"""First contact: a site asks whether it may use Pero at all."""

from __future__ import annotations

from agent.consent.prompter import ConnectionPrompt
from agent.desktop import messages
from agent.desktop.windows import style, widgets
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.prompt_window import PromptWindow
from agent.desktop.windows.wording import Wording

_ABILITIES = ("certificates", "sign", "no_pin")


class ConnectionWindow(PromptWindow):
    """Allow once, allow and remember, refuse."""

    def __init__(self, prompt: ConnectionPrompt, channel: Channel) -> None:
        wording = Wording(prompt.language)
        super().__init__(channel, wording)
        self.add_heading(wording("connection.title"), prompt.origin, prompt.shown_origin)
        self.body.addSpacing(style.GAP)
        self.body.addWidget(widgets.section(wording("connection.abilities")))
        for ability in _ABILITIES:
            self.body.addWidget(widgets.label(f"•  {wording(f'connection.ability.{ability}')}"))
        self.body.addSpacing(style.GAP)
        advice = widgets.label(wording("connection.advice"))
        style.set_faint(advice)
        self.body.addWidget(advice)
        self.body.addStretch(1)
        once = self.add_button("button.allow_once")
        once.clicked.connect(lambda: self.answer(messages.Allowed(remember=False)))
        remember = self.add_button("button.allow_remember")
        remember.clicked.connect(lambda: self.answer(messages.Allowed(remember=True)))
