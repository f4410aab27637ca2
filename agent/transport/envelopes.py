"""What the extension wraps messages in, and how long ones are cut into chunks (PROTOCOL.md, "Native messaging")."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

import msgspec

from agent.api.messages import MAX_MESSAGE
from agent.errors import BadRequest, MessageTooLarge

CHUNK = 512 << 10  # bytes of an envelope's JSON that one chunk carries; longer envelopes are chunked
MAX_PAGE = 64  # characters of a page's name


class Chunk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    index: int
    last: bool
    data: str  # base64


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message of a page (`page`, `origin`, `top_frame`), of the extension itself (none of them), or a page's end."""

    message: msgspec.Raw = msgspec.Raw(b"")  # empty: none
    page: str | None = None
    origin: str | None = None
    top_frame: bool = True
    closed: bool = False


class _Frame(msgspec.Struct, frozen=True):
    chunk: Chunk | None = None


_frame_decoder = msgspec.json.Decoder(_Frame)
_envelope_decoder = msgspec.json.Decoder(Envelope)
_encoder = msgspec.json.Encoder()


class Unwrapper:
    """Envelopes out of frames; holds the one chunked envelope that is on its way."""

    def __init__(self) -> None:
        self._id = ""
        self._next = 0
        self._size = 0
        self._parts: list[bytes] = []

    def envelope(self, frame: bytes) -> Envelope | None:
        """The envelope of this frame; None where more chunks are to come. Raises BadRequest, MessageTooLarge."""
        try:
            chunk = _frame_decoder.decode(frame).chunk
            if chunk is None:
                return _checked(_envelope_decoder.decode(frame))
            whole = self._add(chunk)
            return None if whole is None else _checked(_envelope_decoder.decode(whole))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._forget()
            raise BadRequest(detail="malformed envelope") from error

    def _add(self, chunk: Chunk) -> bytes | None:
        if chunk.index == 0:
            self._forget()
            self._id = chunk.id
        if chunk.id != self._id or chunk.index != self._next:
            self._forget()
            raise BadRequest(detail="chunk out of order")
        try:
            part = base64.b64decode(chunk.data, validate=True)
        except (binascii.Error, ValueError) as error:
            self._forget()
            raise BadRequest(detail="chunk is not base64") from error
        self._size += len(part)
        if self._size > MAX_MESSAGE:
            self._forget()
            raise MessageTooLarge(limit=MAX_MESSAGE)
        self._parts.append(part)
        self._next += 1
        if not chunk.last:
            return None
        whole = b"".join(self._parts)
        self._forget()
        return whole

    def _forget(self) -> None:
        self._id, self._next, self._size, self._parts = "", 0, 0, []


def _checked(envelope: Envelope) -> Envelope:
    if envelope.page is not None and not 0 < len(envelope.page) <= MAX_PAGE:
        raise BadRequest(detail="page name")
    if not envelope.message and not (envelope.closed and envelope.page):
        raise BadRequest(detail="empty envelope")
    return envelope


def wrapped(message: bytes, page: str | None, chunk_id: str) -> Iterator[bytes]:
    """The frames' payloads that carry a message to a page, or to the extension itself."""
    value: dict[str, object] = {"message": msgspec.Raw(message)}
    if page is not None:
        value["page"] = page
    whole = _encoder.encode(value)
    if len(whole) <= CHUNK:
        yield whole
        return
    for index, start in enumerate(range(0, len(whole), CHUNK)):
        data = base64.b64encode(whole[start : start + CHUNK]).decode("ascii")
        last = start + CHUNK >= len(whole)
        yield _encoder.encode({"chunk": {"id": chunk_id, "index": index, "last": last, "data": data}})
