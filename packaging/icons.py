"""Render the icons of `agent/desktop/icons` (SVG) as PNG, for desktops that read no SVG: ``make icons``."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

FOLDER = Path(__file__).parents[1] / "agent" / "desktop" / "icons"
SIZE = 64  # pixels; hosts scale it down


def rendered(drawing: bytes, size: int = SIZE) -> QImage:
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(QByteArray(drawing)).render(painter)
    painter.end()
    return image


def main() -> None:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    application = QGuiApplication([])
    for drawing in sorted(FOLDER.glob("*.svg")):
        rendered(drawing.read_bytes()).save(str(drawing.with_suffix(".png")))
    application.quit()


if __name__ == "__main__":
    main()
