"""Shows windows one after another and says what is wrong with their looks, as JSON:
``python -m tests.harness.looks_process LANGUAGE [SOCKET FOLDER]``.

{"NAME": {"faults": [...], "texts": [...]}}. Without SOCKET: every prompt, and the doctor's window. With the agent's
SOCKET: every page of Pero's window, and its forms; FOLDER holds the files for the pages that take some. The screen and
the scale are the environment's.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEventLoop, QLocale, Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from agent.desktop.doctor_messages import ShowDoctor
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.desk.client import AgentClient
from agent.desktop.windows.desk.list_editor import _Form
from agent.desktop.windows.desk.pages import PAGES
from agent.desktop.windows.desk.request_form import RequestForm
from agent.desktop.windows.desk.window import DeskWindow
from agent.desktop.windows.doctor import DoctorWindow
from agent.desktop.windows.run import window_for
from agent.desktop.windows.toolkit import start_toolkit
from agent.desktop.windows.widgets import BREAK, address_label
from agent.desktop.windows.wording import Wording
from tests.harness import looks
from tests.harness.screenshots import shows
from tests.harness.screenshots_desk import files_for
from tests.harness.screenshots_doctor import examined

_DEADLINE = 120.0  # seconds
_ROUND = 8  # milliseconds in which Qt may go on
_STILL = 3  # rounds in which nothing changed
_TOKEN = {"label": "USB token", "serial": "3c1f00aa", "module": "", "reader": ""}


def settle(window: QWidget, ready: Callable[[], bool] = lambda: True) -> None:
    """Until the window stands still and all that it asked was answered."""
    deadline = time.monotonic() + _DEADLINE
    seen: list[object] = []
    while len(seen) < _STILL or len({str(one) for one in seen[-_STILL:]}) > 1 or not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{window.windowTitle()} does not stand still")
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, _ROUND)
        QApplication.sendPostedEvents()
        time.sleep(_ROUND / 1000)
        seen.append([(part.geometry().getRect(), part.objectName()) for part in looks.shown(window)])


def looked_at(window: QWidget) -> dict[str, list[str]]:
    return {"faults": looks.faults(window), "texts": looks.texts(window)}


def prompts(language: str) -> Iterator[tuple[str, dict[str, list[str]]]]:
    for name, show in shows(language):
        here, there = socket.socketpair(), socket.socketpair()
        window = window_for(show, Channel(here[0], there[0]))
        assert window is not None
        window.appear()
        settle(window)
        yield name, looked_at(window)
        window.hide()
        window.deleteLater()
    here, there = socket.socketpair(), socket.socketpair()
    window = window_for(ShowDoctor(language), Channel(here[0], there[0]))
    assert isinstance(window, DoctorWindow)
    window.appear()
    window.panel.take(asyncio.run(examined(language)))
    settle(window)
    yield "doctor", looked_at(window)


def desk(language: str, path: str, folder: Path) -> Iterator[tuple[str, dict[str, list[str]]]]:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(path)
    client = AgentClient(connection)
    gone: list[bool] = []
    client.gone.connect(lambda: gone.append(True))
    wording = Wording(language)
    window = DeskWindow(client, wording)
    client.start()
    names = sorted(one.name for one in folder.glob("*.txt"))
    for page in PAGES:
        window.go(page, [str(folder / name) for name in files_for(page, names)])
        window.come_up()
        settle(window, lambda: not client._calls)
        yield page, looked_at(window)
    assert not gone, "the agent is gone"
    for name, form in forms(window, client, wording):
        form.show()
        settle(form, lambda: not client._calls)
        yield name, looked_at(form)
        form.hide()


def forms(window: QWidget, client: AgentClient, wording: Wording) -> Iterator[tuple[str, QWidget]]:
    """Those that a page opens before itself."""
    yield "request form", RequestForm(window, client, wording, _TOKEN)
    yield "list form", _Form(("url", "name"), wording("settings.field.url"), wording, None, window)


def toolkit_words() -> dict[str, list[str]]:
    """What the toolkit itself says in a field's own menu, and which month it is."""
    field = QLineEdit()
    menu = field.createStandardContextMenu()
    words = [action.text().replace("&", "").split("\t")[0] for action in menu.actions() if action.text()]
    return {"faults": [], "texts": [*words, QLocale().standaloneMonthName(1)]}


def copied() -> dict[str, list[str]]:
    """What is on the clipboard after a long word was copied that may be broken anywhere."""
    words = address_label("ab" * 32)
    words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    words.setSelection(0, len(words.text()))
    assert BREAK in words.selectedText()
    QApplication.clipboard().setText(words.selectedText())
    QApplication.processEvents()
    return {"faults": [], "texts": [QApplication.clipboard().text()]}


def main(language: str, path: str = "", folder: str = "") -> None:
    os.environ["LANG"] = {"ru": "ru_RU.UTF-8", "en": "en_GB.UTF-8"}[language]
    start_toolkit()
    found: dict[str, Any] = dict(desk(language, path, Path(folder)) if path else prompts(language))
    found["toolkit"] = toolkit_words()
    found["copied"] = copied()
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
