"""The list of certificates, each with what a person needs to tell them apart, and the details of the current one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QGridLayout,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from agent.consent.prompter import OfferedCertificate
from agent.desktop.windows import style, widgets
from agent.desktop.windows.wording import Wording
from agent.texts.standards import standard
from agent.texts.visible import visible

_LINES = Qt.ItemDataRole.UserRole
_PROBLEM = Qt.ItemDataRole.UserRole + 1  # how many of the last lines say what is wrong
_ROWS = 3  # rows of the list that are seen without scrolling
_GROUP = 4  # digits of a thumbprint that stand together

Index = QModelIndex | QPersistentModelIndex


class CertificatePanel(QWidget):
    """List and details. `chosen`: the certificate that may be used, None while an unusable one or none is current."""

    changed = Signal()
    entered = Signal()  # Enter in the list

    def __init__(self, certificates: Sequence[OfferedCertificate], preferred: str | None, wording: Wording) -> None:
        super().__init__()
        self._wording = wording
        self._certificates = sorted(certificates, key=lambda certificate: bool(certificate.problems))
        self.list = _CertificateList()
        self.list.setAccessibleName(wording("certificates.title"))
        self._fill()
        self._wanted = preferred  # thumbprint of what was chosen last
        self._details = QWidget()
        self._grid = QGridLayout(self._details)
        self._grid.setContentsMargins(style.MARGIN, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        self._details.hide()
        self._toggle = self._make_toggle()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.GAP // 2)
        for widget in (self.list, self._toggle, self._details):
            layout.addWidget(widget)
        self.list.currentRowChanged.connect(self._row_changed)
        self.list.entered_key.connect(self.entered)
        self.list.setCurrentRow(self._first_row(preferred))
        self._row_changed(self.list.currentRow())

    @property
    def current(self) -> OfferedCertificate | None:
        row = self.list.currentRow()
        return self._certificates[row] if row >= 0 else None

    @property
    def chosen(self) -> OfferedCertificate | None:
        current = self.current
        return current if current is not None and not current.problems else None

    def replace(self, certificates: Sequence[OfferedCertificate]) -> bool:
        """Others are on offer now; whether what is chosen changed. Where the chosen one is gone, none is chosen: what
        is being typed is meant for it alone. It is chosen again when it comes back."""
        before = self.chosen
        self._certificates = sorted(certificates, key=lambda certificate: bool(certificate.problems))
        self.list.blockSignals(True)
        self.list.clear()
        self._fill()
        row = self._first_row(self._wanted)
        lost = self._wanted is not None and (row < 0 or self._certificates[row].thumbprint != self._wanted)
        self.list.setCurrentRow(-1 if lost else row)
        self.list.blockSignals(False)
        self.list.waits = lost
        if self.chosen == before:
            return False
        self._row_changed(self.list.currentRow())
        return True

    def _fill(self) -> None:
        for certificate in self._certificates:
            self.list.addItem(_item(certificate, self._wording))
        self.list.fit()

    def _first_row(self, preferred: str | None) -> int:
        usable = [row for row, certificate in enumerate(self._certificates) if not certificate.problems]
        wished = [row for row in usable if self._certificates[row].thumbprint == preferred]
        return (wished or usable or [-1])[0]

    def _row_changed(self, _row: int) -> None:
        if self.chosen is None:
            self.list.clearSelection()
        else:
            self._wanted = self.chosen.thumbprint
        self._toggle.setEnabled(self.current is not None)
        self._fill_details()
        self.changed.emit()

    def _make_toggle(self) -> QToolButton:
        toggle = QToolButton()
        toggle.setText(self._wording("certificate.more"))
        toggle.setCheckable(True)
        toggle.setAutoRaise(True)
        toggle.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        toggle.setArrowType(Qt.ArrowType.RightArrow)
        toggle.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        toggle.toggled.connect(self._toggled)
        return toggle

    def _toggled(self, shown: bool) -> None:
        self._toggle.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        self._details.setVisible(shown)

    def _fill_details(self) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        current = self.current
        for row, (key, value) in enumerate(_rows(current, self._wording) if current else ()):
            name = widgets.label(self._wording(key), wrap=False)
            style.set_faint(name)
            shown = widgets.address_label(value)
            shown.setAccessibleName(f"{self._wording(key)}: {value}")
            self._grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(shown, row, 1)


def _rows(certificate: OfferedCertificate, wording: Wording) -> list[tuple[str, str]]:
    """Everything that is known of a certificate: label key, value made visible."""
    own = {key for key, _value in certificate.details}
    rows = [(key, value) for key, value in certificate.details]
    rows += [
        (key, value)
        for key, value in (
            ("certificate.owner", certificate.owner),
            ("certificate.issuer", certificate.issuer),
            ("certificate.not_before", wording.moment(certificate.not_before)),
            ("certificate.not_after", wording.moment(certificate.not_after)),
            ("certificate.key", standard(certificate.key, wording.language)),
            ("certificate.token", certificate.token_label),
            ("certificate.token_serial", certificate.token_serial),
            ("certificate.thumbprint", certificate.thumbprint),
        )
        if value and key not in own
    ]
    return [(key, visible(value)) for key, value in rows]


def _item(certificate: OfferedCertificate, wording: Wording) -> QListWidgetItem:
    lines = [
        visible(certificate.owner),
        wording("certificate.line", issuer=visible(certificate.issuer), day=wording.day(certificate.not_after)),
        wording(
            "certificate.place",
            kind=visible(standard(certificate.key, wording.language)),
            token=visible(certificate.token_label),
        ),
    ]
    problems = [wording(f"problem.{problem}", **_days(certificate, wording)) for problem in certificate.problems]
    item = QListWidgetItem("\n".join(lines + problems))
    item.setData(_LINES, lines + problems)
    item.setData(_PROBLEM, len(problems))
    item.setData(Qt.ItemDataRole.AccessibleTextRole, ". ".join(lines + problems))
    item.setToolTip(widgets.plain_tooltip("\n".join(lines + problems)))
    if problems:
        item.setFlags(Qt.ItemFlag.ItemIsEnabled)  # it can be read with the keyboard, not chosen
    return item


def _days(certificate: OfferedCertificate, wording: Wording) -> dict[str, str]:
    return {"from_day": wording.day(certificate.not_before), "to_day": wording.day(certificate.not_after)}


class _CertificateList(QListWidget):
    entered_key = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.waits = False  # nothing is current, and the focus alone does not change that
        self.setItemDelegate(_Delegate(self))
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.setUniformItemSizes(False)

    def fit(self) -> None:
        """As high as its rows need, up to a few."""
        heights = [self.sizeHintForRow(row) for row in range(self.count())]
        shown = sum(heights[:_ROWS]) + (heights[_ROWS] // 2 if len(heights) > _ROWS else 0)
        self.setFixedHeight(max(shown, self.fontMetrics().height() * 2) + 2 * self.frameWidth() + 2)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """A list of Qt's makes its first row the current one when it gets the focus."""
        if not self.waits or self.currentRow() >= 0:
            super().focusInEvent(event)
            return
        self.blockSignals(True)
        super().focusInEvent(event)
        self.setCurrentRow(-1)
        self.blockSignals(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.entered_key.emit()
            return
        super().keyPressEvent(event)


class _Delegate(QStyledItemDelegate):
    """Owner in bold, the rest in smaller rank, reasons in the colour of errors; lines are elided, never wrapped."""

    _PAD = 6  # logical pixels

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802 - Qt's name
        lines = index.data(_LINES)
        return QSize(200, len(lines) * (option.fontMetrics.height() + 2) + 2 * self._PAD)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        self.initStyleOption(option, index)
        lines, problems = index.data(_LINES), index.data(_PROBLEM)
        option.text = ""
        widget = option.widget
        (widget.style() if widget else QApplication.style()).drawControl(
            QStyle.ControlElement.CE_ItemViewItem, option, painter, widget
        )
        palette = option.palette
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        first = palette.color(palette.ColorRole.HighlightedText if selected else palette.ColorRole.Text)
        ground = palette.color(palette.ColorRole.Highlight if selected else palette.ColorRole.Base)
        second = style.mix(first, ground, 0.78)
        area = option.rect.adjusted(self._PAD + 4, self._PAD, -self._PAD, -self._PAD)
        height = option.fontMetrics.height() + 2
        painter.save()
        if index.row():
            painter.setPen(style.mix(first, ground, 0.15))
            painter.drawLine(option.rect.topLeft(), option.rect.topRight())
        for number, line in enumerate(lines):
            wrong = number >= len(lines) - problems
            font = option.font
            font.setBold(number == 0 and not problems)
            painter.setFont(font)
            painter.setPen(
                style.readable(style.hue("error"), ground)
                if wrong
                else first
                if not problems and not number
                else second
            )
            shown = painter.fontMetrics().elidedText(line, Qt.TextElideMode.ElideRight, area.width())
            painter.drawText(area.x(), area.y() + number * height, area.width(), height, _ALIGN, shown)
        painter.restore()


_ALIGN = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
