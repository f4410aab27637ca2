"""What a page of Pero's window is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from agent.desktop.windows import style
from agent.desktop.windows.desk.client import AgentClient
from agent.desktop.windows.widgets import Banner
from agent.desktop.windows.wording import Wording
from agent.errors import PeroError


class Place(NamedTuple):
    """What a page is given."""

    client: AgentClient
    wording: Wording
    open_page: Callable[[str], None]  # goes to another page
    speak: Callable[[str], None]  # the whole window in another language ("": the system's)


class Page(QWidget):
    """A subclass fills `body`. `shown` is called whenever the page comes up, `take_files` when files were given to it.

    Its title is the key `desk.page.NAME`; `self.banner` says what happened, to screen readers too. Where the window is
    smaller than `body` can be, it is scrolled; the banner stays in sight.
    """

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.client = place.client
        self.wording = place.wording
        self.open_page = place.open_page
        self.banner = Banner()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(style.MARGIN, style.MARGIN, style.MARGIN, style.MARGIN)
        layout.setSpacing(style.GAP)
        layout.addWidget(self.banner)
        ground = Ground()
        self.body = QVBoxLayout(ground)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(style.GAP)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it goes along with the focus
        area.setWidget(ground)
        layout.addWidget(area, 1)

    def shown(self) -> None:
        """The page came up: read anew what may have changed."""

    def take_files(self, files: list[str]) -> None:
        """Files were given to this page: absolute paths."""

    def say_error(self, error: PeroError) -> None:
        self.banner.say("error", self.wording.error(error.name, error.facts))


class Ground(QWidget):
    """What is scrolled: as high as its parts must be at that width, not as high as they would like to be."""

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        layout = self.layout()
        return layout.totalMinimumHeightForWidth(width) if layout is not None else super().heightForWidth(width)
