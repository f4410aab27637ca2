"""Verification of GOST R 34.10-2012. Judges: RFC 7091, RFC 9215, and openssl with the gost engine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.certificates import der, gost_keys
from agent.gost import curves
from agent.gost.curves import public_key, verify
from agent.gost.parameters import PARAMETER_SETS, Curve, parameter_set
from tests.harness.gost import KEYS, Gost, Holder, vectors

EXAMPLES = {one.oid: one.curve for one in PARAMETER_SETS}
WITH_COFACTOR = ["gost256-TCA", "gost512-C"]
SOME = ["gost256-A", "gost256-B", "gost256-TCA", "gost512-A", "gost512-C"]


@pytest.fixture(scope="module")
def gost(tmp_path_factory: pytest.TempPathFactory) -> Gost:
    return Gost(tmp_path_factory.mktemp("gost"))


def octets_of(holder: Holder) -> tuple[Curve, bytes]:
    key = gost_keys.read_key(holder.description.public_key)
    assert key is not None
    return key.parameters.curve, key.octets


def test_the_parameter_sets_are_those_of_the_standards() -> None:
    published = {oid: one for one in vectors()["curves"] for oid in one["oids"]}
    assert set(published) == {one.oid for one in PARAMETER_SETS}
    for oid, one in published.items():
        curve = EXAMPLES[oid]
        numbers = {name: int(one[name], 16) for name in ("p", "a", "b", "q", "x", "y")}
        assert curve._asdict() == {**numbers, "size": one["size"], "cofactor": one["cofactor"]}
    tests = {one.oid for one in PARAMETER_SETS if one.test}
    assert tests == {"1.2.643.2.2.35.0", "1.2.643.7.1.2.1.2.0"}
    assert parameter_set("1.2.643.2.2.35.9") is None


@pytest.mark.parametrize("vector", vectors()["gost3410_2012"], ids=lambda one: one["source"])
def test_the_examples_of_the_standard_verify_and_nothing_near_them(vector: dict[str, str]) -> None:
    names = ("pub_octets_CKA_VALUE", "digest_octets", "signature_octets")
    octets, digest, signature = (bytes.fromhex(vector[name]) for name in names)
    curve = EXAMPLES[vector["curve_oid"]]
    key, half = public_key(curve, octets), curve.size
    assert (key.x, key.y) == (int(vector["pub_x"], 16), int(vector["pub_y"], 16))
    assert verify(key, digest, signature)
    r_first = signature[half:] + signature[:half]
    for wrong in (r_first, signature[::-1], signature[:half][::-1] + signature[half:][::-1], bytes(2 * half)):
        assert not verify(key, digest, wrong)
    for other in (digest[::-1], bytes(half), bytes((digest[0] ^ 1,)) + digest[1:]):
        assert not verify(key, other, signature)


@pytest.mark.parametrize("kind", KEYS)
def test_signatures_of_the_engine_verify_over_every_parameter_set(gost: Gost, kind: str) -> None:
    holder = gost.signer(kind)
    curve, octets = octets_of(holder)
    key = public_key(curve, octets)
    order = curve.q.to_bytes(curve.size, "little")
    for digest in (os.urandom(curve.size), bytes(curve.size), b"\xff" * curve.size, order):  # zero is taken as one
        signature = gost.value(holder, digest)
        assert verify(key, digest, signature)
        assert not verify(key, os.urandom(curve.size), signature)
    stranger = public_key(*octets_of(gost.root(kind)))
    assert not verify(stranger, digest, signature)


@pytest.mark.parametrize("kind", SOME)
def test_numbers_out_of_range_and_wrong_lengths_are_refused(gost: Gost, kind: str) -> None:
    holder = gost.signer(kind)
    curve, octets = octets_of(holder)
    key, digest, half = public_key(curve, octets), os.urandom(curve.size), curve.size
    signature = gost.value(holder, digest)
    s, r = signature[:half], signature[half:]
    bad = [0, curve.q, curve.q + 1, (1 << 8 * half) - 1]
    halves = [number.to_bytes(half, "big") for number in bad]
    again = [int.from_bytes(number, "big") + curve.q for number in (s, r)]  # the same modulo q, where it has room
    wrong = [one + r for one in halves] + [s + one for one in halves]
    wrong += [again[0].to_bytes(half, "big") + r] if again[0] >> 8 * half == 0 else []
    wrong += [s + again[1].to_bytes(half, "big")] if again[1] >> 8 * half == 0 else []
    wrong += [b"", s, signature[:-1], signature + b"\0", b"\0" + signature, r + s, signature[::-1]]
    assert verify(key, digest, signature)
    assert [one for one in wrong if verify(key, digest, one)] == []
    for other in (b"", digest[:-1], digest + b"\0", digest * 2):
        assert not verify(key, other, signature)


def test_zeros_are_refused_though_the_equation_holds() -> None:
    """Where r is 0 the key does not matter; CryptoPro-C has a base point whose x is 0, so anybody could make one."""
    curve = EXAMPLES["1.2.643.2.2.35.3"]
    base = curve.x.to_bytes(32, "little") + curve.y.to_bytes(32, "little")
    key, digest = public_key(curve, base), bytes(range(32))
    e = int.from_bytes(digest, "little") % curve.q
    assert curves._combination(key, 1, 0).x == 0
    assert not verify(key, digest, e.to_bytes(32, "big") + bytes(32))
    # With s = 0 the equation is -r/e * Q = R; Q is the base point here, and R its fifth multiple.
    fifth = curves._combination(key, 5, 0)
    r = fifth.x * pow(fifth.z, -2, curve.p) % curve.p % curve.q
    digest = (-r * pow(5, -1, curve.q) % curve.q).to_bytes(32, "little")
    assert not verify(key, digest, bytes(32) + r.to_bytes(32, "big"))


@pytest.mark.parametrize("kind", SOME)
def test_points_that_are_none_are_refused(gost: Gost, kind: str) -> None:
    curve, octets = octets_of(gost.signer(kind))
    size = curve.size
    x, y = (int.from_bytes(half, "little") for half in (octets[:size], octets[size:]))
    public_key(curve, octets)

    def encoded(x: int, y: int) -> bytes:
        return x.to_bytes(size, "little") + y.to_bytes(size, "little")

    wrong = [
        encoded(0, 0), encoded(x, y ^ 1), encoded(x ^ 1, y), encoded(y, x), encoded(curve.p - x, y),
        encoded(x, 0), b"", octets[:-1], octets + b"\0", b"\x04" + octets,
        octets[:size][::-1] + octets[size:][::-1], octets[size:] + octets[:size], b"\xff" * 2 * size,
    ]  # fmt: skip
    base = encoded(curve.x + curve.p, curve.y) if curve.x + curve.p < 1 << 8 * size else b""
    for one in (*wrong, base):
        with pytest.raises(ValueError, match=r"on the curve|length"):
            public_key(curve, one)


@pytest.mark.parametrize("kind", WITH_COFACTOR)
def test_points_of_another_order_are_refused_where_the_curve_has_such(gost: Gost, kind: str) -> None:
    curve, _ = octets_of(gost.signer(kind))
    assert (curve.p % 4, curve.cofactor) == (3, 4)
    points = []
    for x in range(2, 400):
        square = (x * x * x + curve.a * x + curve.b) % curve.p
        y = pow(square, (curve.p + 1) // 4, curve.p)
        if y * y % curve.p == square:
            points.append((x, y))
    refused = 0
    for x, y in points[:60]:
        try:
            public_key(curve, x.to_bytes(curve.size, "little") + y.to_bytes(curve.size, "little"))
        except ValueError:
            refused += 1
    assert 35 <= refused < 60  # three quarters of all points


@pytest.mark.parametrize("one", PARAMETER_SETS, ids=lambda one: one.oid)
def test_the_base_point_is_of_the_order_and_multiples_agree_with_plain_additions(one: object) -> None:
    curve = EXAMPLES[one.oid]  # type: ignore[attr-defined]
    base = public_key(curve, curve.x.to_bytes(curve.size, "little") + curve.y.to_bytes(curve.size, "little"))
    assert curves._combination(base, curve.q, 0).z == 0
    assert curves._combination(base, 5, curve.q - 5).z == 0
    plain = None
    for factor in range(1, 70):
        plain = (curve.x, curve.y) if plain is None else added(curve, plain, (curve.x, curve.y))
        point = curves._combination(base, factor - factor // 2, factor // 2)
        inverse = pow(point.z, -1, curve.p)
        assert (point.x * inverse**2 % curve.p, point.y * inverse**3 % curve.p) == plain


def added(curve: Curve, one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    """The schoolbook sum of two points (RFC 7091 section 5.1)."""
    p = curve.p
    if one == other:
        slope = (3 * one[0] ** 2 + curve.a) * pow(2 * one[1], -1, p)
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, p)
    x = (slope * slope - one[0] - other[0]) % p
    return x, (slope * (one[0] - x) - one[1]) % p


def info(kind: str, parameters: bytes, bits: bytes) -> bytes:
    algorithm = der.sequence(der.oid(kind), parameters)
    return der.sequence(algorithm, der.tlv(der.BIT_STRING, bits))


def test_keys_are_read_as_certificates_have_them_and_no_other_way() -> None:
    kind, digest = "1.2.643.7.1.1.1.1", "1.2.643.7.1.1.2.2"
    octets = bytes(range(64))
    bits = b"\0" + der.tlv(der.OCTET_STRING, octets)
    names = der.oid("1.2.643.2.2.35.1")
    for parameters in (der.sequence(names), der.sequence(names, der.oid(digest))):
        key = gost_keys.read_key(info(kind, parameters, bits))
        assert key is not None
        assert (key.key_type, key.parameters.name, key.octets) == ("gost256", "CryptoPro-A", octets)
    for parameters in (
        b"", der.NULL, names, der.sequence(), der.sequence(der.oid("1.2.643.2.2.35.9")),
        der.sequence(names, der.oid("1.2.643.2.2.30.1")),  # GOST R 34.11-94
        der.sequence(der.oid("1.2.643.7.1.2.1.2.1")),  # of 512 bits
    ):  # fmt: skip
        assert gost_keys.read_key(info(kind, parameters, bits)) is None
    assert gost_keys.read_key(info("1.2.643.2.2.19", der.sequence(names), bits)) is None
    for damaged in (
        b"", b"\0", bits[:-1], bits + b"\0", b"\1" + bits[1:], b"\0" + octets,
        b"\0" + der.tlv(der.OCTET_STRING, octets[:-1]),
        b"\0" + der.tlv(der.SEQUENCE, octets),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r".+"):
            gost_keys.read_key(info(kind, der.sequence(names), damaged))
        assert gost_keys.load_key(info(kind, der.sequence(names), damaged), "gost256") is None
    assert gost_keys.load_key(b"", "gost256") is None


def test_a_key_of_one_length_is_none_of_the_other(gost: Gost, tmp_path: Path) -> None:
    short = gost.signer("gost256-A").description.public_key
    assert gost_keys.load_key(short, "gost256") is not None
    assert gost_keys.load_key(short, "gost512") is None
