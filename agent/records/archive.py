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


def archive(journal: Journal, folder: Path, before: str) -> Archive | None:
    """Move the entries older than this moment (as entries have it) to a new archive; None where there are none.

    Only whole entries are moved, and of these the first ones in a row. Raises FileUnreadable, FileUnwritable,
    JournalTampered (the chain breaks among them: nothing is moved), JournalUnwritable.
    """
    with journal.reader() as reader:
        first, last = _old(reader, before)
        if first > last:
            return None
        head = _hash_of(reader, last)
        target = folder / f"journal-{first}-{last}-{head[:_HEAD_DIGITS]}.jsonl.gz"
        _write(target, _lines(reader, first, last))
        previous = str(reader.execute("SELECT previous FROM entries WHERE number = ?", (first,)).fetchone()[0])
    if _state(target, first, last, previous, head, []) != "whole":
        raise FileUnwritable(path=str(target), reason="read again, it is another one")
    journal.cut(last, head, {"file": target.name, "first": first, "previous": previous})
    return Archive(target.name, first, last, "whole")


def archives(folder: Path, named: tuple[Entry, ...]) -> list[Archive]:
    """How the archives are that these entries name, and those that entries in them name; oldest first."""
    found, open_ends = dict[int, Archive](), list(named)
    while open_ends:
        facts = open_ends.pop().facts
        file, first, last = str(facts.get("file")), facts.get("first"), facts.get("last")
        if not isinstance(first, int) or not isinstance(last, int) or first in found or Path(file).name != file:
            continue
        inside: list[Entry] = []
        state = _state(folder / file, first, last, str(facts.get("previous")), str(facts.get("head")), inside)
        found[first] = Archive(file, first, last, state)
        open_ends += inside
    return [found[first] for first in sorted(found)]


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


def _state(path: Path, first: int, last: int, previous: str, head: str, named: list[Entry]) -> State:
    """`named` takes the entries in it that name earlier archives."""
    wanted = first
    try:
        with gzip.open(path, "rb") as file:
            while line := file.readline(_MAX_LINE):
                _, number, time, kind, facts, before = json.loads(line)
                if (number, before) != (wanted, previous) or wanted > last:
                    return "changed"
                previous = hashlib.sha256(line.removesuffix(b"\n")).hexdigest()
                if kind == ARCHIVED:
                    named.append(Entry(number, time, kind, parsed_facts(facts), before, previous))
                wanted += 1
    except FileNotFoundError:
        return "absent"
    except (OSError, EOFError, ValueError, TypeError, RecursionError, zlib.error):
        return "changed"
    return "whole" if wanted == last + 1 and previous == head else "changed"
