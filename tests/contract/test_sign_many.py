"""Many signatures in one login, over every place of keys, and on bad days (R6, R11). Judged by the public keys."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from agent.algorithms import algorithm_named
from agent.errors import Busy, DigestLength, PeroError, PinCancelled, TokenAbsent, WorkerDied, WorkerHung
from agent.model import CertificateEntry
from agent.tokens.many import ToSign
from agent.tokens.pool import TokenPool
from tests.harness import gost_token
from tests.harness.asker import Asker, asking
from tests.harness.gost_place import gost_token_place
from tests.harness.places import Place, algorithm_of, key_file_place, opened, softhsm_place, verify
from tests.harness.shim import Shim, entry_in, sign_well
from tests.harness.softhsm import MODULE, PIN, make_softhsm

COUNT = 150
DIGESTS = [hashlib.sha256(b"document %d" % number).digest() for number in range(COUNT)]
ALGORITHMS = {"gost256": algorithm_named("gost256"), **{key: algorithm_of(key) for key in ("p256", "rsa2048")}}
Before = Callable[[int], None]


async def jobs(digests: list[bytes] = DIGESTS, before: Before = lambda _: None) -> AsyncIterator[ToSign]:
    """`before` is called with the number of each when it is asked for."""
    for number, digest in enumerate(digests):
        before(number)
        yield ToSign(digest)


async def signed(
    pool: TokenPool, entry: CertificateEntry, asker: Asker, given: AsyncIterator[ToSign], key: str = "p256"
) -> tuple[list[bytes], PeroError | None]:
    """What came, and what ended it."""
    found: list[bytes] = []
    try:
        async with aclosing(pool.sign_many(entry, ALGORITHMS[key], given, asker.source)) as signatures:
            async for index, signature in signatures:
                assert index == len(found)
                found.append(signature)
    except PeroError as error:
        return found, error
    return found, None


@pytest.fixture(scope="module", params=["keyfiles", "softhsm", "gost token"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory, keys = tmp_path_factory.mktemp("place"), ("p256", "rsa2048")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(directory / "softhsm2.conf"))
        patch.setenv("PERO_TEST_TOKEN_DIR", str(directory / "tokens"))
        if request.param == "keyfiles":
            yield asyncio.run(key_file_place(directory, keys))
        else:
            yield (softhsm_place if request.param == "softhsm" else gost_token_place)(directory, keys)


@pytest.mark.parametrize("key", ["p256", "rsa2048"])
async def test_every_digest_gets_its_signature_in_order_and_one_pin_is_asked_for(place: Place, key: str) -> None:
    async with opened(place.pool()) as pool, asking(place.pin) as asker:
        entry = place.entry(await pool.listing(), key)
        found, error = await signed(pool, entry, asker, jobs(), key)
        await asyncio.wait_for(asker.ended.wait(), 20)
        assert (error, len(found), len(asker.questions), asker.accepted) == (None, COUNT, 1, True)
        for digest, signature in zip(DIGESTS, found, strict=True):
            verify(place.identities[key], signature, digest)


async def test_others_are_listed_while_it_goes_on_and_a_second_login_waits_for_its_end(place: Place) -> None:
    async with opened(place.pool()) as pool, asking(place.pin) as asker, asking(place.pin) as other:
        entry = place.entry(await pool.listing(), "p256")
        async with aclosing(pool.sign_many(entry, algorithm_of("p256"), jobs(), asker.source)) as signatures:
            await anext(signatures)
            assert place.entry(await pool.listing(), "p256").der == entry.der
            with pytest.raises(Busy):
                await pool.sign(entry, algorithm_of("p256"), DIGESTS[0], other.source)
            rest = [signature async for _, signature in signatures]
        verify(place.identities["p256"], rest[-1], DIGESTS[-1])
        async with asking(place.pin) as another:
            await pool.sign(entry, algorithm_of("p256"), DIGESTS[0], another.source)


async def test_whoever_stops_keeps_what_came_and_the_token_is_logged_out(place: Place) -> None:
    async with opened(place.pool()) as pool, asking(place.pin) as asker:
        entry = place.entry(await pool.listing(), "p256")
        async with aclosing(pool.sign_many(entry, algorithm_of("p256"), jobs(), asker.source)) as signatures:
            found = [await anext(signatures) for _ in range(20)]
        for index, signature in found:
            verify(place.identities["p256"], signature, DIGESTS[index])
        await asyncio.wait_for(asker.ended.wait(), 20)
        async with asking(place.pin) as another:  # with a login of its own
            await pool.sign(entry, algorithm_of("p256"), DIGESTS[0], another.source)
            assert len(another.questions) == 1


async def test_a_wrong_pin_is_asked_again_and_nothing_is_made_ready_before_it_is_right(place: Place) -> None:
    begun: list[int] = []
    async with opened(place.pool()) as pool, asking("9" * len(place.pin)) as asker:
        entry = place.entry(await pool.listing(), "p256")
        signing = asyncio.create_task(signed(pool, entry, asker, jobs(DIGESTS[:3], begun.append)))
        async with asyncio.timeout(20):
            while len(asker.questions) < 2:
                await asyncio.sleep(0.01)
        assert (begun, asker.questions[-1].retry) == ([], True)
        asker.answer(place.pin)
        found, error = await signing
        assert (len(found), error) == (3, None)


async def test_nobody_signs_where_the_pin_is_refused_and_of_nothing_nothing_comes(place: Place) -> None:
    async with opened(place.pool()) as pool:
        entry = place.entry(await pool.listing(), "p256")
        async with asking(None) as asker:
            found, error = await signed(pool, entry, asker, jobs())
            assert (found, type(error)) == ([], PinCancelled)
        async with asking(place.pin) as asker:
            assert await signed(pool, entry, asker, jobs([])) == ([], None)
        async with asking(place.pin) as asker:
            found, error = await signed(pool, entry, asker, jobs([*DIGESTS[:2], b"short"]))
            assert type(error) is DigestLength


async def test_gost_keys_sign_many_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERO_TEST_TOKEN_DIR", str(tmp_path / "tokens"))
    token = gost_token.make_gost_token(tmp_path / "tokens", "gost256-A")
    content = [b"octets %d" % number for number in range(20)]
    digests = [gost_token.openssl_gost("dgst", "-md_gost12_256", "-binary", data=one).stdout for one in content]

    async def given() -> AsyncIterator[ToSign]:
        for digest, octets in zip(digests, content, strict=True):
            yield ToSign(digest, octets)

    pool = TokenPool(lambda: [gost_token.built_module()], tmp_path / "no-key-files")
    async with opened(pool), asking(token.pin) as asker:
        entry = (await pool.listing()).certificates[0]
        found, error = await signed(pool, entry, asker, given(), "gost256")
    assert (error, len(found)) == (None, len(content))
    public = gost_token.openssl_gost("x509", "-inform", "DER", "-noout", "-pubkey", data=token.certificate).stdout
    (tmp_path / "key").write_bytes(public)
    for digest, signature in zip(digests, found, strict=True):
        (tmp_path / "digest").write_bytes(digest)
        (tmp_path / "signature").write_bytes(signature)
        judged = gost_token.openssl_gost(
            "pkeyutl", "-verify", "-pubin", "-inkey", tmp_path / "key", "-in", tmp_path / "digest",
            "-sigfile", tmp_path / "signature",
        )  # fmt: skip
        assert b"Verified Successfully" in judged.stdout


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [("token gone", TokenAbsent), ("C_Sign rv 0x32", TokenAbsent), ("C_Sign hang", WorkerHung),
     ("C_Sign crash", WorkerDied)],
)  # fmt: skip
async def test_what_was_signed_before_the_token_or_its_module_went_is_good_and_pins_are_not_tried_again(
    shim: Shim, shim_pool: TokenPool, fault: str, wanted: type[PeroError]
) -> None:
    entry = await entry_in(shim_pool, shim.token)
    shim.forget()

    def fail_later(number: int) -> None:
        if number == 40:
            shim.does(fault)

    async with asking(PIN) as asker:
        found, error = await signed(shim_pool, entry, asker, jobs(before=fail_later))
    assert type(error) is wanted
    assert 0 < len(found) < COUNT
    for digest, signature in zip(DIGESTS, found, strict=False):
        verify(shim.token.identity, signature, digest)
    assert "C_Login" not in shim.calls  # since the fault
    shim.behaves()
    rest = DIGESTS[len(found) :]
    async with asking(PIN) as asker:
        more, error = await signed(shim_pool, entry, asker, jobs(rest))
    assert (len(more), error) == (len(rest), None)


async def test_a_worker_killed_in_the_middle_is_reported_and_documents_made_slowly_are_waited_for(
    shim: Shim, shim_pool: TokenPool
) -> None:
    entry = await entry_in(shim_pool, shim.token)

    async def slowly() -> AsyncIterator[ToSign]:
        yield ToSign(DIGESTS[0])
        await asyncio.sleep(4)  # longer than the deadline of the pool: nobody is hung
        yield ToSign(DIGESTS[1])
        os.kill(shim_pool.worker_processes()[shim.path], signal.SIGKILL)
        yield ToSign(DIGESTS[2])

    async with asking(PIN) as asker:
        found, error = await signed(shim_pool, entry, asker, slowly())
    assert type(error) is WorkerDied
    for digest, signature in zip(DIGESTS, found, strict=False):
        verify(shim.token.identity, signature, digest)
    await sign_well(shim_pool, entry, shim)


@pytest.mark.parametrize("key", ["rsa2048", "p256"])
async def test_a_key_that_wants_a_login_each_time_gets_it_and_the_person_is_asked_once(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    token = make_softhsm(tmp_path, key, always_authenticate=True)
    monkeypatch.setenv("SOFTHSM2_CONF", str(token.conf))
    monkeypatch.setenv("PERO_FAULT_MODULE", MODULE)
    monkeypatch.setenv("PERO_FAULT_LOG", str(tmp_path / "log"))
    shim = Shim(tmp_path, token)
    async with opened(TokenPool(lambda: [shim.path], tmp_path / "key-files")) as pool:
        entry = await entry_in(pool, token)
        shim.forget()
        async with asking(PIN) as asker:
            found, error = await signed(pool, entry, asker, jobs(DIGESTS[:10]), key)
        assert (error, len(found), len(asker.questions)) == (None, 10, 1)
        calls = shim.calls
    for digest, signature in zip(DIGESTS, found, strict=False):
        verify(token.identity, signature, digest)
    assert calls.count("C_Login") == 11  # as the user, and before each signature
