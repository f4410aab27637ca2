"""A certificate for the key of a key file: asked for, and put to it when it was issued (R14). openssl is the judge."""

from __future__ import annotations

import asyncio
import resource
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from agent.certificates.request import RequestedExtensions, Subject
from agent.errors import (
    CertificateDamaged,
    FileUnwritable,
    KeyAbsent,
    ObjectAbsent,
    ObjectExists,
    PinIncorrect,
    SubjectInvalid,
)
from agent.model import KEY_FILES, CertificateEntry
from agent.tokens.inventory import ObjectName
from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.keyfiles import PASSPHRASE, Identity, KeyFile, certificate_for, make_identity, make_key_file
from tests.harness.managed import from_lines
from tests.harness.places import algorithm_of, opened, verify

DIGEST = bytes(range(32))
KEY = ObjectName("key")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "key-files"


@pytest.fixture
async def pool(folder: Path) -> AsyncIterator[TokenPool]:
    async with opened(TokenPool(list, folder)) as pool:
        yield pool


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return make_key_file(tmp_path, "p256")


@pytest.fixture
async def entry(pool: TokenPool, file: KeyFile) -> CertificateEntry:
    async with asking(file.passphrase) as asker:
        (entry,) = await pool.add_key_file(file.path.read_bytes(), file.path.name, asker.source)
    return entry


@pytest.fixture
def issued(file: KeyFile) -> Identity:
    """A new certificate for the same key."""
    key = file.identity.key
    return Identity(key, certificate_for(key.public_key(), "Issued Signer", days=365), file.identity.authority)


def shown_by_openssl(folder: Path, thumbprint: str) -> str:
    command = [
        "openssl",
        "pkcs12",
        "-in",
        str(folder / thumbprint / "key.p12"),
        "-nodes",
        "-passin",
        f"pass:{PASSPHRASE}",
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


async def test_the_issued_certificate_becomes_a_key_file_with_the_same_key_and_the_old_one_stays(
    pool: TokenPool, folder: Path, file: KeyFile, entry: CertificateEntry, issued: Identity
) -> None:
    chain = [issued.authority.public_bytes(Encoding.DER), make_identity("p256", "Somebody").der]
    async with asking("wrong one", PASSPHRASE) as asker:
        made = await pool.management.write_certificate(entry.token, issued.der, asker.source, chain=chain)
        await asker.ended.wait()
    assert [(one.purpose, one.retry) for one in asker.questions] == [("passphrase", False), ("passphrase", True)]
    assert made.name == ObjectName("certificate", thumbprint=issued.thumbprint)
    listed = {one.thumbprint: one for one in (await pool.listing()).certificates}
    assert set(listed) == {file.identity.thumbprint, issued.thumbprint}
    new = listed[issued.thumbprint]
    assert (new.token.label, new.chain) == (entry.token.label, (issued.authority.public_bytes(Encoding.DER),))
    shown = shown_by_openssl(folder, issued.thumbprint)
    assert "Issued Signer" in shown
    assert "Somebody" not in shown
    for one in listed.values():
        async with asking(PASSPHRASE) as asker:
            verify(file.identity, await pool.sign(one, algorithm_of("p256"), DIGEST, asker.source), DIGEST)


async def test_what_does_not_fit_is_said_before_anything_is_asked(
    pool: TokenPool, entry: CertificateEntry, folder: Path
) -> None:
    strange = make_identity("p256", fresh=True).der
    for der, error in ((strange, KeyAbsent), (entry.der, ObjectExists), (b"\x30\x03abc", CertificateDamaged)):
        async with asking(None) as asker:
            with pytest.raises(error):
                await pool.management.write_certificate(entry.token, der, asker.source)
            assert asker.questions == []
    assert len(list(folder.iterdir())) == 1


async def test_a_wrong_passphrase_makes_nothing(
    pool: TokenPool, entry: CertificateEntry, issued: Identity, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(PinIncorrect):
        await pool.management.write_certificate(entry.token, issued.der, from_lines(tmp_path, "wrong one"))
    assert [one.name for one in folder.iterdir()] == [entry.thumbprint]


async def test_a_full_disk_leaves_the_key_file_that_was_there_and_nothing_else(
    pool: TokenPool, entry: CertificateEntry, issued: Identity, folder: Path
) -> None:
    before = (folder / entry.thumbprint / "key.p12").read_bytes()
    worker = psutil.Process(pool.worker_processes()[KEY_FILES])
    async with asking() as asker:
        writing = asyncio.create_task(pool.management.write_certificate(entry.token, issued.der, asker.source))
        async with asyncio.timeout(60):
            await asker.asked.wait()
        worker.rlimit(resource.RLIMIT_FSIZE, (64, 64))
        asker.answer(PASSPHRASE)
        with pytest.raises(FileUnwritable):
            await writing
    assert [one.name for one in folder.iterdir()] == [entry.thumbprint]
    assert (folder / entry.thumbprint / "key.p12").read_bytes() == before


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa2048"])
async def test_a_request_is_signed_by_the_key_of_the_file(pool: TokenPool, tmp_path: Path, kind: str) -> None:
    made = make_key_file(tmp_path, kind)
    async with asking(made.passphrase) as asker:
        (entry,) = await pool.add_key_file(made.path.read_bytes(), made.path.name, asker.source)
    subject = Subject("Иванов Иван", inn="500100732259")
    async with asking(PASSPHRASE) as asker:
        request = await pool.management.request(entry.token, KEY, subject, asker.source)
    assert [one.purpose for one in asker.questions] == ["passphrase"]
    (tmp_path / "request.p10").write_bytes(request)
    command = ["openssl", "req", "-in", str(tmp_path / "request.p10"), "-inform", "DER", "-verify", "-noout",
               "-subject", "-pubkey", "-nameopt", "utf8"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "verify OK" in done.stderr + done.stdout
    assert "Иванов Иван" in done.stdout
    (tmp_path / "own.pem").write_bytes(made.identity.pem)
    own = ["openssl", "x509", "-in", str(tmp_path / "own.pem"), "-noout", "-pubkey"]
    assert subprocess.run(own, capture_output=True, text=True, timeout=60, check=True).stdout in done.stdout


async def test_a_request_that_cannot_be_is_refused_before_anything_is_asked(
    pool: TokenPool, entry: CertificateEntry
) -> None:
    manage, usage = pool.management, RequestedExtensions()
    wrong = (
        (KEY, Subject("Anna", inn="123456789012"), SubjectInvalid),
        (ObjectName("key", thumbprint="00" * 32), Subject("Anna"), ObjectAbsent),
    )
    for key, subject, error in wrong:
        async with asking(None) as asker:
            with pytest.raises(error):
                await manage.request(entry.token, key, subject, asker.source, usage)
            assert asker.questions == []
