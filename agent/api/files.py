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
    if not is_unicode(str(path)):
        raise unnameable(str(path))
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


def is_unicode(text: str) -> bool:
    """Whether the text can stand in a message, which is JSON in UTF-8; names of files may hold any octets."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def unnameable(path: str) -> FileUnreadable:
    """A file whose name is not UTF-8: nobody can be told of it but with its octets written out."""
    shown = path.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return FileUnreadable(path=shown, reason="the name is not UTF-8")


def unreadable(path: Path, error: OSError | ValueError) -> FileUnreadable:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return FileUnreadable(path=str(path), reason=reason or "unreadable")
