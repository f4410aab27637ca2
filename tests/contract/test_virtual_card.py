"""A real smart card protocol from end to end: a PIV card played at APDU level, pcscd, OpenSC's module, our worker.

The card keeps its own counter of tries and wants a PIN before each signature with its signature key.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.errors import PinLocked, TokenAbsent, WorkerDied, WorkerHung
from agent.model import CertificateEntry, TokenState
from agent.tokens.pool import TokenPool
from tests.harness.asker import Asker, asking
from tests.harness.keyfiles import Identity, make_identity
from tests.harness.places import algorithm_of, opened, verify
from tests.harness.shim import DIGEST, Shim, found
from tests.harness.virtual_card import PIN as PIN_BYTES
from tests.harness.virtual_card import TRIES
from tests.harness.virtual_reader import OPENSC, Card, Readers, virtual_readers

PIN = PIN_BYTES.decode()
KEYS = {"authentication": "p256", "signature": "rsa2048", "management": "p384"}


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with virtual_readers() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        yield running


@pytest.fixture(scope="module")
def card_process(readers: Readers) -> Card:
    card = readers.card({slot: make_identity(key) for slot, key in KEYS.items()})
    card.insert()
    return card


@pytest.fixture
def card(card_process: Card) -> Iterator[Card]:
    """In its reader, with all its tries."""
    card_process.set_tries(TRIES)
    yield card_process
    card_process.set_delay(0)


@pytest.fixture
async def pool(card: Card, tmp_path: Path) -> AsyncIterator[TokenPool]:
    pool = TokenPool(lambda: [OPENSC], tmp_path / "key-files")
    yield pool
    await pool.close()


async def token_in(pool: TokenPool) -> TokenState:
    """The token, as soon as pcscd has seen the card."""
    async with asyncio.timeout(20):
        while not (listing := await pool.listing()).tokens:
            await asyncio.sleep(0.1)
    (token,) = listing.tokens
    return token


async def entry_of(pool: TokenPool, identity: Identity) -> CertificateEntry:
    await token_in(pool)
    return next(entry for entry in (await pool.listing()).certificates if entry.thumbprint == identity.thumbprint)


async def reset(pool: TokenPool, card: Card) -> None:
    """Out of the reader and in again: OpenSC 0.23 does not log out of a PIV card, which tells no tries while open."""
    async with asyncio.timeout(20), pool.changes() as changes:
        for action in (card.remove, card.insert):
            await asyncio.to_thread(action)
            await anext(changes)


async def sign(pool: TokenPool, card: Card, slot: str, asker: Asker) -> bytes:
    return await pool.sign(await entry_of(pool, card.identities[slot]), algorithm_of(KEYS[slot]), DIGEST, asker.source)


async def test_the_card_is_listed_with_its_certificates_and_its_reader(
    pool: TokenPool, card: Card, readers: Readers
) -> None:
    token = await token_in(pool)
    listing = await pool.listing()
    assert listing.faults == ()
    assert token.reader == readers.names[0]
    assert (token.pin_locked, token.pin_final_try, token.foreign_container) == (False, False, "")
    assert {entry.thumbprint for entry in listing.certificates} == {
        identity.thumbprint for identity in card.identities.values()
    }
    assert [entry.has_key for entry in listing.certificates] == [True] * len(KEYS)


@pytest.mark.parametrize("slot", ["authentication", "signature"])
async def test_openssl_accepts_what_the_card_signs(pool: TokenPool, card: Card, tmp_path: Path, slot: str) -> None:
    async with asking(PIN) as asker:
        signature = await sign(pool, card, slot, asker)
    public = card.identities[slot].key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for name, content in (("key", public), ("signature", signature), ("document", b"what is signed")):
        (tmp_path / name).write_bytes(content)
    judged = subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", "key", "-signature", "signature", "document"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert judged.stdout.strip() == "Verified OK"
    assert asker.accepted
    assert len(asker.questions) == 1  # the second PIN that the signature key wants is no question to the person


async def test_every_signature_is_a_login_of_its_own(pool: TokenPool, card: Card) -> None:
    given = card.verifications
    for slot, logins in (("authentication", 1), ("signature", 2), ("signature", 2)):
        async with asking(PIN) as asker:
            verify(card.identities[slot], await sign(pool, card, slot, asker), DIGEST)
        assert card.verifications - given == logins
        given = card.verifications


async def test_wrong_pins_are_counted_by_the_card_and_said_before_the_last_try(pool: TokenPool, card: Card) -> None:
    given = card.verifications
    async with asking("000000", "111111", PIN) as asker:
        verify(card.identities["authentication"], await sign(pool, card, "authentication", asker), DIGEST)
    assert [(question.retry, question.final_try, question.tries_left) for question in asker.questions] == [
        (False, False, None), (True, False, None), (True, True, 1),
    ]  # fmt: skip
    assert card.verifications - given == TRIES


async def test_the_final_try_is_told_in_the_list_and_before_the_pin_is_asked(pool: TokenPool, card: Card) -> None:
    await asyncio.to_thread(card.set_tries, 1)
    await reset(pool, card)
    assert (await token_in(pool)).pin_final_try
    async with asking(PIN) as asker:
        verify(card.identities["authentication"], await sign(pool, card, "authentication", asker), DIGEST)
    assert [question.final_try for question in asker.questions] == [True]
    await reset(pool, card)
    assert not (await token_in(pool)).pin_final_try


async def test_the_last_wrong_pin_locks_the_card_and_no_pin_is_asked_any_more(pool: TokenPool, card: Card) -> None:
    async with asking("000000", "111111", "222222", PIN) as asker:
        with pytest.raises(PinLocked):
            await sign(pool, card, "authentication", asker)
    assert len(asker.questions) == TRIES
    assert (await token_in(pool)).pin_locked
    given = card.verifications
    async with asking(PIN) as asker:
        with pytest.raises(PinLocked):
            await sign(pool, card, "authentication", asker)
    assert asker.questions == []
    assert card.verifications == given


async def test_a_pin_that_the_card_cannot_have_spends_no_try(pool: TokenPool, card: Card) -> None:
    given = card.verifications
    async with asking("123456789", PIN) as asker:
        verify(card.identities["authentication"], await sign(pool, card, "authentication", asker), DIGEST)
    assert [question.error for question in asker.questions] == ["", "pin_length"]
    assert card.verifications - given == 1


async def test_a_card_pulled_out_while_the_pin_is_typed_is_absent_and_signs_when_it_is_back(
    pool: TokenPool, card: Card
) -> None:
    entry = await entry_of(pool, card.identities["authentication"])
    async with asking() as asker:
        signing = asyncio.create_task(pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source))
        await asker.asked.wait()
        async with pool.changes() as changes:
            await asyncio.to_thread(card.remove)
            await anext(changes)
        asker.answer(PIN)
        with pytest.raises(TokenAbsent):
            await signing
    assert (await pool.listing()).tokens == ()
    worker = pool.worker_processes()
    await asyncio.to_thread(card.insert)
    async with asking(PIN) as asker:
        verify(card.identities["authentication"], await sign(pool, card, "authentication", asker), DIGEST)
    assert pool.worker_processes() == worker


async def test_a_service_stopped_and_started_again_needs_no_new_agent(
    pool: TokenPool, card: Card, readers: Readers
) -> None:
    entry = await entry_of(pool, card.identities["signature"])
    await asyncio.to_thread(readers.stop)
    async with asking(PIN) as asker:
        with pytest.raises(TokenAbsent):
            await pool.sign(entry, algorithm_of("rsa2048"), DIGEST, asker.source)
    assert (await pool.listing()).tokens == ()
    await asyncio.to_thread(readers.start)
    await asyncio.to_thread(card.remove)
    await asyncio.to_thread(card.insert)
    async with asking(PIN) as asker:
        verify(card.identities["signature"], await sign(pool, card, "signature", asker), DIGEST)


async def test_a_worker_that_began_without_the_service_finds_the_card_later(
    pool: TokenPool, card: Card, readers: Readers
) -> None:
    await asyncio.to_thread(readers.stop)
    assert (await pool.listing()).tokens == ()
    worker = pool.worker_processes()
    await asyncio.to_thread(readers.start)
    await asyncio.to_thread(card.remove)
    await asyncio.to_thread(card.insert)
    assert (await token_in(pool)).reader == readers.names[0]
    assert pool.worker_processes() == worker


async def test_a_slow_card_does_not_hold_up_the_agent(pool: TokenPool, card: Card) -> None:
    entry = await entry_of(pool, card.identities["authentication"])
    card.set_delay(100)
    longest, previous = 0.0, asyncio.get_running_loop().time()
    async with asking(PIN) as asker:
        signing = asyncio.create_task(pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source))
        while not signing.done():
            await asyncio.sleep(0.01)
            now = asyncio.get_running_loop().time()
            longest, previous = max(longest, now - previous), now
    verify(card.identities["authentication"], await signing, DIGEST)
    assert longest < 1.0


async def test_a_worker_killed_in_the_middle_of_a_signature_leaves_the_card_usable(pool: TokenPool, card: Card) -> None:
    import psutil

    entry = await entry_of(pool, card.identities["authentication"])
    card.set_delay(200)
    async with asking(PIN) as asker:
        signing = asyncio.create_task(pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source))
        await asker.asked.wait()
        given = card.verifications
        async with asyncio.timeout(20):
            while await asyncio.to_thread(lambda: card.verifications) == given and not signing.done():
                await asyncio.sleep(0.01)
        psutil.Process(pool.worker_processes()[OPENSC]).kill()
        with pytest.raises(WorkerDied):
            await signing
    card.set_delay(0)
    async with asking(PIN) as asker:
        verify(card.identities["authentication"], await sign(pool, card, "authentication", asker), DIGEST)


async def test_a_module_that_hangs_as_a_card_goes_is_given_up_soon(shim: Shim, card: Card, tmp_path: Path) -> None:
    """OpenSC 0.23 may wait for itself for ever where a card is pulled while it is read."""
    module = tmp_path / OPENSC
    shutil.copy(shim.path, module)
    pool = TokenPool(lambda: [str(module)], tmp_path / "key-files", deadline=600)
    async with opened(pool), pool.changes(), asyncio.timeout(100):  # far from the deadline
        await pool.listing()
        shim.does("C_GetTokenInfo hang")
        listing = asyncio.create_task(pool.listing())
        await shim.reached("C_GetTokenInfo")
        await asyncio.to_thread(card.remove)
        try:
            assert [fault.error for fault in (await listing).faults] == [WorkerHung.name]
        finally:
            await asyncio.to_thread(card.insert)
        shim.behaves()
        assert found(await pool.listing(), shim.token)
