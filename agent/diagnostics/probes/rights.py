"""Which files others on this machine could read or write, by owner and mode, and whether we can. Nothing is opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

Room = Literal["room", "full", "read_only", "forbidden"]
LEAST = 1 << 20  # bytes that have to be free: a journal and its index grow by less in a day

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


def room(kept: Path) -> tuple[Path, Room]:
    """Whether something could be written where Pero keeps what it keeps, or in the folder in which that would be made,
    and that folder. Nothing is written: what a quota of this user forbids is not seen."""
    place = next((path for path in (kept, *kept.parents) if os.path.exists(path)), kept)  # noqa: PTH110 - Path.exists raises here
    try:
        system = os.statvfs(place)
    except OSError:
        return place, "forbidden"
    if system.f_flag & os.ST_RDONLY:
        return place, "read_only"
    if not os.access(place, os.W_OK | os.X_OK):
        return place, "forbidden"
    full = system.f_bavail * system.f_frsize < LEAST or (system.f_files > 0 and system.f_favail == 0)
    return place, "full" if full else "room"
