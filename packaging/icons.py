"""Render the icons of `agent/desktop/icons` (SVG) as PNG and as pixels, for desktops that read no SVG."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

FOLDER = Path(__file__).parents[1] / "agent" / "desktop" / "icons"
SIZE = 64  # pixels; hosts scale it down
PIXELS = 32  # of those that travel over the bus


def rendered(drawing: bytes, size: int = SIZE) -> QImage:
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(QByteArray(drawing)).render(painter)
    painter.end()
    return image


def in_network_order(image: QImage) -> bytes:
    """The pixels as the session bus carries them: alpha, red, green, blue."""
    pixels = (image.pixelColor(x, y).getRgb() for y in range(image.height()) for x in range(image.width()))
    return b"".join(bytes((alpha, red, green, blue)) for red, green, blue, alpha in pixels)  # type: ignore[misc]


def main() -> None:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    application = QGuiApplication([])
    for drawing in sorted(FOLDER.glob("*.svg")):
        rendered(drawing.read_bytes()).save(str(drawing.with_suffix(".png")))
        drawing.with_suffix(".argb").write_bytes(in_network_order(rendered(drawing.read_bytes(), PIXELS)))
    application.quit()


if __name__ == "__main__":
    main()
