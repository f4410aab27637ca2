"""Small input that asks for endless work: certificates, signatures and texts made to keep Pero busy (R14, R46)."""

from __future__ import annotations

import itertools
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.certificates import der
from agent.certificates.description import describe
from agent.cli import verify
from agent.cli.context import Context
from agent.config import Locations
from agent.errors import CertificateDamaged, DocumentTooLarge, FileUnreadable, PeroError, SignatureDamaged
from agent.signing.preview import preview_text
from agent.trust.path import path_problem
from agent.verification.reading import read_signature
from tests.harness.core import NOON, certificate

LONG = 200_000  # octets of an object identifier


@contextmanager
def soon(seconds: float) -> Iterator[None]:
    before = time.monotonic()
    yield
    assert time.monotonic() - before < seconds


def issued(subject: str, issuer: str, key: Any, by: Any, serial: int, *, authority: bool = True) -> bytes:
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (subject, issuer)]
    builder = x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).public_key(key.public_key())
    builder = builder.serial_number(serial).not_valid_before(NOON - timedelta(1)).not_valid_after(NOON + timedelta(9))
    builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
    return builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.fixture(scope="module")
def keys() -> list[Any]:
    return [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]


def test_many_issuers_of_one_name_end_the_search_for_a_path(keys: list[Any]) -> None:
    root = issued("Root", "Root", keys[0], keys[0], 1)
    ring = [issued("X", "X", keys[1], keys[1], 100 + number) for number in range(12)]
    leaf = issued("leaf", "X", keys[2], keys[1], 2, authority=False)
    with soon(20):
        assert path_problem(describe(leaf), ring, [root], NOON) == "root_not_trusted"


def test_many_layers_of_issuers_end_the_search_for_a_path(keys: list[Any]) -> None:
    root = issued("Root", "Root", keys[0], keys[0], 1)
    names = [f"L{number}" for number in range(13)]
    pairs = [(below, above) for below, above in itertools.pairwise(names) for _ in range(4)]
    layers = [issued(*pair, keys[1], keys[1], 100 + number) for number, pair in enumerate(pairs)]
    leaf = issued("leaf", "L0", keys[2], keys[1], 2, authority=False)
    with soon(20):
        assert path_problem(describe(leaf), layers, [root], NOON) == "chain_not_built"


def test_an_issuer_with_a_certificate_of_each_of_two_roots_is_still_found_under_either(keys: list[Any]) -> None:
    roots = [issued(name, name, key, key, 1) for name, key in (("A", keys[0]), ("B", keys[2]))]
    crossed = [issued("I", "A", keys[1], keys[0], 2), issued("I", "B", keys[1], keys[2], 3)]
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    leaf = issued("leaf", "I", leaf_key, keys[1], 4, authority=False)
    unrelated = [issued(f"U{number}", "V", leaf_key, leaf_key, 10 + number) for number in range(20)]
    for root in roots:
        assert path_problem(describe(leaf), [*unrelated, *crossed], [root], NOON) is None


@pytest.mark.parametrize("place", ["subject", "key", "extension"])
def test_a_certificate_with_an_endless_object_identifier_is_damaged_at_once(keys: list[Any], place: str) -> None:
    body, algorithm, value = der.read(certificate(keys[0], "N", begins=NOON, days=3)).children()
    parts = [part.whole for part in body.children()]
    oid = der.tlv(der.OBJECT_IDENTIFIER, b"\x81" * (LONG - 1) + b"\x01")
    if place == "subject":
        parts[5] = der.sequence(der.tlv(der.SET, der.sequence(oid, der.tlv(0x0C, b"x"))))
    elif place == "key":
        parts[6] = der.sequence(der.sequence(oid), der.tlv(0x03, b"\0abc"))
    else:
        parts[7] = der.tlv(0xA3, der.sequence(der.sequence(oid, der.tlv(der.OCTET_STRING, b""))))
    with soon(3), pytest.raises(CertificateDamaged):
        describe(der.sequence(der.sequence(*parts), algorithm.whole, value.whole))


@pytest.mark.parametrize("length", [b"", b"\x80"])
def test_a_signature_with_an_endless_object_identifier_is_damaged_at_once(length: bytes) -> None:
    oid = der.tlv(der.OBJECT_IDENTIFIER, b"\x81" * (LONG - 1) + b"\x01")
    whole = b"\x30\x80" + oid + b"\0\0" if length else der.sequence(oid, der.tlv(0xA0, b""))
    with soon(3), pytest.raises(SignatureDamaged):
        read_signature(whole)


@pytest.mark.parametrize("text", ["\u0301\u0316" * 20_000, "a" + "\u0316\u0301" * 20_000])
def test_a_text_of_nothing_but_marks_is_shown_soon(text: str) -> None:
    with soon(0.9):
        assert preview_text(text.encode()) is not None


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [(["/dev/zero"], DocumentTooLarge), (["SIGNATURE", "--trust", "/dev/zero"], FileUnreadable)],
)
def test_a_device_without_an_end_is_refused(tmp_path: Path, arguments: list[str], refusal: type[PeroError]) -> None:
    (tmp_path / "SIGNATURE").touch()
    context = Context(Locations(state=tmp_path, runtime=tmp_path), {}, "en")
    given = [str(tmp_path / one) if one == "SIGNATURE" else one for one in arguments]
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, before[1]))
    try:
        result = CliRunner().invoke(verify.command, given, obj=context, standalone_mode=False)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert isinstance(result.exception, refusal)
