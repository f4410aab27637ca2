"""Questions of the desk to the person: a file, a line, a yes. Kept apart, for they are the same everywhere."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QInputDialog, QMessageBox, QWidget

from agent.api.writing import is_there, write
from agent.desktop.windows.wording import Wording


def open_name(parent: QWidget, title: str, kinds: str) -> str:
    """An absolute path; empty where the person went back. `kinds` as of QFileDialog: "Keys (*.pfx *.p12)"."""
    return QFileDialog.getOpenFileName(parent, title, str(Path.home()), kinds)[0]


def save(parent: QWidget, title: str, name: str, kinds: str, content: bytes) -> str:
    """Where it was written; empty where the person went back. A file that is there is replaced only if they said so.

    Raises FileUnwritable: nothing is there then, or what was there.
    """
    target = save_name(parent, title, name, kinds)
    if target:
        put(target, content)
    return target


def save_name(parent: QWidget, title: str, name: str, kinds: str) -> str:
    return QFileDialog.getSaveFileName(parent, title, str(Path.home() / name), kinds)[0]


def put(target: str, content: bytes) -> None:
    """After the dialog asked whether a file that is there may go. Raises FileUnwritable."""
    path = Path(target)
    write(path, content, is_there(path))


def line(parent: QWidget, title: str, question: str, text: str = "") -> str | None:
    given, agreed = QInputDialog.getText(parent, title, question, text=text)
    return given.strip() if agreed else None


def one_of(parent: QWidget, title: str, question: str, choices: list[str]) -> int | None:
    """The number of the choice."""
    given, agreed = QInputDialog.getItem(parent, title, question, choices, 0, False)
    return choices.index(given) if agreed and given in choices else None


def sure(parent: QWidget, wording: Wording, title: str, question: str, yes: str) -> bool:
    """Whether the person says `yes`; Enter alone does not."""
    box = QMessageBox(QMessageBox.Icon.Warning, title, "", QMessageBox.StandardButton.NoButton, parent)
    box.setTextFormat(box.textFormat().PlainText)
    box.setText(question)
    agree = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
    back = box.addButton(wording("certs.back"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(back)
    box.exec()
    return box.clickedButton() is agree
