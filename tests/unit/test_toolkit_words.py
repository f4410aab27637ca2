"""The toolkit's own words are those of the person's language, also where its translation lacks them (R36)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel

from agent.desktop.windows import toolkit


@pytest.fixture
def application() -> Iterator[QApplication]:
    application = QApplication.instance() or QApplication(["test", "-platform", "offscreen"])
    assert isinstance(application, QApplication)
    yield application
    toolkit.speak("en")


def words() -> list[str]:
    """What stands beside the fields of a dialog for files."""
    dialog = QFileDialog()
    dialog.setOption(QFileDialog.Option.DontUseNativeDialog)
    return [label.text() for label in dialog.findChildren(QLabel)]


def test_a_dialog_for_files_speaks_the_language_of_the_window(application: QApplication) -> None:
    toolkit.speak("ru")
    assert [word for word in words() if word.isascii()] == []
    assert QCoreApplication.translate("QAbstractFileIconProvider", "Folder", "All other platforms") == "Папка"
    toolkit.speak("en")
    assert [word for word in words() if not word.isascii()] == []


def test_words_of_the_toolkits_own_translation_go_before_ours_and_unknown_ones_stay(application: QApplication) -> None:
    toolkit.speak("ru")
    assert QCoreApplication.translate("QPlatformTheme", "Cancel") == "Отмена"
    assert QCoreApplication.translate("QFileDialog", "no such word") == "no such word"
