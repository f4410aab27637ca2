"""Certificates as authorities publish those of their issuers: DER, PEM, or a CMS without signatures (RFC 5280 section
4.2.2.1)."""

from __future__ import annotations

from agent.certificates import der, pem

_LABELS = frozenset({"CERTIFICATE", "PKCS7", "CMS"})
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_CONSTRUCTED_0 = 0xA0
MAX_BUNDLE = 1 << 20  # octets
_MAX_CERTIFICATES = 32


def certificates(content: bytes) -> tuple[bytes, ...]:
    """DER, not looked into. Raises ValueError."""
    blocks = pem.blocks(content, _LABELS) if pem.is_armoured(content) else (content,)
    return tuple(one for block in blocks for one in _of(block))[:_MAX_CERTIFICATES]


def _of(encoded: bytes) -> list[bytes]:
    whole = der.read(encoded)
    first, *rest = whole.children()
    if first.tag != der.OBJECT_IDENTIFIER:
        return [whole.whole]
    if der.dotted(first) != _SIGNED_DATA or not rest:
        raise ValueError("content type")
    (body,) = rest[0].children()
    sets = [part for part in body.children() if part.tag == _CONSTRUCTED_0]
    return [one.whole for part in sets for one in part.children() if one.tag == der.SEQUENCE]
