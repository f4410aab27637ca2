"""A window that ends in a PIN: the person confirms, the worker asks for the PIN, and both may go several rounds.

The stages, and what leads from one to the next:

1. CHOOSING   the person reads and types. Sign -> tell the agent `Confirmed` -> WAITING
2. WAITING    for the agent to hand over the conversation, for the worker to ask or to log in, for the signature
              the worker asks for the first time -> give it the PIN that was typed, still WAITING
              the worker says that the PIN was wrong -> ASKED
              the agent says `Failed` -> CHOOSING; `Done` -> the window goes away, or OFFERING
3. ASKED      the person corrects the PIN. Sign, with the same certificate -> give the PIN -> WAITING
              Sign, with another one -> leave the conversation -> LEAVING
4. LEAVING    the agent says `Failed` -> tell it `Confirmed` with the other certificate -> WAITING
5. UNREACHED  the signature is made, its level is not: once more -> WAITING; a lower one -> WAITING; given up -> away
6. OFFERING   all is done; the person is offered to change a PIN that everybody knows, or that the token wants changed

A worker may ask for several secrets, one after another (`Ask.purpose`). Each has a panel of its own; what was typed in
one that is not asked for yet waits there.
"""

from __future__ import annotations

import enum
import socket

from PySide6.QtWidgets import QLayoutItem, QPushButton, QWidget

from agent.desktop import messages
from agent.desktop.windows import style, widgets
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.pin_conversation import PinConversation, wipe
from agent.desktop.windows.pin_panel import PinPanel
from agent.desktop.windows.prompt_window import PromptWindow
from agent.desktop.windows.unreached import UnreachedChoice
from agent.desktop.windows.wording import Wording
from agent.ipc import pin


class Stage(enum.Enum):
    CHOOSING = enum.auto()
    WAITING = enum.auto()
    ASKED = enum.auto()
    LEAVING = enum.auto()
    UNREACHED = enum.auto()
    OFFERING = enum.auto()


class PinWindow(PromptWindow):
    """A subclass says what is chosen, and builds the body around `pin_panel`."""

    offer_title = "offer.title"

    def __init__(self, channel: Channel, wording: Wording) -> None:
        super().__init__(channel, wording)
        self.stage = Stage.CHOOSING
        self.panels: list[PinPanel] = []
        self.pin_panel = self.add_panel(PinPanel(wording))
        self._given: list[PinPanel] = []  # whose secrets the worker has, in this conversation
        self._asked_for: PinPanel | None = None
        self._offer = False  # the PIN turned out to be one to change
        self._conversation: PinConversation | None = None
        self._confirmed = ""  # thumbprint of the conversation under way
        self._ask: pin.Ask | None = None  # what its worker said last
        self._agree_button: QPushButton | None = None
        channel.failed.connect(self._agent_failed)
        self._choice: UnreachedChoice | None = None
        channel.unreached.connect(self._unreached)
        channel.done.disconnect(self._end)
        channel.done.connect(self._agent_done)
        channel.pin_conversation.connect(self._converse)

    # For subclasses

    progress = "progress.signing"  # what goes on once the PIN was accepted

    def chosen(self) -> str | None:
        """The thumbprint to confirm, None while there is nothing to confirm with."""
        raise NotImplementedError

    def agreed(self, chosen: str) -> messages.FromWindow:
        """What the agent is told then."""
        return messages.Confirmed(chosen)

    def lock_choice(self, locked: bool) -> None:
        """While something is under way, nothing else can be chosen."""

    def add_panel(self, panel: PinPanel) -> PinPanel:
        panel.changed.connect(self.refresh)
        panel.entered.connect(self._entered)
        self.panels.append(panel)
        return panel

    def panel_for(self, purpose: pin.Purpose) -> PinPanel:
        """Where the secret is typed that the worker asks for."""
        return self.pin_panel

    def offers(self, default_pin: bool) -> bool:
        """Whether the person is to be offered to change the PIN that was just accepted."""
        return default_pin

    def offered_for(self) -> str:
        """Whose PIN it is that the person is offered to change, in words."""
        return ""

    def stage_entered(self) -> None:
        """Another stage began."""

    def add_agreement(self, key: str) -> None:
        self._agree_button = self.add_button(key)
        self._agree_button.clicked.connect(self._agree)

    def choice_changed(self) -> None:
        """Another certificate: what the last token said is of no more use."""
        self._forget()
        if self._ask is not None and self.stage == Stage.ASKED and self.chosen() == self._confirmed:
            self._tell_of(self._ask)
        elif self.stage in (Stage.CHOOSING, Stage.ASKED):
            self.banner.clear()
        self.refresh()

    # PromptWindow

    def first_focus(self) -> QWidget:
        return self.panels[0].field if self.panels and self.panels[0].on_reader.isHidden() else self.refuse_button

    def may(self, button: QPushButton) -> bool:
        if self.stage in (Stage.OFFERING, Stage.UNREACHED):
            return True
        answering = self.stage in (Stage.CHOOSING, Stage.ASKED)
        return answering and self.chosen() is not None and all(panel.complete for panel in self._open_panels())

    def refresh(self) -> None:
        super().refresh()
        under_way = self.stage in (Stage.WAITING, Stage.LEAVING, Stage.UNREACHED)
        for panel in self.panels:
            panel.lock(under_way or not self.guard.open or panel in self._given)
        self.lock_choice(under_way)

    def remedied(self, answer: messages.Remedied) -> None:
        """What becomes of the signature, as the person said."""
        self._enter(Stage.WAITING)
        self.channel.send(answer)

    def about_to_refuse(self) -> None:
        self._forget()
        if self._conversation is not None:
            self._conversation.cancel()
            self._conversation = None

    # The stages

    def _entered(self) -> None:
        """Enter in a field: on to the next one that is empty, or agreed."""
        waiting = [panel for panel in self._open_panels() if not panel.complete]
        if waiting:
            waiting[0].begin()
        else:
            self._agree()

    def _agree(self) -> None:
        button, chosen = self._agree_button, self.chosen()
        if button is None or chosen is None or not button.isEnabled():
            return
        if any(len(panel.field.text().encode()) > pin.MAX_PIN for panel in self.panels):
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
        self.channel.send(self.agreed(chosen))

    def _converse(self, end: socket.socket) -> None:
        self._end_conversation()
        self._conversation = PinConversation(end, self)
        self._conversation.asked.connect(self._asked)
        self._conversation.accepted.connect(self._accepted)
        self._conversation.failed.connect(lambda failed: self._show_error(failed.error, failed.facts))

    def _asked(self, ask: pin.Ask) -> None:
        """The worker wants the PIN: the one that was typed, unless it says something that the person must see first."""
        self._ask = ask
        panel = self._asked_for = self.panel_for(ask.purpose)
        if panel in self._given:
            self._given.remove(panel)
        panel.limit(ask.minimum, ask.maximum)
        unwarned = ask.final_try and (panel.last_try.isHidden() or not panel.last_try.isChecked())
        given = ask.protected_path or panel.gives()
        if given and not (ask.retry or ask.error or unwarned):
            self._give()
            return
        if ask.retry or ask.error:
            panel.forget()
        self._tell_of(ask)
        self._enter(Stage.ASKED)
        panel.begin()

    def _tell_of(self, ask: pin.Ask) -> None:
        panel = self.panel_for(ask.purpose)
        panel.take_at_reader(ask.protected_path)
        panel.warn_of_last_try(ask.final_try)
        self.banner.say(*self._what_was_asked(ask))

    def _what_was_asked(self, ask: pin.Ask) -> tuple[str, str]:
        """Kind and words of what the person must know before typing again."""
        sentences = []
        if ask.error:
            sentences.append(self.wording.error(ask.error, ask.facts))
        elif ask.retry:
            sentences.append(self.wording(f"{self.panel_for(ask.purpose).kind}.incorrect"))
        panel = self.panel_for(ask.purpose)
        if ask.final_try:
            sentences.append(self.wording("warning.so_pin_final_try" if panel.officer else "warning.pin_final_try"))
        elif ask.tries_left is not None:
            sentences.append(self.wording.plural("pin.tries_left", ask.tries_left))
        elif ask.count_low:
            sentences.append(self.wording("warning.pin_count_low"))
        return ("error" if ask.retry or ask.error else "warning"), " ".join(sentences)

    def _give(self) -> None:
        """Send the PIN that was typed; an empty one where it is typed on the reader, which means: begin."""
        if self._conversation is None or self._asked_for is None:
            return
        at_reader = self._ask is not None and self._ask.protected_path
        secret = self._asked_for.take()
        self._given.append(self._asked_for)
        if at_reader:
            wipe(secret)
        self._conversation.give(secret)
        self._enter(Stage.WAITING)
        if at_reader:
            self.banner.say("information", self._asked_for.on_reader.text())

    def _accepted(self, default_pin: bool) -> None:
        if self._asked_for is not None:
            self._asked_for.warn_of_last_try(False)
        self._offer = self._offer or self.offers(default_pin)
        self.banner.say("information", self.wording(self.progress))

    def _unreached(self, unreached: messages.Unreached) -> None:
        if self._choice is None:
            self._choice = UnreachedChoice(self, self._agree_button)
        self.stage = Stage.UNREACHED
        self._choice.ask(unreached)
        self.refresh()

    def _agent_failed(self, failed: messages.Failed) -> None:
        if self._choice is not None:
            self._choice.end()
        if self.stage == Stage.LEAVING:
            chosen = self.chosen()
            if chosen is not None:
                self._confirm(chosen)
                return
        self._end_conversation()
        self._forget()
        self._show_error(failed.error, failed.facts)
        self._enter(Stage.CHOOSING)
        if self.panels:
            self.panels[0].begin()

    def _agent_done(self) -> None:
        if self._conversation is not None:
            self._conversation.drain()  # what the worker said last may not have been read yet
        if not self._offer or self.answered:
            self._end()
            return
        self.channel.send(messages.Offering())
        self._end_conversation()
        self.stage = Stage.OFFERING
        self._show_offer()

    def _show_offer(self) -> None:
        """The question is answered; another one takes its place."""
        while (item := self.body.takeAt(0)) is not None:
            hide(item)
        self.banner.clear()
        self.add_title(self.wording(self.offer_title), self.offered_for())
        self.body.addSpacing(style.GAP)
        self.body.addWidget(widgets.label(self.wording("offer.why")))
        self.body.addWidget(widgets.label(self.wording("offer.advice")))
        self.body.addStretch(1)
        for button in self._affirmative:
            button.hide()
        self.refuse_button.setText(self.wording("button.later"))
        take = self.add_button("button.change_pin")
        take.clicked.connect(lambda: self.answer(messages.ChangePin()))
        self.refresh()
        self.begin_at(self.refuse_button)
        self.shrink()
        widgets.announce(self, self.wording(self.offer_title))

    def _show_error(self, name: str, facts: dict[str, str | int | bool | None]) -> None:
        self.banner.say("error", self.wording.error(name, facts))

    def _enter(self, stage: Stage) -> None:
        self.stage = stage
        if stage in (Stage.WAITING, Stage.LEAVING):
            self.banner.say("information", self.wording("progress.waiting"))
        self.stage_entered()
        self.refresh()

    def _end_conversation(self) -> None:
        if self._conversation is not None:
            self._conversation.close()
            self._conversation.deleteLater()
            self._conversation = None
        self._ask = None
        self._asked_for = None
        self._given.clear()

    def _forget(self) -> None:
        for panel in self.panels:
            panel.forget()

    def _open_panels(self) -> list[PinPanel]:
        """Those whose secrets are still wanted."""
        return [panel for panel in self.panels if panel not in self._given and not panel.isHidden()]


def hide(item: QLayoutItem) -> None:
    """Take a part of a layout off the screen."""
    if (widget := item.widget()) is not None:
        widget.hide()
    elif (inner := item.layout()) is not None:
        while (part := inner.takeAt(0)) is not None:
            hide(part)
