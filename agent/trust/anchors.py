"""Trust anchors: certificates that the person says to trust. None are built in, none are taken from the system."""

from __future__ import annotations

from agent.certificates import pem
from agent.certificates.description import describe
from agent.errors import CertificateDamaged

_LABELS = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})


def read_anchors(content: bytes) -> tuple[bytes, ...]:
    """DER of the certificates in a PEM file (one or more), or the one of a DER file. Raises CertificateDamaged."""
    try:
        found = pem.blocks(content, _LABELS) if pem.is_armoured(content) else (content,)
    except ValueError as error:
        raise CertificateDamaged(detail="base64") from error
    if not found:
        raise CertificateDamaged(detail="no certificate")
    return tuple(describe(der).der for der in found)
