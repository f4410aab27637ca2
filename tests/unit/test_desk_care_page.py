"""The page of care tells the age of a passphrase in words that fit (R39)."""

from __future__ import annotations

from typing import cast

import pytest
import shiboken6
from PySide6.QtWidgets import QApplication

from agent.desktop.windows.desk.care import Content
from agent.desktop.windows.desk.care_passphrases import PassphraseList
from agent.desktop.windows.desk.client import AgentClient
from agent.desktop.windows.desk.page import Place
from agent.desktop.windows.desk.plain_table import PlainTable
from agent.desktop.windows.wording import Wording
from tests.harness.told_agent import ToldAgent


@pytest.mark.parametrize(("days", "told"), [(0, "меньше дня"), (1, "1 день"), (400, "400 дней")])
def test_the_age_of_a_passphrase_is_told_from_its_first_day(days: int, told: str) -> None:
    application = QApplication.instance() or QApplication(["test", "-platform", "offscreen"])
    assert application
    ways = [lambda _where: None] * (len(Place._fields) - 2)
    page = Content(Place(cast(AgentClient, ToldAgent()), Wording("ru"), *ways))
    shown = PassphraseList(page)
    token = {"label": "anna.p12", "serial": "aa"}
    shown.show_files(
        [{"token": token, "days": days, "since": "2026-11-22T00:00:00Z", "old": False, "weak": False}], 365
    )
    cell = shown.findChildren(PlainTable)[0].item(0, 2)
    assert cell is not None
    assert cell.text() == told
    shiboken6.delete(shown)
    shiboken6.delete(page)
