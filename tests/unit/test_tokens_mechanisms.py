"""What goes into C_Sign and comes out of it. Judges: `cryptography`, and RFC 8017's own prefixes."""

from __future__ import annotations

import hashlib
import secrets

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

from agent.algorithms import ALGORITHMS, algorithm_named
from agent.tokens import mechanisms

P256 = algorithm_named("ecdsa-sha256")


@pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
def test_the_block_that_is_signed_is_the_one_of_the_standard(name: str) -> None:
    """A signature made over our DigestInfo is opened with the public key: what comes out is what went in."""
    digest = hashlib.new(name, b"document").digest()
    key = rsa.generate_private_key(65537, 2048)
    kinds = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
    signature = key.sign(digest, padding.PKCS1v15(), utils.Prehashed(kinds[name]))
    opened = key.public_key().recover_data_from_signature(signature, padding.PKCS1v15(), None)
    assert mechanisms.mechanism_input(algorithm_named(f"rsa-{name}"), digest, 0) == opened


@pytest.mark.parametrize(("size", "digest"), [(32, "sha512"), (48, "sha512"), (48, "sha256")])
def test_ecdsa_signs_the_leftmost_bits(size: int, digest: str) -> None:
    value = hashlib.new(digest, b"document").digest()
    assert mechanisms.mechanism_input(algorithm_named(f"ecdsa-{digest}"), value, size) == value[:size]


@pytest.mark.parametrize("size", [32, 48, 64])
def test_r_and_s_become_a_sequence_of_two_numbers(size: int) -> None:
    corner = [1, 0x7F, 0x80, 0xFF, (1 << 8 * size) - 1, 1 << (8 * size - 1), secrets.randbits(8 * size)]
    for r in corner:
        for s in corner:
            raw = r.to_bytes(size, "big") + s.to_bytes(size, "big")
            assert mechanisms.signature_value(P256, raw) == utils.encode_dss_signature(r, s)


@pytest.mark.parametrize("raw", [b"", b"1", bytes(63), bytes(200)])
def test_what_is_no_r_and_s_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="r\\|\\|s"):
        mechanisms.signature_value(P256, raw)


def test_every_mechanism_of_the_algorithms_has_its_number() -> None:
    assert {algorithm.mechanism for algorithm in ALGORITHMS} == set(mechanisms.CKM)
