"""Entries of the journal as a PDF: A4, a heading and a page number on each sheet. Needs no display."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import BinaryIO

from PySide6.QtCore import QBuffer, QCoreApplication, QIODevice, QMarginsF, QRect, Qt
from PySide6.QtGui import QFont, QFontMetrics, QGuiApplication, QPageLayout, QPageSize, QPainter, QPdfWriter

from agent.desktop.windows.none_count import keep_none
from agent.records.tables import Entry, cells, headings
from agent.texts.catalogue import text

_DOTS = 150  # to the inch; for the layout alone, letters are no pictures
_MARGIN = 12.0  # millimetres
_POINTS = 8.0
_GAP = 8  # dots
_SHARES = (5, 12, 15, 16, 18, 12, 22)  # hundredths of the width, of every column but the hash


class Pdf:
    """A Table (see agent.records.tables). One thread makes it from beginning to end."""

    def __init__(self, file: BinaryIO, language: str) -> None:
        _have_toolkit()
        self._file = file
        self._language = language
        self._buffer = QBuffer()
        self._buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        self._writer = QPdfWriter(self._buffer)
        self._writer.setResolution(_DOTS)
        self._writer.setTitle(text("desk.journal.title", language))
        self._writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
        self._writer.setPageOrientation(QPageLayout.Orientation.Landscape)
        self._writer.setPageMargins(QMarginsF(*(_MARGIN,) * 4), QPageLayout.Unit.Millimeter)
        self._page = 1
        self._painter = QPainter(self._writer)
        self._font = QFont("sans-serif")
        self._font.setPointSizeF(_POINTS)
        self._metrics = QFontMetrics(self._font, self._writer)
        self._width, self._height = self._writer.width(), self._writer.height()
        self._widths = [self._width * share // 100 for share in _SHARES]
        self._top = 0
        self._begin_page()

    def add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._row(_shown(cells(entry, self._language)[: len(_SHARES)]))

    def finish(self) -> None:
        self._painter.end()
        self._buffer.close()
        self._file.write(self._buffer.data().data())

    def _begin_page(self) -> None:
        title = text("desk.journal.title", self._language)
        self._painter.setFont(self._font)
        line = QRect(0, 0, self._width, self._metrics.height())
        self._painter.drawText(line, Qt.AlignmentFlag.AlignLeft, title)
        self._painter.drawText(line, Qt.AlignmentFlag.AlignRight, str(self._page))
        self._top = 2 * self._metrics.height()
        bold = QFont(self._font)
        bold.setBold(True)
        self._painter.setFont(bold)
        self._draw(headings(self._language)[: len(_SHARES)], self._room(headings(self._language)[: len(_SHARES)]))
        self._painter.setFont(self._font)

    def _row(self, words: list[str]) -> None:
        height = min(self._room(words), self._height - 5 * self._metrics.height())
        if self._top + height > self._height:
            self._writer.newPage()
            self._page += 1
            self._begin_page()
        self._draw(words, height)

    def _draw(self, words: list[str], height: int) -> None:
        left = 0
        for word, width in zip(words, self._widths, strict=True):
            self._painter.drawText(QRect(left, self._top, width - _GAP, height), _FLAGS, word)
            left += width
        self._top += height + _GAP // 2
        self._painter.drawLine(0, self._top, self._width, self._top)
        self._top += _GAP // 2

    def _room(self, words: list[str]) -> int:
        """The height of the highest cell."""
        rooms = (
            self._metrics.boundingRect(QRect(0, 0, width - _GAP, 1 << 20), _FLAGS, word).height()
            for word, width in zip(words, self._widths, strict=True)
        )
        return max(rooms, default=0)


_FLAGS = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop) | int(Qt.TextFlag.TextWrapAnywhere)
_LONGEST = 1500  # characters of a cell


def _shown(words: list[str]) -> list[str]:
    return [word if len(word) <= _LONGEST else word[:_LONGEST] + "…" for word in words]


_kept: list[QGuiApplication] = []  # Qt ends with its application object


def _have_toolkit() -> None:
    """Fonts need an application; one that shows nothing where none is there."""
    keep_none()
    if QCoreApplication.instance() is None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        _kept.append(QGuiApplication([]))
