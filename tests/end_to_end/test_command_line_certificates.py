"""What the page of certificates does, as commands: backup, test signature, a site's first certificate, key files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from agent.consent.origins import Origins
from tests.harness.command_line import CommandLine
from tests.harness.keyfiles import PASSPHRASE, KeyFile, certificate_for, make_key_file

SITE = "https://site.example"


@pytest.fixture
def pero(tmp_path: Path) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        yield line


def kept(pero: CommandLine, **more: str) -> KeyFile:
    made = make_key_file(pero.folder, "p256", **more)  # type: ignore[arg-type]
    assert pero.run("keyfile", "add", made.path, pin=PASSPHRASE).status == 0
    return made


def openssl(*arguments: str | Path) -> str:
    command = ["openssl", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_a_backup_is_written_once_and_the_journal_says_why(pero: CommandLine) -> None:
    made = kept(pero)
    target = pero.folder / "copy.p12"
    written = pero.run("keyfile", "backup", made.identity.thumbprint, target, "--reason", "старый диск")
    assert (written.status, str(target) in written.output) == (0, True), written.complaint
    assert "PRIVATE KEY" in openssl("pkcs12", "-in", target, "-nodes", "-passin", f"pass:{PASSPHRASE}")
    again = pero.run("keyfile", "backup", made.identity.thumbprint, target, "--json")
    assert (again.status, again.json["error"]["name"]) == (3, "file_unwritable")
    assert pero.run("keyfile", "backup", made.identity.thumbprint, target, "--force").status == 0
    cloud = pero.folder / "Yandex.Disk"
    cloud.mkdir()
    refused = pero.run("keyfile", "backup", made.identity.thumbprint, cloud / "copy.p12", "--json")
    assert (refused.json["error"]["name"], list(cloud.iterdir())) == ("folder_synchronised", [])
    entries = pero.run("journal", "list", "--json").json["entries"]
    assert next(one["facts"]["reason"] for one in entries if one["kind"] == "backup_key_file") == "старый диск"


def test_a_test_signature_takes_the_only_certificate_that_can_sign(pero: CommandLine) -> None:
    empty = pero.run("try")
    assert empty.status == 64
    made = kept(pero)
    done = pero.run("try", "--json", pin=PASSPHRASE)
    assert (done.status, done.json["right"], done.json["owner"]) == (0, True, "Test Signer"), done.complaint
    make_key_file(pero.folder, "rsa2048", name="other.p12", common_name="Other Signer")
    assert pero.run("keyfile", "add", "other.p12", pin=PASSPHRASE).status == 0
    several = pero.run("try", pin=PASSPHRASE)
    assert several.status == 64
    assert made.identity.thumbprint in several.complaint
    assert pero.run("try", made.identity.thumbprint, pin=PASSPHRASE).status == 0
    wrong = pero.run("try", made.identity.thumbprint, "--json", pin="not the passphrase")
    assert (wrong.status, wrong.json["error"]["name"]) == (3, "pin_incorrect")


def test_a_sites_first_certificate_is_chosen_and_taken_back(pero: CommandLine) -> None:
    made = kept(pero)
    thumbprint = made.identity.thumbprint
    unknown = pero.run("sites", "default", SITE, thumbprint, "--json")
    assert (unknown.status, unknown.json) == (1, {"set": False})
    Origins(pero.places.origins).allow(SITE, datetime.now(UTC))
    assert pero.run("sites", "default", SITE, thumbprint).status == 0
    assert Origins(pero.places.origins).certificate(SITE) == thumbprint
    assert pero.run("sites", "default", SITE, "--none").status == 0
    assert not Origins(pero.places.origins).certificate(SITE)
    assert pero.run("sites", "default", SITE).status == 64
    assert pero.run("sites", "default", SITE, thumbprint, "--none").status == 64


def test_a_key_file_gets_its_request_and_its_issued_certificate(pero: CommandLine) -> None:
    made = kept(pero)
    row = pero.run("keyfile", "list", "--json").json["certificates"][0]["token"]
    asked = pero.run(
        "token", "request", "--token", row["serial"], "--common-name", "Анна", "-o", "anna.p10", pin=PASSPHRASE
    )
    assert asked.status == 0, asked.complaint
    assert "verify OK" in subprocess.run(
        ["openssl", "req", "-inform", "DER", "-in", pero.folder / "anna.p10", "-verify", "-noout"],
        capture_output=True, text=True, timeout=60, check=True,
    ).stderr  # fmt: skip
    issued = certificate_for(made.identity.key.public_key(), "Анна", days=365)
    (pero.folder / "anna.pem").write_bytes(issued.public_bytes(Encoding.PEM))
    (pero.folder / "ca.pem").write_bytes(made.identity.authority.public_bytes(Encoding.PEM))
    openssl("crl2pkcs7", "-nocrl", "-certfile", pero.folder / "anna.pem", "-certfile", pero.folder / "ca.pem",
            "-outform", "DER", "-out", pero.folder / "anna.p7b")  # fmt: skip
    put = pero.run("token", "write-certificate", "anna.p7b", "--token", row["serial"], pin=PASSPHRASE)
    assert put.status == 0, put.complaint
    owners = {one["owner"] for one in pero.run("keyfile", "list", "--json").json["certificates"]}
    assert owners == {"Test Signer", "Анна"}
