"""Certificates in files, as authorities hand them out: DER, PEM, base64 alone, and .p7b."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

from agent.api.files import open_file, unreadable
from agent.certificates import pem
from agent.certificates.description import describe
from agent.cms.existing import read_existing
from agent.errors import (
    CertificateAmbiguous,
    CertificateDamaged,
    DocumentTooLarge,
    ExistingUnsupported,
    SignatureDamaged,
)
from agent.tokens.public_key import public_key

MAX_CERTIFICATE = 1 << 20  # bytes
MAX_CHAIN = 32  # certificates that come with one
_LABELS = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
_SEQUENCE = b"\x30"
_LINE = 64  # characters of a line of PEM (RFC 7468 section 2)


def read_certificates(file: Path) -> tuple[bytes, ...]:
    """DER of the certificates in a file: of the first where it is DER, PEM or base64 alone, of all in a .p7b (the
    certificates of a SignedData, RFC 5652 section 5.1).

    Raises FileUnreadable, DocumentTooLarge, CertificateDamaged.
    """
    with open_file(file) as opened:
        try:
            content = opened.read(MAX_CERTIFICATE + 1)
        except OSError as error:
            raise unreadable(file, error) from error
    if len(content) > MAX_CERTIFICATE:
        raise DocumentTooLarge(limit=MAX_CERTIFICATE)
    with contextlib.suppress(SignatureDamaged, ExistingUnsupported):
        found = tuple(one for one in read_existing(content).data.certificates if one.startswith(_SEQUENCE))
        if not found:
            raise CertificateDamaged(detail="no certificate in it")
        return found
    if content.startswith(_SEQUENCE):
        return (content,)
    try:
        found = pem.blocks(content, _LABELS) if pem.is_armoured(content) else (pem.from_base64(content),)
    except ValueError as error:
        raise CertificateDamaged(detail="not base64") from error
    if not found:
        raise CertificateDamaged(detail="no certificate in it")
    return found[:1]


def fitting(certificates: Sequence[bytes], keys: Collection[str]) -> bytes:
    """The one whose key is among `keys` (SHA-256 of their values, hex), or the only one that is no authority's.

    Raises CertificateAmbiguous, CertificateDamaged.
    """
    if len(certificates) == 1:
        return certificates[0]
    try:
        found = [der for der in certificates if hashlib.sha256(public_key(der).value).hexdigest() in keys]
    except ValueError as error:
        raise CertificateDamaged(detail="no public key in it") from error
    chosen = found or [der for der in certificates if not describe(der).is_authority]
    if len(chosen) != 1:
        raise CertificateAmbiguous(count=len(chosen))
    return chosen[0]


def in_pem(der_base64: str, label: str) -> bytes:
    """RFC 7468: DER, given in base64, between lines with this label."""
    lines = [der_base64[start : start + _LINE] for start in range(0, len(der_base64), _LINE)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode("ascii")
