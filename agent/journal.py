"""The journal: what was asked, by whom, about which document, and how it ended. Append-only SQLite, chained by hashes.

Every entry is a row of its own; nothing is ever changed. A signature is three entries: the intention and the agreement
with its certificate (`confirmed`), both before the token is asked, and the outcome, before the signature leaves. The
later ones name the intention's number in their fact `entry`. An intention without an outcome was cut short. What is
agreed to is on the disk before the token is asked. The outcome of a signature is written before the signature leaves,
and is on the disk within SETTLE_SECONDS: a loss of power in between leaves an agreement without an outcome.
Document names, digests, thumbprints and origins are kept; PINs, documents and personal names are not.

The hash of an entry is SHA-256 over the UTF-8 bytes of the JSON array

    ["pero-journal-1", number, time, kind, facts, previous]

written without spaces and in ASCII only (other characters as \\uXXXX), where `facts` is the stored text: a JSON object
in the same form with its keys sorted. `previous` is the hash of the entry before, 64 zeros at entry 1. Numbers count
from 1 without gaps.

Old entries may be moved to an archive, first in order: what was written there is then taken out here, and an entry of
kind `archived` names the archive, the numbers and the hash of the last one, so that the chain goes on (see
records.archive). Numbers are never given twice.

What the chain finds: every edit, and every cut but one at the end. A cut at the end shows when the head is compared
with the one that went to the system log. Whoever may write the file can write a whole new chain: this finds nothing
then but that the system log disagrees.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import socket
import sqlite3
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from agent.errors import Fact, FileUnreadable, JournalUnwritable

BUSY_TIMEOUT = 2.0  # seconds that another process may hold the file
SETTLE_SECONDS = 0.5  # in which outcomes that do not wait for the disk come to it, together
MAX_FACTS = 64 << 10  # characters of an entry's facts
START = "0" * 64  # `previous` of entry 1
OUTCOME = "outcome"  # kind of the entry that ends an intention
BEGUN = "journal_begun"  # kind of entry 1; its fact `kept_as` names a damaged file that was put aside
ARCHIVED = "archived"  # kind of the entry that names an archive: facts `first`, `last`, `head`, `file`
_FORM = "pero-journal-1"
_CUT = 5000  # entries taken out at a time
_SECRET_NAMES = frozenset({"pin", "puk", "so_pin", "passphrase", "password", "secret"})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_SYSTEM_LOG = Path("/dev/log")
_USER_INFO = 14  # priority: facility 1, severity 6

_NEVER_DELETED = """
CREATE TRIGGER IF NOT EXISTS never_deleted BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    number   INTEGER PRIMARY KEY,
    time     TEXT NOT NULL,
    kind     TEXT NOT NULL,
    facts    TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash     TEXT NOT NULL
);
CREATE TRIGGER IF NOT EXISTS never_changed BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER IF NOT EXISTS in_order BEFORE INSERT ON entries
    WHEN NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM entries)
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""

Clock = Callable[[], datetime]  # the time now, with its zone
Announce = Callable[[int, str], None]  # number and hash of the newest entry
TellDamage = Callable[[str], None]  # the name under which a damaged file was kept

_log = logging.getLogger("pero.journal")


class Entry(msgspec.Struct, frozen=True):
    """One row, as it is stored; `facts` parsed."""

    number: int
    time: str  # UTC, ISO 8601 with milliseconds and Z
    kind: str
    facts: dict[str, Fact]
    previous: str  # lower-case hex
    hash: str  # lower-case hex

    @classmethod
    def of_row(cls, row: tuple[Any, ...]) -> Entry:
        number, time, kind, facts, previous, digest = row
        return cls(number, str(time), str(kind), parsed_facts(facts), str(previous), str(digest))


class Verification(msgspec.Struct, frozen=True):
    """What `Journal.verify` found."""

    count: int  # entries that are whole, counted from the first
    head: str  # hash of the last whole entry
    broken_at: int | None  # number of the first entry that is changed, missing or unreadable
    first: int = 1  # number of the first entry here; those before it were archived
    archived: tuple[Entry, ...] = ()  # the whole entries here that name archives, oldest first
    sought_at: int | None = None  # number of the whole entry here that has the hash sought


class Journal:
    """The journal of one state folder. The file is opened at first use, and again after any trouble with it.

    May be called from several threads. Every call blocks for the disk: a few milliseconds, at most BUSY_TIMEOUT.
    """

    def __init__(self, path: Path, clock: Clock, announce: Announce | None = None) -> None:
        self._path = path
        self._clock = clock
        self._announce = announce
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)  # device and inode of the open file
        self._waits = True  # whether a commit waits for the disk now
        self._unsettled: Entry | None = None  # the newest outcome that may not be on the disk yet
        self._timer: threading.Timer | None = None
        self._tell_damage: TellDamage | None = None
        self._damaged: list[str] = []  # what nobody was told of yet
        self.archiving = threading.Lock()  # whoever moves entries to an archive holds it

    def listen(self, tell_damage: TellDamage) -> None:
        """`tell_damage` hears of every damaged file that is put aside, from any thread; of earlier ones at once."""
        with self._lock:
            self._tell_damage, untold = tell_damage, self._damaged
            self._damaged = []
        for kept_as in untold:
            tell_damage(kept_as)

    def begin(self, kind: str, facts: Mapping[str, Fact], *, durable: bool = True) -> int:
        """Write an intention; its number. Raises JournalUnwritable: then the thing intended must not be done.

        Not `durable`: the entry is written, and comes to the disk with the next durable one, in order. For an
        intention that has such an entry between it and the deed: a loss of power loses only what nobody did.
        """
        return self._append(kind, facts, durable=durable).number

    def finish(self, entry: int, outcome: str, facts: Mapping[str, Fact], *, durable: bool = True) -> int:
        """Write how the intention with this number ended; the number of the new entry. Raises JournalUnwritable.

        Not `durable`: it comes to the disk soon, with others; its hash is announced then, for a head that the disk
        could lose would look like a cut.
        """
        row = {**facts, "entry": entry, "outcome": outcome}
        return self._append(OUTCOME, row, durable=durable, announced=True).number

    def settle(self) -> None:
        """Bring to the disk what was written; trouble with it is told by whoever writes next."""
        with self._lock:
            self._timer = None
            if self._unsettled is None or self._connection is None:
                return
            try:
                busy, _, _ = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            except sqlite3.Error as error:
                _log.error("journal_unsettled reason=%s", error)
                return
            if not busy:
                self._announce_settled()

    def note(self, kind: str, facts: Mapping[str, Fact]) -> int:
        """Write something that is over already (connect, refuse, forget, settings). Raises JournalUnwritable."""
        return self._append(kind, facts, announced=True).number

    def note_all(self, kind: str, rows: Sequence[Mapping[str, Fact]], *, durable: bool = True) -> int:
        """Write many entries at once, which wait for the disk once; the number of the last one. Not `durable`: as of
        `begin`. All of them are written or none. Raises JournalUnwritable."""
        return self._append(kind, *rows, durable=durable, announced=True).number

    def entries(self, limit: int) -> list[Entry]:
        """The newest `limit` entries, oldest first. Raises FileUnreadable."""
        newest = "SELECT * FROM entries ORDER BY number DESC LIMIT ?"
        with self._reading() as connection:
            return [Entry.of_row(row) for row in connection.execute(newest, (limit,))][::-1]

    def verify(self, sought: str = "") -> Verification:
        """Follow the chain from the first entry. `sought`: a hash, lower-case hex, that an entry should have. Raises
        FileUnreadable where the file cannot be opened at all."""
        with self.reader() as connection:
            return _follow(connection, sought)

    @contextlib.contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own that sees one moment of the file and holds up nobody. Raises FileUnreadable."""
        with self._reading():
            pass  # the file is there now, or it is known why not
        try:
            connection = sqlite3.connect(
                f"file:{urllib.parse.quote(str(self._path))}?mode=ro",
                timeout=BUSY_TIMEOUT,
                isolation_level=None,
                uri=True,
                check_same_thread=False,
            )
            with contextlib.closing(connection):
                connection.execute("BEGIN")
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise FileUnreadable(path=str(self._path), reason=str(error)) from error

    def cut(self, last: int, head: str, facts: Mapping[str, Fact]) -> None:
        """Write that the entries up to `last`, whose hash is `head`, were archived; then take them out, in steps. What
        a break leaves over is taken out by the next call. Raises JournalUnwritable: then all of them are here."""
        with self._lock:
            try:
                self._cut_first(self._open(), last, head, facts)
            except (sqlite3.Error, OSError) as error:
                self._drop()
                raise JournalUnwritable(reason=str(error)) from error
        self.clear_archived()

    def clear_archived(self) -> None:
        """Take out what an entry says was archived."""
        more = True
        while more:
            with self._lock:
                try:
                    more = self._clear_some(self._open())
                except (sqlite3.Error, OSError) as error:
                    self._drop()
                    raise JournalUnwritable(reason=str(error)) from error

    def _cut_first(self, connection: sqlite3.Connection, last: int, head: str, facts: Mapping[str, Fact]) -> None:
        row = connection.execute("SELECT hash FROM entries WHERE number = ?", (last,)).fetchone()
        if row is None or row[0] != head:
            raise sqlite3.IntegrityError("the entry is another one")
        text = _facts_text({**facts, "last": last, "head": head})
        self._written(self._insert(connection, ARCHIVED, [text], True), True, True)

    @staticmethod
    def _clear_some(connection: sqlite3.Connection) -> bool:
        """Whether there may be more."""
        with _transaction(connection):
            (first,) = connection.execute("SELECT min(number) FROM entries").fetchone()
            last = _archived_until(connection)
            if first is None or first > last:
                return False
            connection.execute("DROP TRIGGER never_deleted")
            connection.execute("DELETE FROM entries WHERE number <= ?", (min(last, first + _CUT - 1),))
            connection.execute(_NEVER_DELETED)
            return True

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.settle()
        with self._lock:
            self._drop()

    def _announce_settled(self) -> None:
        if self._unsettled is not None and self._announce is not None:
            self._announce(self._unsettled.number, self._unsettled.hash)
        self._unsettled = None

    def _written(self, entry: Entry, durable: bool, announced: bool) -> Entry:
        """Heads leave in order, and when they are on the disk."""
        if durable:
            self._announce_settled()
        if announced:
            self._unsettled = entry
            if durable:
                self._announce_settled()
            elif self._timer is None:
                self._timer = threading.Timer(SETTLE_SECONDS, self.settle)
                self._timer.daemon = True
                self._timer.start()
        return entry

    def _append(self, kind: str, *rows: Mapping[str, Fact], durable: bool = True, announced: bool = False) -> Entry:
        """The last of the new entries. `announced`: its hash goes to the system log."""
        texts = [_facts_text(facts) for facts in rows]
        with self._lock:
            try:
                try:
                    entry = self._insert(self._open(), kind, texts, durable)
                except sqlite3.DatabaseError as error:
                    if not _is_damage(error):
                        raise
                    entry = self._insert(self._begin_anew(error), kind, texts, durable)
            except (sqlite3.Error, OSError) as error:
                self._drop()
                raise JournalUnwritable(reason=str(error)) from error
            return self._written(entry, durable, announced)

    def _insert(self, connection: sqlite3.Connection, kind: str, rows: Sequence[str], durable: bool) -> Entry:
        # In WAL mode NORMAL writes a commit without waiting for the disk; the next FULL one takes it along, in order.
        if durable is not self._waits:
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._waits = durable
        time = self._now()
        with _transaction(connection):
            for facts in rows:
                entry = _insert_row(connection, time, kind, facts)
        return entry

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._open()
            except (sqlite3.Error, OSError) as error:
                self._drop()
                raise FileUnreadable(path=str(self._path), reason=str(error)) from error

    def _open(self) -> sqlite3.Connection:
        """The connection to the file that stands at our path now (one that was deleted or replaced is left)."""
        if self._connection is not None and _identity(self._path) == self._file:
            return self._connection
        self._drop()
        try:
            return self._connect(kept_as=None)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            return self._begin_anew(error)

    def _begin_anew(self, damage: sqlite3.Error) -> sqlite3.Connection:
        """Put the damaged file aside, with what belongs to it, and begin a new one whose first entry says so."""
        self._drop()
        kept_as = f"{self._path.name}.damaged-{self._clock().astimezone(UTC):%Y%m%dT%H%M%SZ}"
        while (self._path.parent / kept_as).exists():
            kept_as += "-"
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{self._path}{suffix}", f"{self._path.parent / kept_as}{suffix}")  # noqa: PTH104
        _log.error("journal_damaged kept_as=%s reason=%s", kept_as, damage)
        connection = self._connect(kept_as=kept_as)
        if self._tell_damage is None:
            self._damaged.append(kept_as)
        else:
            self._tell_damage(kept_as)
        return connection

    def _connect(self, kept_as: str | None) -> sqlite3.Connection:
        self._connection = connection = _connect(self._path)
        self._file, self._waits = _identity(self._path), True
        with _transaction(connection):
            if connection.execute("SELECT 1 FROM entries LIMIT 1").fetchone() is None:
                facts: dict[str, Fact] = {"kept_as": kept_as} if kept_as else {}
                _insert_row(connection, self._now(), BEGUN, _facts_text(facts))
        return connection

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _now(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def entry_hash(number: int, time: str, kind: str, facts: str, previous: str) -> str:
    """The hash of an entry (see the top of this module), lower-case hex. `facts` is the stored text."""
    return hashlib.sha256(entry_line(number, time, kind, facts, previous).encode()).hexdigest()


def entry_line(number: int, time: str, kind: str, facts: str, previous: str) -> str:
    """What the hash of an entry is made of."""
    return _json([_FORM, number, time, kind, facts, previous])


def system_log(path: Path = _SYSTEM_LOG) -> Announce | None:
    """A way to send heads to the system log; None where this machine has none. It never fails and never blocks:
    a head that the log does not take at once is lost (RFC 3164 section 4.1, facility user, severity info)."""
    if not path.is_socket():
        return None

    def announce(number: int, head: str) -> None:
        line = f"<{_USER_INFO}>pero: journal entry {number} head {head}".encode("ascii")
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.setblocking(False)
            log.sendto(line, str(path))

    return announce


def _connect(path: Path) -> sqlite3.Connection:
    """An open file of mode 0600 with our table and triggers. A link in its place is refused."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # an entry that was written is on the disk
        connection.execute("PRAGMA wal_autocheckpoint = 256")  # pages: a short log is soon overwritten in place, faster
        if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'in_order'").fetchone() is None:
            connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} {_NEVER_DELETED} COMMIT;")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _insert_row(connection: sqlite3.Connection, time: str, kind: str, facts: str) -> Entry:
    last = connection.execute("SELECT number, hash FROM entries ORDER BY number DESC LIMIT 1").fetchone()
    number, previous = (last[0] + 1, last[1]) if last else (1, START)
    row = (number, time, kind, facts, previous, entry_hash(number, time, kind, facts, previous))
    connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", row)
    return Entry.of_row(row)


def _follow(connection: sqlite3.Connection, sought: str) -> Verification:
    """The first entry is number 1, or the one after those that an entry here says were archived."""
    first, head = _beginning(connection)
    count, archived, sought_at = 0, list[Entry](), None
    broken_at: int | None = None
    try:
        for row in connection.execute("SELECT * FROM entries ORDER BY number"):
            number, *values, recorded = row
            text = all(isinstance(value, str) for value in values)
            whole = number == first + count and text and values[-1] == head and entry_hash(number, *values) == recorded
            if not whole:
                broken_at = first + count
                break
            count, head = count + 1, recorded
            if head == sought:
                sought_at = number
            if values[1] == ARCHIVED:
                archived.append(Entry.of_row(row))
    except sqlite3.DatabaseError as error:
        if not _is_damage(error):
            raise
        broken_at = first + count
    return Verification(count, head, broken_at, first, tuple(archived), sought_at)


def _beginning(connection: sqlite3.Connection) -> tuple[int, str]:
    """The number that the first entry should have, and its `previous`."""
    row = connection.execute("SELECT number, previous FROM entries ORDER BY number LIMIT 1").fetchone()
    if row is None or row[0] == 1:
        return 1, START
    named = _newest_archived(connection)
    facts = named.facts if named else {}
    last, head = facts.get("last"), facts.get("head")
    if last == row[0] - 1 and isinstance(head, str):
        return row[0], head
    if isinstance(last, int) and last >= row[0]:  # a break left over some of those that were archived
        return row[0], str(row[1])
    return 1, START


def _archived_until(connection: sqlite3.Connection) -> int:
    named = _newest_archived(connection)
    last = named.facts.get("last") if named else None
    return last if named and isinstance(last, int) and last < named.number else 0


def _newest_archived(connection: sqlite3.Connection) -> Entry | None:
    found = connection.execute("SELECT * FROM entries WHERE kind = ? ORDER BY number DESC LIMIT 1", (ARCHIVED,))
    row = found.fetchone()
    return Entry.of_row(row) if row else None


def parsed_facts(facts: object) -> dict[str, Fact]:
    """Facts as they were written; of an entry that somebody changed, whatever can still be shown."""
    try:
        value = json.loads(str(facts))
    except ValueError:
        return {"unreadable": str(facts)}
    return value if isinstance(value, dict) else {"unreadable": str(facts)}


def _facts_text(facts: Mapping[str, Fact]) -> str:
    if _SECRET_NAMES & facts.keys():
        raise ValueError("secrets do not belong in the journal")
    text = _json(dict(facts))
    if len(text) > MAX_FACTS:
        raise JournalUnwritable(reason=f"facts of {len(text)} characters, limit {MAX_FACTS}")
    return text


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return status.st_dev, status.st_ino


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED
