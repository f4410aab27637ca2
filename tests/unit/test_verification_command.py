"""`pero verify` and `pero demo create` as they are run."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.texts.catalogue import LANGUAGES, text
from agent.trust.authorities import Authorities
from agent.verification.report import REASONS
from tests.harness import pdf
from tests.harness.openssl import AUTHORITY, Infrastructure, cms_sign, sign

DOCUMENT = b"To be judged\n"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Infrastructure:
    return Infrastructure(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def files(pki: Infrastructure, tmp_path: Path) -> Path:
    """A folder with a document, its signature detached and attached."""
    holder = pki.signer("p-256")
    chain = (pki.intermediate.der,)
    (tmp_path / "document").write_bytes(DOCUMENT)
    (tmp_path / "detached.p7s").write_bytes(sign(holder, "sha256", DOCUMENT, attached=False, chain=chain))
    (tmp_path / "attached.p7m").write_bytes(sign(holder, "sha256", DOCUMENT, attached=True, chain=chain))
    return tmp_path


def pero(folder: Path, *arguments: str | Path, language: str = "en") -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PERO_HOME": str(folder / "home"),
        "LC_ALL": "C.UTF-8" if language == "en" else "ru_RU",
    }
    environment |= {"PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "agent.cli.main", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_valid_signature_exits_with_0_and_says_who_signed(pki: Infrastructure, files: Path) -> None:
    result = pero(files, "verify", "detached.p7s", "--content", "document", "--trust", pki.root.certificate)
    assert (result.returncode, result.stderr) == (0, "")
    assert text("command.verify.valid", "en") in result.stdout
    assert "signer-p-256" in result.stdout
    assert text("command.verify.revocation.not_checked", "en") in result.stdout
    assert pero(files, "verify", "attached.p7m", "--trust", pki.root.certificate).returncode == 0


def test_a_changed_document_exits_with_1_and_says_so(pki: Infrastructure, files: Path) -> None:
    (files / "document").write_bytes(DOCUMENT.upper())
    result = pero(files, "verify", "detached.p7s", "--content", "document", "--trust", pki.root.certificate)
    assert result.returncode == 1
    assert text("reason.document_changed", "en") in result.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("detached.p7s", "--content", "document"), "no_anchors"),
        (("attached.p7m",), "no_anchors"),
        (("detached.p7s", "--trust", "root.pem"), "content_missing"),
        (("attached.p7m", "--trust", "stranger.pem"), "chain_not_built"),
    ],
)
def test_what_cannot_be_told_exits_with_2_and_its_reason(
    pki: Infrastructure, files: Path, arguments: tuple[str, ...], reason: str
) -> None:
    (files / "root.pem").write_bytes(pki.root.certificate.read_bytes())
    stranger = pki.make("stranger", "p-256", None, AUTHORITY)
    (files / "stranger.pem").write_bytes(stranger.certificate.read_bytes())
    result = pero(files, "verify", *arguments)
    assert result.returncode == 2
    assert text(f"reason.{reason}", "en") in result.stdout


@pytest.mark.parametrize(
    "content", [pdf.plain(), b'\xef\xbb\xbf<?xml version="1.0"?><a/>', b"<a/>"], ids=["p", "x", "y"]
)
def test_a_pdf_or_xml_without_a_signature_is_not_called_invalid(files: Path, content: bytes) -> None:
    (files / "other").write_bytes(content)
    result = pero(files, "verify", "other", "--json")
    assert (result.returncode, json.loads(result.stdout)["reasons"]) == (2, ["not_signed"])


def test_json_says_the_same_for_programs(pki: Infrastructure, files: Path) -> None:
    result = pero(files, "verify", "attached.p7m", "--trust", pki.root.certificate, "--json")
    report = json.loads(result.stdout)
    assert (report["status"], report["reasons"], report["attached"]) == ("valid", [], True)
    assert report["revocation"] == "not_checked"
    (signer,) = report["signers"]
    assert signer["certificate"]["thumbprint"] == pki.signer("p-256").description.thumbprint
    assert signer["claimed_time"].endswith("Z")
    rubbish = pero(files, "verify", "document", "--json")
    assert rubbish.returncode == 1
    assert json.loads(rubbish.stdout)["reasons"] == ["damaged"]


def test_several_authorities_may_be_trusted(pki: Infrastructure, files: Path) -> None:
    stranger = pki.make("stranger", "p-256", None, AUTHORITY).certificate
    bundle = files / "bundle.pem"
    bundle.write_bytes(stranger.read_bytes() + pki.root.certificate.read_bytes())
    assert pero(files, "verify", "attached.p7m", "--trust", bundle).returncode == 0
    (files / "root.der").write_bytes(pki.root.der)
    assert pero(files, "verify", "attached.p7m", "--trust", stranger, "--trust", "root.der").returncode == 0


def test_files_that_cannot_be_read_are_errors_and_no_verdict(pki: Infrastructure, files: Path) -> None:
    os.mkfifo(files / "pipe")
    for arguments in (
        ("nowhere.p7s",),
        ("detached.p7s", "--content", "nowhere"),
        ("attached.p7m", "--trust", "nowhere"),
        ("attached.p7m", "--trust", "document"),
        ("attached.p7m", "--trust", "pipe"),
        ("attached.p7m", "--trust", "/dev/zero"),
        ("attached.p7m", "--trust", "."),
    ):
        assert pero(files, "verify", *arguments).returncode == 3
    assert pero(files, "verify").returncode == 64
    assert pero(files, "verify", "--no-such-option", "attached.p7m").returncode == 64


def test_names_in_certificates_cannot_steer_the_terminal(pki: Infrastructure, files: Path) -> None:
    subject = "/CN=evil\x1b[2J\u202eVALID"
    holder = pki.make("evil", "p-256", pki.root, "basicConstraints=CA:FALSE\n", subject=subject)
    (files / "evil.p7m").write_bytes(cms_sign(holder, files / "document", "-nodetach"))
    result = pero(files, "verify", "evil.p7m", "--trust", pki.root.certificate)
    assert result.returncode == 0
    assert not {"\x1b", "\u202e"} & set(result.stdout)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_and_word_has_its_wording(language: str) -> None:
    keys = [f"reason.{reason}" for reason in REASONS]
    keys += [f"command.verify.{status}" for status in ("valid", "invalid", "indeterminate", "help", "short")]
    keys += [f"command.demo.{word}" for word in ("help", "short", "create.help", "created")]
    assert [key for key in keys if text(key, language) == key] == []


def test_demo_create_writes_what_verify_can_trust_and_never_twice(tmp_path: Path) -> None:
    first = pero(tmp_path, "demo", "create", "demo", language="ru")
    assert (first.returncode, first.stderr) == (0, "")
    assert "demo" in first.stdout
    again = pero(tmp_path, "demo", "create", "demo", "--json")
    assert again.returncode == 3
    assert json.loads(again.stdout)["error"]["name"] == "file_unwritable"
    other = json.loads(pero(tmp_path, "demo", "create", "other", "--json").stdout)
    assert sorted(Path(file).name for file in other["files"]) == [
        "ca.pem",
        "pin.txt",
        "signer-ec.p12",
        "signer-rsa.p12",
    ]
    assert pero(tmp_path, "demo").returncode == 64


def test_a_detached_signature_finds_the_document_beside_it_and_says_which(pki: Infrastructure, files: Path) -> None:
    (files / "bill.txt").write_bytes((files / "document").read_bytes())
    (files / "bill.txt.sig").write_bytes((files / "detached.p7s").read_bytes())
    found = pero(files, "verify", "bill.txt.sig", "--trust", pki.root.certificate)
    assert found.returncode == 0, found.stdout
    assert "Document: bill.txt\n" in found.stdout
    (files / "bill.txt").write_bytes(b"something else")
    assert pero(files, "verify", "bill.txt.sig", "--trust", pki.root.certificate).returncode == 1


def test_authorities_are_trusted_until_they_are_taken_back(pki: Infrastructure, files: Path) -> None:
    thumbprint = hashlib.sha256(pki.root.der).hexdigest()
    command = ("verify", "detached.p7s", "--content", "document")
    stranger = pki.make("stranger", "p-256", None, AUTHORITY).certificate
    assert "You trust no authority yet." in pero(files, "authorities", "list").stdout
    assert pero(files, *command).returncode == 2
    assert f"Trusted from now on: {thumbprint}" in pero(files, "authorities", "add", pki.root.certificate).stdout
    assert f"Trusted before: {thumbprint}" in pero(files, "authorities", "add", pki.root.certificate).stdout
    by_root = pero(files, *command)
    assert by_root.returncode == 0, by_root.stdout
    assert "By the authorities that you trust: 1" in by_root.stdout
    assert pero(files, *command, "--trust", stranger).returncode == 2  # none but those named
    assert pero(files, "authorities", "remove", thumbprint.upper()).returncode == 0
    assert pero(files, *command).returncode == 2
    assert pero(files, "authorities", "remove", thumbprint).returncode == 1
    assert pero(files, "authorities", "add", "document").returncode == 3
    entries = json.loads(pero(files, "journal", "list", "--json").stdout)["entries"]
    kinds = [entry["kind"] for entry in entries]
    assert kinds.count("trust_authority") == 1
    assert kinds.count("distrust_authority") == 1


def test_a_file_that_is_not_what_its_name_says_vouches_for_nobody(pki: Infrastructure, tmp_path: Path) -> None:
    folder = tmp_path / "authorities"
    authorities = Authorities(folder)
    for one in authorities.read(pki.root.certificate.read_bytes()):
        authorities.add(one)
    assert [one.der for one in authorities.all()] == [pki.root.der]
    for name in ("0" * 64, "name"):
        (folder / f"{name}.cer").write_bytes(pki.root.der)
    (folder / f"{hashlib.sha256(b'noise').hexdigest()}.cer").write_bytes(b"noise")
    assert [one.der for one in authorities.all()] == [pki.root.der]
    assert folder.stat().st_mode & 0o777 == 0o700
