"""Files that settings name: a pipe or a device in their place is refused at once, and nothing is waited for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_WAIT_FOR_NOTHING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_WAIT_FOR_NOTHING |= getattr(os, "O_CLOEXEC", 0)


def open_regular(path: str | Path) -> BinaryIO:
    """A regular file, for reading. Raises OSError (EINVAL: something else), and ValueError for a NUL in the name."""
    _check(os.stat(path))  # noqa: PTH116 - opening a device may already do something
    descriptor = os.open(path, os.O_RDONLY | _WAIT_FOR_NOTHING)
    try:
        _check(os.fstat(descriptor))  # another one may stand there by now
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: str | Path, limit: int) -> bytes:
    """Its octets. Raises OSError (EFBIG: more than `limit` of them), ValueError."""
    with open_regular(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return content


def _check(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
