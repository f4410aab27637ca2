"""Signatures of many documents are asked for: the list, from which some may be struck out, and how far it is."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QSignalBlocker, QSize, Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from agent.consent.prompter import BatchDocument, BatchPrompt, SigningPrompt
from agent.desktop import messages
from agent.desktop.windows import style, widgets
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.document import DocumentPanel, grid_of, stated_rows
from agent.desktop.windows.pin_window import Stage
from agent.desktop.windows.prompt_window import room
from agent.desktop.windows.signing import SigningWindow
from agent.desktop.windows.wording import Wording
from agent.texts.visible import visible

_FEW, _MANY = 3, 14  # rows that are seen without scrolling: on a small screen, and at most
_BESIDE, _LEAST_BESIDE = 1080, 900  # logical pixels, of a window in which a document stands beside the list
_LINES = 3  # of such a document, at least


class BatchPanel(QWidget):
    """The list: what is ticked is signed. Typing above it leaves the rows whose names have those words."""

    def __init__(self, documents: tuple[BatchDocument, ...], wording: Wording) -> None:
        super().__init__()
        self._wording = wording
        self._documents = documents
        self._done: set[int] = set()  # signed already, or failed
        self._signed = 0
        self._names = [visible(document.name) or wording("document.unnamed") for document in documents]
        self.search = QLineEdit()
        self.search.setPlaceholderText(wording("batch.search"))
        self.search.setAccessibleName(wording("batch.search"))
        self.search.setClearButtonEnabled(True)
        self.list = _Rows()
        self.list.setUniformItemSizes(True)
        self.list.setAccessibleName(wording("batch.documents"))
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        for name, document in zip(self._names, documents, strict=True):
            self.list.addItem(self._item(name, document))
        self.list.show_rows(min(_FEW, len(documents)))
        self.count = widgets.label("")
        layout = self._layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.GAP // 2)
        for part in (self.search, self.list, self.count):
            layout.addWidget(part)
        self.search.textChanged.connect(self._find)
        self.list.itemChanged.connect(lambda _: self._tell())
        self._tell()

    @property
    def struck(self) -> tuple[int, ...]:
        return tuple(index for index in range(self.list.count()) if not self._ticked(index))

    @property
    def chosen(self) -> int:
        """How many documents are going to be signed."""
        problems = sum(bool(document.problem) for document in self._documents)
        return len(self._documents) - problems - len(self.struck) - len(self._done)

    def refit(self) -> None:
        """The list has another height."""
        self._layout.invalidate()
        self.updateGeometry()

    def settle(self, signed: tuple[int, ...], failed: tuple[int, ...]) -> None:
        """These are done, and cannot be struck out any more."""
        self._signed += len(signed)
        with QSignalBlocker(self.list):
            for indexes, mark, colour in ((signed, "✓", "information"), (failed, "✗", "error")):
                for index in indexes:
                    self._settle(index, mark, colour)
        self._tell()

    def _settle(self, index: int, mark: str, colour: str) -> None:
        if self._documents[index].problem or not self._ticked(index):
            return
        self._done.add(index)
        item = self.list.item(index)
        item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsUserCheckable)
        item.setText(f"{mark} {item.text()}")
        item.setForeground(style.readable(style.hue(colour), self.palette().color(QPalette.ColorRole.Base)))

    def _item(self, name: str, document: BatchDocument) -> QListWidgetItem:
        size = self._wording.size(document.size) if document.size is not None else ""
        parts = [name, visible(document.problem) or size]
        item = QListWidgetItem(" — ".join(part for part in parts if part))
        item.setToolTip(widgets.plain_tooltip("\n".join(parts)))
        if document.problem:
            item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsUserCheckable)
            item.setForeground(style.hue("error"))
            item.setCheckState(Qt.CheckState.Unchecked)  # an empty box: its words begin where those of the others do
        else:
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked)
        return item

    def _ticked(self, index: int) -> bool:
        return bool(self._documents[index].problem) or self.list.item(index).checkState() == Qt.CheckState.Checked

    def _find(self, words: str) -> None:
        wanted = words.casefold().split()
        for index, name in enumerate(self._names):
            self.list.setRowHidden(index, not all(word in name.casefold() for word in wanted))
        first = next((row for row in range(self.list.count()) if not self.list.isRowHidden(row)), -1)
        self.list.setCurrentRow(first if wanted else -1)

    def _tell(self) -> None:
        key = "batch.count_left" if self._done else "batch.count"
        self.count.setText(self._wording(key, signed=self._signed, chosen=self.chosen, all=len(self._documents)))


class _Rows(QListWidget):
    """As high as the rows that it is to show; less where there is no room."""

    def __init__(self) -> None:
        super().__init__()
        self._rows = 1

    def show_rows(self, rows: int) -> None:
        self._rows = rows
        self.setMinimumHeight(self._height(min(rows, _FEW)))
        self.updateGeometry()

    @property
    def row_height(self) -> int:
        return max(self.sizeHintForRow(0), self.fontMetrics().height())

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(super().sizeHint().width(), self._height(self._rows))

    def _height(self, rows: int) -> int:
        return rows * self.row_height + 2 * self.frameWidth() + 2


class BatchWindow(SigningWindow):
    """The button that refuses is the one that stops, once signatures are made: what is done is kept."""

    progress = "progress.signing_many"
    _signed = 0

    def __init__(self, prompt: BatchPrompt, channel: Channel) -> None:
        super().__init__(prompt, channel)
        channel.document.connect(self._show_document)
        channel.progressed.connect(self._progressed)

    def title_of(self, prompt: SigningPrompt | BatchPrompt) -> str:
        return "batch.title"

    def say_what(self, prompt: SigningPrompt | BatchPrompt) -> None:
        if not isinstance(prompt, BatchPrompt):
            return
        if prompt.stated:
            self.body.addLayout(grid_of(stated_rows(prompt.stated, self.wording)))
            self.body.addSpacing(style.GAP // 2)
        self.body.addWidget(widgets.section(self.wording("batch.documents")))
        self.documents = BatchPanel(prompt.documents, self.wording)
        beside = room().width() >= _LEAST_BESIDE
        both = self._both = QHBoxLayout() if beside else QVBoxLayout()
        both.setSpacing(2 * style.GAP if beside else style.GAP)
        both.addWidget(self.documents, 1)
        self._shown = QWidget()
        self.looked_at = QVBoxLayout(self._shown)
        self.looked_at.setContentsMargins(0, 0, 0, 0)
        self._shown.hide()
        both.addWidget(self._shown, 1 if beside else 0)
        self.body.addLayout(both, 1)
        self._width = min(_BESIDE, room().width()) if beside else 0
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.wording("batch.progress"))
        self.bar.hide()
        self.body.addWidget(self.bar)
        self.documents.list.currentRowChanged.connect(self._look)
        self.documents.list.itemChanged.connect(lambda _: self.refresh())

    def appear(self) -> None:
        """The list is as high as the screen allows, and no higher than its rows."""
        rows = self.documents.list
        spare = room().height() - self._wanted_height(min(style.WIDTH, room().width()))
        most = min(_MANY, rows.count())
        rows.show_rows(min(most, max(min(_FEW, most), _FEW + spare // rows.row_height)))
        self.documents.refit()
        for layout in (self._both, self.body):  # what is not on the screen yet tells nobody
            layout.invalidate()
        super().appear()

    def agreed(self, chosen: str) -> messages.FromWindow:
        return messages.ConfirmedBatch(chosen, self.documents.struck)

    def may(self, button: QPushButton) -> bool:
        return self.documents.chosen > 0 and super().may(button)

    def lock_choice(self, locked: bool) -> None:
        super().lock_choice(locked)
        self.documents.list.setEnabled(not locked)

    def _look(self, row: int) -> None:
        """The row that the keyboard or the mouse is at is looked at."""
        if row >= 0:
            self.channel.send(messages.LookAt(row))

    def _show_document(self, told: messages.ShowDocument) -> None:
        while (before := self.looked_at.takeAt(0)) is not None:
            if (widget := before.widget()) is not None:
                widget.deleteLater()
        if told.document is not None:
            document = msgspec.structs.replace(told.document, stated=())  # it stands above the list
            panel = DocumentPanel(document, self.wording)
            self.looked_at.addWidget(panel, 1)
            panel.show()
            self._shown.show()
            self._widen()
            self._give_way(panel)

    def _widen(self) -> None:
        """So that the document stands beside the list, and the PIN stays where it is seen."""
        if self.width() >= self._width:
            return
        left = max(self.x() - (self._width - self.width()) // 2, self.screen().availableGeometry().left())
        self.resize(self._width, self.height())
        self.move(left, self.y())

    def _give_way(self, panel: DocumentPanel) -> None:
        """List and document are as low as it takes for the PIN to be seen: what they show can be scrolled."""
        self.documents.list.show_rows(min(_FEW, self.documents.list.count()))
        over = self._wanted_height(max(self.width(), self._width)) - room().height()
        for preview in (*panel.findChildren(QPlainTextEdit), *panel.findChildren(QScrollArea)):
            least = _LINES * preview.fontMetrics().lineSpacing() + 14
            most = max(least, min(preview.sizeHint().height(), preview.maximumHeight()) - max(over, 0))
            preview.setMinimumHeight(least)
            preview.setMaximumHeight(most)

    def _progressed(self, progressed: messages.Progressed) -> None:
        self.bar.setMaximum(progressed.total)
        self.bar.setValue(progressed.signed + progressed.failed)
        self.bar.show()
        self.documents.settle(progressed.now_signed, progressed.now_failed)
        self._signed = progressed.signed
        self._name_refusal()

    def stage_entered(self) -> None:
        super().stage_entered()
        self._name_refusal()

    def _name_refusal(self) -> None:
        """Before the first signature the button refuses; then it stops, or where nothing goes on leaves it at that."""
        if self._signed:
            key = "button.stop" if self.stage == Stage.WAITING else "button.finish"
            self.refuse_button.setText(self.wording(key))
