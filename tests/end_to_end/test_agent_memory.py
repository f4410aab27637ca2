"""What a program of the same user can read of the agent: nothing of its memory (R34)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.harness import browsers

_LOOK = """
import subprocess, sys

def look(command, wait_for_line):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    if wait_for_line:
        process.stdout.readline()
    try:
        open(f"/proc/{process.pid}/mem", "rb").close()
        return "readable"
    except PermissionError:
        return "forbidden"
    finally:
        process.terminate()
        process.communicate()

print(look(["cat"], False), look([sys.argv[1], "run"], True))
"""


def test_the_memory_of_the_agent_cannot_be_read(tmp_path: Path) -> None:
    # Root may read every process: what an ordinary user may is seen without capabilities.
    unprivileged = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    pero = str(Path(sys.executable).with_name("pero"))
    done = subprocess.run(
        [*unprivileged, sys.executable, "-c", _LOOK, pero],
        env=browsers.private_environment(tmp_path, PERO_HOME=str(tmp_path / "pero")),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["readable", "forbidden"], done.stderr
