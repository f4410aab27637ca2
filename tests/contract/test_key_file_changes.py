"""What can be done with a key file besides signing (R14). openssl says which passphrase opens it."""

from __future__ import annotations

import asyncio
import resource
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from agent.errors import (
    FileUnwritable,
    KeyFileDamaged,
    LabelUnsuitable,
    OperationUnsupported,
    PassphraseWeak,
    PinCancelled,
    PinIncorrect,
    PinLength,
    TokenAbsent,
)
from agent.ipc.pin import Accepted, Ask
from agent.model import KEY_FILES, CertificateEntry
from agent.tokens import about
from agent.tokens.container import ContainerBackend
from agent.tokens.inventory import KeySpec, ObjectName
from agent.tokens.key_file_tasks import replace_checked
from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.keyfiles import PASSPHRASE, KeyFile, make_key_file
from tests.harness.managed import from_lines
from tests.harness.places import algorithm_of, opened, verify

DIGEST = bytes(range(32))
OTHER = "другая фраза"


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


def opens(folder: Path, entry: CertificateEntry, passphrase: str) -> bool:
    done = subprocess.run(
        ["openssl", "pkcs12", "-in", folder / entry.thumbprint / "key.p12", "-nodes", "-passin", f"pass:{passphrase}"],
        capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0 and b"PRIVATE KEY" in done.stdout


async def test_the_passphrase_is_changed_and_the_key_signs_on(
    pool: TokenPool, folder: Path, file: KeyFile, entry: CertificateEntry
) -> None:
    async with asking("wrong one", PASSPHRASE, OTHER) as asker:
        await pool.management.change_pin(entry.token, asker.source)
        await asker.ended.wait()
    assert [(one.purpose, one.retry) for one in asker.questions] == [
        ("passphrase", False), ("passphrase", True), ("new_pin", False),
    ]  # fmt: skip
    assert [type(said) for said in asker.said] == [Ask, Ask, Accepted, Ask, Accepted]
    assert opens(folder, entry, OTHER)
    assert not opens(folder, entry, PASSPHRASE)
    async with asking(OTHER) as asker:
        signature = await pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source)
    verify(file.identity, signature, DIGEST)


@pytest.mark.parametrize("lines", [("wrong one", OTHER), (PASSPHRASE,), (PASSPHRASE, "")])
async def test_nothing_is_changed_where_a_secret_is_wrong_or_missing(
    pool: TokenPool, folder: Path, entry: CertificateEntry, tmp_path: Path, lines: tuple[str, ...]
) -> None:
    before = (folder / entry.thumbprint / "key.p12").read_bytes()
    with pytest.raises((PinIncorrect, PinCancelled, PinLength)):
        await pool.management.change_pin(entry.token, from_lines(tmp_path, *lines))
    assert (folder / entry.thumbprint / "key.p12").read_bytes() == before


async def test_a_disk_that_is_full_leaves_the_old_file_as_it_was(
    pool: TokenPool, folder: Path, entry: CertificateEntry
) -> None:
    """The worker may write no file that is longer than some octets, which is how a full disk looks to it."""
    before = (folder / entry.thumbprint / "key.p12").read_bytes()
    worker = psutil.Process(pool.worker_processes()[KEY_FILES])
    async with asking(PASSPHRASE) as asker:
        changing = asyncio.create_task(pool.management.change_pin(entry.token, asker.source))
        async with asyncio.timeout(20):
            while len(asker.questions) < 2:
                asker.asked.clear()
                await asker.asked.wait()
        worker.rlimit(resource.RLIMIT_FSIZE, (64, 64))
        asker.answer(OTHER)
        with pytest.raises(FileUnwritable):
            await changing
        await asker.ended.wait()
    assert asker.failure is not None
    assert sorted(path.name for path in (folder / entry.thumbprint).iterdir()) == [
        "about.json", "certificates.pem", "key.p12",
    ]  # fmt: skip
    assert (folder / entry.thumbprint / "key.p12").read_bytes() == before
    assert opens(folder, entry, PASSPHRASE)


async def test_a_passphrase_that_is_easy_to_guess_is_asked_for_anew(
    pool: TokenPool, folder: Path, entry: CertificateEntry
) -> None:
    async with asking(PASSPHRASE, "Signer12", OTHER) as asker:
        await pool.management.change_pin(entry.token, asker.source)
        await asker.ended.wait()
    *_, again = asker.questions
    assert (again.purpose, again.retry, again.error) == ("new_pin", False, "passphrase_weak")
    assert again.facts == {"faults": "short,name", "minimum": 10}
    assert again.names == ("signer.p12", "Test Signer")
    assert opens(folder, entry, OTHER)


async def test_whoever_is_not_asked_again_is_told_and_nothing_is_changed(
    pool: TokenPool, folder: Path, entry: CertificateEntry, tmp_path: Path
) -> None:
    with pytest.raises(PassphraseWeak):
        await pool.management.change_pin(entry.token, from_lines(tmp_path, PASSPHRASE, "1234567890"))
    assert opens(folder, entry, PASSPHRASE)


async def test_the_age_of_a_passphrase_is_recorded_and_outlives_another_name(
    pool: TokenPool, folder: Path, entry: CertificateEntry
) -> None:
    before = about.read(folder / entry.thumbprint)
    assert before is not None
    assert (before.passphrase_set, before.weak, before.since) == (None, False, before.added)
    async with asking(PASSPHRASE, OTHER) as asker:
        await pool.management.change_pin(entry.token, asker.source)
    await pool.management.rename(entry.token, ObjectName("key", thumbprint="0" * 64), "Рабочая")
    after = about.read(folder / entry.thumbprint)
    assert after is not None
    assert after.passphrase_set is not None
    assert (after.file, after.added, after.since) == ("Рабочая", before.added, after.passphrase_set)
    assert after.since > before.added


async def test_a_weak_passphrase_of_a_file_that_is_added_is_remembered_as_weak(
    pool: TokenPool, folder: Path, tmp_path: Path
) -> None:
    made = make_key_file(tmp_path, "p256", passphrase="12345678", name="from-authority.pfx")
    async with asking(made.passphrase) as asker:
        (added,) = await pool.add_key_file(made.path.read_bytes(), made.path.name, asker.source)
    kept = about.read(folder / added.thumbprint)
    assert kept is not None
    assert kept.weak is True
    async with asking(made.passphrase, OTHER) as asker:
        await pool.management.change_pin(added.token, asker.source)
    kept = about.read(folder / added.thumbprint)
    assert kept is not None
    assert kept.weak is False


async def test_a_folder_that_cannot_be_written_to_leaves_the_old_file_as_it_was(
    pool: TokenPool, folder: Path, entry: CertificateEntry
) -> None:
    place = folder / entry.thumbprint
    subprocess.run(["chattr", "+i", place], check=True)  # who runs the tests may be allowed everything else
    try:
        async with asking(PASSPHRASE, OTHER) as asker:
            with pytest.raises(FileUnwritable):
                await pool.management.change_pin(entry.token, asker.source)
    finally:
        subprocess.run(["chattr", "-i", place], check=True)
    assert opens(folder, entry, PASSPHRASE)


async def test_a_file_that_is_gone_meanwhile_is_told(pool: TokenPool, folder: Path, entry: CertificateEntry) -> None:
    async with asking(PASSPHRASE) as asker:
        changing = asyncio.create_task(pool.management.change_pin(entry.token, asker.source))
        async with asyncio.timeout(60):
            while len(asker.questions) < 2:
                asker.asked.clear()
                await asker.asked.wait()
        (folder / entry.thumbprint / "key.p12").unlink()
        asker.answer(OTHER)
        with pytest.raises(TokenAbsent):
            await changing


def test_the_old_file_stays_where_the_new_one_does_not_open(tmp_path: Path) -> None:
    file = tmp_path / "key.p12"
    file.write_bytes(b"old")

    def check(content: bytes) -> None:
        assert (content, file.read_bytes()) == (b"new", b"old")
        raise KeyFileDamaged(file="key.p12")

    with pytest.raises(KeyFileDamaged):
        replace_checked(file, b"new", check)
    assert [path.name for path in tmp_path.iterdir()] == ["key.p12"]
    assert file.read_bytes() == b"old"


async def test_a_change_that_is_killed_in_the_middle_leaves_no_copy_for_long(
    pool: TokenPool, folder: Path, entry: CertificateEntry
) -> None:
    """Before the new file takes its place it lies beside the old one."""
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom agent.tokens.key_file_tasks import replace_checked\n"
        "path = Path(sys.argv[1])\n"
        "replace_checked(path, path.read_bytes(), lambda _: os.kill(os.getpid(), signal.SIGKILL))"
    )
    place = folder / entry.thumbprint
    before = sorted(path.name for path in place.iterdir())
    run = subprocess.run([sys.executable, "-c", code, place / "key.p12"], timeout=60, check=False)
    assert run.returncode == -signal.SIGKILL
    assert len(list(place.iterdir())) == len(before) + 1
    ContainerBackend(folder).load()
    assert sorted(path.name for path in place.iterdir()) == before
    assert opens(folder, entry, PASSPHRASE)


async def test_it_is_listed_with_its_key_and_its_certificates(pool: TokenPool, entry: CertificateEntry) -> None:
    found = await pool.management.objects(entry.token)
    assert [(one.name.kind, one.has_key, one.parameters) for one in found.objects] == [
        ("certificate", True, "P-256"), ("certificate", False, "P-384"), ("key", True, "P-256"),
    ]  # fmt: skip
    assert found.complete
    assert found.objects[2].certificates == (entry.thumbprint,)


async def test_it_gets_another_name(pool: TokenPool, entry: CertificateEntry) -> None:
    key = (await pool.management.objects(entry.token)).objects[2]
    async with asking(None) as asker:
        await pool.management.rename(entry.token, key.name, "Рабочая подпись", asker.source)
        assert asker.source.descriptor == -1
    (renamed,) = (await pool.listing()).certificates
    assert (renamed.token.label, renamed.thumbprint) == ("Рабочая подпись", entry.thumbprint)
    for label in ("", "  ", "a\tb"):
        with pytest.raises(LabelUnsuitable):
            await pool.management.rename(renamed.token, key.name, label)


async def test_it_is_deleted_as_a_whole(pool: TokenPool, folder: Path, entry: CertificateEntry) -> None:
    key = (await pool.management.objects(entry.token)).objects[2]
    await pool.management.delete(entry.token, [key.name])
    assert (await pool.listing()).certificates == ()
    assert list(folder.iterdir()) == []
    with pytest.raises(TokenAbsent):
        await pool.management.delete(entry.token, [key.name])


async def test_what_only_tokens_can_do_is_said_before_anything_is_asked(
    pool: TokenPool, entry: CertificateEntry, file: KeyFile
) -> None:
    manage = pool.management
    for begin in (
        lambda pin: manage.generate(entry.token, KeySpec("ec"), pin),
        lambda pin: manage.unblock(entry.token, pin),
        lambda pin: manage.write_certificate(entry.token, entry.der, pin, authority=True),
        lambda pin: manage.import_key_file(entry.token, file.path.read_bytes(), "x.p12", pin),
    ):
        async with asking(None) as asker:
            with pytest.raises(OperationUnsupported):
                await begin(asker.source)
            assert asker.questions == []
