"""Entries of the journal as tables, read again by other programs' readers."""

from __future__ import annotations

import csv
import gc
import io
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from agent.records import xlsx
from agent.records.tables import COLUMNS, Csv
from agent.records.xlsx import Xlsx

FORMULA = '=HYPERLINK("http://evil.example","act")'


def entry(number: int, **facts: Any) -> dict[str, Any]:
    time = "2026-03-01T09:00:00.250Z"
    return {"number": number, "time": time, "kind": "sign", "facts": facts, "previous": "0" * 64, "hash": "ab" * 32}


def as_csv(*entries: dict[str, Any], language: str = "en") -> list[list[str]]:
    file = io.BytesIO()
    table = Csv(file, language)
    table.add(entries)
    table.finish()
    assert file.getvalue().startswith(b"\xef\xbb\xbf")
    return list(
        csv.reader(io.StringIO(file.getvalue()[3:].decode(), newline=""), delimiter=";" if language == "ru" else ",")
    )


def as_xlsx(*entries: dict[str, Any]) -> tuple[Any, bytes]:
    file = io.BytesIO()
    table = Xlsx(file, "en")
    table.add(entries)
    table.finish()
    return openpyxl.load_workbook(io.BytesIO(file.getvalue())).active, file.getvalue()


def test_csv_has_a_row_for_each_entry_and_a_column_for_what_matters() -> None:
    head, row = as_csv(entry(7, document='a;b, "c".pdf', origin="https://a.example", outcome="signed", size=12))
    assert head == ["No.", "Time", "What", "Site", "Document", "Outcome", "More", "Hash"]
    assert row == ["7", "2026-03-01T09:00:00.250Z", "signature asked for", "https://a.example", 'a;b, "c".pdf',
                   "signed", "bytes: 12", "ab" * 32]  # fmt: skip
    assert as_csv(entry(7), language="ru")[0][2] == "Что было"


@pytest.mark.parametrize("document", [FORMULA, "+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "＝1+1"])
def test_no_cell_of_csv_begins_like_a_formula(document: str) -> None:
    for row in as_csv(entry(1, document=document, origin=document))[1:]:
        assert not [cell for cell in row if re.match(r"[=+\-@\t\r＝＋－＠]", cell)]
        assert row[4].endswith(document[-3:])


def test_what_looks_like_a_formula_is_a_string_in_xlsx() -> None:
    sheet, content = as_xlsx(entry(1, document=FORMULA), entry(2, document="plain"))
    cell = sheet["E2"]
    assert (cell.value, cell.data_type, cell.quotePrefix) == (FORMULA, "s", True)
    assert sheet["A2"].value == 1
    book = zipfile.ZipFile(io.BytesIO(content))
    assert b"<f>" not in book.read("xl/worksheets/sheet1.xml"), "no formula by the format's own element"


def test_control_characters_and_names_that_are_no_unicode_do_not_break_a_table() -> None:
    odd = entry(1, document="a\x00b\x1b[31m\n=1", file=os.fsdecode(b"caf\xe9.txt"), text="x" * 60000)
    sheet, _ = as_xlsx(odd)
    assert "⟨U+0000⟩" in sheet["E2"].value
    assert "U+" in as_csv(odd)[1][4]
    assert len(as_csv(odd)[1]) == len(COLUMNS)


def test_what_one_sheet_has_no_room_for_goes_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "ROWS", 3)
    file = io.BytesIO()
    table = Xlsx(file, "en")
    table.add(entry(number) for number in (1, 2, 3, 4, 5))
    table.finish()
    book = openpyxl.load_workbook(file)
    assert book.sheetnames == ["Journal", "Journal 2", "Journal 3"]
    assert [[row[0].value for row in sheet.rows] for sheet in book] == [["No.", 1, 2], ["No.", 3, 4], ["No.", 5]]
    assert zipfile.ZipFile(file).testzip() is None


def test_text_that_looks_like_an_escape_of_xlsx_stays_as_it_is() -> None:
    _, content = as_xlsx(entry(1, document="_x000D_.pdf"))
    sheet = zipfile.ZipFile(io.BytesIO(content)).read("xl/worksheets/sheet1.xml")
    assert b'<t xml:space="preserve">_x005F_x000D_.pdf</t>' in sheet, "ECMA-376-1, section 22.9.2.19"


@pytest.mark.filterwarnings("error")
def test_an_export_that_is_given_up_writes_nothing_more(tmp_path: Path) -> None:
    with (tmp_path / "half.xlsx").open("w+b") as file:
        table = Xlsx(file, "en")
        table.add([entry(1)])
    del table  # the file is closed already: writing to it would raise ValueError
    gc.collect()
