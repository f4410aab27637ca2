"""Exporting what was found: pages of entries from the agent, written by a thread; shown as it goes, and cancelled."""

from __future__ import annotations

import contextlib
import queue
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QWidget

from agent.api.writing import write_by
from agent.desktop.windows import widgets
from agent.desktop.windows.desk.client import AgentClient
from agent.desktop.windows.wording import Wording
from agent.errors import FileUnwritable, PeroError
from agent.records.tables import Csv, Table
from agent.records.xlsx import Xlsx
from agent.texts.visible import visible

_PAGE = 500  # entries asked for at a time
_FORMS = ("csv", "xlsx", "pdf")

_Entries = list[dict[str, Any]]


class ExportRow(QWidget):
    """How far an export is, with the button that ends it; hidden while there is none."""

    said = Signal(str, str)  # kind and words, for the banner
    failed = Signal(object)  # PeroError
    _written = Signal(int)  # entries that are in the file
    _ended = Signal(object)  # None, or the PeroError

    def __init__(self, client: AgentClient, wording: Wording) -> None:
        super().__init__()
        self._client = client
        self._wording = wording
        self._sought: dict[str, Any] = {}
        self._target = Path()
        self._count = 0
        self._next: int | None = None
        self._cancelled = False
        self._queue: queue.Queue[_Entries | bool | None] = queue.Queue()  # None: all came; False: it was cancelled
        self._label = widgets.label("")
        cancel = QPushButton(wording("desk.journal.cancel"))
        cancel.clicked.connect(self._cancel)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._label, 1)
        layout.addWidget(cancel)
        self._written.connect(self._go_on)
        self._ended.connect(self._end)
        self.hide()

    def begin(self, sought: dict[str, Any]) -> None:
        """Ask where to, and write everything that is sought. One at a time."""
        if self.isVisible():
            return
        filters = ";;".join(self._wording(f"desk.journal.form.{form}") for form in _FORMS)
        title = self._wording("desk.journal.export_as")
        chosen, chosen_filter = QFileDialog.getSaveFileName(self, title, str(Path.home() / "pero-journal.csv"), filters)
        if not chosen:
            return
        self._target = Path(chosen)
        form = self._target.suffix.removeprefix(".").lower()
        if form not in _FORMS:
            form = next(one for one in _FORMS if f"*.{one}" in chosen_filter)
        self._sought, self._count, self._cancelled = sought, 0, False
        self._queue = queue.Queue()
        self._say_count()
        self.show()
        threading.Thread(target=self._write, args=(self._queue, form), name="export", daemon=True).start()
        self._ask(None)

    def _ask(self, before: int | None) -> None:
        parameters = {**self._sought, "before": before, "limit": _PAGE}
        self._client.call("search_journal", parameters, lambda result: self._take(before, result), self._fail, self)

    def _take(self, before: int | None, result: dict[str, Any]) -> None:
        if self._cancelled:
            return
        if result["behind"]:
            self._ask(before)
            return
        self._next = result["next"]
        self._queue.put(result["entries"])

    def _go_on(self, count: int) -> None:
        self._count = count
        self._say_count()
        if self._cancelled:
            return
        if self._next is None:
            self._queue.put(None)
        else:
            self._ask(self._next)

    def _cancel(self) -> None:
        self._cancelled = True
        self._queue.put(False)

    def _fail(self, error: PeroError) -> None:
        self._cancel()
        self.failed.emit(error)

    def _end(self, error: PeroError | None) -> None:
        self.hide()
        if error is not None:
            self.failed.emit(error)
        elif self._cancelled:
            self.said.emit("information", self._wording("desk.journal.cancelled"))
        else:
            path = visible(str(self._target))
            words = self._wording("desk.journal.exported", number=self._count, path=path)
            self.said.emit("information", words)

    def _say_count(self) -> None:
        self._label.setText(self._wording("desk.journal.exporting", number=self._count))

    # In the thread

    def _write(self, pages: queue.Queue[_Entries | bool | None], form: str) -> None:
        error: PeroError | None = None
        try:
            with tempfile.TemporaryFile(dir=self._target.parent) as made:
                table = _table(form, made, self._wording.language)
                count = 0
                while isinstance(entries := pages.get(), list):
                    table.add(entries)
                    count += len(entries)
                    self._written.emit(count)
                table.finish()
                if entries is None:
                    made.seek(0)
                    write_by(self._target, lambda file: shutil.copyfileobj(made, file), True)  # the dialog asked
        except OSError as trouble:
            error = FileUnwritable(path=str(self._target), reason=trouble.strerror or str(trouble))
        except PeroError as trouble:
            error = trouble
        with contextlib.suppress(RuntimeError):  # the window is gone
            self._ended.emit(error)


def _table(form: str, file: Any, language: str) -> Table:
    if form == "pdf":
        from agent.desktop.windows.journal_pdf import Pdf

        return Pdf(file, language)
    return (Xlsx if form == "xlsx" else Csv)(file, language)
