"""ContentInfo with SignedData (RFC 5652 sections 3 and 5), written from prepared DER parts."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import msgspec

from agent.algorithms import PSS, DigestAlgorithm, SignatureAlgorithm
from agent.certificates import der
from agent.certificates.description import Description
from agent.cms.attributes import DATA

SIGNED_DATA = "1.2.840.113549.1.7.2"
MGF1 = "1.2.840.113549.1.1.8"
CONSTRUCTED_0 = 0xA0
CONSTRUCTED_1 = 0xA1

# Tags of CertificateChoices and RevocationInfoChoice (RFC 5652 sections 10.2.1 and 10.2.2)
_V1_ATTRIBUTE_CERTIFICATE, _V2_ATTRIBUTE_CERTIFICATE, _OTHER_CERTIFICATE, _OTHER_REVOCATION = 0xA1, 0xA2, 0xA3, 0xA1

_VERSION_1 = der.integer(1)  # of a SignerInfo named by issuer and serial
_VERSION_3 = der.integer(3)


class SignedData(msgspec.Struct, frozen=True):
    """What stands in a SignedData; all but the content is DER. `content` None: detached; empty content is content."""

    digests: tuple[bytes, ...]  # AlgorithmIdentifier
    content_type: str  # dotted OID
    content: bytes | None
    certificates: tuple[bytes, ...]  # CertificateChoices
    revocation: tuple[bytes, ...]  # RevocationInfoChoice
    signers: tuple[bytes, ...]  # SignerInfo


def signed_data(
    *,
    attributes: bytes,
    signature: bytes,
    algorithm: SignatureAlgorithm,
    certificate: Description,
    chain: Sequence[bytes] = (),
    content: bytes | None = None,
) -> bytes:
    """The DER of a ContentInfo with one signer and content of type id-data.

    `attributes` is the SET OF of `signed_attributes`, `signature` the value over it: for RSA the octets as they are,
    for ECDSA the DER of Ecdsa-Sig-Value (RFC 5753 section 2.1.1), for GOST s and r, big-endian. `chain` is DER of
    further certificates. The content is copied once, into the result.
    """
    return write(
        SignedData(
            digests=(digest_algorithm(algorithm),),
            content_type=DATA,
            content=content,
            certificates=(certificate.der, *chain),
            revocation=(),
            signers=(der.sequence(signer_head(attributes, signature, algorithm, certificate)),),
        )
    )


def signer_head(attributes: bytes, signature: bytes, algorithm: SignatureAlgorithm, certificate: Description) -> bytes:
    """The contents of a SignerInfo up to its unsigned attributes (RFC 5652 section 5.3)."""
    return b"".join(
        (
            _VERSION_1,
            issuer_and_serial(certificate.issuer_der, certificate.serial_number),
            digest_algorithm(algorithm),
            bytes((CONSTRUCTED_0,)) + attributes[1:],  # [0] IMPLICIT in place of SET OF
            signature_algorithm(algorithm),
            der.tlv(der.OCTET_STRING, signature),
        )
    )


def write(data: SignedData) -> bytes:
    """The DER of the ContentInfo. The content is copied once, by the join."""
    before, after = around(data, None if data.content is None else len(data.content))
    return b"".join((before, data.content or b"", after))


def around(data: SignedData, size: int | None) -> tuple[bytes, bytes]:
    """What stands before and behind content of `size` bytes; None: detached, and nothing stands between the two."""
    type_of_content = der.oid(data.content_type)
    wrapping = b""
    if size is not None:
        octets = der.header(der.OCTET_STRING, size)
        wrapping = der.header(CONSTRUCTED_0, len(octets) + size) + octets
    inside = len(type_of_content) + len(wrapping) + (size or 0)
    before = b"".join(
        (
            _version(data),
            der.set_of(set(data.digests)),
            der.header(der.SEQUENCE, inside),
            type_of_content,
            wrapping,
        )
    )
    revocation = der.set_of(set(data.revocation), CONSTRUCTED_1) if data.revocation else b""
    after = b"".join((_certificates(data.certificates), revocation, der.set_of(data.signers)))
    body = der.header(der.SEQUENCE, len(before) + (size or 0) + len(after))
    explicit = der.header(CONSTRUCTED_0, len(body) + len(before) + (size or 0) + len(after))
    type_of_info = der.oid(SIGNED_DATA)
    whole = len(type_of_info) + len(explicit) + len(body) + len(before) + (size or 0) + len(after)
    return b"".join((der.header(der.SEQUENCE, whole), type_of_info, explicit, body, before)), after


def version(data: SignedData) -> int:
    """RFC 5652 section 5.1."""
    certificates = {one[0] for one in data.certificates}
    if _OTHER_CERTIFICATE in certificates or any(one[0] == _OTHER_REVOCATION for one in data.revocation):
        return 5
    if _V2_ATTRIBUTE_CERTIFICATE in certificates:
        return 4
    by_key = any(next(der.read(signer).children()).whole == _VERSION_3 for signer in data.signers)
    return 3 if _V1_ATTRIBUTE_CERTIFICATE in certificates or by_key or data.content_type != DATA else 1


def _version(data: SignedData) -> bytes:
    return der.integer(version(data))


@functools.lru_cache(maxsize=8)
def _certificates(certificates: tuple[bytes, ...]) -> bytes:
    """CertificateSet, [0] IMPLICIT SET OF, each certificate once; nothing where there is none: it is optional."""
    return der.set_of(set(certificates), CONSTRUCTED_0) if certificates else b""


@functools.lru_cache(maxsize=16)
def digest_algorithm(algorithm: SignatureAlgorithm) -> bytes:
    """AlgorithmIdentifier of the digest, parameters absent (RFC 5754 section 2, RFC 9215 section 3)."""
    return der.sequence(der.oid(algorithm.digest.oid))


@functools.lru_cache(maxsize=32)
def signature_algorithm(algorithm: SignatureAlgorithm) -> bytes:
    """AlgorithmIdentifier of the signature (RFC 3370 section 3.2, RFC 4056 section 3, RFC 5753 section 2.1.1)."""
    if algorithm.padding == PSS:
        return der.sequence(der.oid(algorithm.oid), pss_parameters(algorithm.digest))
    return der.sequence(der.oid(algorithm.oid), der.NULL if algorithm.parameters_null else b"")


def pss_parameters(digest: DigestAlgorithm) -> bytes:
    """RSASSA-PSS-params (RFC 4055 section 3.1): the salt as long as the digest, MGF1 with the same digest, whose
    parameters are NULL as the identifiers of section 2.1 have it; trailerField is the default and left out."""
    hashing = der.sequence(der.oid(digest.oid), der.NULL)
    return der.sequence(
        der.tlv(0xA0, hashing),
        der.tlv(0xA1, der.sequence(der.oid(MGF1), hashing)),
        der.tlv(0xA2, der.integer(digest.size)),
    )


@functools.lru_cache(maxsize=32)
def issuer_and_serial(issuer: bytes, serial: int) -> bytes:
    return der.sequence(issuer, der.integer(serial))
