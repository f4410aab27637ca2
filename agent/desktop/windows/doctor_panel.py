"""What the doctor found, and everything that is done about it: a part of a window of its own, of a page, of the guide.

It speaks `doctor_messages`: `said` carries what is for the doctor, `take` is given what the doctor tells.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from agent.desktop import doctor_messages
from agent.desktop.doctor_messages import Mendable, Scope
from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk.flow import Flow
from agent.desktop.windows.doctor_view import DoctorView
from agent.desktop.windows.widgets import Banner
from agent.desktop.windows.wording import Wording
from agent.texts.visible import visible


class DoctorPanel(QWidget):
    """`scope`: what is looked at. `whole`: all checks can be asked for besides. `further` goes behind the buttons."""

    said = Signal(object)  # one of doctor_messages.FromDoctor

    def __init__(
        self,
        wording: Wording,
        banner: Banner,
        scope: Scope = "full",
        *,
        whole: bool = False,
        further: tuple[Any, ...] = (),
    ) -> None:
        super().__init__()
        self._wording = wording
        self._banner = banner
        self.scope = scope
        self._last = ""  # summary of what is shown
        self.view = DoctorView(wording)
        self.busy = False
        self._stopping = False  # the person does not want to wait
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setMaximumHeight(style.GAP)
        self._bar.setAccessibleName(wording("doctor.examining"))
        self._stop = self._button("button.stop_examining", self._stop_looking)
        self._again = self._button("button.examine_again", self.examine)
        self._whole = self._button("button.examine_whole", lambda: self.examine("full"))
        self._mend = self._button("button.mend", self._offer)
        self._save = self._button("button.save_report", self._ask_where)
        self._copy = self._button("button.copy_report", self._copy_report)
        shown = [self._again, *([self._whole] if whole else []), self._save, self._copy, self._mend, *further]
        self._lay_out(shown)
        self.view.chosen.connect(self._refresh)
        self._set_busy(False)

    def _lay_out(self, buttons: list[Any]) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(style.GAP)
        row = QHBoxLayout()
        row.setSpacing(style.GAP)
        row.addWidget(self._bar, 1)
        row.addWidget(self._stop)
        layout.addLayout(row)
        layout.addWidget(self.view, 1)
        layout.addLayout(Flow(*buttons))

    def _button(self, key: str, pressed: Any) -> QPushButton:
        button = QPushButton(self._wording(key))
        button.setAutoDefault(False)
        button.clicked.connect(lambda _=False: pressed())
        return button

    # What the doctor tells

    def take(self, message: object) -> None:
        if isinstance(message, doctor_messages.Examining):
            if not self.busy:
                self._set_busy(True)
            self._bar.setRange(0, message.total)
            self._bar.setValue(message.done)
            if message.total:
                words = self._wording("doctor.examining_part", done=message.done, total=message.total)
                self.view.summary.setText(words)
        elif isinstance(message, doctor_messages.Examined):
            self._last = message.summary
            self.view.show_examined(message)
            self._set_busy(False)
            widgets.announce(self.view.summary, self.view.summary.text())
        elif isinstance(message, doctor_messages.Stopped):
            self.stopped()
        elif isinstance(message, doctor_messages.Told):
            self._banner.say(message.kind, visible(message.text))

    def stopped(self) -> None:
        """Nobody looks any more: what was found before is shown."""
        words = self._wording("doctor.stopped")
        if self._stopping:
            self._banner.say("information", words)
        self._set_busy(False)
        self.view.summary.setText(visible(self._last) or words)

    def forget(self) -> None:
        """Whoever found it is gone: it can be read, and be found anew."""
        self._last = ""
        self.view.forget_repairs()
        self._refresh()

    # What the person does

    def examine(self, scope: Scope | None = None) -> None:
        """Look (again); nothing where a look lasts."""
        if self.busy:
            return
        self.scope = scope or self.scope
        self._banner.clear()
        self._set_busy(True)
        self.said.emit(doctor_messages.ExamineAgain(self.scope))

    def _stop_looking(self) -> None:
        self._stop.setEnabled(False)
        self._stopping = True
        self.said.emit(doctor_messages.StopExamining())

    def _offer(self) -> None:
        """What would be done, and whether it shall be: not to do it is the default."""
        repair = self.view.repair
        if repair is not None and Agreement(repair, self._wording, self).exec():
            self._banner.clear()
            self._set_busy(True)
            self._stop.setEnabled(False)
            self.said.emit(doctor_messages.MendThis(repair.remedy))

    def _ask_where(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, self._wording("doctor.save_title"), "pero.html", "HTML (*.html)",
            options=QFileDialog.Option.DontConfirmOverwrite,
        )  # fmt: skip
        if path:
            self.said.emit(doctor_messages.SaveReport(path))

    def _copy_report(self) -> None:
        QGuiApplication.clipboard().setText(self.view.report())
        self._banner.say("information", self._wording("doctor.copied"))

    # What can be done now

    def _set_busy(self, busy: bool) -> None:
        self.busy = busy
        self._stopping = False
        self._bar.setVisible(busy)
        self._stop.setVisible(busy)
        self._stop.setEnabled(True)
        if busy:
            self._bar.setRange(0, 0)
            self.view.summary.setText(self._wording("doctor.examining"))
        self._refresh()

    def _refresh(self) -> None:
        free = not self.busy
        for button in (self._again, self._whole):
            button.setEnabled(free)
        for button in (self._save, self._copy):
            button.setEnabled(free and bool(self._last))
        self._mend.setEnabled(free and self.view.repair is not None)


class Agreement(QDialog):
    """The steps of a repair to the letter, before it is made."""

    def __init__(self, repair: Mendable, wording: Wording, parent: QWidget) -> None:
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
