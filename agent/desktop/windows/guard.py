"""Dead buttons: nothing can be pressed until the person had time to see what came up under their hands."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QWidget

DEAD_TIME = 1000  # milliseconds after the window came up or got the focus back, and without a key pressed meanwhile


class Guard(QObject):
    """Watches one window. Closed while it has no focus and for DEAD_TIME after it got it; keys pressed in that time
    are swallowed and begin it anew, so that somebody who goes on typing elsewhere types nothing into the window."""

    changed = Signal(bool)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)  # others may be early by a twentieth
        self._timer.setInterval(DEAD_TIME)
        self._timer.timeout.connect(self._open)
        self.open = False
        QApplication.instance().installEventFilter(self)  # type: ignore[union-attr]  # there is one

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        kind = event.type()
        if watched is self._window:
            if kind in (QEvent.Type.Show, QEvent.Type.WindowActivate):
                self._close(restart=True)
            elif kind == QEvent.Type.WindowDeactivate:
                self._close(restart=False)
        if not self.open and kind in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride, QEvent.Type.Shortcut):
            if self._timer.isActive():
                self._timer.start()
            return True
        return False

    def begin_anew(self) -> None:
        """What is asked changed: the person needs time to see it."""
        self._close(restart=True)

    def _close(self, *, restart: bool) -> None:
        if restart:
            self._timer.start()
        else:
            self._timer.stop()
        if self.open:
            self.open = False
            self.changed.emit(False)

    def _open(self) -> None:
        self.open = True
        self.changed.emit(True)
