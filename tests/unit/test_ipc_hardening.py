"""What our processes do first, seen from the kernel."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import ctypes, resource
from agent.ipc.hardening import die_with_parent, harden
harden(secret={secret})
die_with_parent()
system = ctypes.CDLL(None)
number = ctypes.c_int()
system.prctl(2, ctypes.byref(number), 0, 0, 0)
print(resource.getrlimit(resource.RLIMIT_CORE), system.prctl(3, 0, 0, 0, 0), number.value)
"""


@pytest.mark.parametrize(("secret", "dumpable"), [(True, 0), (False, 1)])
def test_no_core_is_written_and_a_process_with_a_pin_cannot_be_read(secret: bool, dumpable: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(secret=secret)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["(0,", "0)", str(dumpable), "9"]
