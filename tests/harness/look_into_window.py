"""Run without capabilities: starts an ordinary process and a window, and tries to read the memory maps of both."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from agent.desktop.messages import ShowConnection
from agent.desktop.window_process import open_window
from tests.harness import prompts


def look(process: int) -> str:
    try:
        with Path(f"/proc/{process}/maps").open("rb") as maps:
            return "readable" if maps.read(1) else "empty"
    except PermissionError:
        return "forbidden"


async def main() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as control:
        print("control:", look(control.pid))
        control.terminate()
    async with open_window(ShowConnection(prompts.connection()), os.environ) as window:
        print("window:", look(window._process.pid))


asyncio.run(main())
