"""The page of settings speaks to a person, not to a program (R18, R36)."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import shiboken6
from PySide6.QtWidgets import QApplication

from agent.api.settings import changed
from agent.desktop.windows.desk.client import AgentClient
from agent.desktop.windows.desk.page import Place
from agent.desktop.windows.desk.settings import Content
from agent.desktop.windows.wording import Wording
from agent.errors import SettingInvalid
from tests.harness.told_agent import ToldAgent


@pytest.mark.parametrize(("language", "example"), [("en", "for example 22:00-08:00"), ("ru", "например 22:00-08:00")])
def test_a_value_that_does_not_fit_is_told_by_an_example_and_by_no_pattern(
    tmp_path: Path, language: str, example: str
) -> None:
    application = QApplication.instance() or QApplication(["test", "-platform", "offscreen"])
    assert application
    ways = [lambda _where: None] * (len(Place._fields) - 2)
    page = Content(Place(cast(AgentClient, ToldAgent()), Wording(language), *ways))
    with pytest.raises(SettingInvalid) as raised:
        changed(tmp_path / "settings.json", "quiet_hours", "25:00-9")
    page.say_error(raised.value)
    assert example in page.banner.text
    assert "$" not in page.banner.text
    shiboken6.delete(page)
