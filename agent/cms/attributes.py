"""Attributes of a SignerInfo (RFC 5652 section 11, RFC 5035, ETSI EN 319 122-1 clause 5).

Always: content-type (but in a counter-signature), message-digest, signing-time. CAdES: signing-certificate-v2 (clause
5.2.2.3) too. Asked for: the document's name as content-hints (5.2.4.1), the reason as commitment-type-indication
(5.2.3). Unsigned: signature-time-stamp (5.3), countersignature (5.2.7).
"""

from __future__ import annotations

import datetime
import functools

from agent.algorithms import SHA256, DigestAlgorithm, digest_for_certificate, new_digest
from agent.certificates import der
from agent.certificates.description import Description

CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
COUNTER_SIGNATURE = "1.2.840.113549.1.9.6"
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
CONTENT_HINTS = "1.2.840.113549.1.9.16.2.4"
COMMITMENT_TYPE = "1.2.840.113549.1.9.16.2.16"
SIGNATURE_TIMESTAMP = "1.2.840.113549.1.9.16.2.14"
DATA = "1.2.840.113549.1.7.1"
PROOF_OF_APPROVAL = "1.2.840.113549.1.9.16.6.5"  # the signer has approved the content (RFC 5126 section 5.11.1)
_DESCRIPTION = "2.5.4.13"  # id-at-description (RFC 4519 section 2.5): what the qualifier's text is

_GENERAL_NAME_DIRECTORY = 0xA4  # [4] EXPLICIT Name (RFC 5280 section 4.2.1.6)


def signed_attributes(
    content_digest: bytes,
    certificate: Description,
    signing_time: datetime.datetime | None,
    *,
    content_type: str | None = DATA,
    names_certificate: bool = True,
    name: str | None = None,
    media_type: str | None = None,
    reason: str | None = None,
) -> bytes:
    """The DER SET OF that is digested and signed (RFC 5652 section 5.4).

    `content_digest` is made with the digest algorithm of the signature over the content's octets. `signing_time` is
    aware, written in whole seconds; it is a claim of the signer's clock and no proof. None: left out, as in a PDF,
    where the claim stands beside the CMS (EN 319 142-1 clause 6.3). `content_type` None: of a counter-signature, which
    has none (section 11.4). `names_certificate` False: no signing-certificate-v2, so no CAdES.
    """
    found = [_attribute(MESSAGE_DIGEST, der.tlv(der.OCTET_STRING, content_digest))]
    if signing_time is not None:
        found.append(_attribute(SIGNING_TIME, der.time(signing_time)))
    if content_type is not None:
        found.append(_content_type(content_type))
    if names_certificate:
        found.append(_attribute(SIGNING_CERTIFICATE_V2, signing_certificate_value(certificate)))
    if name is not None:
        found.append(_content_hints(name, media_type, content_type or DATA))
    if reason is not None:
        found.append(_commitment(reason))
    return der.set_of(found)


def signature_timestamp(token: bytes) -> bytes:
    """The unsigned attribute for one TimeStampToken (EN 319 122-1 clause 5.3)."""
    return _attribute(SIGNATURE_TIMESTAMP, token)


def counter_signature(signer: bytes) -> bytes:
    """The unsigned attribute for one SignerInfo (RFC 5652 section 11.4); there may be several of them."""
    return _attribute(COUNTER_SIGNATURE, signer)


def _attribute(oid: str, value: bytes) -> bytes:
    return der.sequence(der.oid(oid), der.tlv(der.SET, value))


@functools.lru_cache(maxsize=8)
def _content_type(oid: str) -> bytes:
    return _attribute(CONTENT_TYPE, der.oid(oid))


def signing_certificate_value(certificate: Description) -> bytes:
    """SigningCertificateV2 (RFC 5035 section 3) with the one certificate."""
    digest = digest_for_certificate(certificate.key_type)
    return _signing_certificate(certificate.der, certificate.issuer_der, certificate.serial_number, digest)


@functools.lru_cache(maxsize=32)
def _signing_certificate(certificate: bytes, issuer: bytes, serial: int, digest: DigestAlgorithm) -> bytes:
    """SHA-256 is the default hash and left out, as DER wants."""
    hashing = b"" if digest == SHA256 else der.sequence(der.oid(digest.oid))
    names = der.sequence(der.tlv(_GENERAL_NAME_DIRECTORY, issuer))
    issuer_serial = der.sequence(names, der.integer(serial))
    value = new_digest(digest.name, certificate).digest()
    identifier = der.sequence(hashing, der.tlv(der.OCTET_STRING, value), issuer_serial)
    return der.sequence(der.sequence(identifier))


def _content_hints(name: str, media_type: str | None, content_type: str) -> bytes:
    """ContentHints (RFC 2634 section 2.9). EN 319 122-1 has the description say the data's format as a header of MIME
    does; the name is that header's parameter (RFC 2045 section 5.1, in UTF-8 by RFC 6532)."""
    quoted = "".join(f"\\{one}" if one in '"\\' else one for one in name if one.isprintable())
    header = f'Content-Type: {media_type or "application/octet-stream"}; name="{quoted}"'
    return _attribute(
        CONTENT_HINTS, der.sequence(der.tlv(der.UTF8_STRING, header.encode("utf-8", "replace")), der.oid(content_type))
    )


def _commitment(reason: str) -> bytes:
    """CommitmentTypeIndication (RFC 5126 section 5.11.1): approval, qualified by the signer's own words."""
    words = der.tlv(der.UTF8_STRING, reason.encode("utf-8", "replace"))
    qualifiers = der.sequence(der.sequence(der.oid(_DESCRIPTION), words))
    return _attribute(COMMITMENT_TYPE, der.sequence(der.oid(PROOF_OF_APPROVAL), qualifiers))
