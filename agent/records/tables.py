"""Entries of the journal as a table: CSV and XLSX. Cells are text, and no program takes one for a formula.

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
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_WIDTHS = (8, 24, 26, 30, 40, 22, 60, 20)  # characters, of the columns of XLSX
_MAX_CELL = 32767  # characters, of XLSX

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


class Xlsx:
    def __init__(self, file: BinaryIO, language: str) -> None:
        from openpyxl import Workbook

        self._file = file
        self._language = language
        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet(text("desk.page.journal", language))
        for column, width in zip("ABCDEFGH", _WIDTHS, strict=True):
            self._sheet.column_dimensions[column].width = width
        self._sheet.freeze_panes = "A2"
        self._sheet.append([self._cell(words, bold=True) for words in headings(language)])

    def add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            number, *words = cells(entry, self._language)
            self._sheet.append([int(number), *(self._cell(one) for one in words)])

    def finish(self) -> None:
        self._book.save(self._file)

    def _cell(self, words: str, *, bold: bool = False) -> Any:
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.styles import Font

        cell = WriteOnlyCell(self._sheet)
        cell.value = _storable(words)
        cell.data_type = "s"  # it took what begins with "=" for a formula
        if words.startswith(_FORMULA):
            cell.quotePrefix = True  # and stays text when it is edited
        if bold:
            cell.font = Font(bold=True)
        return cell


def harmless(cell: str) -> str:
    return "'" + cell if cell.startswith(_FORMULA) else cell


def _storable(words: str) -> str:
    """Lone surrogates (of names that are no UTF-8) are escaped: XML has no place for them."""
    return words.encode("utf-8", "backslashreplace").decode()[:_MAX_CELL]
