"""The guide of the first run, and whenever somebody wants it again: language, this computer, the token, a signature.

Every step can be gone past and come back to; nothing in it is needed for Pero to work.
"""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QPushButton, QVBoxLayout

from agent.desktop.windows import style, widgets
from agent.desktop.windows.desk.flow import Flow
from agent.desktop.windows.desk.guide_steps import Greeting, Machine, Ready, Step
from agent.desktop.windows.desk.guide_token import TokenStep
from agent.desktop.windows.desk.page import Page, Place

STEPS: tuple[type[Step], ...] = (Greeting, Machine, TokenStep, Ready)


class Content(Page):
    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.speak = place.speak
        self._number = 0  # of the step, from 0
        self._heading = widgets.section("")
        style.set_font(self._heading, scale=1.25, bold=True)
        self._steps = [kind(self) for kind in STEPS]
        self._back = self._button("guide.back", lambda: self.go(self._number - 1))
        self._next = self._button("guide.next", self._forward)
        self._later = self._button("guide.later", lambda: self.open_page("certificates"))
        self.body.addWidget(self._heading)
        for step in self._steps:
            step.hide()
            self.body.addWidget(step, 1)
        outer = self.layout()
        assert isinstance(outer, QVBoxLayout)  # noqa: S101 - as Page made it
        outer.addLayout(Flow(self._back, self._next, self._later))  # not scrolled away with a step
        self._say_where()

    @property
    def step(self) -> Step:
        return self._steps[self._number]

    def shown(self) -> None:
        self.step.entered()

    def take_files(self, files: list[str]) -> None:
        """Key files that were dropped here."""
        for number, step in enumerate(self._steps):
            if isinstance(step, TokenStep) and files:
                self.go(number)
                step.add_key_file(files[0])

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        super().hideEvent(event)
        if not event.spontaneous():
            self.step.left()

    def go(self, number: int) -> None:
        """To the step of that number, from 0."""
        if not 0 <= number < len(STEPS) or number == self._number:
            return
        self.step.left()
        self.banner.clear()
        self._number = number
        self._say_where()
        self.step.entered()
        self._next.setFocus(Qt.FocusReason.OtherFocusReason)
        widgets.announce(self._heading, self._heading.text())

    def _forward(self) -> None:
        if self._number + 1 == len(STEPS):
            self.open_page("certificates")
        else:
            self.go(self._number + 1)

    def _say_where(self) -> None:
        last = self._number + 1 == len(STEPS)
        title = self.wording(f"guide.step.{self.step.name}")
        where = self.wording("guide.where", number=self._number + 1, count=len(STEPS), title=title)
        self._heading.setText(where)
        for step in self._steps:
            step.setVisible(step is self.step)
        self._back.setEnabled(self._number > 0)
        self._next.setText(self.wording("guide.finish" if last else "guide.next"))
        self._later.setVisible(not last)

    def _button(self, key: str, pressed: object) -> QPushButton:
        button = QPushButton(self.wording(key))
        button.clicked.connect(lambda _=False: pressed())  # type: ignore[operator]
        return button
