"""What the window can show of a document: plain text, made safe, and pages and pictures, drawn in a limited process.
Other kinds are named and not shown."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator

from agent.algorithms import SHA256
from agent.consent.prompter import ShownDocument
from agent.model import Digest, Document, Streamed
from agent.pdf.drawing import draw
from agent.pdf.drawn import Drawing
from agent.texts.visible import visible

MAX_PREVIEW = 80_000  # bytes of the document whose text is shown
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")  # but not the ones of lines, pages and tabulators
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def shown(document: Document | Digest) -> ShownDocument:
    """The document as a window shows it; the digest shown is SHA-256 of the content, or the one that was given."""
    if isinstance(document, Streamed):
        return _streamed(document)
    if isinstance(document, Digest):
        return ShownDocument(
            name=document.name,
            media_type="",
            size=document.size,
            digest_algorithm=document.algorithm,
            digest=document.value.hex(),
            preview=None,
            preview_cut=False,
            digest_only=True,
        )
    preview = preview_text(document.content)
    return ShownDocument(
        name=document.name,
        media_type=document.media_type,
        size=len(document.content),
        digest_algorithm=SHA256.name,
        digest=hashlib.sha256(document.content).hexdigest(),
        preview=preview,
        preview_cut=preview is not None and len(document.content) > MAX_PREVIEW,
        digest_only=False,
    )


def _streamed(document: Streamed) -> ShownDocument:
    """Of a document that was read piece by piece the window shows the beginning, as of every other."""
    size = document.size or 0
    preview = preview_text(document.beginning, is_whole=size <= len(document.beginning))
    return ShownDocument(
        name=document.name,
        media_type=document.media_type,
        size=size,
        digest_algorithm=document.algorithm,
        digest=document.value.hex(),
        preview=preview,
        preview_cut=preview is not None and size > MAX_PREVIEW,
        digest_only=False,
    )


def preview_text(content: bytes, *, is_whole: bool = True) -> str | None:
    """The beginning of a text in UTF-8 or UTF-16 with a mark; None where it is not text. The type a page claims is
    not believed. `is_whole` False: `content` is itself a beginning, and may end inside a character."""
    head = content[:MAX_PREVIEW]
    encoding = next((name for bom, name in _BOMS if head.startswith(bom)), "utf-8")
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        text = decoder.decode(head, final=is_whole and len(head) == len(content))
    except UnicodeDecodeError:
        return None
    if "\0" in text or len(_CONTROLS.findall(text)) > len(text) // 100:
        return None
    return visible(text, keep="\n\t")


@contextlib.asynccontextmanager
async def being_drawn(document: Document | Digest, *, wanted: bool) -> AsyncIterator[asyncio.Task[tuple[Drawing, ...]]]:
    """The document's pages while something else is waited for; none where nobody wants them."""
    content = document.content if wanted and isinstance(document, Document) else b""
    task = asyncio.create_task(draw(content))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
