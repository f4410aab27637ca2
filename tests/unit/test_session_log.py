"""Events of the agent's log and the terminal of a command that has the agent's parts in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_COMMAND = """
import asyncio, logging, os
from agent.session import command_session
from agent.transport.client import PinChoice

async def main():
    async with command_session(dict(os.environ), PinChoice("window")):
        logging.getLogger("pero.timestamp").warning("timestamp_unavailable authority=%s reason=%s", "a", "b")

asyncio.run(main())
"""


def test_events_do_not_come_between_the_words_of_a_command(tmp_path: Path) -> None:
    """As "timestamp_unavailable authority=…" would before its error in words."""
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    environment = {**os.environ, "PERO_HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(run)}
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
