"""What is wrong with the looks of a window that is shown: words cut off, parts out of reach, parts upon one another.

Asked inside the window's own process: `faults(window)` in words, `texts(window)` all that it says to eyes and screen
readers. Qt itself says how much room words need (font metrics, size hints of the style).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import QModelIndex, QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QComboBox,
    QGroupBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QListView,
    QPlainTextEdit,
    QScrollArea,
    QStyle,
    QStyleOptionComboBox,
    QTabBar,
    QTableView,
    QTextEdit,
    QTreeView,
    QWidget,
)

from agent.desktop.windows.widgets import ElidedLabel

_SLACK = 1  # logical pixels that rounding may take
_FAR = 100_000  # logical pixels: no end
_SAYING = (QLabel, QAbstractButton, QComboBox, QLineEdit, QPlainTextEdit, QTextEdit, QAbstractItemView, QTabBar)


def shown(window: QWidget) -> list[QWidget]:
    """All visible parts of a window, itself first."""
    return [
        window,
        *(part for part in window.findChildren(QWidget) if part.isVisibleTo(window) and not part.isWindow()),
    ]


def faults(window: QWidget) -> list[str]:
    parts = shown(window)
    found = [f"{_named(part)}: {fault}" for part in parts for fault in _faults_of(part)]
    found += [f"{_named(part)}: out of reach" for part in parts if _says(part) and not _reached(part, window)]
    return found + list(_overlaps(parts)) + _beyond_screen(window)


def texts(window: QWidget) -> list[str]:
    """Everything that is said, each once."""
    said = [window.windowTitle()]
    for part in shown(window):
        said += [*_words_of(part), part.toolTip(), part.accessibleName(), part.accessibleDescription()]
    return sorted({text for text in said if text.strip()})


# Faults


def _faults_of(part: QWidget) -> Iterator[str]:
    if isinstance(part, QLabel) and not isinstance(part, ElidedLabel) and part.text():
        yield from _faults_of_label(part)
    elif isinstance(part, QAbstractButton) and part.text() and part.width() + _SLACK < part.sizeHint().width():
        yield f"{part.width()} wide, needs {part.sizeHint().width()}"
    elif isinstance(part, QComboBox):
        yield from _too_wide(part.currentText(), part, _field_of(part).width())
    elif isinstance(part, QLineEdit) and not part.text() and not isinstance(part.parentWidget(), QComboBox):
        yield from _too_wide(part.placeholderText(), part, part.width() - 8)
    elif isinstance(part, QHeaderView):
        yield from _faults_of_header(part)
    elif isinstance(part, QTabBar):
        yield from (
            f"tab {part.tabText(tab)!r} cut off"
            for tab in range(part.count())
            if not part.rect().contains(part.tabRect(tab).center())
        )
    elif isinstance(part, QAbstractItemView):
        yield from _faults_of_items(part)
    if isinstance(part, QScrollArea) and part.horizontalScrollBar().maximum() > _SLACK:
        yield f"{part.horizontalScrollBar().maximum()} too wide: has to be scrolled sideways"


def _faults_of_label(label: QLabel) -> Iterator[str]:
    inside = label.contentsRect().adjusted(label.margin(), label.margin(), -label.margin(), -label.margin())
    wraps = Qt.TextFlag.TextWordWrap if label.wordWrap() else Qt.TextFlag(0)
    marks = Qt.TextFlag.TextShowMnemonic if label.buddy() is not None else Qt.TextFlag(0)
    room = QRect(0, 0, inside.width() if label.wordWrap() else _FAR, _FAR)
    needs = label.fontMetrics().boundingRect(room, wraps | marks, label.text())
    if needs.width() > inside.width() + _SLACK:
        yield f"{inside.width()} wide, needs {needs.width()}"
    if needs.height() > inside.height() + _SLACK + label.fontMetrics().descent():
        yield f"{inside.height()} high, needs {needs.height()}"


def _too_wide(words: str, part: QWidget, room: int) -> Iterator[str]:
    needs = part.fontMetrics().horizontalAdvance(words)
    if needs > room + _SLACK:
        yield f"{words!r} needs {needs}, has {room}"


def _field_of(box: QComboBox) -> QRect:
    option = QStyleOptionComboBox()
    box.initStyleOption(option)
    field = QStyle.SubControl.SC_ComboBoxEditField
    return box.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, field, box)


def _faults_of_header(header: QHeaderView) -> Iterator[str]:
    for section in range(header.count()):
        has, needs = header.sectionSize(section), header.sectionSizeHint(section)
        if not header.isSectionHidden(section) and has + _SLACK < needs:
            yield f"heading {_heading(header, section)!r} is {has} wide, needs {needs}"


def _heading(header: QHeaderView, section: int) -> str:
    return str(header.model().headerData(section, header.orientation()) or "")


def _faults_of_items(view: QAbstractItemView) -> Iterator[str]:
    """An item that is cut off says the whole of itself under the pointer."""
    for index in _items(view):
        place = view.visualRect(index)
        if place.isEmpty() or not view.viewport().rect().intersects(place):
            continue
        needs = _needs(view, index, place)
        cut = needs.width() > place.width() + _SLACK or needs.height() > place.height() + _SLACK
        if cut and not index.data(Qt.ItemDataRole.ToolTipRole):
            yield f"item {index.data()!r} has {place.size().toTuple()}, needs {needs.toTuple()}"


def _needs(view: QAbstractItemView, index: QModelIndex, place: QRect) -> QSize:
    """The size in which all of an item is seen; the words alone where they are broken into lines."""
    if not (isinstance(view, (QListView, QTableView, QTreeView)) and view.wordWrap()):
        return QSize(view.sizeHintForIndex(index).width(), 0)
    picture = 0 if index.data(Qt.ItemDataRole.DecorationRole) is None else view.iconSize().width() + 4
    room = QRect(0, 0, place.width() - max(picture, 0) - 8, _FAR)
    words = view.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, str(index.data() or ""))
    return words.size() if words.width() > room.width() else QSize(0, words.height())


def _items(view: QAbstractItemView) -> Iterator[QModelIndex]:
    model = view.model()
    if model is None or isinstance(view, QHeaderView):
        return
    flat = isinstance(view, QListView)
    ahead = [QModelIndex()]
    while ahead:
        parent = ahead.pop()
        for row in range(min(model.rowCount(parent), 200)):
            for column in range(1 if flat else model.columnCount(parent)):
                index = model.index(row, column, parent)
                if isinstance(view, QTableView) and view.isColumnHidden(column):
                    continue
                yield index
                if column == 0 and isinstance(view, QTreeView) and model.hasChildren(index):
                    ahead.append(index)


def _reached(part: QWidget, window: QWidget) -> bool:
    """Whether all of a part is seen, if need be after scrolling down."""
    rectangle = QRect(QPoint(), part.size())
    child = part
    while child is not window:
        parent = child.parentWidget()
        rectangle.translate(child.pos())
        area = parent.parentWidget() if parent is not None else None
        if isinstance(area, QScrollArea) and area.viewport() is parent and area.widget() is child:
            rectangle.moveTop(max(rectangle.top(), 0) if area.verticalScrollBar().maximum() == 0 else 0)
            rectangle.setHeight(min(rectangle.height(), parent.height()))
        if not parent.rect().adjusted(-_SLACK, -_SLACK, _SLACK, _SLACK).contains(rectangle):
            return isinstance(area, QAbstractScrollArea) and not isinstance(area, QScrollArea)
        child = parent
    return True


def _overlaps(parts: list[QWidget]) -> Iterator[str]:
    saying = [part for part in parts if _says(part)]
    for number, one in enumerate(saying):
        for other in saying[number + 1 :]:
            if one.parentWidget() is not other.parentWidget():
                continue
            common = one.geometry().intersected(other.geometry())
            if common.width() > _SLACK and common.height() > _SLACK:
                yield f"{_named(one)} and {_named(other)} lie upon one another"


def _beyond_screen(window: QWidget) -> list[str]:
    room = window.screen().availableSize()
    needs = window.size().expandedTo(window.minimumSizeHint() if window.layout() is None else QSize())
    return [] if room.expandedTo(needs) == room else [f"the window takes {needs.toTuple()} of {room.toTuple()}"]


# Words


def _says(part: QWidget) -> bool:
    if isinstance(part, QLabel):
        return bool(part.text())
    return isinstance(part, _SAYING) and not isinstance(part, QHeaderView)


def _words_of(part: Any) -> Iterator[str]:
    if isinstance(part, (QLabel, QAbstractButton)):
        yield part.text().replace("&", "")
    elif isinstance(part, QComboBox):
        yield from (part.itemText(row) for row in range(min(part.count(), 200)))
    elif isinstance(part, QLineEdit):
        yield from (part.text(), part.placeholderText())
    elif isinstance(part, (QPlainTextEdit, QTextEdit)):
        yield from part.toPlainText().splitlines()
    elif isinstance(part, QGroupBox):
        yield part.title()
    elif isinstance(part, QTabBar):
        yield from (part.tabText(tab).replace("&", "") for tab in range(part.count()))
    elif isinstance(part, QHeaderView):
        if part.model() is not None:
            yield from (_heading(part, section) for section in range(part.count()))
    elif isinstance(part, QAbstractItemView):
        for index in _items(part):
            yield from (str(index.data(role) or "") for role in _SAID_BY_ITEMS)


_SAID_BY_ITEMS = (
    Qt.ItemDataRole.DisplayRole,
    Qt.ItemDataRole.AccessibleTextRole,
    Qt.ItemDataRole.AccessibleDescriptionRole,
)


def _named(part: QWidget) -> str:
    words = next((words for words in _words_of(part) if words), "") or part.accessibleName()
    return f"{type(part).__name__} {words[:40]!r}"
