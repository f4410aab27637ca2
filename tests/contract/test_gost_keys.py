"""Signing with GOST R 34.10-2012 keys on a token (R5, R11). The judge is openssl with its GOST engine."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.algorithms import SignatureAlgorithm, algorithm_named
from agent.errors import KeyAbsent, MechanismUnsupported, SignatureWrong
from agent.model import CertificateEntry
from agent.tokens.pool import TokenPool
from tests.harness import cryptoki
from tests.harness.asker import asking
from tests.harness.gost_token import (
    PARAMETERS,
    GostToken,
    built_module,
    issue,
    make_gost_token,
    openssl_gost,
    public_key,
    write_certificate,
)
from tests.harness.places import opened

DOCUMENT = b"what is signed"
SETS = ("gost256-A", "gost256-XB", "gost256-TCA", "gost256-TCD", "gost512-A", "gost512-B", "gost512-C")
BOTH = ("gost256-A", "gost512-A")


@pytest.fixture
async def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TokenPool]:
    """The tokens in the folder `tokens`."""
    monkeypatch.setenv("PERO_TEST_TOKEN_DIR", str(tmp_path / "tokens"))
    async with opened(TokenPool(lambda: [built_module()], tmp_path / "no-key-files")) as pool:
        yield pool


@pytest.fixture(params=BOTH)
def token(request: pytest.FixtureRequest, tmp_path: Path) -> GostToken:
    return make_gost_token(tmp_path / "tokens", request.param)


def digest_name(key: str) -> str:
    return "md_gost12_512" if "512" in key else "md_gost12_256"


def digest(key: str) -> bytes:
    return openssl_gost("dgst", f"-{digest_name(key)}", "-binary", data=DOCUMENT).stdout


def algorithm(key: str) -> SignatureAlgorithm:
    return algorithm_named(key.partition("-")[0])


async def entry_of(pool: TokenPool, certificate: bytes) -> CertificateEntry:
    listing = await pool.listing()
    assert listing.faults == ()
    return next(entry for entry in listing.certificates if entry.der == certificate)


async def sign(pool: TokenPool, token: GostToken, certificate: bytes | None = None) -> bytes:
    entry = await entry_of(pool, certificate or token.certificate)
    async with asking(token.pin) as asker:
        return await pool.sign(entry, algorithm(token.key), digest(token.key), asker.source)


def accepted(folder: Path, token: GostToken, signature: bytes, certificate: bytes | None = None) -> bool:
    public = openssl_gost("x509", "-inform", "DER", "-noout", "-pubkey", data=certificate or token.certificate).stdout
    for name, content in (("key", public), ("signature", signature), ("digest", digest(token.key))):
        (folder / name).write_bytes(content)
    judged = openssl_gost(
        "pkeyutl", "-verify", "-pubin", "-inkey", folder / "key", "-in", folder / "digest",
        "-sigfile", folder / "signature", check=False,
    )  # fmt: skip
    return judged.returncode == 0 and b"Verified Successfully" in judged.stdout


@pytest.mark.parametrize("key", SETS)
async def test_openssl_accepts_a_signature_with_each_curve(pool: TokenPool, tmp_path: Path, key: str) -> None:
    token = make_gost_token(tmp_path / "tokens", key)
    entry = await entry_of(pool, token.certificate)
    assert entry.has_key is True
    signature = await sign(pool, token)
    assert accepted(tmp_path, token, signature)
    assert not accepted(tmp_path, token, signature[::-1])


async def test_a_wrong_pin_is_asked_again_and_costs_one_try(pool: TokenPool, token: GostToken, tmp_path: Path) -> None:
    entry = await entry_of(pool, token.certificate)
    async with asking("wrong pin", token.pin) as asker:
        signature = await pool.sign(entry, algorithm(token.key), digest(token.key), asker.source)
    assert accepted(tmp_path, token, signature)
    assert [question.retry for question in asker.questions] == [False, True]


async def test_a_key_that_wants_a_pin_for_each_signature_gets_it(pool: TokenPool, tmp_path: Path) -> None:
    token = make_gost_token(tmp_path / "tokens", "gost256-TCA", always_authenticate=True)
    assert accepted(tmp_path, token, await sign(pool, token))


@pytest.mark.parametrize("key", BOTH)
async def test_a_key_with_another_identifier_is_found_by_its_value(pool: TokenPool, tmp_path: Path, key: str) -> None:
    token = make_gost_token(tmp_path / "tokens", key, certificate_identifier="99")
    assert (await entry_of(pool, token.certificate)).has_key is True
    assert accepted(tmp_path, token, await sign(pool, token))


async def test_public_keys_in_an_octet_string_are_known_too(pool: TokenPool, tmp_path: Path) -> None:
    token = make_gost_token(tmp_path / "tokens", "gost512-B", certificate_identifier="99")
    token.set_options("public-value = wrapped")
    assert (await entry_of(pool, token.certificate)).has_key is True
    assert accepted(tmp_path, token, await sign(pool, token))


@pytest.mark.parametrize("key", BOTH)
async def test_each_of_several_certificates_gets_its_own_key(pool: TokenPool, tmp_path: Path, key: str) -> None:
    """The certificates' identifiers are those of each other's keys."""
    directory = tmp_path / "tokens"
    token = make_gost_token(directory, key, with_certificate=False)
    add_key(token, "02")
    public = [public_key(directory, token.label, token.pin, identifier) for identifier in ("01", "02")]
    certificates = [issue(one, f"signer {place}", token.authority) for place, one in enumerate(public)]
    for certificate, identifier in zip(certificates, ("02", "01"), strict=True):
        write_certificate(directory, token.label, token.pin, certificate, identifier)
    for certificate in certificates:
        assert accepted(tmp_path, token, await sign(pool, token, certificate), certificate)


def add_key(token: GostToken, identifier: str) -> None:
    with (
        cryptoki.library(token.module, token.environment) as loaded,
        cryptoki.session(loaded, pin=token.pin) as opened_session,
    ):
        bits = 512 if "512" in token.key else 256
        parameters = PARAMETERS.get(token.key) or bytes.fromhex("06092a8503070102010201")
        cryptoki.generate(opened_session, parameters, bits=bits, identifier=bytes.fromhex(identifier))


async def test_a_certificate_of_another_key_has_none_here(pool: TokenPool, token: GostToken, tmp_path: Path) -> None:
    elsewhere = make_gost_token(tmp_path / "elsewhere", token.key)
    write_certificate(tmp_path / "tokens", token.label, token.pin, elsewhere.certificate, "01")
    with pytest.raises(KeyAbsent):
        await sign(pool, token, elsewhere.certificate)


@pytest.mark.parametrize("order", ["swapped", "reversed"])
async def test_another_order_of_octets_is_put_right_and_said_once(
    pool: TokenPool, token: GostToken, tmp_path: Path, order: str, caplog: pytest.LogCaptureFixture
) -> None:
    token.set_options(f"signature-order = {order}")
    with caplog.at_level(logging.INFO, "pero"):
        for _ in range(3):
            assert accepted(tmp_path, token, await sign(pool, token))
    (said,) = caplog.messages
    assert token.module in said
    assert token.label not in said


async def test_a_token_in_the_usual_order_is_not_spoken_of(
    pool: TokenPool, token: GostToken, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "pero"):
        await sign(pool, token)
    assert caplog.messages == []


@pytest.mark.parametrize("order", ["standard", "swapped", "reversed"])
async def test_a_digest_that_is_wanted_reversed_is_put_right_and_said_once(
    pool: TokenPool, token: GostToken, tmp_path: Path, order: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever order the signature has at the same time."""
    token.set_options("digest-order = reversed", f"signature-order = {order}")
    with caplog.at_level(logging.INFO, "pero"):
        for _ in range(3):
            assert accepted(tmp_path, token, await sign(pool, token))
    assert len([said for said in caplog.messages if "digests" in said]) == 1
    assert all(token.label not in said for said in caplog.messages)


async def test_a_token_that_changes_its_order_is_refused_and_then_looked_at_anew(
    pool: TokenPool, token: GostToken, tmp_path: Path
) -> None:
    assert await sign(pool, token)
    token.set_options("digest-order = reversed")
    with pytest.raises(SignatureWrong):
        await sign(pool, token)
    assert accepted(tmp_path, token, await sign(pool, token))


async def test_a_signature_that_is_right_in_no_order_is_refused(pool: TokenPool, token: GostToken) -> None:
    token.set_options("digest-order = swapped")
    for _ in range(2):
        with pytest.raises(SignatureWrong) as raised:
            await sign(pool, token)
        assert raised.value.facts == {"token": token.label}
    token.set_options()
    assert await sign(pool, token)


async def test_a_token_without_the_plain_mechanism_is_refused_before_a_pin(pool: TokenPool, token: GostToken) -> None:
    """Its mechanisms that digest by themselves are still there."""
    raw = 0xD4321006 if "512" in token.key else 0x1201
    token.set_options(f"without-mechanism = {raw:#x}")
    entry = await entry_of(pool, token.certificate)
    async with asking(token.pin) as asker:
        with pytest.raises(MechanismUnsupported) as raised:
            await pool.sign(entry, algorithm(token.key), digest(token.key), asker.source)
        await asker.ended.wait()
    assert raised.value.facts == {"algorithm": algorithm(token.key).name, "token": token.label}
    assert asker.questions == []


async def test_the_tokens_own_digest_is_the_second_choice(pool: TokenPool, token: GostToken, tmp_path: Path) -> None:
    """Given the octets, a token that signs no digest that is ready makes its own."""
    raw = 0xD4321006 if "512" in token.key else 0x1201
    token.set_options(f"without-mechanism = {raw:#x}", "signature-order = swapped")
    entry = await entry_of(pool, token.certificate)
    async with asking(token.pin) as asker:
        signature = await pool.sign(entry, algorithm(token.key), digest(token.key), asker.source, octets=DOCUMENT)
    assert accepted(tmp_path, token, signature)


async def test_octets_that_are_not_those_of_the_digest_sign_nothing(pool: TokenPool, token: GostToken) -> None:
    raw = 0xD4321006 if "512" in token.key else 0x1201
    token.set_options(f"without-mechanism = {raw:#x}")
    entry = await entry_of(pool, token.certificate)
    async with asking(token.pin) as asker:
        with pytest.raises(SignatureWrong):
            await pool.sign(entry, algorithm(token.key), digest(token.key), asker.source, octets=b"something else")
