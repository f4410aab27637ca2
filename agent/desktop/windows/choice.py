"""A site asks which certificate to use; nothing is signed here."""

from __future__ import annotations

from PySide6.QtWidgets import QPushButton, QWidget

from agent.consent.prompter import ChoicePrompt, Offered
from agent.desktop import messages
from agent.desktop.windows import style, widgets
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.offer import OfferPanel
from agent.desktop.windows.prompt_window import PromptWindow
from agent.desktop.windows.wording import Wording


class ChoiceWindow(PromptWindow):
    def __init__(self, prompt: ChoicePrompt, channel: Channel) -> None:
        wording = Wording(prompt.language)
        super().__init__(channel, wording)
        self.add_heading(wording("choice.title"), prompt.origin, prompt.shown_origin)
        self.body.addSpacing(style.GAP)
        self.body.addWidget(widgets.label(wording("choice.what_for" if prompt.origin else "choice.what_for_command")))
        offered = Offered(prompt.certificates, prompt.faults, prompt.insert_token)
        self._certificates = OfferPanel(offered, None, wording)
        self.body.addWidget(self._certificates)
        channel.offered.connect(self._offered)
        self.body.addStretch(1)
        self._choose = self.add_button("button.choose")
        self._choose.clicked.connect(self._chosen)
        self._certificates.changed.connect(self.refresh)
        self._certificates.entered.connect(self._choose.setFocus)

    def may(self, button: QPushButton) -> bool:
        return self._certificates.chosen is not None

    def first_focus(self) -> QWidget:
        return self._certificates.list if self._certificates.current is not None else self.refuse_button

    def _offered(self, update: messages.Offer) -> None:
        if self._certificates.take(update.offered):
            self.begin_at(self.first_focus())
        self.refresh()

    def _chosen(self) -> None:
        certificate = self._certificates.chosen
        if certificate is not None:
            self.answer(messages.Confirmed(certificate.thumbprint))
