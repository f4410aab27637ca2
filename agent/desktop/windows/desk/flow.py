"""A row of widgets that goes on in the next line where a small screen has no room for all of them."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget

from agent.desktop.windows import style


class Flow(QLayout):
    """From left to right, line by line. Widgets that like to be wider share what a line leaves over."""

    def __init__(self, *widgets: QWidget) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(style.GAP)
        for widget in widgets:
            self.addWidget(widget)

    # What Qt asks of a layout

    def addItem(self, item: QLayoutItem) -> None:  # noqa: N802 - Qt's name
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # noqa: N802 - Qt's name; None at the end
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # noqa: N802 - the same
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:  # noqa: N802 - Qt's name
        return Qt.Orientation.Horizontal

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        lines = list(self._lines(width))
        return sum(_height(line) for line in lines) + self.spacing() * max(0, len(lines) - 1)

    def minimumSize(self) -> QSize:  # noqa: N802 - Qt's name
        """As narrow as the widest of them."""
        shown = self._shown()
        width = max((item.minimumSize().width() for item in shown), default=0)
        return QSize(width, max((item.sizeHint().height() for item in shown), default=0))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """All of them in one line."""
        shown = self._shown()
        width = sum(item.sizeHint().width() for item in shown) + self.spacing() * max(0, len(shown) - 1)
        return QSize(width, _height(shown))

    def setGeometry(self, rectangle: QRect) -> None:  # noqa: N802 - Qt's name
        super().setGeometry(rectangle)
        top = rectangle.top()
        for line in self._lines(rectangle.width()):
            self._place(line, QPoint(rectangle.left(), top), rectangle.width())
            top += _height(line) + self.spacing()

    # Lines

    def _shown(self) -> list[QLayoutItem]:
        return [item for item in self._items if not item.isEmpty()]

    def _lines(self, width: int) -> Iterator[list[QLayoutItem]]:
        line: list[QLayoutItem] = []
        taken = 0
        for item in self._shown():
            wanted = item.sizeHint().width()
            if line and taken + self.spacing() + wanted > width:
                yield line
                line, taken = [], 0
            taken += wanted + (self.spacing() if line else 0)
            line.append(item)
        if line:
            yield line

    def _place(self, line: list[QLayoutItem], corner: QPoint, width: int) -> None:
        left_over = width - sum(item.sizeHint().width() for item in line) - self.spacing() * (len(line) - 1)
        wide = [item for item in line if item.expandingDirections() & Qt.Orientation.Horizontal]
        more = max(0, left_over) // len(wide) if wide else 0
        for item in line:
            size = QSize(item.sizeHint().width() + (more if item in wide else 0), _height(line))
            item.setGeometry(QRect(corner, size.boundedTo(QSize(width, size.height()))))
            corner += QPoint(size.width() + self.spacing(), 0)


def _height(line: list[QLayoutItem]) -> int:
    return max((item.sizeHint().height() for item in line), default=0)
