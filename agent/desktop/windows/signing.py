"""A signature is asked for: who asks, what is signed, with which certificate, and the PIN."""

from __future__ import annotations

from PySide6.QtWidgets import QPushButton, QWidget

from agent.consent.prompter import BatchPrompt, Offered, OfferedCertificate, SigningPrompt
from agent.desktop import messages
from agent.desktop.windows import style, widgets
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.document import DocumentPanel
from agent.desktop.windows.offer import OfferPanel
from agent.desktop.windows.pin_window import PinWindow, Stage
from agent.desktop.windows.wording import Wording
from agent.texts.visible import visible

_BLOCKING = ("pin_locked", "pin_not_set")  # warnings of a token that takes no PIN at present
_LAST_TRY = "pin_final_try"
_TO_BE_CHANGED = "pin_to_be_changed"


class SigningWindow(PinWindow):
    def __init__(self, prompt: SigningPrompt | BatchPrompt, channel: Channel) -> None:
        wording = Wording(prompt.language)
        super().__init__(channel, wording)
        self.add_heading(wording(self.title_of(prompt)), prompt.origin, prompt.shown_origin)
        self.body.addSpacing(style.GAP)
        self.say_what(prompt)
        self.body.addSpacing(style.GAP)
        self.body.addWidget(widgets.section(wording("certificates.title")))
        offered = Offered(prompt.certificates, prompt.faults, prompt.insert_token)
        self._certificates = OfferPanel(offered, prompt.chosen, wording)
        self._next: Offered | None = None  # what came while a key was at work
        self.body.addWidget(self._certificates)
        channel.offered.connect(self._offered)
        self._token_banner = widgets.Banner()
        self.body.addWidget(self._token_banner)
        self.body.addWidget(self.pin_panel)
        self.add_agreement("button.sign_in" if isinstance(prompt, SigningPrompt) and prompt.sign_in else "button.sign")
        self._certificates.changed.connect(self._certificate_changed)
        self._certificates.entered.connect(self.pin_panel.field.setFocus)
        self._certificate_changed()

    def _say_sign_in(self, prompt: SigningPrompt) -> None:
        """Nothing that a page chose stands here but an address of its own."""
        self.body.addWidget(widgets.label(self.wording("sign_in.what_for")))
        if prompt.sign_in != prompt.origin:
            address = self.wording("sign_in.address", address=prompt.sign_in)
            self.body.addWidget(widgets.address_label(visible(address)))

    def title_of(self, prompt: SigningPrompt | BatchPrompt) -> str:
        """Key of the question."""
        return "sign_in.title" if isinstance(prompt, SigningPrompt) and prompt.sign_in else "signing.title"

    def say_what(self, prompt: SigningPrompt | BatchPrompt) -> None:
        """What is signed."""
        if not isinstance(prompt, SigningPrompt):
            return
        if prompt.sign_in:
            self._say_sign_in(prompt)
            return
        self.body.addWidget(widgets.section(self.wording("document.title")))
        self.body.addWidget(DocumentPanel(prompt.document, self.wording), 1)

    def chosen(self) -> str | None:
        certificate = self._certificates.chosen
        return certificate.thumbprint if certificate is not None else None

    def may(self, button: QPushButton) -> bool:
        certificate = self._certificates.chosen
        blocked = certificate is not None and any(warning in _BLOCKING for warning in certificate.warnings)
        return not blocked and super().may(button)

    def lock_choice(self, locked: bool) -> None:
        self._certificates.setEnabled(not locked)

    def first_focus(self) -> QWidget:
        """The PIN field; where the window does not fit on the screen, its beginning, so that it is read first."""
        if self.chosen() is None or not self.fits():
            return self._certificates.list
        return super().first_focus()

    def offers(self, default_pin: bool) -> bool:
        certificate = self._certificates.chosen
        return default_pin or (certificate is not None and _TO_BE_CHANGED in certificate.warnings)

    def offered_for(self) -> str:
        certificate = self._certificates.chosen
        if certificate is None:
            return ""
        return visible(f"{certificate.token_label} {certificate.token_serial}".strip())

    def stage_entered(self) -> None:
        if self.stage in (Stage.CHOOSING, Stage.ASKED) and self._next is not None:
            self._show_offered(self._next)

    def _offered(self, update: messages.Offer) -> None:
        if self.stage in (Stage.CHOOSING, Stage.ASKED):
            self._show_offered(update.offered)
        elif self.stage != Stage.OFFERING:
            self._next = update.offered

    def _show_offered(self, offered: Offered) -> None:
        self._next = None
        if self._certificates.take(offered):
            self.begin_at(self.pin_panel.field if self.chosen() else self._certificates.list)

    def _certificate_changed(self) -> None:
        certificate = self._certificates.chosen
        self._token_banner.say(*self._told_by_token(certificate))
        self.pin_panel.setVisible(certificate is not None)
        if certificate is not None:
            self.pin_panel.name("passphrase" if certificate.key_file else "pin")
            self.pin_panel.take_at_reader(certificate.protected_path)
            self.pin_panel.warn_of_last_try(_LAST_TRY in certificate.warnings)
        self.choice_changed()

    def _told_by_token(self, certificate: OfferedCertificate | None) -> tuple[str, str]:
        if certificate is None:
            current = self._certificates.current
            return ("information", self.wording("certificates.unusable") if current is not None else "")
        sentences = [self.wording(f"warning.{warning}") for warning in certificate.warnings]
        blocked = any(warning in _BLOCKING for warning in certificate.warnings)
        return ("error" if blocked else "warning"), "\n".join(sentences)
