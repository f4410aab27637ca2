"""What every place of keys must do, over key files, SoftHSM and RSA and EC keys on the GOST token of the tests.

The judge is public-key verification.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.errors import (
    DigestLength,
    KeyAbsent,
    PinCancelled,
    PinIncorrect,
    PinLength,
    Stopping,
    TokenAbsent,
    WorkerDied,
    WorkerHung,
)
from agent.ipc.pin import PinSource
from agent.model import CertificateEntry
from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.gost_place import gost_token_place
from tests.harness.keyfiles import KEYS
from tests.harness.places import (
    Place,
    algorithm_of,
    key_file_place,
    opened,
    softhsm_place,
    verify,
)

DOCUMENT = b"what is signed"
DIGEST = hashlib.sha256(DOCUMENT).digest()


@pytest.fixture(scope="module", params=["keyfiles", "softhsm", "gost token"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        find_tokens_in(directory, patch)
        yield make_place(request.param, directory)


def find_tokens_in(directory: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("SOFTHSM2_CONF", str(directory / "softhsm2.conf"))
    patch.setenv("PERO_TEST_TOKEN_DIR", str(directory / "tokens"))


def make_place(name: str, directory: Path, keys: tuple[str, ...] = KEYS) -> Place:
    if name == "keyfiles":
        return asyncio.run(key_file_place(directory, keys))
    return (softhsm_place if name == "softhsm" else gost_token_place)(directory, keys)


@pytest.fixture
async def pool(place: Place) -> AsyncIterator[TokenPool]:
    pool = place.pool()
    yield pool
    await pool.close()


async def entry_of(place: Place, pool: TokenPool, key: str) -> CertificateEntry:
    return place.entry(await pool.listing(), key)


async def sign(pool: TokenPool, entry: CertificateEntry, key: str, *answers: str | None) -> bytes:
    async with asking(*answers) as asker:
        return await pool.sign(entry, algorithm_of(key), DIGEST, asker.source)


def worker_of(place: Place, pool: TokenPool) -> psutil.Process:
    return psutil.Process(pool.worker_processes()[place.worker])


async def test_lists_every_certificate_with_its_key_and_the_chain_beside_it(place: Place, pool: TokenPool) -> None:
    listing = await pool.listing()
    assert listing.faults == ()
    for key in KEYS:
        entry, identity = place.entry(listing, key), place.identities[key]
        assert entry.der == identity.der
        assert entry.has_key is True
        assert entry.chain == (identity.authority.public_bytes(Encoding.DER),)
        assert key in entry.token.label
        assert entry.token in listing.tokens
    assert len({entry.token.serial for entry in listing.certificates}) == len(KEYS)


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("key", KEYS)
async def test_signs_with_every_key_and_digest(place: Place, pool: TokenPool, key: str, digest: str) -> None:
    entry = await entry_of(place, pool, key)
    value = hashlib.new(digest, DOCUMENT).digest()
    async with asking(place.pin) as asker:
        signature = await pool.sign(entry, algorithm_of(key, digest), value, asker.source)
        await asker.ended.wait()
    verify(place.identities[key], signature, value, digest)
    assert asker.accepted
    assert asker.failure is None
    assert len(asker.questions) == 1


@pytest.mark.parametrize("key", ["rsa2048", "p256"])
async def test_openssl_accepts_the_signature(place: Place, pool: TokenPool, tmp_path: Path, key: str) -> None:
    signature = await sign(pool, await entry_of(place, pool, key), key, place.pin)
    public = place.identities[key].key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for name, content in (("key", public), ("signature", signature), ("document", DOCUMENT)):
        (tmp_path / name).write_bytes(content)
    judged = subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", "key", "-signature", "signature", "document"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert judged.stdout.strip() == "Verified OK"


async def test_asks_again_after_a_wrong_pin_in_the_same_conversation(place: Place, pool: TokenPool) -> None:
    entry = await entry_of(place, pool, "p256")
    async with asking("wrong pin", "wrong again", place.pin) as asker:
        signature = await pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source)
    verify(place.identities["p256"], signature, DIGEST)
    assert [question.retry for question in asker.questions] == [False, True, True]
    assert all(question.error == "" for question in asker.questions)


async def test_a_wrong_pin_then_a_cancel_signs_nothing(place: Place, pool: TokenPool) -> None:
    entry = await entry_of(place, pool, "p256")
    with pytest.raises(PinCancelled):
        await sign(pool, entry, "p256", "wrong pin", None)


async def test_an_asker_that_goes_away_is_a_cancel(place: Place, pool: TokenPool) -> None:
    entry = await entry_of(place, pool, "p256")
    async with asking() as asker:
        signing = asyncio.create_task(pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source))
        await asker.asked.wait()
        asker.leave()
        with pytest.raises(PinCancelled):
            await signing


async def test_a_cancelled_task_closes_its_conversation_and_disturbs_nobody(place: Place, pool: TokenPool) -> None:
    entry = await entry_of(place, pool, "p256")
    async with asking() as asker:
        signing = asyncio.create_task(pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source))
        await asker.asked.wait()
        signing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await signing
        await asyncio.wait_for(asker.ended.wait(), 10)
    verify(place.identities["p256"], await sign(pool, entry, "p256", place.pin), DIGEST)


async def test_a_pin_that_is_too_short_is_asked_again_without_a_try(place: Place, pool: TokenPool) -> None:
    entry = await entry_of(place, pool, "p256")
    async with asking("", place.pin) as asker:
        verify(place.identities["p256"], await pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source), DIGEST)
    assert [(question.retry, question.error) for question in asker.questions] == [(False, ""), (False, PinLength.name)]
    assert asker.questions[1].facts["minimum"]


async def test_open_conversations_block_nobody(place: Place, pool: TokenPool) -> None:
    """Eight signatures wait for their PINs, the list is still served, and the PINs may come in any order."""
    keys = ["p256", "p384"] * 4
    listing = await pool.listing()
    async with contextlib.AsyncExitStack() as stack:
        askers = [await stack.enter_async_context(asking()) for _ in keys]
        signing = [
            asyncio.create_task(pool.sign(place.entry(listing, key), algorithm_of(key), DIGEST, asker.source))
            for key, asker in zip(keys, askers, strict=True)
        ]
        await asyncio.gather(*(asker.asked.wait() for asker in askers))
        assert len((await pool.listing()).tokens) == len(KEYS)
        for asker in reversed(askers):
            asker.answer(place.pin)
        signatures = await asyncio.gather(*signing)
    for key, signature in zip(keys, signatures, strict=True):
        verify(place.identities[key], signature, DIGEST)


async def test_a_pin_from_a_pipe_signs_without_a_conversation(place: Place, pool: TokenPool) -> None:
    entry = await entry_of(place, pool, "p256")
    reading, writing = os.pipe()
    signing = asyncio.create_task(pool.sign(entry, algorithm_of("p256"), DIGEST, PinSource("descriptor", reading)))
    await asyncio.sleep(0)
    for part in (place.pin[:3], place.pin[3:] + "\r\n", "more lines\n"):  # in pieces, as programs write
        os.write(writing, part.encode())
    os.close(writing)
    verify(place.identities["p256"], await signing, DIGEST)


async def test_a_pin_from_a_plain_file_signs(place: Place, pool: TokenPool, tmp_path: Path) -> None:
    entry = await entry_of(place, pool, "p256")
    (tmp_path / "pin").write_text(place.pin)
    source = PinSource("descriptor", os.open(tmp_path / "pin", os.O_RDONLY))
    verify(place.identities["p256"], await pool.sign(entry, algorithm_of("p256"), DIGEST, source), DIGEST)
    assert source.descriptor == -1


@pytest.mark.parametrize(("content", "error"), [(b"wrong pin\n", PinIncorrect), (b"\n", PinCancelled)])
async def test_a_descriptor_is_one_try(
    place: Place, pool: TokenPool, tmp_path: Path, content: bytes, error: type[Exception]
) -> None:
    entry = await entry_of(place, pool, "p256")
    (tmp_path / "pin").write_bytes(content)
    source = PinSource("descriptor", os.open(tmp_path / "pin", os.O_RDONLY))
    with pytest.raises(error):
        await pool.sign(entry, algorithm_of("p256"), DIGEST, source)


async def test_a_silent_descriptor_blocks_nobody(place: Place, pool: TokenPool) -> None:
    entry = await entry_of(place, pool, "p256")
    reading, writing = os.pipe()
    signing = asyncio.create_task(pool.sign(entry, algorithm_of("p256"), DIGEST, PinSource("descriptor", reading)))
    verify(place.identities["p256"], await sign(pool, entry, "p256", place.pin), DIGEST)
    os.close(writing)
    with pytest.raises(PinCancelled):
        await signing


async def test_a_digest_of_the_wrong_length_is_refused_and_its_source_closed(place: Place, pool: TokenPool) -> None:
    entry = await entry_of(place, pool, "p256")
    async with asking() as asker:
        with pytest.raises(DigestLength):
            await pool.sign(entry, algorithm_of("p256"), DIGEST[:-1], asker.source)
        assert asker.source.descriptor == -1


async def test_a_token_that_is_not_there_is_absent(place: Place, pool: TokenPool) -> None:
    entry = await entry_of(place, pool, "p256")
    gone = msgspec.structs.replace(
        entry, thumbprint="0" * 64, token=msgspec.structs.replace(entry.token, serial="another")
    )
    async with asking(place.pin) as asker:
        with pytest.raises(TokenAbsent) as raised:
            await pool.sign(gone, algorithm_of("p256"), DIGEST, asker.source)
        await asker.ended.wait()
    assert raised.value.facts["token"] == entry.token.label
    assert asker.questions == []
    assert asker.failure is not None


async def test_a_worker_killed_while_the_pin_is_awaited_is_reported_and_started_again(
    place: Place, pool: TokenPool
) -> None:
    entry = await entry_of(place, pool, "p256")
    async with asking() as asker:
        signing = asyncio.create_task(pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source))
        await asker.asked.wait()
        worker_of(place, pool).kill()
        with pytest.raises(WorkerDied) as raised:
            await signing
        await asyncio.wait_for(asker.ended.wait(), 10)
    assert raised.value.facts == {"module": place.worker, "signal": "SIGKILL", "exit_status": None}
    verify(place.identities["p256"], await sign(pool, entry, "p256", place.pin), DIGEST)


async def test_a_frozen_worker_is_killed_at_the_deadline_and_started_again(place: Place) -> None:
    async with opened(place.pool(deadline=3.0)) as pool:
        entry = await entry_of(place, pool, "p256")
        worker = worker_of(place, pool)
        worker.send_signal(signal.SIGSTOP)
        listing = await pool.listing()
        assert [(fault.error, fault.facts) for fault in listing.faults] == [
            (WorkerHung.name, {"module": place.worker, "seconds": 3})
        ]
        assert not worker.is_running()
        verify(place.identities["p256"], await sign(pool, entry, "p256", place.pin), DIGEST)


async def test_an_idle_worker_ends_and_comes_back(place: Place) -> None:
    async with opened(place.pool(idle=0.1)) as pool:
        entry = await entry_of(place, pool, "p256")
        worker = worker_of(place, pool)
        async with asking() as asker:  # a conversation that waits is not idleness
            signing = asyncio.create_task(pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source))
            await asker.asked.wait()
            await asyncio.sleep(0.3)
            asker.answer(place.pin)
            verify(place.identities["p256"], await signing, DIGEST)
        await asyncio.to_thread(psutil.wait_procs, [worker], 10)
        assert not worker.is_running()
        assert pool.worker_processes() == {}
        assert (await pool.listing()).faults == ()


async def test_what_is_asked_at_the_end_fails_with_stopping(place: Place) -> None:
    async with opened(place.pool()) as pool:
        entry = await entry_of(place, pool, "p256")
        async with asking() as asker:
            signing = asyncio.create_task(pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source))
            await asker.asked.wait()
            worker = worker_of(place, pool)
            await pool.close()
            with pytest.raises(Stopping):
                await signing
            assert not worker.is_running()
        async with asking() as asker:
            with pytest.raises(Stopping):
                await pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source)


def open_descriptors() -> set[str]:
    return {file.name for file in Path("/proc/self/fd").iterdir()}


async def test_no_descriptor_is_left_behind(place: Place) -> None:
    async with opened(place.pool()) as warm:  # what the event loop itself opens once
        await warm.listing()
    before = open_descriptors()
    async with opened(place.pool()) as pool:
        entry = await entry_of(place, pool, "p256")
        for answers in ([place.pin], ["wrong pin", place.pin], [None]):
            with contextlib.suppress(PinCancelled):
                await sign(pool, entry, "p256", *answers)
        for _ in range(2):
            async with asking() as asker:
                signing = asyncio.create_task(pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source))
                await asker.asked.wait()
                worker_of(place, pool).kill()
                with pytest.raises(WorkerDied):
                    await signing
        await sign(pool, entry, "p256", place.pin)
    await asyncio.sleep(0)
    assert open_descriptors() == before


async def test_the_worker_keeps_no_descriptor_of_a_finished_request(place: Place, pool: TokenPool) -> None:
    entry = await entry_of(place, pool, "p256")
    await sign(pool, entry, "p256", place.pin)
    worker = worker_of(place, pool)
    before = worker.num_fds()
    for answers in ([place.pin], [None], ["wrong pin", None]):
        with contextlib.suppress(PinCancelled):
            await sign(pool, entry, "p256", *answers)
    await pool.listing()
    assert worker.num_fds() == before


async def test_the_pin_is_in_no_arguments_and_no_environment(place: Place, pool: TokenPool) -> None:
    entry = await entry_of(place, pool, "p256")
    await sign(pool, entry, "p256", place.pin)
    for process in (worker_of(place, pool).pid, os.getpid()):
        for file in ("cmdline", "environ"):
            assert place.pin.encode() not in Path(f"/proc/{process}/{file}").read_bytes()
    limits = Path(f"/proc/{worker_of(place, pool).pid}/limits").read_text()
    assert any(line.split()[:6] == ["Max", "core", "file", "size", "0", "0"] for line in limits.splitlines())


async def test_a_key_that_went_away_is_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    find_tokens_in(tmp_path, monkeypatch)
    here = await asyncio.to_thread(make_place, place.name, tmp_path, ("p256",))
    async with opened(here.pool()) as pool:
        entry = await entry_of(here, pool, "p256")
        here.remove("p256")
        with pytest.raises((TokenAbsent, KeyAbsent)):
            await sign(pool, entry, "p256", here.pin)
        assert (await pool.listing()).certificates == ()
