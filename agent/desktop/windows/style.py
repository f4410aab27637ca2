"""Colours, distances and pictures, all out of the palette: they follow a light or dark desktop."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QIcon, QPainter, QPainterPath, QPalette, QPen, QPixmap
from PySide6.QtWidgets import QWidget

GAP = 8  # logical pixels
MARGIN = 16  # logical pixels
WIDTH = 600  # logical pixels; what a window would like to have
_INK = QColor("#2563c9")
_HUES = {"error": QColor("#d0342c"), "warning": QColor("#d98a00"), "information": QColor("#2563c9")}


def hue(kind: str) -> QColor:
    return _HUES[kind]


def tint(kind: str, palette: QPalette) -> QColor:
    """A quiet background for a message of that kind."""
    return mix(_HUES[kind], palette.color(QPalette.ColorRole.Window), 0.16)


def mix(first: QColor, second: QColor, share: float) -> QColor:
    """`share` of the first colour over the second."""
    red, green, blue = (
        round(one * share + other * (1 - share))
        for one, other in zip(first.getRgb()[:3], second.getRgb()[:3], strict=True)  # type: ignore[index]
    )
    return QColor(red, green, blue)


def faint(palette: QPalette) -> QColor:
    """For words of second rank; still readable (contrast above 4.5 on Fusion's palettes)."""
    return mix(palette.color(QPalette.ColorRole.WindowText), palette.color(QPalette.ColorRole.Window), 0.72)


def set_font(widget: QWidget, *, scale: float = 1.0, bold: bool = False, fixed: bool = False) -> None:
    """A font in relation to the system's own."""
    font = QFont(widget.font())
    if fixed:
        font.setFamilies(["monospace", "DejaVu Sans Mono", "Consolas", "Menlo"])
        font.setStyleHint(QFont.StyleHint.Monospace)
    font.setPointSizeF(font.pointSizeF() * scale)
    font.setBold(bold)
    widget.setFont(font)


def set_faint(widget: QWidget) -> None:
    palette = QPalette(widget.palette())
    palette.setColor(QPalette.ColorRole.WindowText, faint(palette))
    widget.setPalette(palette)


def application_icon(size: int = 64) -> QIcon:
    return QIcon(pen_picture(size))


def pen_picture(size: int, ratio: float = 1.0) -> QPixmap:
    """The sign of Pero: a nib on a round ground. Drawn, so that no file has to be found."""
    picture = QPixmap(round(size * ratio), round(size * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / 64, size / 64)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_INK)
    painter.drawRoundedRect(QRectF(0, 0, 64, 64), 14, 14)
    painter.translate(32, 32)
    painter.rotate(45)
    nib = QPainterPath(QPointF(0, 24))
    nib.cubicTo(QPointF(-5, 10), QPointF(-11, 4), QPointF(-9, -8))
    nib.lineTo(QPointF(9, -8))
    nib.cubicTo(QPointF(11, 4), QPointF(5, 10), QPointF(0, 24))
    painter.setBrush(QColor("white"))
    painter.drawPath(nib)
    painter.drawRoundedRect(QRectF(-9, -21, 18, 10), 3, 3)
    painter.setPen(QPen(_INK, 2.2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawLine(QPointF(0, 22), QPointF(0, 5))
    painter.setBrush(_INK)
    painter.drawEllipse(QPointF(0, 2), 2.2, 2.2)
    painter.end()
    return picture


def readable(colour: QColor, ground: QColor) -> QColor:
    """A colour for words on that ground: darker on a light one, lighter on a dark one."""
    light = ground.lightnessF() > 0.5
    return mix(colour, QColor("black" if light else "white"), 0.82 if light else 0.6)
