"""PEM (RFC 7468) and bare base64, as people mail them: sloppy about white space, strict about the rest."""

from __future__ import annotations

import base64
import binascii
import re

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 #]{1,64})-----(.*?)-----END \1-----", re.DOTALL)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def blocks(text: bytes, labels: frozenset[str]) -> tuple[bytes, ...]:
    """The contents of all blocks with one of these labels, in order. Raises ValueError for one that is no base64."""
    return tuple(from_base64(body) for label, body in _BLOCK.findall(text) if label.decode("ascii") in labels)


def from_base64(text: bytes) -> bytes:
    """Base64 of the standard alphabet with any ASCII white space in it. Raises ValueError."""
    try:
        return base64.b64decode(b"".join(text.removeprefix(_BYTE_ORDER_MARK).split()), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def is_armoured(text: bytes) -> bool:
    return b"-----BEGIN " in text
