"""ContentInfo with SignedData for one signer (RFC 5652 sections 3 and 5), written from prepared DER parts."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from agent.algorithms import SignatureAlgorithm
from agent.certificates import der
from agent.certificates.description import Description
from agent.cms.attributes import DATA

SIGNED_DATA = "1.2.840.113549.1.7.2"

_VERSION_1 = der.integer(1)  # of SignedData: id-data, one signer by issuer and serial; of SignerInfo: issuer and serial
_CONSTRUCTED_0 = 0xA0


def signed_data(
    *,
    attributes: bytes,
    signature: bytes,
    algorithm: SignatureAlgorithm,
    certificate: Description,
    chain: Sequence[bytes] = (),
    content: bytes | None = None,
) -> bytes:
    """The DER of a ContentInfo. `content` None makes a detached signature; empty content is content.

    `attributes` is the SET OF of `signed_attributes`, `signature` the value over it: for RSA the octets as they are,
    for ECDSA the DER of Ecdsa-Sig-Value (RFC 5753 section 2.1.1), for GOST s and r, big-endian. `chain` is DER of
    further certificates. The content is copied once, into the result.
    """
    digest = digest_algorithm(algorithm)
    signer = der.sequence(
        _VERSION_1,
        _issuer_and_serial(certificate.issuer_der, certificate.serial_number),
        digest,
        bytes((_CONSTRUCTED_0,)) + attributes[1:],  # [0] IMPLICIT in place of SET OF
        signature_algorithm(algorithm),
        der.tlv(der.OCTET_STRING, signature),
    )
    before = (_VERSION_1, der.tlv(der.SET, digest))
    after = (_certificates((certificate.der, *chain)), der.tlv(der.SET, signer))
    return _content_info(before, content, after)


def _content_info(before: Sequence[bytes], content: bytes | None, after: Sequence[bytes]) -> bytes:
    """Every header is computed from sizes, so that a large content is copied only by the one join."""
    type_of_content = der.oid(DATA)
    headers: list[bytes] = []
    size = len(type_of_content)
    if content is not None:
        octets = der.header(der.OCTET_STRING, len(content))
        explicit = der.header(_CONSTRUCTED_0, len(octets) + len(content))
        headers = [explicit, octets, content]
        size += sum(map(len, headers))
    encapsulated = (der.header(der.SEQUENCE, size), type_of_content, *headers)
    inside = (*before, *encapsulated, *after)
    size = sum(map(len, inside))
    body = der.header(der.SEQUENCE, size)
    explicit = der.header(_CONSTRUCTED_0, len(body) + size)
    type_of_info = der.oid(SIGNED_DATA)
    outermost = der.header(der.SEQUENCE, len(type_of_info) + len(explicit) + len(body) + size)
    return b"".join((outermost, type_of_info, explicit, body, *inside))


@functools.lru_cache(maxsize=16)
def digest_algorithm(algorithm: SignatureAlgorithm) -> bytes:
    """AlgorithmIdentifier of the digest, parameters absent (RFC 5754 section 2, RFC 9215 section 3)."""
    return der.sequence(der.oid(algorithm.digest.oid))


@functools.lru_cache(maxsize=16)
def signature_algorithm(algorithm: SignatureAlgorithm) -> bytes:
    """AlgorithmIdentifier of the signature (RFC 3370 section 3.2, RFC 5753 section 2.1.1)."""
    return der.sequence(der.oid(algorithm.oid), der.NULL if algorithm.parameters_null else b"")


@functools.lru_cache(maxsize=32)
def _issuer_and_serial(issuer: bytes, serial: int) -> bytes:
    return der.sequence(issuer, der.integer(serial))


@functools.lru_cache(maxsize=32)
def _certificates(certificates: tuple[bytes, ...]) -> bytes:
    """CertificateSet, [0] IMPLICIT SET OF, each certificate once."""
    return der.set_of(set(certificates), _CONSTRUCTED_0)
