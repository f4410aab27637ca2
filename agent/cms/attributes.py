"""Signed attributes of a SignerInfo (RFC 5652 section 11, RFC 5035; together CAdES-BES, ETSI EN 319 122-1)."""

from __future__ import annotations

import datetime
import functools

from agent.algorithms import SHA256, DigestAlgorithm, digest_for_certificate, new_digest
from agent.certificates import der
from agent.certificates.description import Description

CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
DATA = "1.2.840.113549.1.7.1"

_GENERAL_NAME_DIRECTORY = 0xA4  # [4] EXPLICIT Name (RFC 5280 section 4.2.1.6)


def signed_attributes(content_digest: bytes, certificate: Description, signing_time: datetime.datetime) -> bytes:
    """The DER SET OF that is digested and signed (RFC 5652 section 5.4).

    `content_digest` is made with the digest algorithm of the signature over the content's octets. `signing_time` is
    aware, written in whole seconds; it is a claim of the signer's clock and no proof.
    """
    return der.set_of(
        (
            _CONTENT_TYPE_DATA,
            _attribute(MESSAGE_DIGEST, der.tlv(der.OCTET_STRING, content_digest)),
            _attribute(SIGNING_TIME, der.time(signing_time)),
            _signing_certificate(
                certificate.der,
                certificate.issuer_der,
                certificate.serial_number,
                digest_for_certificate(certificate.key_type),
            ),
        )
    )


def _attribute(oid: str, value: bytes) -> bytes:
    return der.sequence(der.oid(oid), der.tlv(der.SET, value))


_CONTENT_TYPE_DATA = _attribute(CONTENT_TYPE, der.oid(DATA))


@functools.lru_cache(maxsize=32)
def _signing_certificate(certificate: bytes, issuer: bytes, serial: int, digest: DigestAlgorithm) -> bytes:
    """SigningCertificateV2 (RFC 5035 section 3): SHA-256 is the default hash and left out, as DER wants."""
    hashing = b"" if digest == SHA256 else der.sequence(der.oid(digest.oid))
    names = der.sequence(der.tlv(_GENERAL_NAME_DIRECTORY, issuer))
    issuer_serial = der.sequence(names, der.integer(serial))
    value = new_digest(digest.name, certificate).digest()
    identifier = der.sequence(hashing, der.tlv(der.OCTET_STRING, value), issuer_serial)
    return _attribute(SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(identifier)))
