"""ALGORITHMS: key type and digest to object identifiers and mechanism. One row is one algorithm.

RSA is PKCS#1 v1.5 (RFC 8017 section 8.2; in CMS RFC 3370 section 3.2, digest identifiers RFC 5754); ECDSA in CMS is
RFC 5753 section 2.1 with the identifiers of RFC 5758.
"""

from __future__ import annotations

from typing import NamedTuple

from agent.errors import AlgorithmUnsupported


class DigestAlgorithm(NamedTuple):
    name: str  # as hashlib calls it
    oid: str
    size: int  # bytes


class SignatureAlgorithm(NamedTuple):
    name: str
    key_type: str  # "rsa" or "ec"
    digest: DigestAlgorithm
    oid: str  # signatureAlgorithm of a SignerInfo
    parameters_null: bool  # True: parameters NULL; False: absent
    mechanism: str  # PKCS#11 name; what goes in is said in tokens.mechanisms


SHA256 = DigestAlgorithm("sha256", "2.16.840.1.101.3.4.2.1", 32)
SHA384 = DigestAlgorithm("sha384", "2.16.840.1.101.3.4.2.2", 48)
SHA512 = DigestAlgorithm("sha512", "2.16.840.1.101.3.4.2.3", 64)
DIGESTS: tuple[DigestAlgorithm, ...] = (SHA256, SHA384, SHA512)

_RSA = "1.2.840.113549.1.1.1"

ALGORITHMS: tuple[SignatureAlgorithm, ...] = (
    SignatureAlgorithm("rsa-sha256", "rsa", SHA256, _RSA, True, "CKM_RSA_PKCS"),
    SignatureAlgorithm("rsa-sha384", "rsa", SHA384, _RSA, True, "CKM_RSA_PKCS"),
    SignatureAlgorithm("rsa-sha512", "rsa", SHA512, _RSA, True, "CKM_RSA_PKCS"),
    SignatureAlgorithm("ecdsa-sha256", "ec", SHA256, "1.2.840.10045.4.3.2", False, "CKM_ECDSA"),
    SignatureAlgorithm("ecdsa-sha384", "ec", SHA384, "1.2.840.10045.4.3.3", False, "CKM_ECDSA"),
    SignatureAlgorithm("ecdsa-sha512", "ec", SHA512, "1.2.840.10045.4.3.4", False, "CKM_ECDSA"),
)

# Digest that a key signs with where nobody asks for another: (key type, key bits) -> digest. First row that fits.
RSA_BITS = range(2048, 4097)
EC_BITS = (256, 384)  # P-256, P-384


def digest_named(name: str) -> DigestAlgorithm:
    for digest in DIGESTS:
        if digest.name == name:
            return digest
    raise AlgorithmUnsupported(algorithm=name)


def digest_for_key(key_type: str, bits: int) -> DigestAlgorithm:
    """The digest that a key signs with where the request names none: as strong as the key."""
    return SHA384 if key_type == "ec" and bits > 256 else SHA256


def algorithm_for(key_type: str, digest: DigestAlgorithm) -> SignatureAlgorithm:
    for algorithm in ALGORITHMS:
        if algorithm.key_type == key_type and algorithm.digest == digest:
            return algorithm
    raise AlgorithmUnsupported(algorithm=f"{key_type}-{digest.name}")


def algorithm_named(name: str) -> SignatureAlgorithm:
    for algorithm in ALGORITHMS:
        if algorithm.name == name:
            return algorithm
    raise AlgorithmUnsupported(algorithm=name)
