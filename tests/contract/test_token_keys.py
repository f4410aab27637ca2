"""Which key of a token is taken for a certificate."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import (
    KeyAbsent,
)
from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.keyfiles import make_identity
from tests.harness.places import algorithm_of, opened, verify
from tests.harness.shim import DIGEST, entry_in, found
from tests.harness.softhsm import MODULE, SoftHsm, add_certificate, add_key, make_softhsm


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    return tmp_path


async def signs(token: SoftHsm, key: str, *, known: bool | None) -> None:
    async with opened(TokenPool(lambda: [MODULE], token.conf.parent / "key-files")) as pool:
        entry = await entry_in(pool, token)
        assert entry.has_key is known
        async with asking(token.pin) as asker:
            signature = await pool.sign(entry, algorithm_of(key), DIGEST, asker.source)
    verify(token.identity, signature, DIGEST)


@pytest.mark.parametrize("key", ["rsa2048", "p256"])
async def test_a_key_with_another_identifier_is_found_by_its_value(directory: Path, key: str) -> None:
    await signs(make_softhsm(directory, key, certificate_identifier="99"), key, known=True)


@pytest.mark.parametrize("key", ["rsa2048", "p256"])
async def test_a_stranger_with_the_same_identifier_is_not_taken(directory: Path, key: str) -> None:
    token = make_softhsm(directory, key, identifier="02", certificate_identifier="01")
    add_key(token, make_identity(key, fresh=True), "01")
    await signs(token, key, known=True)


@pytest.mark.parametrize("key", ["rsa2048", "p256"])
async def test_a_key_that_wants_a_pin_for_each_signature_gets_it(directory: Path, key: str) -> None:
    """Such a key comes without a public one here, so that nothing is known of it before the login."""
    await signs(make_softhsm(directory, key, always_authenticate=True), key, known=None)


@pytest.mark.parametrize("key", ["rsa2048", "p256"])
async def test_a_certificate_without_its_key_is_said_after_login(directory: Path, key: str) -> None:
    token = make_softhsm(directory, key)
    other = make_identity(key, fresh=True)
    add_certificate(token, other.der, "01", "without key")
    async with opened(TokenPool(lambda: [MODULE], directory / "key-files")) as pool:
        entry = found(await pool.listing(), token._replace(identity=other))
        async with asking(token.pin) as asker:
            with pytest.raises(KeyAbsent) as raised:
                await pool.sign(entry, algorithm_of(key), DIGEST, asker.source)
        assert raised.value.facts == {"thumbprint": other.thumbprint, "token": token.label}
