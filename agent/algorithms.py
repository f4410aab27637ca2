"""ALGORITHMS: key type, digest and padding to object identifiers and mechanism. One row is one algorithm.

RSA is PKCS#1 v1.5 (RFC 8017 section 8.2; in CMS RFC 3370 section 3.2, digest identifiers RFC 5754), or PSS (section
8.1; in CMS RFC 4056) with MGF1 of the same digest and a salt as long as it; ECDSA in CMS is RFC 5753 section 2.1 with
the identifiers of RFC 5758. GOST R 34.10-2012 in CMS has the key's identifier as that of the signature and no
parameters, as the samples of R 1323565.1.025-2019 have it; its digest is fixed by the key (RFC 9215). EdDSA is not
here: openssl 3.0 makes and verifies no CMS with it.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple, Protocol

from agent.errors import AlgorithmUnsupported
from agent.gost import digest as streebog


class DigestAlgorithm(NamedTuple):
    name: str  # what `new_digest` takes
    oid: str
    size: int  # bytes


class SignatureAlgorithm(NamedTuple):
    name: str
    key_type: str  # "rsa", "ec", "gost256", "gost512"
    digest: DigestAlgorithm
    oid: str  # signatureAlgorithm of a SignerInfo
    parameters_null: bool  # True: parameters NULL; False: absent
    mechanism: str  # PKCS#11 name; what goes in is said in tokens.mechanisms
    padding: str = ""  # of RSA: PKCS1 or PSS; "" for keys that know none


SHA256 = DigestAlgorithm("sha256", "2.16.840.1.101.3.4.2.1", 32)
SHA384 = DigestAlgorithm("sha384", "2.16.840.1.101.3.4.2.2", 48)
SHA512 = DigestAlgorithm("sha512", "2.16.840.1.101.3.4.2.3", 64)
STREEBOG256 = DigestAlgorithm("streebog256", "1.2.643.7.1.1.2.2", 32)  # GOST R 34.11-2012
STREEBOG512 = DigestAlgorithm("streebog512", "1.2.643.7.1.1.2.3", 64)
DIGESTS: tuple[DigestAlgorithm, ...] = (SHA256, SHA384, SHA512, STREEBOG256, STREEBOG512)

PKCS1, PSS = "pkcs1", "pss"
_RSA, _RSA_PSS = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"
_GOST256, _GOST512 = "1.2.643.7.1.1.1.1", "1.2.643.7.1.1.1.2"

ALGORITHMS: tuple[SignatureAlgorithm, ...] = (
    SignatureAlgorithm("rsa-sha256", "rsa", SHA256, _RSA, True, "CKM_RSA_PKCS", PKCS1),
    SignatureAlgorithm("rsa-sha384", "rsa", SHA384, _RSA, True, "CKM_RSA_PKCS", PKCS1),
    SignatureAlgorithm("rsa-sha512", "rsa", SHA512, _RSA, True, "CKM_RSA_PKCS", PKCS1),
    SignatureAlgorithm("rsa-pss-sha256", "rsa", SHA256, _RSA_PSS, False, "CKM_RSA_PKCS_PSS", PSS),
    SignatureAlgorithm("rsa-pss-sha384", "rsa", SHA384, _RSA_PSS, False, "CKM_RSA_PKCS_PSS", PSS),
    SignatureAlgorithm("rsa-pss-sha512", "rsa", SHA512, _RSA_PSS, False, "CKM_RSA_PKCS_PSS", PSS),
    SignatureAlgorithm("ecdsa-sha256", "ec", SHA256, "1.2.840.10045.4.3.2", False, "CKM_ECDSA"),
    SignatureAlgorithm("ecdsa-sha384", "ec", SHA384, "1.2.840.10045.4.3.3", False, "CKM_ECDSA"),
    SignatureAlgorithm("ecdsa-sha512", "ec", SHA512, "1.2.840.10045.4.3.4", False, "CKM_ECDSA"),
    SignatureAlgorithm("gost256", "gost256", STREEBOG256, _GOST256, False, "CKM_GOSTR3410"),
    SignatureAlgorithm("gost512", "gost512", STREEBOG512, _GOST512, False, "CKM_GOSTR3410_512"),
)

RSA_BITS = range(2048, 4097)
EC_BITS = (256, 384, 521)  # P-256, P-384, P-521
_GOST_DIGESTS = {"gost256": STREEBOG256, "gost512": STREEBOG512}


def digest_named(name: str) -> DigestAlgorithm:
    for digest in DIGESTS:
        if digest.name == name:
            return digest
    raise AlgorithmUnsupported(algorithm=name)


def digest_for_key(key_type: str, bits: int) -> DigestAlgorithm:
    """The digest that a key signs with where the request names none: as strong as the key. GOST keys know no other."""
    if key_type in _GOST_DIGESTS:
        return _GOST_DIGESTS[key_type]
    if key_type != "ec" or bits <= 256:
        return SHA256
    return SHA384 if bits <= 384 else SHA512


def digest_for_certificate(key_type: str) -> DigestAlgorithm:
    """The digest by which signing-certificate-v2 names the signer's certificate: beside a GOST key, its own."""
    return _GOST_DIGESTS.get(key_type, SHA256)


def algorithm_for(key_type: str, digest: DigestAlgorithm, padding: str = PKCS1) -> SignatureAlgorithm:
    """`padding` is of RSA alone. Raises AlgorithmUnsupported."""
    for algorithm in ALGORITHMS:
        if algorithm.key_type == key_type and algorithm.digest == digest and algorithm.padding in ("", padding):
            return algorithm
    raise AlgorithmUnsupported(algorithm=f"{key_type}-{digest.name}")


def can_sign(key_type: str, digest: DigestAlgorithm) -> bool | None:
    """Whether keys of this type sign such digests; None where they sign nothing at all."""
    known = [algorithm.digest for algorithm in ALGORITHMS if algorithm.key_type == key_type]
    return digest in known if known else None


def algorithm_named(name: str) -> SignatureAlgorithm:
    for algorithm in ALGORITHMS:
        if algorithm.name == name:
            return algorithm
    raise AlgorithmUnsupported(algorithm=name)


class RunningDigest(Protocol):
    """What of an object of hashlib is used."""

    def update(self, data: bytes | bytearray | memoryview, /) -> None: ...

    def digest(self) -> bytes: ...

    def hexdigest(self) -> str: ...


def new_digest(name: str, data: bytes | bytearray | memoryview = b"") -> RunningDigest:
    """A digest in the making, by its name in DIGESTS (or in hashlib). The only place where names become digests.

    Streebog may raise DigestTooSlow, here and at `update`; ValueError at a name that nobody knows.
    """
    if name in streebog.SIZES:
        return streebog.new(name, data)
    return hashlib.new(name, data)
