"""`pero settings`: by scripts, with an agent and without, and when the file is damaged (R18, R14)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.config import load_settings
from tests.harness.command_line import CommandLine


@pytest.fixture
def pero(tmp_path: Path) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        yield line


def test_lists_numbers_and_records_are_set_and_given_back(pero: CommandLine) -> None:
    assert pero.run("settings", "set", "expiry_thresholds", "30", "7").status == 0
    assert pero.run("settings", "set", "portals", '{"url": "https://portal.example/"}').status == 0
    kept = load_settings(pero.places.settings)
    assert (kept.expiry_thresholds, kept.portals[0].url) == ((30, 7), "https://portal.example/")
    rows = {row["name"]: row for row in pero.run("settings", "list", "--json").json["settings"]}
    assert rows["expiry_thresholds"]["value"] == [30, 7]
    assert pero.run("settings", "default", "expiry_thresholds").status == 0
    assert load_settings(pero.places.settings).expiry_thresholds == (60, 30, 14, 7, 1)


def test_what_does_not_fit_is_said_and_changes_nothing(pero: CommandLine) -> None:
    before = pero.places.settings.read_bytes()
    ended = pero.run("settings", "set", "quiet_hours", "at night", "--json")
    assert (ended.status, ended.json["error"]["name"]) == (3, "setting_invalid")
    assert pero.places.settings.read_bytes() == before


def test_a_damaged_file_is_put_aside_though_no_agent_can_start(pero: CommandLine) -> None:
    pero.places.settings.write_text("{half a line")
    assert pero.run("settings", "list").status != 0
    kept = pero.run("settings", "reset", "--json").json["kept"]
    assert Path(kept).read_text() == "{half a line"
    assert pero.run("settings", "list").status == 0
