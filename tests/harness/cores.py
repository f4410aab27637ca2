"""A folder in which processes that crash leave their cores, where the kernel writes such files at all."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

_PATTERN = Path("/proc/sys/kernel/core_pattern")
_CONTROL = "import os, signal; secret = b'in memory ' * 9; os.kill(os.getpid(), signal.SIGSEGV)"


@contextmanager
def cores(folder: Path) -> Iterator[Path]:
    """What is started in the block may leave cores as large as they come, and leaves them here; a program that is not
    ours does, with its secret in it. Where the kernel puts cores elsewhere only limits can be looked at."""
    folder.mkdir()
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        with chdir(folder):
            subprocess.run([sys.executable, "-c", _CONTROL], check=False)
            left = list(folder.iterdir())
            assert bool(left) == (_PATTERN.read_text().strip() == "core" and before[1] != 0)
            for path in left:
                assert b"in memory " * 9 in path.read_bytes()
                path.unlink()
            yield folder
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


def may_leave_one(process: int) -> bool:
    """By /proc/PID/limits, soft and hard."""
    lines = Path(f"/proc/{process}/limits").read_text().splitlines()
    return next(line for line in lines if line.startswith("Max core file size")).split()[4:6] != ["0", "0"]
