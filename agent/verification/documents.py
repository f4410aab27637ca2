"""A signature of any format: found out by how it begins, and judged by what knows it."""

from __future__ import annotations

import codecs
import datetime
from collections.abc import Sequence

from agent.verification.content import Content, whole
from agent.verification.procedure import verify
from agent.verification.report import Report

_PDF = b"%PDF-"
_LOOKED_AT = 1024  # octets in which readers look for it (ISO 32000-1 annex H.3.4.1)
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SEQUENCE = b"\x30"
_XML = (b"<", b"\0<", b"<\0")


def is_pdf(signature: bytes) -> bool:
    """A CMS may have one in it."""
    return _PDF in signature[:_LOOKED_AT] and not is_xml(signature) and not signature.startswith(_SEQUENCE)


def is_xml(signature: bytes) -> bool:
    """No CMS begins so, nor its base64 or PEM."""
    start = signature[:_LOOKED_AT]
    for mark in _MARKS:
        start = start.removeprefix(mark)
    return start.lstrip(b" \t\r\n").startswith(_XML)


def verify_any(
    signature: bytes, content: Content | None, anchors: Sequence[bytes] | None, now: datetime.datetime
) -> Report:
    """As `procedure.verify`, and for a PDF or XML document that has its signatures inside. `content` is not looked at
    for a PDF, which is signed as a whole. Raises FileUnreadable, DigestTooSlow, DocumentEncrypted, DocumentTooComplex,
    DocumentTooLarge, XmlUnsafe."""
    if is_xml(signature):
        from agent.verification.xml_signatures import verify_xml

        return verify_xml(signature, whole(content) if content is not None else None, anchors, now)
    if is_pdf(signature):
        from agent.verification.pdf_signatures import verify_pdf

        return verify_pdf(signature, anchors, now)
    return verify(signature, content, anchors, now)
