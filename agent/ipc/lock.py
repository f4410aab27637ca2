"""One process alone at a folder: a lock on a file in it, which the kernel lets go of when the process ends."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from agent.errors import AlreadyRunning, FileUnwritable


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock for as long as the block lasts. Raises AlreadyRunning, FileUnwritable."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise FileUnwritable(path=str(path), reason=error.strerror or "unwritable") from error
    try:
        try:
            _lock(descriptor)
        except OSError as error:
            raise AlreadyRunning() from error
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
