"""The toolkit is started here, and the window for the prompt chosen."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from agent.desktop import doctor_messages, messages
from agent.desktop.windows.batch import BatchWindow
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.choice import ChoiceWindow
from agent.desktop.windows.connection import ConnectionWindow
from agent.desktop.windows.none_count import keep_none
from agent.desktop.windows.passphrase import PassphraseWindow
from agent.desktop.windows.prompt_window import PromptWindow
from agent.desktop.windows.signing import SigningWindow
from agent.desktop.windows.style import application_icon
from agent.desktop.windows.token import TokenWindow

if TYPE_CHECKING:
    from agent.desktop.windows.doctor import DoctorWindow


def run(show: messages.ToWindow, data: socket.socket, control: socket.socket) -> int:
    """Show the window and wait for its end; the exit status of the process."""
    application = start_toolkit()
    channel = Channel(data, control)
    window = window_for(show, channel)
    if window is None:
        return 1
    channel.gone.connect(application.quit)
    window.appear()
    channel.send(messages.Ready())
    return application.exec()


def start_toolkit() -> QApplication:
    keep_none()
    QApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Pero")
    application.setDesktopFileName("pero")
    application.setWindowIcon(application_icon())
    application.setQuitOnLastWindowClosed(True)
    return application


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
