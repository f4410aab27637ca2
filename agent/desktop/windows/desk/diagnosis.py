"""The page of the doctor: what is wrong on this machine, why it matters, what to do, and what Pero can mend.

It begins with a quick look that asks nobody over the network; all checks are made where the person wants them.
"""

from __future__ import annotations

from PySide6.QtGui import QHideEvent, QKeySequence, QShortcut

from agent.desktop.windows.desk.doctor_link import DoctorLink
from agent.desktop.windows.desk.page import Page, Place
from agent.desktop.windows.doctor_panel import DoctorPanel


class Content(Page):
    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.panel = DoctorPanel(self.wording, self.banner, "quick", whole=True)
        self.body.addWidget(self.panel, 1)
        self._link = DoctorLink(self)
        self.panel.said.connect(self._link.say)
        self._link.told.connect(self.panel.take)
        self._link.ended.connect(self._ended)
        again = QShortcut(QKeySequence(QKeySequence.StandardKey.Refresh), self)
        again.activated.connect(lambda: self.panel.examine())

    def shown(self) -> None:
        """What was found by all checks stays; what a quick look found may be over."""
        if not self._link.open:
            self.panel.examine("quick")

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """A doctor whom nobody watches goes home; a look or a repair that lasts is waited for."""
        super().hideEvent(event)
        if not event.spontaneous() and not self.panel.busy and self.panel.scope == "quick":
            self._link.close()

    def _ended(self) -> None:
        if not self.panel.busy:
            self.panel.forget()
        else:
            self.panel.stopped()
            self.banner.say("error", self.wording("doctor.broke"))
