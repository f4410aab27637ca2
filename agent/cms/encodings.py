"""The forms in which a signature travels: DER, PEM (RFC 7468 section 8), base64 in one line or in many."""

from __future__ import annotations

import base64
from typing import Literal

from agent.certificates import der, pem

Encoding = Literal["der", "pem", "base64", "base64_lines"]

_BEGINNING = bytes((der.SEQUENCE,))
_LINE = 64  # characters (RFC 7468 section 2)
_LABELS = frozenset({"CMS", "PKCS7", "PKCS #7 SIGNED DATA"})  # the last two by older programs


def encoded(value: bytes, encoding: Encoding) -> bytes:
    """DER in one of the forms. Texts are ASCII with lines that end in LF; `base64` is one line without an end."""
    if encoding == "der":
        return value
    text = base64.b64encode(value)
    if encoding == "base64":
        return text
    lines = b"".join(text[start : start + _LINE] + b"\n" for start in range(0, len(text), _LINE))
    return lines if encoding == "base64_lines" else b"-----BEGIN CMS-----\n" + lines + b"-----END CMS-----\n"


def decoded(given: bytes) -> bytes:
    """DER or BER out of whichever form it is. Raises ValueError for what is none of them, or several blocks of PEM."""
    found = (given,) if given[:1] == _BEGINNING else _from_text(given)
    if len(found) != 1 or found[0][:1] != _BEGINNING:
        raise ValueError("not one signature")
    return found[0]


def _from_text(given: bytes) -> tuple[bytes, ...]:
    return pem.blocks(given, _LABELS) if pem.is_armoured(given) else (pem.from_base64(given),)
