"""How long entries stay in the journal, by policy."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.errors import Fact
from agent.journal import Journal
from agent.records.archive import archives
from agent.records.index import Index
from agent.records.keeping import Keeper

Told = tuple[str, dict[str, Fact]]

TODAY = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Entries 1 to 10, of the last ten days."""
    days = iter(range(10, -100, -1))
    journal = Journal(tmp_path / "journal.sqlite", lambda: TODAY - timedelta(days=next(days)))
    for _ in range(9):
        journal.note("pause", {})
    yield journal
    journal.close()


def keeper(journal: Journal, folder: Path, days: int | None, told: list[Told]) -> Keeper:
    index = Index(folder.parent / "index.sqlite", journal)
    return Keeper(journal, index, days, folder, lambda: TODAY, lambda kind, facts: told.append((kind, facts)))


def numbers(journal: Journal) -> list[int]:
    return [entry.number for entry in journal.entries(100)]


async def test_entries_older_than_the_days_of_the_policy_are_archived(journal: Journal, tmp_path: Path) -> None:
    told: list[Told] = []
    await keeper(journal, tmp_path / "archive", 6, told).look()
    assert numbers(journal) == [5, 6, 7, 8, 9, 10, 11]
    found = journal.verify()
    assert found.broken_at is None
    assert [one.state for one in archives(tmp_path / "archive", found.archived).all] == ["whole"]
    assert told == []


async def test_without_a_policy_everything_stays_and_the_index_is_made(journal: Journal, tmp_path: Path) -> None:
    await keeper(journal, tmp_path / "archive", None, []).look()
    assert numbers(journal) == list(range(1, 11))
    assert sqlite3.connect(tmp_path / "index.sqlite").execute("SELECT number FROM state").fetchone() == (10,)


async def test_a_folder_that_cannot_be_written_is_told_and_loses_nothing(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("a file in the folder's place")
    told: list[Told] = []
    await keeper(journal, tmp_path / "archive", 6, told).look()
    assert told == [("journal_unarchived", {"folder": str(tmp_path / "archive")})]
    assert numbers(journal) == list(range(1, 11))


async def test_a_changed_journal_is_told_as_such_and_stays_where_it_is(journal: Journal, tmp_path: Path) -> None:
    journal.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "journal.sqlite")) as connection:
        connection.execute("DROP TRIGGER never_changed")
        connection.execute("UPDATE entries SET kind = 'resume' WHERE number = 3")
        connection.commit()
    told: list[Told] = []
    await keeper(journal, tmp_path / "archive", 6, told).look()
    assert told == [("journal_tampered", {"entry": 3})]
    assert numbers(journal) == list(range(1, 11))
