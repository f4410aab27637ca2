"""Is this value a signature of this digest by this public key?

RSA (PKCS#1 v1.5 and PSS) and ECDSA by `cryptography`, GOST R 34.10-2012 by `gost`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from agent.algorithms import PSS, SignatureAlgorithm
from agent.certificates import der, gost_keys, rsa_pss
from agent.gost import curves

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import HashAlgorithm


def is_signature(
    public_key: bytes, algorithm: SignatureAlgorithm, digest: bytes, signature: bytes, salt: int | None = None
) -> bool:
    """`public_key` is DER of SubjectPublicKeyInfo; `signature` is for ECDSA the DER of Ecdsa-Sig-Value,
    for GOST s and r, big-endian (RFC 9215 section 2). `salt` is of PSS: bytes; None: as long as the digest.

    False too where the key cannot be read, is of another kind than the algorithm, or the digest has a wrong length.
    Nothing is said about the strength of the key.
    """
    if algorithm.key_type in gost_keys.TYPES:
        gost_key = gost_keys.load_key(public_key, algorithm.key_type)
        return gost_key is not None and curves.verify(gost_key, digest, signature)
    return _is_classic(public_key, algorithm, digest, signature, algorithm.digest.size if salt is None else salt)


def _is_classic(public_key: bytes, algorithm: SignatureAlgorithm, digest: bytes, signature: bytes, salt: int) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

    key, only_pss = _public_key(public_key)
    if only_pss and algorithm.padding != PSS:
        return False
    hashing = _hash(algorithm.digest.name)
    hashed = utils.Prehashed(hashing)
    try:
        if algorithm.key_type == "rsa" and isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(hashing), salt) if algorithm.padding == PSS else None
            key.verify(signature, digest, pss or padding.PKCS1v15(), hashed)
        elif algorithm.key_type == "ec" and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(hashed))
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True


@functools.lru_cache(maxsize=32)
def _public_key(info: bytes) -> tuple[RSAPublicKey | EllipticCurvePublicKey | None, bool]:
    """The key, and whether it is one for PSS alone."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(info)
        kind = next(next(der.read(info).children()).children()).whole
    except (ValueError, TypeError, StopIteration, UnsupportedAlgorithm):
        return None, False
    return (key if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else None), kind == der.oid(
        rsa_pss.KEY
    )


def _hash(name: str) -> HashAlgorithm:
    from cryptography.hazmat.primitives import hashes

    known: dict[str, HashAlgorithm] = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
    return known[name]
