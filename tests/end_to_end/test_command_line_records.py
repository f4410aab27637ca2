"""`pero journal`, `sites` and `modules`, alone and as clients of a running agent."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.consent.origins import Origins
from tests.harness.command_line import CommandLine
from tests.harness.keyfiles import PASSPHRASE, make_key_file
from tests.harness.softhsm import MODULE


@pytest.fixture
def pero(tmp_path: Path) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        yield line


def test_the_journal_of_a_signature_tells_who_what_and_how_it_ended(pero: CommandLine) -> None:
    made = make_key_file(pero.folder, "p256")
    (pero.folder / "договор.txt").write_bytes(b"contract")
    pero.run("keyfile", "add", made.path, pin=PASSPHRASE)
    pero.run("sign", "договор.txt", pin=PASSPHRASE)
    entries = pero.run("journal", "list", "--json").json["entries"]
    assert [entry["number"] for entry in entries] == list(range(1, len(entries) + 1))
    asked = next(entry for entry in entries if entry["kind"] == "sign")
    assert asked["facts"]["document"] == "договор.txt"
    assert asked["facts"]["asked_by"] == "descriptor"
    outcome = entries[-1]
    assert outcome["facts"]["entry"] == asked["number"]
    assert outcome["facts"]["outcome"] == "signed"
    assert outcome["facts"]["certificate"] == made.identity.thumbprint
    assert len(pero.run("journal", "list", "--limit", "2").output.splitlines()) == 2
    pero.run("sign", "договор.txt", "--force", pin="")
    russian = ("просьба подписать", "документ: договор.txt", "документ внутри: нет", "вопрос: не задавался (--pin-fd)")
    english = ("document inside: no", "asked: nobody (--pin-fd)")
    for language, words in (
        ("ru_RU", (*russian, "итог: подписано", "итог: PIN-код или пароль не введён")),
        ("C", (*english, "outcome: signed", "outcome: PIN or passphrase not given")),
    ):
        shown = pero.run("journal", "list", language=language).output
        for word in words:
            assert word in shown
        assert not re.search(r"=|[a-z]_[a-z]|True|False|descriptor", shown), shown


def test_a_whole_journal_verifies_and_a_changed_one_does_not(pero: CommandLine) -> None:
    whole = pero.run("journal", "verify", "--json")
    assert (whole.status, whole.json["intact"], whole.json["broken_at"]) == (0, True, None)
    head = whole.json["head"]
    assert re.fullmatch("[0-9a-f]{64}", head)
    assert pero.run("journal", "verify", "--head", head).status == 0
    absent = pero.run("journal", "verify", "--head", "0" * 64, "--json")
    assert (absent.status, absent.json["intact"], absent.json["head_found"]) == (1, True, False)
    cut_short = pero.run("journal", "verify", "--head", head[:-1])
    assert cut_short.status == 64, "a slip in copying is no proof that the journal was changed"
    connection = sqlite3.connect(pero.places.journal)
    connection.execute("DROP TRIGGER never_changed")
    connection.execute("UPDATE entries SET time = '2000-01-01T00:00:00.000Z' WHERE number = 1")
    connection.commit()
    connection.close()
    broken = pero.run("journal", "verify", "--json")
    assert (broken.status, broken.json["intact"], broken.json["broken_at"]) == (1, False, 1)
    assert "breaks at entry 1" in pero.run("journal", "verify").output


@pytest.mark.parametrize("running", [False, True], ids=["alone", "with an agent"])
def test_sites_are_listed_and_forgotten(pero: CommandLine, running: bool) -> None:
    assert pero.run("sites", "list").output == "No sites.\n"
    now = datetime.now(UTC)
    known = Origins(pero.places.origins)
    known.allow("https://a.example", now)
    known.refuse("https://b.example", now)
    if running:
        with pero.agent():
            forget_one(pero)
    else:
        forget_one(pero)


def forget_one(pero: CommandLine) -> None:
    sites = pero.run("sites", "list", "--json").json["sites"]
    assert [(site["origin"], site["allowed"]) for site in sites] == [
        ("https://a.example", True),
        ("https://b.example", False),
    ]
    shown = pero.run("sites", "list").output.splitlines()
    assert re.match(r"https://a\.example +allowed", shown[1])
    assert re.match(r"https://b\.example +refused", shown[2])
    assert pero.run("sites", "forget", "https://a.example").status == 0
    gone = pero.run("sites", "forget", "https://a.example", "--json")
    assert (gone.status, gone.json) == (1, {"forgotten": False})
    assert [site["origin"] for site in pero.run("sites", "list", "--json").json["sites"]] == ["https://b.example"]
    assert pero.run("journal", "list", "--json").json["entries"][-1]["kind"] == "forget_site"


def test_modules_are_added_by_path_and_listed_with_what_is_wrong(pero: CommandLine) -> None:
    added = pero.run("modules", "add", MODULE, "--json")
    assert (added.status, added.json) == (0, {"added": True, "error": None, "facts": {}})
    assert pero.run("modules", "add", MODULE, "--json").json["added"] is False
    (pero.folder / "broken.so").write_bytes(Path(MODULE).read_bytes()[:64])  # an ELF header, and no more
    broken_one = pero.run("modules", "add", "broken.so")
    assert (broken_one.status, broken_one.output) == (0, f"Module added: {pero.folder}/broken.so\n")
    assert broken_one.complaint.startswith("Warning: The program module of the token cannot be loaded: ")
    rows = {row["path"]: row for row in pero.run("modules", "list", "--json").json["modules"]}
    good, broken = rows[MODULE], rows[str(pero.folder / "broken.so")]
    assert (good["source"], good["error"]) == ("added", None)
    assert (broken["source"], broken["error"]) == ("added", "module_unloadable")
    shown = pero.run("modules", "list").output
    assert "can be loaded" in shown
    assert "cannot be loaded" in shown


def test_what_is_no_library_of_this_machine_is_not_added_and_its_reason_is_said_in_words(pero: CommandLine) -> None:
    (pero.folder / "notes.txt").write_text("no library")
    foreign = bytearray(Path(MODULE).read_bytes()[:4096])
    foreign[18:20] = (183).to_bytes(2, "little")  # e_machine: EM_AARCH64, System V gABI
    (pero.folder / "foreign.so").write_bytes(foreign)
    refused = pero.run("modules", "add", "notes.txt", "--json")
    assert (refused.status, refused.json["error"]["name"]) == (3, "module_unloadable")
    assert refused.json["error"]["facts"]["reason"] == "format"
    assert "this is no program library of this operating system" in refused.json["error"]["text"]
    told = pero.run("modules", "add", "foreign.so", language="ru_RU")
    assert (told.status, "для процессора другого типа: ELF arm64" in told.complaint) == (3, True), told.complaint
    assert "no library" not in pero.run("modules", "list").output
    assert pero.run("modules", "forget", "notes.txt").status == 1, "it was not added"


def test_a_module_that_became_something_else_is_listed_and_diagnosed_in_words(pero: CommandLine) -> None:
    path = pero.folder / "module.so"
    path.write_bytes(Path(MODULE).read_bytes())
    assert pero.run("modules", "add", "module.so").status == 0
    path.write_text("no library any more")
    for language, words in (("C", "no program library"), ("ru_RU", "не программная библиотека")):
        shown = pero.run("modules", "list", language=language).output
        (row,) = (line for line in shown.splitlines() if "module.so" in line)
        assert words in row
        assert "format" not in row
        diagnosed = pero.run("diagnose", language=language).output
        (line,) = (line for line in diagnosed.splitlines() if line.startswith("[x]") and "module.so" in line)
        assert words in line
        assert "format" not in line


@pytest.mark.parametrize("running", [False, True], ids=["alone", "with an agent"])
def test_a_module_is_taken_back(pero: CommandLine, running: bool) -> None:
    path = pero.folder / "broken.so"
    path.write_bytes(Path(MODULE).read_bytes()[:64])
    with pero.agent() if running else contextlib.nullcontext():
        assert pero.run("modules", "add", "broken.so").status == 0
        path.unlink()
        gone = pero.run("modules", "forget", "broken.so")
        assert (gone.status, gone.output) == (0, f"Module forgotten: {path}\n")
        again = pero.run("modules", "forget", "broken.so", "--json")
        assert (again.status, again.json) == (1, {"forgotten": False})
        listed = [row["path"] for row in pero.run("modules", "list", "--json").json["modules"]]
        assert str(path) not in listed
        assert pero.run("journal", "list", "--json").json["entries"][-1]["kind"] == "forget_module"
    assert "модуль убран" in pero.run("journal", "list", language="ru_RU").output


def test_a_module_that_is_not_there_is_not_added(pero: CommandLine) -> None:
    ended = pero.run("modules", "add", "absent.so", "--json")
    assert (ended.status, ended.json["error"]["name"]) == (3, "file_unreadable")
