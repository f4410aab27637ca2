"""The toolkit is started here, and the window for the prompt chosen."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtWidgets import QApplication

from agent.consent.prompter import ShownDocument, SigningPrompt
from agent.desktop import doctor_messages, messages
from agent.desktop.windows.batch import BatchWindow
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.choice import ChoiceWindow
from agent.desktop.windows.connection import ConnectionWindow
from agent.desktop.windows.passphrase import PassphraseWindow
from agent.desktop.windows.prompt_window import PromptWindow
from agent.desktop.windows.signing import SigningWindow
from agent.desktop.windows.token import TokenWindow
from agent.desktop.windows.toolkit import start_toolkit
from agent.texts.catalogue import LANGUAGES

if TYPE_CHECKING:
    from agent.desktop.windows.doctor import DoctorWindow


_ready: list[QApplication] = []  # the application, where it was made ahead of need


def run(show: messages.ToWindow, data: socket.socket, control: socket.socket) -> int:
    """Show the window and wait for its end; the exit status of the process."""
    application = _ready.pop() if _ready else start_toolkit()
    application.processEvents()  # what happened to the screen while this process waited
    channel = Channel(data, control)
    window = window_for(show, channel)
    if window is None:
        return 1
    channel.gone.connect(application.quit)
    window.appear()
    channel.send(messages.Ready())
    return application.exec()


def make_ready() -> None:
    """Start the toolkit, and have it load what a window takes: one in each language is made that nobody sees."""
    _ready.append(start_toolkit())
    ends = [*socket.socketpair(), *socket.socketpair()]
    channel = Channel(ends[0], ends[2])
    document = ShownDocument("", "", 1, "", "", "", preview_cut=False, digest_only=False)
    for language in LANGUAGES:
        nothing = SigningPrompt("", "", document, certificates=(), chosen=None, faults=(), language=language)
        shiboken6.delete(SigningWindow(nothing, channel))
    shiboken6.delete(channel)
    for end in ends:
        end.close()


def window_for(show: messages.ToWindow, channel: Channel) -> PromptWindow | DoctorWindow | None:
    if isinstance(show, messages.ShowConnection):
        return ConnectionWindow(show.prompt, channel)
    if isinstance(show, messages.ShowChoice):
        return ChoiceWindow(show.prompt, channel)
    if isinstance(show, messages.ShowSigning):
        return SigningWindow(show.prompt, channel)
    if isinstance(show, messages.ShowBatch):
        return BatchWindow(show.prompt, channel)
    if isinstance(show, messages.ShowPassphrase):
        return PassphraseWindow(show.prompt, channel)
    if isinstance(show, messages.ShowToken):
        return TokenWindow(show.prompt, channel)
    if isinstance(show, doctor_messages.ShowDoctor):
        from agent.desktop.windows.doctor import DoctorWindow

        return DoctorWindow(show, channel)
    return None
