"""Content that arrives in pieces: kept in a file that nobody else can open, and digested while it arrives.

The file has no name: it is unlinked as soon as it is open, so that the system frees it with the process, however that
ends. Where a system cannot do so, the name goes when the spool is closed, or by `sweep` when the agent starts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import threading
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path

from agent.algorithms import DigestAlgorithm, RunningDigest, new_digest
from agent.errors import BadParameters, DigestTooSlow, FileChanged, FileUnwritable, StorageFull, UploadUnknown
from agent.signing.large import PIECE
from agent.signing.preview import MAX_PREVIEW

_PREFIX = "upload-"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def sweep(folder: Path) -> None:
    """Remove what an agent left that was killed between making a file and unlinking it."""
    for path in folder.glob(_PREFIX + "*"):
        with contextlib.suppress(OSError):
            path.unlink()


class Spool:
    """`size` bytes in the making. Its methods block; they may be called from any thread, one after the other."""

    def __init__(self, folder: Path, name: str, size: int, algorithms: Iterable[DigestAlgorithm]) -> None:
        """Raises FileUnwritable. `folder` is ours alone; `name` is the document's, for errors."""
        self.name = name
        self.size = size
        self.received = 0
        self.beginning = b""
        self._running: dict[str, RunningDigest] = {one.name: new_digest(one.name) for one in algorithms}
        self._working = threading.Lock()
        self._gone = False
        self._file, self._path = _make(folder)

    @property
    def missing(self) -> int:
        """Bytes that are still to come."""
        return self.size - self.received

    def add(self, offset: int, piece: bytes | bytearray) -> int:
        """Take the next piece; how many bytes there are now. Raises BadParameters where it is not the next one or goes
        beyond the size; nothing is taken then. Raises StorageFull, UploadUnknown; the spool is of no use then."""
        with self._held():
            if offset != self.received:
                raise BadParameters(detail=f"offset {offset}, expected {self.received}")
            if len(piece) > self.missing:
                raise BadParameters(detail=f"more than {self.size} bytes")
            self._write(piece)
            for name in tuple(self._running):
                self._digest(name, piece)
            if len(self.beginning) < MAX_PREVIEW:
                self.beginning += bytes(piece[: MAX_PREVIEW - len(self.beginning)])
            self.received += len(piece)
            return self.received

    def digest(self, algorithm: DigestAlgorithm) -> bytes:
        """Of the whole content; read again where this digest was not made while it arrived. Raises DigestTooSlow."""
        with self._held():
            self._check_whole()
            if algorithm.name not in self._running:
                running = new_digest(algorithm.name)
                self._file.seek(0)
                while piece := self._file.read(PIECE):
                    running.update(piece)
                self._running[algorithm.name] = running
            return self._running[algorithm.name].digest()

    def content(self) -> bytes:
        """The whole; for what is small enough to be held."""
        return self.read(0, self.size)

    def read(self, offset: int, length: int) -> bytes:
        """So many bytes of the whole content, fewer at its end. Raises FileChanged where the disk lost some."""
        with self._held():
            self._check_whole()
            wanted = min(length, self.size - offset)
            self._file.seek(offset)
            parts = []
            while wanted:
                part = self._file.read(wanted)
                if not part:
                    raise FileChanged(path=self.name)
                parts.append(part)
                wanted -= len(part)
            return b"".join(parts)

    def close(self) -> None:
        """The content is gone. Never waits: a thread that works on it ends its piece and lets go."""
        self._gone = True
        if self._working.acquire(blocking=False):
            try:
                self._file.close()
                if self._path is not None:
                    self._path.unlink(missing_ok=True)
            finally:
                self._working.release()

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        try:
            with self._working:
                if self._gone:
                    raise UploadUnknown()
                yield
        finally:
            if self._gone:
                self.close()

    def _check_whole(self) -> None:
        if self.missing:
            raise BadParameters(detail=f"{self.received} of {self.size} bytes came")

    def _write(self, piece: bytes | bytearray) -> None:
        rest = memoryview(piece)
        try:
            self._file.seek(self.received)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            if error.errno in _FULL:
                raise StorageFull(limit=None) from error
            raise FileUnwritable(path=self.name, reason=error.strerror or "unwritable") from error

    def _digest(self, name: str, piece: bytes | bytearray) -> None:
        try:
            self._running[name].update(piece)
        except DigestTooSlow:
            del self._running[name]  # whoever needs it is told so then


def _make(folder: Path) -> tuple[FileIO, Path | None]:
    """An open file of mode 0600; with its name where that could not be taken away."""
    name = ""
    try:
        descriptor, name = tempfile.mkstemp(prefix=_PREFIX, dir=folder)
        file = FileIO(descriptor, "r+b")
    except OSError as error:
        raise FileUnwritable(path=str(folder), reason=error.strerror or "unwritable") from error
    try:
        os.unlink(name)  # noqa: PTH108 - a name from mkstemp
    except OSError:  # Windows: an open file keeps its name
        return file, Path(name)
    return file, None
