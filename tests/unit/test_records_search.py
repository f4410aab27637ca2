"""Searching the journal: what is found, by its index and without it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.journal import Journal
from agent.records import index as index_module
from agent.records.index import Index
from agent.records.query import Query

DIGEST = "ab12cd34" * 8


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal.sqlite", clock)
    yield journal
    journal.close()


@pytest.fixture(params=["index", "scan"])
def index(request: pytest.FixtureRequest, tmp_path: Path, journal: Journal) -> Iterator[Index]:
    """With its file, and where a folder stands in the file's place."""
    path = tmp_path / "journal-index.sqlite"
    if request.param == "scan":
        path.mkdir()
    index = Index(path, journal)
    yield index
    index.close()


def write_some(journal: Journal) -> None:
    """Entries 2 to 6."""
    facts = {"origin": "https://zakupki.example", "document": "Договор поставки №15.pdf", "digest": DIGEST}
    journal.finish(journal.begin("sign", facts), "signed", {"certificate": "f0" * 32})
    journal.finish(journal.begin("sign", {"origin": "https://b.example", "document": "Act12.xml"}), "refused", {})
    journal.note("forget_site", {"origin": "https://b.example"})


def numbers(index: Index, **parts: object) -> list[int]:
    return [entry.number for entry in index.search(Query(**parts)).entries]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", [6, 5, 4, 3, 2, 1]),
        ("договор", [3, 2]),
        ("ДОГОВ поставки", [3, 2]),
        ("договор act", []),
        ("дого 15", [3, 2]),
        ("поставки", [3, 2]),
        ("поставкам", []),
        ("certificatx", []),
        ("обращениями", []),
        ("zakupkiexa", []),
        ("act12.xml", [5, 4]),
        ("signed", [3]),
        ("подписано", [3]),
        ("site forgotten", [6]),
        ("b.example", [6, 5, 4]),
        (DIGEST, [2]),
        (DIGEST.upper()[:12], [2]),
        ("f0" * 32, [3]),
        ('" OR * AND (', []),
        ("terms: NOT x", []),
    ],
)
def test_words_find_entries_in_any_case_and_by_their_beginnings(
    journal: Journal, index: Index, words: str, found: list[int]
) -> None:
    write_some(journal)
    assert numbers(index, words=words) == found


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"kind": "sign"}, [4, 2]),
        ({"kind": "sig"}, []),
        ({"site": "https://b.example"}, [6, 5, 4]),
        ({"site": "https://b.example", "kind": "outcome"}, [5]),
        ({"outcome": "refused"}, [5]),
        ({"outcome": "refused", "words": "договор"}, []),
    ],
)
def test_filters_take_whole_values(journal: Journal, index: Index, filters: dict[str, str], found: list[int]) -> None:
    write_some(journal)
    assert numbers(index, **filters) == found


def test_a_period_takes_in_its_beginning_and_leaves_out_its_end(journal: Journal, index: Index) -> None:
    write_some(journal)
    times = {entry.number: entry.time for entry in journal.entries(9)}
    assert numbers(index, since=times[3], until=times[5]) == [4, 3]
    assert numbers(index, since=times[3], words="signed") == [3]
    assert numbers(index, since="2027-01-01T00:00:00.000Z") == []


def test_a_clock_set_back_hides_nothing(journal: Journal, index: Index, clock: Clock) -> None:
    clock.now = datetime(2030, 1, 1, tzinfo=UTC)
    for _ in range(3):
        journal.note("pause", {})
    clock.now = datetime(2026, 5, 1, tzinfo=UTC)
    journal.note("resume", {})
    assert numbers(index, since="2030-01-01T00:00:00.000Z") == [4, 3, 2, 1]
    assert numbers(index, until="2027-01-01T00:00:00.000Z") == [5]


def test_a_long_answer_is_continued_where_it_ended(journal: Journal, index: Index) -> None:
    journal.note_all("batch_document", [{"document": f"{number} act.pdf"} for number in range(2500)])
    before, seen = None, []
    while True:
        found = index.search(Query(words="act", limit=700, before=before))
        seen += [entry.number for entry in found.entries]
        if found.next is None:
            break
        before = found.next
    assert seen == list(range(2501, 1, -1))


def test_a_search_that_takes_long_goes_on_with_the_next_call(
    journal: Journal, index: Index, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that jumps to and fro lets the period say little about where its entries are."""
    monkeypatch.setattr(index_module, "SCAN_SECONDS", 0.0)
    for number in range(60):
        clock.now = datetime(2030 if number % 20 == 0 else 2026, 1, 1, tzinfo=UTC)
        journal.note("pause", {"document": "act"})
    before, seen, calls = None, [], 0
    while True:
        found = index.search(Query(words="act", since="2030-01-01T00:00:00.000Z", before=before))
        seen += [entry.number for entry in found.entries]
        calls += 1
        if found.next is None:
            break
        before = found.next
    assert seen == [42, 22, 2]
    assert calls > 50, "each of them looked at one entry that does not fit, at least"


def test_long_beginnings_are_found_by_the_index_alone(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is typed of a long word must not be looked for entry by entry: a million of them would take minutes."""
    journal.note_all("batch_document", [{"document": "сопроводительное письмо"}] * 3000)
    journal.note("pause", {"document": "сопроводительная записка"})
    index, looked = Index(tmp_path / "index.sqlite", journal), list[str]()
    index.search(Query())
    with journal.reader() as reader:
        reader.set_trace_callback(looked.append)
        found = index._search(reader, Query(words="сопроводительная"), 0)
    both = [entry.number for entry in journal.entries(100)][::-1]
    assert numbers(index, words="сопроводительн") == both
    monkeypatch.setattr(index_module, "_MEANT", 1)
    assert numbers(index, words="сопроводительн") == both
    assert numbers(index, words="сопроводительница") == []
    index.close()
    assert [entry.number for entry in found.entries] == [3002]
    assert len([one for one in looked if "number = " in one]) == 1


def test_what_is_written_later_is_found_too(journal: Journal, index: Index) -> None:
    write_some(journal)
    assert numbers(index, words="late") == []
    journal.note("pause", {"document": "late.pdf"})
    assert numbers(index, words="late") == [7]


def test_names_that_are_no_valid_unicode_are_found_by_the_rest(journal: Journal, index: Index) -> None:
    journal.begin("sign", {"document": os.fsdecode(b"caf\xe9 menu.txt")})
    assert numbers(index, words="menu") == [2]


def test_a_damaged_index_is_made_anew(journal: Journal, tmp_path: Path) -> None:
    write_some(journal)
    path = tmp_path / "index.sqlite"
    for damage in (b"no database at all", os.urandom(9000)):
        path.write_bytes(damage)
        index = Index(path, journal)
        assert numbers(index, words="договор") == [3, 2]
        index.close()
        assert sqlite3.connect(path).execute("SELECT number FROM state").fetchone() == (6,)


def test_an_index_of_another_journal_is_not_believed(journal: Journal, tmp_path: Path, clock: Clock) -> None:
    write_some(journal)
    index = Index(tmp_path / "index.sqlite", journal)
    assert numbers(index, words="договор") == [3, 2]
    for file in tmp_path.glob("journal.sqlite*"):
        file.unlink()
    for _ in range(9):
        journal.note("pause", {"document": "other"})
    assert numbers(index, words="договор") == []
    assert numbers(index, words="other") == list(range(10, 1, -1))
    index.close()


def test_a_search_says_how_much_it_has_not_seen_yet(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.note_all("batch_document", [{"document": "act"}] * 5000)
    index = Index(tmp_path / "index.sqlite", journal)
    monkeypatch.setattr(index_module, "UPDATE_SECONDS", 0.0)
    assert index.search(Query(words="act")).behind == 5001
    monkeypatch.undo()
    assert index.update(60) == 0
    found = index.search(Query(words="act"))
    assert (len(found.entries), found.behind) == (100, 0)
    index.close()


def test_the_index_is_open_to_nobody_else_and_holds_no_journal(journal: Journal, tmp_path: Path) -> None:
    write_some(journal)
    index = Index(tmp_path / "index.sqlite", journal)
    numbers(index, words="договор")
    assert (tmp_path / "index.sqlite").stat().st_mode & 0o777 == 0o600
    index.close()
