"""A window that ends in a PIN: the person confirms, the worker asks for the PIN, and both may go several rounds.

The stages, and what leads from one to the next:

1. CHOOSING   the person reads and types. Sign -> tell the agent `Confirmed` -> WAITING
2. WAITING    for the agent to hand over the conversation, for the worker to ask or to log in, for the signature
              the worker asks for the first time -> give it the PIN that was typed, still WAITING
              the worker says that the PIN was wrong -> ASKED
              the agent says `Failed` -> CHOOSING; `Done` -> the window goes away
3. ASKED      the person corrects the PIN. Sign, with the same certificate -> give the PIN -> WAITING
              Sign, with another one -> leave the conversation -> LEAVING
4. LEAVING    the agent says `Failed` -> tell it `Confirmed` with the other certificate -> WAITING
"""

from __future__ import annotations

import enum
import socket

from PySide6.QtWidgets import QPushButton, QWidget

from agent.desktop import messages
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.pin_conversation import PinConversation, wipe
from agent.desktop.windows.pin_panel import PinPanel
from agent.desktop.windows.prompt_window import PromptWindow
from agent.desktop.windows.wording import Wording
from agent.ipc import pin


class Stage(enum.Enum):
    CHOOSING = enum.auto()
    WAITING = enum.auto()
    ASKED = enum.auto()
    LEAVING = enum.auto()


class PinWindow(PromptWindow):
    """A subclass says what is chosen, and builds the body around `pin_panel`."""

    def __init__(self, channel: Channel, wording: Wording) -> None:
        super().__init__(channel, wording)
        self.stage = Stage.CHOOSING
        self.pin_panel = PinPanel(wording)
        self.pin_panel.changed.connect(self.refresh)
        self.pin_panel.entered.connect(self._agree)
        self._conversation: PinConversation | None = None
        self._confirmed = ""  # thumbprint of the conversation under way
        self._ask: pin.Ask | None = None  # what its worker said last
        self._agree_button: QPushButton | None = None
        channel.failed.connect(self._agent_failed)
        channel.pin_conversation.connect(self._converse)

    # For subclasses

    progress = "progress.signing"  # what goes on once the PIN was accepted

    def chosen(self) -> str | None:
        """The thumbprint to confirm, None while there is nothing to confirm with."""
        raise NotImplementedError

    def lock_choice(self, locked: bool) -> None:
        """While something is under way, nothing else can be chosen."""

    def add_agreement(self, key: str) -> None:
        self._agree_button = self.add_button(key)
        self._agree_button.clicked.connect(self._agree)

    def choice_changed(self) -> None:
        """Another certificate: what the last token said is of no more use."""
        self.pin_panel.field.forget()
        if self._ask is not None and self.stage == Stage.ASKED and self.chosen() == self._confirmed:
            self._tell_of(self._ask)
        elif self.stage in (Stage.CHOOSING, Stage.ASKED):
            self.banner.clear()
        self.refresh()

    # PromptWindow

    def first_focus(self) -> QWidget:
        return self.pin_panel.field if self.pin_panel.on_reader.isHidden() else self.refuse_button

    def may(self, button: QPushButton) -> bool:
        answering = self.stage in (Stage.CHOOSING, Stage.ASKED)
        return answering and self.chosen() is not None and self.pin_panel.complete

    def refresh(self) -> None:
        super().refresh()
        under_way = self.stage in (Stage.WAITING, Stage.LEAVING)
        self.pin_panel.lock(under_way or not self.guard.open)
        self.lock_choice(under_way)

    def about_to_refuse(self) -> None:
        self.pin_panel.field.forget()
        if self._conversation is not None:
            self._conversation.cancel()
            self._conversation = None

    # The stages

    def _agree(self) -> None:
        button, chosen = self._agree_button, self.chosen()
        if button is None or chosen is None or not button.isEnabled():
            return
        if len(self.pin_panel.field.text().encode()) > pin.MAX_PIN:
            self.banner.say("error", self.wording("pin.too_long"))
            return
        if self.stage == Stage.ASKED and self._conversation is not None:
            if chosen == self._confirmed:
                self._give()
            else:
                self._conversation.cancel()
                self._enter(Stage.LEAVING)
            return
        self._confirm(chosen)

    def _confirm(self, chosen: str) -> None:
        self._end_conversation()
        self._confirmed = chosen
        self._enter(Stage.WAITING)
        self.channel.send(messages.Confirmed(chosen))

    def _converse(self, end: socket.socket) -> None:
        self._end_conversation()
        self._conversation = PinConversation(end, self)
        self._conversation.asked.connect(self._asked)
        self._conversation.accepted.connect(self._accepted)
        self._conversation.failed.connect(lambda failed: self._show_error(failed.error, failed.facts))

    def _asked(self, ask: pin.Ask) -> None:
        """The worker wants the PIN: the one that was typed, unless it says something that the person must see first."""
        self._ask = ask
        unwarned = ask.final_try and (self.pin_panel.last_try.isHidden() or not self.pin_panel.last_try.isChecked())
        given = ask.protected_path or bool(self.pin_panel.field.text())
        if given and not (ask.retry or ask.error or unwarned):
            self._give()
            return
        if ask.retry or ask.error:
            self.pin_panel.field.forget()
        self._tell_of(ask)
        self._enter(Stage.ASKED)
        self.pin_panel.field.setFocus()

    def _tell_of(self, ask: pin.Ask) -> None:
        self.pin_panel.take_at_reader(ask.protected_path)
        self.pin_panel.warn_of_last_try(ask.final_try)
        self.banner.say(*self._what_was_asked(ask))

    def _what_was_asked(self, ask: pin.Ask) -> tuple[str, str]:
        """Kind and words of what the person must know before typing again."""
        sentences = []
        if ask.error:
            sentences.append(self.wording.error(ask.error, ask.facts))
        elif ask.retry:
            sentences.append(self.wording(f"{self.pin_panel.kind}.incorrect"))
        if ask.final_try:
            sentences.append(self.wording("warning.pin_final_try"))
        elif ask.tries_left is not None:
            sentences.append(self.wording.plural("pin.tries_left", ask.tries_left))
        elif ask.count_low:
            sentences.append(self.wording("warning.pin_count_low"))
        return ("error" if ask.retry or ask.error else "warning"), " ".join(sentences)

    def _give(self) -> None:
        """Send the PIN that was typed; an empty one where it is typed on the reader, which means: begin."""
        if self._conversation is None:
            return
        at_reader = self._ask is not None and self._ask.protected_path
        secret = self.pin_panel.field.take()
        if at_reader:
            wipe(secret)
        self._conversation.give(secret)
        self._enter(Stage.WAITING)
        if at_reader:
            self.banner.say("information", self.wording("pin.on_reader"))

    def _accepted(self) -> None:
        self.pin_panel.warn_of_last_try(False)
        self.banner.say("information", self.wording(self.progress))

    def _agent_failed(self, failed: messages.Failed) -> None:
        if self.stage == Stage.LEAVING:
            chosen = self.chosen()
            if chosen is not None:
                self._confirm(chosen)
                return
        self._end_conversation()
        self.pin_panel.field.forget()
        self._show_error(failed.error, failed.facts)
        self._enter(Stage.CHOOSING)
        self.pin_panel.field.setFocus()

    def _show_error(self, name: str, facts: dict[str, str | int | bool | None]) -> None:
        self.banner.say("error", self.wording.error(name, facts))

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        if stage in (Stage.WAITING, Stage.LEAVING):
            self.banner.say("information", self.wording("progress.waiting"))
        self.refresh()

    def _end_conversation(self) -> None:
        if self._conversation is not None:
            self._conversation.close()
            self._conversation.deleteLater()
            self._conversation = None
        self._ask = None
