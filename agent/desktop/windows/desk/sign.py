"""The page of signing: files, what kind of signature, and what became of each. The agent's window asks for the rest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QMessageBox,
    QProgressBar,
    QPushButton,
)

from agent.api.signature_file import target_for
from agent.api.writing import check_placeable, check_room
from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk.file_table import FilePage, FileTable
from agent.desktop.windows.desk.flow import Flow
from agent.desktop.windows.desk.page import Place
from agent.desktop.windows.desk.signing_run import Job, SigningRun
from agent.errors import Cancelled, PeroError
from agent.texts.visible import visible

_FORMATS = ("cades", "cms", "pades", "xades", "xmldsig")
_LEVELLED = ("cades", "pades", "xades")
_LEVELS = ("b", "t", "lt")
_SIGNATURE = 64 << 10  # octets, with chain, time-stamp and revocation
_BESIDE = ("cades", "cms")  # which may stand beside the document, and in base64


class Content(FilePage):
    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._files: list[str] = []
        self._run: SigningRun | None = None
        self._jobs: list[Job] = []
        self._done: dict[int, str | PeroError] = {}
        self.body.addWidget(widgets.label(self.wording("desk.sign.intro")))
        self.body.addLayout(self._file_actions())
        columns = (self.wording("desk.files.file"), self.wording("desk.files.result"))
        self._table = FileTable(self.wording("desk.files.list"), columns)
        self._table.itemSelectionChanged.connect(self._update)
        self.body.addWidget(self._table, 1)
        self.body.addLayout(self._options())
        self.body.addLayout(self._signing_actions())
        QShortcut(QKeySequence.StandardKey.Delete, self._table, activated=self._leave_out)  # type: ignore[call-overload]
        self._kind_changed()

    def take_files(self, files: list[str]) -> None:
        """They join those that are there; after a signing a new list begins."""
        if self._run is not None:
            return
        usable = self.usable([*([] if self._done else self._files), *files])
        self._show_files(usable)
        self._sign.setFocus()

    # What is seen

    def _file_actions(self) -> Flow:
        self._choose = QPushButton(self.wording("desk.sign.choose"))
        self._choose.clicked.connect(self._choose_files)
        self._remove = QPushButton(self.wording("desk.sign.leave_out"))
        self._remove.clicked.connect(self._leave_out)
        self._open = QPushButton(self.wording("desk.sign.open_folder"))
        self._open.clicked.connect(self._open_folder)
        return Flow(self._choose, self._remove, self._open)

    def _options(self) -> QFormLayout:
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setSpacing(style.GAP)
        self._format = _choice([(self.wording(f"desk.sign.format.{value}"), value) for value in _FORMATS])
        self._level = _choice([(self.wording(f"desk.sign.level.{value}"), value) for value in _LEVELS])
        self._format.currentIndexChanged.connect(self._kind_changed)
        for words, choice in (
            (self.wording("desk.sign.format"), self._format),
            (self.wording("desk.sign.level"), self._level),
        ):
            label = widgets.label(words, wrap=False)
            label.setBuddy(choice)
            choice.setAccessibleName(words.replace("&", "").rstrip(":"))
            form.addRow(label, choice)
        self._attached = QCheckBox(self.wording("desk.sign.attached"))
        self._as_text = QCheckBox(self.wording("desk.sign.as_text"))
        form.addRow(Flow(self._attached, self._as_text))  # in one row: the page has to fit on a low screen
        return form

    def _signing_actions(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(style.GAP)
        self._bar = QProgressBar()
        self._bar.setAccessibleName(self.wording("desk.files.progress"))
        self._cancel = QPushButton(self.wording("button.cancel"))
        self._cancel.clicked.connect(self._cancelled)
        self._sign = QPushButton(self.wording("desk.sign.sign"))
        self._sign.setAutoDefault(True)
        self._sign.clicked.connect(self._start)
        row.addWidget(self._bar, 1)
        row.addStretch(0)
        row.addWidget(self._cancel)
        row.addWidget(self._sign)
        row.setAlignment(self._sign, Qt.AlignmentFlag.AlignRight)
        return row

    def _show_files(self, files: list[str]) -> None:
        self._files, self._done = files, {}
        self._table.fill(files)
        if files:
            self._table.selectRow(0)
        self._update()

    def _kind_changed(self) -> None:
        kind = self._format.currentData()
        self._level.setEnabled(kind in _LEVELLED)
        self._attached.setEnabled(kind in _BESIDE)
        self._as_text.setEnabled(kind in _BESIDE)
        self._update()

    def _update(self) -> None:
        busy, chosen = self._run is not None, self._table.chosen()
        self._sign.setEnabled(bool(self._files) and not self._done and not busy)
        self._choose.setEnabled(not busy)
        self._remove.setEnabled(chosen is not None and not busy)
        self._open.setEnabled(chosen is not None)
        self._bar.setVisible(busy)
        self._cancel.setVisible(busy)

    # What the person does

    def _choose_files(self) -> None:
        files, _ = QFileDialog.getOpenFileNames(self, self.wording("desk.sign.choose_title"))
        if files:
            self.take_files(files)

    def _leave_out(self) -> None:
        row = self._table.chosen()
        if row is not None and self._run is None:
            self._show_files([file for number, file in enumerate(self._files) if number != row])

    def _open_folder(self) -> None:
        row = self._table.chosen()
        if row is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(self._files[row]).parent)))

    def _parameters(self) -> dict[str, Any]:
        kind = self._format.currentData()
        options = {"format": kind}
        if kind in _LEVELLED:
            options["level"] = self._level.currentData()
        if kind in _BESIDE and self._as_text.isChecked():
            options["encoding"] = "base64"
        return {"attached": kind in _BESIDE and self._attached.isChecked(), "options": options}

    def _start(self) -> None:
        parameters = self._parameters()
        named = {"encoding": "der", **parameters["options"]}
        targets = [target_for(file, {**parameters, "options": named}) for file in self._files]
        there = {target for target in targets if os.path.lexists(target)}
        replace = False
        if there:
            answer = self._ask_about(there)
            if answer is None:
                return
            replace = answer
        self.banner.clear()
        self._jobs = [
            Job(Path(file), target, replace)
            for file, target in zip(self._files, targets, strict=True)
            if replace or target not in there
        ]
        if not self._jobs:
            self.banner.say("information", self.wording("desk.sign.nothing_left"))
            return
        for row, target in enumerate(targets):
            key = "desk.sign.kept" if target in there and not replace else "desk.sign.waiting"
            self._table.say(row, self.wording(key))
        self._begin(parameters)

    def _ask_about(self, there: set[Path]) -> bool | None:
        """Whether what stands in the way is replaced; None: nothing is done at all."""
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(self.wording("desk.sign.there_title"))
        box.setTextFormat(Qt.TextFormat.PlainText)
        names = "\n".join(sorted(visible(target.name) for target in there)[:5])
        box.setText(f"{self.wording.plural('desk.sign.there', len(there))}\n\n{names}")
        keep = box.addButton(self.wording("desk.sign.keep"), QMessageBox.ButtonRole.RejectRole)
        replace = box.addButton(self.wording("desk.sign.replace"), QMessageBox.ButtonRole.DestructiveRole)
        stop = box.addButton(self.wording("button.cancel"), QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.setEscapeButton(stop)
        box.exec()
        pressed = box.clickedButton()
        if pressed is stop:
            return None
        return pressed is replace

    def _begin(self, parameters: dict[str, Any]) -> None:
        """What could not be written is told before anybody types a PIN for it."""
        jobs, self._jobs = self._jobs, []
        for job in jobs:
            try:
                check_placeable(job.target, job.replace)
                check_room(job.target, _needed(job.document, parameters))
            except PeroError as error:
                self._tell(job, error)
            else:
                self._jobs.append(job)
        if not self._jobs:
            self._ended()
            return
        self._bar.setRange(0, 0)
        self._run = run = SigningRun(self.client, self._jobs, parameters, self)
        run.settled.connect(self._settled)
        run.told.connect(self._told)
        run.ended.connect(self._ended)
        self._update()
        self._cancel.setFocus()
        run.start()

    def _cancelled(self) -> None:
        if self._run is not None:
            self._run.cancel()

    # What is heard of it

    def _told(self, done: int, count: int) -> None:
        self._bar.setRange(0, count)
        self._bar.setValue(done)

    def _settled(self, number: int, outcome: str | PeroError) -> None:
        self._tell(self._jobs[number], outcome)

    def _tell(self, job: Job, outcome: str | PeroError) -> None:
        row = self._files.index(str(job.document))
        self._done[row] = outcome
        if isinstance(outcome, Cancelled):
            self._table.say(row, self.wording("desk.files.cancelled"))
        elif isinstance(outcome, PeroError):
            self._table.say(row, self.wording.error(outcome.name, outcome.facts), "bad")
        else:
            asked = self._level.currentData() if self._level.isEnabled() else outcome
            key = "desk.sign.signed" if outcome == asked else "desk.sign.signed_lower"
            words = self.wording(key, file=visible(job.target.name), level=outcome.upper())
            self._table.say(row, words, "good" if outcome == asked else "doubtful")

    def _ended(self) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.deleteLater()
        errors = [outcome for outcome in self._done.values() if isinstance(outcome, PeroError)]
        signed = len(self._done) - len(errors)
        names = {error.name for error in errors}
        if len(names) == 1 and not signed and names != {Cancelled.name}:
            self.say_error(errors[0])
        else:
            words = self.wording("desk.sign.summary", signed=signed, count=len(self._done))
            self.banner.say("warning" if names - {Cancelled.name} else "information", words)
        self._update()
        self._table.setFocus()


def _needed(document: Path, parameters: dict[str, Any]) -> int:
    """Octets that the signature may take, with the document where it goes inside."""
    if parameters["options"]["format"] in _BESIDE and not parameters["attached"]:
        return _SIGNATURE
    try:
        size = document.stat().st_size
    except OSError:
        return _SIGNATURE  # the agent says why it cannot be read
    return _SIGNATURE + (size * 4 // 3 if "encoding" in parameters["options"] else size)


def _choice(rows: list[tuple[str, str]]) -> QComboBox:
    """Words and what they stand for."""
    choice = QComboBox()
    choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    choice.setMinimumContentsLength(12)
    for words, value in rows:
        choice.addItem(words, value)
    return choice
