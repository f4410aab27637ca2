"""The menu of the icon on X11, where pystray has none: ``python -m agent.desktop.windows.icon_menu``.

JSON comes in: {"rows": [[label, action], ...], "place": [x, y]}, the place in pixels of the screen. The action that was
chosen goes out, or nothing. A process for each time: it is opened seldom, and the icon's own stays small.
"""

from __future__ import annotations

import json
import os
import sys

from PySide6.QtCore import QPoint
from PySide6.QtGui import QCursor, QGuiApplication
from PySide6.QtWidgets import QMenu

from agent.desktop.windows.toolkit import start_toolkit
from agent.ipc.hardening import die_with_parent, harden


def main() -> int:
    harden(secret=False)
    die_with_parent()
    asked = json.load(sys.stdin)
    os.environ.pop("QT_QPA_PLATFORM", None)  # some of its values show the menu to nobody, or to the network
    application = start_toolkit()
    menu = QMenu()
    menu.setAccessibleName("Pero")
    menu.setWindowTitle("Pero: menu")
    for label, action in asked["rows"]:
        if not label:
            menu.addSeparator()
            continue
        row = menu.addAction(label.replace("&", "&&"))
        row.setEnabled(bool(action))
        row.setData(action)
    chosen = menu.exec(_place(*asked["place"]))
    if chosen is not None:
        sys.stdout.write(f"{chosen.data()}\n")
        sys.stdout.flush()
    application.quit()
    return 0


def _place(x: int, y: int) -> QPoint:
    """Where the click was, in the toolkit's own measure; the pointer has moved on since."""
    here = QCursor.pos()
    screen = QGuiApplication.screenAt(here)
    if screen is None:
        return here
    corner, ratio = screen.geometry().topLeft(), screen.devicePixelRatio()
    return corner + (QPoint(x, y) - corner) / ratio


if __name__ == "__main__":
    status = main()
    os._exit(status)  # nothing is left to be kept
