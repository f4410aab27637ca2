"""The search for stray copies of keys (R44): bounded in time and number, taken back at any moment, and read-only.

No link is followed, no folder entered twice (mounts may make loops), nothing that is no regular file is opened, and
file systems that may hang are left out (`places`). What cannot be read is counted and told.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from agent.care import kinds, places
from agent.care.kinds import Kind

MOST_FOUND = 500
MOST_FOLDERS = 500_000
MOST_TOLD = 20  # folders that are named besides
DEEPEST = 64  # folders in each other
LONGEST = 120.0  # seconds

Ended = Literal["", "time", "number", "cancelled"]
_FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FILE_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_FLAGS_WINDOWS = getattr(os, "O_BINARY", 0)
_PIECE = 1 << 20  # bytes


class Stray(msgspec.Struct, frozen=True):
    path: str  # absolute; octets that are no UTF-8 are replaced
    kind: Kind
    size: int  # bytes; of a folder 0
    changed: str  # UTC, ISO 8601 with Z
    open_to_others: bool  # by its mode: other users of the machine can read it


class Searched(msgspec.Struct, frozen=True):
    strays: tuple[Stray, ...]  # the worst kind first, then by path
    folders: int  # looked into
    files: int  # seen
    unread: int  # folders and files that could not be read
    unread_paths: tuple[str, ...]  # the first of them
    left_out: tuple[str, ...]  # file systems that are not local, or whose type is not known
    ended: Ended  # empty: all was looked at


class _Folder(NamedTuple):
    path: str
    depth: int


class Search:
    """One search. `run` blocks and belongs in a thread; `stop` may be called from any."""

    def __init__(
        self,
        roots: Sequence[str],
        *,
        mounted: Mapping[str, str] | None = None,
        without: Sequence[str] = (),  # folders that are not entered: those of Pero itself
        longest: float = LONGEST,
        most: int = MOST_FOUND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mounted = places.mounts() if mounted is None else mounted
        self._waiting = [_Folder(os.path.abspath(root), 0) for root in reversed(roots)]  # noqa: PTH100 - links stay
        self._without = frozenset(without)
        self.told: Callable[[int], None] = lambda folders: None  # after each folder, in the thread of the search
        self._end = clock() + longest
        self._most = most
        self._clock = clock
        self._stopped = threading.Event()
        self._seen = _identities(without)  # by whatever name, or mount, one comes there
        self._strays: dict[str, Stray] = {}
        self._folders = self._files = self._unread = 0
        self._unread_paths: list[str] = []
        self._left_out: list[str] = []

    def stop(self) -> None:
        self._stopped.set()

    @property
    def found(self) -> tuple[Stray, ...]:
        """What is found so far, in the order of finding."""
        return tuple(self._strays.copy().values())

    def run(self) -> Searched:
        self._leave_out_far_roots()
        ended: Ended = ""
        while self._waiting and not (ended := self._over()):
            self._look_into(self._waiting.pop())
            self.told(self._folders)
        order = {kind: number for number, kind in enumerate(kinds.KINDS)}
        return Searched(
            strays=tuple(sorted(self._strays.values(), key=lambda one: (order[one.kind], one.path))),
            folders=self._folders,
            files=self._files,
            unread=self._unread,
            unread_paths=tuple(self._unread_paths),
            left_out=tuple(dict.fromkeys(self._left_out)),
            ended=ended,
        )

    def _over(self) -> Ended:
        if self._stopped.is_set():
            return "cancelled"
        if self._clock() >= self._end:
            return "time"
        return "number" if len(self._strays) >= self._most or self._folders >= MOST_FOLDERS else ""

    def _leave_out_far_roots(self) -> None:
        kept = []
        for root in self._waiting:
            kind = places.lies_on(root.path, self._mounted) if self._mounted else ""
            if self._mounted and not places.is_local(kind):
                self._left_out.append(_told(root.path))
            elif not lies_in(root.path, self._without):
                kept.append(root)
        self._waiting = kept

    def _look_into(self, folder: _Folder) -> None:
        """Its own files, and its folders for later."""
        try:
            descriptor = _opened(folder.path)
        except OSError:
            self._cannot_read(folder.path)
            return
        try:
            if descriptor is not None and not self._is_new(descriptor):
                return
            self._folders += 1
            self._go_through(folder, descriptor)
        except OSError:
            self._cannot_read(folder.path)
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _go_through(self, folder: _Folder, descriptor: int | None) -> None:
        names = []
        with os.scandir(folder.path if descriptor is None else descriptor) as entries:
            for entry in _until(entries, self._over):
                path = os.path.join(folder.path, entry.name)  # noqa: PTH118 - entry.path is of the descriptor
                if entry.is_dir(follow_symlinks=False):
                    self._keep_for_later(path, folder.depth + 1)
                elif entry.is_file(follow_symlinks=False):
                    names.append(entry.name)
                    self._files += 1
                    if kinds.may_be(entry.name):
                        self._examine(path)
        own = os.path.basename(folder.path)  # noqa: PTH119
        if kinds.is_container(own, names):
            self._found(folder.path, "cryptopro", os.stat(folder.path, follow_symlinks=False))  # noqa: PTH116

    def _keep_for_later(self, path: str, depth: int) -> None:
        if path in self._without or depth > DEEPEST:
            return
        kind = self._mounted.get(path)
        if kind is not None and not places.is_local(kind):
            self._left_out.append(_told(path))
            return
        self._waiting.append(_Folder(path, depth))

    def _examine(self, path: str) -> None:
        try:
            found = examined(path)
        except OSError:
            self._cannot_read(path)
            return
        if found.kind is not None:
            self._found(path, found.kind, found.status)

    def _found(self, path: str, kind: Kind, status: os.stat_result) -> None:
        if len(self._strays) < self._most:
            self._strays[path] = stray(path, kind, status)

    def _is_new(self, descriptor: int) -> bool:
        status = os.fstat(descriptor)
        place = (status.st_dev, status.st_ino)
        new = place not in self._seen
        self._seen.add(place)
        return new

    def _cannot_read(self, path: str) -> None:
        self._unread += 1
        if len(self._unread_paths) < MOST_TOLD:
            self._unread_paths.append(_told(path))


class Examined(NamedTuple):
    """What a file is, and everything out of one look at it."""

    kind: Kind | None  # None: no copy of a key
    status: os.stat_result
    digest: str = ""  # SHA-256 in hex, of as many octets as were asked for


def examined(path: str, digested: int = 0) -> Examined:
    """Links are not followed, and nothing is waited for. `digested`: octets of which the digest is taken. Raises
    OSError."""
    descriptor = os.open(path, _FILE_FLAGS | _FLAGS_WINDOWS)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return Examined(None, status)
        kind = kinds.kind_of(path, file.read(kinds.HEAD) or b"")
        if kind is None or not digested:
            return Examined(kind, status)
        file.seek(0)
        digest, left = hashlib.sha256(), digested
        while left and (piece := file.read(min(left, _PIECE))):
            digest.update(piece)
            left -= len(piece)
        return Examined(kind, status, digest.hexdigest())


def lies_in(path: str, folders: Iterable[str]) -> bool:
    """Whether a path leads to or into one of the folders, by whatever links and names."""
    real = Path(os.path.realpath(path))
    return not _identities(folders).isdisjoint(_identities(map(str, (real, *real.parents))))


def _identities(folders: Iterable[str]) -> set[tuple[int, int]]:
    """Device and inode of those that are there."""
    found = set()
    for folder in folders:
        with contextlib.suppress(OSError, ValueError):
            status = os.stat(folder)  # noqa: PTH116 - names may be no UTF-8
            found.add((status.st_dev, status.st_ino))
    return found


def stray(path: str, kind: Kind, status: os.stat_result) -> Stray:
    changed = "1970-01-01T00:00:00Z"
    with contextlib.suppress(OverflowError, OSError, ValueError):  # a file system may say anything
        changed = f"{datetime.fromtimestamp(status.st_mtime, UTC):%Y-%m-%dT%H:%M:%SZ}"
    is_folder = stat.S_ISDIR(status.st_mode)
    return Stray(_told(path), kind, 0 if is_folder else status.st_size, changed, _is_shared(path, status.st_mode))


def _is_shared(path: str, mode: int) -> bool:
    """Whether the file's mode and those of the folders above let others read it."""
    if os.name != "posix" or not mode & (stat.S_IRGRP | stat.S_IROTH):
        return False
    with contextlib.suppress(OSError):
        return all(above.stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH) for above in Path(path).parents)
    return False


def _opened(path: str) -> int | None:
    """A folder that is no link; None where a system opens no folders. Raises OSError."""
    return os.open(path, _FOLDER_FLAGS) if os.name == "posix" else None


def _until(entries: Iterator[os.DirEntry[str]], over: Callable[[], Ended]) -> Iterator[os.DirEntry[str]]:
    """A folder of a million files is left too when the search is over."""
    for number, entry in enumerate(entries):
        if number % 256 == 255 and over():
            return
        yield entry


def _told(path: str) -> str:
    """As JSON can carry it."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
