"""Which files others on this machine could read or write, by owner and mode. Nothing is opened."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

_SHARED = 0o077
_MOST = 1000  # entries that are looked at


def exposed(kept: Path, programs: Path) -> Iterator[tuple[Path, int]]:
    """The folder of what is kept, closed to others as a whole, or what in it is not; and programs open to others.

    Yields paths and permission bits. Where the folder itself is closed nothing in it can be reached.
    """
    mode = _mode(kept)
    if mode is not None and mode & _SHARED:
        yield kept, mode
        for number, path in enumerate(sorted(kept.rglob("*"))):
            inner = _mode(path)
            if number < _MOST and inner is not None and inner & _SHARED:
                yield path, inner
    for number, path in enumerate((programs, *sorted(programs.rglob("*.py")))):
        inner = _mode(path)
        if number < _MOST and inner is not None and inner & 0o002:
            yield path, inner


def _mode(path: Path) -> int | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return None if stat.S_ISLNK(status.st_mode) else stat.S_IMODE(status.st_mode)
