"""The journal: what it keeps, what it finds, what it refuses."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import queue
import re
import socket
import sqlite3
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from agent.errors import FileUnreadable, JournalUnwritable
from agent.journal import MAX_FACTS, START, Journal, system_log

MOSCOW_NOON = datetime(2026, 3, 1, 12, 0, 0, 250000, tzinfo=timezone(timedelta(hours=3)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    journal = Journal(path, lambda: MOSCOW_NOON)
    yield journal
    journal.close()


def write_some(journal: Journal) -> None:
    """Entries 1 (begun) to 4."""
    entry = journal.begin("sign", {"origin": "https://a.example", "document": "договор.pdf"})
    journal.finish(entry, "signed", {"certificate": "ab" * 32})
    journal.note("forget_site", {"origin": "https://b.example"})


def tamper(path: Path, *statements: str) -> None:
    """What somebody with a copy of sqlite3 does to the file."""
    connection = sqlite3.connect(path)
    for name in ("never_changed", "never_deleted", "in_order"):
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_an_intention_and_its_outcome_are_two_entries(journal: Journal) -> None:
    entry = journal.begin("sign", {"origin": "https://a.example"})
    journal.finish(entry, "refused", {})
    intention, outcome = journal.entries(2)
    assert (intention.number, intention.kind, intention.facts) == (entry, "sign", {"origin": "https://a.example"})
    assert (outcome.kind, outcome.facts) == ("outcome", {"entry": entry, "outcome": "refused"})


def test_times_are_kept_in_utc_whatever_zone_the_clock_has(journal: Journal) -> None:
    journal.note("connect", {})
    assert {entry.time for entry in journal.entries(9)} == {"2026-03-01T09:00:00.250Z"}


def test_the_newest_entries_come_oldest_first(journal: Journal) -> None:
    write_some(journal)
    assert [entry.number for entry in journal.entries(2)] == [3, 4]


def test_hashes_are_what_the_documentation_says(journal: Journal, path: Path) -> None:
    """Computed here from the description alone."""
    write_some(journal)
    journal.close()
    rows = sqlite3.connect(path).execute("SELECT number, time, kind, facts, previous, hash FROM entries").fetchall()
    previous = "0" * 64
    for number, time, kind, facts, before, recorded in rows:
        array = ["pero-journal-1", number, time, kind, facts, previous]
        encoded = json.dumps(array, separators=(",", ":"), ensure_ascii=True).encode("ascii")
        assert before == previous
        assert recorded == hashlib.sha256(encoded).hexdigest()
        assert facts == json.dumps(json.loads(facts), separators=(",", ":"), ensure_ascii=True, sort_keys=True)
        previous = recorded
    assert len(rows) == 4


def test_an_untouched_journal_is_whole(journal: Journal) -> None:
    write_some(journal)
    found = journal.verify()
    assert (found.count, found.broken_at) == (4, None)
    assert found.head == journal.entries(1)[0].hash


@pytest.mark.parametrize(
    "change",
    [
        "time = '2026-03-01T09:00:00.251Z'",
        "kind = 'choose'",
        """facts = '{"origin":"https://other.example"}'""",
        "facts = 'nonsense'",
        "facts = NULL",
        "facts = x'00ff'",
        f"previous = '{'1' * 64}'",
        f"hash = '{'1' * 64}'",
        "number = 9",
    ],
)
def test_a_change_of_any_field_is_found_at_its_entry(journal: Journal, path: Path, change: str) -> None:
    write_some(journal)
    journal.close()
    free = "PRAGMA writable_schema = ON" if "NULL" in change else ""
    if free:
        tamper(path, free, "UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE name = 'entries'")
        connection = sqlite3.connect(path)
        connection.execute(f"UPDATE entries SET {change} WHERE number = 2")
        connection.commit()
        connection.close()
    else:
        tamper(path, f"UPDATE entries SET {change} WHERE number = 2")
    found = journal.verify()
    assert (found.count, found.broken_at) == (1, 2)
    assert journal.entries(9), "what is left can still be shown"


def test_a_changed_entry_with_a_fitting_hash_of_its_own_breaks_the_next_one(journal: Journal, path: Path) -> None:
    write_some(journal)
    row = journal.entries(3)[0]
    array = ["pero-journal-1", row.number, row.time, "choose", "{}", row.previous]
    forged = hashlib.sha256(json.dumps(array, separators=(",", ":")).encode()).hexdigest()
    journal.close()
    tamper(path, f"UPDATE entries SET kind = 'choose', facts = '{{}}', hash = '{forged}' WHERE number = 2")
    assert journal.verify().broken_at == 3


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_row_cut_out_is_found(journal: Journal, path: Path, number: int) -> None:
    write_some(journal)
    journal.close()
    tamper(path, f"DELETE FROM entries WHERE number = {number}")
    assert journal.verify().broken_at == number


def test_a_cut_at_the_end_shows_only_against_a_head_kept_elsewhere(path: Path) -> None:
    heads: list[tuple[int, str]] = []
    journal = Journal(path, lambda: MOSCOW_NOON, lambda number, head: heads.append((number, head)))
    write_some(journal)
    journal.close()
    tamper(path, "DELETE FROM entries WHERE number = 4")
    found = journal.verify()
    assert found.broken_at is None
    assert heads[-1][0] == 4
    assert found.head != heads[-1][1]
    journal.close()


def test_outcomes_and_notes_are_announced_and_intentions_are_not(path: Path) -> None:
    heads: list[tuple[int, str]] = []
    journal = Journal(path, lambda: MOSCOW_NOON, lambda number, head: heads.append((number, head)))
    entry = journal.begin("sign", {})
    assert heads == []
    journal.finish(entry, "signed", {})
    assert heads == [(3, journal.entries(1)[0].hash)]
    journal.close()


def test_an_outcome_that_did_not_wait_for_the_disk_is_announced_when_it_is_there(path: Path) -> None:
    heads: queue.Queue[tuple[int, str]] = queue.Queue()
    journal = Journal(path, lambda: MOSCOW_NOON, lambda number, head: heads.put((number, head)))
    entry = journal.begin("sign", {}, durable=False)
    journal.finish(entry, "signed", {}, durable=False)
    assert heads.empty(), "a loss of power would make a cut of it"
    assert journal.entries(1)[0].facts["outcome"] == "signed"
    assert heads.get(timeout=30)[0] == 3, "soon, by itself"
    journal.close()
    assert heads.empty()


def test_what_waits_for_the_disk_takes_along_what_did_not_and_heads_stay_in_order(path: Path) -> None:
    heads: list[int] = []
    journal = Journal(path, lambda: MOSCOW_NOON, lambda number, head: heads.append(number))
    journal.finish(journal.begin("sign", {}, durable=False), "signed", {}, durable=False)
    journal.note("connect", {})
    assert heads == [3, 4]
    journal.finish(journal.begin("sign", {}, durable=False), "signed", {}, durable=False)
    journal.close()
    assert heads == [3, 4, 6], "and so does the end"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET kind = 'x' WHERE number = 2",
        "DELETE FROM entries WHERE number = 4",
        "INSERT OR REPLACE INTO entries VALUES (4, '', '', '', '', '')",
        "INSERT INTO entries VALUES (9, '', '', '', '', '')",
    ],
)
def test_the_file_itself_forbids_changes(journal: Journal, path: Path, statement: str) -> None:
    write_some(journal)
    connection = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()


def test_the_files_are_open_to_nobody_else(journal: Journal, path: Path) -> None:
    before = os.umask(0)
    try:
        write_some(journal)
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}, modes


def test_a_link_in_the_journals_place_is_not_followed(journal: Journal, path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalUnwritable):
        journal.begin("sign", {})
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["pin", "puk", "passphrase", "password"])
def test_secrets_are_refused_by_name(journal: Journal, name: str) -> None:
    with pytest.raises(ValueError, match="secrets"):
        journal.begin("sign", {name: "1234"})
    assert "1234" not in str(journal.entries(9))


def test_facts_have_a_limit(journal: Journal) -> None:
    with pytest.raises(JournalUnwritable):
        journal.begin("sign", {"document": "x" * MAX_FACTS})
    assert journal.verify().count == 1


def test_names_that_are_no_valid_unicode_are_kept(journal: Journal) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    journal.begin("sign", {"document": name})
    assert journal.entries(1)[0].facts == {"document": name}
    assert journal.verify().broken_at is None


def test_a_directory_in_the_way_makes_it_unwritable(journal: Journal, path: Path) -> None:
    path.mkdir()
    with pytest.raises(JournalUnwritable) as caught:
        journal.begin("sign", {})
    assert caught.value.facts["reason"]
    with pytest.raises(FileUnreadable):
        journal.verify()


def test_it_works_again_once_the_trouble_is_over(journal: Journal, path: Path) -> None:
    path.mkdir()
    with pytest.raises(JournalUnwritable):
        journal.begin("sign", {})
    path.rmdir()
    assert journal.begin("sign", {}) == 2


def test_a_file_that_another_program_holds_makes_it_unwritable(
    journal: Journal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.journal.BUSY_TIMEOUT", 0.1)
    write_some(journal)
    journal.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalUnwritable, match="locked"):
        journal.begin("sign", {})
    other.execute("ROLLBACK")
    other.close()
    assert journal.begin("sign", {}) == 5


@pytest.mark.parametrize("garbage", [b"not a database, only some text " * 200, os.urandom(8192)])
def test_a_damaged_file_is_kept_aside_and_a_new_one_says_so(
    journal: Journal, path: Path, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(garbage)
    with caplog.at_level(logging.ERROR, "pero.journal"):
        assert journal.begin("sign", {}) == 2
    kept = [file for file in path.parent.iterdir() if ".damaged-" in file.name]
    assert [file.read_bytes() for file in kept] == [garbage]
    assert re.fullmatch(r"journal\.sqlite\.damaged-20260301T090000Z", kept[0].name)
    first = journal.entries(9)[0]
    assert (first.kind, first.facts, first.previous) == ("journal_begun", {"kept_as": kept[0].name}, START)
    assert "journal_damaged" in caplog.text
    assert journal.verify().broken_at is None


@pytest.mark.parametrize("place", ["root", "end"])
def test_damage_that_shows_at_an_entry_is_kept_aside_too(journal: Journal, path: Path, place: str) -> None:
    """At the root page it shows when the file is opened, at the last page only when an entry is to be written."""
    for _ in range(200):
        journal.note("connect", {"origin": "https://a.example"})
    journal.close()
    content = bytearray(path.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    connection = sqlite3.connect(path)
    (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'entries'").fetchone()
    (last,) = connection.execute("SELECT hash FROM entries WHERE number = 201").fetchone()
    connection.close()
    start = (root - 1) * page if place == "root" else content.find(last.encode()) // page * page
    content[start : start + page] = b"\xff" * page
    path.write_bytes(content)
    journal.begin("sign", {})
    assert [entry.kind for entry in journal.entries(9)] == ["journal_begun", "sign"]
    assert journal.entries(9)[0].facts["kept_as"]


def test_damage_in_the_middle_is_reported_by_verify(journal: Journal, path: Path) -> None:
    for _ in range(400):
        journal.note("connect", {"origin": "https://a.example"})
    journal.close()
    content = bytearray(path.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    place = content.find(b"connect", len(content) // 2) // page * page
    content[place : place + page] = b"\xff" * page
    path.write_bytes(content)
    found = journal.verify()
    assert found.broken_at is not None
    assert found.broken_at == found.count + 1
    assert 1 < found.count < 401


def test_a_file_deleted_under_a_running_agent_is_begun_anew(journal: Journal, path: Path) -> None:
    write_some(journal)
    for file in list(path.parent.iterdir()):
        file.unlink()
    journal.begin("sign", {})
    assert [entry.kind for entry in journal.entries(9)] == ["journal_begun", "sign"]
    assert path.exists()


def test_heads_reach_the_system_log(tmp_path: Path) -> None:
    address = tmp_path / "log"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(address))
    listener.settimeout(10)
    announce = system_log(address)
    assert announce is not None
    announce(7, "ab" * 32)
    line = listener.recv(4096)
    listener.close()
    assert re.fullmatch(rb"<\d+>pero: journal entry 7 head (ab){32}\0?", line)
    announce(8, "cd" * 32)  # nobody listens any more, and nothing is raised


def test_a_machine_without_a_system_log_has_none(tmp_path: Path) -> None:
    assert system_log(tmp_path / "absent") is None


def test_a_full_system_log_stops_nothing(tmp_path: Path) -> None:
    address = tmp_path / "log"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(address))
    announce = system_log(address)
    assert announce is not None
    for number in range(5000):  # more than any socket buffer holds; nobody reads
        announce(number, "ef" * 32)
    listener.close()


def test_times_without_a_zone_do_not_get_in(path: Path) -> None:
    """`astimezone` would take them for local time; a clock of ours always has a zone."""
    journal = Journal(path, lambda: datetime.now(UTC))
    journal.begin("sign", {})
    assert journal.entries(1)[0].time.endswith("Z")
    journal.close()
