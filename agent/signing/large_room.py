"""Large content written where its signature will stand, while it is read for the first time.

A command hands over an empty file without a name, in the folder of its target; the content goes behind room for a
header whose length is foreseen. So it is read and digested once, and a full disk is found before anybody is asked for
a PIN. The command writes header and tail, and gives the file its name; where the length was foreseen wrong it begins
anew.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterator

from agent.algorithms import DigestAlgorithm
from agent.cms.stream import foreseen_header
from agent.errors import BadParameters, Cancelled, FileUnwritable
from agent.signing.large import Consumer, SentOff, Snapshot, snapshot


class Room:
    """A descriptor of its own, closed by `leave`, or by the thread that writes then.

    Nothing but an empty regular file that has no name is written to.
    """

    def __init__(self, descriptor: int, document: int) -> None:
        """`document`: what may be written there, open for reading. Raises BadParameters, OSError where no more
        descriptors can be had."""
        if not _is_readable(document):
            raise BadParameters(detail="the document is not open for reading")
        self._document = snapshot(os.fstat(document))
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink or status.st_size:
            raise BadParameters(detail="the room is no empty file without a name")
        self.at: int | None = None  # bytes before the content; None: none was written
        self._descriptor = os.dup(descriptor)
        self._using = threading.Lock()
        self._is_used = self._is_left = False

    def is_for(self, document: Snapshot) -> bool:
        """Whether it is the command's document: a program that the system keeps from a file is given nothing of it
        before the person agrees."""
        return document == self._document

    def leave(self) -> None:
        """Nobody will begin to write any more. Once."""
        with self._using:
            self._is_left = True
            if not self._is_used:
                os.close(self._descriptor)

    @contextlib.contextmanager
    def writing(self, digest: DigestAlgorithm, size: int) -> Iterator[Consumer]:
        """For a thread, once: takes the pieces of the content, and raises FileUnwritable with an empty path, since only
        the command knows the name. Raises Cancelled where it was left."""
        with self._using:
            if self._is_left:
                raise Cancelled()
            self._is_used = True
        try:
            self.at = foreseen_header(digest, size)
            yield _Writing(self._descriptor, self.at).add
        finally:
            self._end()

    def _end(self) -> None:
        with self._using:
            self._is_used = False
            if self._is_left:
                os.close(self._descriptor)


def _is_readable(descriptor: int) -> bool:
    import fcntl  # not everywhere, as files without a name

    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    return not flags & os.O_PATH and flags & os.O_ACCMODE != os.O_WRONLY


class _Writing:
    def __init__(self, descriptor: int, at: int) -> None:
        self._descriptor = descriptor
        self._at = at
        self._sent = SentOff(descriptor, at)

    def add(self, piece: memoryview) -> None:
        try:
            while piece:
                written = os.pwrite(self._descriptor, piece, self._at)
                self._sent.add(written)
                self._at += written
                piece = piece[written:]
        except OSError as error:
            raise FileUnwritable(path="", reason=error.strerror or str(error)) from error
