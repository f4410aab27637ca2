"""Something is to be done on a token: what, on which, what will be gone for ever, and the secrets that it takes."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QPushButton, QWidget

from agent.consent.prompter import TokenPrompt
from agent.desktop.windows import style, widgets
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.new_pin_panel import NewPinPanel
from agent.desktop.windows.pin_panel import PinPanel
from agent.desktop.windows.pin_window import PinWindow
from agent.desktop.windows.wording import Wording
from agent.ipc.pin import Purpose
from agent.texts.visible import visible

_OFFICER: tuple[Purpose, ...] = ("so_pin", "puk")
_BLOCKING = ("pin_locked", "pin_not_set")


class TokenWindow(PinWindow):
    progress = "progress.token"
    offer_title = "offer.title_done"

    def __init__(self, prompt: TokenPrompt, channel: Channel) -> None:
        wording = Wording(prompt.language)
        super().__init__(channel, wording)
        self._prompt = prompt
        self.refuse_button.setText(wording("button.cancel"))
        self._by_purpose: dict[str, PinPanel] = {}
        self.panels.clear()  # which ones there are, the prompt tells
        self.pin_panel.hide()
        self.add_heading(wording(self._key("title")), "", "")
        self.body.addSpacing(style.GAP)
        self.body.addWidget(widgets.label(wording(self._key("what_for"))))
        self.body.addWidget(self._facts())
        self._add_losses()
        self._warn()
        self.body.addSpacing(style.GAP)
        for purpose in prompt.secrets:
            self._add(purpose)
        self.body.addStretch(1)
        self.add_agreement(self._key("button"))

    def chosen(self) -> str | None:
        return ""

    def offers(self, default_pin: bool) -> bool:
        """Not after an operation that sets a PIN."""
        return default_pin and "new_pin" not in self._prompt.secrets and not self._prompt.key_file

    def may(self, button: QPushButton) -> bool:
        return not self._blocked() and super().may(button)

    def panel_for(self, purpose: Purpose) -> PinPanel:
        """The officer's PIN and the PUK are one thing for the person, and so are the PIN and the passphrase of a key
        file; a secret that nobody spoke of gets its panel."""
        kinds = _OFFICER if purpose in _OFFICER else (purpose,)
        if self._prompt.key_file and purpose == "passphrase":
            kinds = ("passphrase", "pin")
        return next((self._by_purpose[kind] for kind in kinds if kind in self._by_purpose), None) or self._add(purpose)

    def _add(self, purpose: Purpose) -> PinPanel:
        panel = self._made(purpose)
        panel.take_at_reader(self._prompt.protected_path and purpose != "passphrase")
        if purpose == "pin":
            panel.warn_of_last_try("pin_final_try" in self._prompt.warnings)
        self._by_purpose[purpose] = self.add_panel(panel)
        self.body.insertWidget(self.body.count() - (1 if self._agree_button else 0), panel)
        width = max(one.label_widths() for one in self.panels)
        for one in self.panels:
            one.align(width)
        panel.tell_of_keyboard(panel is self.panels[0])
        return panel

    def _made(self, purpose: Purpose) -> PinPanel:
        if purpose == "new_pin":
            kind = "new_passphrase" if self._prompt.key_file else "new_pin"
            made = NewPinPanel(self.wording, kind, self._typed_before, self._names())
            if "pin" in self._by_purpose:
                self._by_purpose["pin"].field.textChanged.connect(made.judge)
            return made
        panel = PinPanel(self.wording)
        changing = "new_pin" in self._prompt.secrets
        if self._prompt.key_file and purpose == "pin":
            panel.name("old_passphrase" if changing else "passphrase")
        else:
            panel.name("old_pin" if purpose == "pin" and changing else purpose)
        return panel

    def _names(self) -> tuple[str, ...]:
        """What the passphrase of a key file may have no part of; nothing of a token's PIN."""
        if not self._prompt.key_file:
            return ()
        return (self._prompt.token_label, *(value for key, value in self._prompt.details if key == _OWNER))

    def _typed_before(self) -> str:
        return self._by_purpose["pin"].field.text() if "pin" in self._by_purpose else ""

    def _key(self, part: str) -> str:
        action = self._prompt.action
        if self._prompt.key_file and action in ("change_pin", "delete"):
            action = f"{action}_key_file"
        return f"token_action.{action}.{part}"

    def _facts(self) -> QWidget:
        prompt = self._prompt
        rows = [
            ("token_detail.key_file" if prompt.key_file else "token_detail.token", prompt.token_label),
            ("token_detail.serial", "" if prompt.key_file else prompt.token_serial),
            ("token_detail.reader", "" if prompt.token_reader == prompt.token_label else prompt.token_reader),
            *prompt.details,
        ]
        made = QWidget()
        grid = QGridLayout(made)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(style.MARGIN)
        grid.setVerticalSpacing(style.GAP // 2)
        grid.setColumnStretch(1, 1)
        for number, (key, value) in enumerate((key, value) for key, value in rows if value):
            name = widgets.label(self.wording(key), wrap=False)
            style.set_faint(name)
            shown = widgets.address_label(visible(value)) if len(value) > _LONG else widgets.label(visible(value))
            shown.setAccessibleName(f"{self.wording(key)}: {visible(value)}")
            grid.addWidget(name, number, 0)
            grid.addWidget(shown, number, 1)
        return made

    def _add_losses(self) -> None:
        if not self._prompt.losses:
            return
        sentences = [self.wording("token_loss.danger")]
        sentences += [f"• {self.wording(key)}: {visible(name)}" for key, name in self._prompt.losses]
        banner = widgets.Banner()
        self.body.addSpacing(style.GAP)
        self.body.addWidget(banner)
        banner.say("error", "\n".join(sentences))

    def _warn(self) -> None:
        """What the token says of the PIN, where that is asked for."""
        told = [warning for warning in self._prompt.warnings if warning not in _NOT_HERE]
        if "pin" in self._prompt.secrets and told:
            banner = widgets.Banner()
            self.body.addWidget(banner)
            words = "\n".join(self.wording(f"warning.{warning}") for warning in told)
            banner.say("error" if self._blocked() else "warning", words)

    def _blocked(self) -> bool:
        return "pin" in self._prompt.secrets and any(warning in _BLOCKING for warning in self._prompt.warnings)


_OWNER = "token_detail.owner"
_LONG = 60  # characters; longer values are broken anywhere
_NOT_HERE = ("pin_to_be_changed",)  # said where it matters: by the signing window
