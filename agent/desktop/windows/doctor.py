"""The doctor's window: what is wrong on this machine, and the button that mends what Pero can mend.

Not a prompt: it asks for nothing, stays until it is closed, and looks again with F5.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QDialog, QPushButton, QVBoxLayout

from agent.desktop import doctor_messages, messages
from agent.desktop.windows import style, widgets
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.doctor_panel import DoctorPanel
from agent.desktop.windows.toolkit import speak
from agent.desktop.windows.wording import Wording

_SIZE = QSize(760, 640)  # logical pixels; what it would like to have


class DoctorWindow(QDialog):
    """Escape and Ctrl+W close it, F5 looks again."""

    def __init__(self, show: doctor_messages.ShowDoctor, channel: Channel) -> None:
        super().__init__()
        self._channel = channel
        wording = Wording(show.language)
        speak(wording.language)
        self.setWindowTitle(f"{wording('doctor.title')} — Pero")
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint, True)
        banner = widgets.Banner()
        close = QPushButton(wording("button.close"))
        close.setAutoDefault(False)
        close.clicked.connect(self.close)
        self.panel = DoctorPanel(wording, banner, further=(close,))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.MARGIN, style.MARGIN, style.MARGIN, style.MARGIN)
        layout.setSpacing(style.GAP)
        layout.addWidget(banner)
        layout.addWidget(self.panel, 1)
        self.panel.said.connect(channel.send)
        channel.doctor.connect(self.panel.take)
        QShortcut(QKeySequence.StandardKey.Refresh, self, activated=self.panel.examine)  # type: ignore[call-overload]
        QShortcut(QKeySequence.StandardKey.Close, self, activated=self.close)  # type: ignore[call-overload]
        self.panel.take(doctor_messages.Examining())

    def appear(self) -> None:
        """Show the window in front, no larger than the screen."""
        room = QGuiApplication.primaryScreen().availableSize() - QSize(style.MARGIN, 3 * style.MARGIN)
        self.resize(_SIZE.boundedTo(room))
        self.show()
        self.raise_()
        self.activateWindow()
        self.panel.view.list.setFocus(Qt.FocusReason.OtherFocusReason)

    def reject(self) -> None:
        """Escape."""
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        event.accept()
        self._channel.send(messages.Refused())
        self.hide()
        QApplication.quit()
