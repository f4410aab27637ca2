"""Archives of the journal: the chain goes on, and nothing is lost before it is kept."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent import journal as journal_module
from agent.errors import FileUnwritable, JournalTampered, JournalUnwritable
from agent.journal import Journal
from agent.records.archive import archive, archives
from agent.records.index import Index
from agent.records.query import Query


class Clock:
    """A day for each entry."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(days=1)
        return self.now


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Entries 1 (begun, of 2 January) to 10."""
    journal = Journal(tmp_path / "journal.sqlite", Clock())
    for number in range(2, 11):
        journal.note("pause", {"document": f"entry {number}"})
    yield journal
    journal.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def before(day: int) -> str:
    """The moment before which entries 1 to `day` are."""
    return f"{datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=day):%Y-%m-%dT%H:%M:%S.000Z}"


def numbers(journal: Journal) -> list[int]:
    return [entry.number for entry in journal.entries(100)]


def test_old_entries_leave_the_journal_and_its_chain_stays_whole(journal: Journal, folder: Path) -> None:
    kept = journal.entries(100)[:4]
    made = archive(journal, folder, before(4))
    assert made is not None
    assert (made.first, made.last) == (1, 4)
    assert numbers(journal) == [5, 6, 7, 8, 9, 10, 11]
    newest = journal.entries(1)[0]
    assert (newest.kind, newest.facts["file"], newest.facts["head"]) == ("archived", made.file, kept[3].hash)
    found = journal.verify()
    assert (found.first, found.count, found.broken_at) == (5, 7, None)
    assert [one.state for one in archives(folder, found.archived).all] == ["whole"]


def test_an_archive_is_checked_by_any_program_that_knows_sha_256(journal: Journal, folder: Path) -> None:
    kept = journal.entries(100)[:4]
    made = archive(journal, folder, before(4))
    assert made is not None
    lines = gzip.decompress((folder / made.file).read_bytes()).splitlines()
    assert [hashlib.sha256(line).hexdigest() for line in lines] == [entry.hash for entry in kept]
    assert [json.loads(line)[5] for line in lines] == [entry.previous for entry in kept]
    assert json.loads(json.loads(lines[1])[4]) == {"document": "entry 2"}
    assert (folder / made.file).stat().st_mode & 0o777 == 0o600


def test_archives_follow_one_another(journal: Journal, folder: Path) -> None:
    archive(journal, folder, before(4))
    archive(journal, folder, before(8))
    assert archive(journal, folder, before(8)) is None
    archive(journal, folder, before(11))  # takes along the entry that names the first archive
    found = journal.verify()
    assert found.broken_at is None
    assert [(one.first, one.last, one.state) for one in archives(folder, found.archived).all] == [
        (1, 4, "whole"), (5, 8, "whole"), (9, 11, "whole"),
    ]  # fmt: skip


def test_the_newest_entry_stays(journal: Journal, folder: Path) -> None:
    archive(journal, folder, "2030-01-01T00:00:00.000Z")
    assert numbers(journal) == [10, 11]
    assert journal.begin("sign", {}) == 12
    assert journal.verify().broken_at is None


def test_archives_that_are_gone_or_changed_are_told(journal: Journal, folder: Path) -> None:
    first, second = archive(journal, folder, before(4)), archive(journal, folder, before(8))
    assert first is not None
    assert second is not None
    (folder / first.file).unlink()
    lines = gzip.decompress((folder / second.file).read_bytes()).replace(b"entry 6", b"entry 9")
    (folder / second.file).write_bytes(gzip.compress(lines))
    assert [one.state for one in archives(folder, journal.verify().archived).all] == ["absent", "changed"]
    (folder / second.file).write_bytes(b"\x1f\x8b nonsense")
    assert archives(folder, journal.verify().archived).all[1].state == "changed"


def test_of_a_changed_archive_the_entries_before_the_change_still_count(journal: Journal, folder: Path) -> None:
    hashes = {entry.number: entry.hash for entry in journal.entries(100)}
    made = archive(journal, folder, before(6))
    assert made is not None
    whole = gzip.decompress((folder / made.file).read_bytes()).splitlines(keepends=True)
    named = journal.verify().archived

    def broken_at(*lines: bytes) -> int | None:
        (folder / made.file).write_bytes(gzip.compress(b"".join(lines)))
        found = archives(folder, named).all[0]
        assert found.state == "changed"
        return found.broken_at

    assert broken_at(*whole[:3], whole[3].replace(b"entry 4", b"entry 9"), *whole[4:]) == 4
    assert broken_at(*whole[:5], whole[5].replace(b"entry 6", b"entry 9")) == 6
    assert broken_at(*whole[:3], *whole[4:]) == 3, "nothing proves the last one before a gap"
    assert broken_at(*whole[1:]) == 1
    assert [archives(folder, named, hashes[number]).sought_at for number in (1, 2, 7)] == [None, None, None]
    (folder / made.file).write_bytes(gzip.compress(b"".join(whole)))
    assert [archives(folder, named, hashes[number]).sought_at for number in (1, 6, 7)] == [1, 6, None]
    assert [journal.verify(hashes[number]).sought_at for number in (6, 7, 10)] == [None, 7, 10]


def test_a_pipe_in_an_archives_place_keeps_nobody_waiting(journal: Journal, folder: Path) -> None:
    made = archive(journal, folder, before(6))
    assert made is not None
    (folder / made.file).unlink()
    os.mkfifo(folder / made.file)
    assert archives(folder, journal.verify().archived).all[0].state == "changed"


def test_entries_cut_out_beside_those_archived_are_found(journal: Journal, folder: Path, tmp_path: Path) -> None:
    archive(journal, folder, before(4))
    journal.close()
    connection = sqlite3.connect(tmp_path / "journal.sqlite")
    connection.execute("DROP TRIGGER never_deleted")
    connection.execute("DELETE FROM entries WHERE number = 5")
    connection.commit()
    connection.close()
    assert journal.verify().broken_at is not None


def test_a_changed_entry_is_not_archived(journal: Journal, folder: Path, tmp_path: Path) -> None:
    journal.close()
    connection = sqlite3.connect(tmp_path / "journal.sqlite")
    connection.execute("DROP TRIGGER never_changed")
    connection.execute("UPDATE entries SET kind = 'resume' WHERE number = 3")
    connection.commit()
    connection.close()
    with pytest.raises(JournalTampered) as caught:
        archive(journal, folder, before(6))
    assert caught.value.facts == {"entry": 3}
    assert numbers(journal) == list(range(1, 11))
    assert list(folder.iterdir()) == []


def test_a_full_disk_loses_nothing(journal: Journal) -> None:
    with pytest.raises(FileUnwritable):
        archive(journal, Path("/dev/full/archive"), before(6))
    assert numbers(journal) == list(range(1, 11))


def test_nothing_is_taken_out_where_the_archive_reads_differently(
    journal: Journal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.records.archive._pack", lambda file, lines: file.write(b"".join(lines)[:40]))
    with pytest.raises(FileUnwritable):
        archive(journal, folder, before(6))
    assert numbers(journal) == list(range(1, 11))


def test_a_break_while_entries_are_taken_out_is_made_good(
    journal: Journal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "_CUT", 2)
    clear, calls = Journal._clear_some, []

    def breaks(connection: sqlite3.Connection) -> bool:
        calls.append(1)
        if len(calls) == 3:  # the first one looks for what an earlier break left over
            raise sqlite3.OperationalError("disk I/O error")
        return clear(connection)

    monkeypatch.setattr(Journal, "_clear_some", staticmethod(breaks))
    with pytest.raises(JournalUnwritable):
        archive(journal, folder, before(6))
    assert numbers(journal) == list(range(3, 12)), "two are out, four are left over"
    found = journal.verify()
    assert found.broken_at is None
    assert archives(folder, found.archived).all[0].state == "whole"
    journal.clear_archived()
    assert numbers(journal) == list(range(7, 12))
    assert journal.verify().broken_at is None


def test_the_file_forbids_deletion_again_afterwards(journal: Journal, folder: Path, tmp_path: Path) -> None:
    archive(journal, folder, before(4))
    connection = sqlite3.connect(tmp_path / "journal.sqlite")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("DELETE FROM entries WHERE number = 5")
    connection.close()


def test_what_was_archived_is_no_longer_found_and_the_rest_is(journal: Journal, folder: Path, tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite", journal)
    assert len(index.search(Query(words="entry")).entries) == 9
    archive(journal, folder, before(4))
    assert [entry.number for entry in index.search(Query(words="entry")).entries][-1] == 5
    journal.note("pause", {"document": "entry late"})
    assert index.search(Query(words="late")).entries[0].number == 12
    index.close()


def test_a_damaged_file_is_told_to_whoever_listens(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"not a database, only some text " * 200)
    journal, told = Journal(path, Clock()), list[str]()
    journal.begin("sign", {})
    journal.listen(told.append)
    assert told == [journal.entries(9)[0].facts["kept_as"]]
    journal.close()
    path.write_bytes(b"damaged again, while somebody listens " * 200)
    journal.begin("sign", {})
    assert len(told) == 2
    journal.close()
