"""The documents of a batch as a page names them: in the message, as digests, or within what it handed over before."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import msgspec

from agent.algorithms import DigestAlgorithm, RunningDigest, new_digest
from agent.api.caller import Caller
from agent.api.contents import MAX_WHOLE, digests_for
from agent.api.messages import binary
from agent.api.services import Services
from agent.api.uploads import Upload
from agent.errors import BadParameters, DigestTooSlow, DocumentTooLarge, PeroError
from agent.model import Digest, Document, Streamed
from agent.signing.batch_request import BatchRequest, Unread
from agent.signing.large import PIECE
from agent.signing.options import CMS_FORMATS
from agent.signing.preview import MAX_PREVIEW

MAX_NAME = 512  # characters of a document's name: the names of all stand in one message to the window
MAX_HELD = 4 * MAX_WHOLE  # bytes of all documents of a batch that are held
Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
UploadId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
Offset = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]


class DocumentParameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    content: str | None = None  # base64
    media_type: Annotated[str, msgspec.Meta(max_length=255)] = "application/octet-stream"
    digest: str | None = None  # base64; in place of the content
    size: Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)] | None = None  # bytes of what the digest is of, or of a part
    upload: UploadId | None = None  # in place of the content: the whole of it, or
    offset: Offset | None = None  # the part of it that begins here and has `size` bytes


Given = Document | Digest | Unread | DocumentParameter


def in_message(given: DocumentParameter, algorithm: str | None) -> Given:
    """What the message itself says of a document; one that was handed over before is left as it is, to be read when its
    turn comes. One that is malformed does not stop the others."""
    try:
        if [given.content, given.digest, given.upload].count(None) != 2:
            raise BadParameters(detail="one of content, digest and upload is needed")
        if given.upload is not None:
            return given
        if given.content is not None:
            return Document(given.name, binary(given.content, "content"), given.media_type)
        if algorithm is None:
            raise BadParameters(detail="digest_algorithm says what the digests are")
        return Digest(given.name, algorithm, binary(given.digest or "", "digest"), given.size)
    except PeroError as error:
        return Unread(given.name, error)


async def documents_of(
    services: Services, caller: Caller, given: Sequence[Given], request: BatchRequest
) -> tuple[Document | Digest | Unread, ...]:
    """With those that were handed over. Raises UploadUnknown, AlgorithmUnsupported, and BadParameters where parts of an
    upload overlap, so that nobody has the same octets read over and over."""
    _check_parts(services, caller, given)
    algorithms: tuple[DigestAlgorithm, ...] = ()
    if any(isinstance(one, DocumentParameter) for one in given):
        algorithms = await digests_for(services, request.certificate, request.digest_algorithm)
    found: list[Document | Digest | Unread] = []
    held = 0
    for one in given:
        if not isinstance(one, DocumentParameter):
            found.append(one)
            continue
        try:
            upload = services.uploads.of(caller, one.upload or "")
            document = await _uploaded(upload, one, request, algorithms, MAX_HELD - held)
        except PeroError as error:
            found.append(Unread(one.name, error))
            continue
        held += len(document.content) if isinstance(document, Document) else 0
        found.append(document)
    return tuple(found)


def _check_parts(services: Services, caller: Caller, given: Sequence[Given]) -> None:
    asked: Counter[str] = Counter()
    for one in given:
        if isinstance(one, DocumentParameter) and one.upload is not None:
            whole = services.uploads.of(caller, one.upload).spool.size
            asked[one.upload] += max(whole if one.offset is None else one.size or 0, 1)
            if asked[one.upload] > whole + len(given):
                raise BadParameters(detail="parts of an upload overlap")


async def _uploaded(
    upload: Upload,
    given: DocumentParameter,
    request: BatchRequest,
    algorithms: Sequence[DigestAlgorithm],
    room: int,
) -> Document | Streamed:
    """Held whole only where the format needs it, and there is `room` (bytes).

    Raises BadParameters, UploadUnknown, FileChanged, DocumentTooLarge, DigestTooSlow.
    """
    offset, size = _place(upload, given)
    if request.options.format not in CMS_FORMATS or request.attached:
        if size > min(room, MAX_WHOLE):
            raise DocumentTooLarge(limit=MAX_WHOLE if size > MAX_WHOLE else MAX_HELD)
        return Document(given.name, await asyncio.to_thread(upload.spool.read, offset, size), given.media_type)
    running = {one.name: new_digest(one.name) for one in algorithms}
    beginning = b""
    for at in range(offset, offset + size, PIECE):
        upload.used = time.monotonic()
        piece = await asyncio.to_thread(upload.spool.read, at, min(PIECE, offset + size - at))
        beginning = beginning or piece[:MAX_PREVIEW]
        await asyncio.to_thread(_digest, running, piece)
    first, *others = ((name, one.digest()) for name, one in running.items())
    return Streamed(given.name, *first, size, tuple(others), beginning=beginning, media_type=given.media_type)


def _place(upload: Upload, given: DocumentParameter) -> tuple[int, int]:
    """Where it begins, and how many bytes it has. Raises BadParameters."""
    if upload.spool.missing:
        raise BadParameters(detail=f"{upload.spool.received} of {upload.spool.size} bytes came")
    if given.offset is None:
        return 0, upload.spool.size
    if given.size is None or given.offset + given.size > upload.spool.size:
        raise BadParameters(detail="the part is not within its upload")
    return given.offset, given.size


def _digest(running: dict[str, RunningDigest], piece: bytes) -> None:
    """What would take minutes is left out, unless it is the only one. Raises DigestTooSlow."""
    for name in tuple(running):
        try:
            running[name].update(piece)
        except DigestTooSlow:
            if len(running) == 1:
                raise
            del running[name]
