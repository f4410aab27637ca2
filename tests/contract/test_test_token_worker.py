"""The GOST token of the tests through a worker: what Pero does with RSA and EC on it, beside GOST certificates."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.algorithms import algorithm_for, digest_named
from agent.errors import PinLocked
from agent.model import CertificateEntry
from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.gost_token import GostToken, make_gost_token, openssl_gost

DOCUMENT = b"what is signed"


@pytest.fixture(params=["rsa2048", "p256", "p384"])
def token(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GostToken:
    token = make_gost_token(tmp_path / "tokens", request.param)
    make_gost_token(tmp_path / "tokens", "gost256-A", name="gost", label="GOST beside it")
    monkeypatch.setenv("PERO_TEST_TOKEN_DIR", token.environment["PERO_TEST_TOKEN_DIR"])
    return token


@pytest.fixture
async def pool(token: GostToken, tmp_path: Path) -> AsyncIterator[TokenPool]:
    pool = TokenPool(lambda: [token.module], tmp_path / "key-files")
    yield pool
    await pool.close()


async def entry_of(pool: TokenPool, token: GostToken) -> CertificateEntry:
    listing = await pool.listing()
    assert listing.faults == ()
    return next(entry for entry in listing.certificates if entry.der == token.certificate)


async def test_signs_and_openssl_accepts(pool: TokenPool, token: GostToken, tmp_path: Path) -> None:
    entry = await entry_of(pool, token)
    assert entry.has_key is True
    algorithm = algorithm_for("rsa" if token.key.startswith("rsa") else "ec", digest_named("sha256"))
    async with asking("wrong pin", token.pin) as asker:
        signature = await pool.sign(entry, algorithm, hashlib.sha256(DOCUMENT).digest(), asker.source)
    assert [(asked.retry, asked.count_low) for asked in asker.questions] == [(False, False), (True, True)]
    public = openssl_gost("x509", "-inform", "DER", "-noout", "-pubkey", data=token.certificate).stdout
    for name, content in (("key", public), ("signature", signature), ("document", DOCUMENT)):
        (tmp_path / name).write_bytes(content)
    judged = openssl_gost(
        "dgst", "-sha256", "-verify", tmp_path / "key", "-signature", tmp_path / "signature", tmp_path / "document",
        check=False,
    )  # fmt: skip
    assert judged.stdout == b"Verified OK\n"


async def test_the_last_wrong_pin_is_a_locked_token(pool: TokenPool, token: GostToken) -> None:
    token.set_options("tries = 2")
    entry = await entry_of(pool, token)
    algorithm = algorithm_for("rsa" if token.key.startswith("rsa") else "ec", digest_named("sha256"))
    async with asking("wrong pin", "wrong again") as asker:
        with pytest.raises(PinLocked):
            await pool.sign(entry, algorithm, hashlib.sha256(DOCUMENT).digest(), asker.source)
    assert [asked.final_try for asked in asker.questions] == [False, True]
