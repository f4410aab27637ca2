"""The GOST token of the tests: its signatures and digests. Judges: RFC 6986, RFC 7091, openssl with its engine."""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PyKCS11
import pytest
from asn1crypto.core import ObjectIdentifier

from agent.algorithms import algorithm_for, digest_named
from agent.certificates.description import describe
from agent.cms.attributes import signed_attributes
from agent.cms.signed_data import signed_data
from tests.harness import cryptoki
from tests.harness.gost import KEYS, vectors
from tests.harness.gost_token import (
    KEY_TYPES,
    PARAMETERS,
    GostToken,
    built_module,
    make_blank_token,
    make_gost_token,
    openssl_gost,
    spki,
)

PIN = "s3cret-7"
DIGEST = {32: bytes(range(32)), 64: bytes(range(64))}
RAW = {32: PyKCS11.CKM_GOSTR3410, 64: cryptoki.CKM_GOSTR3410_512}
HASHING = {
    32: (cryptoki.CKM_GOSTR3410_WITH_GOSTR3411_12_256, cryptoki.CKM_GOSTR3411_12_256, "md_gost12_256"),
    64: (cryptoki.CKM_GOSTR3410_WITH_GOSTR3411_12_512, cryptoki.CKM_GOSTR3411_12_512, "md_gost12_512"),
}
SETS = [(oid, one["size"]) for one in vectors()["curves"] for oid in one["oids"]]


def of_size(key: str) -> int:
    return 64 if "512" in key else 32


def der(oid: str) -> bytes:
    encoded: bytes = ObjectIdentifier(oid).dump()
    return encoded


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tokens")
    make_blank_token(directory, pin=PIN)
    return directory


@pytest.fixture
def folder(directory: Path) -> Path:
    return directory / "token"


@pytest.fixture
def opened(directory: Path) -> Iterator[Any]:
    with (
        cryptoki.library(built_module(), {"PERO_TEST_TOKEN_DIR": str(directory)}) as loaded,
        cryptoki.session(loaded, pin=PIN) as opened,
    ):
        yield opened


def judged(tmp_path: Path, public: bytes, digest: bytes, signature: bytes) -> str:
    """What openssl says of a signature of a digest. `public`: PEM."""
    for name, content in (("key", public), ("digest", digest), ("signature", signature)):
        (tmp_path / name).write_bytes(content)
    return openssl_gost(
        "pkeyutl", "-verify", "-pubin", "-inkey", tmp_path / "key", "-in", tmp_path / "digest",
        "-sigfile", tmp_path / "signature", check=False,
    ).stdout.decode().strip()  # fmt: skip


GOOD = "Signature Verified Successfully"


@pytest.mark.parametrize("vector", vectors()["gost3410_2012"], ids=lambda vector: vector["source"])
def test_the_signatures_of_the_standard_verify(opened: Any, vector: dict[str, str]) -> None:
    names = ("pub_octets_CKA_VALUE", "digest_octets", "signature_octets")
    octets, digest, signature = (bytes.fromhex(vector[name]) for name in names)
    key = cryptoki.gost_public_key(opened, der(vector["curve_oid"]), octets)
    raw = RAW[len(digest)]
    assert cryptoki.verify(opened, key, digest, signature, raw)
    for place in (0, len(signature) // 2, len(signature) - 1):
        altered = bytearray(signature)
        altered[place] ^= 1
        assert not cryptoki.verify(opened, key, digest, bytes(altered), raw)
    with cryptoki.answering(PyKCS11.CKR_SIGNATURE_LEN_RANGE):
        cryptoki.verify(opened, key, digest, signature[:-1], raw)


@pytest.mark.parametrize("vector", vectors()["gost3410_2012"], ids=lambda vector: vector["source"])
def test_a_known_key_signs_what_its_public_key_accepts(opened: Any, tmp_path: Path, vector: dict[str, str]) -> None:
    parameters, octets = der(vector["curve_oid"]), bytes.fromhex(vector["pub_octets_CKA_VALUE"])
    private = cryptoki.gost_private_key(opened, parameters, bytes.fromhex(vector["d"])[::-1])
    digest = bytes.fromhex(vector["digest_octets"])
    signature = cryptoki.sign(opened, private, digest, RAW[len(digest)])
    assert judged(tmp_path, spki(parameters, octets), digest, signature) == GOOD
    assert judged(tmp_path, spki(parameters, octets), digest[::-1], signature) != GOOD


@pytest.mark.parametrize(("oid", "size"), SETS, ids=lambda value: str(value))
def test_openssl_accepts_signatures_on_every_parameter_set(opened: Any, tmp_path: Path, oid: str, size: int) -> None:
    public, private = cryptoki.generate(opened, der(oid), bits=8 * size)
    octets = cryptoki.value(opened, public, PyKCS11.CKA_VALUE)
    pem = spki(der(oid), octets)
    signature = cryptoki.sign(opened, private, DIGEST[size], RAW[size])
    assert judged(tmp_path, pem, DIGEST[size], signature) == GOOD
    assert cryptoki.verify(opened, public, DIGEST[size], signature, RAW[size])
    hashing, _, name = HASHING[size]
    digest = openssl_gost("dgst", f"-{name}", "-binary", data=b"what is signed").stdout
    assert judged(tmp_path, pem, digest, cryptoki.sign(opened, private, b"what is signed", hashing)) == GOOD


@pytest.mark.parametrize("vector", vectors()["streebog"], ids=lambda vector: vector["source"][:24])
@pytest.mark.parametrize("size", [32, 64])
def test_digests_are_those_of_the_standard(opened: Any, vector: dict[str, str], size: int) -> None:
    message, expected = bytes.fromhex(vector["message"]), vector[f"h{8 * size}_octets"]
    _, mechanism, _ = HASHING[size]
    oid = der({32: "1.2.643.7.1.1.2.2", 64: "1.2.643.7.1.1.2.3"}[size])
    for parameter in (None, oid) if message else ():  # PyKCS11 itself refuses to digest nothing in one piece
        assert bytes(opened.digest(message, PyKCS11.Mechanism(mechanism, parameter))).hex() == expected
    parts = opened.digestSession(PyKCS11.Mechanism(mechanism, None))
    for place in range(0, len(message), 7):
        parts.update(message[place : place + 7])
    assert bytes(parts.final()).hex() == expected


def test_the_older_digest_is_that_of_openssl(opened: Any) -> None:
    expected = openssl_gost("dgst", "-md_gost94", "-binary", data=b"what is signed").stdout
    assert bytes(opened.digest(b"what is signed", PyKCS11.Mechanism(PyKCS11.CKM_GOSTR3411, None))) == expected


def test_a_parameter_that_names_another_digest_is_refused(opened: Any) -> None:
    wrong = der("1.2.643.7.1.1.2.3")
    with cryptoki.answering(PyKCS11.CKR_MECHANISM_PARAM_INVALID):
        opened.digest(b"", PyKCS11.Mechanism(cryptoki.CKM_GOSTR3411_12_256, wrong))


@pytest.mark.parametrize("size", [32, 64])
def test_a_raw_mechanism_takes_a_digest_of_its_size_and_nothing_else(opened: Any, size: int) -> None:
    parameters = der("1.2.643.7.1.2.1.2.1" if size == 64 else "1.2.643.2.2.35.1")
    _, private = cryptoki.generate(opened, parameters, bits=8 * size)
    for data in (bytes(1), bytes(size - 1), bytes(size + 1), bytes(96 - size)):
        with cryptoki.answering(PyKCS11.CKR_DATA_LEN_RANGE):
            cryptoki.sign(opened, private, data, RAW[size])
    assert len(cryptoki.sign(opened, private, bytes(size), RAW[size])) == 2 * size


def test_points_off_the_curve_and_numbers_out_of_range_are_no_keys(opened: Any) -> None:
    vector = vectors()["gost3410_2012"][0]
    parameters, octets = der(vector["curve_oid"]), bytearray.fromhex(vector["pub_octets_CKA_VALUE"])
    octets[0] ^= 1
    order = int(next(one["q"] for one in vectors()["curves"] if vector["curve_oid"] in one["oids"]), 16)
    with cryptoki.answering(PyKCS11.CKR_ATTRIBUTE_VALUE_INVALID):
        cryptoki.gost_public_key(opened, parameters, bytes(octets))
    for number in (0, order):
        with cryptoki.answering(PyKCS11.CKR_ATTRIBUTE_VALUE_INVALID):
            cryptoki.gost_private_key(opened, parameters, number.to_bytes(32, "little"))
    with cryptoki.answering(PyKCS11.CKR_ATTRIBUTE_VALUE_INVALID):
        cryptoki.generate(opened, der("1.2.643.7.1.2.1.2.1"), bits=256)  # a set of the other size


@pytest.mark.parametrize("order", ["standard", "swapped", "reversed"])
def test_a_vendors_order_of_octets_is_played(opened: Any, folder: Path, tmp_path: Path, order: str) -> None:
    public, private = cryptoki.generate(opened, PARAMETERS["gost256-A"])
    pem = spki(PARAMETERS["gost256-A"], cryptoki.value(opened, public, PyKCS11.CKA_VALUE))
    (folder / "options").write_text(f"signature-order = {order}\n")
    signature = cryptoki.sign(opened, private, DIGEST[32], RAW[32])
    assert cryptoki.verify(opened, public, DIGEST[32], signature, RAW[32])
    (folder / "options").unlink()
    orders = {"standard": signature, "swapped": signature[32:] + signature[:32], "reversed": signature[::-1]}
    assert [name for name, one in orders.items() if judged(tmp_path, pem, DIGEST[32], one) == GOOD] == [order]


def test_a_vendors_order_of_the_digest_is_played(opened: Any, folder: Path, tmp_path: Path) -> None:
    public, private = cryptoki.generate(opened, PARAMETERS["gost256-A"])
    pem = spki(PARAMETERS["gost256-A"], cryptoki.value(opened, public, PyKCS11.CKA_VALUE))
    (folder / "options").write_text("digest-order = reversed # as some say\n")
    signature = cryptoki.sign(opened, private, DIGEST[32], RAW[32])
    (folder / "options").unlink()
    assert judged(tmp_path, pem, DIGEST[32], signature) != GOOD
    assert judged(tmp_path, pem, DIGEST[32][::-1], signature) == GOOD


@pytest.mark.parametrize(("key", "header"), [("gost256-A", b"\x04\x40"), ("gost512-A", b"\x04\x81\x80")])
def test_a_vendors_wrapped_public_value_is_played(opened: Any, folder: Path, key: str, header: bytes) -> None:
    parameters = PARAMETERS.get(key) or der("1.2.643.7.1.2.1.2.1")
    public, _ = cryptoki.generate(opened, parameters, bits=8 * of_size(key))
    plain = cryptoki.value(opened, public, PyKCS11.CKA_VALUE)
    (folder / "options").write_text("public-value = wrapped\n")
    wrapped = cryptoki.value(opened, public, PyKCS11.CKA_VALUE)
    (folder / "options").unlink()
    assert wrapped == header + plain


def test_a_mechanism_can_be_missing(opened: Any, folder: Path) -> None:
    _, private = cryptoki.generate(opened, PARAMETERS["gost256-A"])
    assert "CKM_GOSTR3410" in opened.pykcs11.getMechanismList(0)
    (folder / "options").write_text("without-mechanism = 0x1201\nwithout-mechanism = 0xD4321008\n")
    assert "CKM_GOSTR3410" not in opened.pykcs11.getMechanismList(0)
    for mechanism in (RAW[32], HASHING[32][0]):
        with cryptoki.answering(PyKCS11.CKR_MECHANISM_INVALID):
            cryptoki.sign(opened, private, DIGEST[32], mechanism)
    (folder / "options").unlink()
    cryptoki.sign(opened, private, DIGEST[32], RAW[32])


@pytest.fixture(scope="module", params=["gost256-A", "gost256-TCA", "gost512-A"])
def token(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> GostToken:
    return make_gost_token(tmp_path_factory.mktemp("token"), request.param)


@pytest.mark.parametrize("attached", [True, False])
def test_openssl_accepts_a_cms_signature_by_the_token(token: GostToken, tmp_path: Path, attached: bool) -> None:
    certificate, content = describe(token.certificate), b"what is signed"
    size = of_size(token.key)
    algorithm = algorithm_for(certificate.key_type, digest_named(f"streebog{8 * size}"))
    with cryptoki.library(token.module, token.environment) as loaded, cryptoki.session(loaded, pin=token.pin) as opened:
        _, mechanism, _ = HASHING[size]
        digest = bytes(opened.digest(content, PyKCS11.Mechanism(mechanism, None)))
        now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        attributes = signed_attributes(digest, certificate, now)
        to_sign = bytes(opened.digest(attributes, PyKCS11.Mechanism(mechanism, None)))
        private = cryptoki.find(opened, (PyKCS11.CKA_CLASS, PyKCS11.CKO_PRIVATE_KEY))
        signature = cryptoki.sign(opened, private, to_sign, RAW[size])
    made = signed_data(
        attributes=attributes, signature=signature, algorithm=algorithm, certificate=certificate, chain=(),
        content=content if attached else None,
    )  # fmt: skip
    (tmp_path / "signature").write_bytes(made)
    (tmp_path / "content").write_bytes(content)
    detached = () if attached else ("-content", tmp_path / "content")
    verified = openssl_gost(
        "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", tmp_path / "signature", "-purpose", "any",
        "-CAfile", token.authority.certificate, *detached,
    )  # fmt: skip
    assert verified.stdout == content


def test_names_of_keys_are_those_of_the_other_harness() -> None:
    assert set(PARAMETERS) | {key for key in KEY_TYPES if key.startswith("gost")} == set(KEYS)


def test_the_module_exports_nothing_but_pkcs11() -> None:
    shown = subprocess.run(["nm", "-D", "--defined-only", built_module()], capture_output=True, text=True, check=True)
    names = [line.split()[-1] for line in shown.stdout.splitlines()]
    assert len(names) == 68
    assert all(name.startswith("C_") for name in names)
