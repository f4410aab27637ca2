"""The names of the pages at the left of Pero's window, each with its picture; pictures alone where there is no room."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QFrame, QListWidget, QListWidgetItem

from agent.desktop.windows import style, widgets
from agent.desktop.windows.wording import Wording

PICTURE = 20  # logical pixels
_LEFT = style.GAP  # logical pixels before a picture
_MODES = {QIcon.Mode.Normal: QPalette.ColorRole.Text, QIcon.Mode.Selected: QPalette.ColorRole.HighlightedText}


class Navigation(QListWidget):
    """Rows are in the order of `names`. `set_narrow` leaves the words to tooltips and to screen readers."""

    def __init__(self, names: Sequence[str], wording: Wording) -> None:
        super().__init__()
        self._names = list(names)
        self._words: list[str] = []
        self._narrow = False
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setIconSize(QSize(_LEFT + PICTURE, PICTURE))
        for _ in self._names:
            self.addItem(QListWidgetItem())
        self.speak(wording)
        QTimer.singleShot(0, self._draw)  # the window is seen before its pictures are read

    def speak(self, wording: Wording) -> None:
        """The words in that language."""
        self.setAccessibleName(wording("desk.pages"))
        self._words = [wording(f"desk.page.{name}") for name in self._names]
        self._fit()

    def set_narrow(self, narrow: bool) -> None:
        if narrow != self._narrow:
            self._narrow = narrow
            self._fit()

    def wide(self) -> int:
        """Logical pixels that it takes with its words."""
        return _LEFT + PICTURE + max(self.fontMetrics().horizontalAdvance(word) for word in self._words) + 3 * style.GAP

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self._words:
            self._draw()

    def _fit(self) -> None:
        high = max(self.fontMetrics().height(), PICTURE) + (style.GAP // 2 if self._narrow else 2 * style.GAP)
        scroll = Qt.ScrollBarPolicy.ScrollBarAlwaysOff if self._narrow else Qt.ScrollBarPolicy.ScrollBarAsNeeded
        self.setVerticalScrollBarPolicy(scroll)
        for row, word in enumerate(self._words):
            item = self.item(row)
            item.setSizeHint(QSize(0, high))
            item.setText("" if self._narrow else word)
            item.setToolTip(widgets.plain_tooltip(word) if self._narrow else "")
            item.setData(Qt.ItemDataRole.AccessibleTextRole, word)
        self.setFixedWidth(_LEFT + PICTURE + 2 * style.GAP if self._narrow else self.wide())

    def _draw(self) -> None:
        colours = {mode: self.palette().color(role) for mode, role in _MODES.items()}
        for row, name in enumerate(self._names):
            icon = QIcon()
            for mode, colour in colours.items():
                icon.addPixmap(picture(name, colour, self.devicePixelRatioF()), mode)
            self.item(row).setIcon(icon)


def picture(name: str, colour: QColor, ratio: float) -> QPixmap:
    """The drawing of a page, lines in that colour, with the distance before it."""
    from PySide6.QtSvg import QSvgRenderer  # the window is there before it

    drawing = resources.files("agent.desktop").joinpath("icons", "pages", f"{name}.svg").read_text("ascii")
    made = QPixmap(round((_LEFT + PICTURE) * ratio), round(PICTURE * ratio))
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    renderer = QSvgRenderer(QByteArray(drawing.replace("currentColor", colour.name()).encode()))
    renderer.render(painter, made.rect().toRectF().adjusted(_LEFT * ratio, 0, 0, 0))
    painter.end()
    made.setDevicePixelRatio(ratio)
    return made
