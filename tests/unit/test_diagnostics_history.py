"""The history: versions with dates, and what changed since it last worked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.diagnostics import history, history_lines
from agent.diagnostics.base import Finding
from agent.diagnostics.history import Entry, since_well

MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
SYSTEM = {"system": "Debian GNU/Linux 12"}
BROKEN = Finding("pcsc.service", "stopped", "error")


def driver(version: str) -> Finding:
    return Finding("modules.version", "known", "ok", {"driver": "OpenSC", "version": version})


def recorded(path: Path, *findings: Finding, day: int, system: dict[str, str] = SYSTEM) -> tuple[Entry, ...]:
    return history.record(path, findings, system, MONDAY + timedelta(days=day))


def test_what_changed_since_it_last_worked_is_told_with_its_day(tmp_path: Path) -> None:
    path = tmp_path / history.NAME
    recorded(path, driver("0.22"), day=0)
    recorded(path, driver("0.22"), day=1)
    recorded(path, driver("0.23"), day=2)  # changed, and all is well still: not the cause
    recorded(path, driver("0.23"), day=3)
    recorded(path, driver("0.24"), BROKEN, day=4)
    entries = recorded(path, driver("0.24"), BROKEN, day=5, system={"system": "Debian GNU/Linux 13"})
    since = since_well(entries)
    assert since.well == "2026-11-19T09:00:00Z"
    assert [(change.what, change.before, change.now, change.since[:10]) for change in since.versions] == [
        ("machine system", "Debian GNU/Linux 12", "Debian GNU/Linux 13", "2026-11-21"),
        ("modules.version OpenSC", "0.23", "0.24", "2026-11-20"),
    ]
    assert [(change.what, change.since[:10]) for change in since.errors] == [("pcsc.service stopped", "2026-11-20")]
    assert path.stat().st_mode & 0o777 == 0o600


def test_runs_that_saw_the_same_are_one_entry_from_the_first_to_the_last(tmp_path: Path) -> None:
    path = tmp_path / history.NAME
    for day in range(5):
        entries = recorded(path, driver("0.22"), day=day)
    assert [(entry.begin[:10], entry.end[:10]) for entry in entries] == [("2026-11-16", "2026-11-20")]
    assert history.load(path) == entries


def test_the_file_stays_small_however_often_things_change(tmp_path: Path) -> None:
    path = tmp_path / history.NAME
    for number in range(history.LIMIT + 50):
        entries = recorded(path, driver(f"1.{number}"), day=0)
    assert len(entries) == history.LIMIT
    assert entries[-1].versions["modules.version OpenSC"] == f"1.{history.LIMIT + 49}"
    assert path.stat().st_size < 100 << 10


@pytest.mark.parametrize(
    "held", [b"", b"{", b'[{"begin": 1}]', b"\xff\xfe", b"[" * 100_000, b" " * (history.MAX_FILE + 1)]
)
def test_a_damaged_file_costs_the_history_and_no_run(tmp_path: Path, held: bytes) -> None:
    path = tmp_path / history.NAME
    path.write_bytes(held)
    assert history.load(path) == ()
    assert len(recorded(path, driver("0.22"), day=0)) == 1
    assert len(history.load(path)) == 1


def test_an_error_that_went_and_came_again_counts_from_its_return(tmp_path: Path) -> None:
    path = tmp_path / history.NAME
    other = Finding("agent.files", "readable", "error")
    recorded(path, day=0)
    recorded(path, BROKEN, day=1)
    recorded(path, other, day=2)
    (_, first), *_ = [
        (change.what, change.since) for change in since_well(recorded(path, BROKEN, other, day=3)).errors
        if change.what == "pcsc.service stopped"
    ]  # fmt: skip
    assert first.startswith("2026-11-19")


@pytest.mark.parametrize("language", ["ru", "en"])
def test_it_is_told_in_both_languages(tmp_path: Path, language: str) -> None:
    path = tmp_path / history.NAME
    recorded(path, driver("0.22"), day=0)
    recorded(path, Finding("browsers.extension", "enabled", "ok", {"browser": "chromium", "version": "0.1.0"}), day=1)
    entries = recorded(path, driver("0.23\x1b[31m"), BROKEN, day=2)
    told = "\n".join(line for _kind, line in history_lines.as_lines(entries, language))
    assert "2026-11-18 09:00" in told
    assert "0.23" in told
    assert "\x1b" not in told, "what a driver calls itself steers no terminal"
    assert "history." not in told, "every line is worded"
    below = list(history_lines.last_worked([BROKEN], entries, language))
    assert any("2026-11-17 09:00" in line for _kind, line in below)
    assert list(history_lines.last_worked([driver("0.23")], entries, language)) == [], "all is well: nothing is added"
    json.dumps(history_lines.as_values(entries, language))


def test_no_name_is_kept_but_those_that_versions_have(tmp_path: Path) -> None:
    path = tmp_path / history.NAME
    canary = Finding("certificates.usable", "expired", "error", {"owner": "Канарейкин", "thumbprint": "ab" * 32})
    recorded(path, canary, driver("1"), day=0)
    assert "Канарейкин" not in path.read_text()
