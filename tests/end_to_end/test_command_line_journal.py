"""`pero journal search`, `note`, `export` and `pero notices`, alone and beside an agent."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest

from agent.desktop.notices import Notices
from agent.journal import Journal
from tests.harness.command_line import CommandLine


@pytest.fixture
def pero(tmp_path: Path) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        yield line


def with_entries(pero: CommandLine) -> None:
    """Entries 2 to 5, of the last ten days."""
    days = iter((10, 9, 8, 3, 1))
    journal = Journal(pero.places.journal, lambda: datetime.now(UTC) - timedelta(days=next(days)))
    facts = {"origin": "https://a.example", "document": "Договор.pdf"}
    journal.finish(journal.begin("sign", facts), "signed", {})
    journal.begin("sign", {"origin": "https://b.example", "document": "=1+1.xml"})
    journal.note("pause", {})
    journal.close()


@pytest.mark.parametrize("running", [False, True], ids=["alone", "with an agent"])
def test_entries_are_found_noted_and_found_by_their_note(pero: CommandLine, running: bool) -> None:
    with_entries(pero)
    with pero.agent() if running else io.BytesIO():
        assert "Договор.pdf" in pero.run("journal", "search", "догов").output
        found = pero.run("journal", "search", "--kind", "sign", "--json").json["entries"]
        assert [entry["number"] for entry in found] == [2, 4]
        noted = pero.run("journal", "note", "2", "Отдано в архив", "--json")
        assert (noted.status, noted.json) == (0, {"number": 6})
        again = pero.run("journal", "search", "отдано", "договор", "--json").json["entries"]
        assert [(entry["number"], entry["facts"]) for entry in again] == [(6, {"entry": 2, "text": "Отдано в архив"})]
        assert pero.run("journal", "verify").status == 0
        absent = pero.run("journal", "note", "77", "no such entry")
        assert absent.status == 3
        nothing = pero.run("journal", "search", "недоговор")
        assert (nothing.status, nothing.output) == (1, "Nothing was found.\n")


def test_a_period_is_of_this_machines_days(pero: CommandLine) -> None:
    with_entries(pero)
    day = f"{datetime.now(UTC) - timedelta(days=8):%Y-%m-%d}"
    found = pero.run("journal", "search", "--since", day, "--until", day, "--json").json["entries"]
    assert [entry["number"] for entry in found] == [3]
    assert pero.run("journal", "search", "--since", "yesterday").status == 64


def test_what_is_found_is_exported_for_three_programs(pero: CommandLine) -> None:
    with_entries(pero)
    for name in ("all.csv", "all.xlsx", "all.pdf"):
        assert "5" in pero.run("journal", "export", name).output
    rows = list(csv.reader(io.StringIO((pero.folder / "all.csv").read_text("utf-8-sig"), newline="")))
    assert [row[0] for row in rows] == ["No.", "5", "4", "3", "2", "1"]
    assert rows[2][4] == "'=1+1.xml"
    sheet = openpyxl.load_workbook(pero.folder / "all.xlsx").active
    assert sheet is not None
    assert (sheet["E3"].value, sheet["E3"].data_type) == ("=1+1.xml", "s")
    shown = subprocess.run(["pdftotext", "-layout", pero.folder / "all.pdf", "-"], capture_output=True, check=True)
    assert "Договор.pdf" in shown.stdout.decode()
    assert "signature asked for" in shown.stdout.decode()


def test_an_export_overwrites_nothing_and_leaves_nothing_where_it_fails(pero: CommandLine) -> None:
    with_entries(pero)
    (pero.folder / "mine.csv").write_text("mine")
    assert pero.run("journal", "export", "mine.csv").status == 3
    assert (pero.folder / "mine.csv").read_text() == "mine"
    assert pero.run("journal", "export", "mine.csv", "договор", "--force").status == 0
    assert pero.run("journal", "export", "mine.doc").status == 64
    full = pero.run("journal", "export", "/dev/full/all.csv", "--json")
    assert full.json["error"]["name"] == "file_unwritable"


def test_a_pdf_of_many_entries_has_all_of_them_on_numbered_pages(pero: CommandLine) -> None:
    journal = Journal(pero.places.journal, lambda: datetime.now(UTC))
    journal.note_all("batch_document", [{"document": f"act {number}.pdf"} for number in range(300)])
    journal.close()
    assert pero.run("journal", "export", "all.pdf", language="ru_RU").status == 0
    shown = subprocess.run(["pdftotext", "-layout", pero.folder / "all.pdf", "-"], capture_output=True, check=True)
    text = shown.stdout.decode()
    assert all(f"act {number}.pdf" in text for number in range(300))
    assert text.count("Журнал Pero") > 3


def test_notifications_can_be_read_later(pero: CommandLine) -> None:
    assert pero.run("notices").output == "No notifications.\n"
    Notices(pero.places.notices).add("token_inserted", {"token": "Rutoken\u202e"}, datetime.now(UTC), shown=False)
    line = pero.run("notices").output
    assert "A token was connected" in line
    assert "Rutoken⟨U+202E⟩" in line
    assert json.loads(pero.run("notices", "--json").output)["notices"][0]["shown"] is False
