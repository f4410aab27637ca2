"""The doctor's window: what is wrong on this machine, and the button that mends what Pero can mend.

Not a prompt: it asks for nothing, stays until it is closed, and looks again with F5.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QCloseEvent, QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout

from agent.desktop import doctor_messages, messages
from agent.desktop.doctor_messages import Mendable
from agent.desktop.windows import style, widgets
from agent.desktop.windows.channel import Channel
from agent.desktop.windows.doctor_view import DoctorView
from agent.desktop.windows.wording import Wording
from agent.texts.visible import visible

_SIZE = QSize(760, 640)  # logical pixels; what it would like to have


class DoctorWindow(QDialog):
    """Escape and Ctrl+W close it, F5 looks again."""

    def __init__(self, show: doctor_messages.ShowDoctor, channel: Channel) -> None:
        super().__init__()
        self._channel = channel
        self._wording = wording = Wording(show.language)
        self.setWindowTitle(f"{wording('doctor.title')} — Pero")
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint, True)
        self.banner = widgets.Banner()
        self.view = DoctorView(wording)
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setTextVisible(False)
        self.busy.setMaximumHeight(style.GAP)
        self.busy.setAccessibleName(wording("doctor.examining"))
        self._again = self._button("button.examine_again", self._examine_again)
        self._mend = self._button("button.mend", self._offer)
        self._save = self._button("button.save_report", self._ask_where)
        self._close = self._button("button.close", self.close)
        self._lay_out()
        self.view.chosen.connect(self._refresh)
        channel.doctor.connect(self._take)
        QShortcut(QKeySequence.StandardKey.Refresh, self, activated=self._examine_again)  # type: ignore[call-overload]
        QShortcut(QKeySequence.StandardKey.Close, self, activated=self.close)  # type: ignore[call-overload]
        self._examining(True)

    def appear(self) -> None:
        """Show the window in front, no larger than the screen."""
        room = QGuiApplication.primaryScreen().availableSize() - QSize(style.MARGIN, 3 * style.MARGIN)
        self.resize(_SIZE.boundedTo(room))
        self.show()
        self.raise_()
        self.activateWindow()
        self.view.list.setFocus(Qt.FocusReason.OtherFocusReason)

    def reject(self) -> None:
        """Escape."""
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        event.accept()
        self._channel.send(messages.Refused())
        self.hide()
        QApplication.quit()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.MARGIN, style.MARGIN, style.MARGIN, style.MARGIN)
        layout.setSpacing(style.GAP)
        layout.addWidget(self.banner)
        layout.addWidget(self.busy)
        layout.addWidget(self.view, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(style.GAP)
        buttons.addWidget(self._again)
        buttons.addWidget(self._save)
        buttons.addStretch(1)
        buttons.addWidget(self._mend)
        buttons.addWidget(self._close)
        layout.addLayout(buttons)

    def _button(self, key: str, pressed: object) -> QPushButton:
        button = QPushButton(self._wording(key))
        button.setAutoDefault(False)
        button.clicked.connect(pressed)
        return button

    def _take(self, message: doctor_messages.ToDoctor) -> None:
        if isinstance(message, doctor_messages.Examined):
            self.view.show_examined(message)
            self._examining(False)
            widgets.announce(self.view.summary, self.view.summary.text())
        elif isinstance(message, doctor_messages.Told):
            self.banner.say(message.kind, visible(message.text))
        else:
            self._examining(True)

    def _examining(self, busy: bool) -> None:
        self.busy.setVisible(busy)
        if busy:
            self.view.summary.setText(self._wording("doctor.examining"))
        self._refresh()

    def _refresh(self) -> None:
        free = self.busy.isHidden()
        self._again.setEnabled(free)
        self._save.setEnabled(free)
        self._mend.setEnabled(free and self.view.repair is not None)

    def _examine_again(self) -> None:
        if self._again.isEnabled():
            self.banner.clear()
            self._examining(True)
            self._channel.send(doctor_messages.ExamineAgain())

    def _offer(self) -> None:
        """What would be done, and whether it shall be: not to do it is the default."""
        repair = self.view.repair
        if repair is not None and Agreement(repair, self._wording, self).exec():
            self.banner.clear()
            self._examining(True)
            self._channel.send(doctor_messages.MendThis(repair.remedy))

    def _ask_where(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, self._wording("doctor.save_title"), "pero.html", "HTML (*.html)",
            options=QFileDialog.Option.DontConfirmOverwrite,
        )  # fmt: skip
        if path:
            self._channel.send(doctor_messages.SaveReport(path))


class Agreement(QDialog):
    """The steps of a repair to the letter, before it is made."""

    def __init__(self, repair: Mendable, wording: Wording, parent: DoctorWindow) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"{wording('doctor.mend_title')} — Pero")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.MARGIN, style.MARGIN, style.MARGIN, style.MARGIN)
        layout.setSpacing(style.GAP)
        heading = widgets.label(visible(repair.title))
        style.set_font(heading, bold=True)
        layout.addWidget(heading)
        for step in repair.steps:
            layout.addWidget(widgets.label(f"• {visible(step)}"))
        if repair.administrator:
            layout.addWidget(widgets.label(wording("doctor.needs_administrator")))
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        leave = QPushButton(wording("button.leave"))
        leave.setDefault(True)
        leave.clicked.connect(self.reject)
        mend = QPushButton(wording("button.mend_now"))
        mend.setAutoDefault(False)
        mend.clicked.connect(self.accept)
        buttons.addWidget(leave)
        buttons.addWidget(mend)
        layout.addLayout(buttons)
        self.setMinimumWidth(min(style.WIDTH, parent.width()))
        leave.setFocus()
