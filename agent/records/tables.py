"""Entries of the journal as a table: what its cells say, and CSV. Cells are text; no program takes one for a formula.

CSV is UTF-8 with a mark at its beginning and lines that end in CR LF (RFC 4180); its separator is what spreadsheets of
the language expect: a semicolon in Russian, a comma in English. A cell that begins like a formula gets an apostrophe
in front (OWASP, CSV injection). In XLSX such a cell is a string by its type, which is never worked out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, Protocol

from agent.texts.catalogue import text
from agent.texts.entries import fact_value, fact_words, kind_words

COLUMNS = ("number", "time", "what", "site", "document", "outcome", "more", "hash")
_OWN = ("origin", "document", "outcome")  # facts that have a column
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

Entry = Mapping[str, Any]  # as `search_journal` tells it


class Table(Protocol):
    """A file in the making. Trouble with the disk comes out as OSError."""

    def add(self, entries: Iterable[Entry]) -> None: ...

    def finish(self) -> None: ...


def headings(language: str) -> list[str]:
    return [text(f"desk.journal.column.{name}", language) for name in COLUMNS]


def cells(entry: Entry, language: str) -> list[str]:
    """The cells of an entry, as a person reads them; the number is the first."""
    facts = entry["facts"]
    own = [fact_value(name, facts.get(name) or "", language) if facts.get(name) else "" for name in _OWN]
    more = "; ".join(fact_words(facts, language, without=_OWN))
    return [str(entry["number"]), entry["time"], kind_words(entry["kind"], language), *own, more, entry["hash"]]


class Csv:
    def __init__(self, file: BinaryIO, language: str) -> None:
        self._language = language
        self._text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="backslashreplace", newline="")
        self._writer = csv.writer(self._text, delimiter=";" if language == "ru" else ",", quoting=csv.QUOTE_ALL)
        self._writer.writerow(headings(language))

    def add(self, entries: Iterable[Entry]) -> None:
        self._writer.writerows([harmless(cell) for cell in cells(entry, self._language)] for entry in entries)

    def finish(self) -> None:
        self._text.flush()
        self._text.detach()


def harmless(cell: str) -> str:
    return "'" + cell if cell.startswith(FORMULA) else cell
