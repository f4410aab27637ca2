"""The passphrase of a key file that is being added."""

from __future__ import annotations

from agent.consent.prompter import PassphrasePrompt
from agent.desktop.windows import style, widgets
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.pin_window import PinWindow
from agent.desktop.windows.wording import Wording
from agent.texts.visible import visible


class PassphraseWindow(PinWindow):
    progress = "progress.adding"

    def __init__(self, prompt: PassphrasePrompt, channel: Channel) -> None:
        wording = Wording(prompt.language)
        super().__init__(channel, wording)
        self.add_heading(wording("passphrase.title"), "", "")
        self.body.addSpacing(style.GAP)
        self.body.addWidget(widgets.label(wording("passphrase.what_for")))
        name = widgets.ElidedLabel(visible(prompt.file_name))
        style.set_font(name, bold=True)
        self.body.addWidget(name)
        self.body.addSpacing(style.GAP)
        self.pin_panel.name("passphrase")
        self.body.addWidget(self.pin_panel)
        self.body.addStretch(1)
        self.add_agreement("button.add")

    def chosen(self) -> str | None:
        return ""
