"""What is written to a token comes from strangers: certificates and files that are huge, odd or not what they say. Each
ends in a typed error with nothing left behind, or stands on the token as it came (R14)."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding
from cryptography.hazmat.primitives.serialization import pkcs12 as writing

from agent.errors import (
    CertificateDamaged,
    KeyAbsent,
    KeyFileSeveralKeys,
    KeyFileWithoutKey,
    PeroError,
)
from agent.model import TokenState
from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.keyfiles import PASSPHRASE, authority, make_identity, new_key, several_keys
from tests.harness.managed import BENCHES, Bench
from tests.harness.places import algorithm_of, opened, verify

DIGEST = bytes(range(32))
KEY = new_key("p256")
PAIR = ["Private Key Object", "Public Key Object"]


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = BENCHES[request.param](tmp_path)
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


def certificate(*, name: str = "Signer", serial: int = 7, padding: int = 0, key: object = KEY) -> bytes:
    """DER of a certificate for KEY, by the root of the run. `padding`: bytes of an extension that nobody knows."""
    root_key, root = authority()
    now = datetime.now(UTC)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # longer than X.520 has it
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name, _validate=False)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(root.subject)
        .public_key(key.public_key())  # type: ignore[attr-defined] # a key of new_key
        .serial_number(serial)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    if padding:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), bytes(padding))
        builder = builder.add_extension(unknown, critical=False)
    return builder.sign(root_key, hashes.SHA384()).public_bytes(Encoding.DER)


def file(own: bytes | None, *others: bytes, key: object = KEY) -> bytes:
    return writing.serialize_key_and_certificates(
        b"test", key, own and x509.load_der_x509_certificate(own),  # type: ignore[arg-type] # a key of new_key
        [x509.load_der_x509_certificate(one) for one in others], BestAvailableEncryption(PASSPHRASE.encode()),
    )  # fmt: skip


async def bring(pool: TokenPool, bench: Bench, token: TokenState, content: bytes) -> list[str]:
    async with asking(PASSPHRASE, bench.pin) as asker:
        made = await pool.management.import_key_file(token, content, "signer.p12", asker.source)
    return [one.name.thumbprint for one in made if one.name.kind == "certificate"]


async def write(pool: TokenPool, bench: Bench, token: TokenState, der: bytes, *, authority: bool = False) -> None:
    async with asking(bench.pin) as asker:
        await pool.management.write_certificate(token, der, asker.source, authority=authority)


async def refused(doing: Awaitable[object]) -> str:
    """The name of the error; empty where it went well."""
    try:
        await doing
    except PeroError as error:
        return error.name
    return ""


async def signs(pool: TokenPool, bench: Bench) -> int:
    """With each certificate that has a key; how many those are."""
    entries = [entry for entry in (await pool.listing()).certificates if entry.has_key]
    for entry in entries:
        async with asking(bench.pin) as asker:
            signature = await pool.sign(entry, algorithm_of("p256"), DIGEST, asker.source)
        verify(make_identity("p256")._replace(key=KEY), signature, DIGEST)
    return len(entries)


HUGE = {"a name of 64 KiB": lambda: certificate(name="Я" * 32_768), "900 KB": lambda: certificate(padding=900_000)}


@pytest.mark.parametrize("what", HUGE)
async def test_a_certificate_beyond_measure_stands_as_it_came_or_not_at_all(
    bench: Bench, pool: TokenPool, token: TokenState, what: str
) -> None:
    der = HUGE[what]()
    await bring(pool, bench, token, file(certificate()))
    before = bench.objects()
    error = await refused(write(pool, bench, token, der))
    assert error in ("", "token_failed", "token_full")
    assert bench.objects() == sorted([*before, *([] if error else ["Certificate Object"])])
    assert (der in [entry.der for entry in (await pool.listing()).certificates]) == (not error)
    assert await signs(pool, bench) >= 1


def damaged() -> list[bytes]:
    der = certificate()
    inner = der.index(b"\x02\x01\x07")  # the serial number
    return [
        der[:-1],
        der[:200],
        der + b"\0",
        der[:inner] + b"\x02\x81" + der[inner + 2 :],
        b"\x30\x84\xff\xff\xff\xff" + der,
        b"\x30\x82\x01\x00" + b"\x30" * 256,
    ]


@pytest.mark.parametrize("number", range(len(damaged())))
async def test_a_damaged_certificate_is_refused_before_a_pin(
    bench: Bench, pool: TokenPool, token: TokenState, number: int
) -> None:
    async with asking(None) as asker:
        with pytest.raises(CertificateDamaged):
            await pool.management.write_certificate(token, damaged()[number], asker.source)
        assert asker.questions == []
    assert bench.objects() == []


async def test_a_certificate_of_another_key_is_not_written(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    await bring(pool, bench, token, file(certificate()))
    before = bench.objects()
    with pytest.raises(KeyAbsent):
        await write(pool, bench, token, certificate(key=new_key("p256")))
    of_no_kind = certificate().replace(bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d0209"))
    with pytest.raises(KeyAbsent):
        await write(pool, bench, token, of_no_kind)
    assert bench.objects() == before


async def test_two_certificates_with_one_number_are_two(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    first, second = certificate(serial=7, name="Первый"), certificate(serial=7, name="Второй")
    await bring(pool, bench, token, file(first))
    await write(pool, bench, token, second)
    assert {entry.der for entry in (await pool.listing()).certificates} == {first, second}
    assert await signs(pool, bench) == 2


async def test_a_file_with_its_chain_brings_the_chain(bench: Bench, pool: TokenPool, token: TokenState) -> None:
    root, own = authority()[1].public_bytes(Encoding.DER), certificate()
    between = certificate(name="Intermediate", key=new_key("p384"))
    assert len(await bring(pool, bench, token, file(own, between, root))) == 3
    assert bench.objects() == sorted([*PAIR, *["Certificate Object"] * 3])
    (entry,) = [entry for entry in (await pool.listing()).certificates if entry.has_key]
    assert entry.der == own
    assert set(entry.chain) == {between, root}


@pytest.mark.parametrize("others", [(), (authority()[1].public_bytes(Encoding.DER),)], ids=["none", "others"])
async def test_a_file_without_its_certificate_is_refused(
    bench: Bench, pool: TokenPool, token: TokenState, others: tuple[bytes, ...]
) -> None:
    with pytest.raises(KeyFileWithoutKey):
        await bring(pool, bench, token, file(None, *others))
    assert bench.objects() == []


async def test_of_several_keys_none_is_chosen(bench: Bench, pool: TokenPool, token: TokenState, tmp_path: Path) -> None:
    content = several_keys(tmp_path)
    with pytest.raises(KeyFileSeveralKeys):
        await bring(pool, bench, token, content)
    async with asking(PASSPHRASE) as asker:
        with pytest.raises(KeyFileSeveralKeys):
            await pool.add_key_file(content, "several.p12", asker.source)
    assert bench.objects() == []
