"""What is signed to sign in to a site: a content type of its own, bound to the site, its challenge and the time.

No page can have a document signed as a sign-in, since it chooses nothing but the octets of its nonce, which stand in
base64; and none can have a sign-in made by `sign`, whose content type, which is signed, is another one. Documents that
are made like a sign-in are refused on top of that; of a bare digest nobody can tell.
"""

from __future__ import annotations

import base64
import codecs
import json
from datetime import datetime

from agent.errors import BadParameters
from agent.model import Digest, Document, Streamed

# Under 2.25 (ITU-T X.667) for the UUID 7a0d1f6e-3c52-4b8e-9d3a-52ce11f0a7b4, which stands for this and nothing else.
CONTENT_TYPE = "2.25.162233952833384868339038071724688058292"
MARK = "pero:sign-in"  # the first member of the content
VERSION = 1
MIN_NONCE, MAX_NONCE = 16, 512  # octets
MAX_AUDIENCE = 1024  # characters
MEDIA_TYPE = "application/json"

_LARGEST = 64 << 10  # octets; a content is never so large, nor is what would be taken for one
_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def content(origin: str, audience: str | None, nonce: bytes, moment: datetime) -> bytes:
    """JSON in UTF-8, its members always in this order, without spaces.

    `audience`: an address of the origin; None: the origin itself. Raises BadParameters.
    """
    if not MIN_NONCE <= len(nonce) <= MAX_NONCE:
        raise BadParameters(detail=f"nonce is not of {MIN_NONCE} to {MAX_NONCE} octets")
    if audience is not None and audience != origin and not audience.startswith(origin + "/"):
        raise BadParameters(detail="audience is not an address of the origin")
    members = {
        MARK: VERSION,
        "origin": origin,
        "audience": origin if audience is None else audience,
        "nonce": base64.b64encode(nonce).decode("ascii"),
        "issued_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
    }
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def check_document(document: Document | Digest) -> None:
    """Raises BadParameters where a document is made like a sign-in, in whatever encoding of Unicode."""
    content = document.content if isinstance(document, Document) else b""
    if isinstance(document, Streamed):
        content = document.beginning
    if len(content) <= _LARGEST and _is_like(content):
        raise BadParameters(detail="the document is made like a sign-in")


def _is_like(content: bytes) -> bool:
    for bom in _BOMS:
        content = content.removeprefix(bom)
    text = content.replace(b"\0", b"").strip()  # ASCII out of UTF-16 and UTF-32
    if not text.startswith(b"{"):
        return False
    if MARK.encode() in text:
        return True
    try:  # written with escapes
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and MARK in value
