"""Files that are dropped onto pages of Pero's window, and signatures that find their documents (R8)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import shiboken6
from PySide6.QtCore import QMimeData, QObject, QPointF, Qt, QUrl, Signal
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QTableWidget

from agent.desktop import verify_process
from agent.desktop.windows.desk.client import AgentClient
from agent.desktop.windows.desk.file_table import FilePage, FileTable
from agent.desktop.windows.desk.page import Place
from agent.desktop.windows.desk.sign import Content
from agent.desktop.windows.wording import Wording
from agent.verification.beside import document_of, signature_of

HOSTILE = "invoice\u202efdp.exe"


class NobodyAsked(QObject):
    """In the agent's place: nothing here calls it."""

    notified = Signal(str, dict)


@pytest.fixture(scope="module")
def application() -> QApplication:
    application = QApplication.instance() or QApplication(["test", "-platform", "offscreen"])
    assert isinstance(application, QApplication)
    return application


@pytest.fixture
def page(application: QApplication) -> Iterator[FilePage]:
    ways = [lambda _where: None] * (len(Place._fields) - 2)  # to other pages and languages
    made = Content(Place(cast(AgentClient, NobodyAsked()), Wording("en"), *ways))
    yield made
    shiboken6.delete(made)


def drop(page: FilePage, *paths: Path | str) -> None:
    data = QMimeData()
    data.setUrls([QUrl(path) if isinstance(path, str) else QUrl.fromLocalFile(str(path)) for path in paths])
    button, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    page.dropEvent(QDropEvent(QPointF(1, 1), Qt.DropAction.CopyAction, data, button, none))


def rows(page: FilePage) -> list[str]:
    table = page.findChild(QTableWidget)
    assert isinstance(table, FileTable)
    return [table.item(row, 0).text() for row in range(table.rowCount())]


def test_files_are_taken_once_and_folders_and_addresses_are_left_out(page: FilePage, tmp_path: Path) -> None:
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for file in files:
        file.write_bytes(b"x")
    drop(page, *files, files[0], tmp_path, "https://sign.example/c.txt")
    assert rows(page) == ["a.txt", "b.txt"]
    assert page.banner.text.startswith("1 thing was left out")
    drop(page, files[1])
    assert rows(page) == ["a.txt", "b.txt"]


def test_a_name_that_deceives_is_written_out(page: FilePage, tmp_path: Path) -> None:
    (tmp_path / HOSTILE).write_bytes(b"x")
    drop(page, tmp_path / HOSTILE)
    assert rows(page) == ["invoice⟨U+202E⟩fdp.exe"]


@pytest.mark.parametrize("name", ["a.txt.p7s", "a.txt.sig", "a.txt.SGN", "a.txt.sig.xml"])
def test_a_signature_and_its_document_find_each_other(tmp_path: Path, name: str) -> None:
    document, signature = tmp_path / "a.txt", tmp_path / name
    signature.write_bytes(b"x")
    assert document_of(signature) is None
    document.write_bytes(b"x")
    assert document_of(signature) == document
    assert signature_of(document) == (signature if name.islower() else None)
    assert document_of(document) is None


def test_a_process_that_said_nothing_is_an_error_and_no_verdict() -> None:
    for line in (b"", b"noise", b'{"signature":1}'):
        assert verify_process.decode(line).report is None
        assert verify_process.decode(line).error == "internal"
