"""What every process of ours does first: no core dumps, and not readable by a debugger of the same user where asked."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NAME = 15


def harden(*, secret: bool) -> None:
    """Forbid core dumps; with `secret` (processes that see a PIN) also ptrace and /proc/PID/mem by the same user.

    Linux: setrlimit(2), prctl(2) PR_SET_DUMPABLE. macOS: core limit only. Windows: nothing is done here.
    """
    if sys.platform == "win32":
        return
    import resource

    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if secret and sys.platform == "linux":
        _prctl(_PR_SET_DUMPABLE, 0)


def limit_memory(size: int) -> None:
    """Let the system refuse this process more than so many bytes for its data (Linux: setrlimit(2), RLIMIT_DATA)."""
    if sys.platform != "linux":
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    if most == resource.RLIM_INFINITY or most > size:
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def die_with_parent() -> None:
    """Ask the kernel to end this process when its parent ends (Linux); elsewhere the end of the channel does it."""
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def be_called(name: str) -> None:
    """The process's name in lists of processes (Linux: prctl(2), 15 octets at most); elsewhere it keeps its own."""
    if sys.platform == "linux":
        _prctl(_PR_SET_NAME, ctypes.c_char_p(name.encode("ascii")))


def _prctl(option: int, value: int | ctypes.c_char_p) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
