"""Archives of the journal: entries that are too old for it, in files that anybody can check.

An archive is gzip of lines in ASCII. Each line is the text whose SHA-256 is the entry's hash (see agent.journal): the
array ["pero-journal-1", number, time, kind, facts, previous]. The hash of one line is `previous` of the next; that of
the last one stands in the entry of kind `archived`, with the file's name. An entry leaves the journal when the archive
that has it is whole on the disk and was read again, and not before.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import sqlite3
import stat
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from agent.errors import FileUnwritable, JournalTampered
from agent.journal import ARCHIVED, Entry, Journal, entry_hash, entry_line, parsed_facts

_MAX_LINE = 1 << 20  # bytes; facts are far shorter
_HEAD_DIGITS = 12  # of the last entry's hash in a file's name: archives of two journals do not meet

State = Literal["whole", "absent", "changed"]


class Archive(msgspec.Struct, frozen=True):
    """An archive that an entry names, and how it is."""

    file: str
    first: int
    last: int
    state: State
    broken_at: int | None = None  # of one that was changed: entries before this one are as they were


class Archives(msgspec.Struct, frozen=True):
    """Those that the journal's entries name, oldest first."""

    all: list[Archive]
    sought_at: int | None  # number of the archived entry that has the hash sought


def archive(journal: Journal, folder: Path, before: str) -> Archive | None:
    """Move the entries older than this moment (as entries have it) to a new archive; None where there are none.

    Only whole entries are moved, and of these the first ones in a row. Raises FileUnreadable, FileUnwritable,
    JournalTampered (the chain breaks among them: nothing is moved), JournalUnwritable.
    """
    with journal.archiving:
        journal.clear_archived()
        with journal.reader() as reader:
            first, last = _old(reader, before)
            if first > last:
                return None
            head = _hash_of(reader, last)
            target = folder / f"journal-{first}-{last}-{head[:_HEAD_DIGITS]}.jsonl.gz"
            _write(target, _lines(reader, first, last))
            previous = str(reader.execute("SELECT previous FROM entries WHERE number = ?", (first,)).fetchone()[0])
        made = _Reading(target.name, first, last, previous, head).read(folder)
        if made.state != "whole":
            raise FileUnwritable(path=str(target), reason="read again, it is another one")
        journal.cut(last, head, {"file": target.name, "first": first, "previous": previous})
    return made


def archives(folder: Path, named: tuple[Entry, ...], sought: str = "") -> Archives:
    """How the archives are that these entries name, and those that entries in them name. `sought`: a hash, lower-case
    hex, that an entry should have."""
    found, open_ends, sought_at = dict[int, Archive](), list(named), None
    while open_ends:
        facts = open_ends.pop().facts
        file, first, last = str(facts.get("file")), facts.get("first"), facts.get("last")
        if not isinstance(first, int) or not isinstance(last, int) or first in found or Path(file).name != file:
            continue
        reading = _Reading(file, first, last, str(facts.get("previous")), str(facts.get("head")), sought)
        found[first] = reading.read(folder)
        sought_at = sought_at or reading.sought_at
        open_ends += reading.named
    return Archives([found[first] for first in sorted(found)], sought_at)


def _old(reader: sqlite3.Connection, before: str) -> tuple[int, int]:
    """The first entry, and the last of those in a row that are old."""
    (first,) = reader.execute("SELECT coalesce(min(number), 1) FROM entries").fetchone()
    (young,) = reader.execute("SELECT min(number) FROM entries WHERE NOT time < ?", (before,)).fetchone()
    if young is None:  # the newest stays: the chain hangs on it
        (young,) = reader.execute("SELECT coalesce(max(number), 1) FROM entries").fetchone()
    return first, young - 1


def _hash_of(reader: sqlite3.Connection, number: int) -> str:
    row = reader.execute("SELECT hash FROM entries WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise JournalTampered(entry=number)
    return str(row[0])


def _lines(reader: sqlite3.Connection, first: int, last: int) -> Iterator[bytes]:
    wanted, previous = first, None
    rows = reader.execute("SELECT * FROM entries WHERE number BETWEEN ? AND ? ORDER BY number", (first, last))
    for number, *values, recorded in rows:
        fits = all(isinstance(value, str) for value in values) and previous in (None, values[-1])
        if number != wanted or not fits or entry_hash(number, *values) != recorded:
            raise JournalTampered(entry=wanted)
        yield entry_line(number, *values).encode("ascii") + b"\n"
        wanted, previous = number + 1, recorded
    if wanted != last + 1:
        raise JournalTampered(entry=wanted)


def _write(target: Path, lines: Iterator[bytes]) -> None:
    """Whole and on the disk, or not at all."""
    temporary = ""
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=".journal-", dir=target.parent)
        with os.fdopen(descriptor, "wb") as file:
            _pack(file, lines)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)  # noqa: PTH105
        temporary = ""
        _settle_folder(target.parent)
    except OSError as error:
        raise FileUnwritable(path=str(target), reason=error.strerror or "unwritable") from error
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def _pack(file: BinaryIO, lines: Iterator[bytes]) -> None:
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=6) as packed:
        for line in lines:
            packed.write(line)


def _settle_folder(folder: Path) -> None:
    """The name is on the disk too, where the system can say so."""
    with contextlib.suppress(PermissionError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class _Reading:
    """An archive read from beginning to end, by what the entry says that names it."""

    def __init__(self, file: str, first: int, last: int, previous: str, head: str, sought: str = "") -> None:
        self._file, self._first, self._last = file, first, last
        self._previous = previous
        self._head = head
        self._sought = sought
        self._wanted = first  # number of the next line
        self.named: list[Entry] = []  # entries in it that name earlier archives
        self.sought_at: int | None = None

    def read(self, folder: Path) -> Archive:
        try:
            path = folder / self._file
            if not stat.S_ISREG(path.stat().st_mode):
                return self._found("changed")
            with gzip.open(path, "rb") as file:
                while line := file.readline(_MAX_LINE):
                    if not self._take(line):
                        return self._found("changed")
        except FileNotFoundError:
            return self._found("absent")
        except (OSError, EOFError, ValueError, TypeError, RecursionError, zlib.error):
            return self._found("changed")
        return self._found("whole" if self._wanted == self._last + 1 and self._previous == self._head else "changed")

    def _take(self, line: bytes) -> bool:
        """Whether this line follows the one before."""
        _, number, time, kind, facts, before = json.loads(line)
        if (number, before) != (self._wanted, self._previous) or number > self._last:
            return False
        self._previous = hashlib.sha256(line.removesuffix(b"\n")).hexdigest()
        if self._previous == self._sought:
            self.sought_at = number
        if kind == ARCHIVED:
            self.named.append(Entry(number, time, kind, parsed_facts(facts), before, self._previous))
        self._wanted += 1
        return True

    def _found(self, state: State) -> Archive:
        """A line is proved by the one after it, or by the head: the one read last was not."""
        broken_at = max(self._first, self._wanted - 1) if state == "changed" else None
        return Archive(self._file, self._first, self._last, state, broken_at)
