"""An index of the journal's words, in a file of its own that can be thrown away: what is lost or damaged is made anew.

The index finds numbers; entries are always read from the journal. It is SQLite FTS5 without a copy of the text. Periods
are narrowed down by blocks of entries: times need not ascend, for clocks are set back.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.errors import Fact
from agent.journal import Entry, Journal, parsed_facts
from agent.records.query import Found, Query
from agent.records.words import carried, fits, terms_of

UPDATE_SECONDS = 1.0  # that a search spends on bringing the index up to date
SCAN_SECONDS = 2.0  # that a search looks at entries which do not fit; then it is continued by the next call
_VERSION = "3"  # of the terms and the tables
_BLOCK = 1024  # entries
_LONGEST_INDEXED = 8  # characters: the longest beginnings that FTS5 has an index for
_MEANT = 32  # long words that a beginning may stand for; where there are more, FTS5 looks for them
_BATCH = 2000  # entries written at a time
_KEPT = 4096  # newest entries whose carried facts are held while the index is written

_SCHEMA = """
CREATE TABLE state (version TEXT NOT NULL, number INTEGER NOT NULL, hash TEXT NOT NULL);
CREATE TABLE blocks (block INTEGER PRIMARY KEY, first TEXT NOT NULL, last TEXT NOT NULL);
CREATE TABLE long (word TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(terms, content='', detail=none, columnsize=0, tokenize='ascii',
    prefix='3 4 5 6 7 8');
"""

_log = logging.getLogger("pero.journal")


class Index:
    """May be called from several threads; every call blocks for the disk."""

    def __init__(self, path: Path, journal: Journal) -> None:
        self._path = path
        self._journal = journal
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._recent: dict[int, dict[str, Fact]] = {}

    def search(self, query: Query) -> Found:
        """Raises FileUnreadable where the journal cannot be read. Without an index, the journal itself is read."""
        with self._lock, self._journal.reader() as journal:
            try:
                behind = self._update(journal, time.monotonic() + UPDATE_SECONDS)
                return self._search(journal, query, behind)
            except (sqlite3.Error, OSError) as error:
                _log.warning("index_unusable reason=%s", error)
                self._throw_away()
            return _scan(journal, query)

    def update(self, seconds: float) -> int:
        """Take in what is new, for so long at most; how many entries are left. Raises FileUnreadable of the journal."""
        with self._lock, self._journal.reader() as journal:
            try:
                return self._update(journal, time.monotonic() + seconds)
            except (sqlite3.Error, OSError) as error:
                _log.warning("index_unusable reason=%s", error)
                self._throw_away()
                return 0

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _search(self, journal: sqlite3.Connection, query: Query, behind: int) -> Found:
        first, last = self._numbers(journal, query)
        terms = query.terms()
        if first > last:
            return Found([], None, behind)
        numbers: Iterator[tuple[int]]
        if terms:
            match = " AND ".join("(" + " OR ".join(self._meant(one) for one in choice) + ")" for choice in terms)
            sought = "SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid DESC"
            numbers = self._open().execute(sought, (match, first, last))
        else:
            within = "SELECT number FROM entries WHERE number BETWEEN ? AND ? ORDER BY number DESC"
            numbers = journal.execute(within, (first, last))
        return _read(journal, query, numbers, behind)

    def _meant(self, term: str) -> str:
        """A term in the language of FTS5. A long beginning stands for the words that it has: merging the entries of a
        word that nearly all of them have would take it long."""
        bare = term.removesuffix("*")
        if bare == term or len(bare) <= _LONGEST_INDEXED or not bare.isalpha():
            return _quoted(term)
        sought = "SELECT word FROM long WHERE word >= ? AND word < ? LIMIT ?"
        words = [word for (word,) in self._open().execute(sought, (bare, f"{bare}\U0010ffff", _MEANT + 1))]
        return " OR ".join(_quoted(word) for word in words or [bare]) if len(words) <= _MEANT else _quoted(term)

    def _numbers(self, journal: sqlite3.Connection, query: Query) -> tuple[int, int]:
        """The numbers among which entries of the period are; (1, 0) where there are none."""
        (first,) = journal.execute("SELECT coalesce(min(number), 1) FROM entries").fetchone()
        _, last, _ = self._open().execute("SELECT * FROM state").fetchone()
        if query.since or query.until:
            wanted = "SELECT min(block), max(block) FROM blocks WHERE last >= ? AND first < ?"
            low, high = self._open().execute(wanted, (query.since, query.until or "~")).fetchone()
            if low is None:
                return (1, 0)
            first, last = max(first, low * _BLOCK), min(last, high * _BLOCK + _BLOCK - 1)
        if query.before is not None:
            last = min(last, query.before - 1)
        return first, last

    def _update(self, journal: sqlite3.Connection, deadline: float) -> int:
        index = self._open()
        _, done, digest = index.execute("SELECT * FROM state").fetchone()
        (newest,) = journal.execute("SELECT coalesce(max(number), 0) FROM entries").fetchone()
        if done and not self._follows(journal, done, digest):
            self._throw_away()  # another journal stands there now
            index, done = self._open(), 0
        newest, done = int(newest), int(done)
        while done < newest and time.monotonic() < deadline:
            rows = journal.execute(
                "SELECT number, time, kind, facts, hash FROM entries WHERE number > ? ORDER BY number LIMIT ?",
                (done, _BATCH),
            ).fetchall()
            if not rows:
                break
            self._take_in(index, journal, rows)
            done = int(rows[-1][0])
        return max(0, newest - done)

    @staticmethod
    def _follows(journal: sqlite3.Connection, number: int, digest: str) -> bool:
        """Whether the entry that was indexed last is the journal's; one that was archived meanwhile is believed."""
        row = journal.execute("SELECT hash FROM entries WHERE number = ?", (number,)).fetchone()
        if row is None:
            (oldest,) = journal.execute("SELECT coalesce(min(number), 0) FROM entries").fetchone()
            return bool(number < oldest)
        return bool(row[0] == digest)

    def _take_in(self, index: sqlite3.Connection, journal: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
        terms, blocks, long = [], dict[int, tuple[str, str]](), set[str]()
        for number, moment, kind, text, _ in rows:
            found = self._terms(journal, number, str(kind), text)
            terms.append((number, " ".join(found)))
            long.update(word for word in found if len(word) > _LONGEST_INDEXED and word.isalpha())
            low, high = blocks.get(number // _BLOCK, (str(moment), str(moment)))
            blocks[number // _BLOCK] = (min(low, str(moment)), max(high, str(moment)))
        index.execute("BEGIN IMMEDIATE")
        try:
            index.executemany("INSERT INTO words (rowid, terms) VALUES (?, ?)", terms)
            index.executemany("INSERT OR IGNORE INTO long VALUES (?)", ((word,) for word in long))
            index.executemany(
                "INSERT INTO blocks VALUES (?, ?, ?) ON CONFLICT (block)"
                " DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)",
                [(block, *times) for block, times in blocks.items()],
            )
            index.execute("UPDATE state SET number = ?, hash = ?", (rows[-1][0], rows[-1][4]))
            index.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                index.execute("ROLLBACK")
            raise

    def _terms(self, journal: sqlite3.Connection, number: int, kind: str, text: object) -> frozenset[str]:
        facts = parsed_facts(text)
        self._recent[number] = carried(facts)
        if len(self._recent) > 2 * _KEPT:
            for old in sorted(self._recent)[:_KEPT]:
                del self._recent[old]
        return entry_terms(journal, kind, facts, self._recent)

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        try:
            self._connection = _connect(self._path)
        except sqlite3.DatabaseError:
            self._throw_away()
            self._connection = _connect(self._path)
        return self._connection

    def _throw_away(self) -> None:
        self._drop()
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                os.unlink(f"{self._path}{suffix}")  # noqa: PTH108
        self._recent.clear()

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


def entry_terms(
    journal: sqlite3.Connection, kind: str, facts: dict[str, Fact], known: dict[int, dict[str, Fact]]
) -> frozenset[str]:
    """The terms of an entry; what ends or tells of an intention is found by the intention's document and site too."""
    number = facts.get("entry")
    if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 1 << 63:
        if number not in known:
            row = journal.execute("SELECT facts FROM entries WHERE number = ?", (number,)).fetchone()
            known[number] = carried(parsed_facts(row[0])) if row else {}
        return terms_of(kind, facts) | terms_of(kind, known[number])
    return terms_of(kind, facts)


def _connect(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")  # what a loss of power damages is made anew
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'state'").fetchone() is None:
            connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
            connection.execute("INSERT INTO state VALUES (?, 0, '')", (_VERSION,))
        (version,) = connection.execute("SELECT version FROM state").fetchone()
        if version != _VERSION:
            raise sqlite3.DatabaseError(f"version {version}")
    except (sqlite3.Error, TypeError) as error:
        connection.close()
        raise sqlite3.DatabaseError(str(error)) from error
    return connection


def _read(journal: sqlite3.Connection, query: Query, numbers: Iterator[tuple[int]], behind: int) -> Found:
    """The entries of these numbers that are in the period; it goes on with the next call where that takes long."""
    entries, deadline = list[Entry](), time.monotonic() + SCAN_SECONDS
    for (number,) in numbers:
        row = journal.execute("SELECT * FROM entries WHERE number = ?", (number,)).fetchone()
        if row is None or not query.in_period(str(row[1])):
            if time.monotonic() > deadline:
                return Found(entries, number, behind)
            continue
        if len(entries) == query.limit:
            return Found(entries, entries[-1].number, behind)
        entries.append(Entry.of_row(row))
    return Found(entries, None, behind)


def _scan(journal: sqlite3.Connection, query: Query) -> Found:
    """The same without an index."""
    deadline = time.monotonic() + SCAN_SECONDS
    asked, entries, known = query.terms(), list[Entry](), dict[int, dict[str, Fact]]()
    rows = journal.execute("SELECT * FROM entries WHERE number < ? ORDER BY number DESC", (query.before or 1 << 62,))
    for row in rows:
        entry = Entry.of_row(row)
        if not query.in_period(entry.time) or not fits(entry_terms(journal, entry.kind, entry.facts, known), asked):
            if time.monotonic() > deadline:
                return Found(entries, entry.number)
            continue
        if len(entries) == query.limit:
            return Found(entries, entries[-1].number)
        entries.append(entry)
    return Found(entries, None)


def _quoted(term: str) -> str:
    return json.dumps(term.removesuffix("*"), ensure_ascii=False) + ("*" if term.endswith("*") else "")
