"""What the doctor found, as a list with the worst first, and of the chosen row all that is known. A part of a window.

The status of a row is a word, a mark and a colour: nobody has to tell colours apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QPlainTextEdit, QSplitter, QVBoxLayout, QWidget

from agent.desktop.doctor_messages import Examined, Mendable, Row
from agent.desktop.windows import style, widgets
from agent.desktop.windows.wording import Wording
from agent.texts.visible import visible

_COLOURS = {
    "ok": "#1a7f37",
    "warning": "#b06f00",
    "error": "#c62828",
    "unknown": "#5b6770",
    "not_applicable": "#747d84",
}
_MARKS = {"ok": "✓", "warning": "!", "error": "✕", "unknown": "?", "not_applicable": "–"}
_LEAST = 4  # lines of the list and of the details that are always seen
_ROW = Qt.ItemDataRole.UserRole


class DoctorView(QWidget):
    """`chosen`: another row, or none, was chosen; `repair` says what Pero could do about it."""

    chosen = Signal()

    def __init__(self, wording: Wording) -> None:
        super().__init__()
        self._wording = wording
        self._repairs: Mapping[str, Mendable] = {}
        self._since: tuple[str, ...] = ()
        self._rows: tuple[Row, ...] = ()
        self.summary = widgets.label("")
        style.set_font(self.summary, bold=True)
        self.list = QListWidget()
        self.list.setAccessibleName(wording("doctor.list"))
        self.list.setWordWrap(True)
        self.list.setSpacing(2)
        self.list.setUniformItemSizes(False)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setTabChangesFocus(True)
        self.details.setAccessibleName(wording("doctor.details"))
        parts = QSplitter(Qt.Orientation.Vertical)
        for part in (self.list, self.details):
            part.setMinimumHeight(_LEAST * self.fontMetrics().height())
        parts.addWidget(self.list)
        parts.addWidget(self.details)
        parts.setStretchFactor(0, 3)
        parts.setStretchFactor(1, 2)
        parts.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.GAP)
        layout.addWidget(self.summary)
        layout.addWidget(parts, 1)
        self.list.currentItemChanged.connect(lambda _now, _before: self._choose())

    @property
    def repair(self) -> Mendable | None:
        """What Pero could do about the chosen row."""
        row = self._row()
        return self._repairs.get(row.remedy) if row is not None else None

    def show_examined(self, examined: Examined) -> None:
        """The findings of a new look; the row that was chosen stays so where it still is there."""
        before = self._row()
        self._repairs = {one.remedy: one for one in examined.repairs}
        self._since = examined.since
        self._rows = examined.rows
        self.summary.setText(visible(examined.summary))
        self.list.clear()
        for row in examined.rows:
            self.list.addItem(self._item(row))
        self._select(examined.rows, before)

    def forget_repairs(self) -> None:
        self._repairs = {}

    def report(self) -> str:
        """All of it in plain text, for the clipboard."""
        status = {row.status: self._wording(f"doctor.status.{row.status}") for row in self._rows}
        about = (f"{status[row.status]}. {self._about(row)}" for row in self._rows)
        return "\n\n".join([self.summary.text(), *about])

    def _select(self, rows: Sequence[Row], before: Row | None) -> None:
        same = (index for index, row in enumerate(rows) if before is not None and row.id == before.id)
        if rows:
            self.list.setCurrentRow(next(same, 0))

    def _item(self, row: Row) -> QListWidgetItem:
        status = self._wording(f"doctor.status.{row.status}")
        item = QListWidgetItem(self._icon(row.status), f"{status}. {visible(row.text)}")
        item.setData(_ROW, row)
        return item

    def _icon(self, status: str) -> QIcon:
        """The mark on a round ground of the status's colour."""
        size, ratio = self.fontMetrics().height(), self.devicePixelRatioF()
        picture = QPixmap(QSize(round(size * ratio), round(size * ratio)))
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(_COLOURS[status]))
        whole = QRectF(0, 0, size, size)
        painter.drawEllipse(whole)
        painter.setPen(QColor("white"))
        painter.drawText(whole, Qt.AlignmentFlag.AlignCenter, _MARKS[status])
        painter.end()
        icon = QIcon(picture)
        icon.addPixmap(picture, QIcon.Mode.Selected)  # a style would paint the colour of the choice over it
        return icon

    def _row(self) -> Row | None:
        item = self.list.currentItem()
        row: Row | None = item.data(_ROW) if item is not None else None
        return row

    def _choose(self) -> None:
        row = self._row()
        self.details.setPlainText("" if row is None else self._about(row))
        self.chosen.emit()

    def _about(self, row: Row) -> str:
        parts = [row.text, row.why, row.advice]
        repair = self._repairs.get(row.remedy)
        if repair is not None:
            parts.append("\n".join((self._wording("doctor.can_mend"), *(f"• {step}" for step in repair.steps))))
        if row.status == "error" and self._since:
            parts.append("\n".join(self._since))
        parts.append(f"{row.area} · {row.id}")
        return "\n\n".join("\n".join(visible(line) for line in part.splitlines()) for part in parts if part)
