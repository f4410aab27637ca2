"""CKA_ID and CKA_LABEL of objects to be written."""

from __future__ import annotations

import hashlib
from contextlib import suppress

from agent.errors import BadParameters, LabelUnsuitable

_ID_LIMIT = 64  # bytes
LABEL_LIMIT = 255  # bytes of UTF-8


def value_identifier(value: bytes) -> bytes:
    """CKA_ID of a key by its public value."""
    return hashlib.sha1(value, usedforsecurity=False).digest() if value else b""


def identifier(text: str) -> bytes:
    """CKA_ID out of hex. Raises BadParameters."""
    with suppress(ValueError):
        found = bytes.fromhex(text)
        if len(found) <= _ID_LIMIT:
            return found
    raise BadParameters(detail="id")


def check_label(label: str) -> None:
    """Raises LabelUnsuitable at what no token takes or no person can read."""
    if len(label.encode(errors="replace")) > LABEL_LIMIT or not label.isprintable():
        raise LabelUnsuitable(limit=LABEL_LIMIT)
