"""The small reader of public keys, against certificates that `cryptography` made and reads."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.tokens.public_key import public_key, shown_value
from tests.harness.keyfiles import KEYS, certificate_for, make_identity


@pytest.mark.parametrize("kind", KEYS)
def test_finds_the_key_in_a_certificate(kind: str) -> None:
    identity = make_identity(kind)
    found = public_key(identity.der)
    public = identity.key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        assert (found.key_type, found.field_size) == ("rsa", 0)
        assert int.from_bytes(found.value, "big") == public.public_numbers().n
        assert found.value[0] != 0
    else:
        assert found.key_type == "ec"
        assert found.field_size == public.curve.key_size // 8
        assert found.value == public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def test_a_curve_we_do_not_sign_with_has_no_size() -> None:
    certificate = certificate_for(ec.generate_private_key(ec.SECP224R1()).public_key(), "Test")
    assert public_key(certificate.public_bytes(Encoding.DER)).field_size == 0


def test_another_kind_of_key_has_no_type() -> None:
    certificate = certificate_for(ed25519.Ed25519PrivateKey.generate().public_key(), "Test")
    assert public_key(certificate.public_bytes(Encoding.DER)).key_type == ""


def test_every_cut_or_rubbish_is_a_value_error() -> None:
    whole = make_identity("p256").der
    for damaged in (b"", b"\x30", b"\x30\x84\xff", b"rubbish", *(whole[:size] for size in range(0, len(whole), 7))):
        with pytest.raises(ValueError, match=r"."):
            public_key(damaged)


def test_no_change_of_one_byte_is_more_than_a_value_error() -> None:
    whole = make_identity("p256").der
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        try:
            public_key(bytes(damaged))
        except ValueError:
            continue


def test_a_point_is_taken_bare_or_wrapped() -> None:
    point = b"\x04" + bytes(range(64))
    assert shown_value("ec", b"\x04\x41" + point) == point
    assert shown_value("ec", point) == point
