"""`pero keyfile`, `certificates` and `sign` by descriptor, without an agent and with one. openssl is the judge."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.harness.command_line import PERO, CommandLine
from tests.harness.keyfiles import PASSPHRASE, Identity, KeyFile, make_key_file
from tests.harness.openssl import openssl
from tests.harness.softhsm import PIN, SoftHsm, make_softhsm
from tests.harness.whole import until

CONTENT = "Договор № 1\n".encode()


@pytest.fixture
def pero(tmp_path: Path) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        (tmp_path / "contract.txt").write_bytes(CONTENT)
        yield line


@pytest.fixture
def key_file(pero: CommandLine) -> KeyFile:
    """A key file that was added."""
    made = make_key_file(pero.folder, "p256")
    assert pero.run("keyfile", "add", made.path, pin=PASSPHRASE).status == 0
    return made


@pytest.fixture
def token(pero: CommandLine) -> SoftHsm:
    """A token that is there."""
    directory = pero.folder / "token"
    directory.mkdir()
    made = make_softhsm(directory)
    pero.use_tokens(directory)
    return made


def accepted(pero: CommandLine, signature: Path, identity: Identity, content: Path | None) -> bytes:
    """What openssl says was signed; fails where it does not accept the signature as CAdES-BES."""
    authority = pero.folder / "authority.pem"
    authority.write_bytes(identity.authority.public_bytes(Encoding.PEM))
    given = ["-content", content] if content else []
    return openssl(
        "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", signature, "-CAfile", authority,
        "-purpose", "any", *given,
    ).stdout  # fmt: skip


@pytest.mark.parametrize("running", [False, True], ids=["alone", "with an agent"])
def test_a_file_is_signed_with_a_key_file(pero: CommandLine, running: bool) -> None:
    made = make_key_file(pero.folder, "p256")
    if running:
        with pero.agent():
            sign_both_ways(pero, made)
    else:
        sign_both_ways(pero, made)
    assert pero.holds(PASSPHRASE) == []


def sign_both_ways(pero: CommandLine, made: KeyFile) -> None:
    added = pero.run("keyfile", "add", made.path, "--json", pin=PASSPHRASE)
    assert [row["thumbprint"] for row in added.json["certificates"]] == [made.identity.thumbprint]
    assert pero.run("sign", "contract.txt", pin=PASSPHRASE).status == 0
    detached = pero.folder / "contract.txt.p7s"
    assert accepted(pero, detached, made.identity, pero.folder / "contract.txt") == CONTENT
    ended = pero.run("sign", "contract.txt", "--attached", "--json", pin=PASSPHRASE)
    assert ended.json["file"] == "contract.txt.p7m"
    assert ended.json["detached"] is False
    assert ended.json["certificate"]["thumbprint"] == made.identity.thumbprint
    assert accepted(pero, pero.folder / "contract.txt.p7m", made.identity, None) == CONTENT


def test_a_file_is_signed_with_a_token(pero: CommandLine, token: SoftHsm) -> None:
    assert pero.run("sign", "contract.txt", pin=PIN).status == 0
    accepted(pero, pero.folder / "contract.txt.p7s", token.identity, pero.folder / "contract.txt")


def test_an_empty_file_can_be_signed(pero: CommandLine, key_file: KeyFile) -> None:
    (pero.folder / "empty").write_bytes(b"")
    assert pero.run("sign", "empty", pin=PASSPHRASE).status == 0
    assert accepted(pero, pero.folder / "empty.p7s", key_file.identity, pero.folder / "empty") == b""


def test_a_signature_that_is_there_is_not_overwritten_unless_told(pero: CommandLine, key_file: KeyFile) -> None:
    there = pero.folder / "contract.txt.p7s"
    there.write_bytes(b"older")
    refused = pero.run("sign", "contract.txt", "--json", pin=PASSPHRASE)
    assert (refused.status, refused.json["error"]["name"]) == (3, "file_unwritable")
    assert "--force" in refused.json["error"]["advice"]
    told = pero.run("sign", "contract.txt", pin=PASSPHRASE).complaint.splitlines()
    assert told == [
        "Error: The file cannot be written: contract.txt.p7s (File exists).",
        "There is such a file already. --force overwrites it.",
    ]
    assert there.read_bytes() == b"older"
    assert all(entry["kind"] != "sign" for entry in pero.run("journal", "list", "--json").json["entries"])
    assert pero.run("sign", "contract.txt", "--force", pin=PASSPHRASE).status == 0
    accepted(pero, there, key_file.identity, pero.folder / "contract.txt")


def test_the_document_is_never_overwritten_by_its_signature(pero: CommandLine, key_file: KeyFile) -> None:
    (pero.folder / "link").symlink_to("contract.txt")
    for target in ("contract.txt", "./contract.txt", "link"):
        ended = pero.run("sign", "contract.txt", "-o", target, "--force", pin=PASSPHRASE)
        assert (ended.status, (pero.folder / "contract.txt").read_bytes()) == (64, CONTENT)
        assert "the document itself" in ended.complaint


def test_the_signature_goes_where_it_is_told_with_ordinary_rights(pero: CommandLine, key_file: KeyFile) -> None:
    (pero.folder / "out").mkdir()
    assert pero.run("sign", "contract.txt", "-o", "out/a.sig", pin=PASSPHRASE).status == 0
    mask = os.umask(0)
    os.umask(mask)
    assert [file.name for file in (pero.folder / "out").iterdir()] == ["a.sig"]
    assert stat.S_IMODE((pero.folder / "out" / "a.sig").stat().st_mode) == 0o666 & ~mask
    accepted(pero, pero.folder / "out" / "a.sig", key_file.identity, pero.folder / "contract.txt")


def test_a_folder_in_the_place_of_the_signature_is_told_before_anything_is_signed(
    pero: CommandLine, key_file: KeyFile
) -> None:
    (pero.folder / "out").mkdir()
    for more in ((), ("--force",)):
        ended = pero.run("sign", "contract.txt", "-o", "out", *more, pin=PASSPHRASE)
        assert (ended.status, ended.complaint.splitlines()[0]) == (
            3,
            "Error: The file cannot be written: out (Is a directory).",
        )
        assert "--force" not in ended.complaint
    assert not [row for row in pero.run("journal", "list", "--json").json["entries"] if row["kind"] == "sign"]


def test_a_name_that_is_not_utf8_is_told_with_its_octets(pero: CommandLine, key_file: KeyFile) -> None:
    name = os.fsdecode(b"doc-\xff.txt")
    (pero.folder / name).write_bytes(b"content")
    with pero.agent():
        not_utf8_is_told(pero, name)
    not_utf8_is_told(pero, name)
    ended = pero.run("sign", "contract.txt", "-o", os.fsdecode(b"\xff.p7s"), "--json", pin=PASSPHRASE)
    assert (ended.status, ended.json["file"]) == (0, os.fsdecode(b"\xff.p7s"))


def not_utf8_is_told(pero: CommandLine, name: str) -> None:
    for command in (("sign",), ("keyfile", "add"), ("modules", "add"), ("modules", "forget")):
        secret = PASSPHRASE if "modules" not in command else None
        ended = pero.run(*command, name, "--json", pin=secret)
        assert (ended.status, ended.json["error"]["name"]) == (3, "file_unreadable"), command
        assert ended.json["error"]["facts"]["path"] == f"{pero.folder}/doc-\\xff.txt"
        said = pero.run(*command, name, pin=secret).complaint
        assert said.startswith("Error: The file cannot be read: "), said
        assert "doc-\\xff.txt" in said
    assert pero.run("sites", "forget", name, "--json").json["error"]["name"] == "bad_parameters"


def test_a_place_that_cannot_be_written_is_told(pero: CommandLine, key_file: KeyFile) -> None:
    ended = pero.run("sign", "contract.txt", "-o", "absent/a.sig", "--json", pin=PASSPHRASE)
    assert (ended.status, ended.json["error"]["name"]) == (3, "file_unwritable")


@pytest.mark.parametrize("target", ["absent/a.sig", "/proc/a.sig", "a" * 256], ids=["no folder", "no place", "long"])
def test_nobody_signs_for_a_place_that_cannot_be_written(pero: CommandLine, key_file: KeyFile, target: str) -> None:
    before = len(pero.run("journal", "list", "--json").json["entries"])
    ended = pero.run("sign", "contract.txt", "-o", target, "--json", pin=PASSPHRASE)
    assert (ended.status, ended.json["error"]["name"]) == (3, "file_unwritable")
    assert len(pero.run("journal", "list", "--json").json["entries"]) == before


def test_a_wrong_pin_makes_no_signature_and_is_journalled(pero: CommandLine, token: SoftHsm) -> None:
    ended = pero.run("sign", "contract.txt", "--json", pin="87651234")
    assert (ended.status, ended.json["error"]["name"]) == (3, "pin_incorrect")
    assert not list(pero.folder.glob("*.p7s"))
    outcome = pero.run("journal", "list", "--json").json["entries"][-1]
    assert (outcome["kind"], outcome["facts"]["outcome"]) == ("outcome", "pin_incorrect")
    assert pero.holds("87651234") == []


def test_a_descriptor_without_a_pin_is_a_cancel(pero: CommandLine, key_file: KeyFile) -> None:
    assert pero.run("sign", "contract.txt", "--json", pin="").json["error"]["name"] == "pin_cancelled"


def test_a_pin_can_come_from_a_file(pero: CommandLine, key_file: KeyFile) -> None:
    (pero.folder / "pin").write_text(PASSPHRASE + "\n")
    with (pero.folder / "pin").open("rb") as file:
        done = subprocess.run(
            [PERO, "sign", "contract.txt", "--pin-fd", "0"],
            stdin=file, env=pero.environment, cwd=pero.folder, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_among_several_certificates_a_script_must_choose(pero: CommandLine, key_file: KeyFile) -> None:
    other = make_key_file(pero.folder, "rsa2048", name="other.p12")
    assert pero.run("keyfile", "add", other.path, pin=PASSPHRASE).status == 0
    ended = pero.run("sign", "contract.txt", "--json", pin=PASSPHRASE)
    assert (ended.status, ended.json["error"]["name"]) == (3, "certificate_ambiguous")
    thumbprint = other.identity.thumbprint.upper()
    colons = ":".join(thumbprint[place : place + 2] for place in range(0, 64, 2))
    assert pero.run("sign", "contract.txt", "--certificate", colons, pin=PASSPHRASE).status == 0
    accepted(pero, pero.folder / "contract.txt.p7s", other.identity, pero.folder / "contract.txt")


def test_a_certificate_that_is_not_there_is_told(pero: CommandLine, key_file: KeyFile) -> None:
    ended = pero.run("sign", "contract.txt", "--certificate", "0" * 64, "--json", pin=PASSPHRASE)
    assert (ended.status, ended.json["error"]["name"]) == (3, "certificate_unknown")


def test_an_expired_certificate_is_listed_with_its_reason_and_does_not_sign(pero: CommandLine) -> None:
    expired = make_key_file(pero.folder, "p256", days=-2, common_name="Прежний")
    pero.run("keyfile", "add", expired.path, pin=PASSPHRASE)
    (row,) = pero.run("certificates", "--json").json["certificates"]
    assert row["problems"] == ["expired"]
    shown = pero.run("certificates").output
    assert "Прежний" in shown
    assert f"! Cannot be used: it expired on {row['not_after'][:10]}" in shown
    ended = pero.run("sign", "contract.txt", "--certificate", expired.identity.thumbprint, "--json", pin=PASSPHRASE)
    assert ended.json["error"]["name"] == "certificate_unusable"
    assert f"it expired on {row['not_after'][:10]}" in ended.json["error"]["text"]
    told = pero.run(
        "sign", "contract.txt", "--certificate", expired.identity.thumbprint, pin=PASSPHRASE, language="ru_RU"
    )
    assert f"срок его действия истёк {row['not_after'][:10]}." in told.complaint


def test_certificates_are_shown_for_people_and_programs(pero: CommandLine, key_file: KeyFile, token: SoftHsm) -> None:
    rows = pero.run("certificates", "--json").json["certificates"]
    assert {row["thumbprint"] for row in rows} == {key_file.identity.thumbprint, token.identity.thumbprint}
    for row in rows:
        der = openssl("base64", "-d", "-A", data=row["certificate"].encode()).stdout
        assert hashlib.sha256(der).hexdigest() == row["thumbprint"]
    shown = pero.run("certificates").output
    assert key_file.identity.thumbprint in shown
    assert token.label in shown


def test_a_wrong_passphrase_adds_nothing(pero: CommandLine) -> None:
    made = make_key_file(pero.folder, "p256")
    ended = pero.run("keyfile", "add", made.path, "--json", pin="wrong")
    assert (ended.status, ended.json["error"]["name"]) == (3, "passphrase_incorrect")
    russian = pero.run("keyfile", "add", made.path, pin="wrong", language="ru_RU.UTF-8").complaint
    assert "Неверный пароль файла «" in russian
    assert "PIN" not in russian
    assert pero.run("keyfile", "list").output == "No key files were added.\n"


def test_a_file_that_is_no_key_file_is_told(pero: CommandLine) -> None:
    ended = pero.run("keyfile", "add", "contract.txt", "--json", pin=PASSPHRASE)
    assert (ended.status, ended.json["error"]["name"]) == (3, "key_file_damaged")


def test_a_key_file_is_listed_and_forgotten(pero: CommandLine, key_file: KeyFile) -> None:
    thumbprint = key_file.identity.thumbprint
    assert thumbprint in pero.run("keyfile", "list").output
    assert pero.run("keyfile", "list", "--json").json["certificates"][0]["thumbprint"] == thumbprint
    assert pero.run("keyfile", "forget", thumbprint).status == 0
    assert pero.run("keyfile", "list", "--json").json == {"certificates": []}
    assert key_file.path.exists(), "the file that it came from is the person's"
    unknown = pero.run("keyfile", "forget", thumbprint, "--json").json["error"]
    assert (unknown["name"], "pero keyfile list" in unknown["advice"]) == ("certificate_unknown", True)
    told = pero.run("keyfile", "forget", thumbprint).complaint
    assert "pero keyfile list" in told
    assert "Connect the token" not in told


def test_a_journal_that_cannot_be_written_lets_nothing_be_signed(pero: CommandLine, key_file: KeyFile) -> None:
    for file in pero.places.state.glob("journal.sqlite*"):
        file.unlink()
    pero.places.journal.mkdir()
    ended = pero.run("sign", "contract.txt", "--json", pin=PASSPHRASE)
    assert (ended.status, ended.json["error"]["name"]) == (3, "journal_unwritable")
    assert not list(pero.folder.glob("*.p7s"))


def test_a_file_that_came_while_the_pin_was_waited_for_stays(pero: CommandLine, key_file: KeyFile) -> None:
    with waiting_for_its_pin(pero) as (process, writer):
        (pero.folder / "contract.txt.p7s").write_bytes(b"of somebody else")
        os.write(writer, PASSPHRASE.encode() + b"\n")
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 3
    assert b"File exists" in complaint
    assert (pero.folder / "contract.txt.p7s").read_bytes() == b"of somebody else"
    assert not list(pero.folder.glob(".contract.txt.p7s*")), "what was written beside it is gone"


def test_a_command_that_is_interrupted_leaves_nothing_behind(pero: CommandLine, key_file: KeyFile) -> None:
    with waiting_for_its_pin(pero) as (process, _writer):
        process.send_signal(signal.SIGINT)
        output, complaint = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, b"")
    assert b"Traceback" not in complaint
    assert not list(pero.folder.glob("*.p7s"))
    entries = pero.run("journal", "list", "--json").json["entries"]
    assert (entries[-1]["kind"], entries[-1]["facts"]["outcome"]) == ("outcome", "cancelled")


@contextlib.contextmanager
def waiting_for_its_pin(pero: CommandLine) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A `pero sign` that has confirmed and waits for its PIN, and the pipe to write it to."""
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [PERO, "sign", "contract.txt", "--pin-fd", str(reader)],
        env=pero.environment, cwd=pero.folder, pass_fds=(reader,), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    os.close(reader)
    try:
        until(lambda: confirmed(pero), "the confirmation in the journal")
        yield process, writer
    finally:
        os.close(writer)
        if process.poll() is None:
            process.kill()
            process.communicate()


def confirmed(pero: CommandLine) -> bool:
    with contextlib.closing(sqlite3.connect(pero.places.journal)) as connection:
        return bool(connection.execute("SELECT count(*) FROM entries WHERE kind = 'confirmed'").fetchone()[0])
