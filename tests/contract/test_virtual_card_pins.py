"""PINs of a real card protocol: a PIV card played at APDU level, pcscd, OpenSC's module, our worker (R14).

The card counts its own tries: they are the proof that none was spent in vain.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.errors import (
    MechanismUnsupported,
    PinCancelled,
    PinIncorrect,
    PinLocked,
    SoPinIncorrect,
    SoPinLocked,
)
from agent.model import TokenState
from agent.tokens.inventory import KeySpec
from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.keyfiles import make_identity
from tests.harness.managed import from_lines
from tests.harness.places import opened
from tests.harness.virtual_card import PIN as PIN_BYTES
from tests.harness.virtual_card import PUK as PUK_BYTES
from tests.harness.virtual_card import TRIES
from tests.harness.virtual_reader import OPENSC, Card, Readers, virtual_readers

PIN, PUK, OTHER = PIN_BYTES.decode(), PUK_BYTES.decode(), "654321"


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with virtual_readers() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        yield running


@pytest.fixture(scope="module")
def card_process(readers: Readers) -> Card:
    card = readers.card({"authentication": make_identity("p256")})
    card.insert()
    return card


@pytest.fixture
def card(card_process: Card) -> Card:
    card_process.freshen()
    return card_process


@pytest.fixture
async def pool(card: Card, tmp_path: Path) -> AsyncIterator[TokenPool]:
    async with opened(TokenPool(lambda: [OPENSC], tmp_path / "key-files")) as pool:
        yield pool


@pytest.fixture
async def token(pool: TokenPool) -> TokenState:
    async with asyncio.timeout(20):
        while not (listing := await pool.listing()).tokens:
            await asyncio.sleep(0.1)
    return listing.tokens[0]


async def takes(pool: TokenPool, token: TokenState, pin: str) -> bool:
    async with asking(pin, None) as asker:
        try:
            await pool.management.objects(token, asker.source)
        except PinCancelled:
            return False
    return True


async def test_the_pin_is_changed(pool: TokenPool, token: TokenState, card: Card) -> None:
    async with asking(PIN, OTHER) as asker:
        await pool.management.change_pin(token, asker.source)
        await asker.ended.wait()
    assert [question.purpose for question in asker.questions] == ["pin", "new_pin"]
    assert asker.said[1].default_pin  # type: ignore[union-attr]  # 123456 is every PIV card's
    assert await takes(pool, token, OTHER)
    assert not await takes(pool, token, PIN)


async def test_a_wrong_pin_spends_one_try_and_no_more(
    pool: TokenPool, token: TokenState, card: Card, tmp_path: Path
) -> None:
    with pytest.raises(PinIncorrect):
        await pool.management.change_pin(token, from_lines(tmp_path, "999999", OTHER))
    assert card.tries_left == (TRIES - 1, TRIES)


async def test_a_locked_card_is_unblocked_by_its_puk(pool: TokenPool, token: TokenState, card: Card) -> None:
    """With OpenSC as it is installed, whose settings allow no unblocking."""
    async with asking("999999", "999998", "999997") as asker:
        with pytest.raises(PinLocked):
            await pool.management.change_pin(token, asker.source)
    assert card.tries_left == (0, TRIES)
    async with asking(PUK, OTHER) as asker:
        await pool.management.unblock(token, asker.source)
        await asker.ended.wait()
    assert [question.purpose for question in asker.questions] == ["puk", "new_pin"]
    assert card.tries_left == (TRIES, TRIES)
    assert await takes(pool, token, OTHER)


async def test_a_wrong_puk_spends_one_of_its_tries_and_is_asked_again(
    pool: TokenPool, token: TokenState, card: Card
) -> None:
    async with asking("00000000", OTHER, None) as asker:
        with pytest.raises(PinCancelled):
            await pool.management.unblock(token, asker.source)
    assert [(question.purpose, question.retry) for question in asker.questions] == [
        ("puk", False), ("new_pin", False), ("puk", True),
    ]  # fmt: skip
    assert card.tries_left == (TRIES, TRIES - 1)
    assert await takes(pool, token, PIN)


async def test_the_last_puk_locks_it_for_good(pool: TokenPool, token: TokenState, card: Card, tmp_path: Path) -> None:
    card.set_puk_tries(1)
    with pytest.raises((SoPinIncorrect, SoPinLocked)):
        await pool.management.unblock(token, from_lines(tmp_path, "00000000", OTHER))
    assert card.tries_left == (TRIES, 0)
    with pytest.raises(SoPinLocked):
        await pool.management.unblock(token, from_lines(tmp_path, PUK, OTHER))


@pytest.mark.parametrize(
    "settings",
    [
        "app default { pkcs11 { user_pin_unblock_style = init_pin_in_so_session; } }",
        "app default { pkcs11 { lock_login = false; # pkcs11 {\n } }",
        "app opensc-pkcs11 { enable_pinpad = false; }\napp default { }",
    ],
)
async def test_it_is_unblocked_whatever_the_settings_of_opensc_are(
    card: Card, tmp_path: Path, settings: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "opensc.conf").write_text(settings)
    monkeypatch.setenv("OPENSC_CONF", str(tmp_path / "opensc.conf"))
    async with opened(TokenPool(lambda: [OPENSC], tmp_path / "key-files")) as pool:
        token = (await pool.listing()).tokens[0]
        async with asking(PUK, OTHER) as asker:
            await pool.management.unblock(token, asker.source)
        assert await takes(pool, token, OTHER)
    assert card.tries_left == (TRIES, TRIES)
    assert (tmp_path / "opensc.conf").read_text() == settings


async def test_a_card_that_makes_no_keys_for_opensc_says_so_before_a_pin(
    pool: TokenPool, token: TokenState, card: Card
) -> None:
    async with asking(None) as asker:
        with pytest.raises(MechanismUnsupported):
            await pool.management.generate(token, KeySpec("gost256"), asker.source)
    assert asker.questions == []
    assert card.tries_left == (TRIES, TRIES)
