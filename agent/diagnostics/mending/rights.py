"""The way to administrator rights: pkexec where there is a desktop, sudo at a terminal, neither where we have them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from agent.diagnostics.mending.base import Command
from agent.errors import MendFailed, RightsRefused

SECONDS = 300.0  # for one command, the person's typing of a password included
_FOLDERS = ("/usr/bin", "/bin", "/usr/sbin", "/sbin")  # of programs, never those of the person's PATH
_PASSED_ON = ("LANG", "LC_ALL", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "TERM",
              "DBUS_SESSION_BUS_ADDRESS")  # fmt: skip
_DISMISSED, _NOT_AUTHORISED = 126, 127  # of pkexec(1)


class Elevation:
    """`terminal`: whether somebody can be asked for a password there."""

    def __init__(
        self, environment: Mapping[str, str], *, terminal: bool, user: int, folders: tuple[str, ...] = _FOLDERS
    ) -> None:
        self._environment = environment
        self._terminal = terminal
        self._user = user
        self._folders = folders

    def line(self, command: Command) -> tuple[str, ...] | None:
        name, *rest = command.words
        program, before = self._program(name), self._before()
        return None if program is None or before is None else (*before, program, *rest)

    async def run(self, command: Command) -> None:
        line = self.line(command)
        if line is None:
            raise RightsRefused(program="pkexec, sudo")
        environment = {name: self._environment[name] for name in _PASSED_ON if name in self._environment}
        process = await asyncio.create_subprocess_exec(
            *line,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            env={**environment, "PATH": ":".join(self._folders)},
        )
        try:
            async with asyncio.timeout(SECONDS):
                await process.communicate(command.given)
        except TimeoutError as error:
            raise MendFailed(step=command.words[0], reason="timeout") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(PermissionError):  # it runs as the administrator by now, and ends by itself
                    process.kill()
                    await process.wait()
        name = Path(line[0]).name
        if process.returncode in (_DISMISSED, _NOT_AUTHORISED) and name == "pkexec":
            raise RightsRefused(program=name)
        if process.returncode:
            raise MendFailed(step=command.words[0], reason=f"exit status {process.returncode}")

    def _before(self) -> tuple[str, ...] | None:
        """What stands before a command to give it rights; None: nothing does."""
        if self._user == 0:
            return ()
        pkexec, sudo = self._program("pkexec"), self._program("sudo")
        desktop = any(self._environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
        if pkexec and desktop:
            return (pkexec,)
        if sudo and self._terminal:
            return (sudo, "--")
        return None

    def _program(self, name: str) -> str | None:
        found = (os.path.join(folder, name) for folder in self._folders)  # noqa: PTH118
        return next((path for path in found if os.access(path, os.X_OK)), None)


def elevation(environment: Mapping[str, str]) -> Elevation:
    """That of this process."""
    user = os.getuid() if hasattr(os, "getuid") else -1
    return Elevation(environment, terminal=sys.stdin is not None and sys.stdin.isatty(), user=user)
