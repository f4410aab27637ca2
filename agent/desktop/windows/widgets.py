"""Small parts that every window is made of. All text is plain: Qt would take "<b>" for formatting."""

from __future__ import annotations

import re

from PySide6.QtCore import QEvent, QPoint, QSize, Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QColor, QFocusEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QStyle, QStyleOptionFocusRect, QToolTip, QWidget

from agent.desktop.windows import style

BREAK = "\u200b"  # ZERO WIDTH SPACE: a line may be broken here
_WIDE = 30  # characters without a space; a small window has room for so many
_RUN = 12  # characters of an address that stay together on a line


def label(text: str, *, wrap: bool = True) -> QLabel:
    """A label of plain text."""
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setText(text)
    made.setWordWrap(wrap)
    return made


def address_label(address: str) -> QLabel:
    """A label that shows the whole of an address (or a digest), however long, on as many lines as it takes."""
    made = label(breakable(address))
    made.setAccessibleName(address)
    return made


def breakable(text: str) -> str:
    parts = [text[start : start + _RUN] for start in range(0, len(text), _RUN)]
    return BREAK.join(parts).replace(".", "." + BREAK)


def softened(text: str) -> str:
    """Sentences in which what others wrote can be broken anywhere, where it would be wider than a window."""
    return re.sub(rf"\S{{{_WIDE},}}", lambda run: breakable(run.group()), text)


class ElidedLabel(QLabel):
    """One line with its middle left out where it is too long; all of it in the tooltip, under the keyboard focus, and
    for screen readers."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._whole = text
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAccessibleName(text)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(self.fontMetrics().height() + 4)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self._whole) + 4, metrics.height() + 4)

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.FontChange, QEvent.Type.Show):
            self._elide()
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        super().focusInEvent(event)
        if event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason):
            QToolTip.showText(self.mapToGlobal(QPoint(0, self.height())), plain_tooltip(self._whole), self)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        if self.hasFocus():
            option = QStyleOptionFocusRect()
            option.initFrom(self)
            self.style().drawPrimitive(QStyle.PrimitiveElement.PE_FrameFocusRect, option, QPainter(self), self)

    def _elide(self) -> None:
        shown = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideMiddle, max(self.width() - 4, 0))
        cut = shown != self._whole
        if shown != self.text():
            self.setText(shown)
        self.setToolTip(plain_tooltip(self._whole) if cut else "")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if cut else Qt.FocusPolicy.NoFocus)


def plain_tooltip(text: str) -> str:
    """Tooltips know no plain text mode: what could be taken for formatting is written as entities, in formatting."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "<span>" + _breakable_entities(escaped).replace("\n", "<br>") + "</span>"


def _breakable_entities(text: str) -> str:
    return text.replace("/", "/" + BREAK).replace(".", "." + BREAK).replace("_", "_" + BREAK)


class Banner(QFrame):
    """A message inside the window: an error, a warning or information. Screen readers are told at once."""

    def __init__(self) -> None:
        super().__init__()
        self._kind = "information"
        self._text = ""
        self._label = label("")
        self._icon = QLabel()
        self._icon.setAccessibleName("")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(style.GAP + 4, style.GAP, style.GAP, style.GAP)
        layout.setSpacing(style.GAP)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self._label, 1)
        self.hide()

    def say(self, kind: str, text: str) -> None:
        """Show `text` as "error", "warning" or "information"; nothing where it is empty."""
        changed = text != self._text
        self._kind, self._text = kind, text
        self._label.setText(softened(text))
        self._label.setAccessibleName(text)
        if text:  # the first icon of a style is looked for on the disk
            size = self.fontMetrics().height()
            self._icon.setPixmap(self.style().standardIcon(_ICONS[kind]).pixmap(size, size))
        self.setVisible(bool(text))
        self.update()
        if text and changed:
            announce(self._label, text, urgent=kind == "error")

    def clear(self) -> None:
        self.say("information", "")

    @property
    def text(self) -> str:
        return self._text

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(style.tint(self._kind, self.palette()))
        painter.drawRoundedRect(self.rect(), 4, 4)
        painter.fillRect(0, 0, 3, self.height(), style.hue(self._kind))


_ICONS = {
    "error": QStyle.StandardPixmap.SP_MessageBoxCritical,
    "warning": QStyle.StandardPixmap.SP_MessageBoxWarning,
    "information": QStyle.StandardPixmap.SP_MessageBoxInformation,
}


class Chip(QLabel):
    """A short word in a frame: the keyboard layout, Caps Lock."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setContentsMargins(6, 2, 6, 2)
        self.hide()

    def say(self, text: str, accessible: str) -> None:
        self.setText(text)
        self.setAccessibleName(accessible)
        self.setToolTip(plain_tooltip(accessible))
        self.setVisible(bool(text))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(style.hue(self._kind)), 1))
        painter.setBrush(style.tint(self._kind, self.palette()))
        painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 4, 4)
        painter.end()
        super().paintEvent(event)


def announce(widget: QWidget, text: str, *, urgent: bool = False) -> None:
    """Have a screen reader say something now."""
    event = QAccessibleAnnouncementEvent(widget, text)
    if urgent:
        event.setPoliteness(QAccessible.AnnouncementPoliteness.Assertive)
    QAccessible.updateAccessibility(event)


def section(title: str) -> QLabel:
    """The heading of a part of a window."""
    made = label(title)
    style.set_font(made, bold=True)
    return made
