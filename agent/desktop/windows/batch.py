"""Signatures of many documents are asked for: the list, from which some may be struck out, and how far it is."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QListWidget, QListWidgetItem, QProgressBar, QPushButton, QVBoxLayout, QWidget

from agent.consent.prompter import BatchDocument, BatchPrompt, SigningPrompt
from agent.desktop import messages
from agent.desktop.windows import style, widgets
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.document import DocumentPanel, grid_of, stated_rows
from agent.desktop.windows.signing import SigningWindow
from agent.desktop.windows.wording import Wording
from agent.texts.visible import visible

_ROWS = 6  # seen without scrolling


class BatchPanel(QWidget):
    """The list: what is ticked is signed. Typing above it leaves the rows whose names have those words."""

    def __init__(self, documents: tuple[BatchDocument, ...], wording: Wording) -> None:
        super().__init__()
        self._wording = wording
        self._documents = documents
        self._names = [visible(document.name) or wording("document.unnamed") for document in documents]
        self.search = QLineEdit()
        self.search.setPlaceholderText(wording("batch.search"))
        self.search.setAccessibleName(wording("batch.search"))
        self.search.setClearButtonEnabled(True)
        self.list = QListWidget()
        self.list.setUniformItemSizes(True)
        self.list.setAccessibleName(wording("batch.documents"))
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setMinimumHeight(_ROWS * (self.fontMetrics().height() + 6))
        for name, document in zip(self._names, documents, strict=True):
            self.list.addItem(self._item(name, document))
        self.count = widgets.label("")
        layout = QVBoxLayout(self)
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
        return len(self._documents) - problems - len(self.struck)

    def _item(self, name: str, document: BatchDocument) -> QListWidgetItem:
        size = self._wording.size(document.size) if document.size is not None else ""
        parts = [name, visible(document.problem) or size]
        item = QListWidgetItem(" — ".join(part for part in parts if part))
        item.setToolTip(widgets.plain_tooltip("\n".join(parts)))
        if document.problem:
            item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsUserCheckable)
            item.setForeground(style.hue("error"))
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
        self.count.setText(self._wording("batch.count", chosen=self.chosen, all=len(self._documents)))


class BatchWindow(SigningWindow):
    """The button that refuses is the one that stops, once signatures are made: what is done is kept."""

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
        self.body.addWidget(self.documents, 1)
        self.looked_at = QVBoxLayout()
        self.body.addLayout(self.looked_at)
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.wording("batch.progress"))
        self.bar.hide()
        self.body.addWidget(self.bar)
        self.documents.list.currentRowChanged.connect(self._look)
        self.documents.list.itemChanged.connect(lambda _: self.refresh())

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
            self.looked_at.addWidget(DocumentPanel(document, self.wording))

    def _progressed(self, progressed: messages.Progressed) -> None:
        self.bar.setMaximum(progressed.total)
        self.bar.setValue(progressed.signed + progressed.failed)
        self.bar.show()
        self.refuse_button.setText(self.wording("button.stop"))
