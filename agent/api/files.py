"""Files that a command names: opened once, and judged by what was opened.

What stands in /proc and /dev is another thing for each process that looks (/dev/fd/3, /proc/self/environ): whoever
named it did not mean ours, and may not be able to see ours.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from agent.errors import FileUnreadable

_WAIT_FOR_NOTHING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_EACH_ITS_OWN = ("/proc/", "/dev/fd/", "/dev/std")
_DELETED = " (deleted)"  # proc(5): behind the name of what has none any more


def open_file(path: Path) -> BinaryIO:
    """A regular file with a name, for reading. Never waits: a pipe or a device is refused. Raises FileUnreadable."""
    if not is_unicode(str(path)):
        raise unnameable(str(path))
    try:
        if os.path.abspath(path).startswith(_EACH_ITS_OWN):  # noqa: PTH100 - links stay
            raise _not_a_file(path)
        _check(path, os.stat(path).st_mode)  # noqa: PTH116 - opening a device may already do something
        descriptor = os.open(path, os.O_RDONLY | _WAIT_FOR_NOTHING)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise unreadable(path, error) from error
    try:
        status = os.fstat(descriptor)
        _check(path, status.st_mode)  # another one may stand there by now
        if _is_somebodys_own(descriptor, status):
            raise _not_a_file(path)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _check(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise _not_a_file(path)


def _not_a_file(path: Path) -> FileUnreadable:
    return FileUnreadable(path=str(path), reason="not a file")


def _is_somebodys_own(descriptor: int, status: os.stat_result) -> bool:
    """Whether a link led into /proc: to what it tells of this process, or to a file without a name that we hold."""
    try:
        proc, root = os.stat("/proc").st_dev, os.stat("/").st_dev  # noqa: PTH116 - as the rest of this
        if status.st_dev == proc != root:  # the same: nothing is mounted there
            return True
        return not status.st_nlink and os.readlink(f"/proc/self/fd/{descriptor}").endswith(_DELETED)  # noqa: PTH115
    except OSError:  # a system without /proc
        return False


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
