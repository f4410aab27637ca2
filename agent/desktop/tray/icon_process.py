"""The icon as a process of its own (`python -m agent.desktop.tray.icon_main`), where there is no place for items on
the session bus: bare X11, Windows, macOS. pystray draws it there. Messages are lines of JSON on its standard input and
output. In: {"icon", "tooltip", "rows": [[label, action], ...]} or {"notify": [title, body]}; out: {"action"}, or
{"shown", "notifies"}: whether somebody shows the icon, and whether notifications can be shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent.desktop.tray.menu import Sight, rows
from agent.desktop.tray.status_item import Chosen

END = 2.0  # seconds that the process has to go away by itself
_COMMAND = ("-P", "-m", "agent.desktop.tray.icon_main")  # -P: never import from the folder that the agent runs in
_X_SOCKETS = Path("/tmp/.X11-unix")  # noqa: S108 - where X servers listen


class IconProcess:
    """`changed` is called when `shown` would say something else."""

    def __init__(self, process: asyncio.subprocess.Process, chosen: Chosen, changed: Callable[[], None]) -> None:
        self._process = process
        self._chosen = chosen
        self._changed = changed
        self.shown = False  # somebody shows the icon
        self.notifies = False  # notifications can be shown this way
        self._listening = asyncio.create_task(self._listen())

    def show(self, sight: Sight) -> None:
        self._tell(
            {"icon": sight.icon, "tooltip": sight.tooltip, "rows": [[row.label, row.action] for row in rows(sight)]}
        )

    def notify(self, title: str, body: str) -> bool:
        """Whether it was handed on."""
        if self.notifies:
            self._tell({"notify": [title, body]})
        return self.notifies

    async def ended(self) -> int:
        """Wait until the process is gone; its exit status."""
        await asyncio.wait([self._listening])
        return await self._process.wait()

    async def close(self) -> None:
        assert self._process.stdin  # noqa: S101 - a pipe
        self._process.stdin.close()
        try:
            async with asyncio.timeout(END):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._listening.cancel()

    def _tell(self, value: dict[str, Any]) -> None:
        assert self._process.stdin  # noqa: S101 - a pipe
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._process.stdin.write(json.dumps(value).encode() + b"\n")

    async def _listen(self) -> None:
        assert self._process.stdout  # noqa: S101 - a pipe
        while line := await self._process.stdout.readline():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                self._hear(json.loads(line))
        await self._process.wait()

    def _hear(self, said: dict[str, Any]) -> None:
        if "shown" in said:
            self.shown = bool(said["shown"])
            self.notifies = bool(said.get("notifies"))
            self._changed()
        else:
            self._chosen(str(said["action"]))


def display_stands(environment: Mapping[str, str]) -> bool:
    """Whether an icon might be shown: a process would find out too, but takes longer. Only an X server of this machine
    is knocked at, by its socket."""
    if sys.platform != "linux":
        return True
    display = environment.get("DISPLAY", "")
    host, _, number = display.rpartition(":")
    number = number.split(".")[0]
    if host not in ("", "unix") or not number.isdigit():
        return bool(display)
    name = str(_X_SOCKETS / f"X{number}")
    return any(_listens(address) for address in (f"\0{name}", name))


def _listens(address: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
        knocking.settimeout(0)  # a server that is too busy to take it stands all the same
        try:
            knocking.connect(address)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True


async def open_icon(
    sight: Sight, chosen: Chosen, changed: Callable[[], None], environment: Mapping[str, str]
) -> IconProcess | None:
    """None where no process can be started. One that finds no display ends by itself."""
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
    icon = IconProcess(process, chosen, changed)
    icon.show(sight)
    return icon
