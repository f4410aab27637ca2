"""`pero journal search`, `note`, `export` and `pero notices`, alone and beside an agent."""

from __future__ import annotations

import csv
import errno
import gzip
import hashlib
import io
import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest

from agent.desktop.notices import Notices
from agent.journal import Journal
from tests.harness.command_line import PERO, TIMEOUT, CommandLine


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


@pytest.mark.parametrize("form", ["csv", "xlsx", "pdf"])
def test_a_full_disk_costs_an_export_and_leaves_nothing_half(pero: CommandLine, form: str) -> None:
    with_documents(pero, 2000)
    (pero.folder / "small").mkdir()
    script = (
        f'mount -t tmpfs -o size=64k none small && "$0" journal export small/all.{form} --json; echo "$?"; ls -A small'
    )
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script, PERO],
        cwd=pero.folder, env=pero.environment, capture_output=True, text=True, check=True, timeout=TIMEOUT,
    )  # fmt: skip
    said, _, rest = done.stdout.rpartition("}\n")
    error = json.loads(said + "}")["error"]
    assert (error["name"], error["facts"]["reason"]) == ("file_unwritable", os.strerror(errno.ENOSPC))
    assert rest.split() == ["3"], "the exit status, and no file"
    assert done.stderr == ""


@pytest.mark.parametrize("running", [False, True], ids=["alone", "with an agent"])
def test_old_entries_are_archived_by_a_command_and_found_by_their_hash(pero: CommandLine, running: bool) -> None:
    with_entries(pero)
    hashes = {entry["number"]: entry["hash"] for entry in pero.run("journal", "list", "--json").json["entries"]}
    day = f"{datetime.now().astimezone() - timedelta(days=5):%Y-%m-%d}"
    with pero.agent() if running else io.BytesIO():
        made = pero.run("journal", "archive", "--before", day, "--json").json["archive"]
        assert (made["first"], made["last"]) == (1, 3)
        lines = gzip.decompress(Path(made["path"]).read_bytes()).splitlines()
        assert [hashlib.sha256(line).hexdigest() for line in lines] == [hashes[number] for number in (1, 2, 3)]
        again = pero.run("journal", "archive", "--before", day)
        assert (again.status, again.output) == (0, "No entry is that old. Nothing was moved.\n")
        assert "Договор.pdf" not in pero.run("journal", "list").output
        for number in (2, 4):
            told = pero.run("journal", "verify", "--head", hashes[number].upper())
            assert told.status == 0
            assert f"The hash is that of entry {number}" in told.output
        assert pero.run("journal", "archive", "--before", "soon").status == 64


def test_a_changed_archive_is_named_with_the_entries_that_still_count(pero: CommandLine) -> None:
    with_entries(pero)
    hashes = {entry["number"]: entry["hash"] for entry in pero.run("journal", "list", "--json").json["entries"]}
    path = Path(pero.run("journal", "archive", "--before", "2100-01-01", "--json").json["archive"]["path"])
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    lines[2] = lines[2].replace(b"signed", b"denied")
    path.write_bytes(gzip.compress(b"".join(lines)))
    told = pero.run("journal", "verify", "--json")
    assert told.status == 1
    (changed,) = told.json["archives"]
    assert (changed["state"], changed["broken_at"], told.json["intact"]) == ("changed", 3, True)
    assert "Entries before 3 are as they were" in pero.run("journal", "verify").output
    assert "Записи до 3 не изменены" in pero.run("journal", "verify", language="ru_RU").output
    assert pero.run("journal", "verify", "--head", hashes[2], "--json").json["head_at"] == 2
    assert pero.run("journal", "verify", "--head", hashes[3], "--json").json["head_at"] is None
    path.unlink()
    told = pero.run("journal", "verify")
    assert (told.status, "not in its folder" in told.output) == (0, True)


def test_a_pdf_of_thousands_of_entries_is_made_to_its_end(pero: CommandLine) -> None:
    with_documents(pero, 3000)
    ended = pero.run("journal", "export", "all.pdf")
    assert (ended.status, ended.complaint) == (0, "")
    told = subprocess.run(["pdfinfo", pero.folder / "all.pdf"], capture_output=True, text=True, check=True).stdout
    assert int(told.split("Pages:")[1].split()[0]) > 50


def with_documents(pero: CommandLine, count: int) -> None:
    journal = Journal(pero.places.journal, lambda: datetime.now(UTC))
    journal.note_all("batch_document", [{"document": f"act {number}.pdf"} for number in range(count)])
    journal.close()


def test_a_pdf_of_many_entries_has_all_of_them_on_numbered_pages(pero: CommandLine) -> None:
    with_documents(pero, 300)
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
