"""Documents that pages hand over in pieces, and what comes back so: each belongs to one page on one connection.

They live in spools (signing.large_spool), in number and size limited, and end with their page, when the agent stops,
or when room is needed and they were left alone for long. A ticket lets one HTTP request of the same origin take the
place of many messages.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from agent.algorithms import DigestAlgorithm, RunningDigest, new_digest
from agent.api.caller import Caller
from agent.cms.stream import Around
from agent.config import secure_folder
from agent.errors import BadParameters, Busy, FileChanged, FileUnwritable, StorageFull, UploadUnknown
from agent.signing.large_spool import Spool, sweep

MAX_OF_PAGE = 4  # uploads of one page at a time
MAX_OF_ORIGIN = 8
MAX_SIZE = 1 << 42  # bytes of one, whatever room there is
LEFT_ALONE = 600.0  # seconds after which an upload makes room for another one
TICKET_SECONDS = 60.0  # within which the HTTP request has to begin
KEPT_FREE = 256 << 20  # bytes of the disk that are left to others


class Upload:
    """One document. What it holds comes from the page; `surroundings` make it a download: an attached signature."""

    def __init__(self, owner: Caller, name: str, media_type: str, spool: Spool) -> None:
        self.identifier = secrets.token_hex(16)
        self.owner = owner
        self.name = name
        self.media_type = media_type
        self.spool = spool
        self.used = time.monotonic()
        self._order = asyncio.Lock()  # pieces are taken in the order in which they came
        self._surroundings: Around | None = None
        self._given = 0  # bytes of the download that were given out
        self._running: RunningDigest = new_digest("sha256")
        self._right = b""

    async def add(self, offset: int, piece: bytes | bytearray) -> int:
        """Raises what Spool.add raises."""
        async with self._order:
            self.used = time.monotonic()
            return await asyncio.to_thread(self.spool.add, offset, piece)

    def put_into(self, surroundings: Around, algorithm: str, digest: bytes) -> int:
        """It can be downloaded from now on, between header and tail; how many bytes that makes. The digest is of the
        content, and checked once more on the way out."""
        self._surroundings, self._given = surroundings, 0
        self._running, self._right = new_digest(algorithm), digest
        return self.whole

    @property
    def whole(self) -> int:
        """Bytes of the download. Raises UploadUnknown where there is none."""
        if self._surroundings is None:
            raise UploadUnknown()
        return len(self._surroundings.header) + self.spool.size + len(self._surroundings.tail)

    async def take(self, offset: int, length: int) -> bytes:
        """The next piece of the download. Raises BadParameters, UploadUnknown, FileChanged instead of the last one."""
        async with self._order:
            self.used = time.monotonic()
            whole = self.whole
            if offset != self._given or offset >= whole:
                raise BadParameters(detail=f"offset {offset}, expected {self._given} of {whole}")
            piece = await asyncio.to_thread(self._read, offset, min(length, whole - offset))
            self._given += len(piece)
            return piece

    def _read(self, offset: int, length: int) -> bytes:
        assert self._surroundings is not None  # noqa: S101 - `whole` was asked
        header, tail = self._surroundings
        begin, end = offset - len(header), offset + length - len(header)
        content = b""
        if begin < self.spool.size and end > 0:
            content = self.spool.read(max(begin, 0), min(end, self.spool.size) - max(begin, 0))
            self._running.update(content)
        if end > self.spool.size and self._running.digest() != self._right:
            raise FileChanged(path=self.name)
        return (
            header[offset : offset + length]
            + content
            + tail[max(begin - self.spool.size, 0) : max(end - self.spool.size, 0)]
        )


class _Ticket(NamedTuple):
    upload: Upload
    is_download: bool
    until: float  # monotonic seconds


class Uploads:
    """All of an agent. `limit`: bytes of one origin; all of them together may have twice as many."""

    def __init__(self, folder: Path, *, limit: int, free: Callable[[Path], int] | None = None) -> None:
        self._folder = folder
        self.limit = limit
        self._free = free or (lambda path: shutil.disk_usage(path).free - KEPT_FREE)
        self._open: dict[str, Upload] = {}
        self._tickets: dict[str, _Ticket] = {}
        sweep(folder)

    def begin(
        self, owner: Caller, name: str, media_type: str, size: int, algorithms: Iterable[DigestAlgorithm]
    ) -> Upload:
        """Raises Busy, StorageFull, StateUnsafe, FileUnwritable."""
        if owner.gone:
            raise UploadUnknown()
        self._make_room()
        self._check(owner, size)
        upload = Upload(owner, name, media_type, Spool(self._folder, name, size, algorithms))
        self._open[upload.identifier] = upload
        return upload

    def of(self, owner: Caller, identifier: str) -> Upload:
        """Raises UploadUnknown, also where it is another page's."""
        upload = self._open.get(identifier)
        if upload is None or upload.owner is not owner:
            raise UploadUnknown()
        return upload

    def drop(self, upload: Upload) -> None:
        if self._open.pop(upload.identifier, None) is not None:
            upload.spool.close()

    def forget(self, owner: Caller) -> None:
        """The page is gone, and all that it handed over."""
        for upload in [one for one in self._open.values() if one.owner is owner]:
            self.drop(upload)

    def close(self) -> None:
        for upload in list(self._open.values()):
            self.drop(upload)

    def ticket(self, upload: Upload, *, is_download: bool) -> str:
        """For one HTTP request of the same origin, soon."""
        now = time.monotonic()
        self._tickets = {token: one for token, one in self._tickets.items() if one.until > now}
        token = secrets.token_urlsafe(32)
        self._tickets[token] = _Ticket(upload, is_download, now + TICKET_SECONDS)
        return token

    def redeem(self, token: str, origin: str, *, is_download: bool) -> Upload | None:
        """What the ticket is for; it is of no use again. None where it is for nothing, or not for this origin."""
        ticket = self._ticket(token, origin, is_download)
        if ticket is None:
            return None
        del self._tickets[token]
        return ticket.upload

    def is_expected(self, token: str, origin: str, *, is_download: bool) -> bool:
        """Whether the ticket could be redeemed. Whoever asks has to know it."""
        return self._ticket(token, origin, is_download) is not None

    def _ticket(self, token: str, origin: str, is_download: bool) -> _Ticket | None:
        ticket = self._tickets.get(token)
        if ticket is None or ticket.is_download != is_download or ticket.until < time.monotonic():
            return None
        upload = ticket.upload
        return ticket if upload.owner.origin == origin and upload.identifier in self._open else None

    def _make_room(self) -> None:
        long_ago = time.monotonic() - LEFT_ALONE
        for upload in [one for one in self._open.values() if one.used < long_ago]:
            self.drop(upload)

    def _check(self, owner: Caller, size: int) -> None:
        everything = self._open.values()
        same_origin = [one for one in everything if one.owner.origin == owner.origin]
        if sum(one.owner is owner for one in same_origin) >= MAX_OF_PAGE:
            raise Busy(limit=MAX_OF_PAGE)
        if len(same_origin) >= MAX_OF_ORIGIN:
            raise Busy(limit=MAX_OF_ORIGIN)
        if sum(one.spool.size for one in same_origin) + size > self.limit:
            raise StorageFull(limit=self.limit)
        if sum(one.spool.size for one in everything) + size > 2 * self.limit:
            raise StorageFull(limit=2 * self.limit)
        secure_folder(self._folder)
        try:
            free = self._free(self._folder)
        except OSError as error:
            raise FileUnwritable(path=str(self._folder), reason=error.strerror or "unreachable") from error
        if sum(one.spool.missing for one in everything) + size > free:
            raise StorageFull(limit=None)
