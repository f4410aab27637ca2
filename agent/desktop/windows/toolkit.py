"""Qt is started here, for every window alike."""

from __future__ import annotations

import sys

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from agent.desktop.windows.none_count import keep_none
from agent.desktop.windows.style import application_icon


def start_toolkit() -> QApplication:
    keep_none()
    QApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Pero")
    application.setDesktopFileName("pero")
    application.setWindowIcon(application_icon())
    application.setQuitOnLastWindowClosed(True)
    return application
