"""Content of any size: read once in pieces, digested while it is read, and copied into its signature.

Memory does not grow with the content: two pieces are in flight, one being read and one being worked on. A file that
changes until it is signed is refused: by its size, the time of its last change and its inode. What these cannot show is
a change through a mapping that is not written back yet, or within the same tick of the file system's clock.

Of an attached signature that does not matter to whoever gets it. Read once, the octets that are digested are those that
are written, out of the same buffer, so the signature holds for what it carries; whether the file had these octets at
any one moment is what a single reading cannot show beyond the above. Read twice, the digest is compared.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, NamedTuple

from agent.algorithms import DigestAlgorithm, RunningDigest, new_digest
from agent.cms.stream import Around
from agent.errors import Cancelled, DigestTooSlow, FileChanged
from agent.model import Streamed
from agent.signing.preview import MAX_PREVIEW

PIECE = 1 << 20  # bytes
_LARGE_PIECE, _LARGE = (
    4 << 20,
    64 << 20,
)  # bytes; of what is so large in larger pieces: each is handed from thread to thread
_CACHED_PIECE = 256 << 10  # bytes; what was read is still in the processor's cache when it is digested and written
_QUICK = frozenset({"sha256", "sha384", "sha512"})  # digests that take no longer than a copy
_HEAD = 8 << 20  # bytes read first: more than a digest without a quick library takes, so that it is found at once

Told = Callable[[int, int], None]  # bytes done, of so many
Consumer = Callable[[memoryview], object]


def nobody(_done: int, _size: int) -> None:
    """Nobody wants to know how far it is."""


class Snapshot(NamedTuple):
    """What tells one state of a file from another."""

    device: int
    inode: int
    size: int  # bytes
    modified: int  # nanoseconds


def snapshot(status: os.stat_result) -> Snapshot:
    return Snapshot(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def check_unchanged(path: Path, before: Snapshot) -> None:
    """Raises FileChanged unless the same file stands at the path, as it was."""
    try:
        now = snapshot(path.stat())
    except OSError as error:
        raise FileChanged(path=str(path)) from error
    if now != before:
        raise FileChanged(path=str(path))


def read_streamed(
    path: Path,
    file: BinaryIO,
    algorithms: Sequence[DigestAlgorithm],
    *,
    insist: bool,
    given_up: threading.Event,
    told: Told = nobody,
    also: Sequence[Consumer] = (),
) -> Streamed:
    """The digests of an open file and its beginning. The first algorithm is the one that is shown.

    `insist`: every algorithm is needed; else what would take minutes is left out. `also` get the same pieces. Raises
    FileChanged, Cancelled, DigestTooSlow, OSError, and what those of `also` raise.
    """
    before = snapshot(os.fstat(file.fileno()))
    head = file.read(_HEAD)
    running = _running(head, algorithms, insist=insist)
    for consume in also:
        consume(memoryview(head))
    consumers = [*(one.update for one in running.values()), *also]
    way = pour_in_turn if also and len(running) == 1 and _QUICK.issuperset(running) else pour
    rest = way(file, consumers, len(head), before.size, given_up=given_up, told=told)
    if len(head) + rest != before.size:
        raise FileChanged(path=str(path))
    check_unchanged(path, before)
    first, *others = ((name, one.digest()) for name, one in running.items())
    return Streamed(
        path.name,
        *first,
        before.size,
        tuple(others),
        beginning=head[:MAX_PREVIEW],
        unchanged=lambda: check_unchanged(path, before),
    )


def _running(head: bytes, algorithms: Sequence[DigestAlgorithm], *, insist: bool) -> dict[str, RunningDigest]:
    """By name, of the beginning."""
    running = {}
    for algorithm in algorithms:
        try:
            running[algorithm.name] = new_digest(algorithm.name, head)
        except DigestTooSlow:
            if insist or len(algorithms) == 1:
                raise
    return running


def pour(
    file: BinaryIO,
    consumers: Sequence[Consumer],
    done: int,
    size: int,
    *,
    given_up: threading.Event | None = None,
    told: Told = nobody,
) -> int:
    """Hand the rest of a file to every consumer, piece by piece; how many bytes it were. `told` is told of `done` bytes
    before them, of `size`. The next piece is read while the last one is worked on, by a thread for each consumer.

    Raises Cancelled once `given_up` is set, and what reading or a consumer raises.
    """
    piece_size = _LARGE_PIECE if size >= _LARGE else PIECE
    buffers = (memoryview(bytearray(piece_size)), memoryview(bytearray(piece_size)))
    _read_ahead(file)
    taken = 0
    with ThreadPoolExecutor(max(1, len(consumers)), "pero-large") as threads:
        working: list[Future[object]] = []
        while got := _fill(file, buffers[0]):
            _wait(working)
            if given_up is not None and given_up.is_set():
                raise Cancelled()
            piece = buffers[0][:got]
            working = [threads.submit(consume, piece) for consume in consumers]
            buffers = (buffers[1], buffers[0])
            taken += got
            told(done + taken, size)
            if done + taken > size:  # it grows, perhaps without end
                break
        _wait(working)
    return taken


def pour_in_turn(
    file: BinaryIO,
    consumers: Sequence[Consumer],
    done: int,
    size: int,
    *,
    given_up: threading.Event | None = None,
    told: Told = nobody,
) -> int:
    """As `pour`, in this thread. Where the digest is quick the copies take the time, and what goes from thread to
    thread goes through memory: this takes half of the processor's time, and no longer."""
    buffer = memoryview(bytearray(_CACHED_PIECE))
    _read_ahead(file)
    taken = 0
    while got := _fill(file, buffer):
        if given_up is not None and given_up.is_set():
            raise Cancelled()
        for consume in consumers:
            consume(buffer[:got])
        taken += got
        told(done + taken, size)
        if done + taken > size:
            break
    return taken


def _fill(file: BinaryIO, buffer: memoryview) -> int:
    readinto: Callable[[memoryview], int] = file.readinto  # type: ignore[attr-defined]  # typeshed: not of BinaryIO
    return readinto(buffer)


def _read_ahead(file: BinaryIO) -> None:
    """Tell the system that all of it will be read, in order."""
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):  # of what is no file
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)


def _wait(working: Sequence[Future[object]]) -> None:
    for one in working:
        one.result()


class Content(NamedTuple):
    """What the content was when it was signed."""

    size: int  # bytes
    algorithm: str
    digest: bytes


def write_attached(
    source: BinaryIO,
    target: BinaryIO,
    surroundings: Around,
    content: Content,
    name: str,
    told: Told = nobody,
    given_up: threading.Event | None = None,
) -> None:
    """Write header, content, tail. Raises FileChanged where the content is not what was signed, Cancelled, OSError."""
    digest = new_digest(content.algorithm)
    target.write(surroundings.header)
    written = _Written(target, len(surroundings.header))
    way = pour_in_turn if content.algorithm in _QUICK else pour
    taken = way(source, (digest.update, written.add), 0, content.size, told=told, given_up=given_up)
    if taken != content.size or digest.digest() != content.digest:
        raise FileChanged(path=name)
    target.write(surroundings.tail)


class _Written:
    """A file that is on its way to the disk while it is written: what is left to wait for at its end is little."""

    def __init__(self, target: BinaryIO, at: int) -> None:
        self._target = target
        self._sent = SentOff(target.fileno(), at)

    def add(self, piece: memoryview) -> None:
        self._target.write(piece)
        self._target.flush()
        self._sent.add(len(piece))


class SentOff:
    """What was written to a file, from `at` on, is sent to the disk from time to time; nothing is waited for."""

    def __init__(self, descriptor: int, at: int) -> None:
        self._descriptor = descriptor
        self._at = at
        self._waiting = 0  # bytes

    def add(self, length: int) -> None:
        """So many bytes more were written."""
        self._waiting += length
        if self._waiting < _LARGE_PIECE:
            return
        if hasattr(os, "posix_fadvise"):
            with contextlib.suppress(OSError):  # of what is no file
                # Linux begins to write what is to be dropped from memory, and drops nothing that is not written yet.
                os.posix_fadvise(self._descriptor, self._at, self._waiting, os.POSIX_FADV_DONTNEED)
        self._at += self._waiting
        self._waiting = 0
