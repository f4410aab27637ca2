"""The strip that says that the agent is gone, and finds the new one: what was typed in the window stays."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from agent.config import locations
from agent.desktop.windows import style
from agent.desktop.windows.desk.client import AgentClient
from agent.desktop.windows.widgets import Banner
from agent.desktop.windows.wording import Wording
from agent.transport.peers import is_same_user, local_socket_user

LOOK = 1000  # milliseconds between two looks for an agent, while there is none
SAID = 60_000  # milliseconds that its return is told


class Lost(QWidget):
    """`back`: a new agent has taken the window. `refused`: it has another one."""

    back = Signal()
    refused = Signal()

    def __init__(self, client: AgentClient, wording: Wording) -> None:
        super().__init__()
        self._client = client
        self._banner = Banner()
        self._start = QPushButton()
        self._start.clicked.connect(self._start_agent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(style.MARGIN, style.GAP, style.MARGIN, 0)
        layout.addWidget(self._banner, 1)
        layout.addWidget(self._start)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK)
        self._timer.timeout.connect(self._look)
        client.gone.connect(self._gone)
        client.welcomed.connect(self._welcomed)
        client.refused.connect(self.refused)
        self.speak(wording)
        self.hide()

    def speak(self, wording: Wording) -> None:
        self._wording = wording
        self._start.setText(wording("desk.agent.start"))
        if self._banner.text:
            self._banner.say("error", wording("desk.agent.gone"))

    def _gone(self) -> None:
        self._start.show()
        self._start.setEnabled(True)
        self.show()
        self._banner.say("error", self._wording("desk.agent.gone"))
        self._timer.start()

    def _welcomed(self) -> None:
        if not self.isVisible():
            return
        self._start.hide()
        self._banner.say("information", self._wording("desk.agent.back"))
        QTimer.singleShot(SAID, self, self._said)
        self.back.emit()

    def _said(self) -> None:
        if not self._start.isVisible():
            self._banner.clear()
            self.hide()

    def _look(self) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(locations(os.environ).socket))
            trusted = is_same_user(local_socket_user(connection))
        except OSError:
            trusted = False
        if not trusted:
            connection.close()
            return
        self._timer.stop()
        self._client.return_to(connection)

    def _start_agent(self) -> None:
        """Of a session of its own: it outlives the window."""
        self._start.setEnabled(False)
        quiet = subprocess.DEVNULL
        command = [sys.executable, "-P", "-m", "agent.cli.main", "run"]
        subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
