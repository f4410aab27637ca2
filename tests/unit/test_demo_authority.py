"""The demo authority and its signers, judged by openssl."""

from __future__ import annotations

import datetime
import re
import stat
from pathlib import Path

import pytest

from agent.certificates import demo
from agent.certificates.description import describe, problems
from agent.errors import FileUnreadable, FileUnwritable, StateUnsafe
from tests.harness.openssl import openssl

NOW = datetime.datetime.now(datetime.UTC)
KEY_FILES = ("signer-rsa.p12", "signer-ec.p12")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "demo"
    demo.create(folder, demo.load_profile(), NOW)
    return folder


def certificate(folder: Path, key_file: str) -> bytes:
    """PEM of the signer's certificate, by the passphrase in the file."""
    return openssl(
        "pkcs12", "-in", folder / key_file, "-passin", f"file:{folder / 'pin.txt'}", "-nokeys", "-clcerts"
    ).stdout


def text(pem: bytes, *options: str) -> str:
    return openssl("x509", "-noout", "-text", "-nameopt", "RFC2253,-esc_msb,utf8", *options, data=pem).stdout.decode()


def test_the_files_are_private_and_no_more_than_promised(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["ca.pem", "pin.txt", *sorted(KEY_FILES)]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_the_authoritys_key_is_nowhere(folder: Path) -> None:
    public = {openssl("x509", "-in", folder / "ca.pem", "-noout", "-pubkey").stdout}
    assert b"PRIVATE" not in (folder / "ca.pem").read_bytes()
    for key_file in KEY_FILES:
        passphrase = f"file:{folder / 'pin.txt'}"
        key = openssl("pkcs12", "-in", folder / key_file, "-passin", passphrase, "-nocerts", "-noenc").stdout
        assert key.count(b"BEGIN PRIVATE KEY") == 1
        public.add(openssl("pkey", "-pubout", data=key).stdout)
    assert len(public) == 3


@pytest.mark.parametrize("key_file", KEY_FILES)
def test_signers_verify_for_openssl_and_are_fit_to_sign(folder: Path, tmp_path: Path, key_file: str) -> None:
    pem = certificate(folder, key_file)
    (tmp_path / "signer.pem").write_bytes(pem)
    strict = ("-x509_strict", "-purpose", "any")
    openssl("verify", *strict, "-CAfile", folder / "ca.pem", tmp_path / "signer.pem")
    der = openssl("x509", "-outform", "DER", data=pem).stdout
    assert problems(describe(der), NOW) == ()
    assert problems(describe(der), NOW + datetime.timedelta(days=31)) == ("expired",)
    shown = text(pem)
    assert "Digital Signature, Non Repudiation\n" in shown
    assert "CA:FALSE" in shown
    assert re.search(r"Subject: CN=DEMO [^\n]*SNILS=00000000000,INN=000000000000,", shown)


def test_the_authority_says_demo_and_may_issue_signers_only(folder: Path) -> None:
    shown = text((folder / "ca.pem").read_bytes())
    assert "Subject: CN=Pero DEMO authority" in shown
    assert re.search(r"Basic Constraints: critical\s+CA:TRUE, pathlen:0", shown)
    assert re.search(r"Key Usage: critical\s+Certificate Sign, CRL Sign\n", shown)


def test_russian_numbers_are_numeric_strings(folder: Path) -> None:
    """Order of the FSB of 27.12.2011 No 795."""
    der = openssl("x509", "-outform", "DER", data=certificate(folder, "signer-ec.p12")).stdout
    parsed = openssl("asn1parse", "-inform", "DER", data=der).stdout.decode()
    assert re.findall(r"NUMERICSTRING\s*:(\d+)", parsed) == ["000000000000", "00000000000"]


@pytest.mark.parametrize("key_file", KEY_FILES)
def test_key_files_are_encrypted_with_aes_and_open_with_the_passphrase_alone(folder: Path, key_file: str) -> None:
    info = openssl(
        "pkcs12", "-in", folder / key_file, "-passin", f"file:{folder / 'pin.txt'}", "-noout", "-info"
    ).stderr.decode()
    assert info.count("PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256") == 2
    assert openssl("pkcs12", "-in", folder / key_file, "-passin", "pass:", "-noout", check=False).returncode != 0


def test_passphrases_are_random_and_easy_to_type(tmp_path: Path) -> None:
    profile = demo.load_profile()
    signer = profile.signers[1]
    small = demo.Profile(days=1, iterations=1000, authority=profile.authority, signers=(signer,))
    found = set()
    for number in range(4):
        demo.create(tmp_path / str(number), small, NOW)
        found.add((tmp_path / str(number) / "pin.txt").read_text())
    assert len(found) == 4
    assert all(re.fullmatch(r"[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}\n", one) for one in found)


def test_nothing_is_overwritten(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(FileUnwritable) as caught:
        demo.create(folder, demo.load_profile(), NOW)
    assert caught.value.facts["reason"] == "not empty"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    with pytest.raises(StateUnsafe):
        demo.create(shared, demo.load_profile(), NOW)


def test_a_profile_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable):
        demo.load_profile(tmp_path / "none.json")
