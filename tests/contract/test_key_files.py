"""How key files are taken in and kept. openssl says what is in them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import stat
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    NoEncryption,
    pkcs12,
)

from agent.errors import (
    AlgorithmUnsupported,
    FileUnreadable,
    KeyFileDamaged,
    KeyFileWithoutKey,
    PeroError,
    PinCancelled,
    PinIncorrect,
    StateUnsafe,
    TokenAbsent,
    WorkerDied,
)
from agent.ipc.pin import PinSource
from agent.model import KEY_FILES, CertificateEntry
from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.keyfiles import KeyFile, certificate_for, make_identity, make_key_file, make_weak_key_file, new_key
from tests.harness.places import algorithm_of, opened, verify

DIGEST = hashlib.sha256(b"what is signed").digest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "key-files"


@pytest.fixture
async def pool(folder: Path) -> AsyncIterator[TokenPool]:
    async with opened(TokenPool(list, folder)) as pool:
        yield pool


async def add(pool: TokenPool, file: KeyFile, *answers: str | None) -> CertificateEntry:
    async with asking(*(answers or (file.passphrase,))) as asker:
        (entry,) = await pool.add_key_file(file.path.read_bytes(), file.path.name, asker.source)
    return entry


def parts_of(file: Path, passphrase: str) -> str:
    """What openssl says of the protection of a PKCS#12 file."""
    done = subprocess.run(
        ["openssl", "pkcs12", "-legacy", "-in", file, "-info", "-noout", "-passin", f"pass:{passphrase}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stderr


async def test_a_key_file_is_listed_from_then_on_without_its_passphrase(
    pool: TokenPool, folder: Path, tmp_path: Path
) -> None:
    assert (await pool.listing()).certificates == ()
    file = make_key_file(tmp_path, "p256")
    entry = await add(pool, file)
    assert (await pool.listing()).certificates == (entry,)
    assert entry.thumbprint == file.identity.thumbprint
    assert entry.token.label == "signer.p12"
    assert entry.token.module == KEY_FILES
    async with opened(TokenPool(list, folder)) as later:
        assert (await later.listing()).certificates == (entry,)


@pytest.mark.parametrize("make", [make_weak_key_file, make_key_file], ids=["legacy", "default"])
async def test_a_weak_file_is_kept_with_a_strong_derivation(
    pool: TokenPool, folder: Path, tmp_path: Path, make
) -> None:
    file = make(tmp_path)
    entry = await add(pool, file)
    kept = folder / entry.thumbprint / "key.p12"
    parts = parts_of(kept, file.passphrase)
    assert re.findall(r"MAC: sha256, Iteration (\d+)", parts) == ["600000"]
    assert parts.count("PBES2, PBKDF2, AES-256-CBC, Iteration 600000, PRF hmacWithSHA256") == 2
    assert "RC2" not in parts
    async with asking(file.passphrase) as asker:
        verify(file.identity, await pool.sign(entry, algorithm_of("rsa2048"), DIGEST, asker.source), DIGEST)
    assert (entry.chain == ()) == (make is make_weak_key_file)


async def test_a_strong_file_is_kept_as_it_was(pool: TokenPool, folder: Path, tmp_path: Path) -> None:
    file = make_key_file(tmp_path, "p256")
    entry = await add(pool, file)
    kept = folder / entry.thumbprint / "key.p12"
    strong = kept.read_bytes()
    file.path.write_bytes(strong)
    await pool.forget_key_file(entry.thumbprint)
    await add(pool, file)
    assert kept.read_bytes() == strong


async def test_what_is_kept_is_closed_to_others_and_clear_only_where_it_may_be(
    pool: TokenPool, folder: Path, tmp_path: Path
) -> None:
    file = make_key_file(tmp_path, "p256")
    entry = await add(pool, file)
    kept = folder / entry.thumbprint
    assert {path.name for path in folder.iterdir()} == {entry.thumbprint}
    assert {path.name for path in kept.iterdir()} == {"key.p12", "certificates.pem", "about.json"}
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, kept)] == [0o700, 0o700]
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept.iterdir()} == {0o600}
    secret = file.identity.key.private_numbers().private_value.to_bytes(32, "big")
    assert all(secret not in path.read_bytes() for path in kept.iterdir())
    listed = subprocess.run(
        ["openssl", "x509", "-in", kept / "certificates.pem", "-outform", "DER"], capture_output=True, check=True
    )
    assert listed.stdout == file.identity.der


async def test_a_wrong_passphrase_is_asked_again(pool: TokenPool, tmp_path: Path) -> None:
    file = make_key_file(tmp_path, "p256")
    async with asking("wrong", file.passphrase) as asker:
        await pool.add_key_file(file.path.read_bytes(), file.path.name, asker.source)
    assert [question.retry for question in asker.questions] == [False, True]


async def test_a_cancelled_passphrase_keeps_nothing(pool: TokenPool, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PinCancelled):
        await add(pool, make_key_file(tmp_path, "p256"), "wrong", None)
    assert list(folder.iterdir()) == []


async def test_a_passphrase_from_a_descriptor_is_one_try(pool: TokenPool, tmp_path: Path) -> None:
    file = make_key_file(tmp_path, "p256")
    content, passphrase = file.path.read_bytes(), tmp_path / "passphrase"

    def source() -> PinSource:
        return PinSource("descriptor", os.open(passphrase, os.O_RDONLY))

    passphrase.write_text(f"wrong\n{file.passphrase}\n")
    with pytest.raises(PinIncorrect):
        await pool.add_key_file(content, "signer.p12", source())
    passphrase.write_text(f"{file.passphrase}\n")
    assert len(await pool.add_key_file(content, "signer.p12", source())) == 1


@pytest.mark.parametrize("damage", ["empty", "rubbish", "cut", "pem", "huge"])
async def test_a_damaged_file_is_refused_before_anybody_is_asked(pool: TokenPool, tmp_path: Path, damage: str) -> None:
    file = make_key_file(tmp_path, "p256")
    whole = file.path.read_bytes()
    contents = {"empty": b"", "rubbish": b"\x30\x03abc", "cut": whole[:-20], "pem": file.identity.pem}
    content = {**contents, "huge": whole + bytes(20 << 20)}[damage]
    async with asking(file.passphrase) as asker:
        with pytest.raises(KeyFileDamaged) as raised:
            await pool.add_key_file(content, "broken.p12", asker.source)
    assert raised.value.facts == {"file": "broken.p12"}
    assert asker.questions == []


async def test_a_file_changed_in_its_middle_is_never_taken(pool: TokenPool, folder: Path, tmp_path: Path) -> None:
    """Its integrity check fails, which looks the same as a wrong passphrase."""
    file = make_key_file(tmp_path, "p256")
    content = bytearray(file.path.read_bytes())
    content[len(content) // 2] ^= 1
    file.path.write_bytes(content)
    with pytest.raises((PinCancelled, KeyFileDamaged)):
        await add(pool, file, file.passphrase, None)
    assert list(folder.iterdir()) == []


def packed(key: object, *certificates: x509.Certificate) -> bytes:
    """A PKCS#12 file of anything; the first certificate is the key's where there is a key and a certificate."""
    first = certificates[0] if key and certificates and certificates[0].public_key() == key.public_key() else None
    others = [certificate for certificate in certificates if certificate is not first]
    return pkcs12.serialize_key_and_certificates(None, key, first, others, BestAvailableEncryption(b"secret"))


def of_key(key: object) -> bytes:
    return packed(key, certificate_for(key.public_key(), "Test"))


GOOD, OTHER = make_identity("p256"), make_identity("p384")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(packed(None, GOOD.certificate), KeyFileWithoutKey, id="no key"),
        pytest.param(packed(GOOD.key), KeyFileWithoutKey, id="no certificate"),
        pytest.param(packed(GOOD.key, OTHER.certificate), KeyFileWithoutKey, id="certificate of another key"),
        pytest.param(of_key(ec.generate_private_key(ec.SECP224R1())), AlgorithmUnsupported, id="P-224"),
        pytest.param(of_key(new_key("rsa1024")), AlgorithmUnsupported, id="RSA 1024"),
        pytest.param(of_key(ed25519.Ed25519PrivateKey.generate()), AlgorithmUnsupported, id="Ed25519"),
    ],
)
async def test_a_file_that_cannot_sign_is_refused(
    pool: TokenPool, folder: Path, content: bytes, error: type[PeroError]
) -> None:
    async with asking("secret") as asker:
        with pytest.raises(error):
            await pool.add_key_file(content, "file.p12", asker.source)
    assert list(folder.iterdir()) == []


async def test_a_file_without_a_passphrase_is_not_taken(pool: TokenPool, folder: Path, tmp_path: Path) -> None:
    identity = make_identity("p256")
    content = pkcs12.serialize_key_and_certificates(None, identity.key, identity.certificate, None, NoEncryption())
    async with asking("", None) as asker:
        with pytest.raises(PinCancelled):
            await pool.add_key_file(content, "open.p12", asker.source)
    assert [question.error for question in asker.questions] == ["", "pin_length"]
    assert list(folder.iterdir()) == []


async def test_a_file_added_again_replaces_its_passphrase(pool: TokenPool, folder: Path, tmp_path: Path) -> None:
    file = make_key_file(tmp_path, "p256")
    await add(pool, file)
    content = pkcs12.serialize_key_and_certificates(
        None, file.identity.key, file.identity.certificate, None, BestAvailableEncryption(b"another")
    )
    file.path.write_bytes(content)
    entry = await add(pool, file._replace(passphrase="another"))
    assert len((await pool.listing()).certificates) == 1
    async with asking(file.passphrase, "another") as asker:
        verify(file.identity, await pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source), DIGEST)
    assert len(asker.questions) == 2


async def test_a_worker_killed_while_adding_leaves_nothing(pool: TokenPool, folder: Path, tmp_path: Path) -> None:
    file = make_key_file(tmp_path, "p256")
    async with asking() as asker:
        adding = asyncio.create_task(pool.add_key_file(file.path.read_bytes(), "signer.p12", asker.source))
        await asker.asked.wait()
        worker = psutil.Process(pool.worker_processes()[KEY_FILES])
        worker.suspend()
        asker.answer(file.passphrase)
        worker.kill()
        with pytest.raises(WorkerDied):
            await adding
    (folder / ".new-half").mkdir()  # as a kill in the middle of writing leaves it
    assert (await pool.listing()).certificates == ()
    assert list(folder.iterdir()) == []


async def test_a_forgotten_file_is_gone(pool: TokenPool, folder: Path, tmp_path: Path) -> None:
    file = make_key_file(tmp_path, "p256")
    entry = await add(pool, file)
    await pool.forget_key_file(entry.thumbprint)
    assert (await pool.listing()).certificates == ()
    assert list(folder.iterdir()) == []
    with pytest.raises(TokenAbsent):
        await pool.forget_key_file(entry.thumbprint)
    async with asking(file.passphrase) as asker:
        with pytest.raises(TokenAbsent):
            await pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source)


async def test_only_key_files_can_be_forgotten(pool: TokenPool, folder: Path, tmp_path: Path) -> None:
    await add(pool, make_key_file(tmp_path, "p256"))
    for name in ("..", "../key-files", "/etc", ".old-x", "", "a/" * 32):
        with pytest.raises(TokenAbsent):
            await pool.forget_key_file(name)
    assert len((await pool.listing()).certificates) == 1


async def test_a_folder_open_to_others_is_refused(pool: TokenPool, folder: Path, tmp_path: Path) -> None:
    entry = await add(pool, make_key_file(tmp_path, "p256"))
    (folder / entry.thumbprint).chmod(0o755)
    assert [fault.error for fault in (await pool.listing()).faults] == [StateUnsafe.name]
    (folder / entry.thumbprint).chmod(0o700)
    folder.chmod(0o755)
    async with opened(TokenPool(list, folder)) as later:
        assert [fault.error for fault in (await later.listing()).faults] == [StateUnsafe.name]


async def test_a_broken_key_file_hides_no_other(pool: TokenPool, folder: Path, tmp_path: Path) -> None:
    good = await add(pool, make_key_file(tmp_path, "p256"))
    broken = await add(pool, make_key_file(tmp_path, "p384"))
    (folder / broken.thumbprint / "certificates.pem").write_text("nothing")
    listing = await pool.listing()
    assert [entry.thumbprint for entry in listing.certificates] == [good.thumbprint]
    assert [fault.error for fault in listing.faults] == [FileUnreadable.name]


async def test_an_exchanged_key_does_not_sign(pool: TokenPool, folder: Path, tmp_path: Path) -> None:
    """Whoever can write the file cannot make another key sign under this certificate."""
    entry = await add(pool, make_key_file(tmp_path, "p256"))
    other = make_identity("p256", fresh=True)
    content = pkcs12.serialize_key_and_certificates(
        None, other.key, other.certificate, None, BestAvailableEncryption(b"secret")
    )
    (folder / entry.thumbprint / "key.p12").write_bytes(content)
    async with asking("secret") as asker:
        with pytest.raises(KeyFileDamaged):
            await pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source)
