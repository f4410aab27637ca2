"""Files that a command names: opened once, and judged by what was opened."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from agent.errors import FileUnreadable

_WAIT_FOR_NOTHING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)


def open_file(path: Path) -> BinaryIO:
    """A regular file, for reading. Never waits: a pipe or a device is refused. Raises FileUnreadable."""
    try:
        _check(path, os.stat(path).st_mode)  # noqa: PTH116 - opening a device may already do something
        descriptor = os.open(path, os.O_RDONLY | _WAIT_FOR_NOTHING)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise unreadable(path, error) from error
    try:
        _check(path, os.fstat(descriptor).st_mode)  # another one may stand there by now
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _check(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise FileUnreadable(path=str(path), reason="not a file")


def unreadable(path: Path, error: OSError | ValueError) -> FileUnreadable:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return FileUnreadable(path=str(path), reason=reason or "unreadable")
