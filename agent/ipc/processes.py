"""What the system tells of a process of ours and of what it left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

_STATM = Path("/proc/self/statm")


def peak_memory() -> int:
    """The most bytes of memory that this process ever held (getrusage(2)), or the one that started it where that was
    more; 0 on Windows. Takes a microsecond."""
    if sys.platform == "win32":
        return 0
    import resource

    unit = 1 if sys.platform == "darwin" else 1 << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def memory() -> int:
    """Bytes of memory that this process holds now (Linux: proc(5), statm); elsewhere those of `peak_memory`."""
    if sys.platform != "linux":
        return peak_memory()
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def end_group(leader: int) -> None:
    """Kill what a process left in its own process group, once it is gone and has been waited for.

    A number of a group is given to no other process as long as the group has one (setpgid(2)): where a process has it,
    the group was empty. A daemon of a session of its own is in no group of ours and lives on, as its maker wants.
    """
    if sys.platform == "win32":
        return
    try:
        os.kill(leader, 0)
    except ProcessLookupError:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)
    except PermissionError:  # somebody else's by now
        pass
