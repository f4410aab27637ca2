"""The icon as a process of its own (`python -m agent.desktop.tray.icon_main`), where there is no place for items on
the session bus: bare X11, Windows, macOS. pystray draws it there. Messages are lines of JSON on its standard input and
output: in: {"icon", "tooltip", "rows": [[label, action], ...]}, out: {"action"}.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping

from agent.desktop.tray.menu import Sight, rows
from agent.desktop.tray.status_item import Chosen

END = 2.0  # seconds that the process has to go away by itself
_COMMAND = ("-P", "-m", "agent.desktop.tray.icon_main")  # -P: never import from the folder that the agent runs in


class IconProcess:
    """A `Way`."""

    def __init__(self, process: asyncio.subprocess.Process, chosen: Chosen) -> None:
        self._process = process
        self._chosen = chosen
        self._listening = asyncio.create_task(self._listen())

    def show(self, sight: Sight) -> None:
        value = {
            "icon": sight.icon,
            "tooltip": sight.tooltip,
            "rows": [[row.label, row.action] for row in rows(sight)],
        }
        assert self._process.stdin  # noqa: S101 - a pipe
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._process.stdin.write(json.dumps(value).encode() + b"\n")

    async def ended(self) -> None:
        await asyncio.wait([self._listening])

    async def close(self) -> None:
        assert self._process.stdin  # noqa: S101 - a pipe
        self._process.stdin.close()
        try:
            async with asyncio.timeout(END):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._listening.cancel()

    async def _listen(self) -> None:
        assert self._process.stdout  # noqa: S101 - a pipe
        while line := await self._process.stdout.readline():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                self._chosen(str(json.loads(line)["action"]))
        await self._process.wait()


async def open_icon(sight: Sight, chosen: Chosen, environment: Mapping[str, str]) -> IconProcess | None:
    """None where no process can be started. One that finds no display ends by itself."""
    if sys.platform == "linux" and not environment.get("DISPLAY"):
        return None
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *_COMMAND,
            env=dict(environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # pystray complains there of desktops that show no icons
        )
    except OSError:
        return None
    return IconProcess(process, chosen)
