"""Pages and pictures, shown as wide as there is room. They come as plain colours: no format is read here."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from agent.desktop.windows import style, widgets
from agent.desktop.windows.wording import Wording
from agent.pdf.drawn import Drawing

_LINES = (8, 24)  # of text: how low and how high the view may be


def drawings_panel(drawings: tuple[Drawing, ...], wording: Wording) -> QWidget | None:
    """The pages one below the other, in a view that arrows and Page Down scroll; None where none can be shown."""
    views = [view for drawing in drawings if (view := _view(drawing, wording)) is not None]
    if not views:
        return None
    count = drawings[0].count
    pages = QWidget()
    column = QVBoxLayout(pages)
    column.setSpacing(style.GAP)
    for view in views:
        column.addWidget(view)
    column.addStretch(1)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFrameShape(QFrame.Shape.StyledPanel)
    area.setWidget(pages)
    area.setAccessibleName(wording("document.preview"))
    line = area.fontMetrics().lineSpacing()
    area.setMinimumHeight(_LINES[0] * line)
    area.setMaximumHeight(_LINES[1] * line)
    area.verticalScrollBar().setSingleStep(2 * line)
    panel = QWidget()
    layout = QVBoxLayout(panel)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(2)
    layout.addWidget(area)
    if count > len(views):
        note = widgets.label(wording("document.pages_cut", shown=len(views), count=count))
        style.set_faint(note)
        layout.addWidget(note)
    return panel


def _view(drawing: Drawing, wording: Wording) -> QWidget | None:
    colours = drawing.pixels()
    if colours is None:
        return None
    row = 3 * drawing.width
    image = QImage(colours, drawing.width, drawing.height, row, QImage.Format.Format_RGB888).copy()
    view = _PageView(image)
    view.setAccessibleName(wording("document.page", number=drawing.number, count=drawing.count))
    return view


class _PageView(QWidget):
    """An image, never larger than it is."""

    def __init__(self, image: QImage) -> None:
        super().__init__()
        self._image = image
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        shown = min(width, self._image.width())
        return max(1, round(shown * self._image.height() / self._image.width())) + 2

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(min(self._image.width(), style.WIDTH), self.heightForWidth(style.WIDTH))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(80, 1)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        width = min(self.width() - 2, self._image.width())
        height = round(width * self._image.height() / self._image.width())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        place = QRect((self.width() - width) // 2, 1, width, height)
        painter.drawImage(place, self._image)
        painter.setPen(style.faint(self.palette()))
        painter.drawRect(place.adjusted(-1, -1, 0, 0))
