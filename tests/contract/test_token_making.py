"""Keys made on tokens, requests that they sign, certificates written beside them (R5, R14).

The judges are pkcs11-tool, which lists what is there, and openssl with its GOST engine.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.algorithms import algorithm_named, new_digest
from agent.certificates.request import ALGORITHMS, RequestedExtensions, Subject
from agent.errors import (
    BadParameters,
    CertificateDamaged,
    KeyAbsent,
    LabelUnsuitable,
    MechanismUnsupported,
    ObjectAbsent,
    ObjectExists,
    SubjectInvalid,
)
from agent.model import CertificateEntry, TokenState
from agent.tokens.inventory import KeySpec, ObjectName, TokenObject
from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.gost_token import authority, issue, openssl_gost
from tests.harness.managed import BENCHES, Bench
from tests.harness.places import opened

SPECS = [
    ("softhsm", "rsa", "2048"), ("softhsm", "ec", "P-384"), ("gost token", "rsa", ""), ("gost token", "ec", "P-256"),
    *(("gost token", "gost256", f"CryptoPro-{name}") for name in ("A", "B", "C", "XchA", "XchB")),
    *(("gost token", "gost256", f"TC26-{name}") for name in "ABCD"),
    *(("gost token", "gost512", f"TC26-{name}") for name in "ABC"),
]  # fmt: skip
SUBJECT = Subject(
    common_name="Иванова Мария Петровна", surname="Иванова", given_name="Мария Петровна", locality="Казань",
    snils="112-233-445 95", inn="500100732259", email="maria@sign.example",
)  # fmt: skip


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = BENCHES[getattr(request, "param", "gost token")](tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
async def pool(bench: Bench, tmp_path: Path) -> AsyncIterator[TokenPool]:
    async with opened(bench.pool(tmp_path)) as pool:
        yield pool


@pytest.fixture
async def token(bench: Bench, pool: TokenPool) -> TokenState:
    return await bench.token(pool)


async def generated(pool: TokenPool, bench: Bench, token: TokenState, spec: KeySpec) -> TokenObject:
    async with asking(bench.pin) as asker:
        return await pool.management.generate(token, spec, asker.source)


async def requested(
    pool: TokenPool, bench: Bench, token: TokenState, key: TokenObject, extensions: RequestedExtensions | None = None
) -> bytes:
    async with asking(bench.pin) as asker:
        return await pool.management.request(token, key.name, SUBJECT, asker.source, extensions)


def public_key_of(request: bytes) -> bytes:
    return openssl_gost("req", "-inform", "DER", "-noout", "-pubkey", data=request).stdout


@pytest.mark.parametrize(("bench", "kind", "parameters"), SPECS, indirect=["bench"])
async def test_a_key_is_made_certified_and_signs(
    bench: Bench, pool: TokenPool, token: TokenState, kind: str, parameters: str, tmp_path: Path
) -> None:
    """The whole way of a person who gets a certificate: key, request, certificate, signature."""
    key = await generated(pool, bench, token, KeySpec(kind, parameters, label="подпись"))  # type: ignore[arg-type]
    assert (key.key_type, key.parameters, key.label) == (kind, parameters or "2048", "подпись")
    assert (key.sensitive, key.extractable, key.private, key.has_key) == (True, False, True, True)
    request = await requested(pool, bench, token, key)
    judged = openssl_gost("req", "-inform", "DER", "-verify", "-noout", data=request, check=False)
    assert b"verify OK" in judged.stdout + judged.stderr
    certificate = issue(public_key_of(request), "Иванова Мария Петровна", authority(kind))
    async with asking(bench.pin) as asker:
        written = await pool.management.write_certificate(token, certificate, asker.source)
    assert (written.der, written.name.id, written.has_key) == (certificate, key.name.id, True)
    entry = next(one for one in (await pool.listing()).certificates if one.der == certificate)
    assert entry.has_key
    await signs(pool, bench, entry, kind, tmp_path)


async def signs(pool: TokenPool, bench: Bench, entry: CertificateEntry, kind: str, folder: Path) -> None:
    algorithm = algorithm_named(ALGORITHMS[kind])
    digest = new_digest(algorithm.digest.name, b"what is signed").digest()
    async with asking(bench.pin) as asker:
        signature = await pool.sign(entry, algorithm, digest, asker.source)
    public = openssl_gost("x509", "-inform", "DER", "-noout", "-pubkey", data=entry.der).stdout
    for name, content in (("key", public), ("signature", signature), ("digest", digest)):
        (folder / name).write_bytes(content)
    options = () if kind.startswith("gost") else ("-pkeyopt", "digest:sha256")
    openssl_gost(
        "pkeyutl", "-verify", "-pubin", "-inkey", folder / "key", "-in", folder / "digest", "-sigfile",
        folder / "signature", *options,
    )  # fmt: skip


@pytest.mark.parametrize("bench", BENCHES, indirect=True)
async def test_pkcs11_tool_sees_a_key_that_cannot_be_taken_out(
    bench: Bench, pool: TokenPool, token: TokenState
) -> None:
    key = await generated(pool, bench, token, KeySpec("ec", label="signing"))
    assert bench.objects() == ["Private Key Object", "Public Key Object"]
    shown = bench.tool("--list-objects", pin=bench.pin).stdout.decode()
    assert shown.count(f"ID:         {key.name.id}") == 2
    assert "sensitive" in shown
    assert "extractable" not in shown.replace("never extractable", "")
    point = bytes.fromhex(shown.split("EC_POINT:")[1].split()[0])[2:]
    assert key.name.id == hashlib.sha1(point, usedforsecurity=False).hexdigest()


async def test_an_id_that_is_asked_for_is_kept_and_given_once(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    key = await generated(pool, bench, token, KeySpec("ec", id="a1b2"))
    assert key.name.id == "a1b2"
    with pytest.raises(ObjectExists) as raised:
        await generated(pool, bench, token, KeySpec("rsa", id="A1B2"))
    assert raised.value.facts == {"token": bench.label, "kind": "key", "id": "a1b2"}
    assert len(bench.objects()) == 2


@pytest.mark.parametrize(
    "spec", [KeySpec("rsa", "1024"), KeySpec("ec", "P-224"), KeySpec("ec", id="xyz"), KeySpec("ec", label="a\nb")]
)
async def test_a_key_that_nobody_should_have_is_refused_before_a_pin(
    pool: TokenPool, token: TokenState, spec: KeySpec
) -> None:
    async with asking(None) as asker:
        with pytest.raises((BadParameters, LabelUnsuitable)):
            await pool.management.generate(token, spec, asker.source)
    assert asker.questions == []


async def test_a_token_without_the_generator_is_told_before_a_pin(
    bench: Bench, pool: TokenPool, token: TokenState
) -> None:
    bench.options("without-mechanism = 0x1200")
    async with asking(None) as asker:
        with pytest.raises(MechanismUnsupported) as raised:
            await pool.management.generate(token, KeySpec("gost256"), asker.source)
    assert asker.questions == []
    assert raised.value.facts == {"algorithm": "gost256 CryptoPro-A", "token": bench.label}


async def test_openssl_reads_every_attribute_of_a_request(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    key = await generated(pool, bench, token, KeySpec("gost256"))
    wanted = RequestedExtensions(
        extended_key_usage=("1.3.6.1.5.5.7.3.4",), policies=("1.2.643.100.113.1",), sign_tool="Токен «Проба»"
    )
    request = await requested(pool, bench, token, key, wanted)
    shown = openssl_gost("req", "-inform", "DER", "-noout", "-text", "-nameopt", "utf8,sep_multiline", data=request)
    text = shown.stdout.decode()
    for part in (
        "Иванова Мария Петровна", "C=RU", "11223344595", "500100732259", "maria@sign.example",
        "Digital Signature, Non Repudiation", "E-mail Protection", "Class of Signing Tool KC1",
    ):  # fmt: skip
        assert part in text, part
    parsed = openssl_gost("asn1parse", "-inform", "DER", data=request).stdout.decode()
    assert "NUMERICSTRING     :11223344595" in parsed
    assert "IA5STRING         :maria@sign.example" in parsed
    assert "PRINTABLESTRING   :RU" in parsed
    assert "Токен «Проба»".encode() in request


async def test_a_wrong_number_in_the_subject_is_found_before_a_pin(
    bench: Bench, pool: TokenPool, token: TokenState
) -> None:
    key = await generated(pool, bench, token, KeySpec("gost256"))
    async with asking(None) as asker:
        with pytest.raises(SubjectInvalid) as raised:
            await pool.management.request(token, key.name, Subject("Иванова", inn="500100732258"), asker.source)
    assert asker.questions == []
    assert raised.value.facts == {"attribute": "inn", "reason": "check_digit"}


async def test_a_request_for_a_key_that_is_not_there_is_refused(
    bench: Bench, pool: TokenPool, token: TokenState
) -> None:
    async with asking(bench.pin) as asker:
        with pytest.raises(ObjectAbsent):
            await pool.management.request(token, ObjectName("key", "77"), SUBJECT, asker.source)


@pytest.mark.parametrize("options", [("signature-order = swapped",), ("digest-order = reversed",)])
async def test_a_request_is_put_right_where_the_token_has_an_order_of_its_own(
    bench: Bench, pool: TokenPool, token: TokenState, options: tuple[str, ...]
) -> None:
    key = await generated(pool, bench, token, KeySpec("gost512"))
    bench.options(*options)
    request = await requested(pool, bench, token, key)
    judged = openssl_gost("req", "-inform", "DER", "-verify", "-noout", data=request, check=False)
    assert b"verify OK" in judged.stdout + judged.stderr


async def test_a_certificate_without_its_key_stays_out_unless_it_is_an_authoritys(
    bench: Bench, pool: TokenPool, token: TokenState
) -> None:
    key = await generated(pool, bench, token, KeySpec("ec"))
    root = openssl_gost("x509", "-in", authority("rsa").certificate, "-outform", "DER").stdout
    async with asking(bench.pin) as asker:
        with pytest.raises(KeyAbsent):
            await pool.management.write_certificate(token, root, asker.source)
    assert len(bench.objects()) == 2
    async with asking(bench.pin) as asker:
        written = await pool.management.write_certificate(token, root, asker.source, authority=True)
    assert (written.authority, written.has_key, written.label) == (True, False, "Test root RSA")
    assert "Certificate Object" in bench.objects()
    assert key.name.id != written.name.id


async def test_a_certificate_is_written_once(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    key = await generated(pool, bench, token, KeySpec("ec"))
    certificate = issue(public_key_of(await requested(pool, bench, token, key)), "Иванова", authority("rsa"))
    async with asking(bench.pin) as asker:
        await pool.management.write_certificate(token, certificate, asker.source, label="первый")
    async with asking(None) as asker:
        with pytest.raises(ObjectExists):
            await pool.management.write_certificate(token, certificate, asker.source)
    assert asker.questions == []
    assert bench.objects().count("Certificate Object") == 1


@pytest.mark.parametrize("content", [b"", b"0", b"\x30\x03\x02\x01\x00", b"\x30\x80" + bytes(64)])
async def test_what_is_no_certificate_is_told_before_a_pin(pool: TokenPool, token: TokenState, content: bytes) -> None:
    async with asking(None) as asker:
        with pytest.raises(CertificateDamaged):
            await pool.management.write_certificate(token, content, asker.source)
    assert asker.questions == []
