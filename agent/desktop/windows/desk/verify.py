"""The page of verification: files are judged one after the other, each in a process of its own, and told in words."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QProcess, Qt
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QPlainTextEdit, QProgressBar, QPushButton, QSplitter, QWidget

from agent.desktop.verify_process import Judged, decode
from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk.authorities import AuthoritiesWindow
from agent.desktop.windows.desk.file_table import FilePage, FileTable
from agent.desktop.windows.desk.page import Place
from agent.desktop.windows.desk.verdict import details, headline, kind_of

_MODULE = "agent.desktop.verify_process"


class Content(FilePage):
    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._files: list[str] = []
        self._judged: dict[int, Judged] = {}
        self._waiting: list[tuple[int, str]] = []  # row, and its document where the person named one
        self._process: QProcess | None = None
        self.body.addWidget(widgets.label(self.wording("desk.verify.intro")))
        self.body.addLayout(self._actions())
        self.body.addWidget(self._lists(), 1)
        self.body.addLayout(self._progress())
        self._update()

    def take_files(self, files: list[str]) -> None:
        """Documents that came with their signature are not judged by themselves."""
        if not (usable := self.usable(files)):
            return
        self._stop()
        documents = {name for file in usable if (name := _document_among(file, usable))}
        self._files = [file for file in usable if file not in documents]
        self._judged = {}
        self._table.fill(self._files)
        self._waiting = [(row, _document_among(file, usable)) for row, file in enumerate(self._files)]
        self._bar.setRange(0, len(self._files))
        self._table.selectRow(0)
        self._table.setFocus()
        self._next()

    def _actions(self) -> QHBoxLayout:
        row = QHBoxLayout()
        choose = QPushButton(self.wording("desk.verify.choose"))
        choose.clicked.connect(self._choose)
        self._document = QPushButton(self.wording("desk.verify.document"))
        self._document.clicked.connect(self._choose_document)
        self._trust = QPushButton(self.wording("desk.verify.trust"))
        self._trust.clicked.connect(self._choose_trusted)
        for button in (choose, self._document, self._trust):
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _lists(self) -> QWidget:
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        columns = (self.wording("desk.files.file"), self.wording("desk.files.result"))
        self._table = FileTable(self.wording("desk.files.list"), columns)
        self._table.itemSelectionChanged.connect(self._show_chosen)
        self._details = QPlainTextEdit()
        self._details.setReadOnly(True)
        self._details.setTabChangesFocus(True)
        self._details.setUndoRedoEnabled(False)
        self._details.setAccessibleName(self.wording("desk.verify.details"))
        self._details.setPlaceholderText(self.wording("desk.verify.drop"))
        self._details.setMinimumHeight(4 * self.fontMetrics().height())
        splitter.addWidget(self._table)
        splitter.addWidget(self._details)
        splitter.setSizes([1000, 2000])
        return splitter

    def _progress(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(style.GAP)
        self._bar = QProgressBar()
        self._bar.setAccessibleName(self.wording("desk.files.progress"))
        self._cancel = QPushButton(self.wording("button.cancel"))
        self._cancel.clicked.connect(self._cancelled)
        row.addWidget(self._bar, 1)
        row.addWidget(self._cancel)
        return row

    # What the person does

    def _choose(self) -> None:
        files, _ = QFileDialog.getOpenFileNames(self, self.wording("desk.verify.choose_title"))
        if files:
            self.take_files(files)

    def _choose_document(self) -> None:
        row = self._table.chosen()
        if row is None:
            return
        file, _ = QFileDialog.getOpenFileName(
            self, self.wording("desk.verify.document_title"), str(Path(self._files[row]).parent)
        )
        if file:
            self._judge_anew([(row, file)])

    def _choose_trusted(self) -> None:
        """They are kept; what was judged by others is judged anew."""
        window = AuthoritiesWindow(self, self.client, self.wording)
        window.exec()
        if window.changed:
            self._judge_anew([(row, judged.content) for row, judged in sorted(self._judged.items())])
        window.deleteLater()

    def _cancelled(self) -> None:
        left = self._waiting
        running = self._table.property("running")
        self._stop()
        for row in {row for row, _ in left} | ({running} if running is not None else set()):
            self._table.say(row, self.wording("desk.files.cancelled"))
        self._update()

    # How it is done

    def _judge_anew(self, rows: list[tuple[int, str]]) -> None:
        self._waiting += rows
        self._bar.setRange(0, len(self._waiting))
        if self._process is None:
            self._next()

    def _next(self) -> None:
        self._update()
        if not self._waiting:
            self._show_chosen()
            return
        row, content = self._waiting.pop(0)
        self._table.setProperty("running", row)
        self._table.say(row, self.wording("desk.verify.running"))
        process = QProcess(self)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.SeparateChannels)
        process.setStandardErrorFile(QProcess.nullDevice())
        process.finished.connect(lambda *_: self._finished(process, row))
        process.errorOccurred.connect(lambda error: self._broke(error, process, row))
        self._process = process
        process.start(sys.executable, ["-P", "-m", _MODULE, self._files[row], content])
        self._update()

    def _broke(self, error: QProcess.ProcessError, process: QProcess, row: int) -> None:
        if error == QProcess.ProcessError.FailedToStart:  # else `finished` comes too
            self._finished(process, row)

    def _finished(self, process: QProcess, row: int) -> None:
        process.deleteLater()
        if process is not self._process:
            return  # it was cancelled
        self._process = None
        judged = decode(bytes(process.readAllStandardOutput().data()))
        self._judged[row] = judged
        self._table.say(row, headline(judged, self.wording), kind_of(judged))
        if row == self._table.chosen():
            self._show_chosen()
            widgets.announce(self._table, headline(judged, self.wording))
        self._next()

    def _stop(self) -> None:
        self._waiting = []
        process, self._process = self._process, None
        self._table.setProperty("running", None)
        if process is not None:
            process.kill()

    def _show_chosen(self) -> None:
        row = self._table.chosen()
        judged = self._judged.get(row) if row is not None else None
        self._details.setPlainText(details(judged, self.wording) if judged is not None else "")
        self._update()

    def _update(self) -> None:
        busy = self._process is not None
        self._bar.setVisible(busy)
        self._cancel.setVisible(busy)
        self._bar.setValue(self._bar.maximum() - len(self._waiting) - 1)
        row = self._table.chosen()
        judged = self._judged.get(row) if row is not None else None
        report = judged.report if judged is not None else None
        self._document.setEnabled(report is not None and not report.attached and report.format != "pdf" and not busy)


def _document_among(signature: str, files: list[str]) -> str:
    """The one of these files that the signature belongs to by its name; empty where none does."""
    name, folder = Path(signature).name, Path(signature).parent
    others = [file for file in files if file != signature and Path(file).parent == folder]
    return next((file for file in others if name.startswith(Path(file).name + ".")), "")
