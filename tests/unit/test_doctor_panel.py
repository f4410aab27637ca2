"""The part of windows that shows what the doctor found: stopping, copying, and what can be done when (R22, R36)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import shiboken6
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QPushButton

from agent.desktop import doctor_messages as say
from agent.desktop.windows.doctor_panel import DoctorPanel
from agent.desktop.windows.widgets import Banner
from agent.desktop.windows.wording import Wording

ROWS = (
    say.Row("pcsc.service", "Readers", "error", "The service is stopped.", "No token is seen.", "Start it.", "service"),
    say.Row("agent.port", "Pero", "ok", "The port is open: invoice\u202efdp.exe", "", ""),
)
FOUND = say.Examined("Errors: 1, warnings: 0.", ROWS, (say.Mendable("service", "Start it", ("systemctl",), True),))


@pytest.fixture(scope="module")
def application() -> QApplication:
    application = QApplication.instance() or QApplication(["test", "-platform", "offscreen"])
    assert isinstance(application, QApplication)
    return application


class Panel:
    """A panel, what it says to the doctor, and the banner of its window."""

    def __init__(self) -> None:
        self.banner = Banner()
        self.panel = DoctorPanel(Wording("en"), self.banner, whole=True)
        self.said: list[Any] = []
        self.panel.said.connect(self.said.append)

    def button(self, words: str) -> QPushButton:
        return next(one for one in self.panel.findChildren(QPushButton) if one.text().replace("&", "") == words)

    def enabled(self) -> set[str]:
        """The buttons that can be pressed, as they are read."""
        buttons = self.panel.findChildren(QPushButton)
        return {one.text().replace("&", "") for one in buttons if one.isEnabled() and not one.isHidden()}


@pytest.fixture
def shown(application: QApplication) -> Iterator[Panel]:
    made = Panel()
    yield made
    shiboken6.delete(made.panel)
    shiboken6.delete(made.banner)


def test_a_wish_to_stop_outlasts_progress_that_is_on_its_way(shown: Panel) -> None:
    shown.panel.take(FOUND)
    shown.button("Check everything").click()
    assert shown.enabled() == {"Stop"}
    shown.panel.take(say.Examining(1, 50))
    shown.button("Stop").click()
    shown.panel.take(say.Examining(2, 50))
    assert shown.enabled() == set(), "it is heeded once"
    shown.panel.take(say.Stopped())
    assert shown.said == [say.ExamineAgain("full"), say.StopExamining()]
    assert shown.banner.text == "The check was stopped."
    assert shown.panel.view.summary.text() == FOUND.summary, "what was found before stays"


def test_how_far_it_is_can_be_read(shown: Panel) -> None:
    shown.panel.examine("quick")
    shown.panel.take(say.Examining(7, 50))
    assert shown.panel.view.summary.text() == "Checking… 7 of 50"


def test_the_report_is_copied_as_it_is_read(shown: Panel) -> None:
    assert "Copy report" not in shown.enabled(), "nothing was found yet"
    shown.panel.take(FOUND)
    shown.button("Copy report").click()
    copied = QGuiApplication.clipboard().text()
    for part in (FOUND.summary, "Error. The service is stopped.", "No token is seen.", "Start it.", "pcsc.service"):
        assert part in copied
    assert "\u202e" not in copied


def test_what_a_doctor_offered_who_is_gone_cannot_be_mended(shown: Panel) -> None:
    shown.panel.take(FOUND)
    assert {"Mend…", "Save report…"} <= shown.enabled()
    shown.panel.forget()
    assert shown.enabled() == {"Check again", "Check everything"}
    shown.panel.take(FOUND)
    assert "Mend…" in shown.enabled()


def test_a_row_that_nothing_is_offered_for_cannot_be_mended(shown: Panel) -> None:
    shown.panel.take(FOUND)
    shown.panel.view.list.setCurrentRow(1)
    assert "Mend…" not in shown.enabled()
