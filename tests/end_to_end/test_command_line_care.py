"""`pero care`: passphrases, copies of keys and a lost key, on the command line (R39, R44, R45)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.texts.catalogue import text
from tests.harness.command_line import CommandLine
from tests.harness.keyfiles import PASSPHRASE, KeyFile, make_key_file

WEAK, NEW = "12345678", "корова на луне"


@pytest.fixture
def pero(tmp_path: Path) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        yield line


@pytest.fixture
def weak(pero: CommandLine) -> KeyFile:
    made = make_key_file(pero.folder, "p256", passphrase=WEAK, name="director.pfx")
    assert pero.run("keyfile", "add", made.path, pin=WEAK).status == 0
    return made


def kinds(pero: CommandLine) -> list[str]:
    return [entry["kind"] for entry in pero.run("journal", "list", "--json").json["entries"]]


def test_a_weak_passphrase_is_told_and_another_weak_one_is_refused_with_all_reasons(
    pero: CommandLine, weak: KeyFile
) -> None:
    listed = pero.run("care", "passphrases")
    assert "director.pfx" in listed.output
    assert "easy to guess" in listed.output
    refused = pero.run("care", "passphrase", pin=f"{WEAK}\nDirector1")
    assert refused.status != 0
    assert "shorter than 10 characters" in refused.complaint
    assert "a part of the name of the file" in refused.complaint
    russian = pero.run("care", "passphrase", pin=f"{WEAK}\nDirector1", language="ru_RU")
    assert "он короче 10 символов" in russian.complaint
    done = pero.run("care", "passphrase", "director.pfx", pin=f"{WEAK}\n{NEW}")
    assert done.status == 0, done
    assert "easy to guess" not in pero.run("care", "passphrases").output
    assert pero.run("care", "passphrase", pin=f"{WEAK}\n{NEW}").status != 0


def test_the_rule_is_said_on_a_terminal_before_anything_is_sent(pero: CommandLine, weak: KeyFile) -> None:
    with pero.on_terminal("care", "passphrase") as terminal:
        terminal.until(text("asking.old_passphrase", "en"))
        terminal.type(WEAK)
        terminal.until(text("asking.new_passphrase", "en"))
        terminal.type("qwertyuiop")
        terminal.until("its characters stand in a row")
        terminal.until(text("asking.new_passphrase", "en"))  # what is typed before it is thrown away
        terminal.type(NEW)
        terminal.until(text("asking.again", "en"))
        terminal.type(NEW)
        assert terminal.ended() == 0


def test_an_old_passphrase_is_marked_by_the_persons_own_age(pero: CommandLine, weak: KeyFile) -> None:
    record = pero.places.key_files / weak.identity.thumbprint / "about.json"
    kept = json.loads(record.read_text())
    kept["added"] = f"{datetime.now(UTC) - timedelta(days=100):%Y-%m-%dT%H:%M:%SZ}"
    record.write_text(json.dumps(kept))
    (file,) = pero.run("care", "passphrases", "--json").json["key_files"]
    assert (file["days"], file["old"]) == (100, False)
    assert pero.run("settings", "set", "passphrase_days", "90").status == 0
    (file,) = pero.run("care", "passphrases", "--json").json["key_files"]
    assert file["old"] is True
    assert "change_setting" in kinds(pero)


def test_a_weak_passphrase_is_no_passphrase_of_a_backup(pero: CommandLine, weak: KeyFile) -> None:
    target = pero.folder / "stick" / "copy.p12"
    target.parent.mkdir()
    refused = pero.run("keyfile", "backup", weak.identity.thumbprint, target)
    assert refused.status != 0
    assert "easy to guess" in refused.complaint
    assert list(target.parent.iterdir()) == []
    assert pero.run("care", "passphrase", pin=f"{WEAK}\n{NEW}").status == 0
    assert pero.run("keyfile", "backup", weak.identity.thumbprint, target).status == 0


def test_copies_are_found_in_the_home_folder_and_deleted(pero: CommandLine, weak: KeyFile) -> None:
    copy = Path(shutil.copy(weak.path, pero.folder / "home" / "mail.pfx"))
    found = pero.run("care", "strays")
    assert found.status == 0, found
    assert str(copy) in found.output
    assert "Only its passphrase protects it" in found.output
    assert pero.run("care", "delete", "home/mail.pfx").status != 0  # nobody is there to be asked
    assert copy.exists()
    assert pero.run("care", "delete", "home/mail.pfx", "--yes").status == 0
    assert not copy.exists()
    assert pero.run("care", "strays", "--json").json["strays"] == []
    assert {"find_strays", "delete_stray"} <= set(kinds(pero))


def test_a_lost_key_is_told_to_the_running_agent_and_to_whoever_is_to_revoke_it(
    pero: CommandLine, weak: KeyFile
) -> None:
    with pero.agent():
        told = pero.run("care", "lost", weak.identity.thumbprint[:12], "--what", "stolen", "--save", "application.txt")
        assert told.status == 0, told
        assert "within one working day" in told.output
        assert pero.run("sign", "application.txt", "--json", pin=WEAK).json["error"]["name"] == "signing_paused"
        again = pero.run("care", "lost", weak.identity.thumbprint, "--save", "application.txt")
        assert again.status != 0  # what is there is not written over
        assert pero.run("resume").status == 0
    words = (pero.folder / "application.txt").read_text("utf-8")
    assert f"{weak.identity.certificate.serial_number:X}" in words
    assert "What happened: stolen" in words
    assert "report_lost" in kinds(pero)


def test_one_command_forgets_everything_and_pauses(pero: CommandLine) -> None:
    with pero.agent():
        assert "pero resume" in pero.run("care", "lock").output
        assert pero.run("resume").status == 0
    assert {"pause", "resume"} <= set(kinds(pero))


def test_among_several_key_files_one_must_be_named(pero: CommandLine, weak: KeyFile) -> None:
    other = make_key_file(pero.folder, "rsa2048", name="other.p12")
    assert pero.run("keyfile", "add", other.path, pin=PASSPHRASE).status == 0
    unclear = pero.run("care", "passphrase", pin=f"{WEAK}\n{NEW}")
    assert unclear.status == 64
    assert "other.p12" in unclear.complaint
    absent = pero.run("care", "passphrase", "none.p12", "--json", pin=f"{WEAK}\n{NEW}")
    assert absent.json["error"]["name"] == "token_absent"
