"""Entries of the journal as a workbook (ECMA-376-1, SpreadsheetML), written row by row: memory does not grow with them.

Every cell but the number is an inline string (section 18.3.1.53), which no program works out; one that begins like a
formula is marked to stay text when it is edited (`quotePrefix`, section 18.8.45). Further sheets take what one sheet
has no room for. Trouble with the disk comes out as OSError.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from typing import IO, BinaryIO
from xml.sax.saxutils import escape, quoteattr

from agent.records.tables import FORMULA, Entry, cells, headings
from agent.texts.catalogue import text

ROWS = 1 << 20  # that a sheet can have
_WIDTHS = (8, 24, 26, 30, 40, 22, 60, 20)  # characters
_MAX_CELL = 32767  # characters
_STYLES = {"plain": "0", "heading": "1", "quoted": "2"}  # rows of cellXfs below
_BEGINNING = 1980, 1, 1, 0, 0, 0  # what ZIP can say; the time of the export is no part of it

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_RELATIONS = f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{{}}</Relationships>'
_STYLE_PART = f"""{_XML}<styleSheet xmlns="{_MAIN}">\
<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>\
<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>\
<fills count="2"><fill><patternFill patternType="none"/></fill>\
<fill><patternFill patternType="gray125"/></fill></fills>\
<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>\
<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>\
<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>\
<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0" quotePrefix="1"/></cellXfs>\
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"""

# Not in XML 1.0 (section 2.2), and what would be read as an escape of such a character (ECMA-376-1, 22.9.2.19)
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


class Xlsx:
    """A Table (see agent.records.tables)."""

    def __init__(self, file: BinaryIO, language: str) -> None:
        self._language = language
        self._book = _Book(file, "w", zipfile.ZIP_DEFLATED)
        self._sheets = 0
        self._left = 0  # rows that this sheet still takes
        self._sheet: IO[bytes] | None = None
        self._begin_sheet()

    def add(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._add(entry)

    def finish(self) -> None:
        self._end_sheet()
        self._put("xl/workbook.xml", self._workbook())
        self._put("xl/_rels/workbook.xml.rels", self._relations())
        self._put("xl/styles.xml", _STYLE_PART)
        target = f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        self._put("_rels/.rels", _RELATIONS.format(target))
        self._put("[Content_Types].xml", self._types())
        self._book.close()

    # Sheets

    def _add(self, entry: Entry) -> None:
        if not self._left:
            self._end_sheet()
            self._begin_sheet()
        number, *words = cells(entry, self._language)
        row = "".join(_cell(word, "quoted" if word.startswith(FORMULA) else "plain") for word in words)
        self._write(f"<row><c><v>{int(number)}</v></c>{row}</row>")
        self._left -= 1

    def _begin_sheet(self) -> None:
        self._sheets += 1
        self._left = ROWS - 1
        member = zipfile.ZipInfo(f"xl/worksheets/sheet{self._sheets}.xml", _BEGINNING)
        member.compress_type = zipfile.ZIP_DEFLATED
        self._sheet = self._book.open(member, "w", force_zip64=True)
        columns = "".join(
            f'<col min="{number}" max="{number}" width="{width}" customWidth="1"/>'
            for number, width in enumerate(_WIDTHS, 1)
        )
        frozen = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
        self._write(
            f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">{frozen}</sheetView>'
            f"</sheetViews><cols>{columns}</cols><sheetData><row>"
            + "".join(_cell(words, "heading") for words in headings(self._language))
            + "</row>"
        )

    def _end_sheet(self) -> None:
        assert self._sheet is not None  # noqa: S101 - begun by __init__
        self._write("</sheetData></worksheet>")
        self._sheet.close()

    def _write(self, part: str) -> None:
        assert self._sheet is not None  # noqa: S101 - the same
        self._sheet.write(part.encode())

    # The parts around them

    def _put(self, name: str, content: str) -> None:
        member = zipfile.ZipInfo(name, _BEGINNING)
        member.compress_type = zipfile.ZIP_DEFLATED
        self._book.writestr(member, content.encode())

    def _workbook(self) -> str:
        title = text("desk.page.journal", self._language)
        names = [title if number == 1 else f"{title} {number}" for number in range(1, self._sheets + 1)]
        sheets = "".join(
            f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="rId{number}"/>'
            for number, name in enumerate(names, 1)
        )
        return f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{sheets}</sheets></workbook>'

    def _relations(self) -> str:
        named = "".join(
            f'<Relationship Id="rId{number}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
            for number in range(1, self._sheets + 1)
        )
        last = f'<Relationship Id="rId{self._sheets + 1}" Type="{_OFFICE}/styles" Target="styles.xml"/>'
        return _RELATIONS.format(named + last)

    def _types(self) -> str:
        parts = [("/xl/workbook.xml", "sheet.main"), ("/xl/styles.xml", "styles")]
        parts += [(f"/xl/worksheets/sheet{number}.xml", "worksheet") for number in range(1, self._sheets + 1)]
        named = "".join(f'<Override PartName="{name}" ContentType="{_KIND}.{kind}+xml"/>' for name, kind in parts)
        relations = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        plain = '<Default Extension="xml" ContentType="application/xml"/>'
        return f'{_XML}<Types xmlns="{_PACKAGE}/content-types">{relations}{plain}{named}</Types>'


class _Book(zipfile.ZipFile):
    def __del__(self) -> None:
        """One that was given up half way is not finished."""


def _cell(words: str, style: str) -> str:
    return f'<c t="inlineStr" s="{_STYLES[style]}"><is><t xml:space="preserve">{_storable(words)}</t></is></c>'


def _storable(words: str) -> str:
    """Lone surrogates (of names that are no UTF-8) are written as escapes of Python's."""
    whole = words.encode("utf-8", "backslashreplace").decode()[:_MAX_CELL]
    return escape(_UNSTORABLE.sub(lambda found: f"_x{ord(found[0]):04X}_", whole)).replace("\r", "&#13;")
