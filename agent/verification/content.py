"""The content that was signed, digested in a stream."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from agent.algorithms import RunningDigest, new_digest
from agent.certificates import der
from agent.cms.attributes import CONTENT_TYPE, MESSAGE_DIGEST
from agent.errors import DocumentTooLarge, FileUnreadable

Content: TypeAlias = bytes | Path

_PIECE = 1 << 20  # bytes
MAX_WHOLE = 256 << 20  # bytes of a document that an XML signature beside it is of
_LARGEST_ATTRIBUTES = 1 << 24  # bytes; content beyond is no set of attributes


def digests(content: Content, algorithms: Iterable[str]) -> dict[str, bytes]:
    """The digests of the content by name of algorithm, in one pass. Raises FileUnreadable, DigestTooSlow."""
    running = {name: new_digest(name) for name in algorithms}
    if isinstance(content, bytes):
        for one in running.values():
            one.update(content)
    elif running:
        _read(content, list(running.values()))
    return {name: one.digest() for name, one in running.items()}


def whole(content: Content) -> bytes:
    """All of it, which must not be large. Raises FileUnreadable, DocumentTooLarge."""
    if isinstance(content, bytes):
        return content
    try:
        with content.open("rb") as file:
            octets = file.read(MAX_WHOLE + 1)
    except OSError as error:
        raise FileUnreadable(path=str(content), reason=error.strerror or "unreadable") from error
    if len(octets) > MAX_WHOLE:
        raise DocumentTooLarge(limit=MAX_WHOLE)
    return octets


def _read(path: Path, running: list[RunningDigest]) -> None:
    try:
        with path.open("rb", buffering=0) as file:
            piece = bytearray(_PIECE)
            view = memoryview(piece)
            while size := file.readinto(piece):
                for one in running:
                    one.update(view[:size])
    except OSError as error:
        raise FileUnreadable(path=str(path), reason=error.strerror or "unreadable") from error


def looks_like_attributes(content: Content) -> bool:
    """Whether the content could be the signed attributes of another signature by the same key.

    A signature with attributes is one over the DER of those attributes; taken apart, it is a right signature without
    attributes over that DER as content. Nobody signs such a document, so the like is refused.
    """
    try:
        element = der.read(_beginning(content))
        if element.tag != der.SET or element.end != len(element.source):
            return False
        kinds = {next(one.children()).whole for one in element.children() if one.tag == der.SEQUENCE}
    except (ValueError, StopIteration):
        return False
    return {der.oid(CONTENT_TYPE), der.oid(MESSAGE_DIGEST)} <= kinds


def _beginning(content: Content) -> bytes:
    if isinstance(content, bytes):
        return content[:_LARGEST_ATTRIBUTES]
    try:
        with content.open("rb") as file:
            first = file.read(1)
            return first + file.read(_LARGEST_ATTRIBUTES) if first == bytes((der.SET,)) else first
    except OSError as error:
        raise FileUnreadable(path=str(content), reason=error.strerror or "unreadable") from error
