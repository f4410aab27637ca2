"""Qt is started here, for every window alike."""

from __future__ import annotations

import sys

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, Qt, QTranslator
from PySide6.QtGui import QClipboard, QGuiApplication
from PySide6.QtWidgets import QApplication

from agent.desktop.windows.none_count import keep_none
from agent.desktop.windows.rubbish import collect_here
from agent.desktop.windows.style import application_icon
from agent.desktop.windows.toolkit_words import message_file
from agent.desktop.windows.widgets import BREAK

_LOCALES = {"en": "en_GB", "ru": "ru_RU"}  # where the system speaks another language than the window
_spoken: dict[str, tuple[QTranslator, QTranslator, bytes]] = {}  # by language, never more than one


def start_toolkit() -> QApplication:
    keep_none()
    QApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Pero")
    application.setDesktopFileName("pero")
    application.setWindowIcon(application_icon())
    application.setQuitOnLastWindowClosed(True)
    application.clipboard().changed.connect(_copied)
    collect_here(application)
    return application


def speak(language: str) -> None:
    """The toolkit's own words in that language: menus of fields, dialogs of files, names of months."""
    if language in _spoken:
        return
    for ours, theirs, _ in _spoken.values():
        QCoreApplication.removeTranslator(ours)
        QCoreApplication.removeTranslator(theirs)
    _spoken.clear()
    system = QLocale.system()
    QLocale.setDefault(system if system.name().startswith(language) else QLocale(_LOCALES.get(language, language)))
    ours, theirs, words = _spoken[language] = QTranslator(), QTranslator(), message_file(language)  # the words are held
    if ours.load(words):
        QCoreApplication.installTranslator(ours)
    if theirs.load(f"qtbase_{language}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        QCoreApplication.installTranslator(theirs)  # the newest is asked first


def _copied(mode: QClipboard.Mode) -> None:
    """What was copied from a window goes on without the invisible marks that let a long word be broken."""
    clipboard = QGuiApplication.clipboard()
    ours = clipboard.ownsClipboard() if mode == QClipboard.Mode.Clipboard else clipboard.ownsSelection()
    if ours and BREAK in (copied := clipboard.text(mode)):
        clipboard.setText(copied.replace(BREAK, ""), mode)
