"""The frame of Pero's window: pages named at its left, one of them shown."""

from __future__ import annotations

import os
import socket

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QApplication, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from agent.config import load_settings, locations
from agent.desktop.windows import style, toolkit
from agent.desktop.windows.desk import pages
from agent.desktop.windows.desk.client import AgentClient
from agent.desktop.windows.desk.lost import Lost
from agent.desktop.windows.desk.navigation import Navigation
from agent.desktop.windows.desk.page import Page, Place
from agent.desktop.windows.wording import Wording
from agent.errors import PeroError
from agent.texts.catalogue import language_of

_SIZE = QSize(940, 640)  # logical pixels; what it would like to have
_ROOMY = 620  # logical pixels; a narrower window leaves the names of its pages out
_FIRST = "certificates"


class DeskWindow(QWidget):
    """F1 to F9 and Ctrl+1 to Ctrl+9 go to the pages, Ctrl+W closes."""

    def __init__(self, client: AgentClient, wording: Wording) -> None:
        super().__init__()
        toolkit.speak(wording.language)
        self._place = Place(client, wording, self.go, self.speak)
        self._made: dict[str, Page] = {}
        self._names = list(pages.PAGES)
        self.setWindowTitle("Pero")
        self._list = Navigation(self._names, wording)
        self._stack = QStackedWidget()
        for index, name in enumerate(self._names):
            QShortcut(QKeySequence(f"Ctrl+{index + 1}"), self, activated=lambda name=name: self.go(name))  # type: ignore[call-overload]
        self._lost = Lost(client, wording)
        self._lost.back.connect(lambda: self._page(self._names[self._list.currentRow()]).shown())
        self._lost.refused.connect(QApplication.quit)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._list)
        beside = QVBoxLayout()
        beside.addWidget(self._lost)
        beside.addWidget(self._stack, 1)
        layout.addLayout(beside, 1)
        self._list.currentRowChanged.connect(self._chosen)
        QShortcut(QKeySequence.StandardKey.Close, self, activated=self.close)  # type: ignore[call-overload]
        client.notified.connect(self._notified)
        room = QGuiApplication.primaryScreen().availableSize() - QSize(style.MARGIN, 3 * style.MARGIN)
        self.resize(_SIZE.boundedTo(room))

    def go(self, name: str, files: list[str] | None = None) -> None:
        """Show a page; one that is not there is the first."""
        name = name if name in self._names else self._names[0]
        row = self._names.index(name)
        if self._list.currentRow() == row:
            self._page(name).shown()
        self._list.setCurrentRow(row)
        if files:
            self._page(name).take_files(files)

    def speak(self, setting: str) -> None:
        """Every page anew, in this language; the same page stays up."""
        wording = Wording(language_of(os.environ, setting))
        toolkit.speak(wording.language)
        self._place = self._place._replace(wording=wording)
        self._list.speak(wording)
        self._lost.speak(wording)
        made, self._made = self._made, {}
        self._chosen(self._list.currentRow())
        for page in made.values():
            self._stack.removeWidget(page)
            page.deleteLater()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._list.set_narrow(self.width() < _ROOMY)

    def come_up(self) -> None:
        """To the front, wherever it was."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def _chosen(self, row: int) -> None:
        page = self._page(self._names[row])
        self._stack.setCurrentWidget(page)
        self.setWindowTitle(f"{self._place.wording('desk.page.' + self._names[row])} — Pero")
        page.shown()

    def _page(self, name: str) -> Page:
        if name not in self._made:
            self._made[name] = page = pages.make(name, self._place)
            self._stack.addWidget(page)
        return self._made[name]

    def _notified(self, method: str, parameters: dict[str, object]) -> None:
        if method == "end":
            QApplication.quit()
        elif method == "show_page":
            files = parameters.get("files")
            self.come_up()
            self.go(str(parameters.get("page", "")), [str(file) for file in files] if isinstance(files, list) else None)


def run(connection: socket.socket, page: str, files: list[str]) -> int:
    """Show the window and wait for its end; the exit status of the process."""
    application = toolkit.start_toolkit()
    client = AgentClient(connection)
    window = DeskWindow(client, Wording(_language()))
    client.start()
    window.go(page, files)
    window.come_up()
    return application.exec()


def _language() -> str:
    try:
        setting = load_settings(locations(os.environ).settings).language
    except PeroError:
        setting = ""
    return language_of(os.environ, setting)
