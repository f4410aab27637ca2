"""Of which passphrases the person is reminded, and how often (R39)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.care.passphrases import Passphrases, key_files
from agent.config import Settings
from agent.desktop.passphrase_reminders import PassphraseReminders
from agent.errors import Fact, SettingsDamaged
from agent.journal import Journal
from agent.tokens import about
from agent.tokens.about import About

BEGIN = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class Clock:
    now = BEGIN

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "keyfiles"
    made.mkdir()
    return made


@pytest.fixture
def ages(tmp_path: Path, folder: Path, clock: Clock) -> Passphrases:
    return Passphrases(tmp_path / "told.json", folder, clock)


def keep(folder: Path, digit: str, **more: object) -> Path:
    place = folder / (digit * 64)
    place.mkdir(exist_ok=True)
    about.write(place, About(file=f"{digit}.p12", added=BEGIN, **more))  # type: ignore[arg-type]
    return place


def due(ages: Passphrases, days: int = 365) -> list[tuple[str, str, int]]:
    found = ages.due(days)
    ages.told(found)
    return [(one.kind, one.file.about.file, one.days) for one in found]


def test_an_old_one_is_told_of_once_a_month_until_it_is_changed(ages: Passphrases, folder: Path, clock: Clock) -> None:
    place = keep(folder, "a")
    told = []
    for day in range(440):
        clock.now = BEGIN + day * DAY
        told += [(day, *one) for one in due(ages)]
    assert [day for day, *_ in told] == [365, 395, 425]
    assert told[0][1:] == ("passphrase_old", "a.p12", 365)
    about.write(place, About(file="a.p12", added=BEGIN, passphrase_set=clock.now, weak=False))
    clock.now += 364 * DAY
    assert due(ages) == []
    clock.now += DAY
    assert due(ages) == [("passphrase_old", "a.p12", 365)]


def test_the_person_sets_the_age_and_none_is_none(ages: Passphrases, folder: Path, clock: Clock) -> None:
    keep(folder, "a")
    clock.now = BEGIN + 91 * DAY
    assert due(ages, 0) == []
    assert due(ages, 92) == []
    assert due(ages, 90) == [("passphrase_old", "a.p12", 91)]


def test_one_that_was_changed_since_is_told_of_by_its_own_age(ages: Passphrases, folder: Path, clock: Clock) -> None:
    place = keep(folder, "a")
    clock.now = BEGIN + 10 * DAY
    assert len(due(ages, 10)) == 1
    about.write(place, About(file="a.p12", added=BEGIN, passphrase_set=clock.now + DAY, weak=False))
    clock.now += 12 * DAY
    assert due(ages, 10) == [("passphrase_old", "a.p12", 11)]


def test_a_weak_one_is_told_of_after_a_day_and_before_the_others(ages: Passphrases, folder: Path, clock: Clock) -> None:
    keep(folder, "b", weak=True)
    keep(folder, "a", passphrase_set=BEGIN - 400 * DAY, weak=False)
    assert [kind for kind, *_ in due(ages)] == ["passphrase_old"]
    clock.now = BEGIN + DAY
    keep(folder, "c")  # not judged
    assert due(ages) == [("passphrase_weak", "b.p12", 1)]


def test_what_was_told_outlives_the_agent_and_goes_with_the_key_file(
    ages: Passphrases, folder: Path, clock: Clock, tmp_path: Path
) -> None:
    place = keep(folder, "a")
    clock.now = BEGIN + 400 * DAY
    assert len(due(ages)) == 1
    again = Passphrases(tmp_path / "told.json", folder, clock)
    assert due(again) == []
    (place / about.ABOUT).unlink()
    keep(folder, "d")
    assert [file for _, file, _ in due(again)] == ["d.p12"]
    assert list(json.loads((tmp_path / "told.json").read_text())) == ["d" * 64]
    assert (tmp_path / "told.json").stat().st_mode & 0o777 == 0o600


def test_a_clock_set_back_makes_no_age_negative_and_swallows_nothing(
    ages: Passphrases, folder: Path, clock: Clock
) -> None:
    keep(folder, "a")
    clock.now = BEGIN + 4000 * DAY  # a clock that was far ahead
    assert len(due(ages)) == 1
    clock.now = BEGIN - 400 * DAY
    assert due(ages) == []
    assert [file.days(clock.now) for file in key_files(folder)] == [0]
    clock.now = BEGIN + 366 * DAY
    assert len(due(ages)) == 1


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b"\xff" * 9, b'{"a": "yesterday"}', b"[" * 100_000])
def test_damage_costs_a_reminder_that_comes_once_more(
    ages: Passphrases, folder: Path, clock: Clock, tmp_path: Path, damage: bytes
) -> None:
    keep(folder, "a")
    (keep(folder, "b") / about.ABOUT).write_bytes(damage)
    clock.now = BEGIN + 400 * DAY
    assert len(due(ages)) == 1
    (tmp_path / "told.json").write_bytes(damage)
    again = Passphrases(tmp_path / "told.json", folder, clock)
    assert [file for _, file, _ in due(again)] == ["a.p12"]


def test_no_folder_of_key_files_is_none(tmp_path: Path, clock: Clock) -> None:
    assert Passphrases(tmp_path / "told.json", tmp_path / "none", clock).due(1) == []


class Told:
    """Reminders with a journal, and what they said."""

    def __init__(self, ages: Passphrases, tmp_path: Path, clock: Clock) -> None:
        self.notices: list[tuple[str, dict[str, Fact], tuple[tuple[str, str], ...]]] = []
        self.journal = Journal(tmp_path / "journal.sqlite", clock)
        self.settings = Settings(quiet_hours="22:00-08:00", passphrase_days=100)
        self.local = datetime(2026, 5, 5, 7, 59, tzinfo=UTC)
        self.damaged = False
        self.reminders = PassphraseReminders(ages, self._settings, self._notify, self.journal, lambda: self.local)

    def _settings(self) -> Settings:
        if self.damaged:
            raise SettingsDamaged(path="settings.json", detail="")
        return self.settings

    async def _notify(self, kind: str, facts: dict[str, Fact], actions: tuple[tuple[str, str], ...]) -> None:
        self.notices.append((kind, facts, actions))


@pytest.fixture
def told(ages: Passphrases, tmp_path: Path, clock: Clock) -> Iterator[Told]:
    made = Told(ages, tmp_path, clock)
    yield made
    made.journal.close()


async def test_reminders_wait_for_the_end_of_quiet_hours_and_stand_in_the_journal(
    told: Told, folder: Path, clock: Clock
) -> None:
    keep(folder, "a")
    clock.now = BEGIN + 120 * DAY
    await told.reminders.tell()
    assert told.notices == []
    told.local = told.local.replace(hour=8)
    await told.reminders.tell()
    assert told.notices == [
        ("passphrase_old", {"file": "a.p12", "days": 120}, (("open:care", "notice.action.care"),)),
    ]  # fmt: skip
    (entry,) = [one for one in told.journal.entries(10) if one.kind == "passphrase_reminded"]
    assert entry.facts == {"certificate": "a" * 64, "reason": "passphrase_old", "days": 120}


async def test_many_are_told_a_few_at_a_time(told: Told, folder: Path, clock: Clock) -> None:
    for digit in "0123456":
        keep(folder, digit)
    clock.now = BEGIN + 120 * DAY
    told.local = told.local.replace(hour=12)
    numbers = []
    for _ in range(4):
        await told.reminders.tell()
        numbers.append(len(told.notices))
    assert numbers == [3, 6, 7, 7]


async def test_damaged_settings_cost_the_persons_own_age_and_nothing_else(
    told: Told, folder: Path, clock: Clock
) -> None:
    keep(folder, "a")
    told.damaged, told.local = True, told.local.replace(hour=12)
    clock.now = BEGIN + 120 * DAY
    await told.reminders.tell()
    assert told.notices == []
    clock.now = BEGIN + 365 * DAY
    await told.reminders.tell()
    assert len(told.notices) == 1


async def test_a_journal_that_cannot_be_written_costs_the_entry_alone(
    told: Told, folder: Path, clock: Clock, tmp_path: Path
) -> None:
    keep(folder, "a")
    (tmp_path / "journal.sqlite").mkdir()  # nothing can be opened there
    told.local = told.local.replace(hour=12)
    clock.now = BEGIN + 120 * DAY
    await told.reminders.tell()
    assert len(told.notices) == 1
    (tmp_path / "journal.sqlite").rmdir()
